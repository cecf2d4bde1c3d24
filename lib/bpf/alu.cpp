// SPDX-License-Identifier: MIT
//
// Arithmetic: on numbers by the scalar domain, on pointers by the rules of their kind.
#include "lib/bpf/analysis.h"
#include "lib/bpf/generalize.h"

namespace gyre::bpf {
namespace {

// Whether the operation adds exactly `delta`, without wrapping round at the width of the operation.
bool adds_exactly(const Insn& insn, const Scalar& value, const Scalar& operand, s64& delta) {
    u8 op = insn.op();
    if ((op != kAdd && op != kSub) || !operand.is_constant()) {
        return false;
    }
    bool wide = insn.insn_class() == kClassAlu64;
    delta = wide ? static_cast<s64>(operand.value())
                 : s64{static_cast<s32>(static_cast<u32>(operand.value()))};
    if (op == kSub && __builtin_sub_overflow(s64{0}, delta, &delta)) {
        return false;
    }
    // A wide sum wraps like the anchored number itself; a half one is cut and must not.
    return wide || (value.umax <= 0xffffffff && static_cast<s64>(value.umin) + delta >= 0 &&
                    static_cast<s64>(value.umax) + delta <= s64{0xffffffff});
}

bool is_bitwise(u8 op) { return op == kAnd || op == kOr || op == kXor; }

}  // namespace

bool Analysis::check_alu_encoding(const Insn& insn) {
    bool wide = insn.insn_class() == kClassAlu64;
    bool bad = false;
    u8 op = insn.op();
    if (op == kNeg) {
        bad = insn.uses_register_source() || insn.src() != 0 || insn.off != 0 || insn.imm != 0;
    } else if (op == kEnd) {
        bad = insn.src() != 0 || insn.off != 0 ||
              (insn.imm != 16 && insn.imm != 32 && insn.imm != 64) ||
              (wide && insn.uses_register_source());
    } else if (op > kEnd) {
        bad = true;
    } else if (insn.uses_register_source()) {
        bad = insn.imm != 0 && !(op == kMov && wide && insn.off == 1);
        if (op == kMov) {
            bool is_cast = wide && insn.off == 1 && arena_map_ != nullptr &&
                           (insn.imm == 1 || insn.imm == 1 << 16);
            bool is_extension = insn.off == 8 || insn.off == 16 || (wide && insn.off == 32);
            bad = bad || (insn.off != 0 && !is_cast && !is_extension);
        } else if (op == kDiv || op == kMod) {
            bad = bad || (insn.off != 0 && insn.off != 1);
        } else {
            bad = bad || insn.off != 0;
        }
    } else {
        bad = insn.src() != 0 || (insn.off != 0 && !((op == kDiv || op == kMod) && insn.off == 1));
    }
    bool is_version_four = (op == kEnd && wide) || insn.off != 0;
    if (is_version_four && environment_.target.version < kInstructionSetFour) {
        bad = true;
    }
    if (bad) {
        return fail(Problem::BadEncoding, -1, "the instruction sets reserved fields");
    }
    if (!insn.uses_register_source()) {
        if ((op == kDiv || op == kMod) && insn.imm == 0) {
            return fail(Problem::BadRegisterUse, insn.dst(), "division by the constant zero");
        }
        if ((op == kLsh || op == kRsh || op == kArsh) &&
            (insn.imm < 0 || insn.imm >= (wide ? 64 : 32))) {
            return fail(Problem::BadRegisterUse, insn.dst(), "a shift by ", insn.imm,
                        " is not defined");
        }
    }
    return true;
}

bool Analysis::move(const Insn& insn) {
    bool wide = insn.insn_class() == kClassAlu64;
    Reg& dst = reg(insn.dst());
    if (!insn.uses_register_source()) {
        u64 v = wide ? static_cast<u64>(static_cast<s64>(insn.imm)) : static_cast<u32>(insn.imm);
        dst = Reg::constant(v);
        return true;
    }
    Reg& src = reg(insn.src());
    if (wide && insn.off == 1) {  // address-space cast
        if (insn.imm == 1) {      // arena to kernel: an arena pointer
            dst = Reg::pointer(Kind::Arena);
        } else {
            dst = Reg::unknown();
        }
        return true;
    }
    if (wide && insn.off == 0) {
        if (src.is_scalar() && src.id == 0 && !src.var.is_constant()) {
            src.id = new_id();
        }
        dst = src;
        return true;
    }
    if (!src.is_scalar()) {  // a part of a pointer is a number of which nothing is known
        dst = Reg::unknown();
        if (!wide) {
            dst.var = zero_extend_half(dst.var);
        }
        return true;
    }
    if (insn.off == 0) {
        bool fits = src.var.umax <= 0xffffffffu;
        if (fits && src.id == 0 && !src.var.is_constant()) {
            src.id = new_id();
        }
        Reg r = src;
        if (!fits) {
            r = Reg::scalar(zero_extend_half(src.var));
            r.commonness = src.commonness;
            r.common = src.common;
            r.common_width = src.common_width;
            r.check_common();
        }
        dst = r;
        return true;
    }
    unsigned bits = static_cast<unsigned>(insn.off);
    Scalar value = src.var;
    if (!wide) {
        value = zero_extend_half(value);
    }
    Scalar extended = extend(value, bits, true);
    bool unchanged = wide && src.var.umax < (u64{1} << (bits - 1));
    if (unchanged && src.id == 0 && !src.var.is_constant()) {
        src.id = new_id();
    }
    Reg r = unchanged ? src : Reg::scalar(wide ? extended : zero_extend_half(extended));
    if (!unchanged && src.commonness != Common::All) {
        r.commonness = Common::None;
    }
    dst = r;
    return true;
}

bool Analysis::scalar_operation(const Insn& insn, Reg& dst, const Reg& src) {
    bool wide = insn.insn_class() == kClassAlu64;
    u8 op = insn.op();
    // Adding a constant keeps the link to the numbers that were equal: they differ by it.
    if (wide && op == kAdd && dst.id != 0 && src.var.is_constant() && !dst.var.is_constant()) {
        s64 delta = static_cast<s64>(src.var.value());
        s64 total = delta + dst.off;
        bool is_near = delta > -(s64{1} << 31) && delta < (s64{1} << 31) &&
                       total > -(s64{1} << 31) && total < (s64{1} << 31);
        u32 id = is_near ? dst.id : 0;
        Reg was = dst;
        dst.var = alu_full(op, dst.var, src.var);
        carry_common(insn, was, src, dst);
        dst.id = id;
        dst.off = id != 0 ? static_cast<s32>(total) : 0;
        dst.move_anchor(delta);
        dst.is_link_offset = dst.off != 0;
        return true;
    }
    Reg before = dst;
    s64 delta = 0;
    bool keeps_anchor = before.anchor != 0 && adds_exactly(insn, before.var, src.var, delta);
    bool is_signed_division = (op == kDiv || op == kMod) && insn.off == 1;
    Scalar result;
    bool is_followed = environment_.target.follows_division || (op != kDiv && op != kMod);
    if (is_signed_division || !is_followed) {
        // Linux since 6.10 knows nothing of the upper half either, though it is zero.
        bool forgets_half = environment_.target.is_linux && environment_.target.version >= 610;
        result = wide || forgets_half ? kUnknownScalar : zero_extend_half(kUnknownScalar);
    } else {
        result = wide ? alu_full(op, dst.var, src.var) : alu_half(op, dst.var, src.var);
    }
    Reg computed = Reg::scalar(result);
    carry_common(insn, before, src, computed);
    dst = computed;
    if (keeps_anchor) {
        dst.anchor = before.anchor;
        dst.moved = before.moved;
        dst.move_anchor(delta);
    }
    return true;
}

bool Analysis::check_sane_offset(const Reg& r, Kind pointer_kind, int number) {
    const char* name = kind_name(pointer_kind);
    if (r.var.is_constant()) {
        s64 v = static_cast<s64>(r.var.value());
        if (v >= kMaxVariableOffset || v <= -kMaxVariableOffset) {
            return fail(Problem::PointerArithmetic, number, "an offset of ", v, " is too far from ",
                        name);
        }
    }
    if (r.is_pointer() && (r.off >= kMaxVariableOffset || r.off <= -kMaxVariableOffset)) {
        return fail(Problem::PointerArithmetic, number, "an offset of ", r.off,
                    " is too far from ", name);
    }
    if (r.var.smin == Width<64>::kSignedMin) {
        return fail(Problem::PointerArithmetic, number, "arithmetic on ", name,
                    " with a number that has no lower bound");
    }
    if (r.var.smin >= kMaxVariableOffset || r.var.smin <= -kMaxVariableOffset) {
        return fail(Problem::PointerArithmetic, number, "an offset of ", r.var.smin,
                    " is too far from ", name);
    }
    return r.var.smax < kMaxVariableOffset || !stands_for_several() || has_small_member(r) ||
           fail(Problem::PointerArithmetic, number, "an offset of up to ", r.var.smax,
                " is too far from ", name);
}

// Whether an attempt is under way whose numbers stand for others.
bool Analysis::stands_for_several() const {
    bool is_several = false;
    for (const Attempt* a = attempts_; a != nullptr && !is_several; a = a->below) {
        is_several = a->is_loop || a->joins_numbers || a->joins_bytes;
    }
    return is_several;
}

// Linux refuses to add a number to a pointer if all that it may be is far; if only some of it is, the
// access is asked. Of a number that a join made of several each would be asked for by itself: none is
// refused if they have a small number in common. Nothing but the verdict hangs on this: where such a
// pointer is followed its bounds are checked all the same.
bool Analysis::has_small_member(const Reg& r) {
    bool is_loop = false;
    bool has_lost_bytes = false;
    for (const Attempt* a = attempts_; a != nullptr; a = a->below) {
        is_loop = is_loop || a->is_loop;
        has_lost_bytes = has_lost_bytes || a->joins_bytes;
    }
    bool is_small = r.commonness == Common::Some
                        ? r.common < kMaxVariableOffset
                        : r.commonness == Common::All && !has_lost_bytes;
    has_asked_common_ = true;
    return is_small && !is_loop;
}

// What `result`, computed from `a` and `b`, has in common.
void Analysis::carry_common(const Insn& insn, const Reg& a, const Reg& b, Reg& result) {
    if (a.commonness == Common::All && b.commonness == Common::All) {
        result.commonness = Common::All;
        return;
    }
    result.commonness = Common::None;
    bool is_known = a.commonness != Common::None && b.commonness != Common::None;
    if (!is_known || (insn.op() != kAdd && insn.op() != kSub)) {
        return;
    }
    constexpr s64 kFar = s64{1} << 40;
    bool is_half = insn.insn_class() == kClassAlu;
    auto low = [&](const Reg& r) {
        return r.commonness == Common::Some ? s64{r.common}
               : is_half                    ? s64{static_cast<s32>(r.var.half_smin)}
                                            : r.var.smin;
    };
    // Of numbers with gaps in between only the lowest is counted on.
    auto high = [&](const Reg& r) {
        s64 end = r.commonness == Common::Some ? r.common_end()
                  : is_half                    ? s64{static_cast<s32>(r.var.half_smax)}
                                               : r.var.smax;
        bool has_gaps = r.commonness == Common::All && !r.may_be_any(low(r), end);
        return has_gaps ? low(r) : end;
    };
    bool is_near = low(a) > -kFar && high(a) < kFar && low(b) > -kFar && high(b) < kFar;
    if (is_near && insn.op() == kAdd) {
        result.set_common(low(a) + low(b), high(a) + high(b));
    } else if (is_near) {
        result.set_common(low(a) - high(b), high(a) - low(b));
    }
}

bool Analysis::pointer_operation(const Insn& insn, const Reg& pointer_in, const Reg& offset_in,
                                 bool pointer_is_dst) {
    Reg pointer = pointer_in;
    Reg offset = offset_in;
    unsigned number = insn.dst();
    u8 op = insn.op();
    Reg& dst = reg(number);
    const char* name = kind_name(pointer.kind);
    if (insn.insn_class() != kClassAlu64) {
        if (op == kSub) {  // the low half of a difference is just a number
            dst = Reg::scalar(zero_extend_half(kUnknownScalar));
            return true;
        }
        return fail(Problem::PointerArithmetic, static_cast<int>(number),
                    "32-bit arithmetic on a pointer (", name, ") cuts it in half");
    }
    if (offset.var.is_empty()) {
        dst = Reg::unknown();
        return true;
    }
    if (pointer.has(kMaybeNull)) {
        return fail(Problem::PointerArithmetic, static_cast<int>(number), "arithmetic on ", name,
                    " that may be null; compare it with null first");
    }
    bool is_known = offset.var.is_constant();
    s64 known = static_cast<s64>(offset.var.value());
    switch (pointer.kind) {
        case Kind::ConstMap:
            if (is_known && known == 0 && op == kAdd) {
                break;
            }
            [[fallthrough]];
        case Kind::PacketEnd:
        case Kind::Socket:
        case Kind::SockCommon:
        case Kind::TcpSock:
        case Kind::XdpSock:
            return fail(Problem::PointerArithmetic, static_cast<int>(number),
                        "no arithmetic is allowed on ", name);
        case Kind::FlowKeys:
            if (is_known) {
                break;
            }
            return fail(Problem::PointerArithmetic, static_cast<int>(number),
                        "only constants may be added to ", name);
        default: break;
    }
    if (is_bitwise(op)) {
        return fail(Problem::PointerArithmetic, static_cast<int>(number),
                    "a bitwise operation on a pointer (", name, ")");
    }
    if (op != kAdd && op != kSub) {
        return fail(Problem::PointerArithmetic, static_cast<int>(number),
                    "only addition and subtraction are allowed on a pointer (", name, ")");
    }
    if (op == kSub && !pointer_is_dst) {
        return fail(Problem::PointerArithmetic, static_cast<int>(number),
                    "a pointer is subtracted from a number");
    }
    if (op == kSub && pointer.kind == Kind::Stack) {
        return fail(Problem::PointerArithmetic, static_cast<int>(number),
                    "subtraction from a stack pointer; add a negative number");
    }
    const unsigned added = pointer_is_dst && insn.uses_register_source() ? insn.src() : number;
    if (!check_sane_offset(offset, pointer.kind, static_cast<int>(added))) {
        return false;  // what is at fault is the number
    }
    Reg result = pointer;
    s64 moved = op == kAdd ? pointer.off + known : pointer.off - known;
    if (is_known && moved == static_cast<s32>(moved)) {
        result.off = static_cast<s32>(moved);
        result.move_anchor(moved - pointer.off);
        if (pointer.is_packet() && result.range < 0 && moved < pointer.off) {
            result.range = 0;  // what lay at or behind the packet's end may lie before it now
        }
    } else {
        result.drop_anchor();
        result.var = alu_full(op, pointer.var, offset.var);
        carry_common(insn, pointer, offset, result);
        if (pointer.is_packet()) {
            // A new base: what is known of the packet's length was measured from the old one.
            result.id = new_id();
            if (op == kAdd || offset.var.smin < 0) {
                result.range = 0;
            }
        }
    }
    if (!check_sane_offset(result, pointer.kind, static_cast<int>(number))) {
        return false;
    }
    dst = result;
    return true;
}

bool Analysis::step_alu(const Insn& insn) {
    u8 op = insn.op();
    if (!check_alu_encoding(insn)) {
        return false;
    }
    unsigned number = insn.dst();
    bool reads_src = insn.uses_register_source() && op != kNeg && op != kEnd;
    if (reads_src && reg(insn.src()).kind == Kind::Uninitialized) {
        return fail(Problem::UnreadableRegister, insn.src(), "r", u32{insn.src()},
                    " is read before it is written");
    }
    if (op != kMov && reg(number).kind == Kind::Uninitialized) {
        return fail(Problem::UnreadableRegister, static_cast<int>(number), "r", number,
                    " is read before it is written");
    }
    if (number == kFramePointer) {
        return fail(Problem::BadRegisterUse, kFramePointer, "r10 may not be written");
    }
    if (op == kMov) {
        return move(insn);
    }
    Reg& dst = reg(number);
    bool wide = insn.insn_class() == kClassAlu64;
    if (op == kNeg) {
        if (!dst.is_scalar()) {
            dst = Reg::unknown();
        }
        Scalar zero = Scalar::constant(0);
        dst = Reg::scalar(wide ? alu_full(kSub, zero, dst.var) : alu_half(kSub, zero, dst.var));
        return true;
    }
    if (op == kEnd) {
        bool to_little = !wide && !insn.uses_register_source();
        Scalar value = dst.is_scalar() ? dst.var : kUnknownScalar;
        unsigned bits = static_cast<unsigned>(insn.imm);
        if (to_little) {
            dst = Reg::scalar(extend(value, bits, false));
        } else if (value.is_constant()) {
            u64 v = value.value();
            v = bits == 16   ? __builtin_bswap16(static_cast<u16>(v))
                : bits == 32 ? __builtin_bswap32(static_cast<u32>(v))
                             : __builtin_bswap64(v);
            dst = Reg::constant(v);
        } else {
            dst = Reg::scalar(extend(kUnknownScalar, bits, false));
        }
        return true;
    }
    Reg src = reads_src ? reg(insn.src()) : Reg::constant(static_cast<u64>(s64{insn.imm}));
    bool same_register = reads_src && insn.src() == number;
    // Whatever is computed with an address in an arena is one: accesses wrap and fault harmlessly.
    if (dst.kind == Kind::Arena || src.kind == Kind::Arena) {
        dst = dst.kind == Kind::Arena ? dst : src;
        dst.drop_anchor();
        return true;
    }
    if (dst.is_pointer() && src.is_pointer()) {
        if (op == kSub && wide) {
            dst = Reg::unknown();
            return true;
        }
        if (op == kSub) {
            dst = Reg::scalar(zero_extend_half(kUnknownScalar));
            return true;
        }
        return fail(Problem::PointerArithmetic, static_cast<int>(number),
                    "arithmetic between two pointers");
    }
    if (dst.is_pointer()) {
        if (reads_src) {
            need_register(insn.src());
        }
        return pointer_operation(insn, dst, src, true);
    }
    if (src.is_pointer()) {
        need_register(number);
        return pointer_operation(insn, src, dst, false);
    }
    if (same_register && (op == kSub || op == kXor)) {
        dst = Reg::constant(0);
        return true;
    }
    return scalar_operation(insn, dst, src);
}

bool Analysis::load_imm64(const Insn& insn) {
    u32 at = state_->insn;
    const Insn& second = program_.insns[at + 1];
    u64 value = static_cast<u32>(insn.imm) | static_cast<u64>(static_cast<u32>(second.imm)) << 32;
    unsigned number = insn.dst();
    if (number == kFramePointer) {
        return fail(Problem::BadRegisterUse, kFramePointer, "r10 may not be written");
    }
    Reg& dst = reg(number);
    switch (insn.src()) {
        case kPseudoNone: dst = Reg::constant(value); return true;
        case kPseudoMapFd:
        case kPseudoMapIdx:
        case kPseudoMapValue:
        case kPseudoMapIdxValue: {
            u32 index = static_cast<u32>(insn.imm);
            if (index >= program_.maps.size()) {
                return fail(Problem::BadEncoding, -1, "the instruction names no map");
            }
            const Map* map = program_.maps[index];
            bool is_value = insn.src() == kPseudoMapValue || insn.src() == kPseudoMapIdxValue;
            if (!is_value) {
                if (second.imm != 0) {
                    return fail(Problem::BadEncoding, -1, "a map reference sets reserved fields");
                }
                dst = Reg::pointer(Kind::ConstMap);
                dst.map = map;
                return true;
            }
            if (map->type == MapType::Arena) {  // where user programs see it: a number until it is cast
                constexpr u64 kPageBytes = 4096;
                if (static_cast<u32>(second.imm) > u64{map->max_entries} * kPageBytes) {
                    return fail(Problem::OutOfBounds, -1, "the address lies behind the arena");
                }
                dst = Reg::unknown();
                return true;
            }
            bool may_address = (map->type == MapType::Array && map->max_entries == 1) ||
                               false;
            if (!may_address) {
                return fail(Problem::BadEncoding, -1,
                            "only the value of an array map with one entry has an address");
            }
            if (static_cast<u32>(second.imm) >= map->value_size) {
                return fail(Problem::OutOfBounds, -1, "the address lies outside the map's value");
            }
            dst = Reg::pointer(Kind::MapValue);
            dst.map = map;
            dst.off = second.imm;  // the one value of the map: no id tells it from others
            return true;
        }
        case kPseudoFunc: {
            u32 s = flow_.find_subprogram(at + 1 + static_cast<u32>(insn.imm));
            if (s == kNoInsn) {
                return fail(Problem::BadControlFlow, -1, "no function begins at the reference");
            }
            const Subprogram& callee = flow_.subprograms[s];
            if (callee.type_id == 0) {
                return fail(Problem::BadType, -1, "a callback needs the program's types; compile with -g");
            }
            if (callee.is_global) {
                return fail(Problem::BadType, -1, "a callback must be a static function");
            }
            dst = Reg::pointer(Kind::Function);
            dst.extra = s;
            return true;
        }
        case kPseudoBtfId: {
            const Btf* btf = environment_.kernel_btf;
            u32 id = static_cast<u32>(insn.imm);
            if (btf == nullptr || second.imm != 0) {
                return fail(Problem::BadType, -1, "a kernel variable needs the kernel's BTF");
            }
            BtfType t = btf->type(id);
            if (t.kind() == BtfKind::Function) {
                dst = Reg::pointer(Kind::Memory);
                dst.flags = kReadOnly;
                return true;
            }
            if (t.kind() != BtfKind::Variable) {
                return fail(Problem::BadType, -1, "the BTF id is no variable");
            }
            u32 section = btf->find(".data..percpu", BtfKind::Section);
            bool is_percpu = false;
            for (u32 i = 0; section != 0 && i < btf->type(section).count(); i++) {
                is_percpu = is_percpu || btf->section_variable(section, i).type == id;
            }
            u32 type = btf->skip_modifiers(t.size_or_type);
            if (is_percpu) {
                dst = Reg::pointer(Kind::BtfObject);
                dst.flags = kPercpu;
                dst.extra = type;
            } else if (btf->type(type).is_composite()) {
                dst = Reg::pointer(Kind::BtfObject);
                dst.extra = type;
            } else {
                u32 size = 0;
                btf->size_of(type, size);
                dst = Reg::pointer(Kind::Memory);
                dst.flags = kReadOnly;
                dst.extra = size;
            }
            return true;
        }
        default: return fail(Problem::BadEncoding, -1, "an unknown kind of 64-bit immediate");
    }
}

}  // namespace gyre::bpf
