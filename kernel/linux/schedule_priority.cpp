// SPDX-License-Identifier: MIT
//
// Nice levels of tasks, process groups and users (setpriority(2)).
#include <algorithm>

#include "call_handlers.h"
#include "kernel/linux/schedule_rights.h"
#include "kernel/linux/schedule_visit.h"

namespace gyre::linux {
namespace {

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
