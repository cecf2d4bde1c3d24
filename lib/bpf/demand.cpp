// SPDX-License-Identifier: MIT
//
// Backward propagation of demand (demand.h).
#include "lib/bpf/demand.h"

namespace gyre::bpf {
namespace {

constexpr u16 bit(unsigned r) { return static_cast<u16>(1u << r); }

// The one slot that an aligned eight-byte store through the frame pointer overwrites, or 0.
u64 overwritten_slot(const Insn& insn) {
    u8 c = insn.insn_class();
    if ((c != kClassSt && c != kClassStx) || insn.mode() != kModeMem ||
        insn.size_bits() != kSizeDw || insn.dst() != kFramePointer || insn.off >= 0 ||
        insn.off < -static_cast<s32>(kStackBytes) || insn.off % 8 != 0) {
        return 0;
    }
    return u64{1} << (-insn.off / 8 - 1);
}

}  // namespace

bool Demand::prepare(const Program& program, const ControlFlow& flow, Arena& arena) {
    program_ = &program;
    flow_ = &flow;
    u32 count = static_cast<u32>(program.insns.size());
    points_ = arena.make_array<Point>(count + 1);
    queue_ = arena.make_array<u32>(count + 1);
    u32 calls = 0;
    for (u32 i = 0; i < count && !points_.empty(); i++) {
        if (!(flow.flags[i] & kSecondHalf) && program.insns[i].code == (kClassJmp | kCall)) {
            points_[i].call_index = calls++;
        }
    }
    during_ = arena.make_array<DuringCall>(calls + 1);
    u32 subprograms = static_cast<u32>(flow.subprograms.size());
    first_caller_ = arena.make_array<u32>(subprograms + 2);
    if (points_.empty() || queue_.empty() || during_.empty() || first_caller_.empty()) {
        return false;
    }
    auto each_caller = [&](auto&& visit) {
        for (u32 i = 0; i < count; i++) {
            const Insn& insn = program.insns[i];
            if (!(flow.flags[i] & kSecondHalf) &&
                (is_subprogram_call(insn) || is_function_reference(insn))) {
                visit(flow.find_subprogram(i + 1 + static_cast<u32>(insn.imm)), i);
            }
        }
    };
    u32 edges = 0;
    each_caller([&](u32 s, u32) {
        first_caller_[s + 2 <= subprograms ? s + 2 : subprograms + 1]++;
        edges++;
    });
    for (u32 s = 2; s < subprograms + 2; s++) {
        first_caller_[s] += first_caller_[s - 1];
    }
    callers_ = arena.make_array<u32>(edges + 1);
    if (callers_.empty()) {
        return false;
    }
    each_caller([&](u32 s, u32 i) { callers_[first_caller_[s + 1]++] = i; });
    return true;
}

const DuringCall& Demand::during(u32 call_insn) const {
    static constexpr DuringCall kNothing{};
    u32 index = points_[call_insn].call_index;
    return index == kNoInsn ? kNothing : during_[index];
}

void Demand::enqueue(u32 insn) {
    if (!points_[insn].is_queued) {
        points_[insn].is_queued = true;
        queue_[queue_length_++] = insn;
    }
}

void Demand::add(u32 insn, const Needs& bits) {
    Point& p = points_[insn];
    u16 regs = p.precise | bits.regs;
    u64 slots = p.precise_slots | bits.slots;
    u64 live = p.live_slots | bits.live;
    if (regs == p.precise && slots == p.precise_slots && live == p.live_slots) {
        return;
    }
    p.precise = regs;
    p.precise_slots = slots;
    p.live_slots = live;
    enqueue(insn);
}

// A comparison teaches both its operands, and what one of them learns all that are linked to it.
Needs Demand::before_comparison(const Insn& insn, const Point& point, Needs b) {
    u16 operands = insn.uses_register_source()
                       ? static_cast<u16>(bit(insn.dst()) | bit(insn.src()))
                       : u16{0};
    Needs was;
    do {
        was = b;
        b.regs |= (b.regs & operands) != 0 ? operands : u16{0};
        for (const LinkGroup* g = point.links; g != nullptr; g = g->next) {
            if ((b.regs & g->regs) != 0 || (b.slots & g->slots) != 0) {
                b.regs |= g->regs;
                b.slots |= g->slots;
            }
        }
    } while (b.regs != was.regs || b.slots != was.slots);
    return b;
}

// Calls of subprograms and conditional jumps are met before.
Needs needs_before(const Insn& insn, Needs b, StackUse use) {
    unsigned dst = insn.dst();
    unsigned src = insn.src();
    b.live &= ~use.overwritten;
    bool is_dst_needed = (b.regs & bit(dst)) != 0;
    switch (insn.insn_class()) {
        case kClassLd:
            b.regs = is_ld_imm64(insn) ? static_cast<u16>(b.regs & ~bit(dst))
                                       : static_cast<u16>(b.regs & ~kCallerSaved);
            break;
        case kClassLdx:
            if (is_dst_needed) {
                b.regs = static_cast<u16>(b.regs & ~bit(dst));
                b.slots |= use.accessed;
            }
            break;
        case kClassSt: b.slots &= ~use.overwritten; break;
        case kClassStx:
            if (insn.mode() == kModeAtomic) {
                u16 loaded = insn.imm == kAtomicCmpXchg       ? bit(0)
                             : insn.imm == kAtomicLoadAcquire ? bit(dst)
                                                              : bit(src);
                if ((b.slots & use.accessed) != 0 || (b.regs & loaded) != 0) {
                    b.slots |= use.accessed;
                    b.regs |= bit(src);
                }
            } else if ((b.slots & use.accessed) != 0) {
                b.regs |= bit(src);
                b.slots &= ~use.overwritten;
            }
            break;
        case kClassAlu:
        case kClassAlu64:
            if (!is_dst_needed) {
                break;
            }
            if (insn.op() == kMov) {
                b.regs = static_cast<u16>(b.regs & ~bit(dst));
            }
            if (insn.uses_register_source() && insn.op() != kEnd && insn.op() != kNeg) {
                b.regs |= bit(src);
            }
            break;
        default:
            if (insn.op() == kCall) {
                b.regs = static_cast<u16>(b.regs & ~kCallerSaved);
            }
            break;
    }
    return b;
}

Needs Demand::before(u32 at, Needs b) {
    const Insn& insn = program_->insns[at];
    const Point& point = points_[at];
    if (is_comparison(insn)) {
        return before_comparison(insn, point, b);
    }
    if (is_subprogram_call(insn) && (b.regs & bit(0))) {
        u32 s = flow_->find_subprogram(at + 1 + static_cast<u32>(insn.imm));
        const Subprogram& callee = flow_->subprograms[s];
        for (u32 i = callee.begin; i < callee.end; i++) {
            if (program_->insns[i].code == (kClassJmp | kExit) &&
                !(flow_->flags[i] & kSecondHalf)) {
                add(i, {bit(0), 0, 0});
            }
        }
    }
    return needs_before(insn, b, {point.accessed_slots, overwritten_slot(insn)});
}

void Demand::flow_into(u32 predecessor, u32 successor) {
    const Point& s = points_[successor];
    add(predecessor, before(predecessor, {s.precise, s.precise_slots, s.live_slots}));
}

void Demand::settle() {
    while (queue_length_ > 0) {
        u32 at = queue_[--queue_length_];
        points_[at].is_queued = false;
        for (u32 k = flow_->first_before[at]; k < flow_->first_before[at + 1]; k++) {
            flow_into(flow_->before[k], at);
        }
        if (flow_->flags[at] & kSubprogramBegin) {
            u32 s = flow_->subprogram_of[at];
            u16 arguments = points_[at].precise & kArguments;
            for (u32 k = first_caller_[s]; k < first_caller_[s + 1] && arguments != 0; k++) {
                u32 caller = callers_[k];
                if (is_subprogram_call(program_->insns[caller])) {
                    add(caller, {arguments, 0, 0});
                }
            }
        }
    }
}

void Demand::need_register(u32 insn, unsigned reg) {
    if ((points_[insn].precise & bit(reg)) == 0) {
        add(insn, {bit(reg), 0, 0});
    }
}

void Demand::need_slots(u32 insn, u64 slots) {
    if ((points_[insn].precise_slots & slots) != slots) {
        add(insn, {0, slots, 0});
    }
}

void Demand::note_access(u32 insn, u64 slots) {
    Point& p = points_[insn];
    if ((p.accessed_slots & slots) == slots) {
        return;
    }
    p.accessed_slots |= slots;
    Successors next = successors(program_->insns, insn);
    for (u32 k = 0; k < next.count; k++) {
        flow_into(insn, next.insn[k]);
    }
}

void Demand::note_read(u32 insn, u64 slots) {
    if ((points_[insn].live_slots & slots) != slots) {
        add(insn, {0, 0, slots});
    }
}

void Demand::note_link(u32 insn, u16 regs, u64 slots, Arena& arena) {
    Point& p = points_[insn];
    for (const LinkGroup* g = p.links; g != nullptr; g = g->next) {
        if ((g->regs & regs) == regs && (g->slots & slots) == slots) {
            return;
        }
    }
    const LinkGroup* group = arena.make<LinkGroup>(p.links, slots, regs);
    if (group == nullptr) {
        return;  // the arena is exhausted; the analysis ends with that
    }
    p.links = group;
    Successors next = successors(program_->insns, insn);
    for (u32 k = 0; k < next.count; k++) {
        flow_into(insn, next.insn[k]);
    }
}

void Demand::note_caller_read(u32 call_insn, u64 slots) {
    u32 index = points_[call_insn].call_index;
    if (index != kNoInsn && (during_[index].live_slots & slots) != slots) {
        during_[index].live_slots |= slots;
        add(call_insn, {0, 0, slots});
    }
}

void Demand::need_caller_slots(u32 call_insn, u64 slots) {
    u32 index = points_[call_insn].call_index;
    if (index != kNoInsn && (during_[index].precise_slots & slots) != slots) {
        during_[index].precise_slots |= slots;
        add(call_insn, {0, slots, 0});
    }
}

void Demand::need_caller_registers(u32 call_insn, u16 regs) {
    Point& p = points_[call_insn];
    if ((p.during_precise & regs) != regs) {
        p.during_precise |= regs;
        add(call_insn, {regs, 0, 0});
    }
}

}  // namespace gyre::bpf
