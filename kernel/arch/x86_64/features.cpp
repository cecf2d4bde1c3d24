// SPDX-License-Identifier: MIT
#include "kernel/arch/x86_64/features.h"

#include "kernel/arch/x86_64/io.h"

namespace gyre::arch {

Features g_features;

namespace {

constexpr uint64_t kVectorComponents = 0xe7;  // x87, SSE, AVX, AVX-512; not AMX, which wants permission, nor MPX and PKRU
bool bit(uint32_t word, unsigned number) { return (word >> number & 1) != 0; }

}  // namespace

void find_features() {
    Features& f = g_features;
    const uint32_t most = cpuid(0).eax;
    const CpuId basic = cpuid(1);
    f.hwcap = basic.edx;
    f.has_xsave = bit(basic.ecx, 26);
    f.has_x2apic = bit(basic.ecx, 21);
    f.has_rdrand = bit(basic.ecx, 30);
    f.has_pcid = bit(basic.ecx, 17);
    f.is_virtual = bit(basic.ecx, 31);
    if (most >= 7) {
        const CpuId seven = cpuid(7);
        f.has_fsgsbase = bit(seven.ebx, 0);
        f.has_smep = bit(seven.ebx, 7);
        f.has_erms = bit(seven.ebx, 9);
        f.has_rdseed = bit(seven.ebx, 18);
        f.has_smap = bit(seven.ebx, 20);
        f.has_umip = bit(seven.ecx, 2);
        f.has_rdpid = bit(seven.ecx, 22);
    }
    const uint32_t most_extended = cpuid(0x80000000).eax;
    if (most_extended >= 0x80000001) {
        const CpuId extended = cpuid(0x80000001);
        f.has_gigabyte_pages = bit(extended.edx, 26);
        f.has_rdtscp = bit(extended.edx, 27);
    }
    if (most_extended >= 0x80000007) f.has_invariant_tsc = bit(cpuid(0x80000007).edx, 8);

    f.vector_size = 512;
    f.vector_components = 3;
    if (f.has_xsave && most >= 0xd) {
        const CpuId area = cpuid(0xd, 0);
        f.vector_components = (uint64_t{area.edx} << 32 | area.eax) & kVectorComponents;
        f.has_xsaveopt = bit(cpuid(0xd, 1).eax, 0);
        // The size that cpuid tells goes by XCR0: sum it up from the components instead.
        f.vector_size = 576;
        for (unsigned i = 2; i < 63; ++i) {
            if (!(f.vector_components >> i & 1)) continue;
            const CpuId component = cpuid(0xd, i);
            if (component.eax + component.ebx > f.vector_size) f.vector_size = component.eax + component.ebx;
        }
    }
}

void apply_features() {
    const Features& f = g_features;
    // TS and EM off, MP, NE and WP on.
    write_cr0((read_cr0() & ~uint64_t{0xc}) | 0x10022);
    uint64_t cr4 = read_cr4() | 0x680;  // PGE, OSFXSR, OSXMMEXCPT
    if (f.has_umip) cr4 |= 1 << 11;
    if (f.has_fsgsbase) cr4 |= 1 << 16;
    if (f.has_xsave) cr4 |= 1 << 18;
    if (f.has_smep) cr4 |= 1 << 20;
    if (f.has_smap) cr4 |= 1 << 21;
    write_cr4(cr4);
    if (f.has_xsave)
        asm volatile("xsetbv" : : "c"(0), "a"(uint32_t(f.vector_components)), "d"(uint32_t(f.vector_components >> 32)));
    write_msr(msr::kEfer, read_msr(msr::kEfer) | 0x801);  // NXE, SCE
    asm volatile("fninit");
}

}  // namespace gyre::arch
