// SPDX-License-Identifier: MIT
//
// A reader of 64-bit little-endian relocatable ELF files, as clang makes them for BPF. Every offset
// is checked; a hostile file gets a message.
#pragma once

#include <expected>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "lib/bpf/types.h"

namespace gyre::bpf {

inline constexpr u64 kMaxSectionBytes = u64{1} << 30;  // of a map value, which a section may become

struct ElfSection {
    std::string_view name;
    u32 type = 0;
    u64 flags = 0;
    u64 size = 0;
    u32 link = 0;
    u32 info = 0;
    std::span<const u8> data;  // empty for SHT_NOBITS
};

inline constexpr u16 kUndefined = 0;   // the section of symbols from elsewhere (SHN_UNDEF)
inline constexpr u8 kBindingWeak = 2;  // STB_WEAK

struct ElfSymbol {
    std::string_view name;
    u8 binding = 0;
    u8 type = 0;
    u8 visibility = 0;
    u16 section = 0;
    u64 value = 0;
    u64 size = 0;
};

struct ElfRelocation {
    u64 offset = 0;
    u32 type = 0;
    u32 symbol = 0;
};

inline constexpr u32 kSectionProgbits = 1, kSectionSymbols = 2, kSectionNobits = 8,
                     kSectionRel = 9;
inline constexpr u64 kSectionExecutable = 4, kSectionWritable = 1;
inline constexpr u8 kSymbolFunction = 2, kSymbolSection = 3, kSymbolObject = 1;

class ElfFile {
public:
    enum class Machine : u8 { Bpf, Any };  // Any: of a kernel module only the types are looked at
    static std::expected<ElfFile, std::string> open(std::span<const u8> bytes, Machine machine = Machine::Bpf);

    const std::vector<ElfSection>& sections() const { return sections_; }
    const std::vector<ElfSymbol>& symbols() const { return symbols_; }
    const ElfSection* find(std::string_view name) const;
    std::expected<std::vector<ElfRelocation>, std::string> relocations(u32 section) const;

private:
    std::vector<ElfSection> sections_;
    std::vector<ElfSymbol> symbols_;
};

}  // namespace gyre::bpf
