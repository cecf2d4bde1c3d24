// SPDX-License-Identifier: MIT
//
// What a generalized state claims of its numbers (generalize.cpp): how far each may range over the
// rounds of a loop, or over the states that meet at a join. Claims are guesses; the walk tries them.
#include "lib/bpf/compare.h"

namespace gyre::bpf {
namespace {

bool is_plain(Tag t) { return t == Tag::Misc || t == Tag::Zero || t == Tag::Invalid; }

bool is_plain(const Slot& slot) {
    bool plain = true;
    for (Tag t : slot.tags) {
        plain = plain && (is_plain(t) || (t == Tag::Spill && slot.reg.is_scalar()));
    }
    return plain;
}

bool is_empty(const Slot& slot) {
    bool empty = true;
    for (Tag t : slot.tags) {
        empty = empty && t == Tag::Invalid;
    }
    return empty;
}

// The bytes that both slots may hold. True if a number is lost that was known of the first.
bool join_bytes(Slot& slot, const Slot& seen) {
    bool loses_number = false;
    for (u32 i = 0; i < 8; i++) {
        Tag a = slot.tags[i];
        Tag b = seen.tags[i];
        bool is_unwritten = a == Tag::Invalid || b == Tag::Invalid;
        slot.tags[i] = is_unwritten ? Tag::Invalid
                       : a == Tag::Zero && b == Tag::Zero ? Tag::Zero
                                                          : Tag::Misc;
        loses_number = loses_number || (a == Tag::Zero && b != Tag::Zero) ||
                       (a == Tag::Spill && slot.reg.var.is_constant());
    }
    slot.reg = Reg{};
    return loses_number;
}

bool same_tags(const Slot& a, const Slot& b) {
    bool same = true;
    for (u32 i = 0; i < 8; i++) {
        same = same && a.tags[i] == b.tags[i];
    }
    return same;
}

}  // namespace

// Widens the numbers of the current state, a copy of `start`, so that they stand for their rounds:
// `seen` is another state of the same place, an earlier one (or, on a restart, one that came back).
class Generalizer {
public:
    Generalizer(Attempt& attempt, const Thresholds& ends, bool asks_common)
        : attempt_(attempt), ends_(ends), asks_common_(asks_common) {}

    bool changed() const { return changed_; }

    void number(Reg& now, const Reg& seen, Varying place, bool is_precise) {
        if (!now.is_scalar() || !seen.is_scalar()) {
            return;
        }
        if (now.var.includes(seen.var)) {
            bool has_less = asks_common_ && is_precise && !attempt_.is_loop &&
                            seen.commonness == Common::Some && !now.has_common_of(seen);
            if (has_less) {
                claim_common(now, Reg(now), seen);
                attempt_.joins_numbers = true;
                changed_ = true;
            }
            return;
        }
        // Between an earlier round and this one the bounds grew tighter: let them.
        if (attempt_.is_loop && attempt_.restarts == 0 && seen.var.includes(now.var)) {
            return;
        }
        Varying* v = find(place);
        changed_ = changed_ || is_precise || attempt_.is_loop;
        if (!is_precise) {
            if (v != nullptr) {
                v->is_lost = true;
            }
            widen_to(now, seen, kUnknownScalar);
            return;
        }
        if (!attempt_.is_loop) {
            widen_to(now, seen, widen_join(now.var, seen.var, ends_));
            return;
        }
        bool is_new = v == nullptr;
        if (is_new && attempt_.varying_count < kMaxVarying) {
            v = &attempt_.varying[attempt_.varying_count++];
            *v = place;
            v->is_follower = attempt_.is_endurance;
            // A range that has moved on as a whole is followed only where no end is looked for.
            bool has_moved = attempt_.is_endurance && now.var.smin >= 0 && seen.var.smin >= 0 &&
                             now.var.smax - now.var.smin == seen.var.smax - seen.var.smin;
            if (has_moved) {
                v->step = now.var.smin - seen.var.smin;
            } else if (now.var.is_constant() && seen.var.is_constant()) {
                v->step = attempt_.restarts == 0
                              ? static_cast<s64>(now.var.value() - seen.var.value())
                              : static_cast<s64>(seen.var.value() - now.var.value());
            }
        }
        s64 step = v != nullptr ? v->step : 0;
        bool was_earlier = attempt_.restarts == 0 && step != 0;
        widen_to(now, seen, widen_rounds(now.var, step, was_earlier ? now.var : seen.var, ends_));
        if (v != nullptr) {
            v->low = now.var.smin;
            v->high = now.var.smax;
        }
    }

    // A pointer of one kind whose fixed offset moves: a follower.
    void pointer(const Reg& now, const Reg& seen, Varying place) {
        bool moves = attempt_.is_loop && now.kind == seen.kind && now.is_pointer() &&
                     now.off != seen.off && now.var == seen.var && find(place) == nullptr &&
                     attempt_.varying_count < kMaxVarying;
        if (moves) {
            changed_ = true;
            place.is_pointer = true;
            place.is_follower = true;
            place.step = attempt_.restarts == 0 ? s64{now.off} - seen.off : s64{seen.off} - now.off;
            attempt_.varying[attempt_.varying_count++] = place;
            attempt_.has_followers = true;
        }
    }

