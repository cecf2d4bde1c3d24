// SPDX-License-Identifier: MIT
//
// What the CPU says of itself (CPUID), for /proc/cpuinfo.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>

namespace gyre::arch {

struct CpuIdentity {
    char vendor[13] = {};
    char brand[49] = {};
    uint32_t family = 0, model = 0, stepping = 0;
    uint32_t most_leaf = 0;
    uint32_t physical_bits = 36, virtual_bits = 48;
    uint32_t cache_kib = 0;  // of the last level, 0 when it is not told
    uint32_t cache_line_bytes = 64;
};
CpuIdentity cpu_identity();
// The names of the features that are there, separated by blanks; the view is into `buffer`.
std::string_view cpu_feature_names(std::span<char> buffer);

}  // namespace gyre::arch
