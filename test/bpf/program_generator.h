// SPDX-License-Identifier: MIT
//
// Random programs that look like programs: most of what they do is what a verifier accepts, with a
// mistake here and there.
#pragma once

#include <random>
#include <vector>

#include "lib/bpf/program.h"

namespace gyre::bpf {

// The maps that generated programs know, by index.
inline constexpr u32 kArrayMap = 0, kHashMap = 1, kRingMap = 2, kProgramMap = 3, kLockMap = 4, kMapCount = 5;
inline constexpr u32 kMapValueBytes = 48;
// Types in generated_types(): a number, a prototype, the main program, a static function, a lock, and a value of
// kLockMap, which begins with one.
inline constexpr u32 kNumberType = 1, kPrototype = 2, kMainType = 3, kStaticType = 4, kLockType = 5, kLockedType = 6;

struct GeneratedProgram {
    std::vector<Insn> insns;
    ProgramType type = ProgramType::SchedCls;
    // It shifts a number by another, or takes one from itself: Linux does not follow the bounds of what
    // that gives, Gyre does, so it may accept more.
    bool is_beyond_linux = false;
    // It calls functions of generated_kernel_types().
    bool has_kernel_calls = false;
    // Where there are callbacks: every function with its type, in generated_types().
    std::vector<FunctionInfo> functions;
};

// BTF in bytes: types for the functions of generated programs.
std::vector<u8> generated_types();
// BTF as a kernel's: the kernel functions that generated programs call.
std::vector<u8> generated_kernel_types();

GeneratedProgram generate_program(std::mt19937_64& random);

}  // namespace gyre::bpf
