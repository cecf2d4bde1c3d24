// SPDX-License-Identifier: MIT
//
// CO-RE: an access that was compiled against one kernel's types is moved to where another kernel
// has the member (libbpf's rules; candidates by name, flavours behind "___" stripped). What cannot be
// moved is poisoned: the program is refused only if it gets there. Left out: that candidates which
// disagree are an error (the first one counts), and that all of a type is compared for type_matches.
#include "lib/bpf/object/core.h"

#include "lib/bpf/program.h"

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

// Whether what is a member of type `ta` there may be one of type `tb` here. Sizes and signs are no
// matter, of numbers that is; an enumeration is none.
bool compatible(const Btf& a, u32 ta, const Btf& b, u32 tb) {
    constexpr int kMaxDepth = 16;
    for (int depth = 0; depth < kMaxDepth; depth++) {
        ta = a.skip_modifiers(ta);
        tb = b.skip_modifiers(tb);
        const BtfKind ka = a.type(ta).kind();
        const BtfKind kb = b.type(tb).kind();
        if (a.type(ta).is_composite() && b.type(tb).is_composite()) {
            return true;
        }
        if (ka != kb && !(is_enum(ka) && is_enum(kb))) {
            return false;
        }
        switch (ka) {
            case BtfKind::Pointer:
            case BtfKind::Float: return true;
            case BtfKind::Int:  // not those of old that were some bits of a number
                return (a.int_encoding(ta) >> 16 & 0xff) == 0 &&
                       (b.int_encoding(tb) >> 16 & 0xff) == 0;
            case BtfKind::Forward:
            case BtfKind::Enum:
            case BtfKind::Enum64: {
                const std::string_view na = essential(a.name(ta));
                const std::string_view nb = essential(b.name(tb));
                return na.empty() || nb.empty() || na == nb;
            }
            case BtfKind::Array:
                ta = a.array(ta).element_type;
                tb = b.array(tb).element_type;
                continue;
            default: return false;
        }
    }
    return false;
}

struct Walk {
    Spot here;
    Spot there;              // found: as far as the path was followed
    bool is_other = false;   // the last member is there, but is another kind of thing
    std::string name;        // of the path, to the first member that is not there
};

// Walks the local path and, by names, the same path in the kernel's type. False if the path does not
// fit the local type.
bool walk(const Btf& local, const Btf& kernel, u32 local_type, u32 kernel_type,
          const std::vector<u32>& path, Walk& w) {
    u32 size_here = 0;
    u32 size_there = 0;
    local.size_of(local_type, size_here);
    kernel.size_of(kernel_type, size_there);
    w.here = {local_type, path[0] * size_here * 8, 0, true};
    w.there = {kernel_type, path[0] * size_there * 8, 0, true};
    Spot& here = w.here;
    Spot& there = w.there;
    for (size_t i = 1; i < path.size(); i++) {
        const u32 type = local.skip_modifiers(here.type);
        const BtfType t = local.type(type);
        if (t.is_composite()) {
            if (path[i] >= t.count()) {
                return false;
            }
            const BtfMember m = local.member(type, path[i]);
            here = {m.type, here.bit_offset + m.bit_offset, m.bitfield_size, true};
            if (m.name.empty() || !there.found) {
                continue;  // an unnamed member is stepped through by its members' names
            }
            w.name += "." + std::string(m.name);
            Spot found;
            const u32 other = kernel.skip_modifiers(there.type);
            if (kernel.type(other).is_composite()) {
                find_member(kernel, other, m.name, there.bit_offset, found, 0);
            }
            w.is_other = found.found && !compatible(local, here.type, kernel, found.type);
            there = w.is_other ? Spot{} : found;
        } else if (t.kind() == BtfKind::Array) {
            const BtfArray a = local.array(type);
            u32 element = 0;
            local.size_of(a.element_type, element);
            here = {a.element_type, here.bit_offset + path[i] * element * 8, 0, true};
            if (!there.found) {
                continue;
            }
            w.name += "[" + std::to_string(path[i]) + "]";
            const u32 other = kernel.skip_modifiers(there.type);
            const bool is_array = kernel.type(other).kind() == BtfKind::Array;
            const BtfArray b = is_array ? kernel.array(other) : BtfArray{};
            if (!is_array || (b.count != 0 && path[i] >= b.count)) {
                there = Spot{};
                continue;
            }
            kernel.size_of(b.element_type, element);
            there = {b.element_type, there.bit_offset + path[i] * element * 8, 0, true};
        } else {
            return false;
        }
    }
    return true;
}

