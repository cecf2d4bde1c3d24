// SPDX-License-Identifier: MIT
//
// CO-RE: an access that was compiled against one kernel's types is moved to where another kernel
// has the member (libbpf's rules; candidates by name, flavours behind "___" stripped).
#include "lib/bpf/object/object.h"

namespace gyre::bpf {
namespace {

enum RelocationKind : u32 {
    kFieldByteOffset, kFieldByteSize, kFieldExists, kFieldSigned, kFieldLeftShift,
    kFieldRightShift, kTypeIdLocal, kTypeIdTarget, kTypeExists, kTypeSize, kEnumExists, kEnumValue,
    kTypeMatches,
};

std::string_view essential(std::string_view name) {
    size_t at = name.find("___");
    return at == std::string_view::npos || at == 0 ? name : name.substr(0, at);
}

bool is_enum(BtfKind k) { return k == BtfKind::Enum || k == BtfKind::Enum64; }

struct Spot {
    u32 type = 0;       // of the member
    u32 bit_offset = 0;
    u32 bitfield = 0;
    bool found = false;
};

std::vector<u32> parse_path(std::string_view path) {
    std::vector<u32> out;
    u32 n = 0;
    for (char c : path) {
        if (c == ':') {
            out.push_back(n);
            n = 0;
        } else if (c >= '0' && c <= '9') {
            n = n * 10 + static_cast<u32>(c - '0');
        }
    }
    out.push_back(n);
    return out;
}

// A member by name, looking into unnamed members.
bool find_member(const Btf& btf, u32 type, std::string_view name, u32 base, Spot& out, int depth) {
    if (depth > 8) {
        return false;
    }
    for (u32 i = 0; i < btf.type(type).count(); i++) {
        BtfMember m = btf.member(type, i);
        if (m.name.empty()) {
            u32 inner = btf.skip_modifiers(m.type);
            if (btf.type(inner).is_composite() &&
                find_member(btf, inner, name, base + m.bit_offset, out, depth + 1)) {
                return true;
            }
        } else if (m.name == name) {
            out = {m.type, base + m.bit_offset, m.bitfield_size, true};
            return true;
        }
    }
    return false;
}

bool compatible(const Btf& a, u32 ta, const Btf& b, u32 tb) {
    ta = a.skip_modifiers(ta);
    tb = b.skip_modifiers(tb);
    BtfKind ka = a.type(ta).kind();
    BtfKind kb = b.type(tb).kind();
    bool number_a = ka == BtfKind::Int || is_enum(ka);
    bool number_b = kb == BtfKind::Int || is_enum(kb);
    return ka == kb || (number_a && number_b) ||
           (a.type(ta).is_composite() && b.type(tb).is_composite());
}

// Walks the local path and, by names, the same path in the kernel's type.
bool walk(const Btf& local, const Btf& kernel, u32 local_type, u32 kernel_type,
          const std::vector<u32>& path, Spot& here, Spot& there) {
    u32 size_here = 0;
    u32 size_there = 0;
    local.size_of(local_type, size_here);
    kernel.size_of(kernel_type, size_there);
    here = {local_type, path[0] * size_here * 8, 0, true};
    there = {kernel_type, path[0] * size_there * 8, 0, true};
    for (size_t i = 1; i < path.size(); i++) {
        u32 type = local.skip_modifiers(here.type);
        BtfType t = local.type(type);
        if (t.is_composite()) {
            BtfMember m = local.member(type, path[i]);
            u32 base = here.bit_offset;
            here = {m.type, base + m.bit_offset, m.bitfield_size, true};
            if (m.name.empty() || !there.found) {
                continue;  // an unnamed member is stepped through by its members' names
            }
            Spot found;
            u32 other = kernel.skip_modifiers(there.type);
            bool ok = kernel.type(other).is_composite() &&
                      find_member(kernel, other, m.name, there.bit_offset, found, 0);
            if (ok && !compatible(local, here.type, kernel, found.type)) {
                ok = false;
            }
            there = ok ? found : Spot{};
        } else if (t.kind() == BtfKind::Array) {
            BtfArray a = local.array(type);
            u32 element = 0;
            local.size_of(a.element_type, element);
            here.type = a.element_type;
            here.bit_offset += path[i] * element * 8;
            if (there.found) {
                u32 other = kernel.skip_modifiers(there.type);
                if (kernel.type(other).kind() != BtfKind::Array) {
                    there = Spot{};
                    continue;
                }
                BtfArray b = kernel.array(other);
                if (b.count != 0 && path[i] >= b.count) {
                    there = Spot{};
                    continue;
                }
                kernel.size_of(b.element_type, element);
                there.type = b.element_type;
                there.bit_offset += path[i] * element * 8;
            }
        } else {
            return false;
        }
    }
    return true;
}

struct Value {
    bool found = false;
    u64 value = 0;
    u32 access_size = 0;  // of a member that is loaded or stored
};

Value field_value(const Btf& btf, const Spot& spot, u32 kind) {
    if (!spot.found) {
        return {};
    }
    u32 size = 0;
    btf.size_of(spot.type, size);
    if (spot.bitfield != 0 && size == 0) {
        return {};  // some bits of a type that has no size
    }
    u32 byte_offset = spot.bit_offset / 8;
    u32 bits = spot.bitfield != 0 ? spot.bitfield : size * 8;
    if (spot.bitfield != 0) {
        byte_offset = spot.bit_offset / 8 / size * size;
        while (spot.bit_offset + spot.bitfield > (byte_offset + size) * 8 && size < 8) {
            size *= 2;
            byte_offset = spot.bit_offset / 8 / size * size;
        }
    }
    u32 plain = btf.skip_modifiers(spot.type);
    bool is_signed = btf.type(plain).kind() == BtfKind::Int
                         ? ((btf.int_encoding(plain) >> 24) & 1) != 0
                         : is_enum(btf.type(plain).kind()) && btf.type(plain).flag();
    u32 shift_base = spot.bitfield != 0 ? spot.bit_offset - byte_offset * 8 : 0;
    switch (kind) {
        case kFieldByteOffset: return {true, byte_offset, size};
        case kFieldByteSize: return {true, size, 0};
        case kFieldExists: return {true, 1, 0};
        case kFieldSigned: return {true, is_signed, 0};
        case kFieldLeftShift: return {true, 64 - bits - shift_base, 0};
        case kFieldRightShift: return {true, 64 - bits, 0};
        default: return {};
    }
}

Value enum_value(const Btf& local, const Btf& kernel, u32 local_type, u32 kernel_type,
                 u32 index, u32 kind) {
    s64 value = 0;
    std::string_view name = essential(local.enumerator(local_type, index, value));
    for (u32 i = 0; i < kernel.type(kernel_type).count(); i++) {
        if (essential(kernel.enumerator(kernel_type, i, value)) == name) {
            return {true, kind == kEnumExists ? 1u : static_cast<u64>(value), 0};
        }
    }
    return {};
}

std::string patch(std::span<Insn> insns, u32 at, const Value& v, u32 kind) {
    Insn& insn = insns[at];
    switch (insn.insn_class()) {
        case kClassAlu:
        case kClassAlu64: insn.imm = static_cast<s32>(v.value); return {};
        case kClassLdx:
        case kClassSt:
        case kClassStx:
            if (v.value > 0x7fff) {
                return "the offset does not fit the instruction";
            }
            insn.off = static_cast<s16>(v.value);
            if (kind == kFieldByteOffset && v.access_size != 0) {
                u8 bits = v.access_size == 1   ? kSizeB
                          : v.access_size == 2 ? kSizeH
                          : v.access_size == 4 ? kSizeW
                                               : kSizeDw;
                if (v.access_size <= 8) {
                    insn.code = static_cast<u8>((insn.code & ~0x18) | bits);
                }
            }
            return {};
        case kClassLd:
            if (!is_ld_imm64(insn) || at + 1 >= insns.size()) {
                return "the relocation's instruction is not one that can be moved";
            }
            insn.imm = static_cast<s32>(v.value);
            insns[at + 1].imm = static_cast<s32>(v.value >> 32);
            return {};
        default: return "the relocation's instruction is not one that can be moved";
    }
}

}  // namespace

std::string apply_core_relocation(const Btf& local, const Btf& kernel, const CoreRelocation& r,
                                  std::span<Insn> insns, u32 at) {
    if (at >= insns.size()) {
        return "a CO-RE relocation lies outside its program";
    }
    u32 type = r.type_id;
    BtfKind kind = local.type(type).kind();
    while (r.kind != kTypeIdLocal && (kind == BtfKind::Const || kind == BtfKind::Volatile)) {
        type = local.type(type).size_or_type;
        kind = local.type(type).kind();
    }
    if (r.kind == kTypeIdLocal) {
        return patch(insns, at, {true, type, 0}, r.kind);
    }
    std::string_view name = essential(local.name(type));
    std::vector<u32> path = parse_path(r.path);
    Value result;
    u32 last = kernel.type_count();
    for (u32 id = 1; id < last && !result.found; id++) {
        BtfKind k = kernel.type(id).kind();
        if ((k != kind && !(is_enum(k) && is_enum(kind))) || essential(kernel.name(id)) != name) {
            continue;
        }
        switch (r.kind) {
            case kTypeIdTarget: result = {true, id, 0}; break;
            case kTypeExists:
            case kTypeMatches: result = {true, 1, 0}; break;
            case kTypeSize: {
                u32 size = 0;
                kernel.size_of(id, size);
                result = {true, size, 0};
                break;
            }
            case kEnumExists:
            case kEnumValue:
                result = enum_value(local, kernel, type, id, path[0], r.kind);
                break;
            default: {
                u32 plain = kind == BtfKind::Typedef ? local.skip_modifiers(type) : type;
                u32 other = kind == BtfKind::Typedef ? kernel.skip_modifiers(id) : id;
                Spot here;
                Spot there;
                if (!walk(local, kernel, plain, other, path, here, there)) {
                    return "a CO-RE relocation's path does not fit its type";
                }
                result = field_value(kernel, there, r.kind);
                break;
            }
        }
    }
    if (!result.found) {
        bool asks = r.kind == kFieldExists || r.kind == kTypeExists || r.kind == kEnumExists ||
                    r.kind == kTypeMatches || r.kind == kTypeSize;
        if (asks) {
            return patch(insns, at, {true, 0, 0}, r.kind);
        }
        // As libbpf: the instruction is poisoned; only if it is reached is the program refused.
        insns[at] = Insn{kClassJmp | kCall, 0, 0, 195896080};
        return {};
    }
    return patch(insns, at, result, r.kind);
}

}  // namespace gyre::bpf
