// SPDX-License-Identifier: MIT
//
// A call of a helper, from the question whether it may be called to what it leaves in r0.
#include "lib/bpf/helper_ids.h"
#include "lib/bpf/analysis.h"

namespace gyre::bpf {
namespace {

bool acquires_reference(u32 id, const Map* map) {
    switch (id) {
        case helper::kSkLookupTcp: case helper::kSkLookupUdp: case helper::kSkcLookupTcp:
        case helper::kRingbufReserve: case helper::kKptrXchg: return true;
        case helper::kMapLookup:
            return map != nullptr &&
                   (map->type == MapType::Sockmap || map->type == MapType::Sockhash);
        default: return false;
    }
}

bool casts_pointer(u32 id) {
    switch (id) {
        case helper::kSkFullsock: case helper::kTcpSock: case 136: case 137: case 138: case 139:
        case 140: case 178: case 196: return true;  // skc_to_*
        default: return false;
    }
}

// Timers and the like are initialized together with the map they lie in, so a value must know which
// of the inner maps of one kind it was found in.
bool knows_its_map(const Map& map) {
    for (const SpecialField& f : map.fields) {
        if (f.kind == FieldKind::Timer || f.kind == FieldKind::Workqueue ||
            f.kind == FieldKind::TaskWork) {
            return true;
        }
    }
    return false;
}

bool returns_string_length(u32 id) {
    switch (id) {
        case helper::kGetStack: case helper::kGetTaskStack: case helper::kProbeReadStr:
        case helper::kProbeReadKernelStr: case helper::kProbeReadUserStr: return true;
        default: return false;
    }
}

}  // namespace

bool Analysis::refine_helper_result(u32 id, const Reg& size_argument) {
    Reg& r0 = reg(0);
    if (returns_string_length(id)) {
        s64 most = size_argument.is_scalar() ? size_argument.var.smax : kMaxVariableOffset;
        r0.var.smax = most;
        r0.var.smin = -4095;  // the largest errno
        r0.var.half_smax = static_cast<s32>(min_of(most, s64{0x7fffffff}));
        r0.var.half_smin = -4095;
        synchronize(r0.var);
    } else if (id == helper::kGetSmpProcessorId) {
        r0.var.umax = environment_.target.cpu_count - 1;
        r0.var.half_umax = environment_.target.cpu_count - 1;
        synchronize(r0.var);
    }
    return true;
}

bool Analysis::push_callback(u32 id, const CallFacts& facts) {
    u32 s = facts.callback_subprogram;
    Frame& caller = top();
    Reg a1 = caller.regs[1], a3 = caller.regs[3], a4 = caller.regs[4];
    if (id == helper::kLoop) {
        need_register(1);
        if (caller.callback_depth >= a1.var.umax) {
            caller.callback_depth = 0;
            return true;  // the loop cannot run again
        }
    }
    if (caller.callback_depth >= 0xfff0) {
        return fail(Problem::TooComplex, -1, "a callback does not come to rest");
    }
    State* inside = fork(flow_.subprograms[s].begin, true);
    if (inside == nullptr) {
        return false;
    }
    top().callback_depth = 0;
    State* outside = state_;
    state_ = inside;
    top().callback_depth++;
    bool pushed = push_frame(s, outside->insn);
    if (pushed) {
        Frame& f = top();
        f.references_at_entry = state_->reference_count;
        for (unsigned number : {3u, 4u}) {
            if (inside->frames[state_->frame_count - 2u]->regs[number].is_scalar()) {
                demand_.need_register(outside->insn, number);
            }
        }
        switch (id) {
            case helper::kForEachMapElem:
                f.callback = CallbackKind::ForEach;
                f.regs[1] = Reg::pointer(Kind::ConstMap);
                f.regs[1].map = facts.map;
                f.regs[2] = Reg::pointer(Kind::MapKey);
                f.regs[2].map = facts.map;
                f.regs[3] = Reg::pointer(Kind::MapValue);
                f.regs[3].map = facts.map;
                f.regs[3].id = new_id();
                f.regs[1].parent = facts.map_lookup;
                f.regs[3].parent = knows_its_map(*facts.map) ? facts.map_lookup : 0;
                f.regs[4] = a3;
                break;
            case helper::kLoop:
                f.callback = CallbackKind::Loop;
                f.regs[1] = Reg::unknown();
                f.regs[2] = a3;
                break;
            case helper::kFindVma:
                f.callback = CallbackKind::FindVma;
                f.regs[1] = a1;
                f.regs[2] = Reg::pointer(Kind::BtfObject);
                f.regs[2].extra = environment_.kernel_btf != nullptr
                                      ? environment_.kernel_btf->find("vm_area_struct",
                                                                      BtfKind::Struct)
                                      : 0;
                f.regs[3] = a4;
                break;
            default:
                f.callback = CallbackKind::UserRingbuf;
                f.regs[1] = Reg::pointer(Kind::Dynptr);
                f.regs[1].extra = static_cast<u32>(DynptrKind::Local);
                f.regs[1].frame = 1;
                f.regs[1].flags = kReadOnly;
                f.regs[1].id = new_id();
                f.regs[2] = a3;
                break;
        }
        if (f.regs[1].kind == Kind::Dynptr) {
            f.regs[1].flags = 0;
        }
    }
    state_ = outside;
    return pushed;
}

bool Analysis::push_async_callback(const CallFacts& facts, CallbackKind kind) {
    Subprogram& sub = flow_.subprograms[facts.callback_subprogram];
    sub.is_async_callback = true;
    const Map* map = facts.map;
    if (sub.async_map == map && sub.has_async_entry && sub.async_kind == static_cast<u8>(kind)) {
        return true;  // walked already, or waiting to be
    }
    sub.async_map = map;
    sub.async_kind = static_cast<u8>(kind);
    sub.has_async_entry = true;
    State* s = arena_.make<State>();
    Pending* entry = s != nullptr ? arena_.make<Pending>(pending_, s) : nullptr;
    if (entry == nullptr) {
        return out_of_memory();
    }
    State* outside = state_;
    state_ = s;
    s->insn = sub.begin;
    s->may_sleep = kind != CallbackKind::Timer;  // the others run in threads
    bool pushed = push_frame(facts.callback_subprogram, Frame::kNoCall);
    if (pushed) {
        Frame& f = top();
        f.is_async = true;
        f.callback = kind;
        f.regs[1] = Reg::pointer(Kind::ConstMap);
        f.regs[1].map = map;
        f.regs[2] = Reg::pointer(Kind::MapKey);
        f.regs[2].map = map;
        f.regs[3] = Reg::pointer(Kind::MapValue);
        f.regs[3].map = map;
        f.regs[3].id = new_id();
    }
    state_ = outside;
    pending_ = entry;
    pending_count_++;
    return pushed;
}

bool Analysis::set_helper_result(u32 id, CallFacts& facts) {
    const HelperPrototype& h = *facts.helper;
    Reg& r0 = reg(0);
    const Btf* btf = environment_.kernel_btf;
    u32 flags = h.result.flags & (kMaybeNull | kReadOnly | kRingbuf | kTrusted | kRcu);
    switch (h.result.kind) {
        case ReturnKind::Void: return true;
        case ReturnKind::Integer: r0 = Reg::unknown(); return true;
        case ReturnKind::MapValue: {
            if (facts.map == nullptr) {
                return fail(Problem::BadArgument, -1, "the helper's map is not known");
            }
            r0 = Reg::pointer(Kind::MapValue);
            r0.map = facts.map;
            bool always_there = facts.has_constant_key &&
                                (facts.map->type == MapType::Array ||
                                 facts.map->type == MapType::PercpuArray) &&
                                id == helper::kMapLookup &&
                                facts.constant_key < facts.map->max_entries;
            r0.flags = always_there ? 0 : flags;
            for (const SpecialField& f : facts.map->fields) {
                if (f.kind == FieldKind::SpinLock || f.kind == FieldKind::ResSpinLock) {
                    r0.id = new_id();
                }
            }
            r0.parent = knows_its_map(*facts.map) ? facts.map_lookup : 0;
            break;
        }
        case ReturnKind::Socket: r0 = Reg::pointer(Kind::Socket); r0.flags = flags; break;
        case ReturnKind::TcpSock: r0 = Reg::pointer(Kind::TcpSock); r0.flags = flags; break;
        case ReturnKind::SockCommon: r0 = Reg::pointer(Kind::SockCommon); r0.flags = flags; break;
        case ReturnKind::Mem:
            r0 = Reg::pointer(Kind::Memory);
            r0.flags = flags;
            r0.extra = facts.allocation_size;
            if (id == helper::kDynptrData) {
                r0.parent = facts.dynptr_id;
                r0.ref = facts.dynptr_ref;
                if (facts.dynptr == DynptrKind::Ringbuf) {
                    r0.flags &= ~u32{kRingbuf};
                }
            }
            break;
        case ReturnKind::MemOrBtfId: {
            u32 type = facts.result_type_id;
            const Btf* types = facts.result_is_program_type ? program_.btf : btf;
            if (types != nullptr && types->type(type).is_composite()) {
                r0 = Reg::pointer(Kind::BtfObject);
                r0.extra = type;
                r0.is_program_type = facts.result_is_program_type;
                r0.flags = (flags & kMaybeNull) |
                           (facts.result_is_program_type ? (kAlloc | kRcu) : kTrusted);
            } else {
                u32 size = 0;
                if (types == nullptr || !types->size_of(type, size)) {
                    return fail(Problem::BadType, -1, "the per-CPU variable has no size");
                }
                r0 = Reg::pointer(Kind::Memory);
                r0.extra = size;
                r0.flags = (flags & kMaybeNull) | kReadOnly;
            }
            break;
        }
        case ReturnKind::BtfId:
            r0 = Reg::pointer(Kind::BtfObject);
            r0.flags = flags;
            if (id == helper::kKptrXchg) {
                if (facts.field == nullptr) {
                    return fail(Problem::BadArgument, 1, "the exchange's destination is unknown");
                }
                r0.extra = facts.field->type_id;
                r0.is_program_type =
                    facts.field->btf == program_.btf && program_.btf != nullptr;
                r0.flags |= r0.is_program_type ? kAlloc : 0;
                r0.flags |= facts.field->kind == FieldKind::KptrPercpu ? kPercpu : 0;
            } else {
                r0.extra = btf != nullptr && h.result_type != nullptr
                               ? find_kernel_struct(h.result_type)
                               : 0;
                if (r0.extra == 0) {
                    return fail(Problem::BadType, -1, "the helper ", h.name,
                                " needs the kernel's BTF");
                }
            }
            break;
    }
    if (r0.has(kMaybeNull) && r0.id == 0) {
        r0.id = new_id();
    }
    if (casts_pointer(id)) {
        r0.ref = facts.ref;
    }
    if (acquires_reference(id, facts.map)) {
        r0.id = new_id();
        r0.ref = r0.id;
        return acquire(ReferenceKind::Object, r0.id, nullptr);
    }
    return true;
}

bool Analysis::call_helper(const Insn& insn, bool&) {
    u32 id = static_cast<u32>(insn.imm);
    const HelperPrototype* h = offered_helper(id);
    if (h == nullptr || !helper_condition(id)) {
        return refuse_helper(id, h);
    }
    const u32 locked_from = helper::lockdown_level(id);
    if (locked_from != 0 && static_cast<u32>(environment_.facts.lockdown) >= locked_from) {
        return fail(Problem::BadHelper, -1, "this machine is locked down and does not let programs call helper ",
                    h->name);
    }
    if ((h->properties & kGplOnly) && !program_.is_gpl) {
        return fail(Problem::BadHelper, -1, "helper ", h->name,
                    " may be called by programs under a GPL-compatible licence only");
    }
    if (state_->lock_count != 0 && id != helper::kSpinUnlock && id != helper::kSpinLock &&
        id != helper::kKptrXchg) {
        return fail(Problem::LockRule, -1, "helper ", h->name, " is called while a lock is held");
    }
    if (h->properties & kMaySleep) {
        if (!state_->may_sleep || state_->rcu_locks != 0 || state_->preempt_locks != 0 ||
            state_->active_irq != 0) {
            return fail(Problem::SleepRule, -1, "helper ", h->name,
                        " may sleep, which is forbidden here");
        }
    }
    CallFacts facts;
    facts.helper = h;
    facts.may_read_packets = true;
    for (u32 i = 0; i < 5; i++) {
        if (!check_argument(i, facts)) {
            return false;
        }
        if (h->arguments[i].kind == ArgumentKind::PercpuBtfId) {
            facts.result_type_id = reg(i + 1).extra;
            facts.result_is_program_type = reg(i + 1).is_program_type;
        }
    }
    if (!check_helper_map(id, facts)) {
        return false;
    }
    Reg size_argument = reg(id == helper::kGetTaskStack || id == helper::kGetStack ? 3 : 2);
    if (!special_helper(id, facts)) {
        return false;
    }
    bool changes_packets = helper_changes_packets(id);
    if (facts.released_register >= 0 &&
        h->arguments[facts.released_register - 1].kind == ArgumentKind::Dynptr) {
        if (!release_dynptr(static_cast<unsigned>(facts.released_register))) {
            return false;
        }
    } else if (facts.released_ref != 0 && !release_reference(facts.released_ref)) {
        return false;
    }
    clobber_caller_saved();
    if (!set_helper_result(id, facts) || !refine_helper_result(id, size_argument)) {
        return false;
    }
    if (changes_packets) {
        invalidate_packets();
    }
    state_->insn++;
    return true;
}

// What only some helpers ask of their arguments, or do besides returning.
bool Analysis::special_helper(u32 id, CallFacts& facts) {
    switch (id) {
        case helper::kTailCall:
            flow_.subprograms[top().subprogram].has_tail_call = true;
            return check_leaks("a tail call");
        case helper::kGetLocalStorage:
            if (!reg(2).is_zero()) {
                return fail(Problem::BadArgument, 2, "the flags of get_local_storage must be zero");
            }
            need_register(2);
            return true;
        case helper::kForEachMapElem:
        case helper::kLoop:
        case helper::kFindVma:
        case helper::kUserRingbufDrain: return push_callback(id, facts);
        case helper::kTimerSetCallback:
            facts.map = reg(1).map;
            return push_async_callback(facts, CallbackKind::Timer);
        case helper::kTimerInit:
            if (facts.map == nullptr || reg(1).map != facts.map ||
                reg(1).parent != facts.map_lookup) {
                return fail(Problem::BadArgument, 2, "the timer lies in another map");
            }
            return true;
        case helper::kSpinLock: return take_lock(reg(1), ReferenceKind::SpinLock);
        case helper::kSpinUnlock: return release_lock(reg(1), ReferenceKind::SpinLock);
        case helper::kSnprintf:
            if (reg(5).var.is_constant() && reg(5).var.value() % 8 != 0) {
                return fail(Problem::BadArgument, 5, "the data length must be a multiple of eight");
            }
            return true;
        case helper::kRingbufReserveDynptr: {
            u32 ref = new_id();
            return acquire(ReferenceKind::Object, ref, nullptr) &&
                   create_dynptr(4, DynptrKind::Ringbuf, ref, false, 0);
        }
        case helper::kDynptrFromMem:
            if (reg(1).kind != Kind::MapValue) {
                return fail(Problem::BadArgument, 1, "a dynptr is made from a map's value only");
            }
            return create_dynptr(4, DynptrKind::Local, 0, false, 0);
        case helper::kDynptrWrite:
            if (facts.dynptr == DynptrKind::Skb) {
                invalidate_packets();
            }
            return true;
        case helper::kSetRetval:
            if (program_.type == ProgramType::Lsm) {
                const Reg& r = reg(1);
                if (r.var.smin < -4095 || r.var.smax > 0) {
                    return fail(Problem::BadArgument, 1, "the return value must be an errno or 0");
                }
                need_register(1);
            }
            return true;
        default: return true;
    }
}

}  // namespace gyre::bpf
