// SPDX-License-Identifier: MIT
//
// Where the trap becomes a call: finds the caller's context, the handler by number, and turns the result into what the
// register holds. The thunks and the table are generated from abi/calls.tbl.
#include "kernel/linux/dispatch.h"

#include "kernel/linux/errno.h"
#include "kernel/linux/task.h"

// Generated.
#include "call_handlers.h"

namespace gyre::linux {
namespace {

CallResult call_absent(CallContext&, const CallArguments&) { return fail(Error::NotImplemented); }

#include "call_dispatch.inc"

}  // namespace

CallResult run_call(CallContext& context, uint64_t number, const CallArguments& arguments) {
    if (number >= kCallCount) [[unlikely]]
        return fail(Error::NotImplemented);
    return kCallTable[number](context, arguments);
}

void dispatch(arch::TrapFrame& frame) {
    Thread& thread = Thread::current();
    thread.account_enter_kernel();
    Task& task = Task::of(thread);
    CallContext context{task, task.process()};
    const CallArguments arguments{{frame.rdi, frame.rsi, frame.rdx, frame.r10, frame.r8, frame.r9}};
    const CallResult result = run_call(context, frame.original_rax, arguments);
    if (result) {
        frame.rax = static_cast<uint64_t>(*result);
    } else {
        frame.rax = static_cast<uint64_t>(-int64_t{kErrnoOf[static_cast<size_t>(result.error())]});
        // A restart is made by the interruption handler, also when whatever ended the call is gone by now.
        if (result.error() >= Error::RestartSystemCall) thread.interrupt(Interruption::Signal);
    }
    thread.account_leave_kernel();
}

}  // namespace gyre::linux
