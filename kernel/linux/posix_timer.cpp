// SPDX-License-Identifier: MIT
//
// Timers of timer_create(2): what expiring does. A timer has one signal in a queue at most; while that is not taken, further
// expirations are counted (timer_getoverrun(2)). So a periodic timer is armed again when its signal is taken.
#include <algorithm>

#include "kernel/linux/process_timers.h"
#include "kernel/linux/wall_clock.h"

namespace gyre::linux {
namespace {

constexpr int64_t kMostOverrun = INT32_MAX;       // DELAYTIMER_MAX
constexpr int64_t kLeastIgnoredPeriodNs = 1'000'000;

using RealtimeTimers =
    boost::intrusive::list<PosixTimer, boost::intrusive::member_hook<PosixTimer, boost::intrusive::list_member_hook<>,
                                                                     &PosixTimer::realtime_hook>,
                           boost::intrusive::constant_time_size<false>>;
constinit SpinLock g_realtime_lock{LockRank::ProcessSpin};   // outside of the signal locks
RealtimeTimers g_realtime_timers;

}  // namespace

PosixTimer::~PosixTimer() {
    if (!is_realtime) return;
    SpinGuard guard(g_realtime_lock);
    g_realtime_timers.erase(RealtimeTimers::s_iterator_to(*this));
}

void PosixTimer::use_realtime_clock() {
    is_realtime = true;
    SpinGuard guard(g_realtime_lock);
    g_realtime_timers.push_back(*this);
}

// A period goes on from where the new time puts its first moment.
void PosixTimer::clock_was_set() {
    SignalGuard guard(process);
    if (deadline.moment_ns == 0 || realtime_moment_ns == 0 || continues_when_taken) return;
    deadline.moment_ns = std::max<int64_t>(realtime_moment_ns - time::realtime_offset_ns(), 1);
    deadline.arm(process, *this);
}

void posix_timers_clock_was_set() {
    SpinGuard guard(g_realtime_lock);
    for (PosixTimer& timer : g_realtime_timers) timer.clock_was_set();
}

void PosixTimer::fire(Timer& timer) {
    auto& self = static_cast<PosixTimer&>(timer);
    {
        SignalGuard guard(self.process);
        const std::optional<int64_t> now_ns = self.deadline.came_at(self.process, timer);
        if (!now_ns) return;
        self.expire_locked(*now_ns);
    }
    tell_signal_readers(self.process);
}

void PosixTimer::expire_locked(int64_t now_ns) {
    const bool is_periodic = deadline.period_ns != 0;
    if (is_silent) {
        // Nobody is told: timer_gettime computes where a period stands.
        if (!is_periodic) deadline.moment_ns = 0;
        return;
    }
    if (queue) {  // set anew while the signal of the old setting waits
        missed = std::min(missed + 1, kMostOverrun);
        continues_when_taken = is_periodic;
        if (!is_periodic) deadline.moment_ns = 0;
        return;
    }
    Task* first = receiver ? receiver.get() : process.leader_task;
    const bool can_hear = first && !(receiver && receiver->is_exiting) && !process.is_group_exiting;
    if (!can_hear || is_dropped_locked(process, *first, entry.info.signal)) {
        if (!is_periodic || !can_hear) {
            deadline.moment_ns = 0;
        } else {  // it may be heard some day
            deadline.advance(later_by(now_ns, kLeastIgnoredPeriodNs));
            deadline.arm(process, *this);
        }
        return;
    }
    missed = 0;
    continues_when_taken = is_periodic;
    if (!is_periodic) deadline.moment_ns = 0;
    queue = receiver ? &receiver->pending : &process.shared_pending;
    link_signal_locked(*queue, entry);
    signal_was_queued_locked(process, receiver.get(), entry.info.signal);
}

void PosixTimer::forget_signal_locked() {
    if (queue) unlink_signal_locked(*queue, entry);
    queue = nullptr;
    continues_when_taken = false;
}

void timer_signal_taken_locked(PosixTimer& timer, SignalInfo& info) {
    timer.queue = nullptr;
    int64_t missed = timer.missed;
    if (std::exchange(timer.continues_when_taken, false) && timer.deadline.moment_ns != 0) {
        missed += timer.deadline.advance(timer.deadline.now_ns(timer.process));
        timer.deadline.arm(timer.process, timer);
    }
    timer.overrun = static_cast<int32_t>(std::min(missed, kMostOverrun));
    info.timer.overrun = timer.overrun;
}

void timer_signal_discarded_locked(PosixTimer& timer) {
    timer.queue = nullptr;
    if (std::exchange(timer.continues_when_taken, false) && timer.deadline.moment_ns != 0) {
        timer.deadline.advance(later_by(timer.deadline.now_ns(timer.process), kLeastIgnoredPeriodNs));
        timer.deadline.arm(timer.process, timer);
    }
}

}  // namespace gyre::linux
