// SPDX-License-Identifier: MIT
//
// The kernel's own page tables after bring-up: single pages in the kernel map area. Its first part belongs to kernel
// stacks, the rest to memory that is mapped for good.
#pragma once

#include "kernel/arch/x86_64/page_table.h"
#include "kernel/memory/types.h"
#include "lib/base/result.h"

namespace gyre::memory {

constexpr uintptr_t kStackAreaEnd = kKernelMapBase + (uintptr_t{64} << 30);

extern PhysicalAddress kernel_root;  // set once by initialize()

// The entry of an address in the kernel map area; tables are made and never freed. Errors: NoMemory. Context: any.
Result<arch::TableEntry*> kernel_entry(uintptr_t address);

// For every address space: the kernel's half of a root table, which never changes after initialize().
void copy_kernel_half(PhysicalAddress root);

}  // namespace gyre::memory
