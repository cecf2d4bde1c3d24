// SPDX-License-Identifier: MIT
//
// Copying, sharing and releasing states.
#include <string.h>

#include "lib/bpf/analysis.h"

namespace gyre::bpf {

void Reg::set_common(s64 low, s64 high) {
    constexpr s64 kWidest = 0xffff;
    constexpr s64 kLargest = 0x7fffffff;
    low = low < 0 ? 0 : low;
    high = high > kLargest ? kLargest : high;
    s64 excess = high - low > kWidest ? high - low - kWidest : 0;
    low += excess / 2;
    high -= excess - excess / 2;
    bool is_some = low <= high && may_be_any(low, high);
    commonness = is_some ? Common::Some : Common::None;
    common = is_some ? static_cast<s32>(low) : 0;
    common_width = is_some ? static_cast<u16>(high - low) : u16{0};
}

void Reg::check_common() {
    if (commonness == Common::Some) {
        s64 low = common > var.smin ? common : var.smin;
        s64 high = common_end() < var.smax ? common_end() : var.smax;
        set_common(low, high);
    }
}

// The middle half will do: lengths from which a little more or less was taken count as alike.
bool Reg::has_common_of(const Reg& other) const {
    s64 low = s64{other.common} + other.common_width / 4;
    s64 high = other.common_end() - other.common_width / 4;
    switch (commonness) {
        case Common::All: return may_be_any(low, high);
        case Common::Some: return common <= low && common_end() >= high;
        default: return false;
    }
}

bool Reg::may_be_any(s64 low, s64 high) const {
    Scalar all = kUnknownScalar;
    all.smin = low;
    all.smax = high;
    synchronize(all);
    return low >= 0 && high <= 0x7fffffff && var.includes(all);
}

void Analysis::release_chunk(StackChunk* chunk) {
    if (--chunk->owners == 0) {
        arena_.release(chunk, sizeof(StackChunk));
    }
}

void Analysis::release_stack(StackBlock* block) {
    if (block != nullptr && --block->owners == 0) {
        for (u32 i = 0; i < block->chunk_count; i++) {
            release_chunk(block->chunks[i]);
        }
        arena_.release(block, sizeof(StackBlock));
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

// Makes the table of the frame's stack its own, with room for at least `slots`. What is new was never
// written. The frame itself is owned already.
bool Analysis::grow_slots(Frame& f, u32 slots) {
    if (slots < f.stack_slots) {
        slots = f.stack_slots;
    }
    if (f.stack == nullptr || f.stack->owners != 1) {
        StackBlock* block = arena_.make<StackBlock>();
        if (block == nullptr) {
            return out_of_memory();
        }
        if (f.stack != nullptr) {
            *block = *f.stack;
            block->owners = 1;
            for (u32 i = 0; i < block->chunk_count; i++) {
                block->chunks[i]->owners++;
            }
            release_stack(f.stack);
        }
        f.stack = block;
    }
    while (f.stack->chunk_count * kChunkSlots < slots) {
        StackChunk* chunk = arena_.make<StackChunk>();
        if (chunk == nullptr) {
            return out_of_memory();
        }
        f.stack->chunks[f.stack->chunk_count++] = chunk;
    }
    f.stack_slots = static_cast<u16>(slots);
    return true;
}

// Makes one slot of the frame's stack its own. The frame is owned already and has the slot.
bool Analysis::own_slot(Frame& f, u32 slot) {
    if (!grow_slots(f, 0)) {
        return false;
    }
    StackChunk*& chunk = f.stack->chunks[slot / kChunkSlots];
    if (chunk->owners == 1) {
        return true;
    }
    void* memory = arena_.allocate(sizeof(StackChunk));
    if (memory == nullptr) {
        return out_of_memory();
    }
    memcpy(memory, static_cast<const void*>(chunk), sizeof(StackChunk));
    release_chunk(chunk);
    chunk = static_cast<StackChunk*>(memory);
    chunk->owners = 1;
    return true;
}

// Makes all of the frame's stack its own, at least `slots` deep.
bool Analysis::own_stack(Frame& f, u32 slots) {
    if (!grow_slots(f, slots)) {
        return false;
    }
    for (u32 i = 0; i < f.stack->chunk_count; i++) {
        if (!own_slot(f, i * kChunkSlots)) {
            return false;
        }
    }
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
    if (is_kept) {
        copy->trail = nullptr;
    }
    trails_.share(*copy);
    return copy;
}

void Analysis::release_state(State* s) {
    trails_.discard(*s);
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
    f->serial = new_id();
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
    trails_.part(*state_);
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
    trails_.parted(*copy, state_->insn);
    count_round(*copy, state_->insn);
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
