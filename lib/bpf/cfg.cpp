// SPDX-License-Identifier: MIT
//
// Finds subprograms and checks the shape of a program: every jump stays in its subprogram and hits
// the start of an instruction, every instruction is reachable, no subprogram falls off its end.
#include "lib/bpf/cfg.h"

#include "lib/bpf/liveness.h"
#include "lib/bpf/text.h"

namespace gyre::bpf {
namespace {

bool refuse(Report& report, Problem problem, u32 insn, std::string_view text) {
    report.problem = problem;
    report.insn = insn;
    TextWriter out(report.text);
    out << text;
    report.text_length = static_cast<u32>(out.text().size());
    return false;
}

bool is_jump(const Insn& insn) {
    u8 c = insn.insn_class();
    return (c == kClassJmp || c == kClassJmp32) && insn.op() != kCall && insn.op() != kExit;
}

s64 jump_target(const Insn& insn, u32 at) {
    s64 distance = insn.code == (kClassJmp32 | kJa) ? insn.imm : insn.off;
    return static_cast<s64>(at) + 1 + distance;
}

bool add_subprogram(std::span<u8> flags, u32 count, s64 target) {
    if (target < 0 || target >= static_cast<s64>(count)) {
        return false;
    }
    flags[static_cast<u32>(target)] |= kSubprogramBegin;
    return true;
}

bool mark_second_halves(const Program& program, std::span<u8> flags, Report& report) {
    u32 count = static_cast<u32>(program.insns.size());
    for (u32 i = 0; i < count; i++) {
        if (!is_ld_imm64(program.insns[i])) {
            continue;
        }
        const Insn& first = program.insns[i];
        if (i + 1 >= count || program.insns[i + 1].code != 0 ||
            program.insns[i + 1].registers != 0 || program.insns[i + 1].off != 0 ||
            first.off != 0) {
            return refuse(report, Problem::BadEncoding, i,
                          "a 64-bit immediate lacks its second half or sets reserved fields");
        }
        flags[++i] |= kSecondHalf;
    }
    return true;
}

bool find_subprograms(const Program& program, Arena& arena, ControlFlow& flow, Report& report) {
    u32 count = static_cast<u32>(program.insns.size());
    flow.flags[0] |= kSubprogramBegin;
    for (u32 i = 0; i < count; i++) {
        const Insn& insn = program.insns[i];
        if (flow.flags[i] & kSecondHalf) {
            continue;
        }
        bool is_call = is_subprogram_call(insn);
        if ((is_call || is_function_reference(insn)) &&
            !add_subprogram(flow.flags, count, static_cast<s64>(i) + 1 + insn.imm)) {
            return refuse(report, Problem::BadControlFlow, i, "a call leaves the program");
        }
    }
    u32 callback = 0;  // an exception callback is declared, not called
    if (const char* why = find_exception_callback(program, callback)) {
        return refuse(report, Problem::BadType, kNoInsn, why);
    }
    if (callback != 0 && !add_subprogram(flow.flags, count, callback)) {
        return refuse(report, Problem::BadType, kNoInsn, "a function begins past the program");
    }
    for (const FunctionInfo& f : program.functions) {
        if (f.insn >= count) {
            return refuse(report, Problem::BadType, kNoInsn, "a function begins past the program");
        }
    }
    u32 subprograms = 0;
    for (u32 i = 0; i < count; i++) {
        subprograms += (flow.flags[i] & kSubprogramBegin) != 0;
    }
    if (subprograms > kMaxSubprograms) {
        return refuse(report, Problem::TooComplex, kNoInsn, "more than 256 subprograms");
    }
    flow.subprograms = arena.make_array<Subprogram>(subprograms);
    if (flow.subprograms.size() != subprograms) {
        return refuse(report, Problem::OutOfMemory, kNoInsn, "no memory for the subprograms");
    }
    u32 n = 0;
    for (u32 i = 0; i < count; i++) {
        if (flow.flags[i] & kSubprogramBegin) {
            if (flow.flags[i] & kSecondHalf) {
                return refuse(report, Problem::BadControlFlow, i,
                              "a call enters the middle of an instruction");
            }
            if (n > 0) {
                flow.subprograms[n - 1].end = i;
            }
            flow.subprograms[n++].begin = i;
        }
        flow.subprogram_of[i] = static_cast<u16>(n - 1);
    }
    flow.subprograms[n - 1].end = count;
    for (const FunctionInfo& f : program.functions) {
        u32 s = flow.find_subprogram(f.insn);
        if (s != kNoInsn) {
            flow.subprograms[s].type_id = f.type_id;
        }
    }
    if (callback != 0) {
        flow.exception_callback = flow.find_subprogram(callback);
        flow.subprograms[flow.exception_callback].is_callback = true;
    }
    return true;
}

bool check_jumps(const Program& program, const ControlFlow& flow, Report& report) {
    for (u32 i = 0; i < program.insns.size(); i++) {
        const Insn& insn = program.insns[i];
        if (flow.flags[i] & kSecondHalf) {
            continue;
        }
        const Subprogram& sub = flow.subprograms[flow.subprogram_of[i]];
        if (is_jump(insn)) {
            s64 target = jump_target(insn, i);
            if (target < sub.begin || target >= sub.end) {
                return refuse(report, Problem::BadControlFlow, i, "a jump leaves its subprogram");
            }
            if (flow.flags[static_cast<u32>(target)] & kSecondHalf) {
                return refuse(report, Problem::BadControlFlow, i,
                              "a jump enters the middle of an instruction");
            }
        }
        bool ends_path = insn.code == (kClassJmp | kExit) || insn.code == (kClassJmp | kJa) ||
                         insn.code == (kClassJmp32 | kJa);
        u32 next = i + (is_ld_imm64(insn) ? 2 : 1);
        if (next >= sub.end && !ends_path) {  // a call that does not come back is not known as such
            return refuse(report, Problem::BadControlFlow, i,
                          "the last instruction of a subprogram is no exit and no jump");
        }
    }
    return true;
}

// Depth-first search over instructions; back edges make loop heads.
bool reach(const Program& program, Arena& arena, ControlFlow& flow, Report& report) {
    u32 count = static_cast<u32>(program.insns.size());
    std::span<u32> stack = arena.make_array<u32>(count + 1);
    std::span<u8> next_edge = arena.make_array<u8>(count);
    std::span<u8> color = arena.make_array<u8>(count);
    if (stack.empty() || next_edge.size() != count || color.size() != count) {
        return refuse(report, Problem::OutOfMemory, kNoInsn, "no memory for control flow");
    }
    constexpr u8 kOpen = 1, kClosed = 2;
    u32 order = 0;
    u32 rank = count;
    for (u32 s = 0; s < flow.subprograms.size(); s++) {
        u32 depth = 0;
        stack[depth++] = flow.subprograms[s].begin;
        color[flow.subprograms[s].begin] = kOpen;
        flow.preorder[flow.subprograms[s].begin] = ++order;
        while (depth > 0) {
            u32 at = stack[depth - 1];
            Successors next = successors(program.insns, at);
            if (next_edge[at] >= next.count) {
                color[at] = kClosed;
                flow.last_below[at] = order;
                flow.rank[at] = --rank;
                depth--;
                continue;
            }
            u32 to = next.insn[next_edge[at]++];
            if (to >= flow.subprograms[s].end) {
                continue;  // behind a call that never returns
            }
            if (color[to] == 0) {
                color[to] = kOpen;
                flow.preorder[to] = ++order;
                stack[depth++] = to;
            } else if (color[to] == kOpen) {
                flow.flags[to] |= kLoopHead | kJoin;
            } else {
                flow.flags[to] |= kJoin;
            }
        }
    }
    for (u32 i = 0; i < count; i++) {
        if (color[i] != 0) {
            flow.flags[i] |= kReached;
        } else if (!(flow.flags[i] & kSecondHalf)) {
            return refuse(report, Problem::BadControlFlow, i, "an instruction is unreachable");
        }
    }
    arena.release(color.data(), count);
    return true;
}

bool list_predecessors(const Program& program, Arena& arena, ControlFlow& flow, Report& report) {
    u32 count = static_cast<u32>(program.insns.size());
    flow.first_before = arena.make_array<u32>(count + 2);
    if (flow.first_before.empty()) {
        return refuse(report, Problem::OutOfMemory, kNoInsn, "no memory for control flow");
    }
    u32 edges = 0;
    auto each_edge = [&](auto&& visit) {
        for (u32 i = 0; i < count; i++) {
            if (flow.flags[i] & kSecondHalf) {
                continue;
            }
            Successors next = successors(program.insns, i);
            for (u32 k = 0; k < next.count; k++) {
                if (next.insn[k] < count) {
                    visit(i, next.insn[k]);
                }
            }
        }
    };
    each_edge([&](u32, u32 to) {
        flow.first_before[to + 2]++;
        edges++;
    });
    for (u32 i = 2; i < count + 2; i++) {
        flow.first_before[i] += flow.first_before[i - 1];
    }
    flow.before = arena.make_array<u32>(edges + 1);
    if (flow.before.empty()) {
        return refuse(report, Problem::OutOfMemory, kNoInsn, "no memory for control flow");
    }
    each_edge([&](u32 from, u32 to) { flow.before[flow.first_before[to + 1]++] = from; });
    return true;
}

// Every subprogram but the first must be called or taken as a callback from reached code.
bool check_called(const Program& program, ControlFlow& flow, Report& report) {
    flow.subprograms[0].is_called = true;
    flow.subprograms[flow.exception_callback].is_called = true;
    bool changed = true;
    while (changed) {
        changed = false;
        for (u32 s = 0; s < flow.subprograms.size(); s++) {
            if (!flow.subprograms[s].is_called) {
                continue;
            }
            for (u32 i = flow.subprograms[s].begin; i < flow.subprograms[s].end; i++) {
                const Insn& insn = program.insns[i];
                if ((flow.flags[i] & kSecondHalf) ||
                    !(is_subprogram_call(insn) || is_function_reference(insn))) {
                    continue;
                }
                u32 target = flow.find_subprogram(i + 1 + static_cast<u32>(insn.imm));
                Subprogram& callee = flow.subprograms[target];
                if (is_function_reference(insn)) {
                    callee.is_callback = true;
                }
                changed |= !callee.is_called;
                callee.is_called = true;
            }
        }
    }
    for (const Subprogram& s : flow.subprograms) {
        if (!s.is_called) {
            return refuse(report, Problem::BadControlFlow, s.begin,
                          "an instruction is unreachable: nobody calls its subprogram");
        }
    }
    return true;
}

}  // namespace

u32 ControlFlow::find_subprogram(u32 begin) const {
    u32 low = 0;
    u32 high = static_cast<u32>(subprograms.size());
    while (low < high) {
        u32 middle = (low + high) / 2;
        if (subprograms[middle].begin == begin) {
            return middle;
        }
        if (subprograms[middle].begin < begin) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return kNoInsn;
}

Successors successors(std::span<const Insn> insns, u32 at) {
    const Insn& insn = insns[at];
    u8 c = insn.insn_class();
    if (is_ld_imm64(insn)) {
        return {1, {at + 2, 0}};
    }
    if (c != kClassJmp && c != kClassJmp32) {
        return {1, {at + 1, 0}};
    }
    switch (insn.op()) {
        case kExit: return {};
        case kCall: return {1, {at + 1, 0}};
        case kJa: return {1, {static_cast<u32>(jump_target(insn, at)), 0}};
        default: return {2, {at + 1, static_cast<u32>(jump_target(insn, at))}};
    }
}

bool build_control_flow(const Program& program, const Environment& environment, Arena& arena,
                        ControlFlow& flow, Report& report) {
    size_t count = program.insns.size();
    if (count == 0 || count > kMaxProgramInsns) {
        return refuse(report, Problem::BadEncoding, kNoInsn, "the program is empty or too long");
    }
    flow.flags = arena.make_array<u8>(count);
    flow.subprogram_of = arena.make_array<u16>(count);
    flow.live = arena.make_array<u16>(count + 1);
    flow.preorder = arena.make_array<u32>(count);
    flow.last_below = arena.make_array<u32>(count);
    flow.rank = arena.make_array<u32>(count);
    if (flow.flags.empty() || flow.subprogram_of.empty() || flow.live.empty() ||
        flow.preorder.empty() || flow.last_below.empty() || flow.rank.empty()) {
        return refuse(report, Problem::OutOfMemory, kNoInsn, "no memory for control flow");
    }
    if (!mark_second_halves(program, flow.flags, report) ||
        !find_subprograms(program, arena, flow, report) ||
        !check_jumps(program, flow, report) || !reach(program, arena, flow, report) ||
        !check_called(program, flow, report) ||
        !list_predecessors(program, arena, flow, report)) {
        return false;
    }
    if (!find_loops(flow, arena)) {
        return refuse(report, Problem::OutOfMemory, kNoInsn, "no memory for control flow");
    }
    for (u32 i = 0; i < count; i++) {
        if (flow.flags[i] & (kJoin | kLoopHead | kSubprogramBegin)) {
            flow.flags[i] |= kCheckpoint;
        }
    }
    compute_live_registers(program, environment, flow);
    return true;
}

}  // namespace gyre::bpf
