// SPDX-License-Identifier: MIT
//
// Where a refused value came from. The choices of the path are known; the path is walked again
// without comparing anything, and the value is followed backwards through moves, spills and fills.
#include "lib/bpf/analysis.h"
#include "lib/bpf/liveness.h"

namespace gyre::bpf {
namespace {

constexpr u32 kTraceLength = 1u << 11;
constexpr u32 kMaxChoices = 1u << 16;
constexpr u32 kMaxBranches = 4;

// The slot of an access through the frame pointer, or -1.
s32 frame_slot(const Insn& insn) {
    u8 c = insn.insn_class();
    bool is_load = c == kClassLdx;
    unsigned base = is_load ? insn.src() : insn.dst();
    if ((c != kClassLdx && c != kClassStx && c != kClassSt) || base != kFramePointer ||
        insn.off >= 0) {
        return -1;
    }
    return (-insn.off - 1) / 8;
}

// What a call may take away: pointers in registers that calls keep and on the stack, references,
// locks.
struct Holdings {
    u16 registers = 0;
    u64 slots = 0;
    u32 reference_count = 0;
    u32 section_count = 0;
};

Holdings holdings_of(const State& s, u32 frame) {
    Holdings h;
    const Frame& f = *s.frames[frame];
    for (unsigned r = 6; r < kFramePointer; r++) {
        h.registers |= static_cast<u16>(f.regs[r].is_pointer() ? 1u << r : 0);
    }
    for (u32 i = 0; i < f.stack_slots; i++) {
        const Slot& slot = f.stack->slots()[i];
        h.slots |= slot.is_spill() && slot.reg.is_pointer() ? u64{1} << i : 0;
    }
    h.reference_count = s.reference_count;
    h.section_count = u32{s.rcu_locks} + s.preempt_locks + s.lock_count;
    return h;
}

void note_losses(TraceEntry& entry, const Holdings& before, const Holdings& after) {
    entry.spoils = before.registers & static_cast<u16>(~after.registers);
    entry.spoiled_slots = before.slots & ~after.slots;
    entry.releases = after.reference_count < before.reference_count ||
                     after.section_count < before.section_count;
}

}  // namespace

// True if the path was walked to `until`.
bool Analysis::replay(const Choice* last, u32 root, u32 until, u64 steps) {
    u32 type = static_cast<u32>(program_.type);
    rules_ = &environment_.rules[type];
    u32 count = 0;
    for (const Choice* c = last; c != nullptr; c = c->before) {
        count++;
    }
    if (count > kMaxChoices) {
        return false;
    }
    std::span<const Choice*> choices = arena_.make_array<const Choice*>(count);
    if (choices.size() != count ||
        !build_control_flow(program_, environment_, arena_, flow_, report_) ||
        !demand_.prepare(program_, flow_, arena_)) {
        return false;
    }
    for (const Choice* c = last; c != nullptr; c = c->before) {
        choices[--count] = c;
    }
    prepare_subprograms();
    for (u8& flags : flow_.flags) {
        flags &= static_cast<u8>(~kCheckpoint);
    }
    state_ = arena_.make<State>();
    if (state_ == nullptr) {
        return false;
    }
    state_->insn = flow_.subprograms[root].begin;
    state_->may_sleep = program_.is_sleepable;
    if (!push_frame(root, Frame::kNoCall) ||
        !(root == 0 ? prepare_main(*state_) : prepare_global(*state_, root))) {
        return false;
    }
    u32 next_choice = 0;
    bool path_ended = false;
    for (u64 k = 0; k < steps && !path_ended; k++) {
        u32 at = state_->insn;
        if (at == until && next_choice == choices.size()) {
            failing_frames_ = state_->frame_count;
        }
        u8 frames = state_->frame_count;
        const Insn& insn = program_.insns[at];
        bool is_call = insn.code == (kClassJmp | kCall);
        Holdings before = is_call ? holdings_of(*state_, frames - 1u) : Holdings{};
        bool compares_no_end = false;
        if (insn.uses_register_source() &&
            (insn.insn_class() == kClassJmp || insn.insn_class() == kClassJmp32)) {
            const Reg& a = top().regs[insn.dst()];
            const Reg& b = top().regs[insn.src()];
            compares_no_end = (a.is_packet() && b.is_scalar()) || (b.is_packet() && a.is_scalar());
        }
        bool fine = step(path_ended);
        TraceEntry entry{at, frames};
        RegisterUse use = register_use(program_, environment_, flow_, at);
        if (fine && !path_ended && use.writes != 0) {
            unsigned r = program_.insns[at].code == (kClassJmp | kCall)
                             ? 0
                             : static_cast<unsigned>(__builtin_ctz(use.writes));
            if (r < kRegisterCount && state_->frame_count == frames) {
                const Reg& v = top().regs[r];
                entry = TraceEntry::of(at, frames, r, v);
            }
        }
        u8 c = program_.insns[at].insn_class();
        bool is_comparison = (c == kClassJmp || c == kClassJmp32) && use.writes == 0 &&
                             use.reads != 0 && program_.insns[at].op() != kExit;
        entry.is_comparison = is_comparison;
        if (is_call && fine && !path_ended && state_->frame_count == frames) {
            note_losses(entry, before, holdings_of(*state_, frames - 1u));
        }
        trace_->add(entry);
        if (!fine) {
            return at == until;
        }
        while (pending_ != nullptr) {
            State* other = pop_pending();
            bool is_choice = other->history != nullptr && next_choice < choices.size() &&
                             choices[next_choice]->insn == at;
            if (is_choice && other->history->is_jump == choices[next_choice]->is_jump) {
                State* mine = state_;
                state_ = other;
                other = mine;
            }
            if (is_choice) {
                next_choice++;
            }
            release_state(other);
        }
        if (is_comparison && !path_ended) {  // what the side that was taken has learned
            const Reg& v = top().regs[program_.insns[at].dst()];
            TraceEntry seen = TraceEntry::of(at, frames, program_.insns[at].dst(), v);
            seen.is_comparison = true;
            seen.is_jump = state_->insn != at + 1;
            seen.compares_no_end = compares_no_end;
            if (c == kClassJmp32 && v.is_scalar()) {  // only the low half was compared
                bool is_signed = v.var.half_umin == 0 && v.var.half_umax == ~u32{0};
                seen.smin = is_signed ? v.var.half_smin : s64{v.var.half_umin};
                seen.smax = is_signed ? v.var.half_smax : s64{v.var.half_umax};
                seen.umin = static_cast<u64>(seen.smin);
                seen.umax = static_cast<u64>(seen.smax);
            }
            trace_->amend(seen);
        }
    }
    return false;
}

// Follows register `r` backwards from the end of the trace.
void Analysis::explain_origin(Report& report, const Trace& trace, unsigned r) {
    u64 back = 1;  // the latest entry is the refused instruction itself
    u32 frames = failing_frames_;
    s32 slot = -1;
    int end = -1;  // holds what was taken for the packet's end
    bool is_followed = true;
    while (report.origin_count < kMaxOrigins && (is_followed || end >= 0)) {
        const TraceEntry* e = trace.before_end(back++);
        if (e == nullptr) {
            bool is_parameter = is_followed && trace.is_whole() && root_subprogram_ != 0 &&
                                frames == 1 && slot < 0 && r >= 1 && r <= 5;
            if (is_parameter) {
                report.add_origin(
                    {flow_.subprograms[root_subprogram_].begin, OriginKind::Parameter});
            }
            return;
        }
        const Insn& insn = program_.insns[e->insn];
        bool is_call = insn.code == (kClassJmp | kCall);
        if (e->frames != frames) {
            bool is_argument = e->frames < frames && slot < 0 && r >= 1 && r <= 5;
            if (is_argument && is_call && !is_subprogram_call(insn)) {
                // The round's number, the element: not what the call itself was given.
                report.add_origin({e->insn, OriginKind::Handed});
                return;
            }
            if (is_argument) {
                frames = e->frames;  // goes on in the caller
            }
            continue;
        }
        if (is_call && report.problem == Problem::UnreadableRegister && slot < 0 && r >= 1 &&
            r <= 5 && report.origin_count == 0) {
            report.add_origin({e->insn, OriginKind::Destroyed});
            return;
        }
        bool is_lost = !is_followed ? false
                       : slot >= 0  ? ((e->spoiled_slots >> slot) & 1) != 0
                                    : ((e->spoils >> r) & 1) != 0;
        if (is_lost || (end >= 0 && ((e->spoils >> end) & 1) != 0)) {
            report.add_origin(
                {e->insn, e->releases ? OriginKind::Released : OriginKind::Invalidated});
            end = -1;
            continue;
        }
        if (!is_followed) {
            continue;
        }
        if (e->compares_no_end && report.problem == Problem::OutOfBounds &&
            report.origin_count == 0) {
            report.add_origin({e->insn, OriginKind::NotTheEnd});
            end = e->kind == Kind::Packet || e->kind == Kind::PacketMeta ? insn.src() : insn.dst();
            continue;
        }
        if (slot >= 0) {
            if (frame_slot(insn) != slot || insn.insn_class() == kClassLdx) {
                continue;
            }
            report.add_origin({e->insn, OriginKind::Stored});
            is_followed = insn.insn_class() == kClassStx;
            r = insn.src();
            slot = -1;
            continue;
        }
        if (e->reg != r) {
            continue;
        }
        for (u32 i = 0; i < report.origin_count; i++) {
            if (report.origins[i].insn == e->insn) {  // the rounds of a loop: one tells of all
                report.add_origin({e->insn, OriginKind::Repeated});
                return;
            }
        }
        Origin o{e->insn, e->is_comparison ? OriginKind::Compared : OriginKind::Computed,
                 e->kind, e->umin,
                 e->umax, e->smin,
                 e->smax};
        u8 c = insn.insn_class();
        bool is_alu = c == kClassAlu || c == kClassAlu64;
        bool is_move = is_alu && insn.op() == kMov;
        bool is_addition = is_alu && insn.op() == kAdd && e->kind != Kind::Scalar;
        o.kind = e->is_comparison ? OriginKind::Compared
                 : is_move        ? OriginKind::Moved
                 : c == kClassLdx ? OriginKind::Loaded
                 : is_call        ? OriginKind::Returned
                                  : OriginKind::Computed;
        report.add_origin(o);
        if (e->is_comparison) {
            continue;
        }
        slot = c == kClassLdx ? frame_slot(insn) : -1;
        if ((c == kClassLdx && slot < 0) || (is_move && !insn.uses_register_source()) ||
            (!is_alu && c != kClassLdx)) {
            is_followed = false;
            continue;
        }
        if (insn.uses_register_source() && (is_move || is_addition)) {
            r = insn.src();  // of a pointer that was moved, what was added to it is what matters
        }
    }
}

// The way that the path took, back to `since` (kNoInsn: the beginning).
void Analysis::explain_path(Report& report, const Trace& trace, u32 since) {
    for (u64 back = 1;; back++) {
        const TraceEntry* e = trace.before_end(back);
        if (e == nullptr) {
            return;
        }
        if (e->insn == since) {
            report.origin_count -= report.origin_count == kMaxOrigins ? 1 : 0;
            report.add_origin({e->insn, OriginKind::Acquired});
            return;
        }
        bool is_new = e->is_comparison;
        for (u32 i = 0; i < report.origin_count; i++) {
            is_new = is_new && report.origins[i].insn != e->insn;
        }
        if (is_new) {
            Origin o{e->insn, OriginKind::Branched};
            o.umin = o.umax = e->is_jump ? 1 : 0;
            report.add_origin(o);
        }
        if (since == kNoInsn && report.origin_count == kMaxBranches) {
            return;
        }
    }
}

// A pointer that was one until a call took it away is not just "a number".
void Analysis::tell_loss(Report& report) {
    for (u32 i = 0; i + 1 < report.origin_count; i++) {
        OriginKind kind = report.origins[i].kind;
        bool is_use =
            report.problem == Problem::BadRegisterUse || report.problem == Problem::BadArgument;
        if (!is_use || (kind != OriginKind::Released && kind != OriginKind::Invalidated)) {
            continue;
        }
        TextWriter out(report.text);
        out << "r" << report.register_number << " pointed to "
            << kind_name(report.origins[i + 1].value) << " until the call at instruction "
            << report.origins[i].insn
            << (kind == OriginKind::Released
                    ? " gave it up or closed the section in which it was valid"
                    : ", which may move the packet")
            << "; since then it may not be used";
        report.text_length = static_cast<u32>(out.text().size());
        return;
    }
}

void Analysis::explain(const Analysis& failed, Report& report) {
    std::span<TraceEntry> ring = arena_.make_array<TraceEntry>(kTraceLength);
    if (ring.empty()) {
        return;
    }
    Trace trace(ring);
    trace_ = &trace;
    for (u32 f = 0; f < failed.state_->frame_count; f++) {
        if (failed.state_->frames[f]->is_async) {
            return;  // a callback of its own: it has no path from the beginning
        }
    }
    bool arrived = replay(failed.state_->history, failed.root_subprogram_, report.insn,
                          failed.report_.statistics.insns_processed);
    if (arrived) {
        root_subprogram_ = failed.root_subprogram_;
        if (report.origin_insn != kNoInsn) {
            explain_path(report, trace, report.origin_insn);
        } else {
            explain_origin(report, trace, static_cast<unsigned>(report.register_number));
            tell_loss(report);
            if (report.problem == Problem::UnreadableRegister && report.origin_count == 0) {
                explain_path(report, trace, kNoInsn);
            }
        }
        if (report.origin_count > 0) {
            report.origin_insn = report.origins[report.origin_count - 1].insn;
        }
    }
}

}  // namespace gyre::bpf