    // What is known of the packet's length behind a pointer. `is_bold`: the next one that comes will
    // know still less, so nothing is kept.
    void packet(Reg& now, const Reg& seen, bool is_bold) {
        bool differs = now.is_packet() && now.kind == seen.kind && now.range > 0 &&
                       seen.range >= 0 && seen.range != now.range;
        if (differs && (is_bold || seen.range < now.range)) {
            now.range = is_bold ? 0 : seen.range;
            changed_ = true;
        }
    }

    void note_change() { changed_ = true; }

private:
    void widen_to(Reg& r, const Reg& seen, const Scalar& s) {
        Reg was = r;
        attempt_.joins_numbers = true;
        r.var = s;
        r.id = 0;
        r.off = 0;
        r.is_link_offset = false;
        if (attempt_.is_loop || was.commonness == Common::None) {
            r.commonness = Common::None;
        } else {
            claim_common(r, was, seen);
        }
    }
    // Small numbers that `was` may be, and if possible those that `seen` stands for as well.
    static void claim_common(Reg& r, const Reg& was, const Reg& seen) {
        s64 low = was.common;
        s64 high = was.common_end();
        if (was.commonness == Common::All) {
            bool wraps = was.var.half_smin < 0 && was.var.half_smax >= 0 &&
                         was.var.umax <= 0xffffffffu;
            low = wraps || was.var.smin < 0 ? 0 : was.var.smin;
            high = wraps ? was.var.half_smax : was.var.smax;
        }
        if (seen.commonness == Common::Some && seen.common <= high && seen.common_end() >= low) {
            low = seen.common > low ? seen.common : low;
            high = seen.common_end() < high ? seen.common_end() : high;
        }
        if (was.commonness == Common::All && !was.may_be_any(low, high)) {
            r.commonness = Common::None;
        } else {
            r.set_common(low, high);
        }
    }
    Varying* find(const Varying& place) {
        for (u32 i = 0; i < attempt_.varying_count; i++) {
            Varying& v = attempt_.varying[i];
            if (v.frame == place.frame && v.index == place.index && v.is_slot == place.is_slot) {
                return &v;
            }
        }
        return nullptr;
    }

