// SPDX-License-Identifier: MIT
//
// What this machine's CPUs can do, asked once. Every CPU of a machine is taken to be alike.
#pragma once

#include <cstdint>

namespace gyre::arch {

struct Features {
    bool has_fsgsbase, has_smep, has_smap, has_umip, has_xsave, has_xsaveopt, has_x2apic, has_rdtscp, has_rdpid, has_erms,
        has_pcid, has_invariant_tsc, has_gigabyte_pages, has_rdrand, has_rdseed, is_virtual;
    uint64_t vector_components;      // XCR0
    uint32_t vector_size;            // of the XSAVE area (512 without XSAVE)
    uint32_t hwcap;                  // AT_HWCAP: CPUID.1:EDX
};
extern Features g_features;
void find_features();
// Sets CR0, CR4, XCR0 and EFER of this CPU by what g_features says.
void apply_features();

}  // namespace gyre::arch
