// SPDX-License-Identifier: MIT
//
// May a program of this kind be attached to what it names, and does each of its instructions exist?
// Asked before the first is followed (Linux: check_attach_btf_id, resolve_pseudo_ldimm64). Left out: whether the kernel has
// compiled a function away, where its symbols are not known.
#include "lib/bpf/analysis.h"
#include "lib/bpf/linux/functions.h"
#include "lib/bpf/linux/history.h"
#include "lib/bpf/linux/linux.h"
#include "lib/bpf/linux/struct_ops.h"

namespace gyre::bpf {

bool Analysis::check_instructions_exist() {
    for (u32 i = 0; i < program_.insns.size(); i++) {
        const Insn& insn = program_.insns[i];
        if (flow_.flags[i] & kSecondHalf) {
            continue;
        }
        if (is_ld_imm64(insn)) {
            const Insn& second = program_.insns[i + 1];  // the control flow has seen that it is there
            const bool is_plain_map = insn.src() == kPseudoMapFd || insn.src() == kPseudoMapIdx;
            if (second.code != 0 || second.registers != 0 || second.off != 0 ||
                insn.src() > kPseudoMapIdxValue || (is_plain_map && second.imm != 0)) {
                state_->insn = i;
                return fail(Problem::BadEncoding, -1, "a 64-bit load is not well formed");
            }
            const bool names_map = insn.src() == kPseudoMapFd || insn.src() == kPseudoMapValue;
            if (names_map && static_cast<u32>(insn.imm) >= program_.maps.size()) {
                state_->insn = i;
                return fail(Problem::BadEncoding, -1, "the instruction names no map");
            }
            const Map* map = names_map ? program_.maps[static_cast<u32>(insn.imm)] : nullptr;
            if (map != nullptr && map->type == MapType::Arena) {
                if (arena_map_ != nullptr && arena_map_ != map) {
                    state_->insn = i;
                    return fail(Problem::BadArgument, -1, "a program may use one arena only");
                }
                arena_map_ = map;
            }
            const Btf* kernel = environment_.kernel_btf;
            const BtfKind kind = kernel != nullptr ? kernel->type(static_cast<u32>(insn.imm)).kind()
                                                   : BtfKind::Void;
            if (insn.src() == kPseudoBtfId && kind != BtfKind::Variable && kind != BtfKind::Function) {
                state_->insn = i;
                return fail(Problem::BadType, -1, "the instruction names no variable of the kernel");
            }
            if (insn.src() == kPseudoBtfId &&
                !linux_tables::has_symbol(environment_.facts, kernel->name(static_cast<u32>(insn.imm)))) {
                state_->insn = i;
                return fail(Problem::BadType, -1, "the kernel's types know ",
                            kernel->name(static_cast<u32>(insn.imm)), ", but it has no such symbol");
            }
        }
        const bool is_kfunc = insn.code == (kClassJmp | kCall) && insn.src() == kCallKfunc;
        if (is_kfunc && insn.imm != 0) {  // 0: a weak function that the kernel lacks
            if (!program_.is_gpl && environment_.target.is_linux) {
                state_->insn = i;
                return fail(Problem::BadHelper, -1, "functions of the kernel may be called by programs "
                            "under a GPL-compatible licence only");
            }
            const Btf* kernel = environment_.kernel_btf;
            if (kernel == nullptr || insn.off != 0 ||
                kernel->type(static_cast<u32>(insn.imm)).kind() != BtfKind::Function) {
                state_->insn = i;
                return fail(Problem::BadHelper, -1, "the kernel function is not known");
            }
            const std::string_view function = kernel->name(static_cast<u32>(insn.imm));
            if (function.starts_with("bpf_xdp_metadata_rx_") && !program_.is_device_bound) {
                state_->insn = i;
                return fail(Problem::BadHelper, -1, "kernel function ", function,
                            " is a device's own; it needs a program that is loaded for one device "
                            "(--device-bound)");
            }
        }
        const bool is_load = insn.insn_class() == kClassLdx;
        const u16 since = linux_tables::instruction_since(insn);
        if (since == linux_tables::kNever || (is_load && insn.imm != 0)) {
            state_->insn = i;
            return fail(Problem::BadEncoding, -1, "there is no instruction of code ", u32{insn.code},
                        " with these fields");
        }
        if (since > environment_.target.version) {
            state_->insn = i;
            return refuse_version(Problem::BadEncoding, since,
                                  linux_tables::instruction_name(since, insn));
        }
    }
    return true;
}

bool Analysis::check_attachment() {
    if (!check_instructions_exist() || !check_offer()) {
        return false;
    }
    const Btf* kernel = environment_.kernel_btf;
    u32 id = program_.attach_type_id;
    auto refuse = [&](Problem problem, const char* why, std::string_view what = {}) {
        return fail(problem, -1, why, what);
    };
    bool may_be_sleepable = false;
    switch (program_.type) {
        case ProgramType::Tracing:
            may_be_sleepable = program_.attach != AttachType::TraceRawTp;
            break;
        case ProgramType::Lsm: may_be_sleepable = program_.attach == AttachType::LsmMac; break;
        case ProgramType::Kprobe: case ProgramType::StructOps: case ProgramType::Syscall:
            may_be_sleepable = true;
            break;
        default: break;
    }
    if (program_.is_sleepable && !may_be_sleepable) {
        return refuse(Problem::SleepRule, "programs of this type may not sleep: ", rules_->name);
    }
    if (program_.type == ProgramType::StructOps) {
        return check_struct_ops();
    }
    if (program_.type == ProgramType::Tracing && program_.target.program != nullptr) {
        return check_traced_program();
    }
    if (program_.type == ProgramType::Tracing || program_.type == ProgramType::Lsm) {
        if (kernel == nullptr || kernel->type(id).kind() == BtfKind::Void) {
            return refuse(Problem::BadType,
                          "the kernel's types do not hold what the program is attached to");
        }
    }
    if (program_.type == ProgramType::Tracing && program_.attach != AttachType::TraceRawTp &&
        program_.attach != AttachType::TraceIter) {
        std::string_view function = kernel->name(id);
        if (linux_tables::is_untraceable(function)) {
            return refuse(Problem::BadType, "programs are never called at this function: ", function);
        }
        const bool waits_for_return = program_.attach == AttachType::TraceFexit ||
                                      program_.attach == AttachType::ModifyReturn;
        if (waits_for_return && environment_.target.version >= 612 &&
            linux_tables::never_returns(function)) {
            return refuse(Problem::BadType, "this function never returns: ", function);
        }
        if (!linux_tables::has_symbol(environment_.facts, function)) {
            return refuse(Problem::BadType, "the kernel's types know this function, but it has no such symbol: ",
                          function);
        }
        if (program_.attach == AttachType::ModifyReturn && !program_.is_sleepable &&
            !linux_tables::may_modify_return(function, environment_.facts)) {
            return refuse(Problem::BadType,
                          "programs may not modify what this function returns, as far as is known: ",
                          function);
        }
        if (program_.is_sleepable && !linux_tables::may_sleep_at(function, environment_.facts)) {
            return refuse(Problem::SleepRule,
                          "a program that may sleep cannot be attached to this function, as far as is "
                          "known: ", function);
        }
    }
    if (program_.type == ProgramType::Lsm) {
        std::string_view hook = kernel->name(id);
        if (!program_.is_gpl) {
            return refuse(Problem::BadHelper, "security hooks need a GPL-compatible licence");
        }
        if (environment_.target.version >= 612 && linux_tables::is_disabled_lsm_hook(hook)) {
            return refuse(Problem::BadType, "this hook takes no programs: ", hook);
        }
        if (program_.is_sleepable && !linux_tables::is_sleepable_lsm_hook(hook)) {
            return refuse(Problem::SleepRule, "this hook may not sleep: ", hook);
        }
    }
    return true;
}

bool Analysis::check_struct_ops() {
    const Btf* kernel = environment_.kernel_btf;
    u32 id = program_.attach_type_id;
    if (!program_.is_gpl) {
        return fail(Problem::BadHelper, -1, "struct_ops programs need a GPL-compatible licence");
    }
    if (kernel == nullptr || kernel->type(id).kind() != BtfKind::Struct) {
        return fail(Problem::BadType, -1,
                    "the kernel's types do not hold the structure that the program belongs to");
    }
    std::string_view name = kernel->name(id);
    struct_ops_ = linux_tables::find_struct_ops(name);
    if (struct_ops_ == nullptr) {
        return fail(Problem::NotSupported, -1, "the rules of struct ", name, " are not known");
    }
    // What the kernel registers it has wrapped in a type of its own.
    char wrapper[128];
    TextWriter out(wrapper);
    out << "bpf_struct_ops_" << name;
    if (kernel->find(out.text(), BtfKind::Struct) == 0) {
        return fail(Problem::BadType, -1, "the kernel, as it was built, takes no programs for struct ", name);
    }
    if (program_.attach_member >= kernel->type(id).count()) {
        return fail(Problem::BadType, -1, "struct ", name, " has no such member");
    }
    BtfMember member = kernel->member(id, program_.attach_member);
    bool skips = false;
    u32 prototype = attach_prototype(skips);
    if (prototype == 0 || kernel->type(prototype).kind() != BtfKind::FunctionPrototype) {
        return fail(Problem::BadType, -1, "member ", member.name, " of struct ", name,
                    " is no function");
    }
    struct_ops_stub_ = find_struct_ops_stub();
    bool owns_arguments = false;
    const u32 count = kernel->type(prototype).count();
    for (u32 i = 0; i < count; i++) {
        owns_arguments = owns_arguments || struct_ops_argument(i).ends_with("__ref");
    }
    if (owns_arguments && count > kMaxStructOpsArguments) {
        return fail(Problem::NotSupported, -1, "member ", member.name, " of struct ", name,
                    " takes too many arguments");
    }
    for (const Subprogram& sub : flow_.subprograms) {
        if (owns_arguments && sub.has_tail_call) {
            return fail(Problem::BadReference, -1,
                        "a program that is handed a reference may make no tail calls");
        }
    }
    auto lists = [&](std::span<const char* const> names) {
        for (const char* n : names) {
            if (member.name == n) {
                return true;
            }
        }
        return false;
    };
    if (lists(struct_ops_->unsupported)) {
        return fail(Problem::BadType, -1, "member ", member.name, " of struct ", name,
                    " takes no program");
    }
    if (program_.is_sleepable && !struct_ops_->all_may_sleep && !lists(struct_ops_->may_sleep)) {
        return fail(Problem::SleepRule, -1, "member ", member.name, " of struct ", name,
                    " may not sleep");
    }
    return true;
}

// The kernel's stub of a struct_ops member: the names of its parameters say more than the member's.
u32 Analysis::find_struct_ops_stub() const {
    const Btf& kernel = *environment_.kernel_btf;
    char name[128];
    TextWriter out(name);
    out << kernel.name(program_.attach_type_id) << "__"
        << kernel.member(program_.attach_type_id, program_.attach_member).name;
    u32 id = kernel.find(out.text(), BtfKind::Function);
    return id != 0 ? kernel.type(id).size_or_type : 0;
}

std::string_view Analysis::struct_ops_argument(u32 index) const {
    bool skips_first = false;
    const u32 named = struct_ops_stub_ != 0 ? struct_ops_stub_ : attach_prototype(skips_first);
    return environment_.kernel_btf->parameter(named, index).name;
}

// Arguments that the program owns from the start (`__ref`), and must release or hand on.
bool Analysis::prepare_references() {
    bool skips_first = false;
    const u32 prototype = program_.type == ProgramType::StructOps ? attach_prototype(skips_first) : 0;
    for (u32 i = 0; prototype != 0 && i < environment_.kernel_btf->type(prototype).count(); i++) {
        if (i < kMaxStructOpsArguments && struct_ops_argument(i).ends_with("__ref")) {
            argument_refs_[i] = new_id();
            if (!acquire(ReferenceKind::Object, argument_refs_[i], nullptr)) {
                return false;
            }
        }
    }
    return true;
}

// Linux 6.15: what a struct_ops program owns it may return, if its member returns a pointer.
bool Analysis::returns_reference() const {
    bool skips_first = false;
    if (program_.type != ProgramType::StructOps || environment_.target.version < 615) {
        return false;
    }
    const Btf& kernel = *environment_.kernel_btf;
    const u32 prototype = attach_prototype(skips_first);
    const u32 type = kernel.skip_modifiers(kernel.type(prototype).size_or_type);
    return prototype != 0 && kernel.type(type).kind() == BtfKind::Pointer;
}

// The helpers of a program: its type's, or those of the structure or iterator it is attached to.
const HelperPrototype* Analysis::offered_helper(u32 id) const {
    const HelperSet* set = struct_ops_ != nullptr ? struct_ops_->helpers : rules_->helpers;
    bool is_own = false;  // what a structure brings along is as old as the structure
    for (const HelperChoice& choice : set != nullptr ? set->own : std::span<const HelperChoice>()) {
        is_own = is_own || (struct_ops_ != nullptr && choice.id == id);
    }
    if (environment_.target.is_linux && !is_own &&
        linux_tables::helper_since(id, program_.type) > environment_.target.version) {
        return nullptr;
    }
    const HelperPrototype* h = find_helper(environment_, set, id, state_->may_sleep);
    const Btf* kernel = environment_.kernel_btf;
    if (h == nullptr && program_.type == ProgramType::Tracing &&
        program_.attach == AttachType::TraceIter && kernel != nullptr) {
        std::string_view target = kernel->name(program_.attach_type_id);
        if (target == "bpf_iter_tcp" || target == "bpf_iter_unix") {
            h = find_helper(environment_, &linux_tables::kIterTcpHelpers, id, state_->may_sleep);
        }
    }
    return h;
}

}  // namespace gyre::bpf
