// SPDX-License-Identifier: MIT
//
// One program as it is handed to the verifier: instructions, type, maps, types. Maps are named in
// the instructions by their index in `maps` (pseudo source kPseudoMapFd or kPseudoMapValue), kernel
// objects by BTF ids. Everything is borrowed for the length of the verification.
#pragma once

#include <span>

#include "lib/bpf/btf.h"
#include "lib/bpf/environment.h"
#include "lib/bpf/isa.h"

namespace gyre::bpf {

struct FunctionInfo {
    u32 insn = 0;
    u32 type_id = 0;  // a Function of program_btf
};

struct LineInfo {
    u32 insn = 0;
    u32 file_offset = 0;  // offsets of strings in program_btf
    u32 line_offset = 0;
    u32 line_column = 0;  // line << 10 | column
};

// What loaders leave where a CO-RE relocation found nothing in the kernel's types: a call of it.
inline constexpr u32 kPoisonedCall = 195896080;

struct PoisonedInsn {
    u32 insn = 0;
    const char* why = "";
};

// A program of type Extension (freplace) stands in for a global function of another program and sees
// what that one sees; one of type Tracing (fentry, fexit) is called beside such a function.
struct Program;
struct ProgramTarget {
    const Program* program = nullptr;  // with its types; null: not known
    u32 type_id = 0;                   // of the function, among the types of that program
};

struct Program {
    const char* name = "";
    std::span<const Insn> insns;
    ProgramType type = ProgramType::Unspecified;
    AttachType attach = AttachType::CgroupInetIngress;
    u32 attach_type_id = 0;  // kernel BTF: Function, tracepoint typedef or hook prototype
    u32 attach_member = 0;   // of a struct_ops structure
    ProgramTarget target;
    bool is_sleepable = false;
    bool is_device_bound = false;  // loaded for one network device, whose own functions it may call
    bool is_gpl = true;
    bool needs_strict_alignment = false;
    std::span<const Map* const> maps;
    const Btf* btf = nullptr;
    std::span<const FunctionInfo> functions;
    std::span<const LineInfo> lines;
    std::span<const PoisonedInsn> poisoned;  // by its loader, which knows why
};

}  // namespace gyre::bpf
