// SPDX-License-Identifier: MIT
//
// Reads and writes of stack memory, of the own frame and of callers' frames. An aligned store of a
// register keeps what is known of it; anything else leaves plain bytes.
#include "lib/bpf/analysis.h"
#include "lib/bpf/stack_slots.h"

namespace gyre::bpf {

// The stack is deep enough to be read at `low`; nothing is copied.
bool Analysis::reach_stack(u32 frame, s64 low) {
    u32 slots = static_cast<u32>((-low + 7) / 8);
    Subprogram& sub = flow_.subprograms[frame_at(frame).subprogram];
    if (sub.stack_depth < static_cast<u32>(-low)) {
        sub.stack_depth = static_cast<u32>(-low);
    }
    if (slots <= frame_at(frame).stack_slots) {
        return true;
    }
    return own_frame(frame) && grow_slots(frame_at(frame), slots);
}

// ... and all of it may be written.
bool Analysis::grow_stack(u32 frame, s64 low) {
    return reach_stack(frame, low) && own_frame(frame) &&
           own_stack(frame_at(frame), frame_at(frame).stack_slots);
}

// The instruction touches slots of a frame: remembers it for liveness and for demand. `overwritten`:
// those of which nothing is left; `renewed`: those in which no old number is left.
void Analysis::note_stack_use(u32 frame, u64 slots, bool is_read, u64 overwritten, u64 renewed) {
    u8 use = kSlotsAccessed | (is_read ? kSlotsRead : 0);
    for (auto [part, flag] : {std::pair{overwritten, kSlotsOverwritten}, {renewed, kSlotsRenewed}}) {
        if (part == slots) {
            use |= flag;
        } else if (part != 0) {
            trails_.note(*state_, frame, flag, 0, part);
        }
    }
    trails_.note(*state_, frame, use, 0, slots);
    if (frame + 1u == state_->frame_count) {
        demand_.note_access(state_->insn, slots);
        if (is_read) {
            demand_.note_read(state_->insn, slots);
        }
        return;
    }
    u32 call = state_->frames[frame + 1]->call_insn;
    if (is_read && call != Frame::kNoCall) {
        demand_.note_caller_read(call, slots);
        demand_.need_caller_slots(call, slots);
    }
}

void Analysis::need_stack(u32 frame, u64 slots) {
    trails_.note(*state_, frame, kSlotsNeeded, 0, slots);
    if (frame + 1u == state_->frame_count) {
        demand_.need_slots(state_->insn, slots);
    } else if (state_->frames[frame + 1]->call_insn != Frame::kNoCall) {
        demand_.need_caller_slots(state_->frames[frame + 1]->call_insn, slots);
    }
}

// Whether bytes of the slot other than these are known to be zero, and stay so when these are written.
bool Analysis::keeps_zero(u32 frame, u32 index, u32 first, u32 count) const {
    const Frame& f = *state_->frames[frame];
    if (index >= f.stack_slots) {
        return false;
    }
    const Slot& slot = f.stack->slots()[index];
    bool keeps = false;
    for (u32 i = 0; i < 8; i++) {
        bool is_zero = slot.tags[i] == Tag::Zero || (slot.tags[i] == Tag::Spill && slot.reg.is_zero());
        keeps = keeps || (is_zero && (i < first || i >= first + count));
    }
    return keeps;
}

bool Analysis::check_stack_bounds(const Reg& base, unsigned number, s32 off, u32 size, Access kind,
                                  s64& low, s64& high) {
    const char* verb = kind == Access::Read ? "read" : "write";
    s64 fixed = static_cast<s64>(base.off) + off;
    if (base.var.is_constant()) {
        low = high = fixed + static_cast<s64>(base.var.value());
    } else {
        if (base.var.smax >= kMaxVariableOffset || base.var.smin <= -kMaxVariableOffset) {
            return fail(Problem::OutOfBounds, static_cast<int>(number), "a ", verb, " of the stack at an offset of ", base.var.smin, " to ", base.var.smax,
                        ": nothing bounds it");
        }
        low = fixed + base.var.smin;
        high = fixed + base.var.smax;
    }
    if (low < -static_cast<s64>(kStackBytes) || high + static_cast<s64>(size) > 0) {
        if (low == high) {
            return fail(Problem::OutOfBounds, static_cast<int>(number), "a stack ", verb, " of ",
                        size, " bytes at offset ", low, " leaves the frame (-512 to 0)");
        }
        return fail(Problem::OutOfBounds, static_cast<int>(number), "a stack ", verb, " of ", size,
                    " bytes at offset ", low, " to ", high, " leaves the frame (-512 to 0)");
    }
    return true;
}

bool Analysis::read_stack_fixed(u32 frame, s32 off, u32 size, int value_reg) {
    const Frame& f = frame_at(frame);
    u32 index = slot_of(off);
    note_stack_use(frame, slot_mask(off, off + static_cast<s64>(size)), true);
    static const Slot kEmpty{};
    const Slot& slot = index < f.stack_slots ? f.stack->slots()[index] : kEmpty;
    bool may_be_uninitialized = environment_.target.may_read_uninitialized_stack;
    if (slot.is_spill()) {
        u32 spilled = 0;
        while (spilled < 8 && slot.tags[spilled] == Tag::Spill) {
            spilled++;
        }
        if (size == 8 && spilled == 8) {
            if (value_reg >= 0) {
                reg(static_cast<unsigned>(value_reg)) = slot.reg;
            }
            return true;
        }
        if (!slot.reg.is_scalar()) {
            return fail(Problem::BadRegisterUse, -1, "a part of a spilled pointer is read");
        }
        if (size <= spilled && byte_of(off) == 0) {
            if (value_reg >= 0) {
                Reg r = Reg::scalar(extend(slot.reg.var, size * 8, false));
                r.commonness = slot.reg.commonness;
                r.common = slot.reg.common;
                r.common_width = slot.reg.common_width;
                r.check_common();
                if (slot.reg.var.umax <= ((u64{1} << (size * 8)) - 1)) {
                    r.id = slot.reg.id;
                    r.off = slot.reg.off;
                    r.is_link_offset = slot.reg.is_link_offset;
                    r.anchor = slot.reg.anchor;
                    r.moved = slot.reg.moved;
                }
                reg(static_cast<unsigned>(value_reg)) = r;
            }
            return true;
        }
    }
    u32 zeros = 0;
    for (u32 i = 0; i < size; i++) {
        Tag t = slot.tags[byte_of(off) + i];
        bool is_zero = t == Tag::Zero || (t == Tag::Spill && slot.reg.is_zero());
        zeros += is_zero;
        bool fine = is_zero || t == Tag::Misc || t == Tag::Spill ||
                    (t == Tag::Invalid && may_be_uninitialized);
        if (!fine) {
            return fail(t == Tag::Invalid ? Problem::UninitializedStack : Problem::BadReference, -1,
                        t == Tag::Invalid ? "the stack is read where nothing was written, at "
                                          : "an object on the stack is read as data, at ",
                        off + static_cast<s32>(i));
        }
    }
    if (value_reg >= 0) {
        reg(static_cast<unsigned>(value_reg)) =
            zeros == size ? Reg::constant(0)
                          : Reg::scalar(size == 8 ? kUnknownScalar
                                                  : extend(kUnknownScalar, size * 8, false));
    }
    return true;
}

bool Analysis::read_stack_variable(u32 frame, s64 low, s64 high, u32 size, int value_reg) {
    s64 end = high + static_cast<s64>(size);
    note_stack_use(frame, slot_mask(low, end), true);
    const Frame& f = frame_at(frame);
    static const Slot kEmpty{};
    bool all_zero = true;
    for (s64 at = low; at < end; at++) {
        u32 index = slot_of(at);
        const Slot& slot = index < f.stack_slots ? f.stack->slots()[index] : kEmpty;
        Tag t = slot.tags[byte_of(at)];
        all_zero = all_zero && t == Tag::Zero;
        if (is_object(t) ||
            (t == Tag::Invalid && !environment_.target.may_read_uninitialized_stack)) {
            return fail(is_object(t) ? Problem::BadReference : Problem::UninitializedStack, -1,
                        "a variable read of the stack may hit an unreadable byte at ", at);
        }
        // Fine if the program leaves the place open; but the round of a loop that knows it may not.
        if (attempts_ != nullptr && t == Tag::Spill && slot.reg.is_pointer()) {
            return fail(Problem::BadRegisterUse, -1, "a part of a spilled pointer may be read at ", at);
        }
    }
    if (value_reg >= 0) {
        if (all_zero) {
            need_stack(frame, slot_mask(low, end));
        }
        reg(static_cast<unsigned>(value_reg)) =
            all_zero ? Reg::constant(0)
                     : Reg::scalar(size == 8 ? kUnknownScalar
                                             : extend(kUnknownScalar, size * 8, false));
    }
    return true;
}

bool Analysis::read_stack(unsigned base_number, s32 off, u32 size, int value_reg) {
    const Reg base = reg(base_number);
    s64 low = 0;
    s64 high = 0;
    if (!check_stack_bounds(base, base_number, off, size, Access::Read, low, high)) {
        return false;
    }
    if (!reach_stack(base.frame, low)) {
        return false;
    }
    if (low == high) {
        return read_stack_fixed(base.frame, static_cast<s32>(low), size, value_reg);
    }
    return read_stack_variable(base.frame, low, high, size, value_reg);
}

// A dynptr fills two slots; a write to either ends it. One that holds a reference may not end so.
bool Analysis::destroy_dynptr_if_overwritten(u32 frame, u32 index) {
    if (frame_at(frame).stack->slots()[index].tags[0] != Tag::Dynptr) {
        return true;
    }
    if (!own_frame(frame) || !own_stack(frame_at(frame), 0)) {
        return false;
    }
    SlotTable slots = frame_at(frame).stack->slots();
    u32 first = slots[index].reg.frame == 1 ? index : index + 1;
    Reg object = slots[first].reg;
    bool counts = static_cast<DynptrKind>(object.extra) == DynptrKind::Ringbuf;
    if (counts) {
        return fail(Problem::BadReference, -1,
                    "a dynptr that must be submitted or discarded is overwritten");
    }
    for (u32 i = first - 1; i <= first; i++) {
        slots[i] = Slot{};
    }
    return change_regs([&](const Reg& r) { return r.parent != 0 && r.parent == object.id; },
                       [](Reg& r) { r = Reg::unknown(); });
}

bool Analysis::write_stack_fixed(u32 frame, s32 off, u32 size, const Reg* value, int value_reg) {
    u32 index = slot_of(off);
    u64 mask = u64{1} << index;
    note_stack_use(frame, mask, false, size == 8 && byte_of(off) == 0 ? mask : 0,
                   keeps_zero(frame, index, byte_of(off), size) ? 0 : mask);
    bool is_own = frame + 1u == state_->frame_count;
    if (!is_own && value_reg >= 0 && value->is_scalar()) {
        need_register(static_cast<unsigned>(value_reg));
    }
    if (!destroy_dynptr_if_overwritten(frame, index) || !own_frame(frame) ||
        !own_slot(frame_at(frame), index)) {
        return false;
    }
    Slot& slot = frame_at(frame).stack->slots()[index];
    if (value->is_pointer()) {
        if (size != 8) {
            return fail(Problem::BadRegisterUse, value_reg, "a part of a pointer is spilled");
        }
        if (!is_own && value->kind == Kind::Stack) {
            return fail(Problem::BadRegisterUse, value_reg,
                        "a pointer to the own stack is stored in a caller's frame");
        }
        for (Tag& t : slot.tags) {
            t = Tag::Spill;
        }
        slot.reg = *value;
        return true;
    }
    if (byte_of(off) == 0 && value->is_scalar()) {
        if (is_object(slot.tags[0])) {
            slot = Slot{};
        }
        u32 kept = size == 8 ? 0 : size;
        for (u32 i = kept; i < 8 && size < 8; i++) {
            if (slot.tags[i] == Tag::Spill) {
                slot.tags[i] = Tag::Misc;
            }
        }
        for (u32 i = 0; i < size; i++) {
            slot.tags[i] = Tag::Spill;
        }
        slot.reg = *value;
        if (size < 8) {
            bool fits = value->var.umax <= ((u64{1} << (size * 8)) - 1);
            if (!fits) {
                slot.reg = Reg::scalar(extend(value->var, size * 8, false));
            }
        }
        return true;
    }
    bool is_zero = value->is_zero();
    if (is_zero && value_reg >= 0) {
        need_register(static_cast<unsigned>(value_reg));
    }
    if (is_object(slot.tags[0])) {
        slot = Slot{};
    }
    if (slot.is_spill()) {
        bool was_zero = slot.reg.is_zero();
        if (was_zero) {
            need_stack(frame, u64{1} << index);
        }
        for (Tag& t : slot.tags) {
            if (t == Tag::Spill) {
                t = was_zero ? Tag::Zero : Tag::Misc;
            }
        }
        slot.reg = Reg{};
    }
    for (u32 i = 0; i < size; i++) {
        slot.tags[byte_of(off) + i] = is_zero ? Tag::Zero : Tag::Misc;
    }
    return true;
}

bool Analysis::write_stack_variable(u32 frame, s64 low, s64 high, u32 size, const Reg* value,
                                    int value_reg) {
    s64 end = high + static_cast<s64>(size);
    note_stack_use(frame, slot_mask(low, end), false);
    bool writes_zero = value->is_zero();
    bool kept_zero = false;
    for (s64 at = low; at < end; at++) {
        u32 index = slot_of(at);
        SlotTable slots = frame_at(frame).stack->slots();
        if (slots[index].tags[0] == Tag::Iterator || slots[index].tags[0] == Tag::IrqFlag) {
            return fail(Problem::BadReference, -1,
                        "a variable write of the stack may hit an iterator");
        }
        if (!destroy_dynptr_if_overwritten(frame, index)) {
            return false;
        }
        Slot& slot = frame_at(frame).stack->slots()[index];
        Tag& t = slot.tags[byte_of(at)];
        if (t == Tag::Invalid && !environment_.target.may_read_uninitialized_stack) {
            return fail(Problem::UninitializedStack, -1,
                        "a variable write of the stack may leave unwritten bytes");
        }
        if (slot.is_spill()) {
            bool was_zero = slot.reg.is_zero() && writes_zero;
            if (was_zero) {
                need_stack(frame, u64{1} << index);
            }
            for (Tag& x : slot.tags) {
                if (x == Tag::Spill) {
                    x = was_zero ? Tag::Zero : Tag::Misc;
                }
            }
            slot.reg = Reg{};
        }
        if (writes_zero && t == Tag::Zero) {
            kept_zero = true;
        } else {
            t = Tag::Misc;
        }
    }
    if (kept_zero && value_reg >= 0) {
        need_register(static_cast<unsigned>(value_reg));
    }
    return true;
}

bool Analysis::write_stack(unsigned base_number, s32 off, u32 size, int value_reg, s64 constant) {
    const Reg base = reg(base_number);
    s64 low = 0;
    s64 high = 0;
    if (!check_stack_bounds(base, base_number, off, size, Access::Write, low, high) ||
        !(low == high ? reach_stack(base.frame, low) : grow_stack(base.frame, low))) {
        return false;
    }
    if (value_reg >= 0) {
        Reg& source = reg(static_cast<unsigned>(value_reg));
        bool fits = size == 8 || source.var.umax <= (u64{1} << (size * 8)) - 1;
        if (source.is_scalar() && source.id == 0 && !source.var.is_constant() && fits) {
            source.id = new_id();
        }
    }
    Reg value = value_reg >= 0         ? reg(static_cast<unsigned>(value_reg))
                : value_reg == kConstant ? Reg::constant(static_cast<u64>(constant))
                                         : Reg::unknown();
    if (low == high) {
        return write_stack_fixed(base.frame, static_cast<s32>(low), size, &value, value_reg);
    }
    return write_stack_variable(base.frame, low, high, size, &value, value_reg);
}

}  // namespace gyre::bpf
