// SPDX-License-Identifier: MIT
//
// Whose scheduling a task may change, and how far (sched(7), setpriority(2)).
#pragma once

#include "kernel/linux/context.h"

namespace gyre::linux {

constexpr int kLowestNice = 19, kHighestNice = -20;

// The task by its number, 0 for the caller's. Errors: NoSuchProcess.
Result<Ref<Task>> find_scheduled_task(CallContext& context, int number);
// The caller's effective user is the target's real or effective one, or CAP_SYS_NICE.
bool may_schedule(CallContext& context, const Task& target);
// RLIMIT_NICE of the target's process allows the nice level, or CAP_SYS_NICE.
bool may_be_nice(CallContext& context, const Task& target, int nice);
// All rules for a change of policy and priority. Errors: NotPermitted.
Status check_schedule_change(CallContext& context, const Task& target, const ScheduleParameters& wanted,
                             bool resets_on_fork);

}  // namespace gyre::linux
