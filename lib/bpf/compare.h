// SPDX-License-Identifier: MIT
//
// The comparison of two states at a checkpoint (compare.cpp).
#pragma once

#include "lib/bpf/analysis.h"
#include "lib/bpf/generalize.h"

namespace gyre::bpf {

bool is_same_place(const State& a, const State& b);

class StateComparer {
public:
    // `has_objects`: there may be dynptrs, iterators or the like on the stack.
    StateComparer(Exactness exactness, bool may_read_uninitialized, bool has_objects,
                  const Attempt* attempts,
                  const Attempt* closing)
        : exactness_(exactness), may_read_uninitialized_(may_read_uninitialized),
          has_objects_(has_objects), attempts_(attempts), closing_(closing) {}

    // What counts, frame by frame.
    void set_demands(const FrameDemand* demands) { demands_ = demands; }
    // Numbers that joins made count only as far as all that they stand for would have counted.
    void ask_common() { asks_common_ = true; }
    void set_exactness(Exactness exactness) { exactness_ = exactness; }
    bool same(const State& old, const State& now);
    // The same; `differed` is looked at first, and told where the difference was.
    bool same(const State& old, const State& now, SlotPlace& differed);

private:
    static constexpr u32 kMaxPairs = 512;
    struct Pair {
        u32 old_id;
        u32 new_id;
        s32 shift;  // of linked numbers: how much further the new ones are from their origin
    };
    bool same_anchor(const Reg& old, const Reg& now) const;
    bool same_shape(const Reg& old, const Reg& now);
    bool same_id(u32 old_id, u32 new_id, s32 shift = 0);
    bool same_scalar_id(u32 old_id, u32 new_id, s32 shift = 0);
    bool same_reg(const Reg& old, const Reg& now, bool is_precise);
    bool same_slot(const Slot& old, const Slot& now, bool is_precise);
    bool same_frame(const Frame& old, const Frame& now, const FrameDemand& demand);
    bool same_slot_at(const State& old, const State& now, SlotPlace place);
    bool as_number(const Slot& slot, Reg& out);

    Exactness exactness_;
    bool may_read_uninitialized_;
    bool has_objects_;
    bool asks_common_ = false;
    const Attempt* attempts_;  // under way
    const Attempt* closing_;   // the one to whose head `now` comes back
    u32 temporary_id_ = ~u32{0};
    u32 pair_count_ = 0;
    SlotPlace differed_;
    const FrameDemand* demands_ = nullptr;
    Pair pairs_[kMaxPairs];
};

}  // namespace gyre::bpf
