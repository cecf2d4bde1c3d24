// SPDX-License-Identifier: MIT
//
// Opening an object: types, extension information (functions, lines, CO-RE), then the rest.
#include "lib/bpf/object/object.h"

#include <string.h>

#include <algorithm>

#include "lib/bpf/object/loader.h"

namespace gyre::bpf {
namespace {

constexpr size_t kArenaBytes = 16u << 20;

u32 load32(std::span<const u8> bytes, size_t at) {
    u32 v = 0;
    if (at + 4 <= bytes.size()) {
        memcpy(&v, bytes.data() + at, 4);
    }
    return v;
}

}  // namespace

std::expected<std::unique_ptr<Object>, std::string> Object::open(std::vector<u8> bytes,
                                                                 const Btf* kernel_btf) {
    auto object = std::make_unique<Object>();
    object->bytes_ = std::move(bytes);
    object->arena_memory_ = std::make_unique_for_overwrite<u8[]>(kArenaBytes);
    object->arena_ = std::make_unique<Arena>(std::span(object->arena_memory_.get(), kArenaBytes));
    ObjectLoader loader(*object, kernel_btf);
    std::string problem = loader.load();
    if (!problem.empty()) {
        return std::unexpected(problem);
    }
    return object;
}

std::string ObjectLoader::load() {
    auto elf = ElfFile::open(object_.bytes_);
    if (!elf) {
        return elf.error();
    }
    elf_ = std::move(*elf);
    if (const ElfSection* s = elf_.find("license")) {
        object_.license_.assign(s->data.begin(), std::ranges::find(s->data, u8{0}));
    }
    for (auto step : {&ObjectLoader::read_types, &ObjectLoader::read_extension,
                      &ObjectLoader::read_maps}) {
        std::string problem = (this->*step)();
        if (!problem.empty()) {
            return problem;
        }
    }
    for (u32 i = 0; i < elf_.sections().size(); i++) {
        auto r = elf_.relocations(i);
        if (!r) {
            return r.error();
        }
        if (!r->empty()) {
            relocations_[i] = std::move(*r);
        }
    }
    find_struct_ops();
    read_functions();
    return {};
}

std::string ObjectLoader::read_types() {
    const ElfSection* s = elf_.find(".BTF");
    if (s == nullptr) {
        return {};
    }
    object_.btf_bytes_.assign(s->data.begin(), s->data.end());
    if (const char* problem = object_.btf_.open(object_.btf_bytes_, *object_.arena_)) {
        return problem;
    }
    object_.has_btf_ = true;
    place_variables();
    make_hidden_static();
    return {};
}

// A function that no other object may see (__hidden) is verified where it is called, as libbpf has it.
void ObjectLoader::make_hidden_static() {
    constexpr u8 kInternal = 1, kHidden = 2;
    std::set<std::string_view> hidden;
    for (const ElfSymbol& y : elf_.symbols()) {
        if (y.type == kSymbolFunction && y.section != kUndefined &&
            (y.visibility == kInternal || y.visibility == kHidden)) {
            hidden.insert(y.name);
        }
    }
    const Btf& btf = object_.btf_;
    for (u32 id = 1; id < btf.type_count() && !hidden.empty(); id++) {
        if (btf.type(id).kind() == BtfKind::Function && hidden.contains(btf.name(id))) {
            btf.set_function_linkage(object_.btf_bytes_, id, 0);
        }
    }
}

// clang leaves the sizes of data sections and the places of their variables to the loader. A linker of
// objects has filled them in; and several of its variables may have one name.
void ObjectLoader::place_variables() {
    Btf& btf = object_.btf_;
    for (u32 id = 1; id < btf.type_count(); id++) {
        if (btf.type(id).kind() != BtfKind::Section) {
            continue;
        }
        u32 index = section_index(btf.name(id));
        u32 size = index != 0 ? static_cast<u32>(elf_.sections()[index].size) : 0;
        bool is_virtual = btf.name(id) == ".ksyms" || btf.name(id) == ".kconfig";
        if (!is_virtual && btf.type(id).size_or_type != 0) {
            continue;
        }
        u32 next = 0;
        for (u32 i = 0; i < btf.type(id).count(); i++) {
            BtfSectionVariable v = btf.section_variable(id, i);
            if (is_virtual) {
                u32 bytes = v.size;
                bytes = bytes == 0 ? 4 : bytes;
                btf.set_section_variable(object_.btf_bytes_, id, i, next, bytes);
                next += (bytes + 7) & ~7u;
                continue;
            }
            for (const ElfSymbol& y : elf_.symbols()) {
                if (y.section == index && index != 0 && y.type == kSymbolObject &&
                    y.name == btf.name(v.type)) {
                    btf.set_section_variable(object_.btf_bytes_, id, i,
                                             static_cast<u32>(y.value), v.size);
                }
            }
        }
        btf.set_section_size(object_.btf_bytes_, id, is_virtual ? next : size);
    }
}

u32 ObjectLoader::section_index(std::string_view name) const {
    for (u32 i = 0; i < elf_.sections().size(); i++) {
        if (elf_.sections()[i].name == name) {
            return i;
        }
    }
    return 0;
}

// .BTF.ext: header, then for each kind a record size and blocks of records by section.
std::string ObjectLoader::read_extension() {
    const ElfSection* s = elf_.find(".BTF.ext");
    if (s == nullptr || !object_.has_btf_) {
        return {};
    }
    std::span<const u8> d = s->data;
    if (d.size() < 24 || (d[0] | d[1] << 8) != 0xeb9f) {
        return ".BTF.ext has no valid header";
    }
    u32 header = load32(d, 4);
    auto read = [&](u32 offset, u32 length, u32 smallest, auto&& record) -> std::string {
        u64 at = u64{header} + offset;
        u64 end = at + length;
        if (end > d.size()) {
            return ".BTF.ext is cut off";
        }
        if (length < 4) {
            return {};
        }
        u32 size = load32(d, at);
        at += 4;
        if (size < smallest || size > 4096) {
            return ".BTF.ext has records of a wrong size";
        }
        while (at + 8 <= end) {
            u32 section = section_index(object_.btf_.string(load32(d, at)));
            u32 count = load32(d, at + 4);
            at += 8;
            if (count > (end - at) / size) {
                return ".BTF.ext is cut off";
            }
            for (u32 i = 0; i < count; i++, at += size) {
                record(section, at);
            }
        }
        return {};
    };
    std::string problem = read(load32(d, 8), load32(d, 12), 8, [&](u32 section, u64 at) {
        extension_.functions[section].push_back({load32(d, at) / 8, load32(d, at + 4)});
    });
    if (problem.empty()) {
        problem = read(load32(d, 16), load32(d, 20), 16, [&](u32 section, u64 at) {
            extension_.lines[section].push_back(
                {load32(d, at) / 8, load32(d, at + 4), load32(d, at + 8), load32(d, at + 12)});
        });
    }
    if (problem.empty() && header >= 32) {
        problem = read(load32(d, 24), load32(d, 28), 16, [&](u32 section, u64 at) {
            extension_.core[section].push_back({load32(d, at) / 8, load32(d, at + 4),
                                                object_.btf_.string(load32(d, at + 8)),
                                                load32(d, at + 12)});
        });
    }
    return problem;
}

// A struct_ops variable names the programs of its members by relocations.
void ObjectLoader::find_struct_ops() {
    const Btf& btf = object_.btf_;
    if (!object_.has_btf_ || kernel_ == nullptr) {
        return;
    }
    for (const char* name : {".struct_ops", ".struct_ops.link", "?.struct_ops", "?.struct_ops.link"}) {
        u32 section_type_id = btf.find(name, BtfKind::Section);
        u32 section = section_index(name);
        if (section_type_id == 0 || section == 0) {
            continue;
        }
        for (u32 i = 0; i < btf.type(section_type_id).count(); i++) {
            BtfSectionVariable v = btf.section_variable(section_type_id, i);
            u32 type = btf.skip_modifiers(btf.type(v.type).size_or_type);
            std::string_view type_name = btf.name(type);
            size_t flavour = type_name.find("___");
            u32 kernel_type = kernel_->find(type_name.substr(0, flavour), BtfKind::Struct);
            for (const ElfRelocation& r : relocations_[section]) {
                if (r.offset < v.offset || r.offset >= v.offset + v.size) {
                    continue;
                }
                for (u32 m = 0; m < btf.type(type).count(); m++) {
                    BtfMember member = btf.member(type, m);
                    if (member.bit_offset / 8 != r.offset - v.offset) {
                        continue;
                    }
                    for (u32 k = 0; k < kernel_->type(kernel_type).count(); k++) {
                        if (kernel_->member(kernel_type, k).name == member.name) {
                            struct_ops_[std::string(elf_.symbols()[r.symbol].name)] = {kernel_type,
                                                                                       k};
                        }
                    }
                }
            }
        }
    }
}

// Functions may not be extern, and a section may not list functions: as libbpf does, the linkage
// becomes global and the virtual section an enumeration of the names.
std::vector<u8> Object::loadable_btf() const {
    if (!has_btf_) {
        return btf_bytes_;
    }
    // Types and strings, behind a header of the first form: newer ones tell of sections that Linux 6.18
    // does not know.
    constexpr u32 kHeaderBytes = 24;
    const u32 old_header = load32(btf_bytes_, 4);
    const u32 types = load32(btf_bytes_, 8), types_bytes = load32(btf_bytes_, 12);
    const u32 strings = load32(btf_bytes_, 16), strings_bytes = load32(btf_bytes_, 20);
    std::vector<u8> out(btf_bytes_.begin(), btf_bytes_.begin() + kHeaderBytes);
    const u8* sections = btf_bytes_.data() + old_header;
    out.insert(out.end(), sections + types, sections + types + types_bytes);
    out.insert(out.end(), sections + strings, sections + strings + strings_bytes);
    auto put = [&](size_t at, u32 v) { memcpy(out.data() + at, &v, 4); };
    put(4, kHeaderBytes);
    put(8, 0);
    put(16, types_bytes);
    const size_t at = kHeaderBytes;
    u32 some_name = 0;
    u32 some_number = 0;
    for (u32 id = 1; id < btf_.type_count() && some_number == 0; id++) {
        some_number = btf_.type(id).kind() == BtfKind::Int ? id : 0;
    }
    for (u32 id = 1; id < btf_.type_count() && some_name == 0; id++) {
        if (btf_.type(id).kind() == BtfKind::Function) {
            some_name = btf_.type(id).name_offset;
        }
    }
    for (u32 id = 1; id < btf_.type_count(); id++) {
        BtfType t = btf_.type(id);
        size_t here = at + btf_.offset_of(id);
        if (t.kind() == BtfKind::Function && t.count() == 2) {
            put(here + 4, (static_cast<u32>(BtfKind::Function) << 24) | 1);
        }
        if (t.kind() == BtfKind::FunctionPrototype) {  // parameters must have names
            for (u32 i = 0; i < t.count() && some_name != 0; i++) {
                if (btf_.parameter(id, i).name.empty() && btf_.parameter(id, i).type != 0) {
                    put(here + 12 + i * 8, some_name);
                }
            }
        }
        bool is_virtual = t.kind() == BtfKind::Section &&
                          (btf_.name(id) == ".ksyms" || btf_.name(id) == ".kconfig");
        if (is_virtual) {
            put(here, 0);
            put(here + 4, (static_cast<u32>(BtfKind::Enum64) << 24) | t.count());
            put(here + 8, 8);
            for (u32 i = 0; i < t.count(); i++) {
                u32 entry = btf_.section_variable(id, i).type;
                put(here + 12 + i * 12, btf_.type(entry).name_offset);
            }
        }
        if (t.kind() == BtfKind::Section && !is_virtual) {  // variables must stand in order
            std::vector<BtfSectionVariable> variables;
            for (u32 i = 0; i < t.count(); i++) {
                variables.push_back(btf_.section_variable(id, i));
            }
            std::ranges::sort(variables, {}, &BtfSectionVariable::offset);
            for (u32 i = 0; i < t.count(); i++) {
                put(here + 12 + i * 12, variables[i].type);
                put(here + 16 + i * 12, variables[i].offset);
                put(here + 20 + i * 12, variables[i].size);
            }
        }
        if (t.kind() == BtfKind::Variable && btf_.variable_linkage(id) == 2) {
            put(here + 12, 1);
            if (t.size_or_type == 0) {  // an extern that only its address is wanted of
                put(here + 8, some_number);
            }
        }
    }
    return out;
}

}  // namespace gyre::bpf
