// SPDX-License-Identifier: MIT
//
// Policies and priorities (sched(7)). Left out: SCHED_DEADLINE and utilization clamps (EINVAL).
#include <algorithm>

#include "call_handlers.h"
#include "kernel/linux/clocks.h"
#include "kernel/linux/schedule_rights.h"
#include "kernel/schedule/run_queue.h"

namespace gyre::linux {
namespace {

constexpr int kNormal = 0, kFifo = 1, kRoundRobin = 2, kBatch = 3, kIdle = 5, kDeadline = 6;
constexpr int kResetOnForkBit = 0x40000000;
constexpr int kMostRealtimePriority = 99;
constexpr uint64_t kFlagResetOnFork = 1, kFlagKeepPolicy = 8, kFlagKeepParameters = 16;
constexpr uint32_t kFirstAttributeSize = 48;  // SCHED_ATTR_SIZE_VER0

// Errors: InvalidArgument.
Result<SchedulePolicy> to_policy(int number) {
    switch (number) {
        case kNormal: return SchedulePolicy::Normal;
        case kFifo: return SchedulePolicy::Fifo;
        case kRoundRobin: return SchedulePolicy::RoundRobin;
        case kBatch: return SchedulePolicy::Batch;
        case kIdle: return SchedulePolicy::Idle;
        default: return fail(Error::InvalidArgument);
    }
}
int to_number(SchedulePolicy policy) {
    switch (policy) {
        case SchedulePolicy::Normal: return kNormal;
        case SchedulePolicy::Batch: return kBatch;
        case SchedulePolicy::Idle: return kIdle;
        case SchedulePolicy::Fifo: return kFifo;
        case SchedulePolicy::RoundRobin: return kRoundRobin;
    }
    return kNormal;
}
bool is_realtime(SchedulePolicy policy) { return policy == SchedulePolicy::Fifo || policy == SchedulePolicy::RoundRobin; }

struct Change {
    SchedulePolicy policy;
    int priority;
    int nice;
    bool resets_on_fork;
};

Status change(CallContext& context, Task& target, const Change& change) {
    if (change.priority < 0 || change.priority > kMostRealtimePriority ||
        is_realtime(change.policy) != (change.priority != 0))
        return fail(Error::InvalidArgument);
    const ScheduleParameters wanted{change.policy, static_cast<int8_t>(change.nice),
                                    static_cast<uint8_t>(change.priority)};
    TRY_VOID(check_schedule_change(context, target, wanted, change.resets_on_fork));
    TRY_VOID(target.thread().set_schedule_parameters(wanted));
    target.reset_on_fork = change.resets_on_fork;
    return {};
}

// From the program's structure, whose size it says itself: what we do not know must be zero.
Result<abi::SchedAttr> read_attributes(uint64_t address) {
    abi::SchedAttr attributes{};
    uint32_t size = TRY(UserIn<uint32_t>(address).read());
    if (size == 0) size = kFirstAttributeSize;
    if (size < kFirstAttributeSize || size > kPageSize) {
        TRY_VOID(UserOut<uint32_t>(address).write(sizeof(attributes)));
        return fail(Error::ArgumentListTooLong);
    }
    TRY_VOID(user_memory::copy_in(&attributes, address, std::min<size_t>(size, sizeof(attributes))));
    for (size_t at = sizeof(attributes); at < size; ++at) {
        if (TRY(UserIn<uint8_t>(address + at).read()) == 0) continue;
        TRY_VOID(UserOut<uint32_t>(address).write(sizeof(attributes)));
        return fail(Error::ArgumentListTooLong);
    }
    return attributes;
}

}  // namespace

CallResult sys_sched_yield(CallContext&) {
    Thread::yield();
    return 0;
}

CallResult sys_sched_setscheduler(CallContext& context, int pid, int policy, UserIn<int32_t> priority) {
    if (priority.is_null() || pid < 0 || policy < 0) return fail(Error::InvalidArgument);
    const int wanted = TRY(priority.read());
    const Ref<Task> task = TRY(find_scheduled_task(context, pid));
    const SchedulePolicy to = TRY(to_policy(policy & ~kResetOnForkBit));
    TRY_VOID(change(context, *task, {to, wanted, task->thread().schedule_parameters().nice,
                                     (policy & kResetOnForkBit) != 0}));
    return 0;
}

CallResult sys_sched_setparam(CallContext& context, int pid, UserIn<int32_t> priority) {
    if (priority.is_null() || pid < 0) return fail(Error::InvalidArgument);
    const int wanted = TRY(priority.read());
    const Ref<Task> task = TRY(find_scheduled_task(context, pid));
    const ScheduleParameters old = task->thread().schedule_parameters();
    TRY_VOID(change(context, *task, {old.policy, wanted, old.nice, task->reset_on_fork}));
    return 0;
}

CallResult sys_sched_getscheduler(CallContext& context, int pid) {
    if (pid < 0) return fail(Error::InvalidArgument);
    const Ref<Task> task = TRY(find_scheduled_task(context, pid));
    return to_number(task->thread().schedule_parameters().policy) | (task->reset_on_fork ? kResetOnForkBit : 0);
}

CallResult sys_sched_getparam(CallContext& context, int pid, UserOut<int32_t> priority) {
    if (priority.is_null() || pid < 0) return fail(Error::InvalidArgument);
    const Ref<Task> task = TRY(find_scheduled_task(context, pid));
    TRY_VOID(priority.write(task->thread().schedule_parameters().realtime_priority));
    return 0;
}

CallResult sys_sched_setattr(CallContext& context, int pid, UserInOut<abi::SchedAttr> attributes, uint32_t flags) {
    if (attributes.is_null() || pid < 0 || flags != 0) return fail(Error::InvalidArgument);
    const abi::SchedAttr given = TRY(read_attributes(attributes.address()));
    if (given.flags & ~(kFlagResetOnFork | kFlagKeepPolicy | kFlagKeepParameters)) return fail(Error::InvalidArgument);
    if (static_cast<int>(given.policy) < 0) return fail(Error::InvalidArgument);
    const Ref<Task> task = TRY(find_scheduled_task(context, pid));
    const ScheduleParameters old = task->thread().schedule_parameters();
    const bool keeps = (given.flags & kFlagKeepParameters) != 0;
    SchedulePolicy policy =
        (given.flags & kFlagKeepPolicy) ? old.policy : TRY(to_policy(static_cast<int>(given.policy)));
    const int nice = std::clamp(given.nice, kHighestNice, kLowestNice);
    const uint32_t priority = keeps ? old.realtime_priority : given.priority;
    if (priority > kMostRealtimePriority) return fail(Error::InvalidArgument);
    // To Linux the policy is one of the parameters: given one is checked, and then kept as it was.
    if (keeps) {
        if (is_realtime(policy) != (priority != 0)) return fail(Error::InvalidArgument);
        policy = old.policy;
    }
    TRY_VOID(change(context, *task, {policy, static_cast<int>(priority), keeps || is_realtime(policy) ? old.nice : nice,
                                     (given.flags & kFlagResetOnFork) != 0}));
    return 0;
}

CallResult sys_sched_getattr(CallContext& context, int pid, UserOut<std::byte> attributes, uint32_t size, uint32_t flags) {
    if (attributes.is_null() || pid < 0 || size > kPageSize || size < kFirstAttributeSize || flags != 0)
        return fail(Error::InvalidArgument);
    const Ref<Task> task = TRY(find_scheduled_task(context, pid));
    const ScheduleParameters parameters = task->thread().schedule_parameters();
    abi::SchedAttr result{};
    result.size = std::min<uint32_t>(size, sizeof(result));
    result.policy = static_cast<uint32_t>(to_number(parameters.policy));
    result.flags = task->reset_on_fork ? kFlagResetOnFork : 0;
    if (is_realtime(parameters.policy))
        result.priority = parameters.realtime_priority;
    else
        result.nice = parameters.nice;
    TRY_VOID(user_memory::copy_out(attributes.address(), &result, result.size));
    return 0;
}

CallResult sys_sched_get_priority_max(CallContext&, int policy) {
    if (policy == kDeadline) return 0;
    return is_realtime(TRY(to_policy(policy))) ? kMostRealtimePriority : 0;
}

CallResult sys_sched_get_priority_min(CallContext&, int policy) {
    if (policy == kDeadline) return 0;
    return is_realtime(TRY(to_policy(policy))) ? 1 : 0;
}

CallResult sys_sched_rr_get_interval(CallContext& context, int pid, UserOut<abi::Timespec> interval) {
    if (pid < 0) return fail(Error::InvalidArgument);
    const Ref<Task> task = TRY(find_scheduled_task(context, pid));
    int64_t slice_ns = kFairSliceNs;
    const SchedulePolicy policy = task->thread().schedule_parameters().policy;
    if (policy == SchedulePolicy::RoundRobin) slice_ns = kRoundRobinSliceNs;
    if (policy == SchedulePolicy::Fifo) slice_ns = 0;
    TRY_VOID(interval.write(to_timespec(slice_ns)));
    return 0;
}

}  // namespace gyre::linux
