// SPDX-License-Identifier: MIT
//
// Which registers an instruction reads and writes, and which are live before each instruction.
#pragma once

#include "lib/bpf/cfg.h"

namespace gyre::bpf {

struct RegisterUse {
    u16 reads = 0;
    u16 writes = 0;
};

RegisterUse register_use(const Program& program, const Environment& environment,
                         const ControlFlow& flow, u32 at);

void compute_live_registers(const Program& program, const Environment& environment,
                            ControlFlow& flow);

}  // namespace gyre::bpf
