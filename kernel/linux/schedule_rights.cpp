// SPDX-License-Identifier: MIT
//
// See schedule_rights.h.
#include "kernel/linux/schedule_rights.h"

namespace gyre::linux {
namespace {

bool is_realtime(SchedulePolicy policy) { return policy == SchedulePolicy::Fifo || policy == SchedulePolicy::RoundRobin; }

}  // namespace

Result<Ref<Task>> find_scheduled_task(CallContext& context, int number) {
    if (number == 0) return Ref<Task>(context.task);
    Ref<Task> task = context.process.pid_namespace().find_task(number);
    if (!task) return fail(Error::NoSuchProcess);
    return task;
}

bool may_schedule(CallContext& context, const Task& target) {
    const Ref<Credentials> whom = target.credentials_reference();
    const uint32_t who = context.credentials()->effective_uid;
    return who == (*whom)->uid || who == (*whom)->effective_uid || context.credentials().has(Capability::SysNice);
}

bool may_be_nice(CallContext& context, const Task& target, int nice) {
    const auto wanted = static_cast<uint64_t>(20 - nice);  // as RLIMIT_NICE counts: 1 is 19, 40 is -20
    return wanted <= target.process().limit(kLimitNice) || context.credentials().has(Capability::SysNice);
}

Status check_schedule_change(CallContext& context, const Task& target, const ScheduleParameters& wanted,
                             bool resets_on_fork) {
    if (context.credentials().has(Capability::SysNice)) return {};
    const ScheduleParameters old = target.thread().schedule_parameters();
    if (is_realtime(wanted.policy)) {
        const uint64_t limit = target.process().limit(kLimitRealtimePriority);
        if (wanted.policy != old.policy && limit == 0) return fail(Error::NotPermitted);
        if (wanted.realtime_priority > old.realtime_priority && wanted.realtime_priority > limit)
            return fail(Error::NotPermitted);
    } else if (wanted.nice < old.nice && !may_be_nice(context, target, wanted.nice)) {
        return fail(Error::NotPermitted);
    }
    if (old.policy == SchedulePolicy::Idle && wanted.policy != SchedulePolicy::Idle &&
        !may_be_nice(context, target, old.nice))
        return fail(Error::NotPermitted);
    if (!may_schedule(context, target)) return fail(Error::NotPermitted);
    if (target.reset_on_fork && !resets_on_fork) return fail(Error::NotPermitted);
    return {};
}

}  // namespace gyre::linux
