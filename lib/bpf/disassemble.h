// SPDX-License-Identifier: MIT
//
// Instructions as text, in the notation of clang and the kernel ("r1 = *(u32 *)(r2 + 4)").
#pragma once

#include "lib/bpf/isa.h"
#include "lib/bpf/text.h"

namespace gyre::bpf {

// Writes the instruction at `at`. `second` is the next one, for 64-bit immediates.
void disassemble(const Insn& insn, const Insn* second, u32 at, TextWriter& out);

}  // namespace gyre::bpf
