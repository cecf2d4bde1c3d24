// SPDX-License-Identifier: MIT
//
// What proves the end of loops over iterators, callbacks and may_goto: each has a budget that only
// shrinks. A budget belongs to one iterator (its reference), or to one run of a function (its
// frame); one that is made anew proves nothing. A path may end at a state of a loop if some budget
// has shrunk on the way round, and if none was made anew that a loop around this one counts on.
// Numbers that prove an end are in generalize.cpp.
#include "lib/bpf/analysis.h"

namespace gyre::bpf {
namespace {

// The iterator that begins in the slot, or null.
const Reg* iterator_in(const Frame& f, u32 slot) {
    if (slot >= f.stack_slots) {
        return nullptr;
    }
    const Slot& s = f.stack->slots()[slot];
    return s.tags[0] == Tag::Iterator && s.reg.ref != 0 ? &s.reg : nullptr;
}

bool holds(const State& s, u32 ref) {
    for (u32 i = 0; i < s.reference_count; i++) {
        if (s.references[i].id == ref) {
            return true;
        }
    }
    return false;
}

}  // namespace

// A sum of all budgets: states in which it is the same have not progressed from one to the other.
u32 Analysis::progress_of(const State& s) const {
    u32 depth = 0;
    for (u32 f = 0; has_forced_ && f < s.frame_count; f++) {
        const Frame& frame = *s.frames[f];
        for (u32 i = 0; i < frame.stack_slots; i++) {
            if (const Reg* iterator = iterator_in(frame, i)) {
                depth += static_cast<u32>(iterator->range) * 31 + (iterator->is_drained ? 1 : 0);
            }
        }
        depth += frame.callback_depth * 1000003u + frame.may_goto_depth * 7919u;
    }
    return depth;
}

// Whether some budget has shrunk between `old` and `now`, a later state of the same path and place.
bool has_progressed(const State& old, const State& now) {
    for (u32 f = 0; f < old.frame_count; f++) {
        const Frame& was = *old.frames[f];
        const Frame& is = *now.frames[f];
        if (was.serial != is.serial) {
            return false;  // another run of the function, and of all that it calls
        }
        if (is.may_goto_depth > was.may_goto_depth || is.callback_depth > was.callback_depth) {
            return true;
        }
        for (u32 i = 0; i < was.stack_slots; i++) {
            const Reg* a = iterator_in(was, i);
            const Reg* b = a != nullptr ? iterator_in(is, i) : nullptr;
            if (b != nullptr && a->ref == b->ref &&
                (b->range > a->range || (b->is_drained && !a->is_drained))) {
                return true;
            }
        }
    }
    return false;
}

// Whether every budget of `kept` that was there in `before` already, where loops around may have
// begun, is in `now` as well and has shrunk as far.
bool has_come_as_far(const State& before, const State& kept, const State& now) {
    for (u32 f = 0; f < before.frame_count && f < kept.frame_count; f++) {
        const Frame& was = *kept.frames[f];
        const Frame& is = *now.frames[f];
        if (before.frames[f]->serial != was.serial) {
            return true;
        }
        if (is.serial != was.serial || is.may_goto_depth < was.may_goto_depth ||
            is.callback_depth < was.callback_depth) {
            return false;
        }
        for (u32 i = 0; i < was.stack_slots; i++) {
            const Reg* a = iterator_in(was, i);
            if (a == nullptr || !holds(before, a->ref)) {
                continue;
            }
            const Reg* b = iterator_in(is, i);
            if (b == nullptr || b->ref != a->ref || b->range < a->range) {
                return false;
            }
        }
    }
    return true;
}

// The same of a checkpoint: before it lies the latest one that is not explored to its end.
bool Analysis::may_end_at(const Checkpoint& c) const {
    const Checkpoint* before = c.parent;
    while (before != nullptr && before->branches == 0) {
        before = before->parent;
    }
    return !has_forced_ || before == nullptr || has_come_as_far(*before->state, *c.state, *state_);
}

}  // namespace gyre::bpf
