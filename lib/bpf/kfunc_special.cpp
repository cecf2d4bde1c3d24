// SPDX-License-Identifier: MIT
//
// Kernel functions that change more than r0: sections, dynptrs, casts, exceptions, work queues.
#include "lib/bpf/analysis.h"
#include "lib/bpf/kfunc_call.h"

namespace gyre::bpf {
namespace {

bool ends_with(std::string_view s, std::string_view tail) {
    return s.size() >= tail.size() && s.substr(s.size() - tail.size()) == tail;
}

// 6.18 renamed them in the course of its life.
bool is_task_work(std::string_view name) {
    return name.starts_with("bpf_task_work_schedule_");
}

}  // namespace

bool Analysis::special_kfunc_argument(unsigned number, std::string_view parameter,
                                      std::string_view type, KfuncCall& call, bool& handled) {
    const Reg r = reg(number);
    int n = static_cast<int>(number);
    u16 flags = call.row->flags;
    handled = true;
    if (number == 1 && (flags & (kIteratorNew | kIteratorNext | kIteratorDestroy))) {
        return iterator_argument(number, type, call);
    }
    if (ends_with(parameter, "__irq_flag")) {
        return irq_flag_argument(number, call);
    }
    if (type == "bpf_dynptr" || type == "bpf_dynptr_kern") {
        if (ends_with(parameter, "__uninit")) {
            DynptrKind kind = call.has_dynptr ? static_cast<DynptrKind>(call.dynptr.extra)
                              : call.name == "bpf_dynptr_from_xdp" ? DynptrKind::Xdp
                              : call.name == "bpf_dynptr_from_skb" ? DynptrKind::Skb
                              : call.name == "bpf_dynptr_from_skb_meta" ? DynptrKind::SkbMeta
                                                                        : DynptrKind::Local;
            bool read_only = (kind == DynptrKind::Skb || kind == DynptrKind::Xdp) &&
                             !rules_->may_write_packets;
            return create_dynptr(number, kind, call.dynptr.ref, read_only, 0);
        }
        Reg object;
        if (!find_dynptr(number, true, object)) {
            return false;
        }
        call.dynptr = object;
        call.has_dynptr = true;
        return true;
    }
    if (ends_with(parameter, "__map")) {
        bool is_object = r.kind == Kind::BtfObject && r.has(kTrusted) && !r.is_program_type &&
                         r.off >= 0 && r.var.is_constant() && r.var.value() == 0 &&
                         environment_.kernel_btf->has_type_at(
                             r.extra, static_cast<u32>(r.off), "bpf_map");
        if (r.kind != Kind::ConstMap && !is_object) {
            return fail(Problem::BadArgument, n, "r", number, " is no map");
        }
        if (call.queue.map != nullptr &&
            (is_object || call.queue.map != r.map || call.queue.parent != r.parent)) {
            return fail(Problem::BadArgument, n, "the work queue or task work lies in another map");
        }
        return true;
    }
    if (ends_with(parameter, "__str")) {
        return check_constant_string(r, number);
    }
    if (ends_with(parameter, "__alloc") || ends_with(parameter, "__refcounted_kptr")) {
        bool is_object = r.kind == Kind::BtfObject && r.has(kAlloc) && r.is_program_type;
        bool drops = (flags & kReleaseRef) != 0;
        if (drops && is_object && r.has(kPercpu) != (call.name == "bpf_percpu_obj_drop_impl")) {
            return fail(Problem::BadArgument, n,
                        r.has(kPercpu) ? "a per-CPU object is dropped by bpf_percpu_obj_drop"
                                       : "the object is not per CPU");
        }
        if (!is_object || (drops && r.ref == 0)) {
            return fail(Problem::BadArgument, n, "r", number,
                        " is no object that the program has allocated and owns");
        }
        if (!drops) {
            bool counts = false;
            for (const SpecialField& f : object_fields(r.extra)) {
                counts = counts || f.kind == FieldKind::Refcount;
            }
            if (!counts) {
                return fail(Problem::BadArgument, n, "the object has no reference count");
            }
        }
        if (r.off != 0 && drops) {
            return fail(Problem::BadArgument, n, "the object's pointer was moved");
        }
        call.object = r;
        call.released_ref = drops ? r.ref : 0;
        return true;
    }
    if (r.kind == Kind::Function) {
        call.callback = r.extra;
        return true;
    }
    if (type == "bpf_wq" || type == "bpf_task_work") {
        FieldKind want = type == "bpf_wq" ? FieldKind::Workqueue : FieldKind::TaskWork;
        if (r.kind == Kind::MapValue && r.var.is_constant()) {
            for (const SpecialField& f : r.map->fields) {
                if (f.kind == want && r.off + static_cast<s64>(r.var.value()) ==
                                          static_cast<s64>(f.offset)) {
                    call.queue = r;
                    return true;
                }
            }
        }
        return fail(Problem::BadArgument, n, "r", number, " points to no ",
                    type == "bpf_wq" ? "work queue" : "task work", " of a map");
    }
    if (type == "bpf_res_spin_lock") {
        return lock_argument(number, call);
    }
    if (!graph_argument(number, type, call, handled)) {
        return false;
    }
    return true;
}

bool Analysis::special_kfunc(KfuncCall& call, bool& ended) {
    std::string_view name = call.name;
    const Btf& kernel = *environment_.kernel_btf;
    if (call.row->flags & kIteratorDestroy) {
        return iterator_destroy(call);
    }
    bool handled = false;
    if (!graph_call(call, handled) || handled) {
        return handled && report_.problem == Problem::None;
    }
    if (name == "bpf_rcu_read_lock") {
        if (state_->rcu_locks != 0 && environment_.target.version < 618) {
            return fail(Problem::LockRule, -1, "RCU read sections do not nest");
        }
        state_->rcu_locks++;
    } else if (name == "bpf_rcu_read_unlock") {
        if (state_->rcu_locks == 0) {
            return fail(Problem::LockRule, -1, "an RCU read section ends that was not begun");
        }
        if (--state_->rcu_locks == 0) {
            if (!change_regs([](const Reg& r) { return r.has(kRcu); },
                             [](Reg& r) {
                                 r.flags &= ~u32{kRcu | kMaybeNull};
                                 r.flags |= kUntrusted;
                             })) {
                return false;
            }
            for (u32 f = 0; f < state_->frame_count; f++) {
                for (u32 i = 0; i < state_->frames[f]->stack_slots; i++) {
                    const Slot& s = state_->frames[f]->stack->slots()[i];
                    if (s.tags[0] == Tag::Iterator && s.reg.has(kRcu)) {
                        if (!own_frame(f) || !own_stack(frame_at(f), frame_at(f).stack_slots)) {
                            return false;
                        }
                        Reg& r = frame_at(f).stack->slots()[i].reg;
                        r.flags = (r.flags & ~u32{kRcu}) | kUntrusted;
                    }
                }
            }
        }
    } else if (name == "bpf_preempt_disable") {
        state_->preempt_locks++;
    } else if (name == "bpf_preempt_enable") {
        if (state_->preempt_locks == 0) {
            return fail(Problem::LockRule, -1, "preemption is enabled that was not disabled");
        }
        state_->preempt_locks--;
    } else if (name == "bpf_cast_to_kern_ctx") {
        if (reg(1).kind != Kind::Context) {
            return fail(Problem::BadArgument, 1, "r1 is not the context");
        }
        const char* type = rules_->context->kernel_type;
        call.result = Reg::pointer(Kind::BtfObject);
        call.result.extra = type != nullptr ? kernel.find(type, BtfKind::Struct) : 0;
        call.result.flags = kTrusted;
        call.result_is_set = true;
    } else if (name == "bpf_rdonly_cast") {
        u32 type = kernel.skip_modifiers(static_cast<u32>(call.constant));
        if (kernel.type(type).is_composite()) {
            call.result = Reg::pointer(Kind::BtfObject);
            call.result.extra = type;
        } else if (environment_.target.version >= 617 && call.constant == 0) {
            call.result = Reg::pointer(Kind::Memory);
            call.result.flags = kReadOnly;
        } else {
            return fail(Problem::BadArgument, 2, "the type of the cast must be a structure");
        }
        call.result.flags |= kUntrusted;
        call.result_is_set = true;
    } else if (name == "bpf_dynptr_slice" || name == "bpf_dynptr_slice_rdwr") {
        bool writes = name == "bpf_dynptr_slice_rdwr";
        if (!call.has_constant || !call.has_dynptr) {
            return fail(Problem::BadArgument, 4, "the slice's size must be constant");
        }
        if (writes && !rules_->may_write_packets) {
            return fail(Problem::ReadOnly, 1, "this program may not write packets");
        }
        DynptrKind kind = static_cast<DynptrKind>(call.dynptr.extra);
        call.result = Reg::pointer(Kind::Memory);
        call.result.extra = static_cast<u32>(call.constant);
        call.result.parent = call.dynptr.id;
        call.result.ref = call.dynptr.ref;
        call.result.flags = (writes ? 0 : kReadOnly) | (kind == DynptrKind::Skb || kind == DynptrKind::SkbMeta ? kDynptrSkb : 0) |
                            (kind == DynptrKind::Xdp ? kDynptrXdp : 0);
        // Data that does not lie in one piece is copied to the buffer, and the slice is that.
        const Reg& buffer = reg(3);
        bool is_on_stack = buffer.kind == Kind::Stack && buffer.var.is_constant();
        if (is_on_stack) {
            call.result.frame = static_cast<u8>(buffer.frame + 1);
            call.result.range = buffer.off + static_cast<s32>(buffer.var.value());
        } else if (buffer.kind == Kind::Stack) {
            return fail(Problem::BadArgument, 3, "the buffer's place on the stack must be constant");
        } else if (buffer.kind == Kind::Memory) {
            call.result.frame = buffer.frame;
            call.result.range = buffer.range;
        }
        call.result_is_set = true;
    } else if (name == "bpf_wq_set_callback_impl") {
        CallFacts facts;
        facts.callback_subprogram = call.callback;
        facts.map = reg(1).map;
        return push_async_callback(facts, CallbackKind::Workqueue);
    } else if (is_task_work(name)) {
        CallFacts facts;
        facts.callback_subprogram = call.callback;
        facts.map = call.queue.map;
        return push_async_callback(facts, CallbackKind::TaskWork);
    } else if (name == "bpf_session_cookie") {
        call.result = Reg::pointer(Kind::Memory);
        call.result.extra = 8;
        call.result_is_set = true;
    } else if (name == "bpf_throw") {
        ended = true;
        return step_throw();
    } else if (name == "__bpf_trap") {
        return fail(Problem::BadControlFlow, -1,
                    "the compiler's trap is reached: it found the behaviour here undefined, mostly "
                    "for a variable that was never set");
    } else if (name == "bpf_xdp_pull_data") {
        invalidate_packets();
    } else if (name == "bpf_get_kmem_cache") {
        call.result = Reg::pointer(Kind::BtfObject);
        call.result.extra = kernel.find("kmem_cache", BtfKind::Struct);
        call.result.flags = kUntrusted;
        call.result_is_set = true;
    }
    return true;
}

}  // namespace gyre::bpf
