// SPDX-License-Identifier: MIT
//
// prctl(2): what a thread or process may set about itself. Leaves out seccomp, memory descriptors (PR_SET_MM), syscall
// dispatch and speculation control, which answer as a Linux built without them.
#include <cstring>

#include "call_handlers.h"
#include "kernel/linux/process_parts.h"
#include "kernel/linux/securebits.h"

namespace gyre::linux {
namespace {

enum : int {
    kSetParentDeathSignal = 1, kGetParentDeathSignal = 2, kGetDumpable = 3, kSetDumpable = 4, kGetKeepCaps = 7,
    kSetKeepCaps = 8, kGetTiming = 13, kSetTiming = 14, kSetName = 15, kGetName = 16, kGetSeccomp = 21,
    kBoundingRead = 23, kBoundingDrop = 24, kGetTsc = 25, kSetTsc = 26, kGetSecurebits = 27, kSetSecurebits = 28,
    kSetTimerSlack = 29, kGetTimerSlack = 30, kPerfEventsDisable = 31, kPerfEventsEnable = 32, kSetSubreaper = 36,
    kGetSubreaper = 37, kSetNoNewPrivileges = 38, kGetNoNewPrivileges = 39, kGetTidAddress = 40,
    kSetThpDisable = 41, kGetThpDisable = 42, kAmbient = 47,
};
constexpr size_t kNameBytes = 16;
constexpr uint64_t kDefaultTimerSlackNs = 50'000;

CallResult replace(CallContext& context, const CredentialValues& values) {
    context.task.set_credentials(TRY(Credentials::create(values, context.credentials().groups())));
    return 0;
}

CallResult set_name(CallContext& context, uint64_t address) {
    char name[kNameBytes];
    const Result<size_t> length = user_memory::copy_string_in(name, address, kNameBytes - 1);
    if (!length && length.error() != Error::NameTooLong) return fail(length.error());
    context.task.thread().set_name(std::string_view(name, length ? *length : kNameBytes - 1));
    return 0;
}

CallResult get_name(CallContext& context, uint64_t address) {
    char name[kNameBytes] = {};
    const std::string_view own = context.task.name();
    std::memcpy(name, own.data(), own.size());
    TRY_VOID(user_memory::copy_out(address, name, sizeof(name)));
    return 0;
}

CallResult drop_bounding(CallContext& context, uint64_t capability) {
    if (!context.credentials().has(Capability::Setpcap)) return fail(Error::NotPermitted);
    if (capability > uint64_t(Capability::CheckpointRestore)) return fail(Error::InvalidArgument);
    CredentialValues values = context.credentials().values();
    values.bounding &= ~(uint64_t{1} << capability);
    return replace(context, values);
}

CallResult set_securebits(CallContext& context, uint64_t wanted) {
    const Credentials& old = context.credentials();
    const uint32_t had = old->securebits;
    const uint32_t changed = had ^ static_cast<uint32_t>(wanted);
    const bool is_locked = ((had & securebits::kLocks) >> 1 & changed) != 0 || (had & securebits::kLocks & ~wanted) != 0;
    if ((wanted & ~uint64_t{securebits::kAll}) != 0 || is_locked || !old.has(Capability::Setpcap))
        return fail(Error::NotPermitted);
    CredentialValues values = old.values();
    values.securebits = static_cast<uint32_t>(wanted);
    return replace(context, values);
}

CallResult set_keep_capabilities(CallContext& context, uint64_t wanted) {
    if (wanted > 1) return fail(Error::InvalidArgument);
    CredentialValues values = context.credentials().values();
    if (values.securebits & securebits::kKeepCapsLocked) return fail(Error::NotPermitted);
    values.securebits &= ~securebits::kKeepCaps;
    if (wanted) values.securebits |= securebits::kKeepCaps;
    return replace(context, values);
}

CallResult change_ambient(CallContext& context, uint64_t operation, uint64_t capability, uint64_t rest) {
    enum : uint64_t { kIsSet = 1, kRaise = 2, kLower = 3, kClearAll = 4 };
    CredentialValues values = context.credentials().values();
    if (operation == kClearAll) {
        if (capability != 0 || rest != 0) return fail(Error::InvalidArgument);
        values.ambient = 0;
        return replace(context, values);
    }
    if (rest != 0 || capability > uint64_t(Capability::CheckpointRestore)) return fail(Error::InvalidArgument);
    const uint64_t bit = uint64_t{1} << capability;
    switch (operation) {
        case kIsSet: return (values.ambient & bit) != 0;
        case kRaise:
            if ((values.permitted & values.inheritable & bit) == 0 || (values.securebits & securebits::kNoAmbientRaise))
                return fail(Error::NotPermitted);
            values.ambient |= bit;
            return replace(context, values);
        case kLower: values.ambient &= ~bit; return replace(context, values);
        default: return fail(Error::InvalidArgument);
    }
}

CallResult set_no_new_privileges(CallContext& context) {
    CredentialValues values = context.credentials().values();
    if (values.no_new_privileges) return 0;
    values.no_new_privileges = true;
    return replace(context, values);
}

// Whoever is below learns at his own end that somebody above wants the orphans.
void mark_descendants_locked(Process& top) GYRE_REQUIRES(g_tree_lock) {
    Process* at = &top;
    for (;;) {
        if (!at->children.empty()) {
            at = &at->children.front();
        } else {
            while (at != &top) {
                auto next = std::next(Process::Children::s_iterator_to(*at));
                if (next != at->parent->children.end()) {
                    at = &*next;
                    break;
                }
                at = at->parent;
            }
            if (at == &top) return;
        }
        at->has_subreaper_above = true;
    }
}

CallResult set_subreaper(CallContext& context, bool is_subreaper) {
    SpinGuard tree(g_tree_lock);
    context.process.is_subreaper = is_subreaper;
    if (is_subreaper) mark_descendants_locked(context.process);
    return 0;
}

CallResult write_int(uint64_t address, int32_t value) {
    TRY_VOID(user_memory::copy_out(address, &value, sizeof(value)));
    return 0;
}

}  // namespace

CallResult sys_prctl(CallContext& context, int option, uint64_t argument2, uint64_t argument3, uint64_t argument4,
                     uint64_t argument5) {
    Task& task = context.task;
    Process& process = context.process;
    const uint64_t rest = argument3 | argument4 | argument5;
    switch (option) {
        case kSetParentDeathSignal:
            if (argument2 > kSigLast) return fail(Error::InvalidArgument);
            task.parent_death_signal = static_cast<int>(argument2);
            return 0;
        case kGetParentDeathSignal: return write_int(argument2, task.parent_death_signal);
        case kGetDumpable: return process.is_dumpable.load(std::memory_order_relaxed);
        case kSetDumpable:
            if (argument2 > 1) return fail(Error::InvalidArgument);
            process.is_dumpable.store(argument2 == 1, std::memory_order_relaxed);
            return 0;
        case kGetKeepCaps: return (context.credentials()->securebits & securebits::kKeepCaps) != 0;
        case kSetKeepCaps: return set_keep_capabilities(context, argument2);
        case kGetTiming: return 0;
        case kSetTiming:
            if (argument2 != 0) return fail(Error::InvalidArgument);
            return 0;
        case kSetName: return set_name(context, argument2);
        case kGetName: return get_name(context, argument2);
        case kGetSeccomp: return 0;
        case kBoundingRead:
            if (argument2 > uint64_t(Capability::CheckpointRestore)) return fail(Error::InvalidArgument);
            return (context.credentials()->bounding >> argument2 & 1) != 0;
        case kBoundingDrop: return drop_bounding(context, argument2);
        case kGetTsc: return write_int(argument2, 1);  // PR_TSC_ENABLE
        case kSetTsc:
            if (argument2 != 1) return fail(Error::InvalidArgument);
            return 0;
        case kGetSecurebits: return context.credentials()->securebits;
        case kSetSecurebits: return set_securebits(context, argument2);
        case kSetTimerSlack:
            task.timer_slack_ns = static_cast<int64_t>(argument2) <= 0 ? kDefaultTimerSlackNs : argument2;
            return 0;
        case kGetTimerSlack: return static_cast<long>(task.timer_slack_ns);
        case kPerfEventsDisable:
        case kPerfEventsEnable: return 0;  // there are none to switch
        case kSetSubreaper: return set_subreaper(context, argument2 != 0);
        case kGetSubreaper: return write_int(argument2, process.is_subreaper);
        case kSetNoNewPrivileges:
            if (argument2 != 1 || rest != 0) return fail(Error::InvalidArgument);
            return set_no_new_privileges(context);
        case kGetNoNewPrivileges:
            if (argument2 != 0 || rest != 0) return fail(Error::InvalidArgument);
            return context.credentials()->no_new_privileges;
        case kGetTidAddress:
            TRY_VOID(UserOut<uint64_t>(argument2).write(task.clear_child_tid));
            return 0;
        case kSetThpDisable:
            if (rest != 0) return fail(Error::InvalidArgument);
            return 0;  // no huge pages, so they are disabled already
        case kGetThpDisable:
            if (argument2 != 0 || rest != 0) return fail(Error::InvalidArgument);
            return 0;
        case kAmbient: return change_ambient(context, argument2, argument3, argument4 | argument5);
        default: return fail(Error::InvalidArgument);
    }
}

}  // namespace gyre::linux
