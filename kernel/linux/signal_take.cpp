// SPDX-License-Identifier: MIT
//
// The receiving side before delivery: which signals are pending, taking one, the mask and what a change of it means.
#include <bit>

#include "kernel/linux/context.h"
#include "kernel/linux/signal_parts.h"
#include "kernel/memory/user.h"

namespace gyre::linux {
namespace {

// What the own instruction did comes first, then the lowest number.
int first_of(SignalSet pending) {
    if (pending == 0) return 0;
    const SignalSet synchronous = pending & kSynchronousSignals;
    return std::countr_zero(synchronous != 0 ? synchronous : pending) + 1;
}

// Signals for the whole process that the task no longer takes: somebody else may have to wake for them.
void hand_over_locked(Task& task, SignalSet newly_blocked) {
    SignalSet orphans = task.process().shared_pending.set & newly_blocked;
    if (orphans == 0) return;
    for (Task& other : task.process().tasks) {
        if (&other == &task || other.is_exiting || (orphans & ~other.blocked) == 0) continue;
        orphans &= other.blocked;
        other.thread().interrupt(Interruption::Signal);
        if (orphans == 0) return;
    }
}

}  // namespace

SignalSet deliverable_locked(const Task& task) {
    return (task.pending.set | task.process().shared_pending.set) & ~task.blocked;
}

void update_interruption_locked(Task& task) {
    if (deliverable_locked(task) != 0)
        task.thread().interrupt(Interruption::Signal);
    else
        task.thread().clear_interruption(Interruption::Signal);
}

int take_signal_locked(Task& task, SignalSet wanted, SignalInfo& info) {
    SignalQueue* queue = &task.pending;
    int signal = first_of(queue->set & wanted);
    if (signal == 0) {
        queue = &task.process().shared_pending;
        signal = first_of(queue->set & wanted);
    }
    if (signal != 0) collect_signal_locked(*queue, signal, info);
    return signal;
}

int take_signal(Task& task, SignalSet wanted, SignalInfo& info) {
    SignalGuard guard(task.process());
    return take_signal_locked(task, wanted & ~kUnblockable, info);
}

SignalSet pending_signals(Task& task) {
    SignalGuard guard(task.process());
    return task.pending.set | task.process().shared_pending.set;
}

void set_blocked_signals(Task& task, SignalSet blocked) {
    blocked &= ~kUnblockable;
    if (blocked == task.blocked) return;
    SignalGuard guard(task.process());
    const SignalSet newly_blocked = blocked & ~task.blocked;
    task.blocked = blocked;
    if (newly_blocked != 0) hand_over_locked(task, newly_blocked);
    // Only setting: what clears the mark is handle_interruptions, which also restarts calls that it has ended.
    if (deliverable_locked(task) != 0) task.thread().interrupt(Interruption::Signal);
}

Status set_temporary_mask(CallContext& context, uint64_t set_address, size_t set_size) {
    if (set_address == 0) return {};
    if (set_size != sizeof(SignalSet)) return fail(Error::InvalidArgument);
    const SignalSet mask = TRY(UserIn<SignalSet>(set_address).read());
    context.task.saved_mask = context.task.blocked;
    context.task.has_saved_mask = true;
    set_blocked_signals(context.task, mask);
    return {};
}

void finish_temporary_mask(CallContext& context, bool was_interrupted) {
    Task& task = context.task;
    if (!task.has_saved_mask || was_interrupted) return;
    task.has_saved_mask = false;
    set_blocked_signals(task, task.saved_mask);
}

}  // namespace gyre::linux
