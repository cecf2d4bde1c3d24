// SPDX-License-Identifier: MIT
//
// Whom setpriority(2) and ioprio_set(2) mean: a task, a process group or all tasks of a user.
#pragma once

#include "kernel/linux/context.h"
#include "kernel/linux/process_tree.h"

namespace gyre::linux {

constexpr int kOfProcess = 0, kOfGroup = 1, kOfUser = 2;   // PRIO_*; IOPRIO_WHO_* are one more

// Runs visit(task) for every task that is meant; the tree lock is held meanwhile.
template <class Visit>
void visit_tasks(CallContext& context, int which, int who, Visit&& visit) {
    const PidNamespace& pids = context.process.pid_namespace();
    if (which == kOfProcess) {
        const Ref<Task> task = who == 0 ? Ref<Task>(context.task) : pids.find_task(who);
        SpinGuard tree(g_tree_lock);
        if (task) visit(*task);
    } else if (which == kOfGroup) {
        SpinGuard tree(g_tree_lock);
        ProcessGroup* group = who == 0 ? context.process.group.get() : find_group_locked(pids, who);
        if (!group) return;
        for (Process& process : group->members)
            for (Task& task : process.tasks) visit(task);
    } else {
        const uint32_t uid = who == 0 ? context.credentials()->uid : static_cast<uint32_t>(who);
        for (Ref<Process> process = pids.next_process(1); process; process = pids.next_process(process->pid() + 1)) {
            SpinGuard tree(g_tree_lock);
            for (Task& task : process->tasks)
                if (task.credentials_reference()->values().uid == uid) visit(task);
        }
    }
}

}  // namespace gyre::linux
