// SPDX-License-Identifier: MIT
//
// mlock(2) and its relatives. Nothing is ever swapped out, so locking means bringing pages now (unless
// ON_FAULT says when they are touched) and keeping the books.
#include "call_handlers.h"
#include "kernel/linux/context.h"
#include "kernel/linux/memory_flags.h"
#include "kernel/linux/process.h"

namespace gyre::linux {

namespace {

// mlock(2): EPERM when nothing may be locked at all, ENOMEM beyond the limit.
Status check_limit(CallContext& context, uint64_t more_bytes) {
    if (context.credentials().has(Capability::IpcLock)) return {};
    const uint64_t limit = context.limit(kLimitLocked);
    if (limit == 0) return fail(Error::NotPermitted);
    if (limit == kUnlimited) return {};
    const uint64_t locked = context.address_space().usage().locked_pages << kPageShift;
    if (locked + more_bytes > limit) return fail(Error::NoMemory);
    return {};
}

CallResult change(CallContext& context, uint64_t address, uint64_t length, bool is_locked, bool on_fault = false) {
    // Unlike mprotect, these round the start down.
    const uint64_t start = page_floor(address);
    const uint64_t bytes = page_ceiling(length + (address - start));
    if (bytes < length || start + bytes < start) return fail(Error::InvalidArgument);
    if (is_locked) TRY_VOID(check_limit(context, bytes));
    TRY_VOID(context.address_space().set_locked({start}, bytes, is_locked, on_fault));
    return 0;
}

}  // namespace

CallResult sys_mlock(CallContext& context, uint64_t address, size_t length) {
    return change(context, address, length, true);
}

CallResult sys_mlock2(CallContext& context, uint64_t address, size_t length, uint32_t flags) {
    if ((flags & ~uint32_t{kLock2OnFault}) != 0) return fail(Error::InvalidArgument);
    return change(context, address, length, true, (flags & kLock2OnFault) != 0);
}

CallResult sys_munlock(CallContext& context, uint64_t address, size_t length) {
    return change(context, address, length, false);
}

CallResult sys_mlockall(CallContext& context, int flags) {
    if (flags == 0 || flags == kLockOnFault || (flags & ~(kLockCurrent | kLockFuture | kLockOnFault)) != 0)
        return fail(Error::InvalidArgument);
    AddressSpace& space = context.address_space();
    if ((flags & kLockCurrent) != 0) {
        const auto usage = space.usage();
        TRY_VOID(check_limit(context, (usage.virtual_pages - usage.locked_pages) << kPageShift));
    } else {
        TRY_VOID(check_limit(context, 0));
    }
    space.set_lock_future((flags & kLockFuture) != 0);
    if ((flags & kLockCurrent) != 0) TRY_VOID(space.set_all_locked(true, (flags & kLockOnFault) != 0));
    return 0;
}

CallResult sys_munlockall(CallContext& context) {
    AddressSpace& space = context.address_space();
    space.set_lock_future(false);
    TRY_VOID(space.set_all_locked(false));
    return 0;
}

}  // namespace gyre::linux
