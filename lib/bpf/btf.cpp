// SPDX-License-Identifier: MIT
//
// The reader of BTF. Every length is checked once, in open().
#include "lib/bpf/btf.h"

namespace gyre::bpf {
namespace {

constexpr u16 kMagic = 0xeb9f;
constexpr u32 kHeaderSize = 24;
constexpr u32 kTypeSize = 12;
constexpr u32 kMaxTypes = 1u << 20;
constexpr u32 kMaxModifiers = 32;

u32 load32(const u8* p) {
    return static_cast<u32>(p[0]) | static_cast<u32>(p[1]) << 8 | static_cast<u32>(p[2]) << 16 |
           static_cast<u32>(p[3]) << 24;
}

void store32(u8* p, u32 v) {
    for (int i = 0; i < 4; i++) {
        p[i] = static_cast<u8>(v >> (8 * i));
    }
}

// Bytes after the common header, or ~0 for an unknown kind.
u32 extra_bytes(const BtfType& t) {
    switch (t.kind()) {
        case BtfKind::Int: return 4;
        case BtfKind::Array: return 12;
        case BtfKind::Struct:
        case BtfKind::Union: return t.count() * 12;
        case BtfKind::Enum: return t.count() * 8;
        case BtfKind::Enum64: return t.count() * 12;
        case BtfKind::FunctionPrototype: return t.count() * 8;
        case BtfKind::Variable: return 4;
        case BtfKind::Section: return t.count() * 12;
        case BtfKind::DeclTag: return 4;
        case BtfKind::Pointer:
        case BtfKind::Forward:
        case BtfKind::Typedef:
        case BtfKind::Volatile:
        case BtfKind::Const:
        case BtfKind::Restrict:
        case BtfKind::Function:
        case BtfKind::Float:
        case BtfKind::TypeTag: return 0;
        default: return ~u32{0};
    }
}

BtfType load_type(const u8* p) { return {load32(p), load32(p + 4), load32(p + 8)}; }

}  // namespace

const char* Btf::open(std::span<const u8> bytes, Arena& arena, const Btf* base) {
    if (bytes.size() < kHeaderSize) {
        return "BTF is shorter than its header";
    }
    const u8* h = bytes.data();
    if ((h[0] | h[1] << 8) != kMagic || h[2] != 1) {
        return "BTF has a wrong magic number or version";
    }
    u64 header = load32(h + 4);
    u64 type_offset = load32(h + 8);
    u64 type_length = load32(h + 12);
    u64 string_offset = load32(h + 16);
    u64 string_length = load32(h + 20);
    if (header < kHeaderSize || header + type_offset + type_length > bytes.size() ||
        header + string_offset + string_length > bytes.size() || type_offset % 4 != 0) {
        return "BTF sections lie outside the data";
    }
    types_ = bytes.subspan(header + type_offset, type_length);
    strings_ = bytes.subspan(header + string_offset, string_length);
    if (strings_.empty() || strings_.back() != 0 || (base == nullptr && strings_[0] != 0)) {
        return "BTF strings are not terminated";
    }
    base_ = base;
    first_id_ = base != nullptr ? base->type_count() : 1;
    string_base_ = base != nullptr ? base->string_base_ + static_cast<u32>(base->strings_.size()) : 0;
    for (int pass = 0; pass < 2; pass++) {
        u32 count = 0;
        for (u64 at = 0; at < types_.size(); count++) {
            if (types_.size() - at < kTypeSize || count >= kMaxTypes) {
                return "BTF types are cut off or too many";
            }
            BtfType t = load_type(types_.data() + at);
            u32 extra = extra_bytes(t);
            if (extra == ~u32{0} || types_.size() - at - kTypeSize < extra) {
                return "BTF holds an unknown or cut-off type";
            }
            if (pass == 1) {
                offsets_[count] = static_cast<u32>(at);
            }
            at += kTypeSize + extra;
        }
        if (pass == 0) {
            offsets_ = arena.make_array<u32>(count);
            if (offsets_.size() != count) {
                return "no memory for BTF";
            }
        }
    }
    return nullptr;
}

BtfType Btf::type(u32 id) const {
    if (id < first_id_) {
        return base_ != nullptr ? base_->type(id) : BtfType{};
    }
    if (id >= type_count()) {
        return {};
    }
    return load_type(types_.data() + offsets_[id - first_id_]);
}

const u8* Btf::body(u32 id) const {
    if (id < first_id_) {
        return base_ != nullptr ? base_->body(id) : nullptr;
    }
    return id >= type_count() ? nullptr : types_.data() + offsets_[id - first_id_] + kTypeSize;
}

u32 Btf::word(const u8* p, u32 index) const { return p == nullptr ? 0 : load32(p + index * 4); }

std::string_view Btf::string(u32 offset) const {
    if (offset < string_base_) {
        return base_ != nullptr ? base_->string(offset) : std::string_view{};
    }
    offset -= string_base_;
    if (offset >= strings_.size()) {
        return {};
    }
    return std::string_view(reinterpret_cast<const char*>(strings_.data() + offset));
}

BtfMember Btf::member(u32 id, u32 index) const {
    BtfType t = type(id);
    if (!t.is_composite() || index >= t.count()) {
        return {};
    }
    const u8* p = body(id) + index * 12;
    BtfMember m{string(load32(p)), load32(p + 4), load32(p + 8), 0};
    if (t.flag()) {
        m.bitfield_size = m.bit_offset >> 24;
        m.bit_offset &= 0xffffff;
    } else {
        u32 plain = skip_modifiers(m.type);
        if (type(plain).kind() == BtfKind::Int) {
            u32 encoding = int_encoding(plain);
            u32 bits = encoding & 0xff;
            if (bits != type(plain).size_or_type * 8) {
                m.bitfield_size = bits;
            }
        }
    }
    return m;
}

BtfParameter Btf::parameter(u32 id, u32 index) const {
    BtfType t = type(id);
    if (t.kind() != BtfKind::FunctionPrototype || index >= t.count()) {
        return {};
    }
    const u8* p = body(id) + index * 8;
    return {string(load32(p)), load32(p + 4)};
}

BtfArray Btf::array(u32 id) const {
    if (type(id).kind() != BtfKind::Array) {
        return {};
    }
    const u8* p = body(id);
    return {load32(p), load32(p + 4), load32(p + 8)};
}

BtfSectionVariable Btf::section_variable(u32 id, u32 index) const {
    BtfType t = type(id);
    if (t.kind() != BtfKind::Section || index >= t.count()) {
        return {};
    }
    const u8* p = body(id) + index * 12;
    return {load32(p), load32(p + 4), load32(p + 8)};
}

void Btf::set_section_variable(std::span<u8> bytes, u32 id, u32 index, u32 offset,
                               u32 size) const {
    const u8* p = body(id);
    if (p == nullptr || type(id).kind() != BtfKind::Section || index >= type(id).count()) {
        return;
    }
    size_t at = static_cast<size_t>(p - bytes.data()) + index * 12;
    store32(bytes.data() + at + 4, offset);
    store32(bytes.data() + at + 8, size);
}

void Btf::set_section_size(std::span<u8> bytes, u32 id, u32 size) const {
    const u8* p = body(id);
    if (p != nullptr && type(id).kind() == BtfKind::Section) {
        store32(bytes.data() + (p - bytes.data()) - 4, size);
    }
}

void Btf::set_function_linkage(std::span<u8> bytes, u32 id, u32 linkage) const {
    const u8* p = body(id);
    if (p != nullptr && type(id).kind() == BtfKind::Function) {
        store32(bytes.data() + (p - bytes.data()) - 8, (type(id).info & ~0xffffu) | linkage);
    }
}

u32 Btf::int_encoding(u32 id) const {
    return type(id).kind() == BtfKind::Int ? word(body(id), 0) : 0;
}

s32 Btf::decl_tag_component(u32 id) const {
    return type(id).kind() == BtfKind::DeclTag ? static_cast<s32>(word(body(id), 0)) : -1;
}

u32 Btf::variable_linkage(u32 id) const {
    return type(id).kind() == BtfKind::Variable ? word(body(id), 0) : 0;
}

std::string_view Btf::enumerator(u32 id, u32 index, s64& value) const {
    BtfType t = type(id);
    value = 0;
    if (index >= t.count()) {
        return {};
    }
    if (t.kind() == BtfKind::Enum) {
        const u8* p = body(id) + index * 8;
        u32 raw = load32(p + 4);
        value = t.flag() ? static_cast<s64>(static_cast<s32>(raw)) : static_cast<s64>(raw);
        return string(load32(p));
    }
    if (t.kind() == BtfKind::Enum64) {
        const u8* p = body(id) + index * 12;
        value = static_cast<s64>(load32(p + 4) | static_cast<u64>(load32(p + 8)) << 32);
        return string(load32(p));
    }
    return {};
}

u32 Btf::skip_modifiers(u32 id) const {
    for (u32 i = 0; i < kMaxModifiers; i++) {
        BtfType t = type(id);
        switch (t.kind()) {
            case BtfKind::Typedef:
            case BtfKind::Volatile:
            case BtfKind::Const:
            case BtfKind::Restrict:
            case BtfKind::TypeTag: id = t.size_or_type; break;
            default: return id;
        }
    }
    return 0;
}

bool Btf::size_of(u32 id, u32& size) const {
    u64 factor = 1;
    for (u32 i = 0; i < kMaxModifiers; i++) {
        id = skip_modifiers(id);
        BtfType t = type(id);
        u64 total = 0;
        switch (t.kind()) {
            case BtfKind::Int:
            case BtfKind::Struct:
            case BtfKind::Union:
            case BtfKind::Enum:
            case BtfKind::Enum64:
            case BtfKind::Float:
            case BtfKind::Section: total = factor * t.size_or_type; break;
            case BtfKind::Pointer: total = factor * 8; break;
            case BtfKind::Array: {
                BtfArray a = array(id);
                factor *= a.count;
                if (factor > ~u32{0}) {
                    return false;
                }
                id = a.element_type;
                continue;
            }
            case BtfKind::Variable: id = t.size_or_type; continue;
            default: return false;
        }
        if (total > ~u32{0}) {
            return false;
        }
        size = static_cast<u32>(total);
        return true;
    }
    return false;
}

bool Btf::has_type_at(u32 id, u32 offset, std::string_view wanted, int depth) const {
    constexpr int kMaxDepth = 12;
    id = skip_modifiers(id);
    BtfType t = type(id);
    if (!t.is_composite() || depth > kMaxDepth) {
        return false;
    }
    std::string_view have = string(t.name_offset);
    size_t flavour = have.find("___");
    if (offset == 0 && !have.empty() &&
        (have == wanted || (flavour != 0 && have.substr(0, flavour) == wanted))) {
        return true;
    }
    for (u32 i = 0; i < t.count(); i++) {
        BtfMember m = member(id, i);
        u32 begin = m.bit_offset / 8;
        u32 size = 0;
        if (m.bitfield_size != 0 || begin > offset || !size_of(m.type, size) ||
            offset >= begin + size) {
            continue;
        }
        u32 inner = skip_modifiers(m.type);
        u32 inside = offset - begin;
        if (type(inner).kind() == BtfKind::Array) {
            BtfArray a = array(inner);
            u32 element = 0;
            if (size_of(a.element_type, element) && element != 0) {
                inner = a.element_type;
                inside %= element;
            }
        }
        if (has_type_at(inner, inside, wanted, depth + 1)) {
            return true;
        }
    }
    return false;
}

u32 Btf::find(std::string_view wanted, BtfKind kind) const {
    for (u32 i = 0; i < offsets_.size(); i++) {
        BtfType t = load_type(types_.data() + offsets_[i]);
        if (t.kind() == kind && string(t.name_offset) == wanted) {
            return first_id_ + i;
        }
    }
    return base_ != nullptr ? base_->find(wanted, kind) : 0;
}

}  // namespace gyre::bpf
