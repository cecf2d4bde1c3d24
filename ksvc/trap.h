// SPDX-License-Identifier: MIT
//
// The plain system call: six arguments in, the kernel's own answer (a value or -errno) out, errno
// untouched. Tier 3, and what the workers of Tier 2 do.
#pragma once

#include "ksvc/tier.h"

namespace ksvc {

#ifndef __x86_64__
#error "The library knows the trap of x86-64 only."
#endif

[[gnu::always_inline]] inline int64_t trap(uint32_t number, uint64_t a0 = 0, uint64_t a1 = 0, uint64_t a2 = 0,
                    uint64_t a3 = 0, uint64_t a4 = 0, uint64_t a5 = 0) {
    int64_t result;
    register uint64_t r10 asm("r10") = a3;
    register uint64_t r8 asm("r8") = a4;
    register uint64_t r9 asm("r9") = a5;
    asm volatile("syscall"
                 : "=a"(result)
                 : "a"(static_cast<uint64_t>(number)), "D"(a0), "S"(a1), "d"(a2), "r"(r10), "r"(r8), "r"(r9)
                 : "rcx", "r11", "memory");
    return result;
}

inline int64_t trap(const Entry& entry) {
    if (entry.syscall_nr == KSVC_NR_NOP) return 0;
    const auto& a = entry.args;
    return trap(entry.syscall_nr, a[0], a[1], a[2], a[3], a[4], a[5]);
}

}  // namespace ksvc
