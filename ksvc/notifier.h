// SPDX-License-Identifier: MIT
//
// Two ways to wake the owner of an instance: an eventfd, which can be polled beside other
// descriptors and watched by io_uring, and a futex, which needs no descriptor.
#pragma once

#include <atomic>

#include "ksvc/concepts.h"

namespace ksvc {

class EventfdNotifier {
public:
    static constexpr bool kIsPollable = true;
    EventfdNotifier();  // fd() is -1 where the process has no descriptor left; see error()
    ~EventfdNotifier();
    EventfdNotifier(const EventfdNotifier&) = delete;
    EventfdNotifier& operator=(const EventfdNotifier&) = delete;

    void notify();
    void prepare_sleep() { is_sleeping_.store(true); }
    void finish_sleep();
    bool wait(Patience patience);
    int fd() const { return fd_; }
    int error() const { return error_; }
    // From now on every notify() writes, for a program that polls fd() itself.
    void notify_always() { is_always_ = true; }

private:
    int fd_ = -1;
    int error_ = 0;
    std::atomic<bool> is_sleeping_{false};
    std::atomic<bool> is_always_{false};
};

class FutexNotifier {
public:
    static constexpr bool kIsPollable = false;
    void notify();
    void prepare_sleep() { seen_ = word_.load(); is_sleeping_.store(true); }
    void finish_sleep() { is_sleeping_.store(false); }
    bool wait(Patience patience);
    int fd() const { return -1; }
    int error() const { return 0; }
    void notify_always() {}

private:
    std::atomic<uint32_t> word_{0};
    std::atomic<bool> is_sleeping_{false};
    uint32_t seen_ = 0;
};

}  // namespace ksvc
