// SPDX-License-Identifier: MIT
//
// The border between a trap (or a ring entry) and a handler.
#pragma once

#include <cstdint>

#include "kernel/arch/x86_64/trap_frame.h"
#include "kernel/linux/context.h"

namespace gyre::linux {

struct CallArguments {
    uint64_t values[6];
};
using CallThunk = CallResult (*)(CallContext& context, const CallArguments& arguments);

// Called by arch for every system-call trap, interrupts on. Numbers and arguments are in the frame, the result goes to
// its rax.
void dispatch(arch::TrapFrame& frame);

// The same without a frame: rings call it on behalf of their submitter.
CallResult run_call(CallContext& context, uint64_t number, const CallArguments& arguments);

}  // namespace gyre::linux
