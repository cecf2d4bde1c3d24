// SPDX-License-Identifier: MIT
//
// See follow.h.
#include "lib/bpf/follow.h"

#include "lib/bpf/analysis.h"

namespace gyre::bpf {

bool may_be(const Scalar& claim, u64 value) {
    s64 number = static_cast<s64>(value);
    u32 half = static_cast<u32>(value);
    s32 half_number = static_cast<s32>(half);
    return (value & ~claim.bits.mask) == claim.bits.value && value >= claim.umin &&
           value <= claim.umax && number >= claim.smin && number <= claim.smax &&
           half >= claim.half_umin && half <= claim.half_umax && half_number >= claim.half_smin &&
           half_number <= claim.half_smax;
}

PathFollower::PathFollower(const Program& program, const Environment& environment, Arena& arena,
                           Report& report)
    : program_(program), arena_(arena), report_(report) {
    analysis_ = arena.make<Analysis>(program, environment, arena, limits_, report, std::span<u32>());
}

bool PathFollower::begin() {
    if (analysis_ == nullptr) {
        return false;
    }
    Analysis& a = *analysis_;
    a.walk_every_round();
    a.rules_ = &a.environment_.rules[static_cast<u32>(program_.type)];
    if (!build_control_flow(a.program_, a.environment_, arena_, a.flow_, report_) ||
        !a.demand_.prepare(a.program_, a.flow_, arena_)) {
        return false;
    }
    a.prepare_subprograms();
    for (u8& flags : a.flow_.flags) {
        flags &= static_cast<u8>(~kCheckpoint);
    }
    a.state_ = arena_.make<State>();
    if (a.state_ == nullptr) {
        return false;
    }
    a.state_->insn = 0;
    a.state_->may_sleep = program_.is_sleepable;
    return a.push_frame(0, Frame::kNoCall) && a.prepare_main(*a.state_);
}

u32 PathFollower::at() const { return analysis_->state_->insn; }
u32 PathFollower::depth() const { return analysis_->state_->frame_count - 1u; }
const Reg& PathFollower::reg(unsigned number) const { return analysis_->top().regs[number]; }

FollowOutcome PathFollower::follow(u32 next, u32 depth) {
    Analysis& a = *analysis_;
    bool path_ended = false;
    if (!a.step(path_ended)) {
        bool is_limit = report_.problem == Problem::TooComplex ||
                        report_.problem == Problem::OutOfMemory || arena_.is_exhausted();
        return is_limit ? FollowOutcome::Unknown : FollowOutcome::Refused;
    }
    State* mine = nullptr;
    u32 found = 0;
    auto consider = [&](State* s) {
        if (s->insn == next && s->frame_count == depth + 1) {
            found++;
            if (mine == nullptr) {
                mine = s;
                return;
            }
        }
        a.release_state(s);
    };
    if (!path_ended) {
        consider(a.state_);
    }
    while (a.pending_ != nullptr) {
        consider(a.pop_pending());
    }
    if (path_ended && mine == nullptr) {
        return FollowOutcome::Ended;
    }
    if (mine == nullptr) {
        return FollowOutcome::Unforeseen;
    }
    a.state_ = mine;
    return found == 1 ? FollowOutcome::Fine : FollowOutcome::Unknown;
}

}  // namespace gyre::bpf