    Attempt& attempt_;
    const Thresholds& ends_;
    bool asks_common_;
    bool changed_ = false;
};

void Analysis::collect_thresholds(const Attempt& a, const State& s, const State& seen,
                                  Thresholds& ends) {
    static constexpr s64 kLimits[] = {0, 1, 0xff, 0xffff, 0x7fffffff, 0xffffffff};
    for (s64 limit : kLimits) {
        ends.add(limit);
    }
    s64 step = 1;
    for (u32 i = 0; i < a.varying_count; i++) {
        step = a.varying[i].step != 0 && !a.varying[i].is_pointer ? a.varying[i].step : step;
    }
    step = step < 0 ? -step : step;
    if (step <= 0 || step > kMaxVariableOffset) {
        step = 1;
    }
    auto add_around = [&](s64 v) {
        if (v < -(s64{1} << 40) || v > (s64{1} << 40)) {
            return;
        }
        for (s64 near : {v - step, v - 1, v, v + 1, v - 1 + step, v + step}) {
            ends.add(near);
        }
    };
    const Subprogram& sub = flow_.subprograms[flow_.subprogram_of[s.insn]];
    for (u32 i = sub.begin; a.is_loop && i < sub.end; i++) {
        if (!flow_.is_in_loop(i, s.insn)) {
            continue;
        }
        const Insn& insn = program_.insns[i];
        u8 c = insn.insn_class();
        bool compares = (c == kClassJmp || c == kClassJmp32) && !insn.uses_register_source() &&
                        insn.op() != kJa && insn.op() != kCall && insn.op() != kExit;
        if (compares && !(flow_.flags[i] & kSecondHalf)) {
            add_around(insn.imm);
        }
    }
    auto is_varying = [&](u32 index, bool is_slot) {
        for (u32 i = 0; i < a.varying_count; i++) {
            const Varying& v = a.varying[i];
            if (v.frame + 1u == s.frame_count && v.index == index && v.is_slot == is_slot) {
                return true;
            }
        }
        return false;
    };
    const Frame& f = *s.frames[s.frame_count - 1];
    const Frame& g = *seen.frames[s.frame_count - 1];
    for (unsigned r = 0; r < kFramePointer; r++) {
        bool stays = f.regs[r].is_scalar() && ((flow_.live[s.insn] >> r) & 1) &&
                     !is_varying(r, false) && f.regs[r].var == g.regs[r].var;
        if (stays) {
            add_around(f.regs[r].var.smax);
        }
    }
    for (u32 i = 0; i < f.stack_slots; i++) {
        const Slot& slot = f.stack->slots()[i];
        bool stays = slot.is_spill() && slot.reg.is_scalar() && !is_varying(i, true) &&
                     i < g.stack_slots && slot.reg.var == g.stack->slots()[i].reg.var;
        if (stays) {
            add_around(slot.reg.var.smax);
        }
    }
}

// Lets the numbers of the current state stand for more than `start`; false: memory, or nothing to
// gain (then the report is empty).
bool Analysis::claim_rounds(Attempt& a, const State& start, const State& seen) {
    Thresholds ends;
    collect_thresholds(a, start, seen, ends);
    Generalizer generalizer(a, ends, has_asked_common_);
    bool is_bold = !a.is_loop && demand_.at(start.insn).failed_attempts == 0;
    for (u32 n = 0; n < state_->frame_count; n++) {
        if (!own_frame(n)) {
            return false;
        }
        Frame& f = frame_at(n);
        const Frame& other = *seen.frames[n];
        FrameDemand d = frame_demand(*state_, n);
        for (unsigned r = 0; r < kFramePointer; r++) {
            if (!((d.live >> r) & 1)) {
                f.regs[r] = Reg{};
                continue;
            }
            Varying place;
            place.frame = static_cast<u8>(n);
            place.index = static_cast<u8>(r);
            generalizer.number(f.regs[r], other.regs[r], place, ((d.precise >> r) & 1) != 0);
            generalizer.pointer(f.regs[r], other.regs[r], place);
            generalizer.packet(f.regs[r], other.regs[r], is_bold);
        }
        u32 slots = f.stack_slots < other.stack_slots ? f.stack_slots : other.stack_slots;
        if (slots != 0 && !own_stack(f, f.stack_slots)) {
            return false;
        }
        for (u32 i = 0; i < slots; i++) {
            Slot& slot = f.stack->slots()[i];
            const Slot& was = other.stack->slots()[i];
            Varying place;
            place.frame = static_cast<u8>(n);
            place.index = static_cast<u8>(i);
            place.is_slot = true;
            bool is_precise = ((d.precise_slots >> i) & 1) != 0;
            if (slot.is_spill() && same_tags(slot, was)) {
                generalizer.number(slot.reg, was.reg, place, is_precise);
                generalizer.pointer(slot.reg, was.reg, place);
                generalizer.packet(slot.reg, was.reg, is_bold);
            } else if (is_plain(slot) && is_plain(was) && !same_tags(slot, was) &&
                       !is_empty(slot) && (a.restarts != 0 || !is_empty(was))) {
                a.joins_bytes = join_bytes(slot, was) || a.joins_bytes;
                generalizer.note_change();
            }
        }
    }
    return generalizer.changed();
}

// Followers range over as many rounds as the numbers with bounds allow.
bool Analysis::claim_followers(Attempt& a, const State& start) {
    if (!a.has_followers) {
        return true;
    }
    a.rounds = a.is_endurance ? a.rounds : 0;
    for (u32 i = 0; i < a.varying_count; i++) {
        const Varying& v = a.varying[i];
        if (v.is_follower || v.is_lost || v.step == 0 || a.is_endurance) {
            continue;
        }
        u64 step = v.step < 0 ? u64{0} - static_cast<u64>(v.step) : static_cast<u64>(v.step);
        u64 rounds = (static_cast<u64>(v.high) - static_cast<u64>(v.low)) / step;
        a.rounds = a.rounds == 0 || rounds < a.rounds ? rounds : a.rounds;
    }
    if (a.rounds == 0 || a.rounds > static_cast<u64>(kMaxVariableOffset)) {
        return false;
    }
    for (u32 i = 0; i < a.varying_count; i++) {
        const Varying& v = a.varying[i];
        if (!v.is_follower) {
            continue;
        }
        s64 reach = 0;
        bool is_far = __builtin_mul_overflow(v.step, static_cast<s64>(a.rounds), &reach) ||
                      v.step == 0 ||
                      (v.is_pointer && (reach > kMaxVariableOffset || reach < -kMaxVariableOffset));
        if (is_far) {
            return false;
        }
        const Reg* first = find_place(*start.frames[v.frame], v);
        if (first == nullptr) {
            return false;
        }
        Scalar walked;
        walked.smin = reach < 0 ? reach : 0;
        walked.smax = reach < 0 ? 0 : reach;
        walked.bits = {0, ~((u64{1} << __builtin_ctzll(static_cast<u64>(v.step))) - 1)};
        synchronize(walked);
        Reg& r = place_of(frame_at(v.frame), v);
        r = *first;
        r.var = alu_full(kAdd, first->var, walked);
        if (r.is_packet()) {
            r.id = new_id();
            r.range = 0;
        } else if (r.is_scalar()) {
            r.id = 0;
            r.off = 0;
            r.is_link_offset = false;
        }
    }
    return true;
}

}  // namespace gyre::bpf
