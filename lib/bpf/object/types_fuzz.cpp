// SPDX-License-Identifier: MIT
//
// A libFuzzer target: bytes as types (.BTF) and extension information (.BTF.ext), put into an object file
// that is otherwise in order, so that nothing is spent on finding what an ELF file is. The types stand for
// the kernel's as well: CO-RE relocations, kernel functions and contexts are looked up in them.
//   ninja bpf_types_fuzz && build/host/lib/bpf/bpf_types_fuzz -max_len=16384 lib/bpf/corpus/types
// Input: two bytes, little-endian (14 bits: how many bytes are types; bit 14: the object has maps; bit 15: it calls
// a kernel function), the types, the extension.
#include <elf.h>
#include <string.h>

#include <algorithm>
#include <vector>

#include "lib/bpf/corpus_test.h"
#include "lib/bpf/object/fuzz.h"

using namespace gyre::bpf;

namespace {

constexpr char kSectionNames[] = "\0.BTF\0.BTF.ext\0.maps\0tp_btf/sys_enter\0license\0.symtab\0.rel\0drop\0counts\0bpf_obj_new_impl";
constexpr u32 kBtfName = 1, kExtName = 6, kMapsName = 15, kProgramName = 21, kLicenseName = 38, kSymbolsName = 46,
              kRelocationsName = 54, kMainName = 59, kMapName = 64, kExternName = 71;

// Loads a field of the context through a pointer in it, looks a map up, calls an extern function.
constexpr Insn kInsns[] = {
    {kClassLdx | kModeMem | kSizeDw, 1 | 1 << 4, 0, 0},
    {kClassLdx | kModeMem | kSizeW, 2 | 1 << 4, 0, 0},
    {kClassSt | kModeMem | kSizeDw, 10, -8, 0},
    {kClassAlu64 | kMov | 8, 2 | 10 << 4, 0, 0},
    {kClassAlu64 | kAdd, 2, 0, -8},
    {kClassLd | kModeImm | kSizeDw, 1, 0, 0},
    {},
    {kClassJmp | kCall, 0, 0, 1},
    {kClassJmp | kJne, 0, 1, 0},
    {kClassJmp | kCall, kCallSubprogram << 4, 0, -1},
    {kClassAlu64 | kMov, 0, 0, 0},
    {kClassJmp | kExit, 0, 0, 0},
};
constexpr Insn kNothing = {kClassAlu64 | kMov, 0, 0, 0};
constexpr u32 kMapReference = 5 * sizeof(Insn), kExternCall = 9 * sizeof(Insn);

std::vector<u8> object_around(std::span<const u8> types, std::span<const u8> extension, bool has_maps, bool has_call) {
    static constexpr u8 kMap[32] = {};
    const Elf64_Sym symbols[] = {
        {},
        {kMainName, ELF64_ST_INFO(STB_GLOBAL, STT_FUNC), 0, 4, 0, sizeof(kInsns)},
        {kMapName, ELF64_ST_INFO(STB_GLOBAL, STT_OBJECT), 0, 3, 0, sizeof(kMap)},
        {kExternName, ELF64_ST_INFO(STB_GLOBAL, STT_NOTYPE), 0, SHN_UNDEF, 0, 0},
    };
    std::vector<Elf64_Rel> relocations;
    if (has_maps) {
        relocations.push_back({kMapReference, ELF64_R_INFO(2, 1)});
    }
    if (has_call) {
        relocations.push_back({kExternCall, ELF64_R_INFO(3, 10)});
    }
    Elf64_Shdr sections[9] = {};
    std::vector<u8> out(sizeof(Elf64_Ehdr));
    auto add = [&](u32 index, u32 name, u32 type, const void* data, size_t size) {
        out.resize((out.size() + 7) & ~size_t{7});
        sections[index].sh_name = name;
        sections[index].sh_type = type;
        sections[index].sh_offset = out.size();
        sections[index].sh_size = size;
        sections[index].sh_addralign = 8;
        const u8* bytes = static_cast<const u8*>(data);
        out.insert(out.end(), bytes, bytes + size);
    };
    add(1, kBtfName, SHT_PROGBITS, types.data(), types.size());
    add(2, kExtName, SHT_PROGBITS, extension.data(), extension.size());
    Insn insns[std::size(kInsns)];
    std::ranges::copy(kInsns, insns);
    if (!has_maps) {
        insns[kMapReference / sizeof(Insn)] = insns[kMapReference / sizeof(Insn) + 2] = kNothing;
        insns[kMapReference / sizeof(Insn) + 1] = kNothing;
    }
    if (!has_call) {
        insns[kExternCall / sizeof(Insn)] = kNothing;
    }
    add(3, has_maps ? kMapsName : 0, SHT_PROGBITS, kMap, sizeof(kMap));
    add(4, kProgramName, SHT_PROGBITS, insns, sizeof(insns));
    add(5, kLicenseName, SHT_PROGBITS, "GPL", 4);
    add(6, kSymbolsName, SHT_SYMTAB, symbols, sizeof(symbols));
    add(7, kRelocationsName, SHT_REL, relocations.data(), relocations.size() * sizeof(Elf64_Rel));
    add(8, 0, SHT_STRTAB, kSectionNames, sizeof(kSectionNames));
    sections[3].sh_flags = SHF_ALLOC | SHF_WRITE;
    sections[4].sh_flags = SHF_ALLOC | SHF_EXECINSTR;
    sections[6].sh_link = 8;
    sections[6].sh_info = 1;
    sections[6].sh_entsize = sizeof(Elf64_Sym);
    sections[7].sh_link = 6;
    sections[7].sh_info = 4;
    sections[7].sh_entsize = sizeof(Elf64_Rel);
    out.resize((out.size() + 7) & ~size_t{7});
    Elf64_Ehdr head = {};
    memcpy(head.e_ident, ELFMAG, SELFMAG);
    head.e_ident[EI_CLASS] = ELFCLASS64;
    head.e_ident[EI_DATA] = ELFDATA2LSB;
    head.e_ident[EI_VERSION] = EV_CURRENT;
    head.e_type = ET_REL;
    head.e_machine = EM_BPF;
    head.e_version = EV_CURRENT;
    head.e_shoff = out.size();
    head.e_ehsize = sizeof(head);
    head.e_shentsize = sizeof(Elf64_Shdr);
    head.e_shnum = 9;
    head.e_shstrndx = 8;
    memcpy(out.data(), &head, sizeof(head));
    const u8* table = reinterpret_cast<const u8*>(sections);
    out.insert(out.end(), table, table + sizeof(sections));
    return out;
}

}  // namespace

int gyre::bpf::fuzz_types(const u8* data, size_t size) {
    static std::vector<u8> type_memory(4u << 20);
    if (size < 2) {
        return 0;
    }
    const u32 head = data[0] | u32{data[1]} << 8;
    const size_t type_bytes = std::min(size_t{head & 0x3fff}, size - 2);
    std::span<const u8> types(data + 2, type_bytes);
    std::span<const u8> extension(data + 2 + type_bytes, size - 2 - type_bytes);
    Arena type_arena(type_memory);
    Btf kernel;
    const bool has_kernel = kernel.open(types, type_arena) == nullptr;
    const Btf* types_of_kernel = has_kernel ? &kernel : nullptr;
    return fuzz_programs(
        Object::open(object_around(types, extension, (head & 0x4000) != 0, (head & 0x8000) != 0), types_of_kernel), types_of_kernel);
}

#ifdef GYRE_LIBFUZZER
extern "C" int LLVMFuzzerTestOneInput(const u8* data, size_t size) { return fuzz_types(data, size); }
#endif
