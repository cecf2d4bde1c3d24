// SPDX-License-Identifier: MIT
//
// Keeping trails (trail.h) while paths are walked.
#include "lib/bpf/trail.h"

#include "lib/bpf/analysis.h"

namespace gyre::bpf {
namespace {

constexpr u32 kArenaShare = 8;  // of the memory, that trails may take

}  // namespace

bool Trails::prepare(const Program& program, const Environment& environment,
                     const ControlFlow& flow, Arena& arena) {
    u32 count = static_cast<u32>(program.insns.size());
    program_ = &program;
    flow_ = &flow;
    arena_ = &arena;
    size_t limit = arena.limit() / kArenaShare / sizeof(TrailNode);
    node_limit_ = limit < (1u << 24) ? static_cast<u32>(limit) : 1u << 24;
    std::span<RegisterUse> uses = arena.make_array<RegisterUse>(count);
    for (u32 i = 0; i < uses.size(); i++) {
        if (!(flow.flags[i] & kSecondHalf)) {
            uses[i] = register_use(program, environment, flow, i);
        }
    }
    uses_ = uses;
    return uses.size() == count;
}

// Null if the arena is exhausted: the analysis ends with that.
TrailNode* Trails::append(State& s, TrailKind kind) {
    TrailNode* node = arena_->make<TrailNode>();
    if (node != nullptr) {
        node->kind = kind;
        node->before = s.trail;
        s.trail = node;
        node_count_++;
    }
    return node;
}

void Trails::close(State& s, u32 end) {
    if (!is_on() || s.run_begin >= end) {
        return;
    }
    if (TrailNode* run = append(s, TrailKind::Run)) {
        run->first = s.run_begin;
        run->end = end;
    }
    s.run_begin = end;
}

void Trails::lose(State& s) {
    if (!is_on() || (s.trail != nullptr && s.trail->kind == TrailKind::Lost)) {
        return;
    }
    append(s, TrailKind::Lost);
}

void Trails::note(State& s, u32 frame, u8 use, u16 regs, u64 slots) {
    if (!is_on()) {
        return;
    }
    bool is_first = s.run_begin <= s.insn;
    TrailNode* last = s.trail;
    bool goes_with_last = !is_first && last != nullptr && last->kind == TrailKind::Fact &&
                          last->owners == 1 && last->frame == frame && last->use == use;
    if (goes_with_last) {
        last->regs |= regs;
        last->slots |= slots;
        return;
    }
    if (node_count_ >= node_limit_) {
        lose(s);
        return;
    }
    close(s, s.insn);
    if (TrailNode* node = append(s, TrailKind::Fact)) {
        node->begins_step = is_first;
        node->first = s.insn;
        node->frame = static_cast<u8>(frame);
        node->use = use;
        node->regs = regs;
        node->slots = slots;
    }
    s.run_begin = s.insn + 1;
}

void Trails::share(State& copy) {
    if (copy.trail != nullptr) {
        copy.trail->owners++;
    }
}

void Trails::parted(State& copy, u32 at) {
    if (!is_on()) {
        return;
    }
    close(copy, at + 1);
    copy.run_begin = copy.insn;
}

void Trails::step(State& s, u32 at, bool has_ended) {
    if (!is_on() || s.is_trail_complete) {
        s.is_trail_complete = false;
        return;
    }
    u32 next = at + 1;
    if (has_ended || (s.insn != next && !(s.insn == next + 1 && (flow_->flags[next] & kSecondHalf)))) {
        close(s, next);
        s.run_begin = s.insn;
    } else if (s.run_begin == next && s.insn != next) {
        s.run_begin = s.insn;
    }
}

void Trails::enter(State& s, u32 begin) {
    if (!is_on()) {
        return;
    }
    close(s, s.insn);
    append(s, TrailKind::Enter);
    s.run_begin = begin;
    s.is_trail_complete = true;
}

void Trails::leave(State& s, u32 back) {
    if (!is_on()) {
        return;
    }
    close(s, s.insn + 1);
    append(s, TrailKind::Leave);
    s.run_begin = back;
    s.is_trail_complete = true;
}

void Trails::begin(State& s, Checkpoint* c) {
    if (!is_on()) {
        return;
    }
    close(s, s.insn);
    c->trail = s.trail;
    s.trail = nullptr;
    if (TrailNode* root = append(s, TrailKind::Root)) {
        root->checkpoint = c;
    }
    s.run_begin = s.insn;
}

void Trails::join(State& s, State& other) {
    if (!is_on()) {
        return;
    }
    close(s, s.insn);
    close(other, other.insn);
    if (TrailNode* node = append(s, TrailKind::Join)) {
        node->other = other.trail;
        other.trail = nullptr;
    }
}

}  // namespace gyre::bpf
