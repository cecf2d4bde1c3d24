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

}  // namespace

// What an attempt that begins here takes back to; the current state becomes a copy, to be widened.
// Null: no memory.
Attempt* Analysis::make_attempt(bool is_loop) {
    State* wide = copy_state(*state_);
    Attempt* a = arena_.make<Attempt>();
    if (wide == nullptr || a == nullptr) {
        return nullptr;
    }
    a->saved = state_;
    a->is_loop = is_loop;
    a->pending_base = pending_;
    a->serial = last_serial_;
    a->insns_at_start = report_.statistics.insns_processed;
    a->wasted_at_start = wasted_insns_;
    state_ = wide;
    return a;
}

// The current state goes on in a generalized form, if that is of any use.
bool Analysis::start_attempt(const Checkpoint& partner, bool is_loop) {
    State* start = state_;
    Attempt* a = make_attempt(is_loop);
    if (a == nullptr) {
        return out_of_memory();
    }
    State* wide = state_;
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
    a->waiting = waiting_;
    waiting_ = nullptr;
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
    State* start = state_;
    Attempt* a = make_attempt(true);
    if (a == nullptr) {
        return out_of_memory();
    }
    State* wide = state_;
    a->is_endurance = true;
    a->has_followers = true;
    a->rounds = limits_.insns_processed / (length + 1) + 1;
    a->deadline = a->insns_at_start + 2 * length + kMinAttemptInsns;
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

// Asked of one round that stands for many: may the jump stay in the loop in each of them? A number
// that moves on by a constant is as wide in each round; if it spans a bit, that bit may be set wherever
// it has come to, and from a test of several bits nothing is learned that would make it narrower.
bool Analysis::stays_open(const Insn& insn, const Reg& r, u32 inside) const {
    const Attempt& a = *attempts_;
    u64 mask = static_cast<u64>(static_cast<s64>(insn.imm));
    u64 lowest = mask & (u64{0} - mask);
    bool is_asked = a.is_endurance && insn.insn_class() == kClassJmp && insn.op() == kJset &&
                    !insn.uses_register_source() && mask != lowest && r.anchor != 0 &&
                    flow_.is_in_loop(inside, a.saved->insn);
    for (u32 i = 0; is_asked && i < a.varying_count; i++) {
        const Varying& v = a.varying[i];
        const Reg* first = find_place(*a.saved->frames[v.frame], v);
        if (v.anchor != r.anchor || v.is_lost || v.is_pointer || first == nullptr ||
            !first->is_scalar()) {
            continue;
        }
        Scalar all = kUnknownScalar;
        all.smin = first->var.smin;
        all.smax = first->var.smax;
        synchronize(all);
        u64 width = static_cast<u64>(all.smax) - static_cast<u64>(all.smin);
        return first->var.includes(all) && width / 2 >= lowest;
    }
    return false;
}

// Whether the path from `c` to here stayed in the loop that begins here.
bool Analysis::is_way_back(const Checkpoint& c) const {
    u32 head = state_->insn;
    for (const Checkpoint* p = state_->parent; p != &c; p = p->parent) {
        if (p == nullptr || p->depth <= c.depth) {
            return false;  // another path, which this one has parted from
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
    if (point.failed_attempts != 0) {
        demand_.settle();
    }
    bool is_new_demand = point.failed_attempts == 0 || point.precise != point.failed_precise ||
                         point.precise_slots != point.failed_slots;
    is_new_demand = is_new_demand && point.failed_attempts < kMaxFailures;
    bool may_try = is_new_demand ||
                   (attempts_ == nullptr && point.endurance_tests < kMaxEnduranceTests);
    const Checkpoint* partner = nullptr;
    u32 looked_at = 0;
    u32 progress = progress_of(*state_);
    for (Checkpoint* c = point.active; c != nullptr && looked_at < 4; c = c->next, looked_at++) {
        if (!is_same_place(*c->state, *state_) ||
            (c->progress != progress && has_progressed(*c->state, *state_))) {
            continue;
        }
        if (c->attempt != nullptr && c->attempt->is_loop) {
            bool is_fresh = false;
            if (!come_back(*c->attempt, is_pruned, is_fresh) || is_pruned || !is_fresh) {
                return report_.problem == Problem::None;
            }
            continue;
        }
        if (may_try && partner == nullptr && is_way_back(*c) &&
            same_here(*c->state, Exactness::Shape)) {
            partner = c;
        }
    }
    bool is_loop = partner != nullptr;
    if (!may_try || (is_loop && !(flow_.flags[at] & kLoopHead))) {
        return true;
    }
    bool may_join = is_new_demand && wasted_insns_ < kJoinWasteAllowance +
                                                         report_.statistics.insns_processed / 16;
    for (Checkpoint* c = may_join ? point.checkpoints : nullptr; c != nullptr && partner == nullptr;
         c = c->next) {
        if (is_same_place(*c->state, *state_) && same_here(*c->state, Exactness::Shape)) {
            partner = c;
        }
    }
    if (partner == nullptr) {
        return true;
    }
    const State* arrived = state_;
    if (is_new_demand && !start_attempt(*partner, is_loop)) {
        return false;
    }
    bool is_tried = state_ != arrived || !is_loop || attempts_ != nullptr;
    return is_tried || point.endurance_tests >= kMaxEnduranceTests || test_endurance(*partner);
}

}  // namespace gyre::bpf
