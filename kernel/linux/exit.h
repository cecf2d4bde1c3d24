// SPDX-License-Identifier: MIT
//
// How tasks and processes end. Wait statuses are those of wait(2): code << 8 for an exit, the signal (| 0x80 when it
// dumped core) for a death.
#pragma once

#include "kernel/linux/process.h"

namespace gyre::linux {

// Ends the running task; when it is the last one, its process with it.
[[noreturn]] void exit_task(int wait_status);
// Ends the running task's process with all its tasks: exit_group(2), a fatal signal. The first status counts.
[[noreturn]] void exit_group(int wait_status);
// Asks every task but `except` to end at its next way to user mode. The signal lock is held.
void kill_other_tasks_locked(Process& process, const Task* except);

// The running task's last words in memory that others may share: robust futexes and clear_child_tid.
void leave_shared_memory(Task& task);
// For ru_maxrss, before a process lets go of a space.
void note_peak_memory(Process& process, AddressSpace& space);

// Orphans of `process` go to the nearest subreaper or to init; those that nobody will wait for are reaped. Tree lock held.
void reparent_children_locked(Process& process, Process::TaskList& reaped) GYRE_REQUIRES(g_tree_lock);
// Groups that `process`'s end (or move) leaves orphaned with a stopped member get SIGHUP and SIGCONT. Tree lock held.
void hang_up_orphaned_groups_locked(Process& process) GYRE_REQUIRES(g_tree_lock);

}  // namespace gyre::linux
