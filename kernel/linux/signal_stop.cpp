// SPDX-License-Identifier: MIT
//
// Stopping and continuing whole processes (signal(7), job control): a stop signal that some task takes stops all of them,
// each on its way to user mode; the last one to stop reports to the parent.
#include "kernel/linux/process_parts.h"
#include "kernel/linux/signal_parts.h"
#include "kernel/linux/wait.h"

namespace gyre::linux {
namespace {

bool have_all_stopped(const Process& process) {
    for (const Task& task : process.tasks)
        if (!task.is_exiting && !task.has_stopped) return false;
    return true;
}

// The tree lock is held, no signal lock.
void report_stop_locked(Process& process) GYRE_REQUIRES(g_tree_lock) {
    int signal = 0;
    {
        SignalGuard guard(process);
        if (process.stop_signal == 0 || process.is_stopped() || process.is_group_exiting || !have_all_stopped(process))
            return;
        signal = process.stop_signal;
        process.stop_report = signal;
        process.continue_report = false;
        process.untold_change = 0;
        ProcessParts::is_stopped(process).store(true, std::memory_order_release);
    }
    notify_parent_locked(process, abi::kCldStopped, signal);
}

void tell_parent_of_change(Process& process) {
    SpinGuard tree(g_tree_lock);
    int change;
    {
        SignalGuard guard(process);
        change = std::exchange(process.untold_change, 0);
    }
    if (change != 0) notify_parent_locked(process, change, change == abi::kCldContinued ? kSigContinue : kSigStop);
}

}  // namespace

void complete_group_stop(Process& process) {
    SpinGuard tree(g_tree_lock);
    report_stop_locked(process);
}

void stop_process(Task& task, int signal, uint32_t continue_count) {
    Process& process = task.process();
    SpinGuard tree(g_tree_lock);
    // Those that the terminal sends do not stop a group that no shell could continue (POSIX).
    if (signal != kSigStop && process.group && process.group->is_orphaned()) return;
    SignalGuard guard(process);
    if (process.continue_count != continue_count || process.is_group_exiting || process.stop_signal != 0) return;
    process.stop_signal = signal;
    for (Task& each : process.tasks)
        if (!each.is_exiting) each.thread().interrupt(Interruption::Stop);
}

void stop_with_process(Task& task) {
    Process& process = task.process();
    {
        SpinGuard tree(g_tree_lock);
        {
            SignalGuard guard(process);
            task.has_stopped = process.stop_signal != 0;
        }
        if (task.has_stopped) report_stop_locked(process);
    }
    Status outcome;
    while (task.has_stopped && outcome) {
        // Deaf to signals: only SIGCONT and SIGKILL end it.
        outcome = process.stopped_tasks.wait(Patience::forever().killable(), [&] {
            return *const_cast<volatile int*>(&process.stop_signal) == 0;
        });
        SignalGuard guard(process);
        if (process.stop_signal == 0) task.has_stopped = false;
    }
    {
        SignalGuard guard(process);
        task.has_stopped = false;
        if (process.stop_signal == 0) task.thread().clear_interruption(Interruption::Stop);
    }
    tell_parent_of_change(process);
}

}  // namespace gyre::linux
