// SPDX-License-Identifier: MIT
//
// The comparison of two states at a checkpoint (compare.cpp).
#pragma once

#include "lib/bpf/analysis.h"

namespace gyre::bpf {

struct FrameDemand {
    u16 live = 0;
    u16 precise = 0;
    u64 live_slots = 0;
    u64 precise_slots = 0;
};

class StateComparer {
public:
    StateComparer(Exactness exactness, bool may_read_uninitialized)
        : exactness_(exactness), may_read_uninitialized_(may_read_uninitialized) {}

    FrameDemand& demand(u32 frame) { return demands_[frame]; }
    void set_exactness(Exactness exactness) { exactness_ = exactness; }
    bool same(const State& old, const State& now);

private:
    static constexpr u32 kMaxPairs = 512;
    struct Pair {
        u32 old_id;
        u32 new_id;
    };
    bool same_id(u32 old_id, u32 new_id);
    bool same_scalar_id(u32 old_id, u32 new_id);
    bool same_reg(const Reg& old, const Reg& now, bool is_precise);
    bool same_slot(const Slot& old, const Slot& now, bool is_precise);
    bool same_frame(const Frame& old, const Frame& now, const FrameDemand& demand);
    bool as_number(const Slot& slot, Reg& out);

    Exactness exactness_;
    bool may_read_uninitialized_;
    u32 temporary_id_ = ~u32{0};
    u32 pair_count_ = 0;
    FrameDemand demands_[kMaxFrames];
    Pair pairs_[kMaxPairs];
};

}  // namespace gyre::bpf
