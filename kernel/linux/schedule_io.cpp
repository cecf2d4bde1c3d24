// SPDX-License-Identifier: MIT
//
// ioprio_set(2), ioprio_get(2). The priorities are kept, inherited and told back; no disk has a queue that would look at them
// (as on Linux without a scheduler for its disk).
#include "call_handlers.h"
#include "kernel/linux/schedule_rights.h"
#include "kernel/linux/schedule_visit.h"

namespace gyre::linux {
namespace {

constexpr int kClassShift = 13, kLevels = 8;
enum IoClass : int { kNone = 0, kRealtime = 1, kBestEffort = 2, kIdle = 3 };

// Errors: InvalidArgument, NotPermitted.
Status check(CallContext& context, int priority) {
    if (priority < 0 || priority > int{UINT16_MAX}) return fail(Error::InvalidArgument);
    const int level = priority & ((1 << kClassShift) - 1) & (kLevels - 1);
    switch (priority >> kClassShift) {
        case kNone: return level == 0 ? Status() : fail(Error::InvalidArgument);
        case kRealtime:
            if (!context.credentials().has(Capability::SysAdmin) && !context.credentials().has(Capability::SysNice))
                return fail(Error::NotPermitted);
            return {};
        case kBestEffort:
        case kIdle: return {};
        default: return fail(Error::InvalidArgument);
    }
}

// The stronger of two: a lower number, where none at all counts as the middle of best effort.
uint16_t better(uint16_t a, uint16_t b) {
    constexpr uint16_t kMiddle = kBestEffort << kClassShift | 4;
    const uint16_t x = a >> kClassShift ? a : kMiddle, y = b >> kClassShift ? b : kMiddle;
    return x < y ? x : y;
}

bool is_who(int which) { return which >= kOfProcess + 1 && which <= kOfUser + 1; }

}  // namespace

CallResult sys_ioprio_set(CallContext& context, int which, int who, int priority) {
    TRY_VOID(check(context, priority));
    if (!is_who(which)) return fail(Error::InvalidArgument);
    Status outcome = fail(Error::NoSuchProcess);
    visit_tasks(context, which - 1, who, [&](Task& task) {
        if (!outcome && outcome.error() == Error::NotPermitted) return;
        outcome = may_schedule(context, task) ? Status() : fail(Error::NotPermitted);
        if (outcome) task.io_priority.store(static_cast<uint16_t>(priority), std::memory_order_relaxed);
    });
    if (!outcome) return fail(outcome.error());
    return 0;
}

CallResult sys_ioprio_get(CallContext& context, int which, int who) {
    if (!is_who(which)) return fail(Error::InvalidArgument);
    int best = -1;
    visit_tasks(context, which - 1, who, [&](Task& task) {
        const uint16_t own = task.io_priority.load(std::memory_order_relaxed);
        best = best < 0 ? own : better(static_cast<uint16_t>(best), own);
    });
    if (best < 0) return fail(Error::NoSuchProcess);
    return best;
}

}  // namespace gyre::linux
