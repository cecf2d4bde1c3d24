// SPDX-License-Identifier: MIT
//
// Widening of numbers, and the argument that a loop ends. A loop head is generalized by letting
// each number that changes from round to round range over all its rounds; the bounds are guessed
// from what the loop compares with, and the walk over the body proves or refutes the guess. Nothing
// here knows states or paths (generalize.cpp).
#pragma once

#include "lib/bpf/scalar.h"

namespace gyre::bpf {

// Where numbers of a loop are likely to end: neighbours of the constants it compares with.
class Thresholds {
public:
    void add(s64 value);
    // The smallest threshold not below `value`, the largest not above it.
    s64 above(s64 value) const;
    s64 below(s64 value) const;

private:
    static constexpr u32 kMaxThresholds = 96;
    s64 values_[kMaxThresholds] = {};
    u32 count_ = 0;
};

// A number that moves by `step` each round and starts within `start`: all its rounds, up to the
// threshold that lies beyond the next round and beyond `seen`.
Scalar widen_rounds(const Scalar& start, s64 step, const Scalar& seen, const Thresholds& ends);

// A number that arrives where paths join, and the one that was there: an interval with room for
// others of their kind.
Scalar widen_join(const Scalar& now, const Scalar& seen, const Thresholds& ends);

// What both say of one number.
Scalar meet(const Scalar& a, const Scalar& b);

// One number that a loop changes, and what the ways back to the head did to it.
struct Varying {
    u32 anchor = 0;        // marks values that were derived from it (Reg::anchor)
    u8 frame = 0;
    u8 index = 0;          // register or stack slot
    bool is_slot = false;
    bool is_pointer = false;
    bool is_follower = false;  // bounded by the number of rounds, not by a comparison
    bool is_lost = false;      // some way back left a value that does not derive from it
    bool has_way_back = false;
    s64 step = 0;          // from one round to the next, as far as it was seen; 0: unknown
    s64 least = 0;         // what the ways back added
    s64 most = 0;
    s64 low = 0;           // the bounds that were claimed for the head, signed
    s64 high = 0;

    void note_way_back(bool is_derived, s64 moved);
    // Whether the bounds that were claimed allow no more than `limit` rounds of the step that was seen.
    bool may_end(u64 limit) const;
    // The most rounds that may follow the first if this number stays within its bounds on every way
    // back; 0 if it proves nothing.
    u64 most_rounds() const;
};

}  // namespace gyre::bpf
