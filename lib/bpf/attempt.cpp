// SPDX-License-Identifier: MIT
//
// The life of an attempt to generalize (generalize.cpp) after its beginning: what comes back to its
// head, its end, and how it is taken back.
#include "lib/bpf/compare.h"

namespace gyre::bpf {
namespace {

constexpr u32 kMaxRestarts = 8;  // of one attempt, with wider numbers

bool is_unstarted_callback(const State& s) {
    return s.frames[0]->is_async && s.history == nullptr;
}

}  // namespace

// Whether the current state lies within the generalized one, followers taken at their word.
bool Analysis::is_included(Attempt& a) {
    State* back = state_;
    if (a.has_followers) {
        state_ = copy_state(*back);
        if (state_ == nullptr) {
            state_ = back;
            return false;
        }
        for (u32 i = 0; i < a.varying_count; i++) {
            const Varying& v = a.varying[i];
            const Reg* r = find_place(frame_at(v.frame), v);
            if (!v.is_follower || r == nullptr || r->anchor != v.anchor || r->moved != v.step ||
                !own_frame(v.frame) || !own_stack(frame_at(v.frame), 0)) {
                continue;
            }
            Reg& mine = place_of(frame_at(v.frame), v);
            const Reg* claimed = find_place(*a.head->state->frames[v.frame], v);
            mine.var = claimed->var;
            mine.off = claimed->off;
        }
    }
    bool included = same_here(*a.head->state, Exactness::RangeWithin, &a);
    if (state_ != back) {
        release_state(state_);
        state_ = back;
    }
    return included;
}

// A state arrives at the head of an attempt that is under way. `is_fresh`: not by a way back, but
// from the beginning (an outer loop has come round).
bool Analysis::come_back(Attempt& a, bool& is_pruned, bool& is_fresh) {
    bool derives = false;
    for (u32 i = 0; i < a.varying_count; i++) {
        const Reg* r = find_place(frame_at(a.varying[i].frame), a.varying[i]);
        derives = derives || (r != nullptr && r->anchor == a.varying[i].anchor);
    }
    if (a.is_endurance) {
        bool comes_round = attempts_ == &a && pending_ == a.pending_base && waiting_ == nullptr &&
                           is_included(a);
        return comes_round ? refuse_endless(a) : roll_back(a, false);
    }
    is_fresh = !derives;
    if (is_fresh && !is_way_back(*a.head)) {
        return true;
    }
    if (is_fresh) {
        is_fresh = false;  // the attempt is gone, and its head with it
        return roll_back(a, true);
    }
    bool included = is_included(a);
    if (arena_.is_exhausted()) {
        return out_of_memory();
    }
    for (u32 i = 0; i < a.varying_count; i++) {
        Varying& v = a.varying[i];
        const Reg* r = find_place(frame_at(v.frame), v);
        v.note_way_back(r != nullptr && r->anchor == v.anchor, r != nullptr ? r->moved : 0);
    }
    if (!included) {
        return restart_attempt(a);
    }
    if (!may_end_at(*a.head)) {
        return roll_back(a, true);  // an outer loop counts on what is made anew in each round
    }
    u64 length = state_->path_length - a.head->state->path_length;
    a.shortest_way_back = length < a.shortest_way_back ? length : a.shortest_way_back;
    u64 rounds = a.most_rounds();
    if (rounds == 0 || rounds > limits_.insns_processed / (a.shortest_way_back + 1)) {
        return roll_back(a, true);
    }
    a.has_way_back = true;
    note_loop(state_->parent, a.head);
    end_trail(nullptr);
    is_pruned = true;
    report_.statistics.prunes++;
    return true;
}

bool Analysis::refuse_endless(const Attempt& a) {
    is_certain_ = true;
    u32 head = a.saved->insn;
    u32 end = head;
    for (u32 k = flow_.first_before[head]; k < flow_.first_before[head + 1]; k++) {
        bool jumps_back = flow_.is_in_loop(flow_.before[k], head);
        end = jumps_back && flow_.before[k] > end ? flow_.before[k] : end;
    }
    return fail(Problem::TooComplex, -1, "the loop from instruction ", head, " to ", end,
                a.has_choice ? " may go round more than " : " goes round more than ", a.rounds,
                a.has_choice ? " times, as no number that it tests gets any closer; more than "
                             : " times without a choice; more than ",
                limits_.insns_processed, " instructions would have to be followed");
}

// Begins an attempt again with numbers that include what has come back.
bool Analysis::restart_attempt(Attempt& a) {
    if (a.restarts >= kMaxRestarts) {
        return roll_back(a, true);
    }
    State* seen = copy_state(*state_, true);
    State* wide = copy_state(*a.head->state);
    Attempt* next = arena_.make<Attempt>();
    if (seen == nullptr || wide == nullptr || next == nullptr) {
        return out_of_memory();
    }
    *next = a;
    if (!roll_back(a, false)) {
        return false;
    }
    State* start = state_;
    next->below = attempts_;
    next->restarts++;
    next->pending_base = pending_;
    next->has_way_back = false;
    next->shortest_way_back = ~u64{0};
    next->insns_at_start = report_.statistics.insns_processed;
    next->wasted_at_start = wasted_insns_;
    next->serial = last_serial_;
    wide->parent = start->parent;
    wide->trail = start->trail;
    wide->run_begin = start->run_begin;
    trails_.share(*wide);
    wide->history = start->history;
    // A number that moves by a constant, beyond its bounds: bounded by the rounds of another.
    bool has_leader = false;
    for (u32 i = 0; i < next->varying_count; i++) {
        Varying& v = next->varying[i];
        const Reg* came = find_place(*seen->frames[v.frame], v);
        const Reg* claimed = find_place(*wide->frames[v.frame], v);
        has_leader = has_leader || (!v.is_follower && !v.is_lost && v.step != 0 &&
                                    came != nullptr && came->is_scalar() &&
                                    claimed->var.includes(came->var));
    }
    for (u32 i = 0; i < next->varying_count; i++) {
        Varying& v = next->varying[i];
        const Reg* came = find_place(*seen->frames[v.frame], v);
        const Reg* claimed = find_place(*wide->frames[v.frame], v);
        bool strays = has_leader && !v.is_follower && !v.is_lost && v.step != 0 &&
                      v.least == v.step && v.most == v.step && came != nullptr &&
                      came->is_scalar() && !claimed->var.includes(came->var);
        v.is_follower = v.is_follower || strays;
        next->has_followers = next->has_followers || strays;
    }
    state_ = wide;
    for (u32 i = 0; i < next->varying_count; i++) {
        next->varying[i].has_way_back = false;
    }
    bool is_useful = claim_rounds(*next, *start, *seen);
    is_useful = claim_followers(*next, *start) && is_useful;
    bool has_end = false;
    for (u32 i = 0; i < next->varying_count; i++) {
        has_end = has_end || next->varying[i].may_end(limits_.insns_processed);
    }
    is_useful = is_useful && has_end;
    release_state(seen);
    if (arena_.is_exhausted()) {
        return out_of_memory();
    }
    if (!is_useful) {
        release_state(wide);
        state_ = start;
        arena_.release(next, sizeof(Attempt));
        Point& point = demand_.at(start->insn);
        point.failed_attempts++;
        point.failed_precise = point.precise;
        point.failed_slots = point.precise_slots;
        return true;
    }
    return open_attempt(next);
}

// Takes back the checkpoints made after `serial`. What was explored to the end and does not hang on a
// loop stays true; with `only_loops` nothing is unfinished and only `head` and its loops must go.
void Analysis::forget_checkpoints(u32 serial, const Checkpoint* head) {
    Checkpoint** link = &newest_;
    while (*link != nullptr && (*link)->serial > serial) {
        Checkpoint* c = *link;
        bool goes = c->state == nullptr || c->branches != 0 || c->loop_entry != nullptr || c == head;
        if (!goes) {
            link = &c->older;
            continue;
        }
        *link = c->older;
        if (c->state != nullptr) {
            Point& point = demand_.at(c->state->insn);
            Checkpoint** place = c->branches != 0 ? &point.active : &point.checkpoints;
            while (*place != c) {
                place = &(*place)->next;
            }
            *place = c->next;
            release_checkpoint(*c);
        }
        arena_.release(c, sizeof(Checkpoint));
    }
}

// The state that began the attempt goes on by itself, as if nothing had been tried.
bool Analysis::roll_back(Attempt& a, bool is_failure) {
    if (state_ != nullptr) {
        release_state(state_);
        state_ = nullptr;
    }
    while (attempts_ != &a) {
        Attempt* inner = attempts_;
        attempts_ = inner->below;
        drop_waiting(waiting_);
        waiting_ = inner->waiting;
        release_state(inner->saved);
        arena_.release(inner, sizeof(Attempt));
    }
    drop_waiting(waiting_);
    waiting_ = a.waiting;
    Pending* callbacks = nullptr;  // what was scheduled must be walked all the same
    while (pending_ != a.pending_base) {
        Pending* entry = pending_;
        pending_ = entry->below;
        if (entry->state != nullptr && is_unstarted_callback(*entry->state)) {
            entry->below = callbacks;
            callbacks = entry;
            continue;
        }
        if (entry->state != nullptr) {
            pending_count_--;
            release_state(entry->state);
        }
        arena_.release(entry, sizeof(Pending));
    }
    bool has_ended = a.head != nullptr && a.head->branches == 0;
    if (a.head != nullptr && !has_ended && a.saved->parent != nullptr) {
        a.saved->parent->branches--;  // only the saved state goes on from there
    }
    forget_checkpoints(a.serial, nullptr);
    while (callbacks != nullptr) {
        Pending* entry = callbacks;
        callbacks = entry->below;
        entry->below = pending_;
        pending_ = entry;
    }
    state_ = a.saved;
    attempts_ = a.below;
    Point& point = demand_.at(state_->insn);
    if (is_failure) {
        demand_.settle();
        point.failed_attempts++;
        point.failed_precise = point.precise;
        point.failed_slots = point.precise_slots;
    }
    wasted_insns_ = a.wasted_at_start + report_.statistics.insns_processed - a.insns_at_start;
    report_.problem = Problem::None;
    report_.insn = kNoInsn;
    report_.register_number = -1;
    report_.text_length = 0;
    report_.text[0] = 0;
    arena_.release(&a, sizeof(Attempt));
    return true;
}

// A path was refused: false if that is the verdict.
bool Analysis::recover() {
    bool is_final = attempts_ == nullptr || is_certain_ || arena_.is_exhausted() || is_out_of_steps();
    if (is_final) {
        return false;
    }
    bool is_callback = state_ != nullptr && state_->frames[0]->is_async;
    if (is_callback && !attempts_->saved->frames[0]->is_async) {
        return false;  // a callback of its own: no attempt has touched it
    }
    return roll_back(*attempts_, true);
}

// All paths of the innermost attempt have ended: it is proven, or not.
bool Analysis::finish_attempt() {
    Attempt& a = *attempts_;
    bool is_proven = true;
    if (a.has_way_back) {
        u64 rounds = a.most_rounds();
        is_proven = rounds != 0;
        for (u32 i = 0; i < a.varying_count; i++) {
            const Varying& v = a.varying[i];
            is_proven = is_proven &&
                        (!v.is_follower || (!v.is_lost && v.least == v.step && v.most == v.step &&
                                            rounds - 1 <= a.rounds));
        }
    }
    if (a.is_endurance) {
        return roll_back(a, false);  // it ended: nothing is endless
    }
    if (!is_proven) {
        return roll_back(a, true);
    }
    if (a.has_way_back && a.has_followers) {
        // True of the rounds that begin with the saved state, of no others.
        forget_checkpoints(a.serial, a.head);
    }
    attempts_ = a.below;
    waiting_ = a.waiting;
    Checkpoint* parent = a.saved->parent;
    release_state(a.saved);
    finish_branch(parent);
    arena_.release(&a, sizeof(Attempt));
    return true;
}

// Of the two sides of the jump at `at`, the one that stays in the loop goes first: what comes back
// decides over the attempt, so the rest of the program waits.
void Analysis::prefer_loop(u32 at) {
    if (attempts_ == nullptr || !attempts_->is_loop ||
        attempts_->saved->frame_count != state_->frame_count) {
        return;
    }
    u32 begin = attempts_->saved->insn;
    auto is_inside = [&](u32 insn) { return flow_.is_in_loop(insn, begin); };
    if (is_inside(at) && !is_inside(state_->insn) && is_inside(pending_->state->insn)) {
        State* other = pending_->state;
        pending_->state = state_;
        state_ = other;
    }
}

}  // namespace gyre::bpf
