// SPDX-License-Identifier: MIT
//
// Arguments of helpers: each is checked against its prototype; what it teaches about the call is
// kept in CallFacts.
#include "lib/bpf/analysis.h"
#include "lib/bpf/helper_ids.h"

namespace gyre::bpf {
namespace {

struct Accepts {
    Kind kind;
    u32 flags;
};

// Which registers may stand for an argument; flags must agree exactly.
std::span<const Accepts> accepted(ArgumentKind kind, u16 version) {
    static constexpr Accepts kMapData[] = {{Kind::Stack, 0},    {Kind::Packet, 0},
                                           {Kind::PacketMeta, 0}, {Kind::MapKey, 0},
                                           {Kind::MapValue, 0}, {Kind::Memory, 0}};
    static constexpr Accepts kScalar[] = {{Kind::Scalar, 0}};
    static constexpr Accepts kMap[] = {{Kind::ConstMap, 0}};
    static constexpr Accepts kContext[] = {{Kind::Context, 0}};
    static constexpr Accepts kSockCommon[] = {
        {Kind::SockCommon, 0}, {Kind::Socket, 0}, {Kind::TcpSock, 0}, {Kind::XdpSock, 0}};
    static constexpr Accepts kBtfSockCommon[] = {
        {Kind::SockCommon, 0}, {Kind::Socket, 0},    {Kind::TcpSock, 0},
        {Kind::XdpSock, 0},    {Kind::BtfObject, 0}, {Kind::BtfObject, kTrusted}};
    static constexpr Accepts kSocket[] = {{Kind::Socket, 0}};
    static constexpr Accepts kObject[] = {
        {Kind::BtfObject, 0}, {Kind::BtfObject, kTrusted}, {Kind::BtfObject, kRcu}};
    static constexpr Accepts kLock[] = {{Kind::MapValue, 0}, {Kind::BtfObject, kAlloc},
                                        {Kind::BtfObject, kAlloc | kNonOwning}};
    static constexpr Accepts kMemory[] = {
        {Kind::Stack, 0},   {Kind::Packet, 0}, {Kind::PacketMeta, 0},     {Kind::MapKey, 0},
        {Kind::MapValue, 0}, {Kind::Memory, 0}, {Kind::Memory, kRingbuf}, {Kind::Buffer, 0},
        {Kind::BtfObject, kTrusted}, {Kind::Memory, kDynptrSkb}, {Kind::Memory, kDynptrXdp}};
    static constexpr Accepts kRecord[] = {{Kind::Memory, kRingbuf}};
    static constexpr Accepts kPercpuObject[] = {{Kind::BtfObject, kPercpu},
                                                {Kind::BtfObject, kPercpu | kRcu},
                                                {Kind::BtfObject, kPercpu | kTrusted},
                                                {Kind::BtfObject, kPercpu | kAlloc},
                                                {Kind::BtfObject, kPercpu | kAlloc | kRcu}};
    static constexpr Accepts kFunction[] = {{Kind::Function, 0}};
    static constexpr Accepts kStackOnly[] = {{Kind::Stack, 0}};
    static constexpr Accepts kMapValue[] = {{Kind::MapValue, 0}};
    static constexpr Accepts kExchange[] = {{Kind::MapValue, 0}, {Kind::BtfObject, kAlloc}};
    static constexpr Accepts kDynptr[] = {{Kind::Stack, 0}, {Kind::Dynptr, 0}};
    static constexpr Accepts kArena[] = {{Kind::Arena, 0}, {Kind::Scalar, 0}};
    switch (kind) {
        case ArgumentKind::MapKey:
        case ArgumentKind::MapValue:
            if (version < 612) {
                return kMapData;
            }
            return kMemory;
        case ArgumentKind::ConstSize:
        case ArgumentKind::ConstSizeOrZero:
        case ArgumentKind::ConstAllocSizeOrZero:
        case ArgumentKind::Scalar: return kScalar;
        case ArgumentKind::ConstMapPtr: return kMap;
        case ArgumentKind::Ctx: return kContext;
        case ArgumentKind::SockCommon: return kSockCommon;
        case ArgumentKind::BtfIdSockCommon: return kBtfSockCommon;
        case ArgumentKind::Socket: return kSocket;
        case ArgumentKind::BtfId: return kObject;
        case ArgumentKind::SpinLock: return kLock;
        case ArgumentKind::Mem: return kMemory;
        case ArgumentKind::RingbufMem: return kRecord;
        case ArgumentKind::PercpuBtfId: return kPercpuObject;
        case ArgumentKind::Func: return kFunction;
        case ArgumentKind::Stack: return kStackOnly;
        case ArgumentKind::ConstStr:
        case ArgumentKind::Timer: return kMapValue;
        case ArgumentKind::KptrXchgDest: return kExchange;
        case ArgumentKind::Dynptr: return kDynptr;
        case ArgumentKind::Arena: return kArena;
        default: return {};
    }
}

// Of an access that is too large: that the map decides its size, not the program. False, as a refusal is.
bool tell_whose_size(Report& report, const Map& map, const char* part) {
    if (report.problem == Problem::OutOfBounds) {
        TextWriter out(std::span(report.text).subspan(report.text_length));
        out << "; the " << part << "s of the map " << map.name << " are so large";
        report.text_length += static_cast<u32>(out.text().size());
    }
    return false;
}

}  // namespace

bool Analysis::check_argument_kind(const Reg& r, unsigned number, ArgumentSpec spec,
                                   const char* type, CallFacts& facts) {
    int n = static_cast<int>(number);
    u32 flags = r.flags;
    if (spec.has(kReadOnly)) {
        flags &= ~u32{kReadOnly};
    }
    if (spec.has(kMaybeNull)) {
        flags &= ~u32{kMaybeNull};
    }
    if (spec.kind == ArgumentKind::KptrXchgDest || type != nullptr) {
        bool is_exchange = facts.helper != nullptr && facts.helper->id == helper::kKptrXchg;
        if (is_exchange && number == 2) {
            flags &= ~u32{kAlloc | kPercpu};
        }
    }
    bool found = false;
    for (const Accepts& a : accepted(spec.kind, environment_.target.version)) {
        found = found || (a.kind == r.kind && a.flags == flags);
    }
    if (!found) {
        if ((r.flags & kMaybeNull) && !spec.has(kMaybeNull)) {
            return fail(Problem::NullPointer, n, "r", number, " (", kind_name(r.kind),
                        ") may be null; compare it with null before the call");
        }
        return fail(Problem::BadArgument, n, "r", number, " is ", kind_name(r.kind),
                    ", which this argument does not take");
    }
    if (r.kind == Kind::BtfObject &&
        (spec.kind == ArgumentKind::BtfId || spec.kind == ArgumentKind::BtfIdSockCommon)) {
        const char* wanted = spec.kind == ArgumentKind::BtfIdSockCommon ? "sock_common" : type;
        if (wanted != nullptr && std::string_view(wanted) != "*") {
            const Btf* btf = r.is_program_type ? program_.btf : environment_.kernel_btf;
            if (btf == nullptr || !btf->has_type_at(r.extra, r.off > 0 ? static_cast<u32>(r.off) : 0, wanted)) {
                return fail(Problem::BadArgument, n, "r", number, " points to struct ",
                            btf != nullptr ? btf->name(r.extra) : std::string_view("?"),
                            ", not to struct ", wanted);
            }
        }
    }
    // A released object must be passed as it came; only memory may be moved.
    if (spec.has(kRelease)) {
        if (spec.kind == ArgumentKind::Dynptr) {
            return true;
        }
        if (r.is_scalar()) {
            return true;
        }
        return check_constant_offset(r, number, false);
    }
    switch (r.kind) {
        case Kind::Stack: case Kind::Packet: case Kind::PacketMeta: case Kind::MapKey:
        case Kind::MapValue: case Kind::Memory: case Kind::Buffer: case Kind::Scalar:
        case Kind::Arena: case Kind::Dynptr: return true;
        case Kind::BtfObject: return check_constant_offset(r, number, true);
        default: return check_constant_offset(r, number, false);
    }
}

bool Analysis::check_memory_argument(unsigned number, s64 size, bool zero_allowed, Access kind,
                                     CallFacts& facts) {
    const Reg r = reg(number);
    int n = static_cast<int>(number);
    u32 bytes = static_cast<u32>(size);
    switch (r.kind) {
        case Kind::Packet:
        case Kind::PacketMeta:
            if (kind == Access::Write && !rules_->may_write_packets) {
                return fail(Problem::ReadOnly, n, "the call may not write the packet");
            }
            return check_packet(number, 0, bytes, zero_allowed);
        case Kind::MapKey:
            if (kind == Access::Write) {
                return fail(Problem::ReadOnly, n, "a map's key may not be written");
            }
            return check_region(r, n, 0, bytes, r.map->key_size, zero_allowed);
        case Kind::MapValue: {
            u32 forbidden = kind == Access::Write ? kMapReadOnlyProgram : kMapWriteOnlyProgram;
            if (r.map->flags & forbidden) {
                return fail(Problem::ReadOnly, n,
                            kind == Access::Write ? "the map may only be read"
                                                  : "the map may only be written");
            }
            return check_map_access(r, number, 0, bytes, zero_allowed, kind);
        }
        case Kind::Memory:
            if (kind == Access::Write && r.has(kReadOnly)) {
                return fail(Problem::ReadOnly, n, "the memory may only be read");
            }
            return check_region(r, n, 0, bytes, r.extra, zero_allowed) &&
                   (kind == Access::Read || write_through_alias(r));
        case Kind::Buffer:
            if (kind == Access::Write && r.has(kReadOnly)) {
                return fail(Problem::ReadOnly, n, "the buffer may only be read");
            }
            return check_constant_offset(r, number, true);
        case Kind::Stack:
            return check_stack_range(number, 0, bytes, zero_allowed, kind,
                                     facts.is_raw_memory);
        case Kind::BtfObject: {
            if (kind == Access::Write) {
                return fail(Problem::ReadOnly, n, "a kernel object may only be read");
            }
            if (bytes == 0 && zero_allowed) {
                return true;
            }
            return access_btf(number, 0, bytes, Access::Read, -1);
        }
        case Kind::Context:
            if (rules_->context->style == ContextStyle::Any) {
                return check_region(r, n, 0, bytes, rules_->context->size, zero_allowed);
            }
            [[fallthrough]];
        default:
            if (zero_allowed && bytes == 0 && r.is_zero()) {
                return true;
            }
            return fail(Problem::BadArgument, n, "r", number, " is ", kind_name(r.kind),
                        ", not memory");
    }
}

// A size together with the memory in the register before it.
bool Analysis::check_size_argument(unsigned number, bool zero_allowed, Access kind,
                                   CallFacts& facts) {
    const Reg r = reg(number);
    int n = static_cast<int>(number);
    bool was_raw = facts.is_raw_memory;
    if (!r.var.is_constant()) {
        facts.is_raw_memory = false;  // the callee may fill less than the most
    }
    if (r.var.smin < 0) {
        return fail(Problem::OutOfBounds, n, "the size in r", number, " may be negative (",
                    r.var.smin, "); use an unsigned number or mask it");
    }
    if (r.var.umin == 0 && !zero_allowed) {
        return fail(Problem::BadArgument, n, "the size in r", number, " may be zero");
    }
    if (r.var.umax >= static_cast<u64>(kMaxVariableOffset)) {
        return fail(Problem::OutOfBounds, n, "the size in r", number,
                    " has no upper bound; compare it with a constant first");
    }
    if (!check_memory_argument(number - 1, static_cast<s64>(r.var.umax), zero_allowed, kind,
                               facts)) {
        if (report_.problem == Problem::OutOfBounds && !r.var.is_constant()) {
            report_.register_number = n;  // the memory is what it is; the size came from somewhere
        }
        return false;
    }
    facts.is_raw_memory = was_raw;
    need_register(number);
    return true;
}

// A format or name: constant, read-only, terminated.
bool Analysis::check_constant_string(const Reg& r, unsigned number) {
    int n = static_cast<int>(number);
    if (r.kind != Kind::MapValue || !(r.map->flags & kMapReadOnlyProgram) ||
        r.map->frozen_contents.empty()) {
        return fail(Problem::BadArgument, n, "r", number,
                    " must point to a constant string in a frozen read-only map");
    }
    if (!r.var.is_constant()) {
        return fail(Problem::BadArgument, n, "the string's address is not constant");
    }
    s64 at = r.off + static_cast<s64>(r.var.value());
    for (s64 i = at; i >= 0 && r.map->knows_contents(static_cast<u64>(i), 1); i++) {
        if (r.map->frozen_contents[static_cast<size_t>(i)] == 0) {
            return true;
        }
    }
    return fail(Problem::BadArgument, n, "the string is not terminated");
}

bool Analysis::check_map_key_constant(unsigned number, CallFacts& facts) {
    const Reg r = reg(number);
    if (r.kind != Kind::Stack || !r.var.is_constant() || facts.map == nullptr ||
        facts.map->type != MapType::Array || facts.map->key_size != 4 ||
        environment_.target.version < 614) {
        return true;
    }
    s64 off = r.off + static_cast<s64>(r.var.value());
    const Frame& f = frame_at(r.frame);
    u32 slot = static_cast<u32>((-off - 1) / 8);
    if (off >= 0 || slot >= f.stack_slots || off % 4 != 0) {
        return true;
    }
    const Slot& s = f.stack->slots()[slot];
    u32 byte = static_cast<u32>(off & 7);
    // A shorter spill leaves the upper bytes of the key to what was there before.
    bool is_whole = s.is_spill() && byte == 0 && s.tags[3] == Tag::Spill;
    if (is_whole && s.reg.is_scalar() && s.reg.var.is_half_constant()) {
        facts.constant_key = s.reg.var.value() & 0xffffffffu;
        facts.has_constant_key = true;
    } else {
        bool zero = true;
        for (u32 i = 0; i < 4; i++) {
            zero = zero && s.tags[byte + i] == Tag::Zero;
        }
        facts.has_constant_key = zero;
        facts.constant_key = 0;
    }
    if (facts.has_constant_key) {
        need_stack(r.frame, u64{1} << slot);
    }
    return true;
}

bool Analysis::check_dynptr_argument(unsigned number, ArgumentSpec spec, CallFacts& facts) {
    int n = static_cast<int>(number);
    if (spec.has(kUninit)) {
        return true;  // created after all arguments are checked
    }
    Reg object;
    bool allow_const = !spec.has(kRelease);
    if (reg(number).kind == Kind::Dynptr && !allow_const) {
        return fail(Problem::BadArgument, n, "this dynptr is not the program's to release");
    }
    if (!find_dynptr(number, allow_const, object)) {
        return false;
    }
    DynptrKind kind = static_cast<DynptrKind>(object.extra);
    bool wants_ringbuf = spec.has(kDynptrRingbuf);
    if (wants_ringbuf && kind != DynptrKind::Ringbuf) {
        return fail(Problem::BadArgument, n, "the dynptr is of another kind");
    }
    bool is_write = facts.helper != nullptr && !spec.has(kReadOnly) && !spec.has(kRelease);
    if (is_write && object.has(kReadOnly)) {
        return fail(Problem::ReadOnly, n, "the dynptr may only be read");
    }
    facts.dynptr = kind;
    facts.dynptr_id = object.id;
    facts.dynptr_ref = object.ref;
    return true;
}

bool Analysis::check_argument(u32 index, CallFacts& facts) {
    const HelperPrototype& h = *facts.helper;
    ArgumentSpec spec = h.arguments[index];
    unsigned number = index + 1;
    int n = static_cast<int>(number);
    const Reg r = reg(number);
    if (spec.kind == ArgumentKind::None) {
        return true;
    }
    if (r.kind == Kind::Uninitialized) {
        return fail(Problem::UnreadableRegister, n, "r", number,
                    " is passed to the helper but was never written");
    }
    if (spec.kind == ArgumentKind::Anything) {
        return true;
    }
    if (r.is_packet() && (!facts.may_read_packets || !(h.properties & kMayReadPackets) ||
                          !rules_->may_read_packets)) {
        return fail(Problem::BadArgument, n, "the helper may not be given packet memory");
    }
    // Sockets live in some maps in place of values.
    if (spec.kind == ArgumentKind::MapValue && facts.map != nullptr &&
        (facts.map->type == MapType::Sockmap || facts.map->type == MapType::Sockhash)) {
        spec.kind = ArgumentKind::BtfIdSockCommon;
    }
    bool is_null = r.is_zero() && spec.has(kMaybeNull);
    const char* wanted = h.argument_types[index];
    if (h.id == helper::kKptrXchg && number == 2 && facts.field != nullptr) {
        wanted = "*";
        // Ids of the kernel's types and of the program's may be the same number.
        bool is_program_type = facts.field->btf == program_.btf && program_.btf != nullptr;
        if (!is_null && (r.kind != Kind::BtfObject || r.extra != facts.field->type_id ||
                         r.is_program_type != is_program_type)) {
            return fail(Problem::BadArgument, n,
                        "the pointer is not of the type that the map declares");
        }
    }
    if (is_null) {
        need_register(number);
    } else if (!check_argument_kind(r, number, spec, wanted, facts)) {
        return false;
    }
    if (spec.has(kRelease)) {
        if (spec.kind == ArgumentKind::Dynptr) {
            facts.released_register = n;
        } else if (r.ref == 0 && !is_null) {
            return fail(Problem::BadReference, n, "r", number,
                        " holds no reference that could be released");
        } else {
            facts.released_ref = r.ref;
            facts.released_register = n;
        }
    }
    if (r.ref != 0 && spec.kind != ArgumentKind::Dynptr) {
        facts.ref = r.ref;
    }
    switch (spec.kind) {
        case ArgumentKind::ConstMapPtr:
            facts.map = r.map;
            facts.map_lookup = r.parent;
            return true;
        case ArgumentKind::MapKey:
            if (facts.map == nullptr) {
                return fail(Problem::BadArgument, n, "there is no map for this key");
            }
            facts.is_raw_memory = false;
            if (!check_memory_argument(number, facts.map->key_size, false, Access::Read, facts)) {
                return tell_whose_size(report_, *facts.map, "key");
            }
            return check_map_key_constant(number, facts);
        case ArgumentKind::MapValue:
            if (is_null) {
                return true;
            }
            if (facts.map == nullptr) {
                return fail(Problem::BadArgument, n, "there is no map for this value");
            }
            facts.is_raw_memory = spec.has(kUninit);
            return check_memory_argument(number, facts.map->value_size, false,
                                         spec.has(kWrite) ? Access::Write : Access::Read, facts) ||
                   tell_whose_size(report_, *facts.map, "value");
        case ArgumentKind::Mem:
            facts.is_raw_memory = spec.has(kUninit);
            if (spec.has(kFixedSize) && !is_null) {
                if (!check_memory_argument(number, h.fixed_sizes[index], false,
                                           spec.has(kWrite) ? Access::Write : Access::Read,
                                           facts)) {
                    return false;
                }
                return !spec.has(kAligned) || check_alignment(r, 0, h.fixed_sizes[index], true);
            }
            return true;
        case ArgumentKind::ConstSize:
        case ArgumentKind::ConstSizeOrZero: {
            Access kind = index > 0 && h.arguments[index - 1].has(kWrite) ? Access::Write
                                                                         : Access::Read;
            return check_size_argument(number, spec.kind == ArgumentKind::ConstSizeOrZero, kind,
                                       facts);
        }
        case ArgumentKind::ConstAllocSizeOrZero:
            if (!r.var.is_constant()) {
                return fail(Problem::BadArgument, n, "the size must be a constant");
            }
            facts.allocation_size = static_cast<u32>(r.var.value());
            need_register(number);
            return true;
        case ArgumentKind::Func: facts.callback_subprogram = r.extra; return true;
        case ArgumentKind::ConstStr: return check_constant_string(r, number);
        case ArgumentKind::Dynptr: return check_dynptr_argument(number, spec, facts);
        case ArgumentKind::Timer:
        case ArgumentKind::SpinLock:
        case ArgumentKind::KptrXchgDest: {
            s64 at = r.off + static_cast<s64>(r.var.value());
            if (!r.var.is_constant()) {
                return fail(Problem::BadArgument, n,
                            "the place of the field in the map's value must be constant");
            }
            std::span<const SpecialField> fields;
            if (r.kind == Kind::MapValue) {
                fields = r.map->fields;
            } else {
                fields = object_fields(r.extra);
            }
            for (const SpecialField& f : fields) {
                bool fits = spec.kind == ArgumentKind::Timer ? f.kind == FieldKind::Timer
                            : spec.kind == ArgumentKind::SpinLock
                                ? f.kind == FieldKind::SpinLock
                                : f.kind == FieldKind::KptrReferenced ||
                                      f.kind == FieldKind::KptrPercpu;
                if (fits && at == static_cast<s64>(f.offset)) {
                    facts.field = &f;
                    return true;
                }
            }
            return fail(Problem::BadArgument, n, "r", number,
                        " does not point to the field that this helper works on");
        }
        default: return true;
    }
}

}  // namespace gyre::bpf
