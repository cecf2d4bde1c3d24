// SPDX-License-Identifier: MIT
//
// timer_create(2) and its family. Left out: the ALARM clocks (there is no clock that wakes a sleeping machine: EOPNOTSUPP).
#include <new>

#include "call_handlers.h"
#include "kernel/linux/process_timers.h"
#include "kernel/linux/wall_clock.h"

namespace gyre::linux {
namespace {

struct Setting {
    int64_t value_ns, period_ns;
};

// Errors: InvalidArgument.
Status set_notification(CallContext& context, PosixTimer& timer, const abi::SigEvent& event) {
    switch (event.notify) {
        case abi::kSigevNone: timer.is_silent = true; break;
        case abi::kSigevThreadId:
            timer.receiver = context.process.pid_namespace().find_task(event.thread);
            if (!timer.receiver || &timer.receiver->process() != &context.process) return fail(Error::InvalidArgument);
            [[fallthrough]];
        case abi::kSigevSignal:
        case abi::kSigevThread:
            if (!is_signal_number(event.signal)) return fail(Error::InvalidArgument);
            break;
        default: return fail(Error::InvalidArgument);
    }
    timer.entry.info.signal = event.signal;
    timer.entry.info.code = abi::kSiTimer;
    timer.entry.info.timer.timer = timer.number;
    timer.entry.info.timer.value = event.value;
    timer.entry.timer = &timer;
    return {};
}

// Errors: InvalidArgument, NotSupported, NotPermitted.
Status set_clock(CallContext& context, PosixTimer& timer, const Clock& clock) {
    if (clock.is_alarm && !context.credentials().has(Capability::WakeAlarm)) return fail(Error::NotPermitted);
    if (clock.is_raw || clock.is_alarm) return fail(Error::NotSupported);
    switch (clock.kind) {
        case ClockKind::Realtime:
        case ClockKind::Tai: timer.use_realtime_clock(); break;
        case ClockKind::Monotonic: break;
        case ClockKind::ThreadCpu:
            timer.clock_task = clock.task;
            timer.deadline.task = clock.task.get();
            timer.deadline.base = Deadline::Base::ThreadCpu;
            break;
        case ClockKind::ProcessCpu:
            if (clock.process.get() != &context.process) return fail(Error::InvalidArgument);
            timer.deadline.base = clock.counts_user_only ? Deadline::Base::ProcessUser : Deadline::Base::ProcessCpu;
            break;
    }
    return {};
}

// The lowest free number. Under change_lock. Errors: NoMemory.
Result<int> find_number(IntervalTimers& timers) {
    for (size_t i = 0; i < timers.posix.size(); ++i)
        if (!timers.posix[i]) return static_cast<int>(i);
    TRY_VOID(timers.posix.try_push_back(nullptr));
    return static_cast<int>(timers.posix.size() - 1);
}

// Like Linux we count a timer as a signal that waits. Errors: WouldBlock.
Status charge(CallContext& context, PosixTimer& timer) {
    UserAccount& account = context.task.account();
    TRY_VOID(UserAccount::charge(account.pending_signals, context.limit(kLimitPendingSignals)));
    timer.entry.account = Ref<UserAccount>(account);
    return {};
}

struct DeleteTimer {
    PosixTimer* timer;
    ~DeleteTimer() {
        if (!timer) return;
        if (timer->entry.account) timer->entry.account->pending_signals.fetch_sub(1, std::memory_order_relaxed);
        delete timer;
    }
};

// Under change_lock. Errors: InvalidArgument.
Result<PosixTimer*> find_timer(CallContext& context, int number) {
    IntervalTimers& timers = *context.process.timers;
    if (number < 0 || static_cast<size_t>(number) >= timers.posix.size() || !timers.posix[static_cast<size_t>(number)])
        return fail(Error::InvalidArgument);
    return timers.posix[static_cast<size_t>(number)];
}

Setting setting_locked(PosixTimer& timer) {
    const Deadline& deadline = timer.deadline;
    if (deadline.moment_ns == 0) return {0, deadline.period_ns};
    int64_t left_ns = deadline.moment_ns - deadline.now_ns(timer.process);
    const bool is_waiting = timer.is_silent || timer.continues_when_taken;
    if (left_ns <= 0 && is_waiting && deadline.period_ns != 0)
        left_ns = deadline.period_ns - (-left_ns % deadline.period_ns);
    else if (left_ns <= 0 && is_waiting)
        return {0, 0};
    return {left_ns > 0 ? left_ns : 1, deadline.period_ns};
}

void arm_locked(PosixTimer& timer, Setting setting, bool is_absolute) {
    timer.deadline.period_ns = setting.value_ns != 0 ? setting.period_ns : 0;
    timer.missed = 0;
    timer.overrun = 0;
    timer.continues_when_taken = false;
    timer.realtime_moment_ns = 0;
    if (setting.value_ns == 0) return;
    int64_t moment_ns = setting.value_ns;
    if (!is_absolute)
        moment_ns = later_by(timer.deadline.now_ns(timer.process), moment_ns);
    else if (timer.is_realtime) {
        timer.realtime_moment_ns = moment_ns;
        moment_ns -= time::realtime_offset_ns();
    }
    timer.deadline.moment_ns = moment_ns > 0 ? moment_ns : 1;
    timer.deadline.arm(timer.process, timer);
}

abi::Itimerspec to_itimerspec(Setting setting) {
    return {to_timespec(setting.period_ns), to_timespec(setting.value_ns)};
}

}  // namespace

CallResult sys_timer_create(CallContext& context, int clock_number, UserIn<abi::SigEvent> event, UserOut<int32_t> number) {
    const Clock clock = TRY(find_clock(context, clock_number));
    IntervalTimers& timers = *TRY(timers_of(context.process));
    MutexGuard change(timers.change_lock);
    const int free_number = TRY(find_number(timers));
    auto* timer = new (std::nothrow) PosixTimer(context.process, free_number);
    if (!timer) return fail(Error::WouldBlock);
    DeleteTimer undo{timer};
    TRY_VOID(charge(context, *timer));
    abi::SigEvent wanted{};
    wanted.signal = kSigAlarm;
    wanted.value = static_cast<uint64_t>(free_number);
    if (!event.is_null()) wanted = TRY(event.read());
    TRY_VOID(set_notification(context, *timer, wanted));
    TRY_VOID(set_clock(context, *timer, clock));
    TRY_VOID(number.write(free_number));
    timers.posix[static_cast<size_t>(free_number)] = timer;
    undo.timer = nullptr;
    return 0;
}

CallResult sys_timer_settime(CallContext& context, int number, int flags, UserIn<abi::Itimerspec> value,
                             UserOut<abi::Itimerspec> old_value) {
    if (value.is_null()) return fail(Error::InvalidArgument);
    const abi::Itimerspec given = TRY(value.read());
    const Setting setting{TRY(to_nanoseconds(given.value)), TRY(to_nanoseconds(given.interval))};
    if (!context.process.timers) return fail(Error::InvalidArgument);
    Setting old;
    {
        MutexGuard change(context.process.timers->change_lock);
        PosixTimer& timer = *TRY(find_timer(context, number));
        {
            SignalGuard guard(context.process);
            old = setting_locked(timer);
            timer.deadline.moment_ns = 0;
        }
        timer.cancel();
        SignalGuard guard(context.process);
        timer.forget_signal_locked();
        arm_locked(timer, setting, (flags & abi::kTimerAbstime) != 0);
    }
    if (!old_value.is_null()) TRY_VOID(old_value.write(to_itimerspec(old)));
    return 0;
}

CallResult sys_timer_gettime(CallContext& context, int number, UserOut<abi::Itimerspec> value) {
    if (!context.process.timers) return fail(Error::InvalidArgument);
    Setting setting;
    {
        MutexGuard change(context.process.timers->change_lock);
        PosixTimer& timer = *TRY(find_timer(context, number));
        SignalGuard guard(context.process);
        setting = setting_locked(timer);
    }
    TRY_VOID(value.write(to_itimerspec(setting)));
    return 0;
}

CallResult sys_timer_getoverrun(CallContext& context, int number) {
    if (!context.process.timers) return fail(Error::InvalidArgument);
    MutexGuard change(context.process.timers->change_lock);
    PosixTimer& timer = *TRY(find_timer(context, number));
    SignalGuard guard(context.process);
    return timer.overrun;
}

CallResult sys_timer_delete(CallContext& context, int number) {
    if (!context.process.timers) return fail(Error::InvalidArgument);
    IntervalTimers& timers = *context.process.timers;
    MutexGuard change(timers.change_lock);
    DeleteTimer deleted{TRY(find_timer(context, number))};
    {
        SignalGuard guard(context.process);
        deleted.timer->deadline.moment_ns = 0;
    }
    deleted.timer->cancel();
    {
        SignalGuard guard(context.process);
        deleted.timer->forget_signal_locked();
    }
    timers.posix[static_cast<size_t>(number)] = nullptr;
    return 0;
}

}  // namespace gyre::linux
