// SPDX-License-Identifier: MIT
//
// The maps of an object: those defined by types in ".maps", legacy ones in "maps", and one array
// for each section of global data.
#include <string.h>

#include "lib/bpf/object/loader.h"

namespace gyre::bpf {
namespace {

struct LegacyMap {
    u32 type, key_size, value_size, max_entries, flags;
    u32 id, pinning, inner_id, inner_index;  // only where the loader was tc's
};
constexpr size_t kShortLegacyMap = 20;

bool starts_with(std::string_view s, std::string_view prefix) {
    return s.substr(0, prefix.size()) == prefix;
}

}  // namespace

std::string ObjectLoader::read_legacy_maps(const ElfSection& s, u32 index) {
    std::vector<const ElfSymbol*> symbols;
    for (const ElfSymbol& y : elf_.symbols()) {
        if (y.section == index && y.type == kSymbolObject) {
            symbols.push_back(&y);
        }
    }
    struct Identity {
        u32 id, inner_id;
    };
    std::vector<Identity> identities;
    for (const ElfSymbol* y : symbols) {
        LegacyMap raw{};
        size_t size = y->size == sizeof(raw) ? sizeof(raw) : kShortLegacyMap;
        if (y->value > s.data.size() || size > s.data.size() - y->value) {
            return "a legacy map is cut off";
        }
        memcpy(&raw, s.data.data() + y->value, size);
        identities.push_back({raw.id, raw.inner_id});
        auto m = std::make_unique<ObjectMap>();
        m->name = std::string(y->name);
        m->map.type = static_cast<MapType>(raw.type);
        m->map.key_size = raw.key_size;
        m->map.value_size = raw.value_size;
        m->map.max_entries = raw.max_entries;
        m->map.flags = raw.flags;
        m->section = index;
        m->offset = y->value;
        object_.maps_.push_back(std::move(m));
    }
    // What an inner map looks like is said by the number of another map.
    auto made = std::span(object_.maps_).last(identities.size());
    for (size_t i = 0; i < made.size(); i++) {
        for (size_t k = 0; k < made.size() && identities[i].inner_id != 0; k++) {
            if (k != i && identities[k].id == identities[i].inner_id) {
                made[i]->map.inner = &made[k]->map;
            }
        }
    }
    return {};
}

// The members of a BTF-defined map: numbers are array lengths behind pointers, types pointees.
std::string ObjectLoader::define_map(u32 type, ObjectMap& map, int depth) {
    const Btf& btf = object_.btf_;
    type = btf.skip_modifiers(type);
    if (btf.type(type).kind() != BtfKind::Struct || depth > 2) {
        return "a map is not defined by a structure";
    }
    for (u32 i = 0; i < btf.type(type).count(); i++) {
        BtfMember m = btf.member(type, i);
        u32 member = btf.skip_modifiers(m.type);
        u32 pointee = btf.type(member).kind() == BtfKind::Pointer ? btf.type(member).size_or_type : 0;
        u32 plain = btf.skip_modifiers(pointee);
        u32 number = btf.type(plain).kind() == BtfKind::Array ? btf.array(plain).count : 0;
        if (m.name == "type") {
            map.map.type = static_cast<MapType>(number);
        } else if (m.name == "max_entries") {
            map.map.max_entries = number;
        } else if (m.name == "map_flags") {
            map.map.flags = number;
        } else if (m.name == "key_size") {
            map.map.key_size = number;
        } else if (m.name == "value_size") {
            map.map.value_size = number;
        } else if (m.name == "key") {
            btf.size_of(pointee, map.map.key_size);
            map.map.key_type_id = pointee;
        } else if (m.name == "value") {
            btf.size_of(pointee, map.map.value_size);
            map.map.value_type_id = pointee;
            map.map.btf = &btf;
        } else if (m.name == "values") {
            map.map.key_size = map.map.key_size == 0 ? 4 : map.map.key_size;
            map.map.value_size = 4;
            if (btf.type(member).kind() != BtfKind::Array) {
                continue;
            }
            u32 element = btf.skip_modifiers(btf.array(member).element_type);
            u32 target = btf.skip_modifiers(btf.type(element).size_or_type);
            if (map.map.type == MapType::ProgArray ||
                btf.type(target).kind() == BtfKind::FunctionPrototype) {
                continue;
            }
            map.inner = std::make_unique<ObjectMap>();
            map.inner->name = map.name + ".inner";
            std::string problem = define_map(target, *map.inner, depth + 1);
            if (!problem.empty()) {
                return problem;
            }
            map.map.inner = &map.inner->map;
        }
    }
    if (map.map.type == MapType::PerfEventArray && map.map.key_size == 0) {
        map.map.key_size = map.map.value_size = 4;
    }
    if (map.map.value_type_id != 0) {
        // As in Linux, a map whose fields cannot be made out is one of plain bytes.
        find_special_fields(btf, map.map.value_type_id, kernel_, *object_.arena_, map.map.fields);
    }
    return {};
}

std::string ObjectLoader::read_btf_maps(u32 index) {
    const Btf& btf = object_.btf_;
    u32 section = btf.find(".maps", BtfKind::Section);
    if (section == 0) {
        return "the section .maps has no types";
    }
    for (u32 i = 0; i < btf.type(section).count(); i++) {
        u32 variable = btf.section_variable(section, i).type;
        auto m = std::make_unique<ObjectMap>();
        m->name = std::string(btf.name(variable));
        m->section = index;
        for (const ElfSymbol& y : elf_.symbols()) {
            if (y.section == index && y.name == m->name) {
                m->offset = y.value;
            }
        }
        std::string problem = define_map(btf.type(variable).size_or_type, *m, 0);
        if (!problem.empty()) {
            return problem;
        }
        object_.maps_.push_back(std::move(m));
    }
    return {};
}

void ObjectLoader::add_data_map(u32 index) {
    const ElfSection& s = elf_.sections()[index];
    auto m = std::make_unique<ObjectMap>();
    m->name = std::string(s.name);
    m->section = index;
    m->map.type = MapType::Array;
    m->map.key_size = 4;
    m->map.value_size = static_cast<u32>(s.size);
    m->map.max_entries = 1;
    bool is_constant = starts_with(s.name, ".rodata");
    m->map.flags = is_constant ? kMapReadOnlyProgram : 0;
    m->contents.assign(s.data.begin(), s.data.end());  // none, where all is zero
    if (is_constant) {
        m->map.frozen_contents = m->contents;
    }
    if (object_.has_btf_) {
        u32 type = object_.btf_.find(s.name, BtfKind::Section);
        if (type != 0) {
            m->map.btf = &object_.btf_;
            m->map.value_type_id = type;
            find_special_fields(object_.btf_, type, kernel_, *object_.arena_, m->map.fields);
        }
    }
    data_maps_[index] = static_cast<u32>(object_.maps_.size());
    object_.maps_.push_back(std::move(m));
}

std::string ObjectLoader::read_maps() {
    for (u32 i = 0; i < elf_.sections().size(); i++) {
        const ElfSection& s = elf_.sections()[i];
        if (s.name == "maps") {
            std::string problem = read_legacy_maps(s, i);
            if (!problem.empty()) {
                return problem;
            }
        } else if (s.name == ".maps") {
            std::string problem = read_btf_maps(i);
            if (!problem.empty()) {
                return problem;
            }
        }
    }
    for (u32 i = 0; i < elf_.sections().size(); i++) {
        const ElfSection& s = elf_.sections()[i];
        bool is_data = (s.type == kSectionProgbits || s.type == kSectionNobits) && s.size > 0 &&
                       (starts_with(s.name, ".data") || starts_with(s.name, ".rodata") ||
                        starts_with(s.name, ".bss"));
        if (is_data) {
            add_data_map(i);
        }
    }
    u32 config = object_.has_btf_ ? object_.btf_.find(".kconfig", BtfKind::Section) : 0;
    if (config != 0) {  // the values are the kernel's: Object::set_kernel_config
        auto m = std::make_unique<ObjectMap>();
        m->name = ".kconfig";
        m->map.type = MapType::Array;
        m->map.key_size = 4;
        m->map.value_size = object_.btf_.type(config).size_or_type;
        m->map.max_entries = 1;
        m->map.flags = kMapReadOnlyProgram;
        object_.maps_.push_back(std::move(m));
        for (const ElfSymbol& s : elf_.symbols()) {
            if (s.section == kUndefined && s.binding == kBindingWeak) {
                object_.weak_externs_.insert(std::string(s.name));
            }
        }
    }
    for (const auto& m : object_.maps_) {
        m->map.name = m->name.c_str();
        object_.map_pointers_.push_back(&m->map);
    }
    return {};
}

}  // namespace gyre::bpf
