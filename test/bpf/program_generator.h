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
inline constexpr u32 kArrayMap = 0, kHashMap = 1, kRingMap = 2, kProgramMap = 3, kMapCount = 4;
inline constexpr u32 kMapValueBytes = 48;

struct GeneratedProgram {
    std::vector<Insn> insns;
    ProgramType type = ProgramType::SchedCls;
    // It shifts a number by another, or takes one from itself: Linux does not follow the bounds of what
    // that gives, Gyre does, so it may accept more.
    bool is_beyond_linux = false;
    // Where there are callbacks: every function with its type, in generated_types().
    std::vector<FunctionInfo> functions;
};

// BTF in bytes: types for the functions of generated programs.
std::vector<u8> generated_types();

GeneratedProgram generate_program(std::mt19937_64& random);

}  // namespace gyre::bpf
