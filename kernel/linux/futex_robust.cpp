// SPDX-License-Identifier: MIT
//
// Robust futexes: the list of locks that a thread holds stands in its own memory; when the thread ends, the kernel marks each
// FUTEX_OWNER_DIED and wakes a waiter (get_robust_list(2), Documentation/locking/robust-futex-ABI of Linux). The list is the
// program's: it may be broken, endless, or point anywhere.
#include "call_handlers.h"
#include "kernel/linux/futex.h"

namespace gyre::linux {
namespace {

constexpr uint32_t kWaiters = 0x8000'0000, kOwnerDied = 0x4000'0000, kOwner = 0x3fff'ffff;  // FUTEX_TID_MASK
constexpr int kMostRobustLocks = 2048;   // ROBUST_LIST_LIMIT
constexpr uint64_t kInheritsPriority = 1;  // lowest bit of an entry's address

// Errors: BadAddress.
Result<bool> exchange(uint64_t address, uint32_t& seen, uint32_t fresh) {
    for (;;) {
        Result<bool> done = user_memory::compare_exchange_u32_nofault(address, seen, fresh);
        if (done) return done;
        // Not there, or not writable yet (copied on write): a plain write of nothing but its own value would race, so
        // the page is read in, and a page that stays read only ends it.
        uint32_t value;
        TRY_VOID(user_memory::copy_in(&value, address, sizeof(value)));
        done = user_memory::compare_exchange_u32_nofault(address, seen, fresh);
        if (done) return done;
        if (Task::current().process().address_space().handle_fault({address}, FaultAccess::Write) !=
            FaultOutcome::Resolved)
            return fail(Error::BadAddress);
    }
}

// Errors: BadAddress.
Status mark_dead(Task& task, uint64_t address, bool is_pending) {
    if (address % sizeof(uint32_t) != 0) return fail(Error::BadAddress);
    AddressSpace& space = task.process().address_space();
    uint32_t value = TRY(UserIn<uint32_t>(address).read());
    // The unlocker may have died between letting go and waking: the word is free, the waiter does not know.
    if (is_pending && value == 0) {
        (void)futex_wake_address(space, address, 1);
        return {};
    }
    for (;;) {
        if ((value & kOwner) != static_cast<uint32_t>(task.tid())) return {};
        if (TRY(exchange(address, value, (value & kWaiters) | kOwnerDied))) break;
    }
    if (value & kWaiters) (void)futex_wake_address(space, address, 1);
    return {};
}

Status walk_list(Task& task) {
    const abi::RobustList head = TRY(UserIn<abi::RobustList>(task.robust_list).read());
    const auto futex_of = [&](uint64_t entry) {
        return (entry & ~kInheritsPriority) + static_cast<uint64_t>(head.futex_offset);
    };
    const uint64_t pending = head.pending & ~kInheritsPriority;
    uint64_t entry = head.first;
    for (int i = 0; i < kMostRobustLocks && (entry & ~kInheritsPriority) != task.robust_list; ++i) {
        // Read before the lock is given away: then the entry may be gone.
        const Result<uint64_t> next = UserIn<uint64_t>(entry & ~kInheritsPriority).read();
        if ((entry & ~kInheritsPriority) != pending) TRY_VOID(mark_dead(task, futex_of(entry), false));
        if (!next) break;
        entry = *next;
        Thread::preemption_point();
    }
    return pending != 0 ? mark_dead(task, futex_of(head.pending), true) : Status();
}

}  // namespace

void exit_robust_list(Task& task) {
    (void)walk_list(task);  // a list that cannot be read is the program's loss
}

CallResult sys_set_robust_list(CallContext& context, uint64_t head, size_t length) {
    if (length != sizeof(abi::RobustList)) return fail(Error::InvalidArgument);
    context.task.robust_list = head;
    return 0;
}

CallResult sys_get_robust_list(CallContext& context, int pid, UserOut<uint64_t> head, UserOut<uint64_t> length) {
    Ref<Task> task(context.task);
    if (pid != 0) {
        task = context.process.pid_namespace().find_task(pid);
        if (!task) return fail(Error::NoSuchProcess);
        // As ptrace(2) in its read mode: the same user, or CAP_SYS_PTRACE.
        const Ref<Credentials> whom = task->credentials_reference();
        const CredentialValues& who = context.credentials().values();
        if (task.get() != &context.task && !context.credentials().has(Capability::SysPtrace) &&
            (who.uid != (*whom)->uid || who.uid != (*whom)->effective_uid || who.uid != (*whom)->saved_uid))
            return fail(Error::NotPermitted);
    }
    TRY_VOID(length.write(sizeof(abi::RobustList)));
    TRY_VOID(head.write(task->robust_list));
    return 0;
}

}  // namespace gyre::linux
