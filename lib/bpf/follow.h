// SPDX-License-Identifier: MIT
//
// What the verifier claims along one path: it is walked beside a run of the program, instruction by
// instruction, and whoever runs it can ask whether each register is what was claimed. For tests of
// soundness (test/bpf/differential_fuzz.cpp). Nothing is compared with other paths, so a fault of the
// pruning does not show here, but in the run itself.
#pragma once

#include "lib/bpf/interpreter.h"
#include "lib/bpf/state.h"
#include "lib/bpf/verifier.h"

namespace gyre::bpf {

class Analysis;

enum class FollowOutcome : u8 {
    Fine,
    Ended,       // the path ends here, as the run does
    Unforeseen,  // the run went where the verifier holds that it cannot
    Refused,     // an instruction that was accepted is refused on this path
    Unknown,     // a limit, or two ways that look alike: nothing can be said
};

class PathFollower {
public:
    // `report` receives what a refusal would say. Everything is borrowed.
    PathFollower(const Program& program, const Environment& environment, Arena& arena,
                 Report& report);
    bool begin();
    u32 at() const;
    u32 depth() const;  // of calls
    const Reg& reg(unsigned number) const;
    // The run executed the instruction at() and is now at `next`, in `depth` calls.
    FollowOutcome follow(u32 next, u32 depth);

private:
    const Program& program_;
    Arena& arena_;
    Limits limits_;
    Report& report_;
    Analysis* analysis_ = nullptr;
};

// May the number stand where the verifier claims `claim`?
bool may_be(const Scalar& claim, u64 value);

}  // namespace gyre::bpf
