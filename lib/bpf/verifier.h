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

enum class Kind : u8;

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
    bool may_generalize = true;  // false: loops are walked round by round, joins state by state
    bool may_prune = true;       // false: every path is walked to its end; for tests
};

// A station on the way of the value that was refused, latest first.
enum class OriginKind : u8 {
    Computed,
    Moved,
    Loaded,
    Stored,
    Returned,
    Compared,
    Invalidated,  // a pointer to the packet, by a call that may move it
    Handed,
    Destroyed,    // a register, by a call
    Released,     // an object, by the call that gave it back or closed the section it was valid in
    Acquired,     // a reference or lock that is still held
    Branched,     // the way that the path took at a comparison
    NotTheEnd,    // the packet was compared with what is no longer its end
    Parameter,    // of a global function, which is verified for every caller
    Repeated,     // further back the same again, round after round of a loop
};

struct Origin {
    u32 insn = 0;
    OriginKind kind = OriginKind::Computed;
    Kind value{};  // what the register held then; the bounds are of its number or offset
    u64 umin = 0;
    u64 umax = 0;
    s64 smin = 0;
    s64 smax = 0;
};

inline constexpr u32 kMaxOrigins = 8;

struct Report {
    bool is_accepted = false;
    Problem problem = Problem::None;
    u32 insn = kNoInsn;       // where the problem shows
    u32 origin_insn = kNoInsn; // where its cause lies, if known
    s32 register_number = -1;
    Origin origins[kMaxOrigins];
    u32 origin_count = 0;
    Statistics statistics;
    char text[4096] = {};     // what was needed, what is known, what usually mends it
    u32 text_length = 0;

    void add_origin(const Origin& origin) {
        if (origin_count < kMaxOrigins) {
            origins[origin_count++] = origin;
        }
    }
};

// What usually mends it, as far as the history tells; may be empty.
const char* hint(const Report& report);

// `visits`, if given, has an entry per instruction and receives how often each was processed.
void verify(const Program& program, const Environment& environment, Arena& arena,
            const Limits& limits, Report& report, std::span<u32> visits = {});

}  // namespace gyre::bpf
