// SPDX-License-Identifier: MIT
//
// Writes BTF for tests.
#pragma once

#include <string.h>

#include <initializer_list>
#include <string>
#include <vector>

#include "lib/bpf/types.h"

namespace gyre::bpf {

inline constexpr u32 kTypeInt = 1, kTypePointer = 2, kTypeArray = 3, kTypeStruct = 4, kTypeEnum = 6,
                     kTypeFunction = 12, kTypePrototype = 13;

// Writes types and strings; `first_string` is where the strings of the base end.
struct TypesWriter {
    std::vector<u32> types;
    std::string strings;
    u32 first_string = 0;

    u32 name(const char* text) {
        const u32 at = first_string + static_cast<u32>(strings.size());
        strings.append(text, strlen(text) + 1);
        return at;
    }
    void add(u32 name, u32 kind, u32 count, u32 size_or_type, std::initializer_list<u32> rest = {}) {
        types.insert(types.end(), {name, kind << 24 | count, size_or_type});
        types.insert(types.end(), rest);
    }
    std::vector<u8> bytes() const {
        const u32 length = static_cast<u32>(types.size() * 4);
        const u32 header[] = {0x0001eb9f, 24, 0, length, length, static_cast<u32>(strings.size())};
        std::vector<u8> out(24 + length + strings.size());
        memcpy(out.data(), header, 24);
        memcpy(out.data() + 24, types.data(), length);
        memcpy(out.data() + 24 + length, strings.data(), strings.size());
        return out;
    }
};

}  // namespace gyre::bpf
