// SPDX-License-Identifier: MIT
//
// What holds of subprograms as wholes: what they are and do, before any path is walked, and how deep
// their stacks nest, after all were. Calls themselves are in call.cpp.
#include "lib/bpf/analysis.h"
#include "lib/bpf/helper_ids.h"
#include "lib/bpf/kfunc.h"

namespace gyre::bpf {

// What the types say of subprograms, what calls do transitively, and where comparison is forced.
void Analysis::prepare_subprograms() {
    for (Subprogram& sub : flow_.subprograms) {
        if (program_.btf != nullptr && sub.type_id != 0) {
            BtfType t = program_.btf->type(sub.type_id);
            sub.is_global = t.kind() == BtfKind::Function && t.count() == 1;
            sub.returns_void = program_.btf->type(t.size_or_type).size_or_type == 0;
        }
    }
    for (u32 i = 0; i < program_.insns.size(); i++) {
        const Insn& insn = program_.insns[i];
        if (flow_.flags[i] & kSecondHalf) {
            continue;
        }
        Subprogram& sub = flow_.subprograms[flow_.subprogram_of[i]];
        bool is_call = insn.code == (kClassJmp | kCall);
        has_stack_objects_ = has_stack_objects_ || (is_call && insn.src() == kCallKfunc);
        if (is_call && insn.src() == kCallHelper) {
            u32 id = static_cast<u32>(insn.imm);
            if (helper::takes_callback(id)) {
                flow_.flags[i] |= kCheckpoint | kForced;
            }
            sub.has_tail_call = sub.has_tail_call || id == helper::kTailCall;
            const HelperPrototype* h =
                find_helper(environment_, rules_->helpers, id, program_.is_sleepable);
            for (u32 k = 0; h != nullptr && k < 5; k++) {
                has_stack_objects_ =
                    has_stack_objects_ || h->arguments[k].kind == ArgumentKind::Dynptr;
            }
            sub.might_sleep = sub.might_sleep || (h != nullptr && (h->properties & kMaySleep));
            // Writing to a dynptr of a socket buffer may move the buffer.
            sub.changes_packets = sub.changes_packets || helper_changes_packets(id) ||
                                  id == helper::kDynptrWrite;
        } else if (is_call && insn.src() == kCallKfunc) {
            KfuncTraits traits = kfunc_traits(environment_.kernel_btf, static_cast<u32>(insn.imm),
                                              environment_.target.version);
            if (traits.is_iterator_next || traits.takes_callback) {
                flow_.flags[i] |= kCheckpoint | kForced;
            }
            sub.might_sleep = sub.might_sleep || traits.may_sleep;
            sub.changes_packets = sub.changes_packets || traits.changes_packets;
            sub.throws = sub.throws || traits.throws;
        } else if (insn.code == (kClassJmp | kJcond)) {
            flow_.flags[i] |= kCheckpoint | kForced;
        }
    }
    for (u8 flags : flow_.flags) {
        has_forced_ = has_forced_ || (flags & kForced) != 0;
    }
    bool changed = true;
    while (changed) {
        changed = false;
        for (u32 i = 0; i < program_.insns.size(); i++) {
            const Insn& insn = program_.insns[i];
            if ((flow_.flags[i] & kSecondHalf) || !is_subprogram_call(insn)) {
                continue;
            }
            Subprogram& sub = flow_.subprograms[flow_.subprogram_of[i]];
            const Subprogram& callee = flow_.subprograms[flow_.find_subprogram(
                i + 1 + static_cast<u32>(insn.imm))];
            bool sleeps = sub.might_sleep || callee.might_sleep;
            bool packets = sub.changes_packets || callee.changes_packets;
            bool throws = sub.throws || callee.throws;
            changed = changed || sleeps != sub.might_sleep || packets != sub.changes_packets ||
                      throws != sub.throws;
            sub.might_sleep = sleeps;
            sub.changes_packets = packets;
            sub.throws = throws;
        }
    }
}

// The deepest chain of calls must fit the stack (Linux: check_max_stack_depth).
bool Analysis::check_stack_depth() {
    struct Level {
        u32 subprogram;
        u32 next_insn;
        u32 depth_before;
    };
    bool is_private = environment_.target.version >= 612 &&  // 6.12.y has it, too
                      (program_.type == ProgramType::Kprobe ||
                       program_.type == ProgramType::Tracepoint ||
                       program_.type == ProgramType::PerfEvent ||
                       program_.type == ProgramType::RawTracepoint);
    auto rounded = [&](u32 depth) {
        u32 unit = environment_.target.stack_rounding;
        if (unit == 32 && depth == 0) {
            depth = 1;
        }
        return (depth + unit - 1) / unit * unit;
    };
    for (u32 root = 0; root < flow_.subprograms.size(); root++) {
        if (root != 0 && root != flow_.exception_callback &&
            !flow_.subprograms[root].is_async_callback) {
            continue;
        }
        Level levels[kMaxFrames + 1];
        u32 n = 0;
        u32 depth = 0;
        levels[n++] = {root, flow_.subprograms[root].begin, 0};
        depth = rounded(flow_.subprograms[root].stack_depth);
        if (depth > kStackBytes) {
            return fail(Problem::StackTooDeep, -1, "the stack needs ", depth, " of 512 bytes");
        }
        u64 steps = 0;
        while (n > 0) {
            Level& level = levels[n - 1];
            const Subprogram& sub = flow_.subprograms[level.subprogram];
            if (level.next_insn >= sub.end) {
                depth = level.depth_before;
                n--;
                continue;
            }
            u32 at = level.next_insn++;
            if (++steps > 4 * u64{kMaxProgramInsns}) {
                return fail(Problem::TooComplex, -1, "the call graph is too large");
            }
            const Insn& insn = program_.insns[at];
            if ((flow_.flags[at] & kSecondHalf) ||
                !(is_subprogram_call(insn) || is_function_reference(insn))) {
                continue;
            }
            u32 next = flow_.find_subprogram(at + 1 + static_cast<u32>(insn.imm));
            const Subprogram& callee = flow_.subprograms[next];
            if (is_function_reference(insn) && callee.is_async_callback) {
                continue;
            }
            if (n >= kMaxFrames) {
                return fail(Problem::TooManyFrames, -1, "calls nest deeper than ", kMaxFrames,
                            " frames");
            }
            if (callee.has_tail_call && depth >= 256) {
                return fail(Problem::StackTooDeep, -1,
                            "a tail call is made below ", depth, " bytes of stack; 256 is the most");
            }
            levels[n] = {next, callee.begin, depth};
            n++;
            u32 own = rounded(callee.stack_depth);
            depth += own;
            if (is_private ? own > kStackBytes : depth > kStackBytes) {
                report_.insn = callee.begin;
                return fail(Problem::StackTooDeep, -1, "the calls need ", depth,
                            " bytes of stack; 512 is the most");
            }
        }
    }
    return true;
}

}  // namespace gyre::bpf
