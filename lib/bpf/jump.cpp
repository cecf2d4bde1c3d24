// SPDX-License-Identifier: MIT
//
// Conditional jumps: which sides a path may take, and what each side knows.
#include "lib/bpf/analysis.h"
#include "lib/bpf/generalize.h"

namespace gyre::bpf {
namespace {

constexpr u16 bit(unsigned r) { return static_cast<u16>(1u << r); }

bool is_never_null(const Reg& r) {
    if (r.has(kMaybeNull)) {
        return false;
    }
    switch (r.kind) {
        case Kind::Socket:
        case Kind::TcpSock:
        case Kind::MapValue:
        case Kind::MapKey:
        case Kind::SockCommon:
        case Kind::ConstMap: return true;
        case Kind::Memory: return !r.has(kUntrusted);
        case Kind::BtfObject: return r.ref != 0 || r.has(kTrusted | kAlloc);
        default: return false;
    }
}

// The comparison with its operands exchanged.
u8 flip(u8 op) {
    switch (op) {
        case kJgt: return kJlt;
        case kJge: return kJle;
        case kJlt: return kJgt;
        case kJle: return kJge;
        default: return op;
    }
}

bool starts_packet(const Reg& r) {
    return r.kind == Kind::Packet && r.off == 0 && r.var.is_constant() && r.var.value() == 0;
}

// dst OP src or src OP' dst, where one is a packet pointer and the other the packet's end (or, for
// metadata, its start). False if the comparison says nothing about packets.
bool match_packet(const Reg& dst, const Reg& src, u8& op, bool& pointer_is_dst) {
    auto fits = [](const Reg& p, const Reg& end) {
        return (p.kind == Kind::Packet && end.kind == Kind::PacketEnd) ||
               (p.kind == Kind::PacketMeta && starts_packet(end));
    };
    if (op != kJgt && op != kJge && op != kJlt && op != kJle) {
        return false;
    }
    if (fits(dst, src)) {
        pointer_is_dst = true;
        return true;
    }
    if (fits(src, dst)) {
        pointer_is_dst = false;
        op = flip(op);
        return true;
    }
    return false;
}

}  // namespace

// 1: always taken, 0: never, -1: unknown.
int Analysis::decide_jump(const Insn& insn, const Reg& a, const Reg& b) {
    bool wide = insn.insn_class() == kClassJmp;
    if (a.is_scalar() && b.is_scalar()) {
        Decision d = decide(insn.op(), wide, a.var, b.var);
        return d == Decision::Always ? 1 : d == Decision::Never ? 0 : -1;
    }
    if (!wide) {
        return -1;
    }
    u8 op = insn.op();
    if (a.is_pointer() && b.is_pointer()) {
        bool pointer_is_dst = false;
        if (!match_packet(a, b, op, pointer_is_dst)) {
            return -1;
        }
        s32 range = pointer_is_dst ? a.range : b.range;
        switch (op) {
            case kJle:
            case kJgt: return range == kBeyondPacketEnd ? op == kJgt : -1;
            default: return range < 0 ? op == kJge : -1;
        }
    }
    if (a.is_pointer() && is_never_null(a) && b.var.is_constant() && b.var.value() == 0) {
        return op == kJeq ? 0 : op == kJne ? 1 : -1;
    }
    return -1;
}

bool Analysis::mark_null(State& s, unsigned r, bool is_null) {
    Reg checked = s.frames[s.frame_count - 1]->regs[r];
    if (checked.ref != 0 && checked.ref == checked.id && is_null) {
        for (u32 i = 0; i < s.reference_count; i++) {
            if (s.references[i].id == checked.ref) {
                s.references[i] = s.references[--s.reference_count];
                break;
            }
        }
    }
    auto same = [&](const Reg& x) { return x.id == checked.id && x.has(kMaybeNull); };
    return change_regs_of(s, same, [&](Reg& x) {
        if (is_null) {
            x = Reg::constant(0);
            return;
        }
        x.flags &= ~u32{kMaybeNull};
        bool keeps_id = x.kind == Kind::BtfObject;
        if (x.kind == Kind::MapValue && x.map != nullptr) {
            if (x.map->inner != nullptr) {
                x.kind = Kind::ConstMap;
                x.parent = x.id;  // a lookup of its own: never the same map as another's
                x.map = x.map->inner;
            } else if (x.map->type == MapType::Xskmap) {
                x.kind = Kind::XdpSock;
            } else if (x.map->type == MapType::Sockmap || x.map->type == MapType::Sockhash) {
                x.kind = Kind::Socket;
            } else {
                for (const SpecialField& f : x.map->fields) {
                    keeps_id = keeps_id || f.kind == FieldKind::SpinLock ||
                               f.kind == FieldKind::ResSpinLock;
                }
            }
        }
        if (!keeps_id) {
            x.id = 0;
        }
    });
}

bool Analysis::refine_packet(State& s, const Insn& insn, bool outcome) {
    const Frame& f = *s.frames[s.frame_count - 1];
    u8 op = insn.op();
    bool pointer_is_dst = false;
    if (!insn.uses_register_source() || insn.insn_class() != kClassJmp ||
        !match_packet(f.regs[insn.dst()], f.regs[insn.src()], op, pointer_is_dst)) {
        return true;
    }
    unsigned number = pointer_is_dst ? insn.dst() : insn.src();
    Reg p = f.regs[number];
    // pointer OP end is `outcome`: is the pointer within, and may it equal the end?
    bool within = (op == kJlt || op == kJle) == outcome;
    bool strictly = op == kJlt || op == kJge;  // within: pointer < end; outside: pointer >= end
    if (!within) {
        if (p.kind == Kind::Packet) {
            s32 range = strictly ? kAtPacketEnd : kBeyondPacketEnd;
            s.frames[s.frame_count - 1]->regs[number].range = range;
        }
        return true;
    }
    if (p.off < 0 || (p.off == 0 && strictly) ||
        p.var.umax > static_cast<u64>(kMaxPacketOffset) ||
        p.var.umax + static_cast<u64>(p.off) > static_cast<u64>(kMaxPacketOffset)) {
        return true;
    }
    s32 range = p.off + (strictly ? 1 : 0);
    auto same = [&](const Reg& x) {
        return x.kind == p.kind && x.id == p.id && x.range < range;
    };
    return change_regs_of(s, same, [&](Reg& x) { x.range = range; });
}

// The others of a linked group take over what is known of one, moved by their distance.
bool Analysis::spread_links(State& s, const Reg& known) {
    if (known.anchor != 0 && known.is_scalar()) {
        auto derived = [&](const Reg& x) { return x.is_scalar() && x.anchor == known.anchor; };
        bool spread = change_regs_of(s, derived, [&](Reg& x) {
            u64 distance = static_cast<u64>(s64{x.moved} - known.moved);
            x.var = meet(x.var, alu_full(kAdd, known.var, Scalar::constant(distance)));
            x.check_common();
        });
        if (!spread) {
            return false;
        }
    }
    if (known.id == 0) {
        return true;
    }
    auto linked = [&](const Reg& x) {
        return x.kind == Kind::Scalar && x.id == known.id &&
               !(x.off == known.off && x.var == known.var);
    };
    return change_regs_of(s, linked, [&](Reg& x) {
        s64 distance = static_cast<s64>(x.off) - known.off;
        Scalar moved = distance == 0 ? known.var
                                     : alu_full(kAdd, known.var,
                                                Scalar::constant(static_cast<u64>(distance)));
        x.var = moved;
        x.check_common();
    });
}

// Tells the demand and the trail which registers and slots a comparison refines together.
void Analysis::note_links(const Insn& insn) {
    const Frame& own = top();
    unsigned operands[2] = {insn.dst(), insn.src()};
    for (unsigned k = 0; k < (insn.uses_register_source() ? 2u : 1u); k++) {
        const Reg& r = own.regs[operands[k]];
        if (!r.is_scalar() || (r.id == 0 && r.anchor == 0)) {
            continue;
        }
        auto is_linked = [&](const Reg& x) {
            return x.is_scalar() && ((r.id != 0 && x.id == r.id) ||
                                     (r.anchor != 0 && x.anchor == r.anchor));
        };
        bool elsewhere = false;
        for (u32 f = 0; f < state_->frame_count; f++) {
            const Frame& frame = *state_->frames[f];
            u16 regs = 0;
            u64 slots = 0;
            for (unsigned n = 0; n < kFramePointer; n++) {
                if (is_linked(frame.regs[n])) {
                    regs |= bit(n);
                }
            }
            for (u32 i = 0; i < frame.stack_slots; i++) {
                const Slot& slot = frame.stack->slots()[i];
                if (slot.is_spill() && is_linked(slot.reg)) {
                    slots |= u64{1} << i;
                }
            }
            bool is_own = f + 1 == state_->frame_count;
            bool is_group = is_own ? elsewhere || (regs & (regs - 1)) != 0 || slots != 0
                                   : regs != 0 || slots != 0;
            if (!is_group) {
                continue;
            }
            trails_.note(*state_, f, k == 0 ? kLinked : kLinkedToSource, regs, slots);
            if (is_own) {
                demand_.note_link(state_->insn, regs, slots, arena_);
                continue;
            }
            elsewhere = true;
            u32 call = state_->frames[f + 1]->call_insn;
            if (call != Frame::kNoCall) {
                demand_.need_caller_registers(call, regs & kCalleeSaved);
                demand_.need_caller_slots(call, slots);
            }
        }
        if (elsewhere) {
            demand_.need_register(state_->insn, operands[k]);
        }
    }
}

// Applies what the outcome of the comparison teaches to `s`, whose scalars are refined already.
bool Analysis::refine_branch(State& s, const Insn& insn, bool outcome) {
    Frame& f = *s.frames[s.frame_count - 1];
    unsigned d = insn.dst();
    bool wide = insn.insn_class() == kClassJmp;
    u8 op = insn.op();
    const Reg& dst = f.regs[d];
    if (wide && !insn.uses_register_source() && insn.imm == 0 && dst.is_pointer() &&
        dst.has(kMaybeNull) && (op == kJeq || op == kJne)) {
        return mark_null(s, d, (op == kJeq) == outcome);
    }
    if (wide && insn.uses_register_source() && (op == kJeq || op == kJne)) {
        const Reg& src = f.regs[insn.src()];
        bool equal = (op == kJeq) == outcome;
        // Pointers that nobody vouches for may be null without being marked so.
        auto is_vouched_for = [](const Reg& r) {
            return r.kind != Kind::BtfObject && r.kind != Kind::Arena && !r.has(kUntrusted);
        };
        if (dst.is_pointer() && src.is_pointer() && equal &&
            dst.has(kMaybeNull) != src.has(kMaybeNull) && is_vouched_for(dst) &&
            is_vouched_for(src)) {
            return mark_null(s, dst.has(kMaybeNull) ? d : insn.src(), false);
        }
        if (dst.is_pointer() && dst.has(kMaybeNull) && src.is_zero()) {
            return mark_null(s, d, equal);
        }
        return true;
    }
    return refine_packet(s, insn, outcome);
}

bool Analysis::step_jump(const Insn& insn, bool& path_ended) {
    u32 at = state_->insn;
    u8 op = insn.op();
    bool wide = insn.insn_class() == kClassJmp;
    if (op == kJa) {
        bool bad = insn.uses_register_source() || insn.registers != 0 ||
                   (wide ? insn.imm != 0
                         : insn.off != 0 || environment_.target.version < kInstructionSetFour);
        if (bad) {
            return fail(Problem::BadEncoding, -1, "the instruction sets reserved fields");
        }
        state_->insn = successors(program_.insns, at).insn[0];
        return true;
    }
    if (op == kJcond) {
        return step_may_goto(insn);
    }
    if (op > kJcond || (insn.uses_register_source() ? insn.imm != 0 : insn.src() != 0)) {
        return fail(Problem::BadEncoding, -1, "an unknown jump or reserved fields set");
    }
    unsigned d = insn.dst();
    unsigned operands[2] = {d, insn.src()};
    for (unsigned k = 0; k < (insn.uses_register_source() ? 2u : 1u); k++) {
        if (operands[k] >= kRegisterCount || reg(operands[k]).kind == Kind::Uninitialized) {
            return fail(Problem::UnreadableRegister, static_cast<int>(operands[k]), "r",
                        operands[k], " is read before it is written");
        }
    }
    Successors next = successors(program_.insns, at);
    jumps_++;
    Reg a = reg(d);
    Reg b = insn.uses_register_source()
                ? reg(insn.src())
                : Reg::constant(static_cast<u64>(static_cast<s64>(insn.imm)));
    int decision = decide_jump(insn, a, b);
    bool both_scalar = a.is_scalar() && b.is_scalar();
    bool same = insn.uses_register_source() && insn.src() == d;
    Scalar taken_a = a.var, taken_b = b.var, stayed_a = a.var, stayed_b = b.var;
    if (decision < 0 && both_scalar && !same) {
        refine(op, wide, true, taken_a, taken_b);
        refine(op, wide, false, stayed_a, stayed_b);
        if (taken_a.is_empty()) {
            decision = 0;
        } else if (stayed_a.is_empty()) {
            decision = 1;
        }
    }
    if (decision < 0 && attempts_ != nullptr && stays_open(insn, a, next.insn[1])) {
        decision = 1;
        attempts_->has_choice = true;
    }
    if (decision >= 0) {
        if (a.is_scalar()) {
            need_register(d);
        }
        if (insn.uses_register_source() && b.is_scalar()) {
            need_register(insn.src());
        }
        state_->insn = next.insn[decision];
        return true;
    }
    note_links(insn);
    State* taken = fork(next.insn[1], true);
    if (taken == nullptr) {
        return false;
    }
    if (both_scalar && !same) {
        auto assign = [&](State& s, const Scalar& x, const Scalar& y) {
            Frame& f = *s.frames[s.frame_count - 1];
            auto narrow = [](Reg& r, const Scalar& v, const Reg& other) {
                bool is_unsure = other.commonness != Common::All && !(r.var == v);
                r.var = v;
                r.check_common();
                r.commonness = is_unsure ? Common::None : r.commonness;
            };
            narrow(f.regs[d], x, b);
            Reg known = f.regs[d];
            if (!spread_links(s, known)) {
                return false;
            }
            if (insn.uses_register_source()) {
                Frame& g = *s.frames[s.frame_count - 1];
                if (known.id == 0 || g.regs[insn.src()].id != known.id) {
                    narrow(g.regs[insn.src()], y, a);
                }
                return spread_links(s, Reg(g.regs[insn.src()]));
            }
            return true;
        };
        // Equal numbers are linked from here on (a comparison of 64 bits).
        if (!assign(*taken, taken_a, taken_b) || !assign(*state_, stayed_a, stayed_b)) {
            return false;
        }
    } else if (!both_scalar) {
        if (!refine_branch(*taken, insn, true) || !refine_branch(*state_, insn, false)) {
            return false;
        }
    }
    state_->insn = next.insn[0];
    prefer_loop(at);
    if (merges_paths_ && !is_in_forced_loop()) {
        wait_to_merge();
    }
    path_ended = false;
    return true;
}

}  // namespace gyre::bpf
