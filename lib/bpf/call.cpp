// SPDX-License-Identifier: MIT
//
// Calls of subprograms, returns from them, and the end of a program.
#include "lib/bpf/analysis.h"

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
        if (smin == smax) {
            const s64 half = static_cast<s32>(smin);
            const bool is_negative = smin == static_cast<s64>(static_cast<u32>(half)) && half < 0;
            return fail(Problem::BadReturnValue, static_cast<int>(number), "the program must return ",
                        low, " to ", high, ", but r", number, " is ", is_negative ? half : smin,
                        is_negative ? " in its lower 32 bits" : "");
        }
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
