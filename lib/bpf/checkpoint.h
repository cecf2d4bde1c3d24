// SPDX-License-Identifier: MIT
//
// What the walk keeps: states where paths meet, and paths that wait (checkpoint.cpp, merge.cpp).
#pragma once

#include "lib/bpf/demand.h"
#include "lib/bpf/state.h"

namespace gyre::bpf {

struct Attempt;
struct KeptNeeds;
struct TrailNode;

struct Checkpoint {
    Checkpoint* next = nullptr;
    State* state = nullptr;
    Checkpoint* parent = nullptr;
    Checkpoint* loop_entry = nullptr;
    Checkpoint* older = nullptr;  // made before this one
    Attempt* attempt = nullptr;   // this is the generalized head of
    u32 serial = 0;
    u64 cost = 0;  // instructions walked when it was made; once finished, those since
    u32 branches = 0;  // paths through here that have not ended
    u32 depth = 0;
    u32 progress = 0;  // progress_of its state
    TrailNode* trail = nullptr;  // the way here from `parent`, until it is finished
    KeptNeeds* needs = nullptr;  // what the paths from here needed; none: as demand.h has it
    SlotPlace differed;  // where the latest state that was compared differed
    u32 hits = 0;
    u32 misses = 0;
};

struct Pending {
    Pending* below = nullptr;
    State* state = nullptr;      // null: another stands for it, ...
    Checkpoint* held = nullptr;  // ... and this is not finished before that one is
};

// How exactly two states must agree.
// Shape: but for the numbers.
enum class Exactness : u8 { Demanded, RangeWithin, Identical, Shape };

// progress.cpp
bool has_progressed(const State& old, const State& now);
bool has_come_as_far(const State& before, const State& kept, const State& now);

}  // namespace gyre::bpf
