// SPDX-License-Identifier: MIT
//
// notify() first makes the finished work visible (its caller has), then looks whether the owner
// sleeps; the owner first says that it sleeps, then looks for work once more. Both by sequentially
// consistent accesses, so at least one of the two sees the other: no wake-up is lost.
#include "ksvc/notifier.h"

#include <linux/futex.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include <cerrno>

#include "ksvc/trap.h"

namespace ksvc {
namespace {

timespec to_timespec(std::chrono::nanoseconds time) {
    return {.tv_sec = time.count() / 1'000'000'000, .tv_nsec = time.count() % 1'000'000'000};
}

}  // namespace

EventfdNotifier::EventfdNotifier() : fd_(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {
    if (fd_ < 0) error_ = errno;
}

EventfdNotifier::~EventfdNotifier() {
    if (fd_ >= 0) ::close(fd_);
}

void EventfdNotifier::notify() {
    if (!is_sleeping_.load() && !is_always_.load()) return;
    const uint64_t one = 1;
    // EAGAIN means the counter is at its end: whoever sleeps is being woken already.
    (void)!::write(fd_, &one, sizeof one);
}

void EventfdNotifier::finish_sleep() {
    is_sleeping_.store(false);
    uint64_t count;
    (void)!::read(fd_, &count, sizeof count);
}

bool EventfdNotifier::wait(Patience patience) {
    pollfd descriptor{.fd = fd_, .events = POLLIN, .revents = 0};
    timespec time{};
    if (patience) time = to_timespec(*patience);
    return ::ppoll(&descriptor, 1, patience ? &time : nullptr, nullptr) > 0;
}

void FutexNotifier::notify() {
    word_.fetch_add(1);
    if (!is_sleeping_.load()) return;
    trap(SYS_futex, reinterpret_cast<uint64_t>(&word_), FUTEX_WAKE_PRIVATE, 1);
}

bool FutexNotifier::wait(Patience patience) {
    timespec time{};
    if (patience) time = to_timespec(*patience);
    const int64_t result = trap(SYS_futex, reinterpret_cast<uint64_t>(&word_), FUTEX_WAIT_PRIVATE, seen_,
                                reinterpret_cast<uint64_t>(patience ? &time : nullptr));
    return result == 0 || result == -EAGAIN;  // EAGAIN: the word has moved already
}

}  // namespace ksvc
