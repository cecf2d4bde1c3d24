// SPDX-License-Identifier: MIT
//
// nanosleep(2) and clock_nanosleep(2). A relative sleep that a stop and a continue interrupts goes on to its first deadline
// (restart_syscall(2)); one that a handler interrupts ends with EINTR and says what was left. Left out: sleeping by CPU clocks
// of others polls.
#include "call_handlers.h"
#include "kernel/linux/clocks.h"
#include "kernel/linux/wall_clock.h"

namespace gyre::linux {
namespace {

constexpr int64_t kCpuClockLookNs = 1'000'000;  // how often a sleep by CPU time looks, at least

// Status of a sleep on the monotonic clock: TimedOut is how it should end.
Status sleep_until_ns(int64_t moment_ns) {
    Status slept;
    while (slept) slept = Thread::sleep_until(Patience::until_ns(moment_ns));
    return slept.error() == Error::TimedOut ? Status() : slept;
}

CallResult sleep_relative(CallContext& context, int64_t deadline_ns, uint64_t remaining_address);

CallResult continue_sleep(CallContext& context, RestartBlock& block) {
    return sleep_relative(context, static_cast<int64_t>(block.values[0]), block.values[1]);
}

CallResult sleep_relative(CallContext& context, int64_t deadline_ns, uint64_t remaining_address) {
    if (sleep_until_ns(deadline_ns)) return 0;
    const int64_t left_ns = deadline_ns - arch::clock_now_ns();
    if (left_ns <= 0) return 0;
    if (remaining_address != 0) TRY_VOID(UserOut<abi::Timespec>(remaining_address).write(to_timespec(left_ns)));
    context.task.restart = {&continue_sleep, {static_cast<uint64_t>(deadline_ns), remaining_address}};
    return fail(Error::RestartUnlessHandler);
}

// Made again as it is: its deadline is a moment.
CallResult sleep_absolute(CallContext& context, int64_t moment_ns) {
    if (sleep_until_ns(moment_ns < 0 ? 0 : moment_ns)) return 0;
    context.task.restart = {};
    return fail(Error::RestartUnlessHandler);
}

CallResult sleep_realtime(CallContext& context, int64_t moment_ns) {
    if (time::sleep_until_realtime_ns(moment_ns)) return 0;
    context.task.restart = {};
    return fail(Error::RestartUnlessHandler);
}

// No tick looks at CPU clocks for us: sleep as long as the time cannot have passed, and look again.
CallResult sleep_by_cpu_clock(CallContext& context, const Clock& clock, int64_t moment_ns) {
    for (;;) {
        const int64_t left_ns = moment_ns - read_clock(clock);
        if (left_ns <= 0) return 0;
        const int64_t pause_ns = left_ns > kCpuClockLookNs ? left_ns / 2 : kCpuClockLookNs;
        if (sleep_until_ns(later_by(arch::clock_now_ns(), pause_ns))) continue;
        context.task.restart = {};
        return fail(Error::Interrupted);
    }
}

}  // namespace

CallResult sys_nanosleep(CallContext& context, UserIn<abi::Timespec> request, UserOut<abi::Timespec> remaining) {
    const int64_t wait_ns = TRY(to_nanoseconds(TRY(request.read())));
    return sleep_relative(context, later_by(arch::clock_now_ns(), wait_ns), remaining.address());
}

CallResult sys_clock_nanosleep(CallContext& context, int number, int flags, UserIn<abi::Timespec> request,
                               UserOut<abi::Timespec> remaining) {
    const Clock clock = TRY(find_clock(context, number));
    if (clock.is_raw || clock.is_alarm || number == abi::kClockThreadCpu) return fail(Error::NotSupported);
    const int64_t time_ns = TRY(to_nanoseconds(TRY(request.read())));
    const bool is_absolute = (flags & abi::kTimerAbstime) != 0;
    switch (clock.kind) {
        case ClockKind::ThreadCpu:
            // One's own never passes while one sleeps.
            if (clock.task.get() == &context.task) return fail(Error::InvalidArgument);
            [[fallthrough]];
        case ClockKind::ProcessCpu:
            return sleep_by_cpu_clock(context, clock, is_absolute ? time_ns : later_by(read_clock(clock), time_ns));
        case ClockKind::Realtime:
        case ClockKind::Tai:
            if (is_absolute) return sleep_realtime(context, time_ns);
            break;
        case ClockKind::Monotonic:
            if (is_absolute) return sleep_absolute(context, time_ns);
            break;
    }
    return sleep_relative(context, later_by(arch::clock_now_ns(), time_ns), remaining.address());
}

}  // namespace gyre::linux
