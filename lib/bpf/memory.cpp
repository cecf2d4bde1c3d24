// SPDX-License-Identifier: MIT
//
// Loads and stores: one place decides by the kind of the base pointer. Stack, context, BTF objects
// and atomic operations have files of their own.
#include "lib/bpf/analysis.h"
#include "lib/bpf/linux/layouts.h"

namespace gyre::bpf {
namespace {

// Programs that look at the kernel's memory, but only through helpers.
bool probes_memory(ProgramType type) {
    return type == ProgramType::Kprobe || type == ProgramType::Tracepoint ||
           type == ProgramType::PerfEvent || type == ProgramType::RawTracepoint ||
           type == ProgramType::RawTracepointWritable;
}

const char* field_name(FieldKind kind) {
    switch (kind) {
        case FieldKind::SpinLock: return "the bpf_spin_lock";
        case FieldKind::ResSpinLock: return "the bpf_res_spin_lock";
        case FieldKind::Timer: return "the bpf_timer";
        case FieldKind::ListHead: return "the bpf_list_head";
        case FieldKind::ListNode: return "the bpf_list_node";
        case FieldKind::RbRoot: return "the bpf_rb_root";
        case FieldKind::RbNode: return "the bpf_rb_node";
        case FieldKind::Refcount: return "the bpf_refcount";
        case FieldKind::Workqueue: return "the bpf_wq";
        case FieldKind::TaskWork: return "the bpf_task_work";
        default: return "a kernel pointer";
    }
}

}  // namespace

bool Analysis::check_alignment(const Reg& base, s32 off, u32 size, bool strict) {
    const char* name = kind_name(base.kind);
    u32 shift = 0;
    bool must = strict;
    switch (base.kind) {
        case Kind::Packet:
        case Kind::PacketMeta: shift = 2; break;  // NET_IP_ALIGN: the headers are aligned, not the frame
        case Kind::Stack: must = true; break;
        default: break;
    }
    if (!must || size == 1) {
        return true;
    }
    Tnum place = tnum_add(base.var.bits,
                          Tnum::constant(static_cast<u64>(s64{base.off} + off + shift)));
    if (!place.is_aligned(size)) {
        return fail(Problem::Misaligned, -1, "an access of ", size, " bytes to ", name,
                    " is not aligned");
    }
    return true;
}

// The whole access must lie in [0, region_size), whatever the variable part is.
bool Analysis::check_region(const Reg& base, int number, s32 off, u32 size, u64 region_size,
                            bool zero_allowed) {
    const char* name = kind_name(base.kind);
    s64 fixed = static_cast<s64>(base.off) + off;
    auto inside = [&](s64 at) {
        bool size_ok = size > 0 || zero_allowed;
        return at >= 0 && size_ok && static_cast<u64>(at) + size <= region_size;
    };
    if (base.var.smin < 0 &&
        (base.var.smin == Width<64>::kSignedMin ||
         fixed + base.var.smin != static_cast<s64>(static_cast<s32>(fixed + base.var.smin)) ||
         fixed + base.var.smin < 0)) {
        return fail(Problem::OutOfBounds, number, "the offset into ", name, " may be negative (",
                    base.var.smin, "); bound it with an unsigned comparison");
    }
    if (!inside(fixed + base.var.smin)) {
        return fail(Problem::OutOfBounds, number, "an access of ", size, " bytes at offset ",
                    fixed + base.var.smin, " lies outside ", name, " of ", region_size, " bytes");
    }
    if (base.var.umax >= static_cast<u64>(kMaxVariableOffset)) {
        return fail(Problem::OutOfBounds, number, "the offset into ", name,
                    " has no upper bound; compare it with the size first");
    }
    if (!inside(fixed + static_cast<s64>(base.var.umax))) {
        return fail(Problem::OutOfBounds, number, "an access of ", size, " bytes at offset up to ",
                    fixed + static_cast<s64>(base.var.umax), " lies outside ", name, " of ",
                    region_size, " bytes");
    }
    return true;
}

bool Analysis::check_packet(unsigned number, s32 off, u32 size, bool zero_allowed) {
    const Reg& base = reg(number);
    s64 at = static_cast<s64>(base.off) + off;
    if (base.var.smin < 0) {
        return fail(Problem::OutOfBounds, static_cast<int>(number),
                    "the offset into the packet may be negative");
    }
    bool size_ok = size > 0 || zero_allowed;
    bool is_inside = base.range >= 0 && at >= 0 && size_ok && at + static_cast<s64>(size) <= base.range;
    if (!is_inside && at >= 0 && base.var.umax + static_cast<u64>(at) > u64{kMaxPacketOffset}) {
        return fail(Problem::OutOfBounds, static_cast<int>(number),
                    "the offset into the packet may be up to ", base.var.umax + static_cast<u64>(at),
                    "; beyond ", kMaxPacketOffset, " a comparison with data_end proves nothing");
    }
    if (!is_inside) {
        return fail(Problem::OutOfBounds, static_cast<int>(number), "an access of ", size,
                    " bytes at offset ", at, " of the packet, of which ",
                    base.range < 0 ? 0 : base.range,
                    " bytes are known to exist; compare the pointer with data_end first");
    }
    return true;
}

bool Analysis::check_constant_offset(const Reg& r, unsigned number, bool fixed_allowed) {
    if (r.off < 0) {
        return fail(Problem::OutOfBounds, static_cast<int>(number), "a negative offset into ",
                    kind_name(r.kind));
    }
    if (!fixed_allowed && r.off != 0) {
        return fail(Problem::PointerArithmetic, static_cast<int>(number), "a pointer to ",
                    kind_name(r.kind), " was moved by ", r.off, "; it must be used as it came");
    }
    if (!r.var.is_constant() || r.var.value() != 0) {
        return fail(Problem::PointerArithmetic, static_cast<int>(number),
                    "a variable offset into ", kind_name(r.kind), " is not allowed");
    }
    return true;
}

bool Analysis::check_map_access(const Reg& base, unsigned number, s32 off, u32 size,
                                bool zero_allowed, Access kind) {
    const Map& map = *base.map;
    if (!check_region(base, static_cast<int>(number), off, size, map.value_size, zero_allowed)) {
        return false;
    }
    s64 low = static_cast<s64>(base.off) + off + base.var.smin;
    s64 high = static_cast<s64>(base.off) + off + static_cast<s64>(base.var.umax) +
               static_cast<s64>(size);
    for (const SpecialField& f : map.fields) {
        if (low < static_cast<s64>(f.offset) + f.size && static_cast<s64>(f.offset) < high) {
            bool is_pointer = f.kind == FieldKind::KptrUntrusted ||
                              f.kind == FieldKind::KptrReferenced ||
                              f.kind == FieldKind::KptrPercpu || f.kind == FieldKind::Uptr;
            if (!is_pointer) {
                return fail(Problem::BadArgument, static_cast<int>(number), "the access of ", size,
                            " bytes at offset ", low, " touches ", field_name(f.kind), " at offset ",
                            f.offset, " of the values of the map ", map.name,
                            ", which only its own helpers may touch");
            }
            if (kind == Access::Read && size == 0) {
                continue;
            }
            return fail(Problem::BadArgument, static_cast<int>(number),
                        "a kernel pointer in the map's value is accessed as plain memory");
        }
    }
    return true;
}

bool Analysis::access_map_value(unsigned number, s32 off, u32 size, Access kind, int value_reg) {
    const Reg base = reg(number);
    const Map& map = *base.map;
    u32 forbidden = kind == Access::Read ? kMapWriteOnlyProgram : kMapReadOnlyProgram;
    if (map.flags & forbidden) {
        return fail(Problem::ReadOnly, static_cast<int>(number),
                    kind == Access::Read ? "the map may only be written"
                                         : "the map may only be read");
    }
    if (base.var.is_constant()) {
        s64 at = static_cast<s64>(base.off) + off + static_cast<s64>(base.var.value());
        for (const SpecialField& f : map.fields) {
            bool is_pointer = f.kind == FieldKind::KptrUntrusted ||
                              f.kind == FieldKind::KptrReferenced ||
                              f.kind == FieldKind::KptrPercpu || f.kind == FieldKind::Uptr;
            if (is_pointer && at < static_cast<s64>(f.offset) + 8 &&
                static_cast<s64>(f.offset) < at + static_cast<s64>(size)) {
                if (at != static_cast<s64>(f.offset) || size != 8) {
                    return fail(Problem::BadArgument, static_cast<int>(number),
                                "a kernel pointer in the map's value is accessed in part");
                }
                return access_special_field(base, f, size, kind, value_reg);
            }
        }
    }
    if (!check_map_access(base, number, off, size, false, kind)) {
        return false;
    }
    if (kind == Access::Read && value_reg >= 0) {
        s64 at = static_cast<s64>(base.off) + off + static_cast<s64>(base.var.value());
        if (base.var.is_constant() && map.knows_contents(static_cast<u64>(at), size)) {
            u64 v = 0;
            for (u32 i = 0; i < size; i++) {
                v |= static_cast<u64>(map.frozen_contents[static_cast<size_t>(at) + i]) << (8 * i);
            }
            reg(static_cast<unsigned>(value_reg)) = Reg::constant(v);
        } else {
            reg(static_cast<unsigned>(value_reg)) = Reg::unknown();
        }
    }
    return true;
}

// A kernel pointer kept in a map value.
bool Analysis::access_special_field(const Reg&, const SpecialField& field, u32, Access kind,
                                    int value_reg) {
    if (kind == Access::Write) {
        if (field.kind == FieldKind::Uptr) {
            return fail(Problem::ReadOnly, -1, "a uptr may not be written");
        }
        if (field.kind == FieldKind::KptrReferenced || field.kind == FieldKind::KptrPercpu) {
            return fail(Problem::BadArgument, value_reg,
                        "a referenced kernel pointer is stored by bpf_kptr_xchg only");
        }
        if (value_reg < 0) {
            return true;  // a constant: the caller has checked that it is zero
        }
        const Reg& r = reg(static_cast<unsigned>(value_reg));
        if (r.is_zero()) {
            need_register(static_cast<unsigned>(value_reg));
            return true;
        }
        bool is_program_type = field.btf == program_.btf && program_.btf != nullptr;
        if (r.kind != Kind::BtfObject || (r.flags & ~u32{kMaybeNull | kTrusted | kRcu | kUntrusted}) ||
            r.extra != field.type_id || r.is_program_type != is_program_type || r.off != 0 || !r.var.is_constant()) {
            return fail(Problem::BadArgument, value_reg,
                        "the value is no pointer of the type that the map declares");
        }
        return true;
    }
    if (value_reg >= 0) {
        Reg r = Reg::pointer(field.kind == FieldKind::Uptr ? Kind::Memory : Kind::BtfObject);
        r.extra = field.type_id;
        r.is_program_type = field.btf == program_.btf && program_.btf != nullptr;
        r.flags = kMaybeNull;
        if (field.kind == FieldKind::Uptr && field.btf != nullptr) {
            u32 bytes = 0;
            field.btf->size_of(field.type_id, bytes);
            r.extra = bytes;
        } else if (field.kind == FieldKind::KptrUntrusted ||
                   (program_.is_sleepable && state_->rcu_locks == 0)) {
            r.flags |= kUntrusted;
        } else {
            r.flags |= kRcu;
            if (field.kind == FieldKind::KptrPercpu) {
                r.flags |= kPercpu;
            } else if (r.is_program_type) {
                r.flags |= kAlloc;
            }
        }
        r.id = new_id();
        reg(static_cast<unsigned>(value_reg)) = r;
    }
    return true;
}

bool Analysis::access(unsigned number, s32 off, u32 size, Access kind, int value_reg,
                      bool sign_extend, bool is_once_strict) {
    const Reg base = reg(number);
    if (number >= kRegisterCount || base.kind == Kind::Uninitialized) {
        return fail(Problem::UnreadableRegister, static_cast<int>(number), "r", number,
                    " is read before it is written");
    }
    if (!check_alignment(base, off, size, program_.needs_strict_alignment || is_once_strict)) {
        return false;
    }
    int n = static_cast<int>(number);
    bool is_write = kind == Access::Write;
    bool stores_pointer = is_write && value_reg >= 0 &&
                          reg(static_cast<unsigned>(value_reg)).is_pointer();
    auto read_number = [&] {
        if (!is_write && value_reg >= 0) {
            reg(static_cast<unsigned>(value_reg)) = Reg::unknown();
        }
        return true;
    };
    if (base.has(kMaybeNull)) {
        return fail(Problem::NullPointer, n, "r", number, " (", kind_name(base.kind),
                    ") may be null; compare it with null first");
    }
    bool done = false;
    switch (base.kind) {
        case Kind::MapKey:
            if (is_write) {
                return fail(Problem::ReadOnly, n, "a map's key may not be written");
            }
            done = check_region(base, n, off, size, base.map->key_size, false) && read_number();
            break;
        case Kind::MapValue: done = access_map_value(number, off, size, kind, value_reg); break;
        case Kind::Memory:
            if (is_write && base.has(kReadOnly)) {
                return fail(Problem::ReadOnly, n, "the memory may only be read");
            }
            if (base.has(kUntrusted)) {
                done = read_number();
                break;
            }
            done = check_region(base, n, off, size, base.extra, false) && read_number() &&
                   (!is_write || write_through_alias(base));
            break;
        case Kind::Context:
            done = access_context(number, off, size, kind, value_reg, sign_extend);
            break;
        case Kind::Stack:
            done = is_write ? write_stack(number, off, size, value_reg, 0)
                            : read_stack(number, off, size, value_reg);
            break;
        case Kind::Packet:
        case Kind::PacketMeta:
            if (is_write && !rules_->may_write_packets) {
                return fail(Problem::ReadOnly, n, "this program type may not write packets");
            }
            done = check_packet(number, off, size, false) && read_number();
            break;
        case Kind::FlowKeys:
            done = check_region(base, n, off, size, 56, false) && read_number();
            break;
        case Kind::Socket:
        case Kind::SockCommon:
        case Kind::TcpSock:
        case Kind::XdpSock:
            if (is_write) {
                return fail(Problem::ReadOnly, n, "a socket may not be written");
            }
            done = access_socket(number, off, size, kind, value_reg) && read_number();
            break;
        case Kind::TpBuffer:
            if (!check_constant_offset(base, number, true) || off < 0) {
                return fail(Problem::OutOfBounds, n, "a bad offset into a tracepoint buffer");
            }
            done = read_number();
            break;
        case Kind::BtfObject: done = access_btf(number, off, size, kind, value_reg); break;
        case Kind::Buffer:
            if (is_write && base.has(kReadOnly)) {
                return fail(Problem::ReadOnly, n, "the buffer may only be read");
            }
            if (!check_constant_offset(base, number, true) || base.off + off < 0) {
                return fail(Problem::OutOfBounds, n, "a bad offset into a buffer");
            }
            done = read_number();
            break;
        case Kind::Arena: done = read_number(); break;
        case Kind::ConstMap:
            if (is_write) {
                return fail(Problem::ReadOnly, n, "a map object may not be written");
            }
            done = access_btf(number, off, size, kind, value_reg);
            break;
        default:
            return fail(
                Problem::BadRegisterUse, n, "r", number, " is ", kind_name(base.kind),
                ", not memory that can be accessed",
                base.is_scalar() && probes_memory(program_.type)
                    ? "; if it is an address, read it with bpf_probe_read_kernel or BPF_CORE_READ"
                    : "");
    }
    (void)stores_pointer;
    if (!done) {
        return false;
    }
    if (!is_write && value_reg >= 0 && size < 8) {
        Reg& r = reg(static_cast<unsigned>(value_reg));
        if (r.is_scalar()) {
            Scalar v = extend(r.var, size * 8, sign_extend);
            if (!(v == r.var)) {
                r = Reg::scalar(v);
            }
        }
    }
    return true;
}

// Loads and stores through some kinds of pointers are rewritten when a program is loaded, each kind
// in its own way; one instruction cannot serve two of them.
bool Analysis::check_base_kind(unsigned number) {
    auto is_rewritten = [](u8 k) {
        switch (static_cast<Kind>(k)) {
            case Kind::Context: case Kind::Socket: case Kind::SockCommon: case Kind::TcpSock:
            case Kind::XdpSock: case Kind::BtfObject: case Kind::Arena: return true;
            default: return false;
        }
    };
    u8& seen = demand_.at(state_->insn).base_kind;
    u8 now = static_cast<u8>(reg(number).kind);
    if (seen == 0) {
        seen = now;
    } else if (seen != now && (is_rewritten(seen) || is_rewritten(now))) {
        return fail(Problem::BadRegisterUse, static_cast<int>(number),
                    "this instruction is reached with ", kind_name(static_cast<Kind>(seen)),
                    " on one path and with ", kind_name(reg(number).kind), " on another");
    }
    return true;
}

bool Analysis::step_load(const Insn& insn) {
    bool sign = insn.mode() == kModeMemSx;
    bool is_unknown = sign && environment_.target.version < kInstructionSetFour;
    if ((insn.mode() != kModeMem && !sign) || is_unknown || (sign && insn.size_bits() == kSizeDw) ||
        insn.imm != 0) {
        return fail(Problem::BadEncoding, -1, "an unknown load or reserved fields set");
    }
    if (insn.dst() >= kFramePointer) {
        return fail(Problem::BadRegisterUse, insn.dst(), "r10 may not be written");
    }
    if (insn.src() >= kRegisterCount) {
        return fail(Problem::BadEncoding, -1, "there is no such register");
    }
    if (!check_base_kind(insn.src())) {
        return false;
    }
    if (sign && reg(insn.src()).kind == Kind::Arena && environment_.target.version < 618) {
        return refuse_version(Problem::BadRegisterUse, 618, "a sign-extending load from an arena");
    }
    return access(insn.src(), insn.off, access_size(insn.size_bits()), Access::Read, insn.dst(),
                  sign, false);
}

bool Analysis::step_store(const Insn& insn) {
    bool from_register = insn.insn_class() == kClassStx;
    if (insn.mode() != kModeMem || (from_register ? insn.imm != 0 : insn.src() != 0) ||
        insn.dst() >= kRegisterCount || insn.src() >= kRegisterCount) {
        return fail(Problem::BadEncoding, -1, "an unknown store or reserved fields set");
    }
    u32 size = access_size(insn.size_bits());
    if (!check_base_kind(insn.dst())) {
        return false;
    }
    if (from_register) {
        if (reg(insn.src()).kind == Kind::Uninitialized) {
            return fail(Problem::UnreadableRegister, insn.src(), "r", u32{insn.src()},
                        " is read before it is written");
        }
        return access(insn.dst(), insn.off, size, Access::Write, insn.src(), false, false);
    }
    const Reg& base = reg(insn.dst());
    if (base.kind == Kind::Stack) {
        if (!check_alignment(base, insn.off, size, true)) {
            return false;
        }
        return write_stack(insn.dst(), insn.off, size, kConstant, insn.imm);
    }
    if (base.kind == Kind::MapValue && base.map != nullptr && insn.imm != 0) {
        s64 at = static_cast<s64>(base.off) + insn.off;
        for (const SpecialField& f : base.map->fields) {
            if (at < static_cast<s64>(f.offset) + f.size &&
                static_cast<s64>(f.offset) < at + static_cast<s64>(size)) {
                return fail(Problem::BadArgument, insn.dst(),
                            "only zero may be stored as a constant in a kernel pointer");
            }
        }
    }
    return access(insn.dst(), insn.off, size, Access::Write, -1, false, false);
}

bool Analysis::step_load_packet(const Insn& insn) {
    if (!rules_->may_load_bytes) {
        return fail(Problem::BadHelper, -1, "this program type has no legacy packet loads");
    }
    if (insn.dst() != 0 || insn.off != 0 || insn.size_bits() == kSizeDw ||
        (insn.mode() == kModeAbs && insn.src() != 0)) {
        return fail(Problem::BadEncoding, -1, "the instruction sets reserved fields");
    }
    // A failing load ends the program, so nothing may be held.
    if (!check_leaks("a legacy packet load")) {
        return false;
    }
    if (reg(6).kind != Kind::Context) {
        return fail(reg(6).kind == Kind::Uninitialized ? Problem::UnreadableRegister
                                                       : Problem::BadRegisterUse,
                    6, "legacy packet loads need the context in r6");
    }
    if (insn.mode() == kModeInd && reg(insn.src()).kind == Kind::Uninitialized) {
        return fail(Problem::UnreadableRegister, insn.src(), "the index was never written");
    }
    if (!check_constant_offset(reg(6), 6, false)) {
        return false;
    }
    clobber_caller_saved();
    u32 size = access_size(insn.size_bits());
    if (state_->frame_count > 1 && environment_.target.version >= 612) {
        // A load that fails ends the subprogram with zero; its caller goes on.
        if (flow_.subprograms[top().subprogram].returns_void &&
            flow_.subprograms[top().subprogram].type_id != 0) {
            return fail(Problem::BadControlFlow, -1,
                        "a legacy packet load ends its function with a number; this one returns "
                        "nothing");
        }
        State* failed = fork(state_->insn + 1, true);
        if (failed == nullptr) {
            return false;
        }
        trails_.lose(*failed);
        State* going_on = state_;
        state_ = failed;
        bool path_ended = false;
        reg(0) = Reg::constant(0);
        bool returned = return_from_callee(path_ended);
        state_ = going_on;
        if (!returned) {
            return false;
        }
    }
    reg(0) = Reg::scalar(extend(kUnknownScalar, size * 8, false));
    return true;
}

}  // namespace gyre::bpf
