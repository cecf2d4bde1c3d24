// SPDX-License-Identifier: MIT
//
// Gives __kconfig externs their values, as libbpf does before it freezes their map: the kernel then
// takes them for constants, and code that is for other kernels is never walked. What is not known
// stays any value. Left out: asking the running kernel what it can (features are told by version).
#include "lib/bpf/object/kernel_config.h"

#include <charconv>

#include "lib/bpf/object/object.h"

namespace gyre::bpf {
namespace {

constexpr u32 kCookieSince = 5u << 16 | 15u << 8;    // bpf_get_attach_cookie()
constexpr u32 kWrapperSince = 4u << 16 | 17u << 8;   // system calls take a pt_regs on x86-64
constexpr u32 kIntSigned = 1, kIntBool = 4;  // encodings of BTF's integers

struct Extern {
    const Btf& btf;
    u32 type = 0;  // without qualifiers
    std::span<u8> bytes;

    bool is_int() const { return btf.type(type).kind() == BtfKind::Int; }
    u32 encoding() const { return btf.int_encoding(type) >> 24; }
    bool is_bool() const { return is_int() && (encoding() & kIntBool) != 0; }
    // enum libbpf_tristate { TRI_NO, TRI_YES, TRI_MODULE }
    bool is_tristate() const {
        return btf.type(type).kind() == BtfKind::Enum && btf.name(type) == "libbpf_tristate";
    }

    bool put(u64 value) const {
        u32 size = static_cast<u32>(bytes.size());
        if (size < 8 && size != 0) {
            bool is_signed = is_int() && (encoding() & kIntSigned) != 0;
            s64 high = static_cast<s64>(value) >> (8 * size - (is_signed ? 1 : 0));
            if (high != 0 && !(is_signed && high == -1)) {
                return false;
            }
        }
        for (u32 i = 0; i < size; i++) {
            bytes[i] = i < 8 ? static_cast<u8>(value >> (8 * i)) : u8{0};
        }
        return true;
    }

    // "y", "m", "n" for what can be built in, built as a module or left out.
    bool put_choice(char choice) const {
        if (is_bool()) {
            return choice != 'm' && put(choice == 'y' ? 1 : 0);
        }
        if (is_tristate()) {
            return put(choice == 'y' ? 1 : choice == 'm' ? 2 : 0);
        }
        return is_int() && bytes.size() == 1 && put(static_cast<u8>(choice));
    }

    bool put_text(std::string_view text) const {
        if (btf.type(type).kind() != BtfKind::Array || bytes.empty()) {
            return false;
        }
        for (size_t i = 0; i < bytes.size(); i++) {
            bytes[i] = i < text.size() && i + 1 < bytes.size() ? static_cast<u8>(text[i]) : u8{0};
        }
        return true;
    }

    // As it stands behind the '=' of a .config.
    bool put_option(std::string_view value) const {
        if (value == "y" || value == "m" || value == "n") {
            return put_choice(value[0]);
        }
        if (value.size() >= 2 && value.front() == '"' && value.back() == '"') {
            return put_text(value.substr(1, value.size() - 2));
        }
        bool is_negative = value.starts_with('-');
        std::string_view digits = value.substr(is_negative ? 1 : 0);
        int base = digits.starts_with("0x") ? 16 : 10;
        digits.remove_prefix(base == 16 ? 2 : 0);
        u64 number = 0;
        auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), number, base);
        bool is_number = error == std::errc() && end == digits.data() + digits.size() && !digits.empty();
        return is_number && is_int() && !is_bool() && put(is_negative ? u64{0} - number : number);
    }
};

// What libbpf knows by itself.
bool is_of_loader(std::string_view name) {
    return name == "LINUX_KERNEL_VERSION" || name == "LINUX_HAS_BPF_COOKIE" ||
           name == "LINUX_HAS_SYSCALL_WRAPPER";
}

u64 loader_value(std::string_view name, u32 version_code) {
    if (name == "LINUX_KERNEL_VERSION") {
        return version_code;
    }
    return version_code >= (name == "LINUX_HAS_BPF_COOKIE" ? kCookieSince : kWrapperSince) ? 1 : 0;
}

}  // namespace

void read_options(std::string_view text, KernelConfig& config) {
    config.has_options = true;
    while (!text.empty()) {
        std::string_view line = text.substr(0, text.find('\n'));
        text.remove_prefix(line.size() < text.size() ? line.size() + 1 : line.size());
        size_t equals = line.find('=');
        if (line.starts_with("CONFIG_") && equals != std::string_view::npos) {
            config.options.insert_or_assign(std::string(line.substr(0, equals)),
                                            std::string(line.substr(equals + 1)));
        }
    }
}

void Object::set_kernel_config(const KernelConfig& config) {
    u32 section = has_btf_ ? btf_.find(".kconfig", BtfKind::Section) : 0;
    ObjectMap* map = nullptr;
    for (const auto& m : maps_) {
        map = m->name == ".kconfig" ? m.get() : map;
    }
    if (section == 0 || map == nullptr) {
        return;
    }
    map->contents.assign(map->map.value_size, 0);
    map->unknown.assign(map->map.value_size, 0);
    std::string problem;
    for (u32 i = 0; i < btf_.type(section).count(); i++) {
        BtfSectionVariable v = btf_.section_variable(section, i);
        if (u64{v.offset} + v.size > map->contents.size()) {
            continue;
        }
        Extern wanted{btf_, btf_.skip_modifiers(btf_.type(v.type).size_or_type),
                      std::span(map->contents).subspan(v.offset, v.size)};
        std::string name(btf_.name(v.type));
        auto option = config.options.find(name);
        bool is_fitting = true;
        if (is_of_loader(name) ? config.version_code == 0 : !config.has_options) {
            std::fill_n(map->unknown.begin() + v.offset, v.size, u8{1});
        } else if (is_of_loader(name)) {
            is_fitting = wanted.put(loader_value(name, config.version_code));
        } else if (option != config.options.end()) {
            is_fitting = wanted.put_option(option->second);
        } else if (!weak_externs_.contains(name)) {
            problem = "the kernel was built without " + name +
                      ", and the extern of this name is not __weak";
        }
        if (!is_fitting) {
            problem = "the kernel's value of " + name + " does not fit the type of the extern";
        }
    }
    map->map.frozen_contents = map->contents;
    map->map.unknown_contents = map->unknown;
    for (const auto& program : programs_) {  // the loader refuses the object as a whole
        if (program->problem.empty()) {
            program->problem = problem;
        }
    }
}

}  // namespace gyre::bpf
