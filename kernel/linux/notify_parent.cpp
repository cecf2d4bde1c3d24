// SPDX-License-Identifier: MIT
//
// How a parent hears of its children: SIGCHLD with its facts, and its waits look again (wait(2), sigaction(2)).
#include "kernel/linux/process_parts.h"
#include "kernel/linux/usage.h"
#include "kernel/linux/wait.h"

namespace gyre::linux {
namespace {

// Signals to a parent count the user's ids of the child; the leader's real one stands for all.
SignalInfo child_info(Process& child, int signal, int code, int status) {
    SignalInfo info{};
    info.signal = signal;
    info.code = code;
    info.child.pid = child.pid();
    UsageTotals totals = child.dead_tasks;
    for (const Task& task : child.tasks)
        if (!task.has_ended) totals.add(task);
    info.child.uid = child.leader_task ? child.leader_task->credentials_reference()->values().uid : 0;
    info.child.status = status;
    info.child.user_ticks = to_ticks(totals.user_ns);
    info.child.system_ticks = to_ticks(totals.system_ns);
    return info;
}

abi::SigAction action_of(Process& process, int signal) {
    SpinGuard guard(process.handlers().lock);
    return process.handlers().action(signal);
}

}  // namespace

void notify_parent_locked(Process& child, int code, int status) {
    Process* parent = child.parent;
    if (!parent) return;
    const abi::SigAction action = action_of(*parent, kSigChild);
    if (action.handler != abi::kSigIgnore && (action.flags & abi::kSaNoChildStop) == 0)
        (void)send_signal(*parent, child_info(child, kSigChild, code, status));
    // Waits look even when nobody wants the signal.
    parent->child_events.wake_all();
}

bool notify_parent_of_end_locked(Process& child) {
    Process* parent = child.parent;
    if (!parent) return false;
    const int signal = child.exit_signal;
    bool nobody_waits = false;
    bool wants_signal = signal != 0;
    if (signal == kSigChild) {
        const abi::SigAction action = action_of(*parent, kSigChild);
        const bool is_ignored = action.handler == abi::kSigIgnore;
        // POSIX leaves the signal open under SA_NOCLDWAIT; Linux sends it.
        nobody_waits = is_ignored || (action.flags & abi::kSaNoChildWait) != 0;
        if (is_ignored) wants_signal = false;
    }
    if (wants_signal) {
        const int status = child.exit_status.load(std::memory_order_relaxed);
        const int death = status & 0x7f;
        const int code = death == 0 ? abi::kCldExited : (status & 0x80 ? abi::kCldDumped : abi::kCldKilled);
        (void)send_signal(*parent, child_info(child, signal, code, death == 0 ? status >> 8 : death));
    }
    parent->child_events.wake_all();
    return nobody_waits;
}

}  // namespace gyre::linux
