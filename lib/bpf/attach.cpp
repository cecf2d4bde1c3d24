// SPDX-License-Identifier: MIT
//
// May a program of this kind be attached to what it names, and does each of its instructions exist?
// Asked before the first is followed (Linux: check_attach_btf_id, resolve_pseudo_ldimm64). Left out: most of the list of functions whose errors may be
// injected, which the kernel's BTF does not hold.
#include "lib/bpf/analysis.h"
#include "lib/bpf/linux/history.h"
#include "lib/bpf/linux/linux.h"
#include "lib/bpf/linux/struct_ops.h"

namespace gyre::bpf {
namespace {

// Functions whose errors may be injected (ALLOW_ERROR_INJECTION) beside the system calls, and those
// that the kernel registers for fmod_ret. A kernel's own list is not among its types; what is not named
// here is refused.
constexpr std::string_view kInjectable[] = {
    "should_failslab", "should_fail_alloc_page", "__filemap_add_folio", "should_fail_bio",
    "bpf_fentry_test1"};
constexpr std::string_view kRegistered[] = {
    "bpf_modify_return_test", "bpf_modify_return_test2", "bpf_modify_return_test_tp",
    "bpf_fentry_test1", "bpf_testmod_fentry_ok", "hid_bpf_device_event", "hid_bpf_rdesc_fixup",
    "update_socket_protocol"};

bool starts_with(std::string_view text, std::string_view head) {
    return text.substr(0, head.size()) == head;
}

bool is_system_call(std::string_view function) {
    return starts_with(function, "__x64_sys_") || starts_with(function, "__ia32_sys_") ||
           starts_with(function, "__arm64_sys_") || starts_with(function, "__se_sys_");
}

bool is_listed(std::span<const std::string_view> names, std::string_view name) {
    for (std::string_view n : names) {
        if (n == name) {
            return true;
        }
    }
    return false;
}

// Linux keeps programs that sleep off the first three, which run where nothing may.
bool may_sleep_at(std::string_view function) {
    return is_system_call(function) ||
           (is_listed(kInjectable, function) && function != "should_failslab" &&
            function != "should_fail_alloc_page" && function != "__filemap_add_folio");
}

bool may_modify_return(std::string_view function) {
    return is_system_call(function) || starts_with(function, "security_") ||
           is_listed(kInjectable, function) || is_listed(kRegistered, function);
}

}  // namespace

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
        }
        const bool is_kfunc = insn.code == (kClassJmp | kCall) && insn.src() == kCallKfunc;
        if (is_kfunc && insn.imm != 0) {  // 0: a weak function that the kernel lacks
            const Btf* kernel = environment_.kernel_btf;
            if (kernel == nullptr ||
                kernel->type(static_cast<u32>(insn.imm)).kind() != BtfKind::Function) {
                state_->insn = i;
                return fail(Problem::BadHelper, -1, "the kernel function is not known");
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
    if (program_.type == ProgramType::Tracing || program_.type == ProgramType::Lsm) {
        if (kernel == nullptr || kernel->type(id).kind() == BtfKind::Void) {
            return refuse(Problem::BadType,
                          "the kernel's types do not hold what the program is attached to");
        }
    }
    if (program_.type == ProgramType::Tracing && program_.attach != AttachType::TraceRawTp &&
        program_.attach != AttachType::TraceIter) {
        std::string_view function = kernel->name(id);
        if (program_.attach == AttachType::ModifyReturn && !may_modify_return(function)) {
            return refuse(Problem::BadType,
                          "programs may not modify what this function returns, as far as is known: ",
                          function);
        }
        if (program_.is_sleepable && !may_sleep_at(function)) {
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
    // The program would own such an argument, and have to release it.
    const u32 stub = struct_ops_stub();
    for (u32 i = 0; stub != 0 && i < kernel->type(stub).count(); i++) {
        if (kernel->parameter(stub, i).name.ends_with("__ref")) {
            return fail(Problem::NotSupported, -1, "member ", member.name, " of struct ", name,
                        " is given references, whose rules are not known");
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
u32 Analysis::struct_ops_stub() const {
    const Btf& kernel = *environment_.kernel_btf;
    char name[128];
    TextWriter out(name);
    out << kernel.name(program_.attach_type_id) << "__"
        << kernel.member(program_.attach_type_id, program_.attach_member).name;
    u32 id = kernel.find(out.text(), BtfKind::Function);
    return id != 0 ? kernel.type(id).size_or_type : 0;
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
