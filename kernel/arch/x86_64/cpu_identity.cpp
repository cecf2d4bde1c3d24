// SPDX-License-Identifier: MIT
//
// See cpu_identity.h; Intel SDM volume 2, CPUID; AMD APM volume 3, appendix E.
#include "kernel/arch/x86_64/cpu_identity.h"

#include <algorithm>
#include <cstring>

#include "kernel/arch/x86_64/io.h"

namespace gyre::arch {
namespace {

using Leaf = CpuId;

enum Register : uint8_t { kEax, kEbx, kEcx, kEdx };

struct FeatureBit {
    uint32_t leaf;
    Register where;
    uint8_t bit;
    const char* name;  // as Linux spells it
};
constexpr FeatureBit kFeatures[] = {
    {1, kEdx, 0, "fpu"},
    {1, kEdx, 4, "tsc"},
    {1, kEdx, 5, "msr"},
    {1, kEdx, 6, "pae"},
    {1, kEdx, 8, "cx8"},
    {1, kEdx, 9, "apic"},
    {1, kEdx, 11, "sep"},
    {1, kEdx, 13, "pge"},
    {1, kEdx, 15, "cmov"},
    {1, kEdx, 16, "pat"},
    {1, kEdx, 19, "clflush"},
    {1, kEdx, 23, "mmx"},
    {1, kEdx, 24, "fxsr"},
    {1, kEdx, 25, "sse"},
    {1, kEdx, 26, "sse2"},
    {0x80000001, kEdx, 11, "syscall"},
    {0x80000001, kEdx, 20, "nx"},
    {0x80000001, kEdx, 26, "pdpe1gb"},
    {0x80000001, kEdx, 27, "rdtscp"},
    {0x80000001, kEdx, 29, "lm"},
    {1, kEcx, 0, "pni"},
    {1, kEcx, 1, "pclmulqdq"},
    {1, kEcx, 9, "ssse3"},
    {1, kEcx, 12, "fma"},
    {1, kEcx, 13, "cx16"},
    {1, kEcx, 17, "pcid"},
    {1, kEcx, 19, "sse4_1"},
    {1, kEcx, 20, "sse4_2"},
    {1, kEcx, 21, "x2apic"},
    {1, kEcx, 22, "movbe"},
    {1, kEcx, 23, "popcnt"},
    {1, kEcx, 25, "aes"},
    {1, kEcx, 26, "xsave"},
    {1, kEcx, 28, "avx"},
    {1, kEcx, 29, "f16c"},
    {1, kEcx, 30, "rdrand"},
    {1, kEcx, 31, "hypervisor"},
    {0x80000001, kEcx, 0, "lahf_lm"},
    {0x80000001, kEcx, 5, "abm"},
    {0x80000001, kEcx, 6, "sse4a"},
    {7, kEbx, 0, "fsgsbase"},
    {7, kEbx, 3, "bmi1"},
    {7, kEbx, 5, "avx2"},
    {7, kEbx, 7, "smep"},
    {7, kEbx, 8, "bmi2"},
    {7, kEbx, 9, "erms"},
    {7, kEbx, 18, "rdseed"},
    {7, kEbx, 19, "adx"},
    {7, kEbx, 20, "smap"},
    {7, kEbx, 23, "clflushopt"},
    {7, kEbx, 24, "clwb"},
    {7, kEbx, 29, "sha_ni"},
    {7, kEcx, 2, "umip"},
    {7, kEcx, 3, "pku"},
    {7, kEcx, 8, "gfni"},
    {7, kEcx, 9, "vaes"},
    {7, kEcx, 22, "rdpid"},
    {7, kEdx, 4, "fsrm"},
};

bool has(const FeatureBit& feature) {
    if (cpuid(feature.leaf & 0x80000000).eax < feature.leaf) return false;
    const Leaf leaf = cpuid(feature.leaf);
    const uint32_t words[] = {leaf.eax, leaf.ebx, leaf.ecx, leaf.edx};
    return (words[feature.where] >> feature.bit & 1) != 0;
}

// Leaf 4 lists the caches; the last with a size is the outermost.
uint32_t last_cache_kib(uint32_t most_leaf) {
    constexpr uint32_t kMostCaches = 8;
    uint32_t kib = 0;
    if (most_leaf < 4) return 0;
    for (uint32_t i = 0; i < kMostCaches; ++i) {
        const Leaf cache = cpuid(4, i);
        if ((cache.eax & 31) == 0) break;
        const uint64_t ways = (cache.ebx >> 22) + 1, partitions = (cache.ebx >> 12 & 0x3ff) + 1,
                       line = (cache.ebx & 0xfff) + 1, sets = uint64_t{cache.ecx} + 1;
        kib = static_cast<uint32_t>(ways * partitions * line * sets / 1024);
    }
    return kib;
}

}  // namespace

CpuIdentity cpu_identity() {
    CpuIdentity identity;
    const Leaf first = cpuid(0);
    identity.most_leaf = first.eax;
    std::memcpy(identity.vendor, &first.ebx, 4);
    std::memcpy(identity.vendor + 4, &first.edx, 4);
    std::memcpy(identity.vendor + 8, &first.ecx, 4);
    const uint32_t signature = cpuid(1).eax;
    identity.stepping = signature & 15;
    identity.family = signature >> 8 & 15;
    identity.model = signature >> 4 & 15;
    if (identity.family == 6 || identity.family == 15) identity.model |= signature >> 12 & 0xf0;
    if (identity.family == 15) identity.family += signature >> 20 & 0xff;
    identity.cache_kib = last_cache_kib(identity.most_leaf);
    identity.cache_line_bytes = (cpuid(1).ebx >> 8 & 0xff) * 8;
    const uint32_t most_extended = cpuid(0x80000000).eax;
    if (most_extended >= 0x80000004)
        for (uint32_t i = 0; i < 3; ++i) {
            const Leaf part = cpuid(0x80000002 + i);
            std::memcpy(identity.brand + i * 16, &part, sizeof(part));
        }
    if (most_extended >= 0x80000008) {
        const uint32_t sizes = cpuid(0x80000008).eax;
        identity.physical_bits = sizes & 0xff;
        identity.virtual_bits = sizes >> 8 & 0xff;
    }
    return identity;
}

std::string_view cpu_feature_names(std::span<char> buffer) {
    size_t length = 0;
    for (const FeatureBit& feature : kFeatures) {
        if (!has(feature)) continue;
        const size_t count = std::strlen(feature.name);
        if (length + count + 1 > buffer.size()) break;
        if (length != 0) buffer[length++] = ' ';
        std::memcpy(buffer.data() + length, feature.name, count);
        length += count;
    }
    return {buffer.data(), length};
}

}  // namespace gyre::arch
