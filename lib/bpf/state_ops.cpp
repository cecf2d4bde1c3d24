// SPDX-License-Identifier: MIT
//
// Copying, sharing and releasing states.
#include <string.h>

#include "lib/bpf/analysis.h"

namespace gyre::bpf {

void Analysis::release_stack(StackBlock* block) {
    if (block != nullptr && --block->owners == 0) {
        arena_.release(block, StackBlock::bytes(block->capacity));
    }
}

void Analysis::release_frame(Frame* f) {
    if (--f->owners == 0) {
        release_stack(f->stack);
        arena_.release(f, sizeof(Frame));
    }
}

Frame* Analysis::copy_frame(const Frame& f) {
    void* block = arena_.allocate(sizeof(Frame));
    if (block == nullptr) {
        out_of_memory();
        return nullptr;
    }
    memcpy(block, &f, sizeof(Frame));
    Frame* copy = static_cast<Frame*>(block);
    copy->owners = 1;
    if (copy->stack != nullptr) {
        copy->stack->owners++;
    }
    return copy;
}

bool Analysis::own_frame(u32 index) {
    Frame* f = state_->frames[index];
    if (f->owners == 1) {
        return true;
    }
    Frame* copy = copy_frame(*f);
    if (copy == nullptr) {
        return false;
    }
    f->owners--;
    state_->frames[index] = copy;
    return true;
}

// Makes the frame's stack its own, at least `slots` deep. The frame itself is owned already.
bool Analysis::own_stack(Frame& f, u32 slots) {
    if (slots < f.stack_slots) {
        slots = f.stack_slots;
    }
    StackBlock* old = f.stack;
    if (old != nullptr && old->owners == 1 && old->capacity >= slots) {
        for (u32 i = f.stack_slots; i < slots; i++) {
            old->slots()[i] = Slot{};
        }
        f.stack_slots = static_cast<u16>(slots);
        return true;
    }
    u32 capacity = old != nullptr && old->capacity >= slots ? old->capacity : (slots + 3) & ~3u;
    void* memory = arena_.allocate(StackBlock::bytes(capacity));
    if (memory == nullptr) {
        return out_of_memory();
    }
    StackBlock* block = ::new (memory) StackBlock{1, capacity};
    if (f.stack_slots > 0) {
        memcpy(static_cast<void*>(block->slots()), old->slots(), f.stack_slots * sizeof(Slot));
    }
    for (u32 i = f.stack_slots; i < slots; i++) {
        ::new (block->slots() + i) Slot{};
    }
    release_stack(old);
    f.stack = block;
    f.stack_slots = static_cast<u16>(slots);
    return true;
}

static size_t state_bytes(u32 references) {
    return offsetof(State, references) + references * sizeof(Reference);
}

// The copy gets a top frame of its own, so that the original can go on writing to its own.
State* Analysis::copy_state(const State& s, bool is_kept) {
    u16 capacity = is_kept ? s.reference_count : static_cast<u16>(kMaxReferences);
    void* block = arena_.allocate(state_bytes(capacity));
    if (block == nullptr) {
        out_of_memory();
        return nullptr;
    }
    memcpy(block, &s, state_bytes(s.reference_count));
    State* copy = static_cast<State*>(block);
    copy->reference_capacity = capacity;
    for (u32 i = 0; i + 1 < s.frame_count; i++) {
        copy->frames[i]->owners++;
    }
    Frame* top_frame = copy_frame(*s.frames[s.frame_count - 1]);
    if (top_frame == nullptr) {
        return nullptr;
    }
    copy->frames[s.frame_count - 1] = top_frame;
    return copy;
}

void Analysis::release_state(State* s) {
    for (u32 i = 0; i < s->frame_count; i++) {
        release_frame(s->frames[i]);
    }
    arena_.release(s, state_bytes(s->reference_capacity));
}

bool Analysis::push_frame(u32 subprogram, u32 call_insn) {
    if (state_->frame_count >= kMaxFrames) {
        return fail(Problem::TooManyFrames, -1, "calls nest deeper than ", kMaxFrames, " frames");
    }
    Frame* f = arena_.make<Frame>();
    if (f == nullptr) {
        return out_of_memory();
    }
    f->number = state_->frame_count;
    f->subprogram = static_cast<u16>(subprogram);
    f->call_insn = call_insn;
    Reg& fp = f->regs[kFramePointer];
    fp = Reg::pointer(Kind::Stack);
    fp.frame = state_->frame_count;
    state_->frames[state_->frame_count++] = f;
    return true;
}

void Analysis::pop_frame() { release_frame(state_->frames[--state_->frame_count]); }

// Puts a copy of the current state aside, to go on at `insn` later.
State* Analysis::fork(u32 insn, bool is_jump) {
    if (pending_count_ >= limits_.pending_states) {
        fail(Problem::TooComplex, -1, "more than ", limits_.pending_states,
             " branches wait to be followed");
        return nullptr;
    }
    State* copy = copy_state(*state_);
    if (copy == nullptr) {
        return nullptr;
    }
    const Choice* choice = arena_.make<Choice>(state_->history, state_->insn, is_jump);
    const Choice* other = arena_.make<Choice>(state_->history, state_->insn, !is_jump);
    Pending* entry = arena_.make<Pending>(pending_, copy);
    if (choice == nullptr || other == nullptr || entry == nullptr) {
        out_of_memory();
        return nullptr;
    }
    copy->history = choice;
    state_->history = other;
    copy->insn = insn;
    copy->previous_insn = state_->insn;
    if (copy->parent != nullptr) {
        copy->parent->branches++;
    }
    pending_ = entry;
    pending_count_++;
    report_.statistics.states_pushed++;
    if (pending_count_ > report_.statistics.max_pending) {
        report_.statistics.max_pending = pending_count_;
    }
    return copy;
}

}  // namespace gyre::bpf
