// SPDX-License-Identifier: MIT
//
// On the way to user mode with something to look at: end, stop, or enter handlers; and what becomes of a call that a signal
// ended (signal(7), "Interruption of system calls").
#include "kernel/arch/x86_64/trap_frame.h"
#include "kernel/linux/errno.h"
#include "kernel/linux/exit.h"
#include "kernel/linux/rseq.h"
#include "kernel/linux/signal_parts.h"
#include "kernel/memory/user.h"
#include "kernel/schedule/scheduler.h"

namespace gyre::linux {
namespace {

constexpr uint64_t kRestartCall = 219;        // restart_syscall(2)
constexpr uint64_t kCallInstructionBytes = 2;
constexpr uint64_t error_value(int number) { return static_cast<uint64_t>(-int64_t{number}); }

// What take_action found to do.
struct Delivery {
    int signal = 0;             // 0: nothing left
    SignalInfo info{};
    abi::SigAction action{};
    uint32_t continue_count = 0;
};

// Takes signals until one has something to do. SIGKILL among them means the end.
Delivery take_action(Task& task) {
    Process& process = task.process();
    Delivery delivery;
    SignalGuard guard(process);
    for (;;) {
        if (process.is_group_exiting || process.stop_signal != 0) return {};  // the caller looks at these first
        delivery.signal = take_signal_locked(task, ~task.blocked, delivery.info);
        if (delivery.signal == 0) {
            task.thread().clear_interruption(Interruption::Signal);
            return delivery;
        }
        abi::SigAction& action = guard.handlers().action(delivery.signal);
        if (guard.handlers().is_ignored(delivery.signal)) continue;
        if (action.handler == abi::kSigDefault && process.cannot_be_killed) continue;
        delivery.action = action;
        delivery.continue_count = process.continue_count;
        if (action.handler != abi::kSigDefault && (action.flags & abi::kSaResetHandler) != 0)
            action.handler = abi::kSigDefault;
        return delivery;
    }
}

void make_call_again(arch::TrapFrame& frame, uint64_t number) {
    frame.rax = number;
    frame.rip -= kCallInstructionBytes;
}

// No handler ran: the call goes on as if nothing had been.
void restart_call(Task& task, arch::TrapFrame& frame) {
    if (!frame.is_call()) return;
    if (frame.rax == error_value(kRestartSystemCall)) {
        make_call_again(frame, frame.original_rax);
    } else if (frame.rax == error_value(kRestartUnlessHandler)) {
        make_call_again(frame, task.restart.run ? kRestartCall : frame.original_rax);
    }
}

void end_call_for_handler(Task& task, arch::TrapFrame& frame, const abi::SigAction& action) {
    if (!frame.is_call()) return;
    if (frame.rax == error_value(kRestartSystemCall)) {
        if (action.flags & abi::kSaRestart)
            make_call_again(frame, frame.original_rax);
        else
            frame.rax = error_value(to_errno(Error::Interrupted));
    } else if (frame.rax == error_value(kRestartUnlessHandler)) {
        frame.rax = error_value(to_errno(Error::Interrupted));
        task.restart = {};
    }
}

// SIGSEGV for a handler that cannot be entered; if that is SIGSEGV's own, it will not be tried again.
void fail_delivery(Task& task, int signal) {
    if (signal == kSigSegv) {
        SignalGuard guard(task.process());
        guard.handlers().action(kSigSegv).handler = abi::kSigDefault;
    }
    force_signal(kSigSegv);
}

void run_handler(Task& task, arch::TrapFrame& frame, const Delivery& delivery) {
    end_call_for_handler(task, frame, delivery.action);
    abort_critical_section(task, frame);
    const SignalSet old_mask = task.has_saved_mask ? task.saved_mask : task.blocked;
    if (!enter_handler(task, frame, delivery.action, delivery.info, old_mask)) {
        fail_delivery(task, delivery.signal);
        return;
    }
    task.has_saved_mask = false;
    SignalSet blocked = task.blocked | delivery.action.mask;
    if ((delivery.action.flags & abi::kSaNoDefer) == 0) blocked |= signal_bit(delivery.signal);
    set_blocked_signals(task, blocked);
}

void end_if_killed(Task& task) {
    if (!task.thread().has_interruption(Interruption::Kill)) return;
    int status;
    {
        SignalGuard guard(task.process());
        if (!task.process().is_group_exiting) {
            task.thread().clear_interruption(Interruption::Kill);
            return;
        }
        status = task.process().group_exit_code;
    }
    exit_task(status);
}

}  // namespace

void handle_interruptions(Thread& thread) {
    Task& task = Task::of(thread);
    arch::TrapFrame& frame = arch::user_frame(thread);
    for (;;) {
        end_if_killed(task);
        if (thread.has_interruption(Interruption::Moved)) {
            thread.clear_interruption(Interruption::Moved);
            update_restartable_sequence(task, frame);
        }
        if (thread.has_interruption(Interruption::Stop)) {
            stop_with_process(task);
            continue;
        }
        const Delivery delivery = take_action(task);
        if (delivery.signal == 0) {
            if (thread.has_interruption(Interruption::Kill) || thread.has_interruption(Interruption::Stop)) continue;
            break;
        }
        if (delivery.action.handler != abi::kSigDefault) {
            run_handler(task, frame, delivery);
        } else if (signal_bit(delivery.signal) & kStopSignals) {
            stop_process(task, delivery.signal, delivery.continue_count);
        } else {
            exit_group(delivery.signal);  // no core dump is written, so the status does not claim one
        }
    }
    thread.clear_interruption(Interruption::Cancel);
    restart_call(task, frame);
    if (task.has_saved_mask) {
        task.has_saved_mask = false;
        set_blocked_signals(task, task.saved_mask);
    }
}

void initialize_signals() { set_interruption_handler(&handle_interruptions); }

}  // namespace gyre::linux
