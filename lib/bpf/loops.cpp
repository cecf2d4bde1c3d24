// SPDX-License-Identifier: MIT
//
// The nest of loops: for each instruction the innermost loop around it, for each loop the one
// around it (Havlak, "Nesting of reducible and irreducible loops", 1997, for the reducible part).
// Of a loop that is entered elsewhere than at its head a part may be missing; no verdict rests on
// this, only the order in which paths are walked and where it is worth while to generalize.
#include "lib/bpf/cfg.h"

namespace gyre::bpf {

bool ControlFlow::is_in_loop(u32 insn, u32 head) const {
    for (u32 l = loop[insn]; l != kNoInsn; l = outer[l]) {
        if (l == head) {
            return true;
        }
    }
    return false;
}

bool find_loops(ControlFlow& flow, Arena& arena) {
    u32 count = static_cast<u32>(flow.flags.size());
    flow.loop = arena.make_array<u32>(count);
    flow.outer = arena.make_array<u32>(count);
    std::span<u32> merged = arena.make_array<u32>(count);  // into which head's loop, so far
    std::span<u32> work = arena.make_array<u32>(count + 1);
    std::span<u32> heads = arena.make_array<u32>(count + 1);
    if (flow.loop.empty() || flow.outer.empty() || merged.empty() || work.empty() ||
        heads.empty()) {
        return false;
    }
    u32 head_count = 0;
    for (u32 i = 0; i < count; i++) {
        flow.loop[i] = flow.outer[i] = kNoInsn;
        merged[i] = i;
        if (flow.flags[i] & kLoopHead) {
            flow.loop[i] = i;
            // Heads by the order in which they were reached: inner ones come later.
            u32 at = head_count++;
            while (at > 0 && flow.preorder[heads[at - 1]] > flow.preorder[i]) {
                heads[at] = heads[at - 1];
                at--;
            }
            heads[at] = i;
        }
    }
    auto find = [&](u32 i) {
        while (merged[i] != i) {
            merged[i] = merged[merged[i]];
            i = merged[i];
        }
        return i;
    };
    while (head_count > 0) {
        u32 head = heads[--head_count];
        u32 pending = 0;
        auto visit = [&](u32 before) {
            u32 part = find(before);
            bool is_inside = flow.preorder[before] >= flow.preorder[head] &&
                             flow.preorder[before] <= flow.last_below[head];
            if (part != head && is_inside) {
                merged[part] = head;
                if (flow.loop[part] == part) {
                    flow.outer[part] = head;
                } else {
                    flow.loop[part] = head;
                }
                work[pending++] = part;
            }
        };
        for (u32 k = flow.first_before[head]; k < flow.first_before[head + 1]; k++) {
            visit(flow.before[k]);
        }
        while (pending > 0) {
            u32 at = work[--pending];
            for (u32 k = flow.first_before[at]; k < flow.first_before[at + 1]; k++) {
                visit(flow.before[k]);
            }
        }
    }
    return true;
}

}  // namespace gyre::bpf
