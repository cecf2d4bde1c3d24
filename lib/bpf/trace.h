// SPDX-License-Identifier: MIT
//
// The path to a refusal, walked once more with a notebook: which instructions it ran through and
// what each left in the register it wrote.
#pragma once

#include <span>

#include "lib/bpf/state.h"

namespace gyre::bpf {

struct TraceEntry {
    u32 insn = 0;
    u8 frames = 0;
    u8 reg = 0xff;  // the register that was written, or 0xff
    bool is_comparison = false;
    bool compares_no_end = false;  // a pointer to the packet with a number
    bool is_jump = false;          // of a comparison: the path jumped
    bool releases = false;         // of a call: a reference or a lock was given back
    u16 spoils = 0;                // of a call: registers that held pointers and do no more
    u64 spoiled_slots = 0;         // the same of slots of the stack
    Kind kind = Kind::Uninitialized;
    u64 umin = 0;
    u64 umax = 0;
    s64 smin = 0;
    s64 smax = 0;

    static TraceEntry of(u32 insn, u8 frames, unsigned r, const Reg& v) {
        TraceEntry e;
        e.insn = insn;
        e.frames = frames;
        e.reg = static_cast<u8>(r);
        e.kind = v.kind;
        e.umin = v.var.umin;
        e.umax = v.var.umax;
        e.smin = v.var.smin;
        e.smax = v.var.smax;
        return e;
    }
};

class Trace {
public:
    explicit Trace(std::span<TraceEntry> ring) : ring_(ring) {}
    void add(const TraceEntry& e) { ring_[count_++ % ring_.size()] = e; }
    void amend(const TraceEntry& e) { ring_[(count_ - 1) % ring_.size()] = e; }
    // Entry `back` steps before the end; 0 is the latest.
    const TraceEntry* before_end(u64 back) const {
        return back >= count_ || back >= ring_.size() ? nullptr
                                                      : &ring_[(count_ - 1 - back) % ring_.size()];
    }

    // It goes back to the beginning of the path.
    bool is_whole() const { return count_ <= ring_.size(); }

private:
    std::span<TraceEntry> ring_;
    u64 count_ = 0;
};

}  // namespace gyre::bpf
