// SPDX-License-Identifier: MIT
//
// Checkpoints: where paths meet, states are kept and compared, so that nothing is walked twice and
// a loop that makes no progress is found.
#include "lib/bpf/analysis.h"
#include "lib/bpf/compare.h"

namespace gyre::bpf {
namespace {

constexpr u32 kMinJumps = 2;
constexpr u32 kMinInsns = 8;
constexpr u32 kMaxArrivals = 3;  // a place that paths pass often is worth a state
constexpr u32 kMinLoopJumps = 20;
constexpr u32 kMinLoopInsns = 100;
constexpr u32 kMaxPartners = 4;  // states of a loop's first rounds are always kept
constexpr u32 kMaxActive = 32;  // ancestors that a state is compared with

}  // namespace

bool is_same_place(const State& a, const State& b) {
    if (a.frame_count != b.frame_count) {
        return false;
    }
    for (u32 f = 0; f < a.frame_count; f++) {
        if (a.frames[f]->call_insn != b.frames[f]->call_insn ||
            a.frames[f]->subprogram != b.frames[f]->subprogram ||
            a.frames[f]->is_async != b.frames[f]->is_async) {
            return false;
        }
    }
    return true;
}

// What counts of frame `f`, whatever path comes by.
FrameDemand Analysis::frame_demand(const State& s, u32 f) {
    if (f + 1u == s.frame_count) {
        const Point& here = demand_.at(s.insn);
        return {flow_.live[s.insn], here.precise, here.live_slots, here.precise_slots};
    }
    u32 call = s.frames[f + 1]->call_insn;
    const Point& before = demand_.at(call);
    const Point& after = demand_.at(call + 1);
    const DuringCall& during = demand_.during(call);
    FrameDemand d;
    d.live = flow_.live[call + 1] & kCalleeSaved;
    d.precise = static_cast<u16>((after.precise | before.during_precise) & kCalleeSaved);
    d.live_slots = after.live_slots | during.live_slots;
    d.precise_slots = after.precise_slots | during.precise_slots;
    if (s.frames[f + 1]->callback != CallbackKind::None) {
        // A callback comes back to its call, arguments and all.
        d.live |= flow_.live[call];
        d.precise |= before.precise;
        d.live_slots |= before.live_slots;
        d.precise_slots |= before.precise_slots;
    }
    return d;
}

// `closing`: the attempt to whose head the current state comes back.
bool Analysis::same_here(const State& old, Exactness exactness, const Attempt* closing) {
    StateComparer comparer(exactness, environment_.target.may_read_uninitialized_stack,
                           has_stack_objects_, attempts_, closing);
    PathNeeds needs;
    needs_at(*state_, needs);
    comparer.set_demands(needs.frames);
    return comparer.same(old, *state_);
}

// What all paths from where `s` is need, as far as they were followed.
void Analysis::needs_at(const State& s, PathNeeds& needs) {
    demand_.settle();
    unsettled_needs_at(s, needs);
}

// As above, but only the registers that are read later can be relied on.
void Analysis::unsettled_needs_at(const State& s, PathNeeds& needs) {
    needs.frame_count = s.frame_count;
    for (u32 f = 0; f < s.frame_count; f++) {
        needs.frames[f] = frame_demand(s, f);
    }
}

// The path under way has ended, and this was needed of its state. Null: nobody knows.
void Analysis::end_trail(const PathNeeds* needs) {
    PathNeeds unknown;
    unknown.frame_count = state_->frame_count;
    unknown.is_unknown = true;
    trails_.end(*state_, needs != nullptr ? *needs : unknown);
}

// All paths from `c` have ended: what they needed is known, unless they hang on a loop.
void Analysis::settle_needs(Checkpoint& c) {
    if (!trails_.is_on()) {
        return;
    }
    PathNeeds needs;
    needs.frame_count = c.state->frame_count;
    needs.is_unknown = true;
    bool is_known = c.needs != nullptr && !c.needs->is_unknown &&
                    c.needs->frame_count == c.state->frame_count;
    if (is_known) {
        Trails::load(needs, *c.needs);
    } else {
        trails_.release(c.needs);
        c.needs = nullptr;
        if (!is_in_loop(c)) {
            needs_at(*c.state, needs);
            needs.is_unknown = false;
        }
    }
    TrailNode* trail = c.trail;
    c.trail = nullptr;
    trails_.carry_back(trail, needs);
}

void Analysis::release_checkpoint(Checkpoint& c) {
    release_state(c.state);
    c.state = nullptr;
    trails_.drop(c.trail);
    c.trail = nullptr;
    trails_.release(c.needs);
    c.needs = nullptr;
}

// Whether what was explored from `c` hangs on a state that is not explored to its end.
bool Analysis::is_in_loop(const Checkpoint& c) const {
    const Checkpoint* entry = c.loop_entry;
    while (entry != nullptr && entry->branches == 0 && entry->loop_entry != entry) {
        entry = entry->loop_entry;
    }
    return entry != nullptr && entry->branches > 0;
}

bool Analysis::add_checkpoint(u32 insn) {
    State* kept = copy_state(*state_, true);
    Checkpoint* c = arena_.make<Checkpoint>();
    if (kept == nullptr || c == nullptr) {
        return out_of_memory();
    }
    Point& point = demand_.at(insn);
    c->state = kept;
    c->progress = progress_of(*kept);
    c->parent = state_->parent;
    c->depth = state_->parent != nullptr ? state_->parent->depth + 1 : 0;
    c->branches = 1;
    c->older = newest_;
    c->serial = ++last_serial_;
    newest_ = c;
    c->cost = report_.statistics.insns_processed;
    c->next = point.active;
    point.active = c;
    trails_.begin(*state_, c);
    state_->parent = c;
    jumps_at_checkpoint_ = jumps_;
    insns_at_checkpoint_ = report_.statistics.insns_processed;
    point.arrivals = 0;
    report_.statistics.checkpoints++;
    return true;
}

void Analysis::finish_branch(Checkpoint* c) {
    while (c != nullptr && --c->branches == 0) {
        // Paths are walked depth first, so the latest active checkpoint of a place ends first;
        // only the entries of asynchronous callbacks may lie out of order.
        Point& point = demand_.at(c->state->insn);
        Checkpoint** link = &point.active;
        while (*link != c) {
            link = &(*link)->next;
        }
        *link = c->next;
        c->next = point.checkpoints;
        point.checkpoints = c;
        c->cost = report_.statistics.insns_processed - c->cost;
        settle_needs(*c);
        c = c->parent;
    }
}

// The path from `entry` down to `from` returns to `entry`, which is not finished.
void Analysis::note_loop(Checkpoint* from, Checkpoint* entry) {
    for (Checkpoint* c = from; c != nullptr && c != entry; c = c->parent) {
        if (c->loop_entry != nullptr && c->loop_entry->depth <= entry->depth &&
            c->loop_entry->branches > 0) {
            return;
        }
        c->loop_entry = entry;
    }
}

bool Analysis::visit_checkpoint(bool& is_pruned) {
    is_pruned = false;
    if (!limits_.may_prune) {
        return true;
    }
    u32 at = state_->insn;
    Point& point = demand_.at(at);
    u8 flags = flow_.flags[at];
    bool forced = (flags & kForced) != 0;
    // Counted over all paths: work done elsewhere since makes a state worth more, too.
    u64 jumps = jumps_ - jumps_at_checkpoint_;
    u64 insns = report_.statistics.insns_processed - insns_at_checkpoint_;
    bool add = forced || (jumps >= kMinJumps &&
                          insns >= kMinInsns) ||
               insns > 40 || ++point.arrivals >= kMaxArrivals;
    bool must_keep = must_keep_;
    must_keep_ = false;
    u32 progress = progress_of(*state_);
    u32 looked_at = 0;
    StateComparer comparer(Exactness::Demanded, environment_.target.may_read_uninitialized_stack,
                           has_stack_objects_, attempts_, nullptr);
    if (has_asked_common_) {
        comparer.ask_common();
    }
    PathNeeds here;
    auto same = [&](Checkpoint& c, Exactness exactness) {
        if (c.needs == nullptr && here.frame_count == 0) {
            needs_at(*state_, here);
        }
        comparer.set_exactness(exactness);
        comparer.set_demands(c.needs != nullptr ? c.needs->frames : here.frames);
        return comparer.same(*c.state, *state_, c.differed);
    };
    for (Checkpoint* c = point.active; c != nullptr && looked_at < kMaxActive; c = c->next) {
        if (!is_same_place(*c->state, *state_)) {
            continue;
        }
        looked_at++;
        bool progressed = c->progress != progress && has_progressed(*c->state, *state_);
        if (c->attempt != nullptr) {
            continue;  // generalize() sees to it
        }
        if (forced) {
            if (progressed && may_end_at(*c) && same(*c, Exactness::RangeWithin) &&
                is_ancestor(*c)) {
                note_loop(state_->parent, c);
                end_trail(nullptr);
                is_pruned = true;
                report_.statistics.prunes++;
                return true;
            }
        }
        // A may_goto whose budget is spent may still come back to itself.
        bool may_be_endless = !forced || program_.insns[at].code == (kClassJmp | kJcond);
        if (may_be_endless && !progressed && same(*c, Exactness::Identical) && is_ancestor(*c)) {
            return fail(Problem::InfiniteLoop, -1, "the loop at instruction ", at,
                        " comes round with nothing changed: it never ends");
        }
        if (!forced && jumps < kMinLoopJumps &&
            insns < kMinLoopInsns) {
            add = false;
        }
    }
    Checkpoint** link = &point.checkpoints;
    while (Checkpoint* c = *link) {
        if (!is_same_place(*c->state, *state_)) {
            link = &c->next;
            continue;
        }
        bool in_loop = is_in_loop(*c);
        Checkpoint* entry = in_loop ? c->loop_entry : nullptr;
        while (entry != nullptr && entry->branches == 0) {
            entry = entry->loop_entry;
        }
        bool may_end = !in_loop || may_end_at(*c);
        if (may_end && same(*c, in_loop ? Exactness::RangeWithin : Exactness::Demanded) &&
            (entry == nullptr || is_ancestor(*entry))) {
            c->hits++;
            if (entry != nullptr) {
                note_loop(state_->parent, entry);
                end_trail(nullptr);
            } else if (c->needs != nullptr) {
                trails_.end(*state_, *c->needs);
            } else {
                end_trail(&here);
            }
            is_pruned = true;
            report_.statistics.prunes++;
            return true;
        }
        // Only a state that is kept in its stead may push an old one out.
        c->misses += add ? 1 : 0;
        u32 patience = forced || in_loop ? 64 : 8;
        if (c->misses > c->hits * patience + patience) {
            *link = c->next;
            release_checkpoint(*c);
            continue;
        }
        link = &c->next;
    }
    if (!forced) {
        const State* arrived = state_;
        if (!generalize(at, is_pruned)) {
            return false;
        }
        if (is_pruned) {
            return true;
        }
        if (state_ != arrived) {  // generalized, or taken back to where an attempt began
            bool is_kept = attempts_ != nullptr && state_->parent == attempts_->head;
            bool is_head = (flow_.flags[state_->insn] & kLoopHead) != 0;
            return is_kept || !is_head ? true : add_checkpoint(state_->insn);
        }
        bool may_serve = (flags & kLoopHead) && may_generalize_ && looked_at < kMaxPartners &&
                         point.failed_attempts < kMaxFailures;
        add = add || may_serve || must_keep;
    }
    return add ? add_checkpoint(at) : true;
}

// A callback or an iteration has come back to `insn`: numbers that changed since the last time and
// that nobody needs exactly become unknown, so that the rounds meet. `is_visited`: the checkpoint at
// `insn` was made for this round already.
bool Analysis::widen_at(u32 insn, bool is_visited) {
    const Checkpoint* before = state_->parent;
    if (is_visited && before != nullptr) {
        before = before->parent;  // the checkpoint of this very visit says nothing new
    }
    while (before != nullptr &&
           !(before->state != nullptr && before->state->insn == insn &&
             is_same_place(*before->state, *state_))) {
        before = before->parent;
    }
    if (before == nullptr) {
        return true;
    }
    demand_.settle();
    for (u32 f = 0; f < state_->frame_count; f++) {
        if (!own_frame(f)) {
            return false;
        }
        Frame& now = frame_at(f);
        const Frame& old = *before->state->frames[f];
        bool is_top = f + 1u == state_->frame_count;
        u32 place = is_top ? insn : state_->frames[f + 1]->call_insn;
        const Point& point = demand_.at(place);
        const Point& after = demand_.at(place + 1);
        u16 precise = point.precise | point.during_precise |
                      static_cast<u16>(is_top ? 0 : after.precise);
        u64 precise_slots = point.precise_slots | after.precise_slots |
                            demand_.during(place).precise_slots;
        for (unsigned r = 0; r < kFramePointer; r++) {
            Reg& x = now.regs[r];
            if (x.is_scalar() && old.regs[r].is_scalar() && !(x.var == old.regs[r].var) &&
                !((precise >> r) & 1)) {
                x = Reg::unknown();
            }
        }
        u32 slots = now.stack_slots < old.stack_slots ? now.stack_slots : old.stack_slots;
        for (u32 i = 0; i < slots; i++) {
            const Slot& a = old.stack->slots()[i];
            const Slot& b = now.stack->slots()[i];
            bool changed = a.is_full_spill() && b.is_full_spill() && a.reg.is_scalar() &&
                           b.reg.is_scalar() && !(a.reg.var == b.reg.var);
            if (changed && !((precise_slots >> i) & 1)) {
                if (!own_stack(now, now.stack_slots)) {
                    return false;
                }
                now.stack->slots()[i].reg = Reg::unknown();
            }
        }
    }
    return true;
}

}  // namespace gyre::bpf
