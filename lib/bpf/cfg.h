// SPDX-License-Identifier: MIT
//
// Control flow: subprograms, successors, which instructions are reached, where paths meet, and
// which registers are live. Purely syntactic; nothing here knows values.
#pragma once

#include <span>

#include "lib/bpf/program.h"
#include "lib/bpf/verifier.h"

namespace gyre::bpf {

inline constexpr u16 kCallerSaved = 0x3f;   // r0 to r5
inline constexpr u16 kArguments = 0x3e;     // r1 to r5
inline constexpr u16 kCalleeSaved = 0x3c0;  // r6 to r9

struct Subprogram {
    u32 begin = 0;
    u32 end = 0;
    u32 type_id = 0;       // its Function in the program's BTF, or 0
    u32 stack_depth = 0;   // bytes, found by the analysis
    bool is_global = false;
    bool is_callback = false;
    bool is_async_callback = false;
    bool has_tail_call = false;
    bool is_verified = false;  // a global function that was verified on its own
    bool is_called = false;    // some instruction names it
    bool is_reached = false;   // a path of the analysis calls it
    bool might_sleep = false;
    bool changes_packets = false;
    bool throws = false;       // it or a subprogram that it calls
    bool returns_void = false;
    bool has_async_entry = false;
    u8 async_kind = 0;         // CallbackKind
    const Map* async_map = nullptr;
};

struct Successors {
    u32 count = 0;
    u32 insn[2] = {};
};

enum PointFlag : u8 {
    kSecondHalf = 1,    // the second half of a 64-bit immediate
    kReached = 2,
    kJoin = 4,          // several ways lead here
    kCheckpoint = 8,    // states are compared here
    kForced = 16,       // ... always
    kLoopHead = 32,
    kSubprogramBegin = 64,
    kForcedLoop = 128,  // the head of a loop with a forced checkpoint in it
};

struct ControlFlow {
    std::span<Subprogram> subprograms;
    u32 exception_callback = 0;     // a subprogram; 0: an exception's number is returned
    std::span<u8> flags;            // PointFlag by instruction
    std::span<u16> live;            // registers live before each instruction
    std::span<u32> first_before;    // predecessors of i: before[first_before[i] .. first_before[i+1])
    std::span<u32> before;
    std::span<u16> subprogram_of;
    std::span<u32> preorder;        // the order in which the depth-first search came by
    std::span<u32> last_below;      // the last of those that were reached from here
    std::span<u32> rank;            // reverse postorder: but for loops, ways lead upwards
    std::span<u32> loop;            // the head of the innermost loop around i, or kNoInsn
    std::span<u32> outer;           // of a loop's head: the head of the loop around it, or kNoInsn

    bool is_in_loop(u32 insn, u32 head) const;
    u32 find_subprogram(u32 begin) const;  // kNoInsn if no subprogram begins there
};

Successors successors(std::span<const Insn> insns, u32 at);

// Where the function begins that the program's declaration names as its exception callback; 0 without
// one. Returns what is wrong with the declaration, or null (exception.cpp).
const char* find_exception_callback(const Program& program, u32& insn);

// Finds `loop` and `outer`; false if the arena is exhausted (loops.cpp).
bool find_loops(ControlFlow& flow, Arena& arena);

// False, with the report filled, if the shape of the program is refused.
bool build_control_flow(const Program& program, const Environment& environment, Arena& arena,
                        ControlFlow& flow, Report& report);

}  // namespace gyre::bpf