struct Value {
    bool found = false;
    u64 value = 0;
    u32 memory_type = 0;  // of a member whose offset this is, if it is not some bits
    u32 memory_size = 0;  // of what is loaded or stored there: of an array's elements, if it is one
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
    const u32 bits = spot.bitfield != 0 ? spot.bitfield : size * 8;
    if (spot.bitfield != 0) {
        byte_offset = spot.bit_offset / 8 / size * size;
        while (spot.bit_offset + spot.bitfield > (byte_offset + size) * 8 && size < 8) {
            size *= 2;
            byte_offset = spot.bit_offset / 8 / size * size;
        }
    }
    const u32 plain = btf.skip_modifiers(spot.type);
    const bool is_signed = btf.type(plain).kind() == BtfKind::Int
                               ? ((btf.int_encoding(plain) >> 24) & 1) != 0
                               : is_enum(btf.type(plain).kind()) && btf.type(plain).flag();
    const u32 shift_base = spot.bitfield != 0 ? spot.bit_offset - byte_offset * 8 : 0;
    switch (kind) {
        case kFieldByteOffset: {
            if (spot.bitfield != 0) {
                return {true, byte_offset, 0, 0};
            }
            u32 element = plain;
            for (int depth = 0; depth < 8 && btf.type(element).kind() == BtfKind::Array; depth++) {
                element = btf.skip_modifiers(btf.array(element).element_type);
            }
            btf.size_of(element, size);
            return {true, byte_offset, plain, size};
        }
        case kFieldByteSize: return {true, size, 0, 0};
        case kFieldExists: return {true, 1, 0, 0};
        case kFieldSigned: return {true, is_signed, 0, 0};
        case kFieldLeftShift: return {true, 64 - bits - shift_base, 0, 0};
        case kFieldRightShift: return {true, 64 - bits, 0, 0};
        default: return {};
    }
}

Value enum_value(const Btf& local, const Btf& kernel, u32 local_type, u32 kernel_type, u32 index,
                 u32 kind) {
    s64 value = 0;
    const std::string_view name = essential(local.enumerator(local_type, index, value));
    for (u32 i = 0; i < kernel.type(kernel_type).count(); i++) {
        if (essential(kernel.enumerator(kernel_type, i, value)) == name) {
            return {true, kind == kEnumExists ? 1u : static_cast<u64>(value), 0, 0};
        }
    }
    return {};
}

// A load of another size gives the same number only if zeros fill it up.
bool may_resize(const Btf& local, const Value& before, const Btf& kernel, const Value& after) {
    const BtfKind ka = local.type(before.memory_type).kind();
    const BtfKind kb = kernel.type(after.memory_type).kind();
    constexpr u32 kSigned = 1;
    const bool is_unsigned = ka == BtfKind::Int && kb == BtfKind::Int &&
                             local.int_encoding(before.memory_type) >> 24 != kSigned &&
                             kernel.int_encoding(after.memory_type) >> 24 != kSigned;
    return is_unsigned || (ka == BtfKind::Pointer && kb == BtfKind::Pointer);
}

u32 access_size(const Insn& insn) {
    switch (insn.code & 0x18) {
        case kSizeB: return 1;
        case kSizeH: return 2;
        case kSizeW: return 4;
        default: return 8;
    }
}

