// SPDX-License-Identifier: MIT
//
// See modules.h. Every number of a type and every offset of a string in the module's types is
// translated.
#include "lib/bpf/object/modules.h"

#include <string.h>

#include <map>
#include <memory>

#include "lib/bpf/object/elf.h"

namespace gyre::bpf {
namespace {

constexpr size_t kHeaderBytes = 24;
constexpr size_t kArenaBytes = 4096;

u32 load(std::span<const u8> bytes, size_t at) {
    u32 v = 0;
    memcpy(&v, bytes.data() + at, 4);
    return v;
}

void append(std::vector<u8>& out, u32 v) {
    const size_t at = out.size();
    out.resize(at + 4);
    memcpy(out.data() + at, &v, 4);
}

// Types that Btf::open() has accepted.
struct Types {
    std::vector<u8> memory;
    std::unique_ptr<Arena> arena;
    Btf btf;
    std::span<const u8> types;
    std::span<const u8> strings;

    const char* open(std::span<const u8> bytes, const Btf* base = nullptr) {
        memory.resize(bytes.size() / 2 +
                      kArenaBytes);  // four bytes for each type, which has twelve
        arena = std::make_unique<Arena>(memory);
        if (const char* problem = btf.open(bytes, *arena, base)) {
            return problem;
        }
        const size_t header = load(bytes, 4);
        types = bytes.subspan(header + load(bytes, 8), load(bytes, 12));
        strings = bytes.subspan(header + load(bytes, 16), load(bytes, 20));
        return nullptr;
    }
};

// What a number of the module's types, or of those they build on, is among the joined ones.
struct Translation {
    std::vector<u32> ids;  // of all types of the base and of the module
    u32 base_strings = 0;  // offsets before this are the base's strings,
    u32 base_begin = 0;    // which lie there,
    u32 own_begin = 0;     // and the module's own here
    u32 id(u32 old) const { return old < ids.size() ? ids[old] : 0; }
    u32 string(u32 old) const {
        return old == 0             ? 0
               : old < base_strings ? base_begin + old
                                    : own_begin + old - base_strings;
    }
};

bool names_type(BtfKind kind) {
    switch (kind) {
        case BtfKind::Pointer:
        case BtfKind::Typedef:
        case BtfKind::Volatile:
        case BtfKind::Const:
        case BtfKind::Restrict:
        case BtfKind::Function:
        case BtfKind::FunctionPrototype:
        case BtfKind::Variable:
        case BtfKind::DeclTag:
        case BtfKind::TypeTag:
            return true;
        default:
            return false;
    }
}

// Of the words behind a type's header: how many make one entry, and which of them name a string or
// a type.
struct EntryShape {
    u32 words = 0;
    int string = -1;
    int type = -1;
    int second_type = -1;
};
EntryShape entry_shape(BtfKind kind) {
    switch (kind) {
        case BtfKind::Array:
            return {3, -1, 0, 1};
        case BtfKind::Struct:
        case BtfKind::Union:
            return {3, 0, 1};
        case BtfKind::Enum:
            return {2, 0};
        case BtfKind::Enum64:
            return {3, 0};
        case BtfKind::FunctionPrototype:
            return {2, 0, 1};
        case BtfKind::Section:
            return {3, -1, 0};
        case BtfKind::Int:
        case BtfKind::Variable:
        case BtfKind::DeclTag:
            return {1};
        default:
            return {};
    }
}
u32 entry_count(const BtfType& t) {
    switch (t.kind()) {
        case BtfKind::Array:
        case BtfKind::Int:
        case BtfKind::Variable:
        case BtfKind::DeclTag:
            return 1;
        case BtfKind::Struct:
        case BtfKind::Union:
        case BtfKind::Enum:
        case BtfKind::Enum64:
        case BtfKind::FunctionPrototype:
        case BtfKind::Section:
            return t.count();
        default:
            return 0;
    }
}

void append_type(std::vector<u8>& out, const Types& from, u32 id, const Translation& to) {
    const BtfType t = from.btf.type(id);
    append(out, to.string(t.name_offset));
    append(out, t.info);
    append(out, names_type(t.kind()) ? to.id(t.size_or_type) : t.size_or_type);
    const EntryShape shape = entry_shape(t.kind());
    size_t at = from.btf.offset_of(id) + 12;
    for (u32 i = 0; i < entry_count(t); i++) {
        for (u32 w = 0; w < shape.words; w++, at += 4) {
            const u32 v = load(from.types, at);
            const int word = static_cast<int>(w);
            append(out, word == shape.string                              ? to.string(v)
                        : word == shape.type || word == shape.second_type ? to.id(v)
                                                                          : v);
        }
    }
}

// A type that stands alone but is the kernel's by kind and name; a forward declaration is what it
// announces.
bool may_be_kernels(BtfKind kind) {
    switch (kind) {
        case BtfKind::Int:
        case BtfKind::Float:
        case BtfKind::Struct:
        case BtfKind::Union:
        case BtfKind::Enum:
        case BtfKind::Enum64:
        case BtfKind::Forward:
            return true;
        default:
            return false;
    }
}

std::map<std::pair<BtfKind, std::string_view>, u32> names_of(const Btf& kernel) {
    std::map<std::pair<BtfKind, std::string_view>, u32> names;
    for (u32 id = 1; id < kernel.type_count(); id++) {
        if (may_be_kernels(kernel.type(id).kind()) && !kernel.name(id).empty()) {
            names.try_emplace({kernel.type(id).kind(), kernel.name(id)}, id);
        }
    }
    return names;
}

// The kernel's number for each type of `own` that it has; for the others those that follow `next`.
void map_by_name(const Types& own, const Btf& kernel, u32& next, Translation& to,
                 std::vector<u32>& added) {
    const auto names = names_of(kernel);
    for (u32 id = own.btf.first_id(); id < own.btf.type_count(); id++) {
        const BtfType t = own.btf.type(id);
        BtfKind kind = t.kind();
        if (kind == BtfKind::Forward) {
            kind = t.flag() ? BtfKind::Union : BtfKind::Struct;
        }
        const bool may_be = may_be_kernels(t.kind()) && !own.btf.name(id).empty();
        const auto found = may_be ? names.find({kind, own.btf.name(id)}) : names.end();
        if (found != names.end()) {
            to.ids.push_back(found->second);
            continue;
        }
        to.ids.push_back(next++);
        added.push_back(id);
    }
}

}  // namespace

std::expected<std::vector<u8>, std::string> join_module_types(std::span<const u8> plain_kernel,
                                                              std::span<const u8> joined,
                                                              std::span<const u8> module_file) {
    auto plain = std::make_unique<Types>();
    auto all = std::make_unique<Types>();
    for (auto [types, bytes] :
         {std::pair{plain.get(), plain_kernel}, std::pair{all.get(), joined}}) {
        if (const char* problem = types->open(bytes)) {
            return std::unexpected(problem);
        }
    }
    std::span<const u8> own_bytes = module_file;
    std::span<const u8> base_bytes;
    if (module_file.size() >= 4 && memcmp(module_file.data(), "\177ELF", 4) == 0) {
        auto elf = ElfFile::open(module_file, ElfFile::Machine::Any);
        if (!elf) {
            return std::unexpected(elf.error());
        }
        const ElfSection* types = elf->find(".BTF");
        if (types == nullptr) {
            return std::unexpected("the file holds no types (.BTF)");
        }
        own_bytes = types->data;
        if (const ElfSection* base = elf->find(".BTF.base")) {
            base_bytes = base->data;
        }
    }
    // Types of their own begin with the empty string; those that continue the kernel's do not.
    auto own = std::make_unique<Types>();
    auto base = std::make_unique<Types>();
    const bool stands_alone = base_bytes.empty() && own->open(own_bytes) == nullptr;
    const bool has_base = !base_bytes.empty();
    if (has_base) {
        if (const char* problem = base->open(base_bytes)) {
            return std::unexpected(problem);
        }
    }
    if (!stands_alone) {
        own = std::make_unique<Types>();
        if (const char* problem = own->open(own_bytes, has_base ? &base->btf : &plain->btf)) {
            return std::unexpected(problem);
        }
    }
    std::vector<u8> types(all->types.begin(), all->types.end());
    std::vector<u8> strings(all->strings.begin(), all->strings.end());
    auto add_strings = [&](std::span<const u8> more) {
        const u32 begin = static_cast<u32>(strings.size());
        strings.insert(strings.end(), more.begin(), more.end());
        return begin;
    };
    Translation to;
    u32 next = all->btf.type_count();
    std::vector<u32> added;
    to.ids.push_back(0);
    if (stands_alone) {
        to.own_begin = add_strings(own->strings);
        map_by_name(*own, plain->btf, next, to, added);
    } else {
        if (has_base) {
            std::vector<u32> of_base;
            to.base_begin = add_strings(base->strings);
            to.base_strings = static_cast<u32>(base->strings.size());
            to.own_begin = to.base_begin;  // while the base itself is written
            map_by_name(*base, plain->btf, next, to, of_base);
            for (u32 id : of_base) {
                append_type(types, *base, id, to);
            }
        } else {
            to.base_strings = static_cast<u32>(plain->strings.size());
            for (u32 id = 1; id < plain->btf.type_count(); id++) {
                to.ids.push_back(id);
            }
        }
        to.own_begin = add_strings(own->strings);
        for (u32 id = own->btf.first_id(); id < own->btf.type_count(); id++) {
            to.ids.push_back(next++);
            added.push_back(id);
        }
    }
    for (u32 id : added) {
        append_type(types, *own, id, to);
    }
    std::vector<u8> out(kHeaderBytes);
    out[0] = 0x9f;
    out[1] = 0xeb;
    out[2] = 1;
    const u32 fields[] = {static_cast<u32>(kHeaderBytes), 0, static_cast<u32>(types.size()),
                          static_cast<u32>(types.size()), static_cast<u32>(strings.size())};
    memcpy(out.data() + 4, fields, sizeof(fields));
    out.insert(out.end(), types.begin(), types.end());
    out.insert(out.end(), strings.begin(), strings.end());
    return out;
}

}  // namespace gyre::bpf
