// SPDX-License-Identifier: MIT
//
// One CPU's queue of threads that want to run, and its timers. Real-time threads wait in a list per priority with a bitmap
// over the lists; normal ones in a tree ordered by virtual run time, which grows slower the larger a thread's weight is
// (sched(7), the nice levels of Linux). All members of RunQueue need its lock held; no CPU holds two queues' locks.
#pragma once

#include <array>
#include <cstdint>

#include <boost/intrusive/list.hpp>
#include <boost/intrusive/set.hpp>

#include "kernel/schedule/cpu.h"
#include "kernel/schedule/thread.h"
#include "kernel/schedule/timer_queue.h"
#include "kernel/sync/spin_lock.h"

namespace gyre {

constexpr int64_t kFairSliceNs = 4'000'000;           // how long a normal thread runs while others wait
constexpr int64_t kWakePreemptionNs = 1'000'000;      // how far behind a woken thread must be to preempt
constexpr int64_t kRoundRobinSliceNs = 100'000'000;   // sched_rr_get_interval
constexpr uint64_t kNiceZeroWeight = 1024;
constexpr uint32_t kIdlePolicyWeight = 3;

// The load weight of a nice level: one level is about 10 % of the CPU, a factor of 1.25.
uint32_t weight_of(const ScheduleParameters& parameters);

struct RunOrder {
    bool operator()(const Thread& a, const Thread& b) const { return a.virtual_runtime_ns_ < b.virtual_runtime_ns_; }
};

class RunQueue {
public:
    SpinLock lock{LockRank::RunQueue};

    void insert(Thread& thread);
    // The same for a thread that slept or came from elsewhere: it gets no more credit than a bounded lead.
    void insert_woken(Thread& thread);
    void remove(Thread& thread);
    // Takes out the thread that should run next; null when there is none.
    Thread* take_next();
    // Takes out one that may run on `cpu` and is not on a CPU at this moment; null when there is none.
    Thread* take_for(uint32_t cpu);
    void charge(Thread& running, int64_t now_ns);
    // Whether `candidate` (waiting) should take the CPU from `running`.
    bool should_preempt(const Thread& candidate, const Thread& running) const;
    // Whether someone waiting should run when `running`'s slice is over.
    bool has_rival(const Thread& running) const;

    bool is_empty() const { return waiting_ == 0; }
    uint32_t waiting() const { return waiting_; }
    // Run times are relative to their queue; a thread that moves takes the difference along.
    uint64_t least_virtual_runtime_ns() const { return least_virtual_runtime_ns_; }

private:
    static constexpr uint32_t kPriorities = 100;

    using FairTree = boost::intrusive::multiset<
        Thread, boost::intrusive::member_hook<Thread, boost::intrusive::set_member_hook<>, &Thread::fair_hook>,
        boost::intrusive::compare<RunOrder>, boost::intrusive::constant_time_size<false>>;
    using RealtimeList = boost::intrusive::list<
        Thread, boost::intrusive::member_hook<Thread, boost::intrusive::list_member_hook<>, &Thread::realtime_hook>,
        boost::intrusive::constant_time_size<false>>;

    void note_least(uint64_t virtual_runtime_ns) {
        if (virtual_runtime_ns > least_virtual_runtime_ns_) least_virtual_runtime_ns_ = virtual_runtime_ns;
    }
    uint32_t highest_priority() const;

    FairTree fair_;
    std::array<RealtimeList, kPriorities> realtime_;
    std::array<uint64_t, 2> realtime_bitmap_{};
    uint64_t least_virtual_runtime_ns_ = 0;
    uint32_t waiting_ = 0;
};

// Everything of the scheduler that belongs to one CPU.
struct ScheduleData {
    RunQueue queue;
    TimerQueue timers;
    Thread* idle = nullptr;
    Thread* previous = nullptr;        // who ran before the switch that is just being finished
    bool previous_must_move = false;   // its affinity no longer has this CPU
    std::atomic<bool> is_idle{false};
};

}  // namespace gyre
