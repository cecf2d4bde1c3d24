// SPDX-License-Identifier: MIT
//
// Tier 2: threads of this process that make calls by trap, so that memory, descriptors and
// credentials are the submitter's. Three kinds: a fixed number of threads, a number that grows with
// the work and shrinks when it is gone, and none at all (inline, for tests and for programs that
// may not have threads). Workers block every signal that can be blocked; what a call sends to its own
// thread is taken back and handed on with the result.
#pragma once

#include <pthread.h>

#include <condition_variable>
#include <deque>
#include <mutex>
#include <vector>

#include "ksvc/concepts.h"
#include "ksvc/trap.h"

namespace ksvc {

struct PoolLimits {
    unsigned least = 0;   // threads that stay when idle
    unsigned most = 32;   // calls that may block at the same time
    std::chrono::milliseconds idle{500};  // after which a thread above `least` leaves
};

// The machinery of both threaded pools. Destruction waits for calls that have started: end what
// blocks (close, shutdown, cancel) before.
class ThreadPool {
public:
    static constexpr bool kIsInline = false;
    explicit ThreadPool(PoolLimits limits) : limits_(limits) {}
    ~ThreadPool();
    ThreadPool(const ThreadPool&) = delete;
    ThreadPool& operator=(const ThreadPool&) = delete;

    bool run(const Entry& entry, uint64_t token, FinishedPort& port);
    // Takes calls with this token that have not started out of the queue; says how many.
    unsigned cancel(uint64_t token, FinishedPort& port);
    unsigned thread_count() const;

private:
    struct Job {
        Entry entry;
        uint64_t token;
        FinishedPort* port;
    };
    static void* thread_main(void* self);
    void work();
    bool add_thread_locked();

    PoolLimits limits_;
    mutable std::mutex lock_;
    std::condition_variable has_work_;
    std::condition_variable has_left_;
    std::deque<Job> jobs_;
    unsigned idle_ = 0;
    unsigned threads_ = 0;
    bool is_ending_ = false;
};

class FixedPool : public ThreadPool {
public:
    explicit FixedPool(unsigned threads = 4)
        : ThreadPool({.least = threads, .most = threads, .idle = {}}) {}
};

class GrowingPool : public ThreadPool {
public:
    explicit GrowingPool(PoolLimits limits = {}) : ThreadPool(limits) {}
};

class InlinePool {
public:
    static constexpr bool kIsInline = true;
    bool run(const Entry& entry, uint64_t token, FinishedPort& port) {
        port.finished(port, token, trap(entry), 0);
        return true;
    }
    unsigned cancel(uint64_t, FinishedPort&) { return 0; }
    unsigned thread_count() const { return 0; }
};

static_assert(WorkerPool<FixedPool> && WorkerPool<GrowingPool> && WorkerPool<InlinePool>);

}  // namespace ksvc
