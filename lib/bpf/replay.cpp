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
    if (choices.size() != count || !build_control_flow(program_, environment_, arena_, flow_, report_) ||
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
        bool fine = step(path_ended);
        TraceEntry entry{at, frames};
        RegisterUse use = register_use(program_, environment_, flow_, at);
        if (fine && !path_ended && use.writes != 0) {
            unsigned r = program_.insns[at].code == (kClassJmp | kCall)
                             ? 0
                             : static_cast<unsigned>(__builtin_ctz(use.writes));
            if (r < kRegisterCount && state_->frame_count == frames) {
                const Reg& v = top().regs[r];
                entry = {at,         frames,     static_cast<u8>(r), false,     v.kind,
                         v.var.umin, v.var.umax, v.var.smin,         v.var.smax};
            }
        }
        u8 c = program_.insns[at].insn_class();
        bool is_comparison = (c == kClassJmp || c == kClassJmp32) && use.writes == 0 &&
                             use.reads != 0 && program_.insns[at].op() != kExit;
        entry.is_comparison = is_comparison;
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
            TraceEntry seen{at,         frames,     program_.insns[at].dst(),
                            true,       v.kind,     v.var.umin,
                            v.var.umax, v.var.smin, v.var.smax};
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
    u32 packet_mover = kNoInsn;  // the latest call since that made pointers to the packet useless
    while (report.origin_count < kMaxOrigins) {
        const TraceEntry* e = trace.before_end(back++);
        if (e == nullptr) {
            return;
        }
        const Insn& insn = program_.insns[e->insn];
        bool is_helper_call = insn.code == (kClassJmp | kCall) && insn.src() == kCallHelper;
        if (e->frames != frames) {
            bool is_argument = e->frames < frames && slot < 0 && r >= 1 && r <= 5;
            if (is_argument && insn.code == (kClassJmp | kCall) && !is_subprogram_call(insn)) {
                // The round's number, the element: not what the call itself was given.
                report.origins[report.origin_count++] = {e->insn, OriginKind::Handed, {}, 0, 0, 0,
                                                         0};
                return;
            }
            if (is_argument) {
                frames = e->frames;  // goes on in the caller
            }
            continue;
        }
        if (is_helper_call && packet_mover == kNoInsn && report.origin_count == 0 &&
            helper_changes_packets(static_cast<u32>(insn.imm))) {
            packet_mover = e->insn;
        }
        if (slot >= 0) {
            if (frame_slot(insn) != slot || insn.insn_class() == kClassLdx) {
                continue;
            }
            report.origins[report.origin_count++] = {e->insn, OriginKind::Stored, {}, 0, 0, 0, 0};
            if (insn.insn_class() != kClassStx) {
                return;
            }
            r = insn.src();
            slot = -1;
            continue;
        }
        if (e->reg != r) {
            continue;
        }
        bool is_of_packet = e->kind == Kind::Packet || e->kind == Kind::PacketMeta;
        if (packet_mover != kNoInsn && is_of_packet && report.origin_count == 0) {
            report.origins[report.origin_count++] = {
                packet_mover, OriginKind::Invalidated, {}, 0, 0, 0, 0};
        }
        if (e->is_comparison) {
            report.origins[report.origin_count++] = {e->insn, OriginKind::Compared, e->kind,
                                                     e->umin, e->umax, e->smin, e->smax};
            continue;
        }
        Origin& o = report.origins[report.origin_count++];
        o = {e->insn, OriginKind::Computed, e->kind, e->umin, e->umax, e->smin, e->smax};
        u8 c = insn.insn_class();
        bool is_alu = c == kClassAlu || c == kClassAlu64;
        if (is_alu && insn.op() == kMov) {
            o.kind = OriginKind::Moved;
            if (!insn.uses_register_source()) {
                return;
            }
            r = insn.src();
        } else if (c == kClassLdx) {
            o.kind = OriginKind::Loaded;
            slot = frame_slot(insn);
            if (slot < 0) {
                return;
            }
        } else if (insn.code == (kClassJmp | kCall)) {
            o.kind = OriginKind::Returned;
            return;
        } else if (is_alu && insn.uses_register_source() && e->kind != Kind::Scalar &&
                   insn.op() == kAdd) {
            r = insn.src();  // a pointer: what was added to it is what matters
        } else if (!is_alu) {
            return;
        }
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
        explain_origin(report, trace, static_cast<unsigned>(report.register_number));
        if (report.origin_count > 0) {
            report.origin_insn = report.origins[report.origin_count - 1].insn;
        }
    }
}

}  // namespace gyre::bpf
