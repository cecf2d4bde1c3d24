// SPDX-License-Identifier: MIT
//
// The verifier's interface: one program in, one report out. No global state, no exceptions; all
// memory comes from the arena; may run in any context that may run for the time it takes.
#pragma once

#include "lib/bpf/arena.h"
#include "lib/bpf/program.h"

namespace gyre::bpf {

// Why a program is refused. Stable names: tools and tests compare these, never texts.
enum class Problem : u8 {
    None,
    BadEncoding,        // an instruction that does not exist or sets reserved fields
    BadControlFlow,     // jumps out of range, unreachable code, a fall off the end
    UnreadableRegister, // a register is read before it is written
    BadRegisterUse,     // a register is used in a way that its kind forbids
    PointerArithmetic,  // arithmetic that no pointer of this kind allows
    OutOfBounds,        // an access that may lie outside its object
    Misaligned,
    BadContextAccess,
    UninitializedStack,
    NullPointer,        // a pointer that may be null is used
    ReadOnly,           // a write to memory that may only be read
    BadHelper,          // an unknown helper or one that this program may not call
    BadArgument,
    BadReturnValue,
    ReferenceLeak,
    BadReference,
    LockRule,
    SleepRule,
    StackTooDeep,
    TooManyFrames,
    InfiniteLoop,
    TooComplex,         // a limit of the analysis was reached; nothing is known about the program
    OutOfMemory,        // the arena's limit was reached; the same
    NotSupported,       // the program uses something that this verifier does not know
    BadType,            // BTF is missing or does not fit
};

const char* problem_name(Problem problem);

inline constexpr u32 kNoInsn = ~u32{0};

struct Statistics {
    u64 insns_processed = 0;
    u64 states_pushed = 0;
    u64 checkpoints = 0;
    u64 prunes = 0;
    u64 arena_bytes = 0;
    u32 max_pending = 0;
};

struct Limits {
    u64 insns_processed = 1'000'000;
    u32 pending_states = 8192;
};

struct Report {
    bool is_accepted = false;
    Problem problem = Problem::None;
    u32 insn = kNoInsn;       // where the problem shows
    u32 origin_insn = kNoInsn; // where its cause lies, if known
    s32 register_number = -1;
    Statistics statistics;
    char text[4096] = {};     // what was needed, what is known, what usually mends it
    u32 text_length = 0;
};

// `visits`, if given, has an entry per instruction and receives how often each was processed.
void verify(const Program& program, const Environment& environment, Arena& arena,
            const Limits& limits, Report& report, std::span<u32> visits = {});

}  // namespace gyre::bpf
