// SPDX-License-Identifier: MIT
//
// /proc/PID/stat and statm: the fields of proc(5), separated by blanks. What Gyre does not count is
// zero there as in Linux without that feature (swapping, block I/O delays, guests).
#include "kernel/fs/procfs/process_files.h"
#include "kernel/linux/signal.h"
#include "kernel/linux/task.h"
#include "kernel/linux/usage.h"

namespace gyre::procfs::process_files {

char state_letter(const linux::Task& task) {
    if (task.process().state() != linux::ProcessState::Alive) return 'Z';
    if (task.process().is_stopped()) return 'T';
    switch (task.thread().state()) {
        case ThreadState::Runnable:
        case ThreadState::Running:
            return 'R';
        case ThreadState::Dead:
            return 'Z';
        default:
            return task.thread().hears_signals() ? 'S' : 'D';
    }
}

namespace {

constexpr int kBasePriority = 20;

struct SignalSets {
    linux::SignalSet pending = 0, blocked = 0, ignored = 0, caught = 0;
};

SignalSets signal_sets(linux::Task& task) {
    SignalSets sets;
    linux::SignalHandlers& handlers = task.process().handlers();
    SpinGuard guard(handlers.lock);
    sets.pending = task.pending.set;
    sets.blocked = task.blocked;
    for (int signal = 1; signal <= linux::kSigLast; ++signal) {
        const uint64_t handler = handlers.action(signal).handler;
        if (handler == linux::abi::kSigIgnore)
            sets.ignored |= linux::signal_bit(signal);
        else if (handler != linux::abi::kSigDefault)
            sets.caught |= linux::signal_bit(signal);
    }
    return sets;
}

struct Schedule {
    int64_t priority, nice;
    uint32_t realtime, policy;
};

Schedule schedule_of(const Thread& thread) {
    const ScheduleParameters parameters = thread.schedule_parameters();
    uint32_t policy = 0;  // SCHED_*
    switch (parameters.policy) {
        case SchedulePolicy::Normal:
            policy = 0;
            break;
        case SchedulePolicy::Fifo:
            policy = 1;
            break;
        case SchedulePolicy::RoundRobin:
            policy = 2;
            break;
        case SchedulePolicy::Batch:
            policy = 3;
            break;
        case SchedulePolicy::Idle:
            policy = 5;
            break;
    }
    const bool is_realtime = parameters.realtime_priority != 0;
    return {is_realtime ? -1 - int64_t{parameters.realtime_priority}
                        : kBasePriority + int64_t{parameters.nice},
            parameters.nice, parameters.realtime_priority, policy};
}

}  // namespace

Status stat(TextBuilder& out, const Subject& subject) {
    const Ref<linux::Task> task = TRY(subject.task());
    linux::Process& process = task->process();
    const bool is_whole = subject.tid == 0;
    linux::UsageTotals usage;
    if (is_whole)
        usage = process.usage();
    else
        usage.add(*task);
    const linux::UsageTotals children = process.children_usage();
    const linux::Process::Relations relations = process.relations();
    const SignalSets signals = signal_sets(*task);
    const Schedule schedule = schedule_of(task->thread());
    const Ref<AddressSpace> space = process.address_space_reference();
    AddressSpace::Usage memory{};
    AddressSpace::ProgramArea area{};
    const bool may_look = check_inspect(*task).has_value();
    if (space) {
        memory = space->usage();
        if (may_look) area = space->program_area;
    }
    const int64_t start_ns = is_whole ? process.start_time_ns() : task->start_time_ns;

    out.format("{} (", is_whole ? process.pid() : task->tid());
    out.text(task->name());
    out.format(") {} {} {} {} {} {} 0 ", state_letter(*task), process.parent_pid(), relations.group,
               relations.session, static_cast<int32_t>(relations.terminal_device),
               relations.terminal_group);
    out.format("{} {} {} {} ", usage.minor_faults, children.minor_faults, usage.major_faults,
               children.major_faults);
    out.format("{} {} {} {} ", linux::to_ticks(usage.user_ns), linux::to_ticks(usage.system_ns),
               linux::to_ticks(children.user_ns), linux::to_ticks(children.system_ns));
    out.format("{} {} {} 0 {} {} {} {} ", schedule.priority, schedule.nice, process.task_count(),
               linux::to_ticks(start_ns), memory.virtual_pages * kPageSize, memory.resident_pages,
               process.limit(linux::kLimitResident));
    out.format("{} {} {} 0 0 ", area.code_start.value, area.code_end.value, area.stack_start.value);
    out.format("{} {} {} {} 0 0 0 ", signals.pending, signals.blocked, signals.ignored,
               signals.caught);
    out.format("{} {} {} {} 0 0 0 ", is_whole ? process.exit_signal : -1, task->thread().last_cpu(),
               schedule.realtime, schedule.policy);
    out.format("{} {} 0 {} {} {} {} {}\n", area.data_start.value, area.data_end.value,
               area.arguments_start.value, area.arguments_end.value, area.environment_start.value,
               area.environment_end.value, may_look ? process.exit_status.load() : 0);
    return {};
}

Status memory_counts(TextBuilder& out, const Subject& subject) {
    const Ref<linux::Task> task = TRY(subject.task());
    AddressSpace::Usage usage{};
    if (const Ref<AddressSpace> space = task->process().address_space_reference())
        usage = space->usage();
    out.format("{} {} {} {} 0 {} 0\n", usage.virtual_pages, usage.resident_pages,
               usage.shared_pages, usage.text_pages, usage.data_pages + usage.stack_pages);
    return {};
}

}  // namespace gyre::procfs::process_files
