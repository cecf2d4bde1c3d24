// SPDX-License-Identifier: MIT
//
// Calls of kernel functions. Arguments and results come from the kernel's BTF; the ends of parameter
// names carry meaning (Linux Documentation/bpf/kfuncs.rst). Functions that do more than their types
// say are in kfunc_special.cpp.
#include "lib/bpf/kfunc.h"

#include "lib/bpf/analysis.h"
#include "lib/bpf/kfunc_call.h"
#include "lib/bpf/linux/struct_ops.h"

namespace gyre::bpf {
namespace {

bool ends_with(std::string_view s, std::string_view tail) {
    return s.size() >= tail.size() && s.substr(s.size() - tail.size()) == tail;
}

bool is_number(const Btf& btf, u32 type) {
    BtfKind k = btf.type(btf.skip_modifiers(type)).kind();
    return k == BtfKind::Int || k == BtfKind::Enum || k == BtfKind::Enum64;
}

bool is_plain(const Btf& btf, u32 type, int depth) {
    type = btf.skip_modifiers(type);
    BtfType t = btf.type(type);
    if (is_number(btf, type)) {
        return true;
    }
    if (t.kind() == BtfKind::Array) {
        return is_plain(btf, btf.array(type).element_type, depth + 1);
    }
    if (!t.is_composite() || depth > 4) {
        return false;
    }
    for (u32 i = 0; i < t.count(); i++) {
        if (!is_plain(btf, btf.member(type, i).type, depth + 1)) {
            return false;
        }
    }
    return true;
}

// The kernel's mark of objects that are allocated but not yet in use (nf_conn___init).
bool is_unfinished(std::string_view structure) { return structure.ends_with("___init"); }

}  // namespace

bool is_plain_data(const Btf& btf, u32 type) { return is_plain(btf, type, 0); }

KfuncTraits kfunc_traits(const Btf* btf, u32 function_id, u16 version) {
    KfuncTraits t;
    if (btf == nullptr || btf->type(function_id).kind() != BtfKind::Function) {
        return t;
    }
    std::string_view name = btf->name(function_id);
    if (const KfuncRow* row = find_kfunc(name, version).row) {
        t.is_iterator_next = (row->flags & kIteratorNext) != 0;
        t.may_sleep = (row->flags & kSleepable) != 0;
    }
    t.takes_callback = name == "bpf_rbtree_add_impl";
    t.changes_packets = name == "bpf_xdp_pull_data";
    t.throws = name == "bpf_throw";
    return t;
}

bool Analysis::kfunc_object_argument(unsigned number, u32 pointee, KfuncCall& call) {
    const Btf& kernel = *environment_.kernel_btf;
    const Reg r = reg(number);
    int n = static_cast<int>(number);
    std::string_view wanted = kernel.name(pointee);
    u32 type = r.extra;
    bool is_socket = r.kind == Kind::Socket || r.kind == Kind::SockCommon ||
                     r.kind == Kind::TcpSock;
    if (is_socket) {
        const char* own = r.kind == Kind::TcpSock ? "tcp_sock"
                          : r.kind == Kind::Socket ? "sock" : "sock_common";
        type = kernel.find(own, BtfKind::Struct);
    }
    bool is_void = pointee == 0;
    // What is released goes back as what it came as; and an object that is still being made is not yet one.
    const std::string_view have = r.is_program_type ? std::string_view{} : kernel.name(type);
    const bool is_strict = ((call.row->flags & kReleaseRef) && r.ref != 0) ||
                           (is_unfinished(have) != is_unfinished(wanted));
    if (!is_void && is_strict && (r.off != 0 || have != wanted)) {
        return fail(Problem::BadArgument, n, "r", number, " points to struct ", have,
                    " and must point to struct ", wanted, " itself");
    }
    const Btf* btf = r.is_program_type ? program_.btf : &kernel;
    // The kernel's own form of a context may stand for the context.
    bool is_context = (wanted == "__sk_buff" && kernel.name(type) == "sk_buff") ||
                      (wanted == "xdp_md" && kernel.name(type) == "xdp_buff");
    if (!is_void && !is_context && !btf->has_type_at(type, r.off > 0 ? static_cast<u32>(r.off) : 0, wanted)) {
        return fail(Problem::BadArgument, n, "r", number, " points to struct ", btf->name(type),
                    ", not to struct ", wanted);
    }
    bool needs_trust = (call.row->flags & (kTrustedArguments | kReleaseRef)) != 0 ||
                       environment_.target.version >= 1000;
    bool is_trusted = r.ref != 0 || r.has(kTrusted) || is_socket ||
                      (r.has(kRcu) && (call.row->flags & kRcuArguments));
    if (r.has(kUntrusted) && (needs_trust || (call.row->flags & kRcuArguments))) {
        return fail(Problem::BadArgument, n, "r", number, " is not trusted");
    }
    if (needs_trust && !is_trusted && !r.has(kRcu)) {
        return fail(Problem::BadArgument, n, "r", number,
                    " must be trusted: an argument of the program, or acquired");
    }
    if ((call.row->flags & kTrustedArguments) && !is_trusted) {
        return fail(Problem::BadArgument, n, "r", number, " must be trusted, not only under RCU");
    }
    if ((call.row->flags & kRcuArguments) && !is_trusted) {
        return fail(Problem::BadArgument, n, "r", number, " must be trusted or under RCU");
    }
    if (!(call.row->flags & (kTrustedArguments | kReleaseRef | kRcuArguments)) &&
        r.has(kUntrusted)) {
        return fail(Problem::BadArgument, n, "r", number, " is not trusted");
    }
    return check_constant_offset(r, number, true);
}

bool Analysis::kfunc_argument(u32 index, KfuncCall& call) {
    const Btf& kernel = *environment_.kernel_btf;
    BtfParameter p = kernel.parameter(call.prototype, index);
    BtfParameter next = kernel.parameter(call.prototype, index + 1);
    unsigned number = index + 1;
    int n = static_cast<int>(number);
    const Reg r = reg(number);
    u32 type = kernel.skip_modifiers(p.type);
    BtfKind kind = kernel.type(type).kind();
    if (ends_with(p.name, "__ign") || ends_with(p.name, "__prog")) {
        return true;
    }
    if (r.kind == Kind::Uninitialized) {
        return fail(Problem::UnreadableRegister, n, "r", number,
                    " is passed to a kernel function but was never written");
    }
    if (kind != BtfKind::Pointer) {
        if (!r.is_scalar()) {
            return fail(Problem::BadArgument, n, "r", number, " is ", kind_name(r.kind),
                        " but the function takes a number");
        }
        bool is_constant = ends_with(p.name, "__k");
        bool is_constant_size = ends_with(p.name, "__szk");
        if (is_constant || is_constant_size || ends_with(p.name, "rdonly_buf_size") ||
            ends_with(p.name, "rdwr_buf_size")) {
            if (!r.var.is_constant()) {
                return fail(Problem::BadArgument, n, "r", number, " must be a constant");
            }
            need_register(number);
            call.constant = r.var.value();
            call.has_constant = true;
        }
        return true;
    }
    bool is_size_next = ends_with(next.name, "__sz") || ends_with(next.name, "__szk");
    bool may_be_null = ends_with(p.name, "__opt") || ends_with(p.name, "__nullable");
    u32 pointee = kernel.skip_modifiers(kernel.type(type).size_or_type);
    std::string_view name = kernel.name(pointee);
    if (r.is_zero() && may_be_null) {
        need_register(number);
        return true;
    }
    if (r.has(kMaybeNull) && !may_be_null) {
        return fail(Problem::NullPointer, n, "r", number, " (", kind_name(r.kind),
                    ") may be null; compare it with null before the call");
    }
    if (r.is_zero() && (call.row->flags & (kTrustedArguments | kRcuArguments | kReleaseRef))) {
        return fail(Problem::NullPointer, n, "r", number, " is null");
    }
    if (r.ref != 0 && r.kind != Kind::Stack) {
        call.ref = r.ref;
    }
    bool handled = false;
    if (!special_kfunc_argument(number, p.name, name, call, handled)) {
        return false;
    }
    if (handled) {
        return true;
    }
    if (r.kind == Kind::ConstMap && name == "bpf_map") {
        return check_constant_offset(r, number, false);
    }
    if (rules_->context != nullptr && r.kind == Kind::Context) {
        const char* kernel_type = rules_->context->kernel_type;
        const char* user_type = rules_->context->user_type;
        bool fits = (user_type != nullptr && name == user_type) ||
                    (kernel_type != nullptr && name == kernel_type) || pointee == 0;
        if (!fits) {
            return fail(Problem::BadArgument, n, "r", number,
                        " is the context of another program type");
        }
        return check_constant_offset(r, number, false);
    }
    if (r.kind == Kind::BtfObject || r.kind == Kind::Socket || r.kind == Kind::SockCommon ||
        r.kind == Kind::TcpSock) {
        if (kernel.type(pointee).is_composite() || pointee == 0) {
            if (!kfunc_object_argument(number, pointee, call)) {
                return false;
            }
            if ((call.row->flags & kReleaseRef) && call.released_ref == 0) {
                if (r.ref == 0) {
                    return fail(Problem::BadReference, n, "r", number,
                                " holds no reference that could be released");
                }
                if (r.off != 0) {
                    return fail(Problem::BadReference, n, "r", number,
                                " was moved; it must be released as it came");
                }
                call.released_ref = r.ref;
            }
            return true;
        }
    }
    if (is_size_next) {
        Reg size = reg(number + 1);
        if (!size.is_scalar()) {
            return fail(Problem::BadArgument, n + 1, "the size must be a number");
        }
        CallFacts facts;
        facts.is_raw_memory = false;
        if (may_be_null && r.is_zero()) {
            return true;
        }
        return check_size_argument(number + 1, true, Access::Read, facts) &&
               check_size_argument(number + 1, true, Access::Write, facts);
    }
    u32 size = 0;
    if (pointee != 0 && kernel.size_of(pointee, size) && is_plain_data(kernel, pointee)) {
        CallFacts facts;
        return check_memory_argument(number, size, false, Access::Read, facts) &&
               check_memory_argument(number, size, false, Access::Write, facts);
    }
    return fail(Problem::BadArgument, n, "r", number, " is ", kind_name(r.kind),
                ", not the pointer to struct ", name, " that the function takes");
}

bool Analysis::kfunc_result(KfuncCall& call) {
    const Btf& kernel = *environment_.kernel_btf;
    u32 type = kernel.skip_modifiers(kernel.type(call.prototype).size_or_type);
    Reg& r0 = reg(0);
    if (call.result_is_set) {
        return true;
    }
    if (type == 0) {
        return true;  // returns nothing: r0 stays unreadable
    }
    if (kernel.type(type).kind() != BtfKind::Pointer) {
        u32 size = 8;
        kernel.size_of(type, size);
        r0 = Reg::unknown();
        (void)size;
        return true;
    }
    u32 pointee = kernel.skip_modifiers(kernel.type(type).size_or_type);
    if (pointee == 0) {
        r0 = Reg::unknown();
    } else if (kernel.type(pointee).kind() == BtfKind::Struct) {
        r0 = Reg::pointer(Kind::BtfObject);
        r0.extra = pointee;
        if (call.row->flags & kIteratorNext) {
            r0.flags |= call.is_rcu_iterator ? kRcu : kTrusted;
        }
    } else {
        u32 size = 0;
        if (!kernel.size_of(pointee, size)) {
            return fail(Problem::NotSupported, 0, "the function returns an unsupported pointer");
        }
        r0 = Reg::pointer(Kind::Memory);
        r0.extra = call.has_constant && call.result_uses_constant ? static_cast<u32>(call.constant)
                                                                  : size;
        r0.flags |= kReadOnly;
        r0.ref = call.ref;
    }
    return finish_kfunc_result(call);
}

// Nullness and reference of what was returned.
bool Analysis::finish_kfunc_result(KfuncCall& call) {
    Reg& r0 = reg(0);
    if (!r0.is_pointer()) {
        return true;
    }
    if ((call.row->flags & kReturnsNull) && !call.is_never_null) {
        r0.flags |= kMaybeNull;
        r0.id = new_id();
    }
    if (call.row->flags & kAcquire) {
        u32 id = new_id();
        r0.id = id;
        r0.ref = id;
        return acquire(ReferenceKind::Object, id, nullptr);
    }
    return true;
}

bool Analysis::call_kfunc(const Insn& insn, bool& path_ended) {
    const Btf* kernel = environment_.kernel_btf;
    u32 id = static_cast<u32>(insn.imm);
    if (id == 0) {
        state_->insn++;  // a weak function that the kernel lacks: refused if it is ever reached
        return fail(Problem::BadHelper, -1, "the kernel lacks the function that is called");
    }
    if (kernel == nullptr || insn.off != 0 || kernel->type(id).kind() != BtfKind::Function) {
        return fail(Problem::BadHelper, -1, "the kernel function is not known");
    }
    KfuncCall call;
    call.name = kernel->name(id);
    call.prototype = kernel->type(id).size_or_type;
    const KfuncMatch match = find_kfunc(call.name, environment_.target.version);
    call.row = match.row;
    const u64 mine = kfunc_types(program_.type, environment_.target.version);
    if (call.row == nullptr || !(call.row->program_types & mine)) {
        if (match.next_since != 0) {
            return refuse_version(Problem::BadHelper, match.next_since, "kernel function ",
                                  call.name);
        }
        return fail(Problem::BadHelper, -1, "kernel function ", call.name,
                    " may not be called by a program of type ", rules_->name);
    }
    if (program_.type == ProgramType::StructOps &&
        !linux_tables::may_call(kernel->name(program_.attach_type_id),
                                kernel->member(program_.attach_type_id, program_.attach_member).name,
                                call.name)) {
        return fail(Problem::BadHelper, -1, "kernel function ", call.name,
                    " may not be called by this member's programs");
    }
    bool is_iterator_program = program_.type == ProgramType::Tracing &&
                               program_.attach == AttachType::TraceIter;
    if (call.name == "bpf_sock_destroy" && !is_iterator_program) {
        return fail(Problem::BadHelper, -1, "kernel function ", call.name,
                    " may be called by socket iterators only");
    }
    if (call.name == "bpf_iter_css_task_new" && program_.type != ProgramType::Lsm &&
        !is_iterator_program && !state_->may_sleep) {
        return fail(Problem::SleepRule, -1, "kernel function ", call.name,
                    " may be called by security hooks, iterators and programs that may sleep");
    }
    u16 flags = call.row->flags;
    if ((flags & kSleepable) && (!state_->may_sleep || state_->rcu_locks != 0 ||
                                 state_->preempt_locks != 0 || state_->active_irq != 0)) {
        return fail(Problem::SleepRule, -1, "kernel function ", call.name,
                    " may sleep, which is forbidden here");
    }
    if (holds_lock() && !is_allowed_under_lock(call.name)) {
        return fail(Problem::LockRule, -1, "kernel function ", call.name,
                    " is called while a lock is held");
    }
    const bool takes_lock = call.name.starts_with("bpf_res_spin_lock");
    if (takes_lock && !push_failed_lock()) {
        return false;
    }
    u32 count = kernel->type(call.prototype).count();
    if (count > 5) {
        return fail(Problem::NotSupported, -1, "the function takes more than five arguments");
    }
    for (u32 i = 0; i < count; i++) {
        if (!kfunc_argument(i, call)) {
            return false;
        }
    }
    if ((flags & kReleaseRef) && call.released_ref == 0 && !call.is_done) {
        return fail(Problem::BadReference, -1, "no argument holds a reference to release");
    }
    bool ended = false;
    if (!special_kfunc(call, ended)) {
        return false;
    }
    if (ended) {
        path_ended = true;
        return true;
    }
    if (call.released_ref != 0 && !release_reference(call.released_ref)) {
        return false;
    }
    Reg set_result = call.result;
    clobber_caller_saved();
    if (call.result_is_set) {
        reg(0) = set_result;
        if (!finish_kfunc_result(call)) {
            return false;
        }
    }
    if (!kfunc_result(call)) {
        return false;
    }
    if (takes_lock) {
        reg(0) = Reg::constant(0);
    }
    if (flags & kIteratorNext) {
        return iterator_next(call);
    }
    state_->insn++;
    return true;
}

}  // namespace gyre::bpf
