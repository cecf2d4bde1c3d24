// SPDX-License-Identifier: MIT
//
// Calls of kernel functions. Arguments and results come from the kernel's BTF.
#include "lib/bpf/kfunc.h"

#include "lib/bpf/analysis.h"

namespace gyre::bpf {

KfuncTraits kfunc_traits(const Btf* btf, u32 function_id) {
    KfuncTraits t;
    if (btf == nullptr || btf->type(function_id).kind() != BtfKind::Function) {
        return t;
    }
    return t;
}

bool Analysis::call_kfunc(const Insn&, bool&) {
    return fail(Problem::NotSupported, -1, "calls of kernel functions are not supported yet");
}

std::span<const SpecialField> Analysis::object_fields(u32) { return {}; }

bool Analysis::step_may_goto(const Insn& insn) {
    if (insn.code != (kClassJmp | kJcond) || insn.src() != 0 || insn.imm != 0 || insn.dst() != 0) {
        return fail(Problem::BadEncoding, -1, "a may_goto sets reserved fields");
    }
    State* taken = fork(successors(program_.insns, state_->insn).insn[1], true);
    if (taken == nullptr) {
        return false;
    }
    state_->may_goto_depth++;
    if (!widen_at(state_->insn)) {
        return false;
    }
    state_->insn++;
    return true;
}

}  // namespace gyre::bpf