// As libbpf: only if the instruction is reached is the program refused.
void poison(std::span<Insn> insns, u32 at) {
    const u32 count = is_ld_imm64(insns[at]) && at + 1 < insns.size() ? 2 : 1;
    for (u32 i = 0; i < count; i++) {
        insns[at + i] = Insn{kClassJmp | kCall, 0, 0, kPoisonedCall};
    }
}

std::string patch(std::span<Insn> insns, u32 at, u64 value) {
    constexpr const char* kCannotMove = "the relocation's instruction is not one that can be moved";
    Insn& insn = insns[at];
    switch (insn.insn_class()) {
        case kClassAlu:
        case kClassAlu64:
            if (insn.uses_register_source()) {
                return kCannotMove;
            }
            insn.imm = static_cast<s32>(value);
            return {};
        case kClassLdx:
        case kClassSt:
        case kClassStx:
            if (value > 0x7fff) {
                return "the offset does not fit the instruction";
            }
            insn.off = static_cast<s16>(value);
            return {};
        case kClassLd:
            if (!is_ld_imm64(insn) || at + 1 >= insns.size()) {
                return kCannotMove;
            }
            insn.imm = static_cast<s32>(value);
            insns[at + 1].imm = static_cast<s32>(value >> 32);
            return {};
        default: return kCannotMove;
    }
}

bool is_memory_access(const Insn& insn) {
    const u8 c = insn.insn_class();
    return c == kClassLdx || c == kClassSt || c == kClassStx;
}

std::string_view kind_word(BtfKind kind) {
    switch (kind) {
        case BtfKind::Struct: return "struct ";
        case BtfKind::Union: return "union ";
        case BtfKind::Enum:
        case BtfKind::Enum64: return "enum ";
        default: return "";
    }
}

// The type that the relocation names, and its name as the kernel would have it.
u32 root_type(const Btf& local, const CoreRelocation& r) {
    u32 type = r.type_id;
    BtfKind kind = local.type(type).kind();
    for (int depth = 0; depth < 8 && (kind == BtfKind::Const || kind == BtfKind::Volatile); depth++) {
        type = local.type(type).size_or_type;
        kind = local.type(type).kind();
    }
    return type;
}

}  // namespace

CoreCandidates::CoreCandidates(const Btf& local, const Btf& kernel,
                               std::span<const CoreRelocation* const> relocations)
    : local_(local), kernel_(kernel) {
    for (const CoreRelocation* r : relocations) {
        if (std::string_view name = essential(local.name(root_type(local, *r))); !name.empty()) {
            ids_[name];
        }
    }
    for (u32 id = 1; id < kernel.type_count() && !ids_.empty(); id++) {
        const BtfKind k = kernel.type(id).kind();
        const bool has_fields = k == BtfKind::Struct || k == BtfKind::Union || is_enum(k);
        if (!has_fields && k != BtfKind::Typedef && k != BtfKind::Int && k != BtfKind::Float &&
            k != BtfKind::Forward) {
            continue;
        }
        if (auto named = ids_.find(essential(kernel.name(id))); named != ids_.end()) {
            named->second.push_back(id);
        }
    }
}

