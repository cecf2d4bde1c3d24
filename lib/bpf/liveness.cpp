// SPDX-License-Identifier: MIT
//
// Live registers by backward iteration to a fixpoint, across calls of subprograms.
#include "lib/bpf/liveness.h"

namespace gyre::bpf {
namespace {

constexpr u16 bit(unsigned r) { return static_cast<u16>(1u << r); }

u16 first_arguments(u32 count) {
    return count >= 5 ? kArguments : static_cast<u16>(((1u << count) - 1) << 1);
}

RegisterUse call_use(const Program& program, const Environment& environment,
                     const ControlFlow& flow, u32 at) {
    const Insn& insn = program.insns[at];
    RegisterUse use{kArguments, kCallerSaved};
    if (insn.src() == kCallSubprogram) {
        u32 target = flow.find_subprogram(at + 1 + static_cast<u32>(insn.imm));
        if (target != kNoInsn) {
            use.reads = flow.live[flow.subprograms[target].begin] & kArguments;
            if (flow.subprograms[target].type_id != 0) {
                use.reads = kArguments;  // a global function's arguments are checked by their types
            }
        }
    } else if (insn.src() == kCallHelper) {
        const HelperPrototype* helper = nullptr;
        u32 type = static_cast<u32>(program.type);
        if (type < environment.rules.size()) {
            helper = find_helper(environment, environment.rules[type].helpers,
                                 static_cast<u32>(insn.imm), false);
        }
        if (helper != nullptr) {
            u32 count = 0;
            while (count < 5 && helper->arguments[count].kind != ArgumentKind::None) {
                count++;
            }
            // Printing helpers and iterators over memory read what their arguments say, no more.
            use.reads = first_arguments(count);
        }
    } else if (insn.src() == kCallKfunc && environment.kernel_btf != nullptr) {
        const Btf& btf = *environment.kernel_btf;
        u32 prototype = btf.type(static_cast<u32>(insn.imm)).size_or_type;
        if (btf.type(prototype).kind() == BtfKind::FunctionPrototype) {
            use.reads = first_arguments(btf.type(prototype).count());
        }
    }
    return use;
}

}  // namespace

RegisterUse register_use(const Program& program, const Environment& environment,
                         const ControlFlow& flow, u32 at) {
    const Insn& insn = program.insns[at];
    unsigned dst = insn.dst();
    unsigned src = insn.src();
    u16 source = insn.uses_register_source() ? bit(src) : 0;
    switch (insn.insn_class()) {
        case kClassLd:
            if (is_ld_imm64(insn)) {
                return {0, bit(dst)};
            }
            // Legacy packet loads read the context in r6 (and an index) and write r0.
            return {static_cast<u16>(bit(6) | (insn.mode() == kModeInd ? bit(src) : 0)),
                    kCallerSaved};
        case kClassLdx: return {bit(src), bit(dst)};
        case kClassSt: return {bit(dst), 0};
        case kClassStx:
            if (insn.mode() == kModeAtomic) {
                u16 reads = static_cast<u16>(bit(dst) | bit(src));
                u16 writes = 0;
                if (insn.imm == kAtomicCmpXchg) {
                    return {static_cast<u16>(reads | bit(0)), bit(0)};
                }
                if (insn.imm == kAtomicLoadAcquire) {
                    return {bit(src), bit(dst)};
                }
                if (insn.imm & kAtomicFetch) {
                    writes = bit(src);
                }
                return {reads, writes};
            }
            return {static_cast<u16>(bit(dst) | bit(src)), 0};
        case kClassAlu:
        case kClassAlu64:
            if (insn.op() == kMov) {
                return {source, bit(dst)};
            }
            if (insn.op() == kEnd || insn.op() == kNeg) {
                return {bit(dst), bit(dst)};
            }
            return {static_cast<u16>(source | bit(dst)), bit(dst)};
        default:
            switch (insn.op()) {
                case kJa:
                case kJcond: return {};
                case kExit: return {bit(0), 0};
                case kCall: return call_use(program, environment, flow, at);
                default: return {static_cast<u16>(source | bit(dst)), 0};
            }
    }
}

void compute_live_registers(const Program& program, const Environment& environment,
                            ControlFlow& flow) {
    u32 count = static_cast<u32>(program.insns.size());
    bool changed = true;
    while (changed) {
        changed = false;
        for (u32 i = count; i-- > 0;) {
            if (flow.flags[i] & kSecondHalf) {
                continue;
            }
            RegisterUse use = register_use(program, environment, flow, i);
            Successors next = successors(program.insns, i);
            u16 after = 0;
            for (u32 k = 0; k < next.count; k++) {
                after |= next.insn[k] < count ? flow.live[next.insn[k]] : 0;
            }
            u16 before = static_cast<u16>((after & ~use.writes) | use.reads);
            if (before != flow.live[i]) {
                flow.live[i] = before;
                changed = true;
            }
        }
    }
}

}  // namespace gyre::bpf
