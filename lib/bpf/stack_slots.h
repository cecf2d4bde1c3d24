// SPDX-License-Identifier: MIT
//
// Slots of a frame's stack, by offsets from its end: slot 0 holds the bytes [-8, 0).
#pragma once

#include "lib/bpf/state.h"

namespace gyre::bpf {

inline u32 slot_of(s64 off) { return static_cast<u32>((-off - 1) / 8); }
inline u32 byte_of(s64 off) { return static_cast<u32>(off & 7); }

inline u64 slot_mask(s64 low, s64 end) {  // slots of the bytes [low, end), end <= 0
    u64 mask = 0;
    for (u32 s = slot_of(end - 1); s <= slot_of(low); s++) {
        mask |= u64{1} << s;
    }
    return mask;
}

inline bool is_object(Tag t) { return t == Tag::Dynptr || t == Tag::Iterator || t == Tag::IrqFlag; }

}  // namespace gyre::bpf
