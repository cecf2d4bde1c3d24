// SPDX-License-Identifier: MIT
//
// See process_timers.h and interval_timers.h.
#include "kernel/linux/process_timers.h"

#include <algorithm>
#include <new>

namespace gyre::linux {
namespace {

constexpr int64_t kLeastCpuLookNs = 250'000;   // between two looks at a CPU clock

void cancel(Process& process, Timer& timer, Deadline& deadline) {
    {
        SignalGuard guard(process);
        deadline.moment_ns = deadline.period_ns = 0;
    }
    timer.cancel();
}

void delete_posix_timers_of(IntervalTimers& timers, Process& process) {
    for (PosixTimer*& timer : timers.posix) {
        if (!timer) continue;
        cancel(process, *timer, timer->deadline);
        {
            SignalGuard guard(process);
            timer->forget_signal_locked();
        }
        timer->entry.account->pending_signals.fetch_sub(1, std::memory_order_relaxed);
        delete std::exchange(timer, nullptr);
    }
}

}  // namespace

int64_t Deadline::now_ns(const Process& process) const {
    switch (base) {
        case Base::Monotonic: return arch::clock_now_ns();
        case Base::ProcessCpu: return process_cpu_ns_locked(process, false);
        case Base::ProcessUser: return process_cpu_ns_locked(process, true);
        case Base::ThreadCpu: return task->thread().cpu_time_ns();
    }
    return 0;
}

void Deadline::arm(const Process& process, Timer& timer) const {
    if (moment_ns == 0) return;
    if (base == Base::Monotonic) return timer.arm(moment_ns);
    const int64_t left_ns = moment_ns - now_ns(process);
    const int64_t runners = base == Base::ThreadCpu ? 1 : std::max<int64_t>(process.live_tasks, 1);
    timer.arm(arch::clock_now_ns() + std::max(left_ns / runners, kLeastCpuLookNs));
}

std::optional<int64_t> Deadline::came_at(const Process& process, Timer& timer) const {
    if (moment_ns == 0) return std::nullopt;
    const int64_t now = now_ns(process);
    if (now >= moment_ns) return now;
    arm(process, timer);
    return std::nullopt;
}

int64_t Deadline::advance(int64_t now_ns) {
    const int64_t skipped = now_ns > moment_ns ? (now_ns - moment_ns) / period_ns : 0;
    moment_ns = later_by(moment_ns, (skipped + 1) * period_ns);
    return skipped;
}

void IntervalTimer::fire(Timer& timer) {
    auto& self = static_cast<IntervalTimer&>(timer);
    {
        SignalGuard guard(self.process);
        const std::optional<int64_t> now_ns = self.deadline.came_at(self.process, timer);
        if (!now_ns) return;
        if (self.deadline.period_ns == 0) {
            self.deadline.moment_ns = 0;
        } else {
            self.deadline.advance(later_by(*now_ns, kLeastPeriodNs));
            self.deadline.arm(self.process, timer);
        }
    }
    send_kernel_signal(self.process, self.signal);
}

void CpuLimitTimer::look_again_locked(int64_t moment_ns) {
    if (is_over) return;
    const Deadline look{.base = Deadline::Base::ProcessCpu, .moment_ns = moment_ns};
    look.arm(process, *this);
}

// The limits are read each time: they may have been changed, and the soft one is raised by a second with each signal (as
// Linux does), so that a program that catches it is told again.
void CpuLimitTimer::fire(Timer& timer) {
    auto& self = static_cast<CpuLimitTimer&>(timer);
    Process& process = self.process;
    int signal = 0;
    {
        SignalGuard guard(process);
        const abi::Rlimit limit = process.limit_pair(kLimitCpu);
        if (limit.current == kUnlimited && limit.most == kUnlimited) return;
        const int64_t used_ns = process_cpu_ns_locked(process, false);
        const auto used_seconds = static_cast<uint64_t>(used_ns / kNsPerSecond);
        if (used_seconds >= limit.most) {
            signal = kSigKill;
        } else {
            uint64_t next = limit.current;
            if (used_seconds >= limit.current) {
                signal = kSigCpuLimit;
                next = used_seconds + 1;
                process.raise_cpu_limit(next);
            }
            next = std::min(next, limit.most);
            if (next < static_cast<uint64_t>(INT64_MAX / kNsPerSecond))
                self.look_again_locked(static_cast<int64_t>(next) * kNsPerSecond);
        }
    }
    if (signal != 0) send_kernel_signal(process, signal);
}

Status watch_cpu_limit(Process& process) {
    IntervalTimers& timers = *TRY(timers_of(process));
    SignalGuard guard(process);
    timers.cpu_limit.look_again_locked(1);   // `fire` sees how far off it is
    return {};
}

Result<IntervalTimers*> timers_of(Process& process) {
    if (process.timers) return process.timers;
    auto* fresh = new (std::nothrow) IntervalTimers(process);
    if (!fresh) return fail(Error::NoMemory);
    SignalGuard guard(process);
    if (process.timers)  // another thread was faster
        delete fresh;
    else
        process.timers = fresh;
    return process.timers;
}

void delete_posix_timers(Process& process) {
    IntervalTimers& timers = *process.timers;
    MutexGuard change(timers.change_lock);
    delete_posix_timers_of(timers, process);
}

void destroy_timers(Process& process) {
    IntervalTimers& timers = *process.timers;
    {
        MutexGuard change(timers.change_lock);
        for (IntervalTimer* timer : {&timers.real, &timers.user, &timers.all}) cancel(process, *timer, timer->deadline);
        {
            SignalGuard guard(process);
            timers.cpu_limit.is_over = true;
        }
        timers.cpu_limit.cancel();
        delete_posix_timers_of(timers, process);
    }
    {
        SignalGuard guard(process);
        process.timers = nullptr;
    }
    delete &timers;
}

}  // namespace gyre::linux
