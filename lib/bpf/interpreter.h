// SPDX-License-Identifier: MIT
//
// An interpreter: for tests of the verifier, for `gyre bpf run`, and where there is no JIT. Programs are
// decoded once into steps that jump from one to the next (direct threading). Three modes:
//   Checked  every access is checked. Pointers are tagged numbers that only translate() turns into
//            memory, so a program that the verifier should have refused faults here and harms nobody.
//   Pure     no checks; pointers are addresses. For programs that the verifier has accepted, only.
//   Single   as Checked, one instruction at a time, and reads of the stack that were never written
//            are faults, too.
// Memory comes from an arena. Knows the helpers of maps, of ring buffers, of dynptrs and a few others, and the
// kernel functions of number iterators, dynptrs, tasks and sections; a call of any other ends the run with
// that reason.
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
    u32 held_references = 0;      // records, iterators, tasks, locks, sections that were never given back
};

enum class RunMode : u8 { Checked, Pure, Single };

// What a number means as a pointer, in the modes that check.
enum class Place : u8 { Nowhere, Stack, Context, Packet, MapValue, Record, MapPointer, Object };
struct Whereabouts {
    Place place = Place::Nowhere;
    s64 offset = 0;   // from the top of the frame, or from the start of the object (or map element)
    u32 index = 0;    // of the frame, or of the map
};

struct Machine;

class Interpreter {
public:
    // Null, or why the program cannot be run.
    const char* prepare(const Program& program, const Environment& environment, Arena& arena,
                        RunMode mode = RunMode::Checked);
    // How often a function may pass its may_goto instructions (the kernel's budget is larger, but no
    // program may rely on it).
    void set_may_goto_budget(u64 rounds);

    // Runs once. Maps keep what earlier runs left in them. `context` is laid out as the program
    // type says; where it holds packet pointers the program sees `packet`.
    RunResult run(std::span<u8> context, std::span<u8> packet, u64 max_steps, u64 seed);

    // In mode Single: begin, then step until it says false; the result tells why.
    void begin(std::span<u8> context, std::span<u8> packet, u64 max_steps, u64 seed);
    bool step();
    u32 at() const;  // the instruction that comes next
    u32 depth() const;
    u64 reg(unsigned number) const;
    Whereabouts whereabouts(u64 value) const;
    RunResult result() const;

private:
    Machine* machine_ = nullptr;
};

}  // namespace gyre::bpf
