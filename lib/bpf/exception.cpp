// SPDX-License-Identifier: MIT
//
// Exceptions: bpf_throw leaves every frame of the program at once and returns its number, or calls the
// function that the program's declaration names as its exception callback and returns what that
// returns. Nothing is released on the way, so nothing may be held (Linux: check_kfunc_call,
// bpf_find_exception_callback_insn_off, check_max_stack_depth_subprog).
#include "lib/bpf/analysis.h"
#include "lib/bpf/kfunc.h"

namespace gyre::bpf {

const char* find_exception_callback(const Program& program, u32& insn) {
    constexpr std::string_view kTag = "exception_callback:";
    const Btf* btf = program.btf;
    u32 main_type = 0;
    for (const FunctionInfo& f : program.functions) {
        main_type = f.insn == 0 ? f.type_id : main_type;
    }
    insn = 0;
    if (btf == nullptr || main_type == 0) {
        return nullptr;
    }
    std::string_view name;
    for (u32 id = 1; id < btf->type_count(); id++) {
        const BtfType t = btf->type(id);
        if (t.kind() != BtfKind::DeclTag || t.size_or_type != main_type ||
            btf->decl_tag_component(id) != -1 || btf->name(id).substr(0, kTag.size()) != kTag) {
            continue;
        }
        if (!name.empty()) {
            return "the program names several exception callbacks";
        }
        name = btf->name(id).substr(kTag.size());
    }
    if (name.empty()) {
        return nullptr;
    }
    const u32 function = btf->find(name, BtfKind::Function);
    if (function != 0 && btf->type(function).count() != 1) {
        return "the exception callback is not a global function";
    }
    for (const FunctionInfo& f : program.functions) {
        if (function != 0 && f.type_id == function) {
            insn = f.insn;
        }
    }
    return insn != 0 ? nullptr : "the exception callback that is named is no function of the program";
}

// What a callback calls must not throw: the kernel's frames between it and the program would be skipped.
// Asked of the call graph, followed or not.
bool Analysis::check_exceptions() {
    for (u32 i = 0; i < program_.insns.size(); i++) {
        const Insn& insn = program_.insns[i];
        if ((flow_.flags[i] & kSecondHalf) ||
            !(is_subprogram_call(insn) || is_function_reference(insn))) {
            continue;
        }
        const u32 target = flow_.find_subprogram(i + 1 + static_cast<u32>(insn.imm));
        if (is_subprogram_call(insn) && flow_.exception_callback != 0 &&
            target == flow_.exception_callback) {
            fail(Problem::BadHelper, -1, "an exception callback may not be called directly");
            report_.insn = i;
            return false;
        }
    }
    for (const Subprogram& sub : flow_.subprograms) {
        if (sub.is_callback && sub.throws) {
            fail(Problem::BadHelper, -1, "an exception may not leave a callback");
            report_.insn = sub.begin;
            return false;
        }
    }
    return true;
}

bool Analysis::check_no_leak_by_throw() {
    return check_throws_out_of_no_callback() && check_leaks("a call of a function that may throw");
}

bool Analysis::check_throws_out_of_no_callback() {
    for (u32 f = 0; f < state_->frame_count; f++) {
        if (state_->frames[f]->callback != CallbackKind::None || state_->frames[f]->is_async ||
            flow_.subprograms[state_->frames[f]->subprogram].is_callback) {
            return fail(Problem::BadHelper, -1, "an exception may not leave a callback");
        }
    }
    return true;
}

bool Analysis::step_throw() {
    return check_throws_out_of_no_callback() && check_leaks("an exception") && (flow_.exception_callback != 0 || check_return_value(1));
}

}  // namespace gyre::bpf
