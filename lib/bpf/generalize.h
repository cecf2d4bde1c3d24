// SPDX-License-Identifier: MIT
//
// An attempt to generalize a place where paths meet (generalize.cpp).
#pragma once

#include "lib/bpf/state.h"
#include "lib/bpf/widen.h"

namespace gyre::bpf {

struct Pending;

inline constexpr u32 kMaxVarying = 24;
inline constexpr u32 kMaxFailures = 4;  // of attempts at one place

// From the moment when a generalized state takes the place of the one that arrived until every path
// from it has ended. Attempts nest: what is inside ends first.
struct Attempt {
    Attempt* below = nullptr;
    State* saved = nullptr;         // what arrived; goes on by itself if the attempt fails
    Checkpoint* head = nullptr;     // keeps the generalized state
    Pending* pending_base = nullptr;
    Pending* waiting = nullptr;     // paths outside of it, which wait until it has ended
    u32 serial = 0;                 // checkpoints with a greater one belong to the attempt
    u32 first_anchor = 0;           // its anchors are the ids in (first_anchor, last_anchor]
    u32 last_anchor = 0;
    bool is_loop = false;
    bool is_endurance = false;      // asks whether a loop is sure to go round too often
    bool has_choice = false;        // a jump on the way may leave, but need not in any round
    bool has_way_back = false;
    bool has_followers = false;
    bool joins_numbers = false;     // some stand for others than those of `saved`, ...
    bool joins_bytes = false;       // ... and others were forgotten
    u32 restarts = 0;
    u64 rounds = 0;                 // that followers are claimed for
    u64 insns_at_start = 0;
    u64 deadline = 0;               // in instructions processed
    u64 wasted_at_start = 0;
    u64 shortest_way_back = ~u64{0};
    u32 varying_count = 0;
    Varying varying[kMaxVarying];

    bool owns_anchor(u32 anchor) const { return anchor > first_anchor && anchor <= last_anchor; }
    // The most rounds after the first that some number allows; 0: nothing proves an end.
    u64 most_rounds() const {
        u64 least = 0;
        for (u32 i = 0; i < varying_count; i++) {
            u64 rounds_here = varying[i].most_rounds();
            if (rounds_here != 0 && (least == 0 || rounds_here < least)) {
                least = rounds_here;
            }
        }
        return least;
    }
};

// Where a varying number is kept.
inline Reg& place_of(Frame& f, const Varying& v) {
    return v.is_slot ? f.stack->slots()[v.index].reg : f.regs[v.index];
}

// Null if the frame has no such number.
inline const Reg* find_place(const Frame& f, const Varying& v) {
    if (!v.is_slot) {
        return &f.regs[v.index];
    }
    if (v.index >= f.stack_slots || !f.stack->slots()[v.index].is_spill()) {
        return nullptr;
    }
    return &f.stack->slots()[v.index].reg;
}

}  // namespace gyre::bpf
