// SPDX-License-Identifier: MIT
//
// Mapping single pages into the kernel's half after bring-up.
#include "kernel/memory/kernel_map.h"

#include "kernel/memory/kernel_stack.h"
#include "kernel/memory/memory.h"
#include "kernel/memory/page.h"
#include "kernel/sync/guarded.h"

namespace gyre::memory {

constinit PhysicalAddress kernel_root;

namespace {

using namespace arch::entry_bits;

constinit Guarded<uintptr_t, LockRank::Leaf> next_free_address{kStackAreaEnd};

PhysicalAddress allocate_kernel_table(void*) {
    const Result<Page*> page = page_allocator::allocate(PageUse::PageTable, Zeroing::Yes);
    return page ? (*page)->address() : PhysicalAddress{};
}

void free_kernel_table(void*, PhysicalAddress table) { page_allocator::free(&Page::of(table)); }

// Root entries of the kernel's half that are in use; all are there when initialize() ends.
constexpr size_t kMostRootEntries = 160;
constinit uint8_t used_root_entries[kMostRootEntries];
constinit size_t used_root_count = 0;

}  // namespace

Result<arch::TableEntry*> kernel_entry(uintptr_t address) {
    arch::TableEntry* entry = arch::make_entry(kernel_root, address, allocate_kernel_table, nullptr, free_kernel_table);
    if (!entry) return fail(Error::NoMemory);
    return entry;
}

void copy_kernel_half(PhysicalAddress root) {
    if (used_root_count == 0)  // the first address space is made by one CPU alone
        for (size_t i = arch::kKernelHalf; i < arch::kTableEntries && used_root_count < kMostRootEntries; ++i)
            if (arch::table_at(kernel_root)[i].load(std::memory_order_relaxed) != 0)
                used_root_entries[used_root_count++] = static_cast<uint8_t>(i - arch::kKernelHalf);
    const arch::TableEntry* from = arch::table_at(kernel_root) + arch::kKernelHalf;
    arch::TableEntry* to = arch::table_at(root) + arch::kKernelHalf;
    for (size_t i = 0; i < used_root_count; ++i) {
        const size_t index = used_root_entries[i];
        to[index].store(from[index].load(std::memory_order_relaxed), std::memory_order_relaxed);
    }
}

Result<void*> map_physical(PhysicalAddress start, uint64_t length, CachePolicy policy) {
    const uint64_t first = page_floor(start.value);
    const uint64_t bytes = page_ceiling(start.value + length) - first;
    if (length == 0 || bytes > kKernelMapEnd - kStackAreaEnd) return fail(Error::NoMemory);
    const uintptr_t base = next_free_address.with([&](uintptr_t& next) {
        if (kKernelMapEnd - next < bytes + kPageSize) return uintptr_t{0};
        const uintptr_t result = next;
        next += bytes + kPageSize;  // a hole after each, against overruns
        return result;
    });
    if (base == 0) return fail(Error::NoMemory);
    const uint64_t cache = policy == CachePolicy::Uncached ? kCacheDisable | kWriteThrough : 0;
    for (uint64_t at = 0; at < bytes; at += kPageSize) {
        arch::TableEntry* entry = TRY(kernel_entry(base + at));
        entry->store((first + at) | kPresent | kWritable | kAccessed | kDirty | kGlobal | kNoExecute | cache,
                     std::memory_order_relaxed);
    }
    return reinterpret_cast<void*>(base + (start.value - first));
}

PhysicalAddress kernel_page_table() { return kernel_root; }

bool is_kernel_readable(uintptr_t address) {
    if (address < kDirectMapBase || kernel_root.value == 0) return false;
    arch::TableEntry* table = arch::table_at(kernel_root);
    for (int level = 4; level >= 1; --level) {
        const uint64_t entry = table[arch::table_index(address, level)].load(std::memory_order_relaxed);
        if (!arch::is_present(entry)) return false;
        if (level == 1 || (entry & kLarge) != 0) return (entry & kCacheDisable) == 0;
        table = arch::table_of(entry);
    }
    return false;
}

}  // namespace gyre::memory
