// SPDX-License-Identifier: MIT
//
// The ELF reader (elf.h).
#include "lib/bpf/object/elf.h"

#include <string.h>

namespace gyre::bpf {
namespace {

constexpr u16 kMachineBpf = 247;
constexpr size_t kHeaderSize = 64, kSectionHeaderSize = 64, kSymbolSize = 24, kRelSize = 16;

template <class T>
T load(std::span<const u8> bytes, size_t at) {
    T v{};
    if (at + sizeof(T) <= bytes.size()) {
        memcpy(&v, bytes.data() + at, sizeof(T));
    }
    return v;
}

std::string_view text_at(std::span<const u8> table, u64 at) {
    if (at >= table.size()) {
        return {};
    }
    const char* begin = reinterpret_cast<const char*>(table.data() + at);
    return {begin, strnlen(begin, table.size() - at)};
}

}  // namespace

std::expected<ElfFile, std::string> ElfFile::open(std::span<const u8> bytes, Machine machine_wanted) {
    static constexpr u8 kMagic[] = {0x7f, 'E', 'L', 'F', 2, 1, 1};
    constexpr size_t kEncoding = 5;  // EI_DATA
    constexpr u8 kBigEndian = 2;
    if (bytes.empty()) {
        return std::unexpected("the file is empty");
    }
    if (bytes.size() < 4 || memcmp(bytes.data(), kMagic, 4) != 0) {
        return std::unexpected("not an ELF file");
    }
    if (bytes.size() > kEncoding && bytes[kEncoding] == kBigEndian) {
        return std::unexpected("made for big-endian machines; only little-endian ones are known here");
    }
    if (bytes.size() < kHeaderSize) {
        return std::unexpected("the file ends within its header: it was cut off");
    }
    if (memcmp(bytes.data(), kMagic, sizeof(kMagic)) != 0) {
        return std::unexpected("not a 64-bit little-endian ELF file");
    }
    u16 machine = load<u16>(bytes, 18);
    if (machine_wanted == Machine::Bpf && machine != kMachineBpf && machine != 0) {
        return std::unexpected("not a BPF object");
    }
    u64 table = load<u64>(bytes, 40);
    u16 entry = load<u16>(bytes, 58);
    u16 count = load<u16>(bytes, 60);
    u16 names = load<u16>(bytes, 62);
    if (entry != kSectionHeaderSize || table > bytes.size() ||
        count > (bytes.size() - table) / kSectionHeaderSize || names >= count) {
        return std::unexpected("the section table lies outside the file, which may have been cut off");
    }
    ElfFile elf;
    std::vector<u32> name_offsets;
    for (u32 i = 0; i < count; i++) {
        size_t at = table + i * kSectionHeaderSize;
        ElfSection s;
        name_offsets.push_back(load<u32>(bytes, at));
        s.type = load<u32>(bytes, at + 4);
        s.flags = load<u64>(bytes, at + 8);
        u64 offset = load<u64>(bytes, at + 24);
        s.size = load<u64>(bytes, at + 32);
        s.link = load<u32>(bytes, at + 40);
        s.info = load<u32>(bytes, at + 44);
        if (s.type != kSectionNobits && s.type != 0) {
            if (offset > bytes.size() || s.size > bytes.size() - offset) {
                return std::unexpected("a section lies outside the file, which may have been cut off");
            }
            s.data = bytes.subspan(offset, s.size);
        }
        if (s.size > kMaxSectionBytes) {
            return std::unexpected("a section is larger than a gigabyte");
        }
        elf.sections_.push_back(s);
    }
    for (u32 i = 0; i < count; i++) {
        elf.sections_[i].name = text_at(elf.sections_[names].data, name_offsets[i]);
    }
    for (const ElfSection& s : elf.sections_) {
        if (s.type != kSectionSymbols) {
            continue;
        }
        if (s.link >= count) {
            return std::unexpected("the symbol table names no string table");
        }
        for (size_t at = 0; at + kSymbolSize <= s.data.size(); at += kSymbolSize) {
            ElfSymbol y;
            y.name = text_at(elf.sections_[s.link].data, load<u32>(s.data, at));
            u8 info = load<u8>(s.data, at + 4);
            y.binding = info >> 4;
            y.type = info & 15;
            y.visibility = load<u8>(s.data, at + 5) & 3;
            y.section = load<u16>(s.data, at + 6);
            y.value = load<u64>(s.data, at + 8);
            y.size = load<u64>(s.data, at + 16);
            elf.symbols_.push_back(y);
        }
    }
    return elf;
}

const ElfSection* ElfFile::find(std::string_view name) const {
    for (const ElfSection& s : sections_) {
        if (s.name == name) {
            return &s;
        }
    }
    return nullptr;
}

std::expected<std::vector<ElfRelocation>, std::string> ElfFile::relocations(u32 section) const {
    std::vector<ElfRelocation> all;
    for (const ElfSection& s : sections_) {
        if (s.type != kSectionRel || s.info != section) {
            continue;
        }
        for (size_t at = 0; at + kRelSize <= s.data.size(); at += kRelSize) {
            u64 info = load<u64>(s.data, at + 8);
            ElfRelocation r{load<u64>(s.data, at), static_cast<u32>(info),
                            static_cast<u32>(info >> 32)};
            if (r.symbol >= symbols_.size()) {
                return std::unexpected("a relocation names no symbol");
            }
            all.push_back(r);
        }
    }
    return all;
}

}  // namespace gyre::bpf
