// SPDX-License-Identifier: MIT
//
// Demand: for each instruction, which registers and stack slots must be exact before it, and which
// slots are read behind it. A scalar is imprecise until a check needs it. The check then demands
// it, and the demand flows backwards along the control flow through moves, arithmetic, spills,
// fills, calls and links, until nothing changes. Sets only grow, and each bit is set once, so the
// total work is bounded by the size of the program.
//
// Two states are compared under the demand of their point. That is sound: the demand of a point
// includes what was needed by every path that was explored from there to its end.
#pragma once

#include <span>

#include "lib/bpf/cfg.h"
#include "lib/bpf/state.h"

namespace gyre::bpf {

struct Checkpoint;

// A stack slot of some frame.
struct SlotPlace {
    u8 frame = 0xff;
    u8 slot = 0;
};

// What counts of one frame when states are compared.
struct FrameDemand {
    u16 live = 0;
    u16 precise = 0;
    u64 live_slots = 0;
    u64 precise_slots = 0;
};

// Numbers that must be exact, in registers and in slots of a frame; and slots that are read.
struct Needs {
    u16 regs = 0;
    u64 slots = 0;
    u64 live = 0;
};

// The slots that an instruction moves a number from or to, and those of which it leaves nothing.
struct StackUse {
    u64 accessed = 0;
    u64 overwritten = 0;
};

// A conditional jump that compares numbers or pointers.
constexpr bool is_comparison(const Insn& insn) {
    u8 c = insn.insn_class();
    return (c == kClassJmp || c == kClassJmp32) && insn.op() != kCall && insn.op() != kExit &&
           insn.op() != kJa && insn.op() != kJcond;
}

// What is needed before an instruction that is neither a conditional jump nor the call of a
// subprogram, from what is needed behind it.
Needs needs_before(const Insn& insn, Needs after, StackUse use);

// Registers and slots whose numbers were refined together at a conditional jump.
struct LinkGroup {
    const LinkGroup* next = nullptr;
    u64 slots = 0;
    u16 regs = 0;
};

struct Point {
    u64 live_slots = 0;
    u64 precise_slots = 0;
    u64 accessed_slots = 0;  // of the own frame, by any execution of this instruction so far
    u16 precise = 0;         // registers
    u16 during_precise = 0;  // of a call: registers demanded while the callee runs
    bool is_queued = false;
    u32 arrivals = 0;        // paths that came by since a state was kept here
    u8 base_kind = 0;        // of a load or store: the kind of its base pointer, so far
    u32 call_index = kNoInsn;
    u8 endurance_tests = 0;  // whether the loop here goes round too often
    u8 failed_attempts = 0;  // to generalize this point; and the demand they were made under
    u16 failed_precise = 0xffff;
    u64 failed_slots = 0;
    Checkpoint* checkpoints = nullptr;  // explored to the end
    Checkpoint* active = nullptr;       // on the current path, latest first
    const LinkGroup* links = nullptr;
};

// What callees demand of the frame of a call, by call instruction.
struct DuringCall {
    u64 live_slots = 0;
    u64 precise_slots = 0;
};

class Demand {
public:
    bool prepare(const Program& program, const ControlFlow& flow, Arena& arena);

    // Lets everything that was noted since flow backwards. Whoever looks at a point's sets to compare
    // or to widen states does this first; until then notes only gather.
    void settle();

    Point& at(u32 insn) { return points_[insn]; }
    const DuringCall& during(u32 call_insn) const;

    // "Must be exact before instruction `insn`."
    void need_register(u32 insn, unsigned reg);
    void need_slots(u32 insn, u64 slots);
    // The instruction was seen to access these slots of its own frame.
    void note_access(u32 insn, u64 slots);
    void note_read(u32 insn, u64 slots);
    void note_link(u32 insn, u16 regs, u64 slots, Arena& arena);
    // The same for a frame further up; `call_insn` is the call it has under way.
    void note_caller_read(u32 call_insn, u64 slots);
    void need_caller_slots(u32 call_insn, u64 slots);
    void need_caller_registers(u32 call_insn, u16 regs);

private:
    void add(u32 insn, const Needs& bits);
    void flow_into(u32 predecessor, u32 successor);
    Needs before(u32 insn, Needs after);
    static Needs before_comparison(const Insn& insn, const Point& point, Needs after);
    void enqueue(u32 insn);

    const Program* program_ = nullptr;
    const ControlFlow* flow_ = nullptr;
    std::span<Point> points_;
    std::span<DuringCall> during_;
    std::span<u32> queue_;
    u32 queue_length_ = 0;
    // Callers of each subprogram: call or callback-taking instructions.
    std::span<u32> first_caller_;
    std::span<u32> callers_;
};

}  // namespace gyre::bpf
