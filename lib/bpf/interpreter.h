// SPDX-License-Identifier: MIT
//
// An interpreter that checks every access: for tests of the verifier and for `gyre bpf run`. Memory
// comes from an arena; pointers are tagged numbers that only translate() turns into memory, so a
// program that the verifier should have refused faults here and harms nobody. Knows the helpers of
// maps and a few others; a call of any other ends the run with that reason.
#pragma once

#include "lib/bpf/arena.h"
#include "lib/bpf/program.h"

namespace gyre::bpf {

struct RunResult {
    bool is_finished = false;
    u64 value = 0;
    const char* fault = nullptr;  // why the run ended early
    bool is_unsupported = false;  // ... because of the interpreter, not of the program
    u32 insn = 0;
    u64 steps = 0;
};

class Interpreter {
public:
    // Null, or why the program cannot be run.
    const char* prepare(const Program& program, const Environment& environment, Arena& arena);
    // Runs once. Maps keep what earlier runs left in them. `context` is laid out as the program
    // type says; where it holds packet pointers the program sees `packet`.
    RunResult run(std::span<u8> context, std::span<u8> packet, u64 max_steps, u64 seed);

private:
    struct MapState {
        const Map* map = nullptr;
        std::span<u8> values;
        std::span<u8> keys;
        std::span<u8> used;
        u32 stride = 0;
    };
    struct Return {
        u32 insn = 0;
        u64 saved[4] = {};
    };

    u8* translate(u64 address, u64 size, bool is_write);
    bool load(const Insn& insn);
    bool store(const Insn& insn);
    bool atomic(const Insn& insn);
    bool load_context(u64 offset, u32 size, u64& value, bool& handled);
    void alu(const Insn& insn);
    bool is_taken(const Insn& insn) const;
    bool call(const Insn& insn);
    bool call_helper(u32 id);
    bool load_imm64(const Insn& insn);
    u64 find_entry(MapState& m, const u8* key, bool create);
    bool fail(const char* why, bool is_unsupported = false);

    const Program* program_ = nullptr;
    const ProgramRules* rules_ = nullptr;
    std::span<u8> stack_;
    std::span<MapState> maps_;
    std::span<u8> context_;
    std::span<u8> packet_;
    u64 regs_[kRegisterCount] = {};
    Return returns_[kMaxFrames];
    u32 depth_ = 0;
    u32 at_ = 0;
    u64 random_ = 1;
    u64 may_gotos_ = 0;
    RunResult result_;
};

}  // namespace gyre::bpf
