// SPDX-License-Identifier: MIT
//
// Whether everything that holds of one state was already explored from another: every behaviour of
// the new state is one of the old state's, as far as the demand of the point can tell.
#include <string.h>

#include "lib/bpf/compare.h"

namespace gyre::bpf {
namespace {

constexpr u16 bit(unsigned r) { return static_cast<u16>(1u << r); }

s32 distance(s32 from, s32 to) {
    return static_cast<s32>(static_cast<u32>(to) - static_cast<u32>(from));
}

bool is_misc_or_zero(Tag t) { return t == Tag::Misc || t == Tag::Zero; }

}  // namespace

bool StateComparer::same_id(u32 old_id, u32 new_id, s32 shift) {
    if ((old_id != 0) != (new_id != 0)) {
        return false;
    }
    if (old_id == 0) {
        return true;
    }
    for (u32 i = 0; i < pair_count_; i++) {
        if (pairs_[i].old_id == old_id) {
            return pairs_[i].new_id == new_id && pairs_[i].shift == shift;
        }
        if (pairs_[i].new_id == new_id) {
            return false;
        }
    }
    if (pair_count_ == kMaxPairs) {
        return false;
    }
    pairs_[pair_count_++] = {old_id, new_id, shift};
    return true;
}

// A number without link may stand for a linked one only under an id of its own.
bool StateComparer::same_scalar_id(u32 old_id, u32 new_id, s32 shift) {
    if (old_id == 0) {
        return true;
    }
    if (new_id == 0) {
        new_id = --temporary_id_;
    }
    return same_id(old_id, new_id, shift);
}

// In a loop that is being generalized, a path may end at another's state only if it has done the
// same to the numbers that prove the loop's end.
bool StateComparer::same_anchor(const Reg& old, const Reg& now) const {
    if (old.anchor == 0 || (old.anchor == now.anchor && old.moved == now.moved)) {
        return true;
    }
    for (const Attempt* a = attempts_; a != nullptr; a = a->below) {
        if (a != closing_ && a->owns_anchor(old.anchor)) {
            return false;
        }
    }
    return true;
}

// The same but for numbers and for the fixed offsets of pointers.
bool StateComparer::same_shape(const Reg& old, const Reg& now) {
    if (old.kind != now.kind || old.flags != now.flags) {
        return false;
    }
    if (old.kind == Kind::Uninitialized || old.kind == Kind::Scalar) {
        return true;
    }
    return old.extra == now.extra && old.map == now.map && old.frame == now.frame &&
           old.is_program_type == now.is_program_type && old.is_drained == now.is_drained &&
           old.var == now.var && (old.is_packet() || same_id(old.id, now.id)) &&
           same_id(old.ref, now.ref) && same_id(old.parent, now.parent);
}

bool StateComparer::same_reg(const Reg& old, const Reg& now, bool is_precise) {
    if (exactness_ == Exactness::Shape) {
        return same_shape(old, now);
    }
    if (exactness_ == Exactness::RangeWithin && !same_anchor(old, now)) {
        return false;
    }
    if (old.kind == Kind::Uninitialized && exactness_ != Exactness::Identical) {
        return true;
    }
    if (old.kind != now.kind || old.flags != now.flags) {
        return false;
    }
    if (exactness_ == Exactness::Identical) {
        return old.off == now.off && old.extra == now.extra && old.map == now.map &&
               old.range == now.range && old.frame == now.frame && old.var == now.var &&
               old.is_drained == now.is_drained && same_id(old.id, now.id) &&
               same_id(old.ref, now.ref);
    }
    bool asks_common = old.commonness == Common::Some && asks_common_ &&
                       (is_precise || !old.is_scalar() || exactness_ == Exactness::RangeWithin);
    if (asks_common && !now.has_common_of(old)) {
        return false;
    }
    switch (old.kind) {
        case Kind::Uninitialized: return true;
        case Kind::Scalar:
            if ((is_precise || exactness_ == Exactness::RangeWithin) &&
                !same_scalar_id(old.anchor, now.anchor, distance(old.moved, now.moved))) {
                return false;
            }
            if (exactness_ == Exactness::RangeWithin) {
                return old.var.includes(now.var) &&
                       same_scalar_id(old.id, now.id, distance(old.off, now.off));
            }
            if (!is_precise) {
                return true;
            }
            return old.var.includes(now.var) && (old.id == 0 || old.off == now.off) &&
                   same_scalar_id(old.id, now.id);
        case Kind::Packet:
        case Kind::PacketMeta: {
            bool range_fits = old.range >= 0 ? old.range <= now.range : old.range == now.range;
            return range_fits && old.off == now.off && old.var.includes(now.var) &&
                   same_id(old.id, now.id);
        }
        case Kind::Stack:
            return old.frame == now.frame && old.off == now.off && old.var.includes(now.var);
        case Kind::Context:
        case Kind::ConstMap:
        case Kind::PacketEnd:
        case Kind::FlowKeys:
            return old.off == now.off && old.var == now.var && old.map == now.map &&
                   old.parent == now.parent;
        default:
            return old.off == now.off && old.extra == now.extra && old.map == now.map &&
                   old.frame == now.frame && old.range == now.range &&
                   old.is_program_type == now.is_program_type &&
                   old.is_drained == now.is_drained && old.var.includes(now.var) &&
                   same_id(old.id, now.id) && same_id(old.ref, now.ref) &&
                   same_id(old.parent, now.parent);
    }
}

// The eight bytes of a slot as a number, if that is what they are.
bool StateComparer::as_number(const Slot& slot, Reg& out) {
    if (slot.is_full_spill()) {
        out = slot.reg;
        return slot.reg.is_scalar();
    }
    bool all_zero = true;
    for (Tag t : slot.tags) {
        if (t != Tag::Zero) {
            all_zero = false;
        }
        if (!is_misc_or_zero(t) && t != Tag::Invalid) {
            return false;
        }
    }
    out = all_zero ? Reg::constant(0) : Reg::unknown();
    return true;
}

bool StateComparer::same_slot(const Slot& old, const Slot& now, bool is_precise) {
    if (exactness_ == Exactness::Identical) {
        return memcmp(old.tags, now.tags, sizeof(old.tags)) == 0 &&
               (!old.is_spill() || same_reg(old.reg, now.reg, true));
    }
    if (exactness_ == Exactness::Shape) {
        Reg ignored;
        if (as_number(old, ignored) && as_number(now, ignored)) {
            return true;
        }
    }
    if (old.is_full_spill()) {
        if (!old.reg.is_scalar()) {
            return now.is_full_spill() && same_reg(old.reg, now.reg, is_precise);
        }
        Reg number;
        if (!as_number(now, number)) {
            return false;
        }
        bool has_uninitialized = false;
        for (Tag t : now.tags) {
            has_uninitialized |= t == Tag::Invalid;
        }
        if (has_uninitialized && !may_read_uninitialized_) {
            return false;
        }
        return same_reg(old.reg, number, is_precise);
    }
    // Part of a number that nobody needs exactly: any bytes will do.
    bool is_any_number = exactness_ == Exactness::Demanded && !is_precise && old.is_spill() &&
                         old.reg.is_scalar();
    for (u32 i = 0; i < 8; i++) {
        Tag o = is_any_number && old.tags[i] == Tag::Spill ? Tag::Misc : old.tags[i];
        Tag n = now.tags[i];
        if (o == Tag::Invalid) {
            // It was never needed, or reading it was fine: then any plain bytes are.
            if (may_read_uninitialized_ && n != Tag::Invalid && !is_misc_or_zero(n) &&
                !(n == Tag::Spill && now.reg.is_scalar()) && n != Tag::Spill) {
                return false;
            }
            continue;
        }
        bool is_number_byte = n == Tag::Misc || n == Tag::Zero ||
                              (n == Tag::Spill && now.reg.is_scalar()) ||
                              (n == Tag::Invalid && may_read_uninitialized_);
        if (o == Tag::Misc) {
            if (!is_number_byte) {
                return false;
            }
            continue;
        }
        if (o == Tag::Zero) {
            bool is_zero = n == Tag::Zero || (n == Tag::Spill && now.reg.is_zero());
            if (!is_number_byte || (!is_zero && (is_precise || exactness_ != Exactness::Demanded))) {
                return false;
            }
            continue;
        }
        if (o != n) {
            return false;
        }
    }
    if (old.is_spill()) {
        return is_any_number || same_reg(old.reg, now.reg, is_precise);
    }
    switch (old.tags[7]) {
        case Tag::Dynptr:
        case Tag::IrqFlag: return same_reg(old.reg, now.reg, true);
        case Tag::Iterator:
            return old.reg.is_drained == now.reg.is_drained && same_id(old.reg.ref, now.reg.ref) &&
                   old.reg.extra == now.reg.extra;
        default: return true;
    }
}

bool StateComparer::same_frame(const Frame& old, const Frame& now, const FrameDemand& demand) {
    if (old.subprogram != now.subprogram || old.call_insn != now.call_insn ||
        old.callback != now.callback || old.is_async != now.is_async) {
        return false;
    }
    if (old.callback_depth > now.callback_depth) {
        return false;
    }
    for (unsigned r = 0; r < kFramePointer; r++) {
        if ((demand.live & bit(r)) == 0 && exactness_ != Exactness::Identical) {
            continue;
        }
        if (!same_reg(old.regs[r], now.regs[r], (demand.precise & bit(r)) != 0)) {
            return false;
        }
    }
    static const Slot kEmpty{};
    u32 slots = old.stack_slots > now.stack_slots ? old.stack_slots : now.stack_slots;
    bool skips_dead = exactness_ == Exactness::Demanded || exactness_ == Exactness::Shape;
    u64 looked_at = slots >= 64 ? ~u64{0} : (u64{1} << slots) - 1;
    if (skips_dead && !has_objects_) {
        looked_at &= demand.live_slots;
    }
    for (; looked_at != 0; looked_at &= looked_at - 1) {
        u32 i = static_cast<u32>(__builtin_ctzll(looked_at));
        const Slot& o = i < old.stack_slots ? old.stack->slots()[i] : kEmpty;
        const Slot& n = i < now.stack_slots ? now.stack->slots()[i] : kEmpty;
        u64 mask = u64{1} << i;
        bool is_object = o.tags[7] >= Tag::Dynptr || n.tags[7] >= Tag::Dynptr;
        if (!is_object && (demand.live_slots & mask) == 0 && skips_dead) {
            continue;
        }
        if (is_object && o.tags[7] != n.tags[7]) {
            return false;
        }
        if (!same_slot(o, n, (demand.precise_slots & mask) != 0)) {
            differed_ = {now.number, static_cast<u8>(i)};
            return false;
        }
    }
    return true;
}

bool StateComparer::same_slot_at(const State& old, const State& now, SlotPlace place) {
    if (place.frame >= now.frame_count || now.frame_count != old.frame_count) {
        return true;
    }
    const Frame& was = *old.frames[place.frame];
    const Frame& is = *now.frames[place.frame];
    const FrameDemand& demand = demands_[place.frame];
    u64 mask = u64{1} << place.slot;
    if (place.slot >= was.stack_slots || place.slot >= is.stack_slots ||
        (demand.live_slots & mask) == 0) {
        return true;
    }
    pair_count_ = 0;
    return same_slot(was.stack->slots()[place.slot], is.stack->slots()[place.slot],
                     (demand.precise_slots & mask) != 0);
}

bool StateComparer::same(const State& old, const State& now, SlotPlace& differed) {
    if (!same_slot_at(old, now, differed)) {
        return false;
    }
    differed_ = {};
    if (same(old, now)) {
        return true;
    }
    differed = differed_.frame != 0xff ? differed_ : differed;
    return false;
}

bool StateComparer::same(const State& old, const State& now) {
    pair_count_ = 0;
    if (old.frame_count != now.frame_count || old.reference_count != now.reference_count ||
        old.rcu_locks != now.rcu_locks || old.preempt_locks != now.preempt_locks ||
        old.lock_count != now.lock_count || old.may_sleep != now.may_sleep ||
        old.active_irq != now.active_irq) {
        return false;
    }
    for (u32 f = now.frame_count; f-- > 0;) {
        if (!same_frame(*old.frames[f], *now.frames[f], demands_[f])) {
            return false;
        }
    }
    for (u32 i = 0; i < old.reference_count; i++) {
        const Reference& o = old.references[i];
        const Reference& n = now.references[i];
        if (o.kind != n.kind || o.object != n.object || !same_id(o.id, n.id)) {
            return false;
        }
    }
    return true;
}

}  // namespace gyre::bpf
