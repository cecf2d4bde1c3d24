// SPDX-License-Identifier: MIT
//
// BTF, the type information of BPF programs and kernels (Linux Documentation/bpf/btf.rst): a
// checked reader over bytes that the caller keeps. After open() has succeeded every accessor is
// total: a wrong id gives the void type. No deduplication, no writing.
#pragma once

#include <span>
#include <string_view>

#include "lib/bpf/arena.h"
#include "lib/bpf/types.h"

namespace gyre::bpf {

enum class BtfKind : u8 {
    Void, Int, Pointer, Array, Struct, Union, Enum, Forward, Typedef, Volatile, Const, Restrict,
    Function, FunctionPrototype, Variable, Section, Float, DeclTag, TypeTag, Enum64,
};

struct BtfType {
    u32 name_offset = 0;
    u32 info = 0;
    u32 size_or_type = 0;

    BtfKind kind() const { return static_cast<BtfKind>((info >> 24) & 0x1f); }
    u32 count() const { return info & 0xffff; }
    bool flag() const { return (info >> 31) != 0; }
    bool is_composite() const { return kind() == BtfKind::Struct || kind() == BtfKind::Union; }
};

struct BtfMember {
    std::string_view name;
    u32 type = 0;
    u32 bit_offset = 0;
    u32 bitfield_size = 0;  // 0 for ordinary members
};

struct BtfParameter {
    std::string_view name;
    u32 type = 0;
};

struct BtfArray {
    u32 element_type = 0;
    u32 index_type = 0;
    u32 count = 0;
};

struct BtfSectionVariable {
    u32 type = 0;
    u32 offset = 0;
    u32 size = 0;
};

class Btf {
public:
    // Null on success, else what is wrong with the bytes. `base` holds the first types of split BTF.
    const char* open(std::span<const u8> bytes, Arena& arena, const Btf* base = nullptr);

    u32 type_count() const { return first_id_ + static_cast<u32>(offsets_.size()); }
    u32 first_id() const { return first_id_; }
    // Where a type's header lies among the types.
    u32 offset_of(u32 id) const {
        return id < first_id_ || id >= type_count() ? 0 : offsets_[id - first_id_];
    }
    BtfType type(u32 id) const;
    std::string_view name(u32 id) const { return string(type(id).name_offset); }
    std::string_view string(u32 offset) const;

    BtfMember member(u32 id, u32 index) const;
    BtfParameter parameter(u32 id, u32 index) const;
    BtfArray array(u32 id) const;
    BtfSectionVariable section_variable(u32 id, u32 index) const;
    u32 int_encoding(u32 id) const;        // the word after an Int: encoding, offset, bits
    s32 decl_tag_component(u32 id) const;  // -1: the declaration itself
    u32 variable_linkage(u32 id) const;
    // Name and value of an enumerator of Enum or Enum64.
    std::string_view enumerator(u32 id, u32 index, s64& value) const;

    // For loaders: writes into `bytes`, which must be what open() was given.
    void set_section_variable(std::span<u8> bytes, u32 id, u32 index, u32 offset, u32 size) const;
    void set_section_size(std::span<u8> bytes, u32 id, u32 size) const;
    void set_function_linkage(std::span<u8> bytes, u32 id, u32 linkage) const;

    // Follows typedefs and qualifiers (and type tags).
    u32 skip_modifiers(u32 id) const;
    // Size in bytes of a type; false if it has none.
    bool size_of(u32 id, u32& size) const;
    // A structure of this name (a flavour behind "___" counts) lies at this offset of `type`.
    bool has_type_at(u32 type, u32 offset, std::string_view name, int depth = 0) const;
    // 0 if there is no such type.
    u32 find(std::string_view name, BtfKind kind) const;

private:
    const u8* body(u32 id) const;  // the words after the common header
    u32 word(const u8* p, u32 index) const;

    std::span<const u8> types_;
    std::span<const u8> strings_;
    std::span<u32> offsets_;  // of each type of this BTF, in types_
    const Btf* base_ = nullptr;
    u32 first_id_ = 1;
    u32 string_base_ = 0;
};

}  // namespace gyre::bpf
