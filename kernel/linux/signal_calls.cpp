// SPDX-License-Identifier: MIT
//
// What a task says about its own signals: handlers, mask, waiting, the stack for handlers.
#include "call_handlers.h"
#include "kernel/arch/x86_64/trap_frame.h"
#include "kernel/linux/clocks.h"
#include "kernel/linux/errno.h"
#include "kernel/linux/signal_parts.h"

namespace gyre::linux {
namespace {

constexpr uint64_t kKnownActionFlags = abi::kSaNoChildStop | abi::kSaNoChildWait | abi::kSaSigInfo | abi::kSaExposeTagBits |
                                       abi::kSaRestorer | abi::kSaOnStack | abi::kSaRestart | abi::kSaNoDefer |
                                       abi::kSaResetHandler;
constexpr int kMaskBlock = 0, kMaskUnblock = 1, kMaskSet = 2;

void set_action(Process& process, int signal, abi::SigAction action) {
    action.flags &= kKnownActionFlags;  // so that a program can ask which flags there are (SA_UNSUPPORTED)
    action.mask &= ~kUnblockable;
    SignalGuard guard(process);
    guard.handlers().action(signal) = action;
    // POSIX: what is pending and ignored now is gone, blocked or not.
    if (guard.handlers().is_ignored(signal)) remove_signals_everywhere_locked(process, signal_bit(signal));
}

Result<SignalSet> changed_mask(SignalSet old, int how, SignalSet set) {
    switch (how) {
        case kMaskBlock: return old | set;
        case kMaskUnblock: return old & ~set;
        case kMaskSet: return set;
        default: return fail(Error::InvalidArgument);
    }
}

// Sleeps until a signal comes; the caller says how the call goes on then.
CallResult wait_for_handler() {
    while (Thread::sleep_until(Patience::forever())) {}
    return fail(Error::RestartUnlessHandler);
}

struct WaitedFor {
    WaitedFor(Task& task, SignalSet set) : task(task) {
        SignalGuard guard(task.process());
        task.waited_for = set;
    }
    ~WaitedFor() {
        SignalGuard guard(task.process());
        task.waited_for = 0;
    }
    Task& task;
};

Result<int> wait_for_signal(Task& task, SignalSet wanted, Patience patience, SignalInfo& info) {
    WaitedFor waited(task, wanted);
    for (;;) {
        if (const int signal = take_signal(task, wanted, info)) return signal;
        const Status slept = patience.is_none() ? fail(Error::TimedOut) : Thread::sleep_until(patience);
        if (slept) continue;
        if (const int signal = take_signal(task, wanted, info)) {
            // It was woken for the signal just taken, and perhaps for nothing else.
            SignalGuard guard(task.process());
            update_interruption_locked(task);
            return signal;
        }
        return fail(slept.error() == Error::TimedOut ? Error::WouldBlock : slept.error());
    }
}

}  // namespace

CallResult sys_rt_sigaction(CallContext& context, int signal, UserIn<abi::SigAction> action,
                            UserOut<abi::SigAction> old_action, size_t sigset_size) {
    if (sigset_size != sizeof(SignalSet)) return fail(Error::InvalidArgument);
    abi::SigAction fresh{};
    if (!action.is_null()) fresh = TRY(action.read());
    if (!is_signal_number(signal)) return fail(Error::InvalidArgument);
    if (!action.is_null() && (kUnblockable & signal_bit(signal)) != 0) return fail(Error::InvalidArgument);
    abi::SigAction old;
    {
        SignalGuard guard(context.process);
        old = guard.handlers().action(signal);
    }
    if (!action.is_null()) set_action(context.process, signal, fresh);
    if (!old_action.is_null()) TRY_VOID(old_action.write(old));
    return 0;
}

CallResult sys_rt_sigprocmask(CallContext& context, int how, UserIn<uint64_t> set, UserOut<uint64_t> old_set,
                              size_t sigset_size) {
    if (sigset_size != sizeof(SignalSet)) return fail(Error::InvalidArgument);
    const SignalSet old = context.task.blocked;
    if (!set.is_null()) {
        const SignalSet given = TRY(set.read()) & ~kUnblockable;
        set_blocked_signals(context.task, TRY(changed_mask(old, how, given)));
    }
    if (!old_set.is_null()) TRY_VOID(old_set.write(old));
    return 0;
}

CallResult sys_rt_sigpending(CallContext& context, UserOut<uint64_t> set, size_t sigset_size) {
    if (sigset_size > sizeof(SignalSet)) return fail(Error::InvalidArgument);
    const SignalSet pending = pending_signals(context.task) & context.task.blocked;
    TRY_VOID(user_memory::copy_out(set.address(), &pending, sigset_size));
    return 0;
}

CallResult sys_rt_sigtimedwait(CallContext& context, UserIn<uint64_t> set, UserOut<abi::SigInfo> info,
                               UserIn<abi::Timespec> timeout, size_t sigset_size) {
    if (sigset_size != sizeof(SignalSet)) return fail(Error::InvalidArgument);
    const SignalSet wanted = TRY(set.read()) & ~kUnblockable;
    Patience patience = Patience::forever();
    if (!timeout.is_null()) {
        const int64_t wait_ns = TRY(to_nanoseconds(TRY(timeout.read())));
        patience = wait_ns == 0 ? Patience::none() : Patience::until_ns(later_by(arch::clock_now_ns(), wait_ns));
    }
    abi::SigInfo taken{};
    const int signal = TRY(wait_for_signal(context.task, wanted, patience, taken.info));
    if (!info.is_null()) TRY_VOID(info.write(taken));
    return signal;
}

CallResult sys_rt_sigsuspend(CallContext& context, UserIn<uint64_t> mask, size_t sigset_size) {
    if (sigset_size != sizeof(SignalSet)) return fail(Error::InvalidArgument);
    const SignalSet blocked = TRY(mask.read());
    context.task.saved_mask = context.task.blocked;
    context.task.has_saved_mask = true;
    set_blocked_signals(context.task, blocked);
    context.task.restart = {};
    return wait_for_handler();
}

CallResult sys_pause(CallContext& context) {
    context.task.restart = {};
    return wait_for_handler();
}

CallResult sys_restart_syscall(CallContext& context) {
    RestartBlock block = std::exchange(context.task.restart, {});
    if (!block.run) return fail(Error::Interrupted);  // a handler ran in between
    return block.run(context, block);
}

CallResult sys_sigaltstack(CallContext& context, UserIn<abi::SignalStack> stack, UserOut<abi::SignalStack> old_stack) {
    Task& task = context.task;
    const uint64_t stack_pointer = arch::user_frame(task.thread()).rsp;
    const auto old_flags = static_cast<uint32_t>(task.signal_stack.flags);
    abi::SignalStack old = task.signal_stack;
    uint32_t state = 0;
    if (old.size == 0)
        state = abi::kSsDisable;
    else if (is_on_signal_stack(task, stack_pointer))
        state = abi::kSsOnStack;
    old.flags = static_cast<int32_t>(state | (old_flags & abi::kSsAutoDisarm));
    old.padding = 0;
    if (!stack.is_null()) {
        const abi::SignalStack fresh = TRY(stack.read());
        const auto flags = static_cast<uint32_t>(fresh.flags);
        const uint32_t mode = flags & ~abi::kSsAutoDisarm;
        if (is_on_signal_stack(task, stack_pointer)) return fail(Error::NotPermitted);
        if (mode != 0 && mode != abi::kSsOnStack && mode != abi::kSsDisable) return fail(Error::InvalidArgument);
        if (mode != abi::kSsDisable && fresh.size < abi::kLeastSignalStack) return fail(Error::NoMemory);
        if (mode == abi::kSsDisable)
            task.signal_stack = {0, fresh.flags, 0, 0};
        else
            task.signal_stack = {fresh.pointer, fresh.flags, 0, fresh.size};
    }
    if (!old_stack.is_null()) TRY_VOID(old_stack.write(old));
    return 0;
}

}  // namespace gyre::linux
