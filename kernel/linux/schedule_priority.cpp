// SPDX-License-Identifier: MIT
//
// Nice levels of tasks, process groups and users (setpriority(2)).
#include <algorithm>

#include "call_handlers.h"
#include "kernel/linux/process_tree.h"
#include "kernel/linux/schedule_rights.h"

namespace gyre::linux {
namespace {

constexpr int kOfProcess = 0, kOfGroup = 1, kOfUser = 2;

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

Status set_nice(CallContext& context, Task& task, int nice) {
    ScheduleParameters parameters = task.thread().schedule_parameters();
    if (!may_schedule(context, task)) return fail(Error::NotPermitted);
    if (nice < parameters.nice && !may_be_nice(context, task, nice)) return fail(Error::AccessDenied);
    parameters.nice = static_cast<int8_t>(nice);
    return task.thread().set_schedule_parameters(parameters);
}

}  // namespace

CallResult sys_setpriority(CallContext& context, int which, int who, int priority) {
    if (which < kOfProcess || which > kOfUser) return fail(Error::InvalidArgument);
    const int nice = std::clamp(priority, kHighestNice, kLowestNice);
    Status outcome = fail(Error::NoSuchProcess);
    visit_tasks(context, which, who, [&](Task& task) {
        const Status set = set_nice(context, task, nice);
        // An error stays, whatever worked for others.
        if (!set || (!outcome && outcome.error() == Error::NoSuchProcess)) outcome = set;
    });
    if (!outcome) return fail(outcome.error());
    return 0;
}

CallResult sys_getpriority(CallContext& context, int which, int who) {
    if (which < kOfProcess || which > kOfUser) return fail(Error::InvalidArgument);
    int best = 0;  // as the call returns it: 1 for nice 19 up to 40 for nice -20
    visit_tasks(context, which, who,
                [&](Task& task) { best = std::max(best, 20 - task.thread().schedule_parameters().nice); });
    if (best == 0) return fail(Error::NoSuchProcess);
    return best;
}

}  // namespace gyre::linux
