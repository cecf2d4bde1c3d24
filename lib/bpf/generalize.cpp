// SPDX-License-Identifier: MIT
//
// Generalization: one walk in place of many. When a state arrives where another was that differs
// from it only in numbers, a state that stands for both, and for what will come after them, goes on
// in its place. If no path from there is refused, all it stands for is proven at once; if one is,
// everything that the attempt left is taken back and the state that arrived goes on by itself. So
// an attempt can make a program accepted sooner, never refused.
//
// At the head of a loop the generalized state must include every state that comes back to it, and
// the loop must be known to end: some number moves, on every way back, by at least one in the same
// direction and stays within bounds (an induction variable). How far it moved is not guessed from
// the code: the number is anchored at the head, moves and additions of constants keep the anchor,
// and what comes back is compared with it. Other anchored numbers that move by a constant each round
// (followers, as pointers that walk an array) are then bounded by the number of rounds.
#include "lib/bpf/generalize.h"

#include "lib/bpf/compare.h"

namespace gyre::bpf {
namespace {

constexpr u64 kLoopAllowance = 20'000;
constexpr u64 kMinAttemptInsns = 1'000;
constexpr u32 kMaxEnduranceTests = 3;
constexpr u64 kMaxCostRatio = 3;  // what both cost should be about what one did
constexpr u64 kWasteAllowance = 20'000;
constexpr u64 kJoinWasteAllowance = 4'000;

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

// The bytes that both slots may hold.
void join_bytes(Slot& slot, const Slot& seen) {
    for (u32 i = 0; i < 8; i++) {
        Tag a = slot.tags[i];
        Tag b = seen.tags[i];
        bool is_unwritten = a == Tag::Invalid || b == Tag::Invalid;
        slot.tags[i] = is_unwritten ? Tag::Invalid
                       : a == Tag::Zero && b == Tag::Zero ? Tag::Zero
                                                          : Tag::Misc;
    }
    slot.reg = Reg{};
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
    Generalizer(Attempt& attempt, const Thresholds& ends) : attempt_(attempt), ends_(ends) {}

    bool changed() const { return changed_; }

    void number(Reg& now, const Reg& seen, Varying place, bool is_precise) {
        if (!now.is_scalar() || !seen.is_scalar() || now.var.includes(seen.var)) {
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
            widen_to(now, kUnknownScalar);
            return;
        }
        if (!attempt_.is_loop) {
            widen_to(now, widen_join(now.var, seen.var, ends_));
            return;
        }
        bool is_new = v == nullptr;
        if (is_new && attempt_.varying_count < kMaxVarying) {
            v = &attempt_.varying[attempt_.varying_count++];
            *v = place;
            v->is_follower = attempt_.is_endurance;
            if (now.var.is_constant() && seen.var.is_constant()) {
                v->step = attempt_.restarts == 0
                              ? static_cast<s64>(now.var.value() - seen.var.value())
                              : static_cast<s64>(seen.var.value() - now.var.value());
            }
        }
        s64 step = v != nullptr ? v->step : 0;
        bool was_earlier = attempt_.restarts == 0 && step != 0;
        widen_to(now, widen_rounds(now.var, step, was_earlier ? now.var : seen.var, ends_));
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
    static void widen_to(Reg& r, const Scalar& s) {
        r.var = s;
        r.id = 0;
        r.off = 0;
        r.is_link_offset = false;
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
    Generalizer generalizer(a, ends);
    bool is_bold = !a.is_loop && demand_.at(start.insn).failed_attempts == 0;
    for (u32 n = 0; n < state_->frame_count; n++) {
        if (!own_frame(n)) {
            return false;
        }
        Frame& f = frame_at(n);
        const Frame& other = *seen.frames[n];
        FrameDemand d = frame_demand(state_->insn, n);
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
                join_bytes(slot, was);
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

// The current state goes on in a generalized form, if that is of any use.
bool Analysis::start_attempt(const Checkpoint& partner, bool is_loop) {
    State* wide = copy_state(*state_);
    Attempt* a = arena_.make<Attempt>();
    if (wide == nullptr || a == nullptr) {
        return out_of_memory();
    }
    State* start = state_;
    a->saved = start;
    a->is_loop = is_loop;
    a->pending_base = pending_;
    a->serial = last_serial_;
    a->insns_at_start = report_.statistics.insns_processed;
    a->wasted_at_start = wasted_insns_;
    state_ = wide;
    u64 now = report_.statistics.insns_processed;
    a->deadline = now + (is_loop ? kLoopAllowance + now / 2
                                 : kMinAttemptInsns + kMaxCostRatio * partner.cost);
    if (attempts_ != nullptr && attempts_->deadline < a->deadline) {
        a->deadline = attempts_->deadline;
    }
    bool is_useful = claim_rounds(*a, *start, *partner.state);
    bool has_end = !is_loop;
    for (u32 i = 0; i < a->varying_count; i++) {
        has_end = has_end || a->varying[i].may_end(limits_.insns_processed);
    }
    is_useful = is_useful && has_end && claim_followers(*a, *start);
    if (arena_.is_exhausted()) {
        return out_of_memory();
    }
    if (!is_useful) {
        release_state(wide);
        state_ = start;
        arena_.release(a, sizeof(Attempt));
        demand_.at(start->insn).failed_attempts++;
        return true;
    }
    return open_attempt(a);
}

// The current state is the generalized one: its numbers get their anchors, and it is kept.
bool Analysis::open_attempt(Attempt* a) {
    a->first_anchor = last_id_;
    for (u32 i = 0; i < a->varying_count; i++) {
        Varying& v = a->varying[i];
        v.anchor = new_id();
        Reg& r = place_of(frame_at(v.frame), v);
        r.anchor = v.anchor;
        r.moved = 0;
    }
    a->last_anchor = last_id_;
    a->below = attempts_;
    attempts_ = a;
    has_generalized_ = true;
    if (!add_checkpoint(state_->insn)) {
        return false;
    }
    a->head = state_->parent;
    a->head->attempt = a;
    if (a->head->parent != nullptr) {
        a->head->parent->branches++;  // the saved state may have to go on from there, too
    }
    return true;
}

// A loop that no number ends soon: is it sure to go round more often than can be followed? The state
// is made to stand for that many rounds; if one round from there comes back without a choice on the
// way, then so does every one of them.
bool Analysis::test_endurance(const Checkpoint& partner) {
    demand_.at(state_->insn).endurance_tests++;
    u64 length = state_->path_length - partner.state->path_length;
    State* wide = copy_state(*state_);
    Attempt* a = arena_.make<Attempt>();
    if (wide == nullptr || a == nullptr) {
        return out_of_memory();
    }
    State* start = state_;
    a->saved = start;
    a->is_loop = true;
    a->is_endurance = true;
    a->has_followers = true;
    a->rounds = limits_.insns_processed / (length + 1) + 1;
    a->pending_base = pending_;
    a->serial = last_serial_;
    a->insns_at_start = report_.statistics.insns_processed;
    a->wasted_at_start = wasted_insns_;
    a->deadline = a->insns_at_start + 2 * length + kMinAttemptInsns;
    state_ = wide;
    bool is_useful = claim_rounds(*a, *start, *partner.state) && claim_followers(*a, *start);
    if (arena_.is_exhausted()) {
        return out_of_memory();
    }
    if (!is_useful) {
        release_state(wide);
        state_ = start;
        arena_.release(a, sizeof(Attempt));
        return true;
    }
    return open_attempt(a);
}

// Whether the path from `c` to here stayed in the loop that begins here.
bool Analysis::is_way_back(const Checkpoint& c) const {
    u32 head = state_->insn;
    for (const Checkpoint* p = state_->parent; p != &c; p = p->parent) {
        if (p == nullptr) {
            return false;  // a callback of its own, which another path scheduled
        }
        bool same_frame = p->state->frame_count == state_->frame_count;
        if (same_frame && !flow_.is_in_loop(p->state->insn, head)) {
            return false;
        }
    }
    return true;
}

// Called where a state was not explored before: another goes on in its place, or it comes back to
// the head of an attempt.
bool Analysis::generalize(u32 at, bool& is_pruned) {
    Point& point = demand_.at(at);
    if (!may_generalize_ || trace_ != nullptr || 
        wasted_insns_ > kWasteAllowance + report_.statistics.insns_processed / 4) {
        return true;
    }
    if (attempts_ != nullptr && report_.statistics.insns_processed > attempts_->deadline) {
        Attempt* late = attempts_;  // the outermost that has had its time
        while (late->below != nullptr && late->below->deadline <= late->deadline) {
            late = late->below;
        }
        return roll_back(*late, true);
    }
    const Checkpoint* partner = nullptr;
    u32 looked_at = 0;
    u32 progress = progress_of(*state_);
    for (Checkpoint* c = point.active; c != nullptr && looked_at < 4; c = c->next, looked_at++) {
        if (!is_same_place(*c->state, *state_) || c->progress != progress) {
            continue;
        }
        if (c->attempt != nullptr && c->attempt->is_loop) {
            bool is_fresh = false;
            if (!come_back(*c->attempt, is_pruned, is_fresh) || is_pruned || !is_fresh) {
                return report_.problem == Problem::None;
            }
            continue;
        }
        if (partner == nullptr && is_way_back(*c) && same_at(at, *c->state, Exactness::Shape)) {
            partner = c;
        }
    }
    bool is_loop = partner != nullptr;
    if (is_loop && !(flow_.flags[at] & kLoopHead)) {
        return true;
    }
    bool may_join = wasted_insns_ < kJoinWasteAllowance + report_.statistics.insns_processed / 16;
    for (Checkpoint* c = may_join ? point.checkpoints : nullptr; c != nullptr && partner == nullptr;
         c = c->next) {
        if (is_same_place(*c->state, *state_) && same_at(at, *c->state, Exactness::Shape)) {
            partner = c;
        }
    }
    if (partner == nullptr) {
        return true;
    }
    bool is_new_demand = point.failed_attempts == 0 || point.precise != point.failed_precise ||
                         point.precise_slots != point.failed_slots;
    is_new_demand = is_new_demand && point.failed_attempts < kMaxFailures;
    const State* arrived = state_;
    if (is_new_demand && !start_attempt(*partner, is_loop)) {
        return false;
    }
    bool is_tried = state_ != arrived || !is_loop || attempts_ != nullptr;
    return is_tried || point.endurance_tests >= kMaxEnduranceTests || test_endurance(*partner);
}

}  // namespace gyre::bpf
