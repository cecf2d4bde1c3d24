// SPDX-License-Identifier: MIT
//
// futex(2): from operation numbers to futex.h.
#include <memory>
#include <new>

#include "call_handlers.h"
#include "kernel/linux/clocks.h"
#include "kernel/linux/errno.h"
#include "kernel/linux/futex.h"
#include "kernel/linux/wall_clock.h"

namespace gyre::linux {
namespace {

enum Operation : int {
    kWait = 0, kWake = 1, kRequeue = 3, kCompareRequeue = 4, kWakeOperation = 5, kWaitMask = 9, kWakeMask = 10,
};
constexpr int kPrivate = 128, kRealtimeClock = 256;

struct FutexCall {
    CallContext& context;
    uint64_t word, word2;
    bool is_private;
    uint32_t value, value2, value3;

    Result<FutexKey> key(uint64_t address) const { return futex_key(context.address_space(), address, is_private); }
};

CallResult wait_until(CallContext& context, const FutexCall& call, FutexTimeout timeout, uint32_t mask);

// restart_syscall(2) of a wait with a timeout: the moment it ends at stands.
CallResult continue_wait(CallContext& context, RestartBlock& block) {
    const FutexCall call{context, block.values[0], 0, block.values[4] != 0, static_cast<uint32_t>(block.values[1]), 0, 0};
    const FutexTimeout timeout{static_cast<int64_t>(block.values[2]), block.values[5] != 0};
    return wait_until(context, call, timeout, static_cast<uint32_t>(block.values[3]));
}

CallResult wait_until(CallContext& context, const FutexCall& call, FutexTimeout timeout, uint32_t mask) {
    if (mask == 0) return fail(Error::InvalidArgument);
    const FutexWord word{TRY(call.key(call.word)), call.word, call.value};
    const Status waited = futex_wait(word, mask, timeout);
    if (waited) return 0;
    if (waited.error() != Error::Interrupted) return fail(waited.error());
    if (timeout.moment_ns == kNeverNs) return fail(Error::RestartSystemCall);
    context.task.restart = {&continue_wait,
                            {call.word, call.value, static_cast<uint64_t>(timeout.moment_ns), mask, call.is_private,
                             timeout.is_realtime}};
    return fail(Error::RestartUnlessHandler);
}

// FUTEX_WAIT counts from now, FUTEX_WAIT_BITSET names a moment of the monotonic or the realtime clock.
Result<FutexTimeout> deadline_of(int operation, bool is_realtime, uint64_t timeout) {
    if (timeout == 0) return FutexTimeout{};
    const int64_t time_ns = TRY(to_nanoseconds(TRY(UserIn<abi::Timespec>(timeout).read())));
    if (operation == kWait) return FutexTimeout{later_by(arch::clock_now_ns(), time_ns), false};
    return FutexTimeout{time_ns, is_realtime};
}

CallResult wake(const FutexCall& call, uint32_t mask) {
    if (mask == 0) return fail(Error::InvalidArgument);
    const FutexKey key = TRY(call.key(call.word));
    const auto wanted = static_cast<int32_t>(call.value);
    // As on Linux a count below one wakes one.
    return futex_wake(key, wanted < 1 ? 1 : call.value, mask);
}

CallResult requeue(const FutexCall& call, const uint32_t* expected) {
    if (static_cast<int32_t>(call.value) < 0 || static_cast<int32_t>(call.value2) < 0) return fail(Error::InvalidArgument);
    const FutexKey from = TRY(call.key(call.word));
    const FutexKey to = TRY(call.key(call.word2));
    const FutexMoved moved = TRY(futex_requeue(from, to, {call.word, expected, call.value, call.value2}));
    return long{moved.woken} + moved.moved;
}

// The operation of FUTEX_WAKE_OP: op(4) comparison(4) operand(12) comparand(12).
struct WordOperation {
    explicit WordOperation(uint32_t code)
        : operation(code >> 28 & 7), is_shift((code >> 31) != 0), comparison(code >> 24 & 15),
          operand(static_cast<int32_t>(code << 8) >> 20), comparand(static_cast<int32_t>(code << 20) >> 20) {
        if (is_shift) operand = static_cast<int32_t>(1u << (operand & 31));
    }
    Result<uint32_t> apply(uint32_t old) const {
        const auto argument = static_cast<uint32_t>(operand);
        switch (operation) {
            case 0: return argument;
            case 1: return old + argument;
            case 2: return old | argument;
            case 3: return old & ~argument;
            case 4: return old ^ argument;
            default: return fail(Error::NotImplemented);
        }
    }
    Result<bool> compare(uint32_t old_word) const {
        const auto old = static_cast<int32_t>(old_word);
        switch (comparison) {
            case 0: return old == comparand;
            case 1: return old != comparand;
            case 2: return old < comparand;
            case 3: return old <= comparand;
            case 4: return old > comparand;
            case 5: return old >= comparand;
            default: return fail(Error::NotImplemented);
        }
    }
    uint32_t operation;
    bool is_shift;
    uint32_t comparison;
    int32_t operand, comparand;
};

// The word before. Errors: BadAddress, NotImplemented.
Result<uint32_t> change_word(AddressSpace& space, uint64_t address, const WordOperation& operation) {
    uint32_t seen = TRY(UserIn<uint32_t>(address).read());
    for (;;) {
        const uint32_t fresh = TRY(operation.apply(seen));
        const Result<bool> done = user_memory::compare_exchange_u32_nofault(address, seen, fresh);
        if (done && *done) return seen;
        if (!done && space.handle_fault({address}, FaultAccess::Write) != FaultOutcome::Resolved)
            return fail(Error::BadAddress);
        Thread::preemption_point();
    }
}

// The word changes before anybody is woken, so no lock need be held over both wakes: who looks later sees the change.
CallResult wake_operation(const FutexCall& call) {
    const FutexKey key = TRY(call.key(call.word));
    const FutexKey key2 = TRY(call.key(call.word2));
    const WordOperation operation(call.value3);
    const uint32_t old = TRY(change_word(call.context.address_space(), call.word2, operation));
    const bool wakes_second = TRY(operation.compare(old));
    long woken = futex_wake(key, call.value);
    if (wakes_second) woken += futex_wake(key2, call.value2);
    return woken;
}

// struct futex_waitv.
struct VectorWaiter {
    uint64_t value, address;
    uint32_t flags, reserved;
};
static_assert(sizeof(VectorWaiter) == 24);
constexpr uint32_t kSize32 = 2, kVectorPrivate = 128;   // FUTEX2_SIZE_U32, FUTEX2_PRIVATE

}  // namespace

CallResult sys_futex(CallContext& context, uint64_t word, int operation, uint32_t value, uint64_t timeout_or_value2,
                     uint64_t word2, uint32_t value3) {
    const int command = operation & ~(kPrivate | kRealtimeClock);
    const bool is_realtime = (operation & kRealtimeClock) != 0;
    const FutexCall call{context, word, word2, (operation & kPrivate) != 0, value, static_cast<uint32_t>(timeout_or_value2),
                         value3};
    if (command == kWait || command == kWaitMask) {
        const FutexTimeout timeout = TRY(deadline_of(command, is_realtime, timeout_or_value2));
        if (is_realtime && command == kWait) return fail(Error::NotImplemented);
        return wait_until(context, call, timeout, command == kWait ? kFutexMatchAny : value3);
    }
    if (is_realtime) return fail(Error::NotImplemented);
    switch (command) {
        case kWake: return wake(call, kFutexMatchAny);
        case kWakeMask: return wake(call, value3);
        case kRequeue: return requeue(call, nullptr);
        case kCompareRequeue: return requeue(call, &value3);
        case kWakeOperation: return wake_operation(call);
        default: return fail(Error::NotImplemented);
    }
}

CallResult sys_futex_waitv(CallContext& context, UserIn<std::byte> waiters, uint32_t count, uint32_t flags,
                           UserIn<abi::Timespec> timeout, int clock) {
    if (flags != 0 || count == 0 || count > kMostFutexWords || waiters.is_null()) return fail(Error::InvalidArgument);
    FutexTimeout until;
    if (!timeout.is_null()) {
        if (clock != abi::kClockMonotonic && clock != abi::kClockRealtime) return fail(Error::InvalidArgument);
        until = {TRY(to_nanoseconds(TRY(timeout.read()))), clock == abi::kClockRealtime};
    }
    const std::unique_ptr<FutexWord[]> words(new (std::nothrow) FutexWord[count]);
    if (!words) return fail(Error::NoMemory);
    for (uint32_t i = 0; i < count; ++i) {
        const VectorWaiter given = TRY(UserIn<VectorWaiter>(waiters.address()).read(i));
        if ((given.flags & ~kVectorPrivate) != kSize32 || given.reserved != 0 || given.value > UINT32_MAX)
            return fail(Error::InvalidArgument);
        const bool is_private = (given.flags & kVectorPrivate) != 0;
        words[i] = {TRY(futex_key(context.address_space(), given.address, is_private)), given.address,
                    static_cast<uint32_t>(given.value)};
    }
    const Result<size_t> woken = futex_wait_any({words.get(), count}, until);
    // Its timeout is a moment: the call is simply made again.
    if (!woken) return fail(restartable(woken.error()));
    return static_cast<long>(*woken);
}

}  // namespace gyre::linux
