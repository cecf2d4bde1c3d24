// SPDX-License-Identifier: MIT
//
// Kernel stacks: Thread::kKernelStackSize bytes in the kernel map area, with an unmapped page below each so that an
// overflow is an exception and not somebody else's data.
#pragma once

#include <cstdint>

#include "lib/base/result.h"

namespace gyre::memory {

// The lowest usable byte. Context: thread, interrupts on (it may have to flush other CPUs' TLBs). Errors: NoMemory.
Result<uintptr_t> allocate_kernel_stack();
// Context: any; does not sleep.
void free_kernel_stack(uintptr_t bottom);
// Pages of mapped stacks that wait for a thread: a cache, not a use.
uint64_t waiting_stack_pages();
// Whether a fault at this address is an overflow of some kernel stack.
bool is_kernel_stack_guard(uintptr_t address);

}  // namespace gyre::memory
