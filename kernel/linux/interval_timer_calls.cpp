// SPDX-License-Identifier: MIT
//
// setitimer(2), getitimer(2), alarm(2).
#include "call_handlers.h"
#include "kernel/linux/process_timers.h"
#include "kernel/linux/usage.h"

namespace gyre::linux {
namespace {

struct Setting {
    int64_t value_ns, period_ns;
};

IntervalTimer* choose(IntervalTimers& timers, int which) {
    IntervalTimer* const all[] = {&timers.real, &timers.user, &timers.all};
    return all[which];
}
bool is_timer(int which) { return which >= 0 && which <= 2; }

Setting setting_locked(const IntervalTimer& timer) {
    const Deadline& deadline = timer.deadline;
    if (deadline.moment_ns == 0) return {0, deadline.period_ns};
    const int64_t left_ns = deadline.moment_ns - deadline.now_ns(timer.process);
    // Armed shows as not zero, though it may be over at any moment.
    return {left_ns > kNsPerMicrosecond ? left_ns : kNsPerMicrosecond, deadline.period_ns};
}

Setting set(IntervalTimers& timers, IntervalTimer& timer, Setting setting) {
    MutexGuard change(timers.change_lock);
    Setting old;
    {
        SignalGuard guard(timer.process);
        old = setting_locked(timer);
        timer.deadline.moment_ns = 0;
    }
    timer.cancel();
    SignalGuard guard(timer.process);
    timer.deadline.period_ns = setting.value_ns != 0 ? setting.period_ns : 0;
    if (setting.value_ns != 0) {
        timer.deadline.moment_ns = later_by(timer.deadline.now_ns(timer.process), setting.value_ns);
        timer.deadline.arm(timer.process, timer);
    }
    return old;
}

abi::Itimerval to_itimerval(Setting setting) { return {to_timeval(setting.period_ns), to_timeval(setting.value_ns)}; }

}  // namespace

CallResult sys_getitimer(CallContext& context, int which, UserOut<abi::Itimerval> value) {
    if (!is_timer(which)) return fail(Error::InvalidArgument);
    Setting setting{};
    if (context.process.timers) {
        SignalGuard guard(context.process);
        setting = setting_locked(*choose(*context.process.timers, which));
    }
    TRY_VOID(value.write(to_itimerval(setting)));
    return 0;
}

CallResult sys_setitimer(CallContext& context, int which, UserIn<abi::Itimerval> value,
                         UserOut<abi::Itimerval> old_value) {
    Setting setting{};  // as on Linux: no value disarms
    if (!value.is_null()) {
        const abi::Itimerval given = TRY(value.read());
        setting.value_ns = TRY(to_nanoseconds(given.value));
        setting.period_ns = TRY(to_nanoseconds(given.interval));
    }
    if (!is_timer(which)) return fail(Error::InvalidArgument);
    Setting old{};
    if (context.process.timers || setting.value_ns != 0) {
        IntervalTimers& timers = *TRY(timers_of(context.process));
        old = set(timers, *choose(timers, which), setting);
    }
    if (!old_value.is_null()) TRY_VOID(old_value.write(to_itimerval(old)));
    return 0;
}

CallResult sys_alarm(CallContext& context, uint32_t seconds) {
    if (!context.process.timers && seconds == 0) return 0;
    IntervalTimers& timers = *TRY(timers_of(context.process));
    const Setting old = set(timers, timers.real, {seconds * kNsPerSecond, 0});
    const int64_t whole = old.value_ns / kNsPerSecond, rest = old.value_ns % kNsPerSecond;
    // An alarm that is pending never shows as none; else to the nearest second, as Linux does.
    return whole + ((whole == 0 && rest != 0) || rest >= kNsPerSecond / 2 ? 1 : 0);
}

}  // namespace gyre::linux