std::string CoreCandidates::apply(const CoreRelocation& r, std::span<Insn> insns, u32 at,
                                  CoreOutcome& outcome) const {
    constexpr const char* kNoFit = "a CO-RE relocation's path does not fit its type";
    if (at >= insns.size()) {
        return "a CO-RE relocation lies outside its program";
    }
    if (r.kind == kTypeIdLocal) {
        return patch(insns, at, r.type_id);
    }
    const Btf& local = local_;
    const Btf& kernel = kernel_;
    const u32 type = root_type(local, r);
    const BtfKind kind = local.type(type).kind();
    const std::string_view name = essential(local.name(type));
    if (name.empty()) {
        return "a CO-RE relocation is of a type without a name";
    }
    const std::vector<u32> path = parse_path(r.path);
    outcome.what = std::string(kind_word(kind)) + std::string(name);
    std::string why = "the kernel has no " + outcome.what;
    std::string ask = "bpf_core_type_exists";
    Value before;
    Value after;
    const auto candidates = ids_.find(name);
    for (size_t c = 0; candidates != ids_.end() && c < candidates->second.size() && !after.found; c++) {
        const u32 id = candidates->second[c];
        const BtfKind k = kernel.type(id).kind();
        if (k != kind && !(is_enum(k) && is_enum(kind))) {
            continue;
        }
        switch (r.kind) {
            case kTypeIdTarget: after = {true, id, 0, 0}; break;
            case kTypeExists:
            case kTypeMatches: after = {true, 1, 0, 0}; break;
            case kTypeSize: {
                u32 size = 0;
                kernel.size_of(id, size);
                after = {true, size, 0, 0};
                break;
            }
            case kEnumExists:
            case kEnumValue: {
                const u32 here = local.skip_modifiers(type);
                const u32 there = kernel.skip_modifiers(id);
                if (!is_enum(local.type(here).kind()) || path[0] >= local.type(here).count()) {
                    return kNoFit;
                }
                if (!is_enum(kernel.type(there).kind())) {
                    break;
                }
                s64 value = 0;
                after = enum_value(local, kernel, here, there, path[0], r.kind);
                why = outcome.what + " has no value " +
                      std::string(essential(local.enumerator(here, path[0], value))) +
                      " in the kernel's types";
                ask = "bpf_core_enum_value_exists";
                break;
            }
            default: {
                const bool is_alias = kind == BtfKind::Typedef;
                Walk w;
                if (!walk(local, kernel, is_alias ? local.skip_modifiers(type) : type,
                          is_alias ? kernel.skip_modifiers(id) : id, path, w)) {
                    return kNoFit;
                }
                before = field_value(local, w.here, r.kind);
                after = field_value(kernel, w.there, r.kind);
                if (!after.found) {
                    why = w.is_other ? outcome.what + w.name + " is of another kind in the kernel's types"
                                     : outcome.what + " has no member " + w.name.substr(w.name.starts_with('.')) +
                                           " in the kernel's types";
                }
                ask = "bpf_core_field_exists";
                if (after.found) {
                    outcome.what += w.name;
                }
                break;
            }
        }
    }
    const bool is_value = r.kind == kEnumValue || (r.kind < kTypeIdLocal && r.kind != kFieldExists);
    if (!after.found && is_value) {
        poison(insns, at);
        outcome.poisoned = why + "; ask with " + ask + "() first";
        return {};
    }
    if (r.kind == kFieldByteOffset && is_memory_access(insns[at]) &&
        before.memory_size != after.memory_size) {
        if (!may_resize(local, before, kernel, after)) {
            poison(insns, at);
            outcome.poisoned = outcome.what + " has " + std::to_string(before.memory_size) +
                               " bytes in the program's types, " + std::to_string(after.memory_size) +
                               " in the kernel's, and only an unsigned number could be read so; read it "
                               "with BPF_CORE_READ_INTO() or a flavour of the type (___) that fits";
            return {};
        }
        const u32 size = after.memory_size;
        if (access_size(insns[at]) != before.memory_size ||
            (size != 1 && size != 2 && size != 4 && size != 8)) {
            return "a CO-RE relocation changes a size that is not the instruction's";
        }
        const u8 bits = size == 1 ? kSizeB : size == 2 ? kSizeH : size == 4 ? kSizeW : kSizeDw;
        insns[at].code = static_cast<u8>((insns[at].code & ~0x18) | bits);
    }
    outcome.is_offset = r.kind == kFieldByteOffset;
    outcome.before = before.value;
    outcome.after = after.value;
    return patch(insns, at, after.value);
}

}  // namespace gyre::bpf
