// SPDX-License-Identifier: MIT
//
// Calls of subprograms, returns from them, and the end of a program.
#include "lib/bpf/analysis.h"
#include "lib/bpf/linux/history.h"

namespace gyre::bpf {

void Analysis::clobber_caller_saved() {
    for (unsigned r = 0; r <= 5; r++) {
        reg(r) = Reg{};
    }
}

bool Analysis::step_call(const Insn& insn, bool& path_ended) {
    u8 src = insn.src();
    if (insn.insn_class() != kClassJmp || insn.uses_register_source() || insn.dst() != 0 ||
        src > kCallKfunc || (src != kCallKfunc && insn.off != 0)) {
        return fail(Problem::BadEncoding, -1, "a call sets reserved fields");
    }
    if (src == kCallHelper) {
        return call_helper(insn, path_ended);
    }
    if (src == kCallKfunc) {
        return call_kfunc(insn, path_ended);
    }
    u32 s = flow_.find_subprogram(state_->insn + 1 + static_cast<u32>(insn.imm));
    return flow_.subprograms[s].is_global ? call_global(s) : call_subprogram(s);
}

bool Analysis::call_subprogram(u32 s) {
    if (state_->lock_count != 0 && environment_.target.version < 612) {
        return fail(Problem::LockRule, -1, "a function is called while a lock is held");
    }
    trails_.enter(*state_, flow_.subprograms[s].begin);
    if (!push_frame(s, state_->insn)) {
        return false;
    }
    Frame& caller = frame_at(state_->frame_count - 2u);
    Frame& callee = top();
    if (caller.owners != 1) {
        return fail(Problem::NotSupported, -1, "internal: the caller's frame is shared");
    }
    for (unsigned r = 1; r <= 5; r++) {
        callee.regs[r] = caller.regs[r];
    }
    for (unsigned r = 0; r <= 5; r++) {
        caller.regs[r] = Reg{};
    }
    state_->insn = flow_.subprograms[s].begin;
    return true;
}

// What a global function expects of each argument is in its BTF (Linux: btf_prepare_func_args).
bool Analysis::check_global_arguments(u32 s) {
    const Btf* btf = program_.btf;
    const Subprogram& sub = flow_.subprograms[s];
    if (btf == nullptr || sub.type_id == 0) {
        return fail(Problem::BadType, -1, "a global function needs BTF");
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

bool Analysis::check_leaks(const char* where, bool is_return) {
    for (u32 i = 0; i < state_->reference_count; i++) {
        const Reference& r = state_->references[i];
        switch (r.kind) {
            case ReferenceKind::Object:
                if (is_return && reg(0).ref == r.id && returns_reference()) {
                    continue;  // whether it may be returned is asked next
                }
                report_.origin_insn = r.insn;
                return fail(Problem::ReferenceLeak, -1,
                            "a reference acquired at instruction ", r.insn,
                            " is never released on this path; seen at ", where);
            case ReferenceKind::IrqSave:
                return fail(Problem::LockRule, -1, "interrupts are still off at ", where);
            default:
                report_.origin_insn = r.insn;
                return fail(Problem::LockRule, -1, "a lock taken at instruction ", r.insn,
                            " is still held at ", where);
        }
    }
    if (state_->rcu_locks != 0) {
        return fail(Problem::LockRule, -1, "an RCU read section is still open at ", where);
    }
    if (state_->preempt_locks != 0) {
        return fail(Problem::LockRule, -1, "preemption is still disabled at ", where);
    }
    return true;
}

bool Analysis::step_exit(bool& path_ended) {
    const Insn& insn = program_.insns[state_->insn];
    if (insn.registers != 0 || insn.off != 0 || insn.imm != 0 || insn.uses_register_source() ||
        insn.insn_class() != kClassJmp) {
        return fail(Problem::BadEncoding, -1, "an exit sets reserved fields");
    }
    if (state_->frame_count > 1) {
        return return_from_callee(path_ended);
    }
    if (!check_leaks("the exit", true)) {
        return false;
    }
    path_ended = true;
    return check_return_value(0);
}

// Slices that may lie in the frame's stack end with it (Reg::frame of memory counts from one).
bool Analysis::leave_frame() {
    u32 number = state_->frame_count;
    auto is_gone = [&](const Reg& r) { return r.kind == Kind::Memory && r.frame == number; };
    if (!change_regs(is_gone, [](Reg& r) { r = Reg::unknown(); })) {
        return false;
    }
    pop_frame();
    return true;
}

bool Analysis::return_from_callee(bool& path_ended) {
    Frame& callee = top();
    const Reg result = callee.regs[0];
    if (result.kind == Kind::Stack) {
        return fail(Problem::BadReturnValue, 0, "a pointer to the callee's own stack is returned");
    }
    if (callee.callback != CallbackKind::None) {
        return return_from_callback(callee, path_ended);
    }
    if (state_->lock_count != 0 && environment_.target.version < 612) {
        return fail(Problem::LockRule, -1, "a function returns while a lock is held");
    }
    u32 back = callee.call_insn + 1;
    if (result.kind == Kind::Memory && result.frame == state_->frame_count) {
        return fail(Problem::BadReturnValue, 0,
                    "a slice that may lie in the callee's own stack is returned");
    }
    trails_.leave(*state_, back);
    if (!leave_frame()) {
        return false;
    }
    if (!own_frame(state_->frame_count - 1u)) {
        return false;
    }
    reg(0) = result;
    state_->insn = back;
    return true;
}

bool Analysis::return_from_callback(Frame& callee, bool&) {
    const Reg result = callee.regs[0];
    if (!result.is_scalar()) {
        return fail(Problem::BadReturnValue, 0, "a callback must return a number");
    }
    need_register(0);
    if (result.var.smin < 0 || result.var.smax > 1) {
        return fail(Problem::BadReturnValue, 0, "a callback must return 0 or 1, not ",
                    result.var.smin, " to ", result.var.smax);
    }
    if (state_->reference_count != callee.references_at_entry) {
        return fail(Problem::ReferenceLeak, -1,
                    "a callback keeps a reference that it acquired, or releases its caller's");
    }
    u32 call = callee.call_insn;
    if (!leave_frame()) {
        return false;
    }
    if (!own_frame(state_->frame_count - 1u)) {
        return false;
    }
    state_->insn = call;
    return widen_at(call, false);
}

// The range that a program of this type may return, if there is one.
bool Analysis::check_return_value(unsigned number) {
    s64 low = 0;
    s64 high = 1;
    bool is_half = false;
    const Reg& r = reg(number);
    const Frame& root = frame_at(0);  // an exception leaves all frames at once
    const Subprogram& sub = flow_.subprograms[root.subprogram];
    bool is_sub = number == 0 && root.is_global_root && root.subprogram != 0 &&
                  root.subprogram != flow_.exception_callback;
    bool skips_first = false;
    if (is_sub && sub.returns_void) {
        return true;
    }
    if (!is_sub && !top().is_async) {
        u32 prototype = attach_prototype(skips_first);
        bool may_be_void =
            program_.type == ProgramType::StructOps ||
            (program_.type == ProgramType::Lsm && program_.attach != AttachType::LsmCgroup);
        if (may_be_void && prototype != 0 &&
            environment_.kernel_btf->type(prototype).size_or_type == 0) {
            return true;
        }
    }
    if (r.kind == Kind::Uninitialized) {
        return fail(Problem::UnreadableRegister, static_cast<int>(number), "r", number,
                    " is returned but was never written");
    }
    if (top().is_async) {
        const bool is_any_int = top().callback == CallbackKind::TaskWork;
        low = is_any_int ? Width<32>::kSignedMin : 0;
        high = is_any_int ? Width<32>::kSignedMax : 0;
    } else if (is_sub) {
        if (!r.is_scalar()) {
            return fail(Problem::BadReturnValue, static_cast<int>(number),
                        "a global function must return a number, not ", kind_name(r.kind));
        }
        return true;
    } else if (returns_reference()) {
        // Null, or what the program owns, as it came.
        const Btf& kernel = *environment_.kernel_btf;
        const u32 type = kernel.skip_modifiers(kernel.type(attach_prototype(skips_first)).size_or_type);
        const std::string_view wanted = kernel.name(kernel.skip_modifiers(kernel.type(type).size_or_type));
        const bool is_owned = r.kind == Kind::BtfObject && r.ref != 0 && !r.is_program_type;
        if (is_owned && kernel.name(r.extra) == wanted) {
            return check_constant_offset(r, number, false);
        }
        if (!r.is_scalar()) {
            return fail(Problem::BadReturnValue, static_cast<int>(number),
                        "the program must return null or a struct ", wanted, " that it owns, not ", kind_name(r.kind));
        }
        high = 0;
    } else if (!return_range(low, high, is_half)) {
        return true;
    }
    if (!r.is_scalar()) {
        return fail(Problem::BadReturnValue, static_cast<int>(number),
                    "the program must return a number from ", low, " to ", high, ", not ",
                    kind_name(r.kind));
    }
    need_register(number);
    s64 smin = is_half ? r.var.half_smin : r.var.smin;
    s64 smax = is_half ? r.var.half_smax : r.var.smax;
    if (smin < low || smax > high) {
        return fail(Problem::BadReturnValue, static_cast<int>(number),
                    "the program must return ", low, " to ", high, ", but r", number,
                    " may be anything from ", smin, " to ", smax);
    }
    return true;
}

// False if any value may be returned.
bool Analysis::return_range(s64& low, s64& high, bool& is_half) const {
    using A = AttachType;
    low = 0;
    high = 1;
    is_half = false;
    switch (program_.type) {
        case ProgramType::CgroupSockAddr:
            switch (program_.attach) {
                case A::CgroupUdp4Recvmsg: case A::CgroupUdp6Recvmsg: case A::CgroupUnixRecvmsg:
                case A::CgroupInet4Getpeername: case A::CgroupInet6Getpeername:
                case A::CgroupUnixGetpeername: case A::CgroupInet4Getsockname:
                case A::CgroupInet6Getsockname: case A::CgroupUnixGetsockname: low = 1; break;
                case A::CgroupInet4Bind: case A::CgroupInet6Bind: high = 3; break;
                default: break;
            }
            return true;
        case ProgramType::CgroupSkb:
            high = program_.attach == A::CgroupInetEgress ? 3 : 1;
            return true;
        case ProgramType::CgroupSock: case ProgramType::SockOps: case ProgramType::CgroupDevice:
        case ProgramType::CgroupSysctl: case ProgramType::CgroupSockopt:
        case ProgramType::SkLookup: case ProgramType::Netfilter: return true;
        case ProgramType::RawTracepoint: high = 0; return program_.attach_type_id != 0;
        case ProgramType::Tracing:
            switch (program_.attach) {
                case A::TraceFentry: case A::TraceFexit: high = 0; return true;
                case A::TraceIter: return true;
                default: return false;
            }
        case ProgramType::Kprobe: return program_.attach == A::TraceKprobeSession;
        case ProgramType::Lsm: {
            bool skips = false;
            u32 prototype = attach_prototype(skips);
            if (program_.attach == A::LsmCgroup) {
                if (prototype != 0 && environment_.kernel_btf->type(prototype).size_or_type == 0) {
                    low = 1;
                }
                return true;
            }
            if (prototype == 0) {
                return false;
            }
            std::string_view hook = environment_.kernel_btf->name(program_.attach_type_id);
            bool is_boolean = hook == "bpf_lsm_xfrm_state_pol_flow_match" ||
                              hook == "bpf_lsm_audit_rule_known" ||
                              hook == "bpf_lsm_inode_xattr_skipcap";
            low = is_boolean ? 0 : -4095;  // MAX_ERRNO
            high = is_boolean ? 1 : 0;
            is_half = true;
            return environment_.target.version >= 612;
        }
        default: return false;
    }
}

}  // namespace gyre::bpf
