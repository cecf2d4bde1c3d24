// SPDX-License-Identifier: MIT
//
// Telling other CPUs to forget translations. A request names the CPUs, goes out as one interrupt to each, and is waited
// for; one request at a time. Context: thread, interrupts on, no spin lock held (unless only this CPU is meant).
#pragma once

#include <cstdint>

#include "kernel/schedule/cpu_set.h"

namespace gyre {
class AddressSpace;
}

namespace gyre::tlb {

// Above this many pages a CPU drops everything instead of page by page.
constexpr uint64_t kMostSinglePages = 16;

// Forgets user pages of `space` in [start, start + page_count pages) on these CPUs, this one included if it is named.
// Page-structure caches go too.
void flush_user(AddressSpace& space, CpuSet cpus, uintptr_t start, uint64_t page_count);
// All of the kernel's translations, on every CPU.
void flush_kernel();
// Makes every CPU that has the space's tables loaded load the kernel's instead. Nobody runs in the space.
void leave(AddressSpace& space, CpuSet cpus);

}  // namespace gyre::tlb
