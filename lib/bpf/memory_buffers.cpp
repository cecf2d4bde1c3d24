// SPDX-License-Identifier: MIT
//
// Stack memory that calls read or fill, and slices that may lie in it.
#include "lib/bpf/analysis.h"
#include "lib/bpf/stack_slots.h"

namespace gyre::bpf {
namespace {

u64 whole_slots(s64 low, s64 end) {
    s64 first = (low + 7) & ~s64{7};
    s64 behind = end & ~s64{7};
    return first < behind ? slot_mask(first, behind) : 0;
}

}  // namespace

// Memory that may be a buffer on the stack (Reg::frame, Reg::range) is written to: nothing more is
// known of what the buffer's slots hold.
bool Analysis::write_through_alias(const Reg& memory) {
    if (memory.kind != Kind::Memory || memory.frame == 0 || memory.extra == 0) {
        return true;
    }
    u32 frame = memory.frame - 1u;
    s64 low = memory.range;
    s64 end = min_of(low + static_cast<s64>(memory.extra), s64{0});
    if (frame >= state_->frame_count || low >= end || !grow_stack(frame, low)) {
        return frame >= state_->frame_count || low >= end;
    }
    note_stack_use(frame, slot_mask(low, end), false);
    for (u32 index = slot_of(end - 1); index <= slot_of(low); index++) {
        Slot& slot = frame_at(frame).stack->slots()[index];
        for (Tag& t : slot.tags) {
            if (is_object(t)) {
                return fail(Problem::BadReference, -1,
                            "a write to a slice may overwrite an object on the stack");
            }
            t = t == Tag::Invalid ? t : Tag::Misc;
        }
        slot.reg = Reg{};
    }
    return true;
}

// Memory that a call reads or fills. With `may_be_uninitialized` the callee fills it.
bool Analysis::check_stack_range(unsigned base_number, s32 off, u32 size, bool zero_allowed,
                                 Access kind, bool may_be_uninitialized) {
    const Reg base = reg(base_number);
    s64 low = 0;
    s64 high = 0;
    if (!check_stack_bounds(base, base_number, off, size, kind, low, high)) {
        return false;
    }
    if (size == 0 && zero_allowed) {
        return true;
    }
    if (!reach_stack(base.frame, low)) {
        return false;
    }
    s64 end = high + static_cast<s64>(size);
    u64 renewed = 0;
    for (s64 at = low; kind == Access::Write && low == high && at < end; at = (at & ~s64{7}) + 8) {
        u32 count = static_cast<u32>(min_of((at & ~s64{7}) + 8, end) - at);
        renewed |= keeps_zero(base.frame, slot_of(at), byte_of(at), count) ? 0 : slot_mask(at, at + 1);
    }
    bool is_filled = may_be_uninitialized && kind == Access::Write && low == high;
    note_stack_use(base.frame, slot_mask(low, end), !may_be_uninitialized,
                   is_filled ? whole_slots(low, end) : 0, renewed);
    for (s64 at = low, next = 0; at < end; at = next) {
        next = (at & ~s64{7}) + 8 < end ? (at & ~s64{7}) + 8 : end;
        u32 index = slot_of(at);
        u32 first = byte_of(at);
        u32 count = static_cast<u32>(next - at);
        if (!check_called_slot(base.frame, index, first, count, base_number, may_be_uninitialized) ||
            (kind == Access::Write && !blur_slot(base.frame, index, first, count))) {
            return false;
        }
    }
    return true;
}

// Whether a call may read (or only fill) these bytes.
bool Analysis::check_called_slot(u32 frame, u32 index, u32 first, u32 count, unsigned base_number,
                                 bool may_be_uninitialized) {
    const Slot& slot = frame_at(frame).stack->slots()[index];
    for (u32 i = first; i < first + count; i++) {
        Tag t = slot.tags[i];
        if (t == Tag::Iterator || t == Tag::IrqFlag) {
            return fail(Problem::BadReference, static_cast<int>(base_number),
                        "a call may overwrite an iterator on the stack");
        }
        if (t == Tag::Dynptr && !may_be_uninitialized) {
            return fail(Problem::BadReference, static_cast<int>(base_number),
                        "a call may not read or write a dynptr as plain memory");
        }
        if (!may_be_uninitialized && t == Tag::Invalid &&
            !environment_.target.may_read_uninitialized_stack) {
            return fail(Problem::UninitializedStack, static_cast<int>(base_number),
                        "a call reads the stack where nothing was written, at ",
                        -8 * (s64{index} + 1) + i);
        }
    }
    return !may_be_uninitialized || destroy_dynptr_if_overwritten(frame, index);
}

// A call writes to these bytes of a slot: whatever they were, they are plain bytes now.
bool Analysis::blur_slot(u32 frame, u32 index, u32 first, u32 count) {
    const Slot& was = frame_at(frame).stack->slots()[index];
    bool changes = was.is_spill();
    for (u32 i = first; i < first + count; i++) {
        changes = changes || was.tags[i] != Tag::Misc;
    }
    if (!changes) {
        return true;  // most calls fill the same buffer again: its chunk stays shared
    }
    if (!own_frame(frame) || !own_slot(frame_at(frame), index)) {
        return false;
    }
    Slot& slot = frame_at(frame).stack->slots()[index];
    if (slot.is_spill()) {
        for (Tag& t : slot.tags) {
            t = t == Tag::Spill ? Tag::Misc : t;
        }
        slot.reg = Reg{};
    }
    for (u32 i = first; i < first + count; i++) {
        slot.tags[i] = Tag::Misc;
    }
    return true;
}

}  // namespace gyre::bpf
