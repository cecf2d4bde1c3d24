// SPDX-License-Identifier: MIT
//
// Calls of global functions: each is verified on its own, so a call is checked against its types only.
#include "lib/bpf/analysis.h"
#include "lib/bpf/linux/history.h"

namespace gyre::bpf {

// What a global function expects of each argument is in its BTF (Linux: btf_prepare_func_args).
bool Analysis::check_global_arguments(u32 s) {
    const Btf* btf = program_.btf;
    const Subprogram& sub = flow_.subprograms[s];
    if (btf == nullptr || sub.type_id == 0) {
        return fail(Problem::BadType, -1, "a global function needs the program's types; compile with -g");
    }
    u32 prototype = btf->type(sub.type_id).size_or_type;
    u32 count = btf->type(prototype).count();
    if (count > 5) {
        return fail(Problem::BadType, -1, "a global function takes more than five arguments");
    }
    for (u32 i = 0; i < count; i++) {
        unsigned number = i + 1;
        const Reg r = reg(number);
        u32 raw = btf->parameter(prototype, i).type;
        u32 type = btf->skip_modifiers(raw);
        BtfType t = btf->type(type);
        if (r.kind == Kind::Uninitialized) {
            return fail(Problem::UnreadableRegister, static_cast<int>(number), "r", number,
                        " is passed to a global function but was never written");
        }
        if (t.kind() == BtfKind::Int || t.kind() == BtfKind::Enum ||
            t.kind() == BtfKind::Enum64) {
            if (!r.is_scalar()) {
                return fail(Problem::BadArgument, static_cast<int>(number), "r", number, " is ",
                            kind_name(r.kind), " but the global function takes a number");
            }
            continue;
        }
        if (t.kind() != BtfKind::Pointer) {
            return fail(Problem::BadType, static_cast<int>(number),
                        "a global function takes an argument of an unsupported type");
        }
        GlobalArgument want = global_argument(prototype, i);
        if (want.kind == GlobalArgumentKind::Context) {
            if (r.kind != Kind::Context || r.off != 0) {
                return fail(Problem::BadArgument, static_cast<int>(number), "r", number, " is ",
                            kind_name(r.kind), " but the global function takes the context");
            }
            continue;
        }
        if (want.kind == GlobalArgumentKind::Unsupported) {
            return fail(Problem::NotSupported, static_cast<int>(number),
                        "a global function takes an argument of an unsupported type");
        }
        if (want.kind == GlobalArgumentKind::Dynptr) {
            Reg object;
            if (!find_dynptr(number, true, object)) {
                return false;
            }
            continue;
        }
        if (want.kind == GlobalArgumentKind::Arena) {
            if (r.kind != Kind::Arena && !r.is_scalar()) {
                return fail(Problem::BadArgument, static_cast<int>(number),
                            "the global function takes an arena pointer");
            }
            continue;
        }
        if (want.kind == GlobalArgumentKind::Object && r.is_zero() && want.may_be_null) {
            need_register(number);
            continue;
        }
        if (want.kind == GlobalArgumentKind::Object) {
            bool matches = r.kind == Kind::BtfObject && !r.is_program_type && r.off == 0 &&
                           r.var.is_constant() && r.var.value() == 0 && r.extra == want.size &&
                           !r.has(kUntrusted | kUser | kPercpu | kAlloc | kNonOwning);
            if (!matches || (r.has(kMaybeNull) && !want.may_be_null)) {
                return fail(Problem::BadArgument, static_cast<int>(number),
                            "the global function takes a trusted kernel object");
            }
            continue;
        }
        if (r.is_zero() && want.may_be_null) {
            need_register(number);
            continue;
        }
        if (r.has(kMaybeNull) && !want.may_be_null) {
            return fail(Problem::NullPointer, static_cast<int>(number), "r", number,
                        " may be null but the global function says it may not");
        }
        if (r.is_scalar()) {
            return fail(Problem::BadArgument, static_cast<int>(number), "r", number,
                        " is a number but the global function takes memory");
        }
        Reg saved = reg(number);
        reg(number).flags &= ~u32{kMaybeNull};
        CallFacts facts;
        bool fine = check_memory_argument(number, want.size, false, Access::Read, facts) &&
                    check_memory_argument(number, want.size, false, Access::Write, facts);
        reg(number) = saved;
        if (!fine) {
            return false;
        }
    }
    return true;
}

bool Analysis::call_global(u32 s) {
    Subprogram& sub = flow_.subprograms[s];
    if (state_->lock_count != 0) {
        return fail(Problem::LockRule, -1, "a global function is called while a lock is held");
    }
    if (state_->preempt_locks != 0 && environment_.target.version < 613) {
        return fail(Problem::LockRule, -1,
                    "a global function is called while preemption is disabled; Linux before 6.13 "
                    "does not allow that");
    }
    if ((state_->preempt_locks != 0 || state_->rcu_locks != 0 || state_->active_irq != 0) &&
        sub.might_sleep) {
        return fail(Problem::SleepRule, -1,
                    "a global function that may sleep is called where sleeping is forbidden");
    }
    if (!check_global_arguments(s) || (sub.throws && !check_no_leak_by_throw())) {
        return false;
    }
    sub.is_reached = true;
    if (sub.changes_packets) {
        invalidate_packets();
    }
    clobber_caller_saved();
    if (!sub.returns_void) {
        reg(0) = Reg::unknown();
    }
    state_->insn++;
    return true;
}

// What a global function takes as its argument `index`.
GlobalArgument Analysis::global_argument(u32 prototype, u32 index) const {
    const Btf& btf = *program_.btf;
    GlobalArgument result;
    u32 raw = btf.parameter(prototype, index).type;
    u32 type = btf.skip_modifiers(raw);
    if (btf.type(type).kind() != BtfKind::Pointer) {
        result.kind = GlobalArgumentKind::Number;
        return result;
    }
    bool is_nonnull = false;
    bool is_trusted = false;
    bool is_context = false;
    // Declaration tags "arg:..." of the function refine its pointers.
    for (u32 id = 1; id < btf.type_count(); id++) {
        BtfType t = btf.type(id);
        if (t.kind() != BtfKind::DeclTag || btf.decl_tag_component(id) != static_cast<s32>(index)) {
            continue;
        }
        BtfType f = btf.type(t.size_or_type);
        if (f.kind() != BtfKind::Function || f.size_or_type != prototype) {
            continue;
        }
        std::string_view tag = btf.name(id);
        if (linux_tables::argument_tag_since(tag) > environment_.target.version) {
            continue;  // a kernel that old reads past it
        }
        is_nonnull = is_nonnull || tag == "arg:nonnull";
        is_trusted = is_trusted || tag == "arg:trusted";
        is_context = is_context || tag == "arg:ctx";
        if (tag == "arg:arena") {
            result.kind = GlobalArgumentKind::Arena;
            return result;
        }
        result.may_be_null = result.may_be_null || tag == "arg:nullable";
    }
    u32 pointee_raw = btf.type(type).size_or_type;
    u32 pointee = btf.skip_modifiers(pointee_raw);
    std::string_view name = btf.name(pointee);
    // The context may be named by a typedef that has no size of its own.
    std::string_view typedef_name;
    for (u32 id = pointee_raw, k = 0; k < 8; k++, id = btf.type(id).size_or_type) {
        BtfKind kind = btf.type(id).kind();
        if (kind == BtfKind::Typedef) {
            typedef_name = btf.name(id);
            break;
        }
        if (kind != BtfKind::Const && kind != BtfKind::Volatile && kind != BtfKind::TypeTag) {
            break;
        }
    }
    const char* user = rules_->context != nullptr ? rules_->context->user_type : nullptr;
    bool is_registers = rules_->context != nullptr && user != nullptr &&
                        std::string_view(user) == "bpf_user_pt_regs_t" &&
                        (name == "pt_regs" || name == "user_regs_struct");
    if (is_context || is_registers ||
        (user != nullptr && (name == user || typedef_name == user)) ||
        (pointee == 0 && program_.type == ProgramType::Syscall && is_context)) {
        result.kind = GlobalArgumentKind::Context;
        return result;
    }
    if (name == "bpf_dynptr") {
        result.kind = GlobalArgumentKind::Dynptr;
        return result;
    }
    if (is_trusted) {
        result.kind = GlobalArgumentKind::Object;
        result.size = environment_.kernel_btf != nullptr
                          ? environment_.kernel_btf->find(name.substr(0, name.find("___")),
                                                          BtfKind::Struct)
                          : 0;
        if (result.size == 0) {
            result.kind = GlobalArgumentKind::Unsupported;
        }
        return result;
    }
    u32 size = 0;
    if (pointee == 0 || !btf.size_of(pointee, size)) {
        result.kind = GlobalArgumentKind::Unsupported;
        return result;
    }
    result.kind = GlobalArgumentKind::Memory;
    result.size = size;
    result.may_be_null = !is_nonnull;
    return result;
}

}  // namespace gyre::bpf
