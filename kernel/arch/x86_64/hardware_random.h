// SPDX-License-Identifier: MIT
//
// The CPU's own random numbers (Intel SDM volume 1, 7.3.17: RDRAND and RDSEED). Either may be
// missing, or fail for a moment.
#pragma once

#include <cstdint>

#include "kernel/arch/x86_64/features.h"

namespace gyre::arch {

constexpr int kHardwareRandomTries = 10;  // as the SDM recommends for RDRAND

// False when the CPU has it not, or nothing to give now.
inline bool hardware_random(uint64_t& value) {
    if (!g_features.has_rdrand) return false;
    for (int attempt = 0; attempt < kHardwareRandomTries; ++attempt) {
        bool is_valid;
        asm volatile("rdrand %0" : "=r"(value), "=@ccc"(is_valid));
        if (is_valid) return true;
    }
    return false;
}
inline bool hardware_seed(uint64_t& value) {
    if (!g_features.has_rdseed) return false;
    for (int attempt = 0; attempt < kHardwareRandomTries; ++attempt) {
        bool is_valid;
        asm volatile("rdseed %0" : "=r"(value), "=@ccc"(is_valid));
        if (is_valid) return true;
    }
    return false;
}

}  // namespace gyre::arch
