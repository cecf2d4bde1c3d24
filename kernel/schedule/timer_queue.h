// SPDX-License-Identifier: MIT
//
// One CPU's timers in the order of their deadlines, and what the hardware timer is armed for.
#pragma once

#include <atomic>
#include <cstdint>

#include <boost/intrusive/set.hpp>

#include "kernel/schedule/patience.h"
#include "kernel/schedule/timer.h"
#include "kernel/sync/spin_lock.h"

namespace gyre {

class TimerQueue {
public:
    // Calls what is due; on the queue's own CPU with interrupts off.
    void run_due(int64_t now_ns);
    bool is_firing(const Timer& timer) const { return firing_.load(std::memory_order_acquire) == &timer; }

    // Arms the hardware for the moment unless it will fire earlier anyway. Own CPU, interrupts off.
    void want_interrupt_at(int64_t moment_ns);
    // After an interrupt, which is spent: arms for the first timer or `other_moment_ns`.
    void rearm(int64_t other_moment_ns);

private:
    friend class Timer;
    struct Order {
        bool operator()(const Timer& a, const Timer& b) const { return a.deadline_ns() < b.deadline_ns(); }
    };
    using Tree = boost::intrusive::multiset<
        Timer, boost::intrusive::member_hook<Timer, boost::intrusive::set_member_hook<>, &Timer::hook>,
        boost::intrusive::compare<Order>, boost::intrusive::constant_time_size<false>>;

    SpinLock lock_{LockRank::TimerQueue};
    Tree tree_;
    std::atomic<Timer*> firing_{nullptr};
    int64_t armed_for_ns_ = kNeverNs;  // own CPU only
};

}  // namespace gyre
