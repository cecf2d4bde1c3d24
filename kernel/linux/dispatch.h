// SPDX-License-Identifier: MIT
//
// The border between a trap (or a ring entry) and a handler.
#pragma once

#include <cstdint>

#include "kernel/arch/x86_64/trap_frame.h"
#include "kernel/linux/context.h"
#include "kernel/linux/errno.h"

// Generated from abi/calls.tbl.
#include "call_handlers.h"

namespace gyre::linux {

struct CallArguments {
    uint64_t values[6];
};
using CallThunk = CallResult (*)(CallContext& context, const CallArguments& arguments);

extern const CallThunk kCallTable[kCallCount];

// On behalf of whom the context says: by the trap below, and by rings for their submitter.
inline CallResult run_call(CallContext& context, uint64_t number, const CallArguments& arguments) {
    if (number >= kCallCount) [[unlikely]]
        return fail(Error::NotImplemented);
    return kCallTable[number](context, arguments);
}

// Called by arch for every system-call trap, interrupts on. Number and arguments are in the frame, the result goes to its rax.
// Inline: it is the whole of what stands between the trap and a handler.
inline void dispatch(arch::TrapFrame& frame) {
    Thread& thread = Thread::current();
    thread.account_enter_kernel();
    Task& task = Task::of(thread);
    CallContext context{task, task.process()};
    // The six registers stand in the frame as the array that a ring's entry has.
    const auto& arguments = reinterpret_cast<const CallArguments&>(frame.rdi);
    // A call's number is an int to Linux: the upper half of rax does not count (entry_64.S, "movslq %eax, %rsi").
    const CallResult result = run_call(context, static_cast<uint32_t>(frame.original_rax), arguments);
    if (result) [[likely]] {
        frame.rax = static_cast<uint64_t>(*result);
    } else {
        frame.rax = static_cast<uint64_t>(-int64_t{kErrnoOf[static_cast<size_t>(result.error())]});
        // A restart is made by the interruption handler, also when whatever ended the call is gone by now.
        if (result.error() >= Error::RestartSystemCall) thread.interrupt(Interruption::Signal);
    }
    thread.account_leave_kernel();
}

}  // namespace gyre::linux
