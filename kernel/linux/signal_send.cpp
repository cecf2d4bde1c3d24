// SPDX-License-Identifier: MIT
//
// Sending: what a signal does at the moment it is sent (SIGCONT continues, SIGKILL ends), who of a process's tasks takes
// it, and the ways in which the kernel sends signals of its own.
#include "kernel/linux/exit.h"
#include "kernel/linux/process_parts.h"
#include "kernel/linux/signal_parts.h"
#include "kernel/log/assert.h"

namespace gyre::linux {
namespace {

bool wants(const Task& task, int signal) {
    if (task.is_exiting) return false;
    if (signal == kSigKill) return true;
    if (task.has_stopped) return false;  // it waits for SIGCONT, and looks then
    return (task.blocked & ~task.waited_for & signal_bit(signal)) == 0;
}

// Null: every task blocks it; whoever unblocks it first will find it.
Task* choose_taker(Process& process, int signal) {
    Task* leader = process.leader_task;
    if (leader && wants(*leader, signal)) return leader;
    Task* busy = nullptr;
    for (Task& task : process.tasks) {
        if (!wants(task, signal)) continue;
        if (!task.thread().is_interrupted()) return &task;
        busy = &task;
    }
    return busy;
}

void end_process_by_signal(Process& process, int signal) {
    process.is_group_exiting = true;
    process.group_exit_code = signal;
    process.stop_signal = 0;
    kill_other_tasks_locked(process, nullptr);
}

Status send_locked(Process& process, Task* receiver, const SignalInfo& info) {
    Task* first = receiver ? receiver : process.leader_task;
    if (!first || (receiver && receiver->is_exiting)) return {};  // it ends: like a signal that came too late
    // A dying process hears nothing any more, and one that execs alone only what would kill it.
    if (process.is_group_exiting && !(process.execing_task && info.signal == kSigKill)) return {};
    prepare_signal_locked(process, info.signal);
    if (is_dropped_locked(process, *first, info.signal)) return {};
    SignalQueue& queue = receiver ? receiver->pending : process.shared_pending;
    TRY_VOID(queue_signal_locked(process, *first, queue, info));
    signal_was_queued_locked(process, receiver, info.signal);
    return {};
}

}  // namespace

bool is_fatal_by_default(int signal) { return ((kIgnoredByDefault | kStopSignals) & signal_bit(signal)) == 0; }

bool is_dropped_locked(Process& process, const Task& receiver, int signal) {
    // A blocked one is kept: the handler may change before it is taken.
    if ((receiver.blocked | receiver.waited_for) & signal_bit(signal)) return false;
    const SignalHandlers& handlers = process.handlers();
    if (process.cannot_be_killed && handlers.action(signal).handler == abi::kSigDefault) return true;
    return handlers.is_ignored(signal);
}

void prepare_signal_locked(Process& process, int signal) {
    if (kStopSignals & signal_bit(signal)) {
        remove_signals_everywhere_locked(process, signal_bit(kSigContinue));
    } else if (signal == kSigContinue) {
        remove_signals_everywhere_locked(process, kStopSignals);
        ++process.continue_count;
        if (process.stop_signal == 0) return;
        // The parent is told by a task of the process, which can take the tree lock. A stop that was not complete yet
        // is told as a stop, as on Linux.
        const bool was_stopped = process.is_stopped();
        process.untold_change = was_stopped ? abi::kCldContinued : abi::kCldStopped;
        process.continue_report = was_stopped;
        process.stop_report = 0;
        process.stop_signal = 0;
        ProcessParts::is_stopped(process).store(false, std::memory_order_release);
        process.stopped_tasks.wake_all();
    }
}

void signal_was_queued_locked(Process& process, Task* receiver, int signal) {
    Task* taker = receiver && wants(*receiver, signal) ? receiver : nullptr;
    if (!receiver) taker = choose_taker(process, signal);
    if (!taker) return;
    const bool is_default = process.handlers().action(signal).handler == abi::kSigDefault;
    const bool is_waited_for = (taker->waited_for & signal_bit(signal)) != 0;
    // Death does not wait for the taker to come by; only one with a core dump is for the taker to die of.
    if (is_default && is_fatal_by_default(signal) && !is_waited_for && (kCoreSignals & signal_bit(signal)) == 0 &&
        (!process.cannot_be_killed || process.is_group_exiting)) {
        end_process_by_signal(process, signal);
        return;
    }
    taker->thread().interrupt(Interruption::Signal);
}

void tell_signal_readers(Process& process) {
    if (process.signal_readers.load(std::memory_order_relaxed) > 0)
        process.update_signals(Signals::None, Signals::Readable);
}

Status send_signal(Process& process, const SignalInfo& info) {
    {
        SignalGuard guard(process);
        TRY_VOID(send_locked(process, nullptr, info));
    }
    tell_signal_readers(process);
    return {};
}

Status send_signal(Task& task, const SignalInfo& info) {
    {
        SignalGuard guard(task.process());
        TRY_VOID(send_locked(task.process(), &task, info));
    }
    tell_signal_readers(task.process());
    return {};
}

Status send_signal_to_group(ProcessGroup& group, const SignalInfo& info) {
    Status outcome;
    for (Process& member : group.members)
        if (Status sent = send_signal(member, info); !sent) outcome = sent;
    return outcome;
}

void send_kernel_signal(Process& process, int signal) {
    SignalInfo info{};
    info.signal = signal;
    info.code = abi::kSiKernel;
    (void)send_signal(process, info);  // of the kernel's own, only the information can be lost
}

void force_signal(const SignalInfo& info) {
    Task& task = Task::current();
    Process& process = task.process();
    const SignalSet bit = signal_bit(info.signal);
    {
        SignalGuard guard(process);
        abi::SigAction& action = guard.handlers().action(info.signal);
        if ((task.blocked & bit) != 0 || action.handler == abi::kSigIgnore) {
            action.handler = abi::kSigDefault;
            task.blocked &= ~bit;
        }
        // Even the first process dies of what its own instruction did.
        if (action.handler == abi::kSigDefault) process.cannot_be_killed = false;
        (void)queue_signal_locked(process, task, task.pending, info);
        task.thread().interrupt(Interruption::Signal);
    }
    tell_signal_readers(process);
}

void force_signal(int signal) {
    SignalInfo info{};
    info.signal = signal;
    info.code = abi::kSiKernel;
    force_signal(info);
}

SignalInfo user_signal_info(int signal, const Task& sender, int code) {
    SignalInfo info{};
    info.signal = signal;
    info.code = code;
    info.sender.pid = sender.process().pid();
    info.sender.uid = sender.credentials()->uid;
    return info;
}

}  // namespace gyre::linux
