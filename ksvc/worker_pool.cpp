// SPDX-License-Identifier: MIT
//
// One queue under one lock: a call by a worker costs two thread switches anyway, and a lock that is
// held for a few instructions is not what one would see of it.
#include "ksvc/worker_pool.h"

#include <signal.h>

#include <algorithm>
#include <cerrno>

namespace ksvc {
namespace {

// The signal that this thread's call has sent to it, which is blocked here and so pending.
int signal_of(int64_t result) {
    if (result != -EPIPE && result != -EFBIG) [[likely]] return 0;
    sigset_t sent;
    sigemptyset(&sent);
    sigaddset(&sent, result == -EPIPE ? SIGPIPE : SIGXFSZ);
    const timespec now{};
    return std::max(::sigtimedwait(&sent, nullptr, &now), 0);
}

}  // namespace

ThreadPool::~ThreadPool() {
    std::unique_lock guard(lock_);
    is_ending_ = true;
    has_work_.notify_all();
    has_left_.wait(guard, [this] { return threads_ == 0; });
}

unsigned ThreadPool::thread_count() const {
    std::lock_guard guard(lock_);
    return threads_;
}

bool ThreadPool::run(const Entry& entry, uint64_t token, FinishedPort& port) {
    std::lock_guard guard(lock_);
    // A call that waits for another one in the queue would hang a pool that is too small, so every
    // waiting job has a thread of its own as long as the limit allows.
    if (jobs_.size() >= idle_ && threads_ < limits_.most && !add_thread_locked() && threads_ == 0) return false;
    jobs_.push_back({entry, token, &port});
    has_work_.notify_one();
    return true;
}

unsigned ThreadPool::cancel(uint64_t token, FinishedPort& port) {
    std::lock_guard guard(lock_);
    return static_cast<unsigned>(
        std::erase_if(jobs_, [&](const Job& job) { return job.token == token && job.port == &port; }));
}

bool ThreadPool::add_thread_locked() {
    // Signals are for the program's own threads (pthread_create hands the mask down).
    sigset_t all;
    sigset_t before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    pthread_t thread;
    const int error = pthread_create(&thread, nullptr, &thread_main, this);
    pthread_sigmask(SIG_SETMASK, &before, nullptr);
    if (error != 0) return false;
    pthread_detach(thread);
    ++threads_;
    return true;
}

void* ThreadPool::thread_main(void* self) {
    static_cast<ThreadPool*>(self)->work();
    return nullptr;
}

void ThreadPool::work() {
    std::unique_lock guard(lock_);
    while (true) {
        if (jobs_.empty()) {
            if (is_ending_) break;
            ++idle_;
            bool has_job = true;
            if (threads_ > limits_.least) {
                has_job = has_work_.wait_for(guard, limits_.idle, [this] { return !jobs_.empty() || is_ending_; });
            } else {
                has_work_.wait(guard, [this] { return !jobs_.empty() || is_ending_; });
            }
            --idle_;
            if (!has_job && threads_ > limits_.least) break;
            continue;
        }
        const Job job = jobs_.front();
        jobs_.pop_front();
        guard.unlock();
        const int64_t result = trap(job.entry);
        job.port->finished(*job.port, job.token, result, signal_of(result));
        guard.lock();
    }
    --threads_;
    has_left_.notify_all();  // under the lock: the pool may be gone once it is free
}

}  // namespace ksvc
