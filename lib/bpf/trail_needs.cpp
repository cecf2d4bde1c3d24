// SPDX-License-Identifier: MIT
//
// Carrying back along trails (trail.h) what was needed where they end.
#include <string.h>

#include "lib/bpf/analysis.h"
#include "lib/bpf/trail.h"

namespace gyre::bpf {
namespace {

constexpr u32 kMaxFacts = 16;  // of one instruction

constexpr u16 bit(unsigned r) { return static_cast<u16>(1u << r); }

void add_frame(FrameDemand& to, const FrameDemand& from) {
    to.live |= from.live;
    to.precise |= from.precise;
    to.live_slots |= from.live_slots;
    to.precise_slots |= from.precise_slots;
}

// What one comparison refined together is needed together.
bool spread_link(const TrailNode* const* facts, u32 count, u8 group, PathNeeds& needs) {
    bool is_needed = false;
    bool changes = false;
    for (u32 i = 0; i < count; i++) {
        const FrameDemand& f = needs.frames[facts[i]->frame];
        is_needed = is_needed || ((facts[i]->use & group) && ((facts[i]->regs & f.precise) != 0 ||
                                                           (facts[i]->slots & f.precise_slots) != 0));
    }
    for (u32 i = 0; is_needed && i < count; i++) {
        FrameDemand& f = needs.frames[facts[i]->frame];
        if (facts[i]->use & group) {
            changes = changes || (facts[i]->regs & ~f.precise) != 0 ||
                      (facts[i]->slots & ~f.precise_slots) != 0;
            f.precise |= facts[i]->regs;
            f.precise_slots |= facts[i]->slots;
        }
    }
    return changes;
}

}  // namespace

KeptNeeds* Trails::keep(const PathNeeds& needs) {
    size_t size = sizeof(KeptNeeds) + needs.frame_count * sizeof(FrameDemand);
    KeptNeeds* kept = static_cast<KeptNeeds*>(arena_->allocate(size));
    if (kept != nullptr) {
        kept->frame_count = needs.frame_count;
        kept->is_unknown = needs.is_unknown;
        memcpy(kept->frames, needs.frames, needs.frame_count * sizeof(FrameDemand));
    }
    return kept;
}

void Trails::release(KeptNeeds* needs) {
    if (needs != nullptr) {
        arena_->release(needs, sizeof(KeptNeeds) + needs->frame_count * sizeof(FrameDemand));
    }
}

void Trails::release_node(TrailNode* node) {
    arena_->release(node, sizeof(TrailNode));
    node_count_--;
}

void Trails::load(PathNeeds& needs, const KeptNeeds& kept) {
    needs.frame_count = kept.frame_count;
    needs.is_unknown = kept.is_unknown;
    memcpy(needs.frames, kept.frames, kept.frame_count * sizeof(FrameDemand));
}

void Trails::add(PathNeeds& needs, const KeptNeeds& kept) {
    needs.is_unknown |= kept.is_unknown || kept.frame_count != needs.frame_count;
    for (u32 f = 0; f < needs.frame_count && !needs.is_unknown; f++) {
        add_frame(needs.frames[f], kept.frames[f]);
    }
}

void Trails::gather(KeptNeeds*& gathered, const PathNeeds& needs) {
    if (gathered == nullptr) {
        gathered = keep(needs);
        return;
    }
    gathered->is_unknown |= needs.is_unknown || gathered->frame_count != needs.frame_count;
    for (u32 f = 0; f < needs.frame_count && !gathered->is_unknown; f++) {
        add_frame(gathered->frames[f], needs.frames[f]);
    }
}

// Backwards over the instruction `at`, whose facts are the nodes from `facts` on (or null).
void Trails::apply_insn(u32 at, PathNeeds& needs, const TrailNode* facts) {
    const Insn& insn = program_->insns[at];
    u32 top = needs.frame_count - 1;
    FrameDemand& own = needs.frames[top];
    const TrailNode* list[kMaxFacts];
    u32 count = 0;
    for (const TrailNode* n = facts; n != nullptr; n = n->begins_step ? nullptr : n->before) {
        if (count == kMaxFacts || n->frame > top) {
            needs.is_unknown = true;
            return;
        }
        list[count++] = n;
    }
    if (is_comparison(insn)) {
        u16 operands = insn.uses_register_source()
                           ? static_cast<u16>(bit(insn.dst()) | bit(insn.src()))
                           : u16{0};
        bool changes = true;
        while (changes) {
            own.precise |= (own.precise & operands) != 0 ? operands : u16{0};
            changes = spread_link(list, count, kLinked, needs);
            changes = spread_link(list, count, kLinkedToSource, needs) || changes;
        }
    } else {
        // Only calls use several places at once, and they move no numbers between them.
        FrameDemand* used = &own;
        StackUse use;
        for (u32 i = 0; i < count; i++) {
            FrameDemand& f = needs.frames[list[i]->frame];
            if (list[i]->use & kSlotsOverwritten) {
                f.live_slots &= ~list[i]->slots;
            }
            if (list[i]->use & kSlotsAccessed) {
                used = &f;
                use.accessed |= list[i]->slots;
            }
            u8 anew = kSlotsOverwritten | kSlotsRenewed;
            use.overwritten |= (list[i]->use & anew) != 0 ? list[i]->slots : 0;
        }
        bool is_call = insn.insn_class() == kClassJmp && insn.op() == kCall;
        if (is_call) {
            for (u32 i = 0; i < count; i++) {
                if (list[i]->use & (kSlotsOverwritten | kSlotsRenewed)) {
                    needs.frames[list[i]->frame].precise_slots &= ~list[i]->slots;
                }
            }
            own.precise &= static_cast<u16>(~kCallerSaved);
        } else if (own.precise != 0 || used->precise_slots != 0) {
            Needs before = needs_before(insn, {own.precise, used->precise_slots, 0}, use);
            own.precise = before.regs;
            used->precise_slots = before.slots;
        }
    }
    own.live = static_cast<u16>((own.live & ~uses_[at].writes) | uses_[at].reads);
    for (u32 i = 0; i < count; i++) {
        FrameDemand& f = needs.frames[list[i]->frame];
        f.live_slots |= list[i]->use & kSlotsRead ? list[i]->slots : 0;
        if (list[i]->use & kSlotsNeeded) {
            f.precise |= list[i]->regs;
            f.precise_slots |= list[i]->slots;
        }
    }
}

// Backwards over a node; of a step with several facts all are taken, and `node` is the first of them.
void Trails::apply(TrailNode*& node, PathNeeds& needs) {
    if (needs.is_unknown) {
        return;
    }
    switch (node->kind) {
        case TrailKind::Run:
            for (u32 i = node->end; i-- > node->first && !needs.is_unknown;) {
                if (!(flow_->flags[i] & kSecondHalf)) {
                    apply_insn(i, needs, nullptr);
                }
            }
            break;
        case TrailKind::Fact: {
            apply_insn(node->first, needs, node);
            while (!node->begins_step && node->before != nullptr && node->before->owners == 1) {
                TrailNode* done = node;
                node = node->before;
                release_node(done);
            }
            needs.is_unknown = needs.is_unknown || !node->begins_step;
            break;
        }
        case TrailKind::Enter: {
            if (needs.frame_count < 2) {
                needs.is_unknown = true;
                break;
            }
            const FrameDemand callee = needs.frames[--needs.frame_count];
            FrameDemand& caller = needs.frames[needs.frame_count - 1];
            caller.live = static_cast<u16>((caller.live & ~kCallerSaved) | (callee.live & kArguments));
            caller.precise =
                static_cast<u16>((caller.precise & ~kCallerSaved) | (callee.precise & kArguments));
            break;
        }
        case TrailKind::Leave: {
            if (needs.frame_count == kMaxFrames) {
                needs.is_unknown = true;
                break;
            }
            FrameDemand& caller = needs.frames[needs.frame_count - 1];
            needs.frames[needs.frame_count++] = {0, static_cast<u16>(caller.precise & bit(0)), 0, 0};
            caller.live &= static_cast<u16>(~kCallerSaved);
            caller.precise &= static_cast<u16>(~kCallerSaved);
            break;
        }
        case TrailKind::Root: gather(node->checkpoint->needs, needs); break;
        case TrailKind::Lost: needs.is_unknown = true; break;
        case TrailKind::Join: break;
    }
}

void Trails::carry_back(TrailNode* node, const PathNeeds& given) {
    PathNeeds needs = given;
    TrailNode* joins = nullptr;  // whose other trails are still to be walked
    for (;;) {
        while (node != nullptr) {
            if (--node->owners > 0) {
                gather(node->gathered, needs);
                break;
            }
            if (node->gathered != nullptr) {
                add(needs, *node->gathered);
                release(node->gathered);
                node->gathered = nullptr;
            }
            apply(node, needs);
            TrailNode* before = node->before;
            if (node->kind == TrailKind::Join) {
                node->gathered = keep(needs);
                node->before = joins;
                joins = node;
            } else {
                release_node(node);
            }
            node = before;
        }
        if (joins == nullptr || joins->gathered == nullptr) {
            return;  // at the latest when the arena is exhausted
        }
        TrailNode* join = joins;
        joins = join->before;
        node = join->other;
        load(needs, *join->gathered);
        release(join->gathered);
        release_node(join);
    }
}

void Trails::end(State& s, const PathNeeds& needs) {
    close(s, s.insn);
    TrailNode* trail = s.trail;
    s.trail = nullptr;
    if (trail != nullptr) {
        carry_back(trail, needs);
    }
}

void Trails::end(State& s, const KeptNeeds& kept) {
    PathNeeds needs;
    load(needs, kept);
    end(s, needs);
}

// As carry_back, but nothing is needed unless something waits on the way.
void Trails::drop(TrailNode* node) {
    TrailNode* joins = nullptr;
    while (node != nullptr || joins != nullptr) {
        if (node == nullptr) {
            TrailNode* join = joins;
            joins = join->before;
            node = join->other;
            release_node(join);
            continue;
        }
        if (node->owners > 1) {
            node->owners--;
            node = nullptr;
            continue;
        }
        if (node->gathered != nullptr) {
            PathNeeds needs;
            load(needs, *node->gathered);
            carry_back(node, needs);
            node = nullptr;
            continue;
        }
        TrailNode* before = node->before;
        if (node->kind == TrailKind::Join) {
            node->before = joins;
            joins = node;
        } else {
            release_node(node);
        }
        node = before;
    }
}

void Trails::discard(State& s) {
    TrailNode* trail = s.trail;
    s.trail = nullptr;
    drop(trail);
}

}  // namespace gyre::bpf
