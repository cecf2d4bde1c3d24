// SPDX-License-Identifier: MIT
//
// What is said when the steps run out: which loop has not come to its end, and what it waits for.
// The proof that loops end is in generalize.cpp; nothing here decides a verdict.
#include "lib/bpf/analysis.h"
#include "lib/bpf/disassemble.h"

namespace gyre::bpf {
namespace {

struct LoopText {
    u32 head = 0;
    u32 end = 0;  // the jump back; 0: there is no loop
};

// The smallest loop around a place, in the order of the code.
LoopText loop_around(const Program& program, const ControlFlow& flow, u32 at) {
    for (u32 j = at; j < program.insns.size(); j++) {
        if (flow.flags[j] & kSecondHalf) {
            continue;
        }
        Successors next = successors(program.insns, j);
        for (u32 k = 0; k < next.count; k++) {
            if (next.insn[k] <= at && next.insn[k] <= j) {
                return {next.insn[k], j};
            }
        }
    }
    return {};
}

// A comparison of the loop that leaves it; kNoInsn: none. One with a register is more likely its
// bound.
u32 exit_of(const Program& program, const ControlFlow& flow, const LoopText& loop) {
    u32 found = kNoInsn;
    for (u32 j = loop.head; j <= loop.end; j++) {
        if (flow.flags[j] & kSecondHalf) {
            continue;
        }
        const Insn& insn = program.insns[j];
        Successors next = successors(program.insns, j);
        bool leaves = false;
        for (u32 k = 0; k < next.count; k++) {
            leaves = leaves || next.insn[k] < loop.head || next.insn[k] > loop.end;
        }
        bool is_first = found == kNoInsn;
        if (next.count == 2 && leaves &&
            (is_first ||
             (insn.uses_register_source() && !program.insns[found].uses_register_source()))) {
            found = j;
        }
    }
    return found;
}

void write_range(TextWriter& out, unsigned r, const Reg& v) {
    out << "; r" << static_cast<u32>(r);
    if (!v.is_scalar()) {
        out << " is " << kind_name(v.kind);
    } else if (v.var.is_constant()) {
        out << " is " << static_cast<s64>(v.var.value()) << " by now";
    } else if (v.var.umin == 0 && v.var.umax == ~u64{0}) {
        out << " may be any number";
    } else if (v.var.smin >= 0 || v.var.smax < 0) {
        out << " may be " << v.var.umin << " to " << v.var.umax;
    } else {
        out << " may be " << v.var.smin << " to " << v.var.smax;
    }
}

}  // namespace

bool Analysis::out_of_steps() {
    const u32 at = state_->insn;
    const LoopText loop = loop_around(program_, flow_, at);
    fail(Problem::TooComplex, -1, "more than ", limits_.insns_processed,
         " instructions were followed");
    TextWriter out(std::span(report_.text).subspan(report_.text_length));
    if (loop.end == 0) {
        out << "; nothing is known about the rest";
    } else {
        out << ", and the loop from instruction " << loop.head << " to " << loop.end
            << " has not come to its end";
        const u32 leaves = exit_of(program_, flow_, loop);
        if (leaves != kNoInsn) {
            const Insn& insn = program_.insns[leaves];
            report_.insn = leaves;  // where its source says how long it runs
            out << ". It is left at instruction " << leaves << ": ";
            disassemble(insn, nullptr, leaves, out);
            write_range(out, insn.dst(), top().regs[insn.dst()]);
            if (insn.uses_register_source()) {
                write_range(out, insn.src(), top().regs[insn.src()]);
            }
        }
    }
    report_.text_length += static_cast<u32>(out.text().size());
    return false;
}

}  // namespace gyre::bpf
