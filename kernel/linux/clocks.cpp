// SPDX-License-Identifier: MIT
//
// From clock numbers to clocks, and reading them. A negative number names a task or a process and one of its CPU-time
// clocks (clock_getcpuclockid(3)): the complement of the id, shifted by three, with the kind below.
#include "kernel/linux/clocks.h"

#include "kernel/linux/signal_parts.h"
#include "kernel/linux/wall_clock.h"

namespace gyre::linux {
namespace {

constexpr int kPerThread = 4, kKindMask = 3;
constexpr int kDescriptorClock = 3;  // of a PTP device: there are none

Result<Clock> find_cpu_clock(CallContext& context, int number) {
    const int kind = number & kKindMask;
    if (kind == kDescriptorClock) return fail(Error::InvalidArgument);
    const Pid id = ~(number >> 3);
    Clock clock{(number & kPerThread) ? ClockKind::ThreadCpu : ClockKind::ProcessCpu};
    clock.counts_user_only = kind == 1;
    const PidNamespace& pids = context.process.pid_namespace();
    if (clock.kind == ClockKind::ThreadCpu) {
        clock.task = id == 0 ? Ref<Task>(context.task) : pids.find_task(id);
        if (!clock.task || &clock.task->process() != &context.process) return fail(Error::InvalidArgument);
    } else {
        clock.process = id == 0 ? Ref<Process>(context.process) : pids.find_process(id);
        if (!clock.process) return fail(Error::InvalidArgument);
    }
    return clock;
}

int64_t task_cpu_ns(const Task& task, bool counts_user_only) {
    return counts_user_only ? task.thread().user_time_ns() : task.thread().cpu_time_ns();
}

}  // namespace

Result<Clock> find_clock(CallContext& context, int number) {
    if (number < 0) return find_cpu_clock(context, number);
    switch (number) {
        case abi::kClockRealtime: return Clock{ClockKind::Realtime};
        case abi::kClockMonotonic:
        case abi::kClockBoottime: return Clock{ClockKind::Monotonic};  // the machine never sleeps
        case abi::kClockMonotonicRaw: return Clock{.kind = ClockKind::Monotonic, .is_raw = true};
        case abi::kClockRealtimeCoarse: return Clock{.kind = ClockKind::Realtime, .is_coarse = true, .is_raw = true};
        case abi::kClockMonotonicCoarse: return Clock{.kind = ClockKind::Monotonic, .is_coarse = true, .is_raw = true};
        case abi::kClockRealtimeAlarm: return Clock{.kind = ClockKind::Realtime, .is_alarm = true};
        case abi::kClockBoottimeAlarm: return Clock{.kind = ClockKind::Monotonic, .is_alarm = true};
        case abi::kClockTai: return Clock{ClockKind::Tai};
        case abi::kClockProcessCpu:
            return Clock{.kind = ClockKind::ProcessCpu, .process = Ref<Process>(context.process)};
        case abi::kClockThreadCpu: return Clock{.kind = ClockKind::ThreadCpu, .task = Ref<Task>(context.task)};
        default: return fail(Error::InvalidArgument);
    }
}

int64_t process_cpu_ns_locked(const Process& process, bool counts_user_only) {
    int64_t total_ns = process.dead_tasks.user_ns + (counts_user_only ? 0 : process.dead_tasks.system_ns);
    for (const Task& task : process.tasks)
        if (!task.has_ended) total_ns += task_cpu_ns(task, counts_user_only);
    return total_ns;
}

int64_t read_clock(const Clock& clock) {
    switch (clock.kind) {
        case ClockKind::Realtime:
        case ClockKind::Tai: return arch::clock_now_ns() + time::realtime_offset_ns();  // nobody told us of leap seconds
        case ClockKind::Monotonic: return arch::clock_now_ns();
        case ClockKind::ThreadCpu: return task_cpu_ns(*clock.task, clock.counts_user_only);
        case ClockKind::ProcessCpu: {
            SignalGuard guard(*clock.process);
            return process_cpu_ns_locked(*clock.process, clock.counts_user_only);
        }
    }
    return 0;
}

}  // namespace gyre::linux
