// SPDX-License-Identifier: MIT
//
// The memory folder's face to bring-up, drivers and the out-of-memory policy. Pages are in page.h, memory objects in
// vmo.h, address spaces in address_space.h, kernel stacks in kernel_stack.h.
#pragma once

#include <cstddef>
#include <cstdint>

#include "kernel/memory/types.h"
#include "lib/base/result.h"

namespace gyre {
struct BootInfo;
class AddressSpace;
}  // namespace gyre

namespace gyre::memory {

// Builds the kernel's own page tables (direct map of all RAM, image with exact rights, W^X), loads them on
// this CPU, and gives all free RAM to the page allocator. Called once, on the boot CPU, interrupts off; what boot/
// owes before it stands in boot/boot_info.h. After it operator new works.
void initialize(const BootInfo& boot_info);

// CR3 of the kernel's own tables: what another CPU loads when it starts.
PhysicalAddress kernel_page_table();

// Gives boot memory (the unpacked part of the initramfs) to the page allocator. Only whole pages inside the range
// are taken.
void reclaim_boot_range(PhysicalAddress start, uint64_t length);

// Device registers or firmware tables, mapped for good into the kernel map area; any alignment. Errors: NoMemory.
enum class CachePolicy : uint8_t { WriteBack, Uncached };
Result<void*> map_physical(PhysicalAddress start, uint64_t length, CachePolicy policy);

// Whether the kernel may read this address (RAM in the direct map, image, kernel stacks): for the backtrace.
bool is_kernel_readable(uintptr_t address);

// What is to happen with a program that needs a page when there is none.
enum class OutOfMemoryDecision : uint8_t {
    KillOffender,  // the fault ends in FaultOutcome::OutOfMemory
    Retry,         // somebody larger was killed, or memory came back: wait a little and try again
};
// Called in thread context with no lock held; may sleep. Without a handler the offender is killed.
using OutOfMemoryHandler = OutOfMemoryDecision (*)(AddressSpace& offender);
void set_out_of_memory_handler(OutOfMemoryHandler handler);

// Called by arch in interrupt context for IpiKind::FlushTlb.
void on_flush_tlb_ipi();

// Fault injection: the n-th allocation from now on (1: the next) of a page or of heap memory by the given
// thread fails, once. For tests; nothing is counted while it is not armed.
void fail_allocation(uint64_t nth);
void cancel_fail_allocation();

}  // namespace gyre::memory
