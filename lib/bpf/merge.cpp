// SPDX-License-Identifier: MIT
//
// Paths that part at a conditional jump and meet again soon are walked to where they meet before any
// of them goes on: of two states that meet, one that says no more than the other is dropped. What is
// left waits until the paths from the other have ended, as by then it is known what counts of it.
//
// Of all that wait, the one that is furthest behind goes first: by the order of the control flow, loops
// before what follows them, and round by round.
#include "lib/bpf/analysis.h"
#include "lib/bpf/compare.h"

namespace gyre::bpf {
namespace {

constexpr u32 kMaxMeeting = 1;  // paths that wait at one place for others that are behind

constexpr u32 kMaxNest = 8;  // loops around an instruction that are told apart

struct Nest {
    u32 depth = 0;
    u32 heads[kMaxNest];  // the innermost first
};

Nest nest_of(const ControlFlow& flow, u32 insn) {
    Nest n;
    for (u32 l = flow.loop[insn]; l != kNoInsn && n.depth < kMaxNest; l = flow.outer[l]) {
        n.heads[n.depth++] = l;
    }
    return n;
}

}  // namespace

// The path has gone on from `from`: into a loop, or round it once more.
void Analysis::count_round(State& s, u32 from) {
    if (s.insn >= flow_.flags.size() || !(flow_.flags[s.insn] & kLoopHead)) {
        return;
    }
    Frame& f = *s.frames[s.frame_count - 1];
    u32 depth = nest_of(flow_, s.insn).depth - 1;
    if (depth < kRoundDepth && f.owners == 1 && f.subprogram == flow_.subprogram_of[from]) {
        f.rounds[depth] = flow_.is_in_loop(from, s.insn) ? f.rounds[depth] + 1 : 0;
        for (u32 d = depth + 1; d < kRoundDepth; d++) {
            f.rounds[d] = 0;
        }
    }
}

int Analysis::compare_in_frame(const Frame& a, u32 at_a, const Frame& b, u32 at_b) const {
    if (flow_.loop[at_a] != kNoInsn || flow_.loop[at_b] != kNoInsn) {
        const Nest nest_a = nest_of(flow_, at_a);
        const Nest nest_b = nest_of(flow_, at_b);
        for (u32 d = 0; d < nest_a.depth || d < nest_b.depth; d++) {
            u32 head_a = d < nest_a.depth ? nest_a.heads[nest_a.depth - 1 - d] : at_a;
            u32 head_b = d < nest_b.depth ? nest_b.heads[nest_b.depth - 1 - d] : at_b;
            if (head_a != head_b) {
                return flow_.rank[head_a] < flow_.rank[head_b] ? -1 : 1;
            }
            if (d < kRoundDepth && a.rounds[d] != b.rounds[d]) {
                return a.rounds[d] < b.rounds[d] ? -1 : 1;
            }
        }
    }
    return at_a == at_b ? 0 : flow_.rank[at_a] < flow_.rank[at_b] ? -1 : 1;
}

// Negative: `a` is behind `b` in the program, inside of calls too; 0: they are at one place. What is in a
// loop is behind what follows it, and one round is behind the next.
int Analysis::compare_positions(const State& a, const State& b) const {
    for (u32 f = 0;; f++) {
        bool is_a_inside = f + 1u < a.frame_count;
        bool is_b_inside = f + 1u < b.frame_count;
        u32 at_a = is_a_inside ? a.frames[f + 1]->call_insn : a.insn;
        u32 at_b = is_b_inside ? b.frames[f + 1]->call_insn : b.insn;
        if (int order = compare_in_frame(*a.frames[f], at_a, *b.frames[f], at_b)) {
            return order;
        }
        if (!is_a_inside || !is_b_inside) {
            return is_a_inside ? -1 : is_b_inside ? 1 : 0;
        }
    }
}

bool Analysis::is_ancestor(const Checkpoint& c) const {
    const Checkpoint* p = state_->parent;
    while (p != nullptr && p->depth > c.depth) {
        p = p->parent;
    }
    return p == &c;
}

// Whether a path has come round to where an attempt under way began. That decides over the attempt,
// so such a path waits for no other.
bool Analysis::comes_back(const State& s) const {
    for (const Attempt* a = attempts_; a != nullptr; a = a->below) {
        if (a->is_loop && a->saved->insn == s.insn) {
            return true;
        }
    }
    return false;
}

// The side of a jump that was put aside last goes on before any path that is further on.
void Analysis::wait_to_merge() {
    Pending* entry = pending_;
    pending_ = entry->below;
    Pending** link = &waiting_;
    bool goes_first = comes_back(*entry->state);
    while (!goes_first && *link != nullptr &&
           compare_positions(*(*link)->state, *entry->state) < 0) {
        link = &(*link)->below;
    }
    entry->below = *link;
    *link = entry;
}

void Analysis::drop_waiting(Pending* first) {
    while (first != nullptr) {
        Pending* entry = first;
        first = entry->below;
        pending_count_--;
        release_state(entry->state);
        arena_.release(entry, sizeof(Pending));
    }
}

void Analysis::mark_forced_loops() {
    for (u32 i = 0; i < flow_.flags.size(); i++) {
        for (u32 l = flow_.flags[i] & kForced ? flow_.loop[i] : kNoInsn; l != kNoInsn;
             l = flow_.outer[l]) {
            flow_.flags[l] |= kForcedLoop;
        }
    }
}

// Callbacks and iterations come to rest because numbers that nobody has demanded become unknown when
// they come round. So they do before the other sides of their jumps are walked, and demand more.
bool Analysis::is_in_forced_loop() const {
    for (u32 f = 0; has_forced_ && f < state_->frame_count; f++) {
        u32 at = f + 1u < state_->frame_count ? state_->frames[f + 1]->call_insn : state_->insn;
        if (state_->frames[f]->callback != CallbackKind::None) {
            return true;
        }
        for (u32 l = flow_.loop[at]; l != kNoInsn; l = flow_.outer[l]) {
            if (flow_.flags[l] & kForcedLoop) {
                return true;
            }
        }
    }
    return false;
}

// Whether so many wait, here or in all, that it is better to learn what counts of them. Paths that
// leave a loop one after the other would never all have arrived.
bool Analysis::is_crowded() const {
    if (pending_count_ > limits_.pending_states / 2) {
        return true;
    }
    u32 meeting = 0;
    for (const Pending* p = waiting_; p != nullptr; p = p->below) {
        int order = compare_positions(*p->state, *state_);
        if (order > 0) {
            break;
        }
        meeting += order == 0 ? 1 : 0;
    }
    return meeting >= kMaxMeeting;
}

// All paths behind the current one wait until everything from here is explored.
void Analysis::leave_behind() {
    Pending* behind = nullptr;
    while (waiting_ != nullptr && compare_positions(*waiting_->state, *state_) < 0) {
        Pending* entry = waiting_;
        waiting_ = entry->below;
        entry->below = behind;
        behind = entry;
    }
    while (behind != nullptr) {
        Pending* entry = behind;
        behind = entry->below;
        entry->below = pending_;
        pending_ = entry;
    }
}

// The current path has come to a place where paths meet. If another is behind, that one goes on; the
// current one goes on only together with all that wait here.
bool Analysis::meet_waiting() {
    int order = compare_positions(*waiting_->state, *state_);
    if (order < 0 && is_crowded()) {
        leave_behind();
    } else if (order < 0) {
        Pending* entry = waiting_;
        State* behind = entry->state;
        waiting_ = entry->below;
        entry->state = state_;
        entry->below = pending_;
        pending_ = entry;
        wait_to_merge();
        state_ = behind;
        return true;
    }
    while (waiting_ != nullptr && compare_positions(*waiting_->state, *state_) == 0) {
        Pending* entry = waiting_;
        waiting_ = entry->below;
        if (!merge_with(entry)) {
            return false;
        }
    }
    return true;
}

// Of the current state and one that arrived at the same place before: drops one, or lets it wait
// until everything from the current one is explored.
bool Analysis::merge_with(Pending* entry) {
    State* other = entry->state;
    StateComparer comparer(Exactness::RangeWithin, environment_.target.may_read_uninitialized_stack,
                           has_stack_objects_, attempts_, nullptr);
    comparer.ask_common();
    PathNeeds needs;
    unsettled_needs_at(*state_, needs);
    comparer.set_demands(needs.frames);
    // What proves the end of a loop for one must hold for the other, too.
    auto stands_for = [&](const State& one, const State& all) {
        return (!has_forced_ || has_come_as_far(all, all, one)) && comparer.same(all, one);
    };
    // What led to the one that is dropped must not count as explored while a loop that the other's way
    // leads back to is not proven: then both go on.
    bool may_hang_on_loop = has_forced_;
    for (const Attempt* a = attempts_; a != nullptr; a = a->below) {
        may_hang_on_loop = may_hang_on_loop || a->is_loop;
    }
    may_hang_on_loop = may_hang_on_loop && other->parent != state_->parent;
    bool is_comparable = !may_hang_on_loop && is_same_place(*other, *state_);
    if (is_comparable && !stands_for(*other, *state_)) {
        if (stands_for(*state_, *other)) {
            entry->state = state_;
            state_ = other;
            other = entry->state;
        } else {
            is_comparable = false;
        }
    }
    if (!is_comparable) {
        entry->below = pending_;
        pending_ = entry;
        must_keep_ = true;
        return true;
    }
    report_.statistics.prunes++;
    pending_count_--;
    Checkpoint* parent = other->parent;
    trails_.join(*state_, *other);
    release_state(other);
    if (parent == state_->parent) {
        if (parent != nullptr) {
            parent->branches--;  // the current state counts, too
        }
        arena_.release(entry, sizeof(Pending));
        return true;
    }
    // Only when all that the current state leads to is explored, so is what led to the other.
    *entry = {pending_, nullptr, parent};
    pending_ = entry;
    return true;
}

// Paths that were dropped for others, all of whose ways have ended by now.
void Analysis::settle_held() {
    const Pending* base = attempts_ != nullptr ? attempts_->pending_base : nullptr;
    while (pending_ != base && pending_->state == nullptr) {
        Pending* entry = pending_;
        pending_ = entry->below;
        finish_branch(entry->held);
        arena_.release(entry, sizeof(Pending));
    }
}

// The path under way has ended: finds another, if there is one.
bool Analysis::next_path() {
    while (state_ == nullptr) {
        if (waiting_ != nullptr) {
            Pending* first = waiting_;
            state_ = first->state;
            waiting_ = first->below;
            pending_count_--;
            arena_.release(first, sizeof(Pending));
            return true;
        }
        settle_held();
        if (attempts_ != nullptr && pending_ == attempts_->pending_base) {
            if (!finish_attempt()) {
                return false;
            }
            continue;
        }
        state_ = pop_pending();
        if (state_ == nullptr) {
            return true;
        }
    }
    return true;
}

}  // namespace gyre::bpf
