// SPDX-License-Identifier: MIT
//
// x86-64 page tables of four levels (Intel SDM vol. 3, 4.5): the bits of an entry, and walks. Only the format is known
// here; what an entry stands for, and when it may change, is the memory folder's. Entries are changed by atomic
// operations, because the CPU sets the accessed and dirty bits beside us; there is no lock.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>

#include "kernel/memory/types.h"

namespace gyre::arch {

using TableEntry = std::atomic<uint64_t>;
static_assert(sizeof(TableEntry) == 8);

constexpr size_t kTableEntries = 512;
constexpr size_t kKernelHalf = 256;  // first root entry of the kernel's half
constexpr uint64_t kLargePageSize = uint64_t{1} << 21;
constexpr uint64_t kHugePageSize = uint64_t{1} << 30;

namespace entry_bits {
constexpr uint64_t kPresent = 1u << 0, kWritable = 1u << 1, kUser = 1u << 2, kWriteThrough = 1u << 3,
                   kCacheDisable = 1u << 4, kAccessed = 1u << 5, kDirty = 1u << 6, kLarge = 1u << 7,
                   kGlobal = 1u << 8, kNoExecute = uint64_t{1} << 63;
// Bits 9 to 11 are the software's. The page belongs to this address space and is counted in Page::references; without
// the bit the entry only caches what a Vmo (or the zero page) holds.
constexpr uint64_t kPrivate = 1u << 9;
constexpr uint64_t kAddress = 0x000f'ffff'ffff'f000;
constexpr uint64_t kTable = kPresent | kWritable | kUser | kAccessed;
}  // namespace entry_bits

constexpr PhysicalAddress entry_address(uint64_t entry) { return {entry & entry_bits::kAddress}; }
constexpr bool is_present(uint64_t entry) { return (entry & entry_bits::kPresent) != 0; }

// Index into the table of `level` (4 is the root, 1 the last).
constexpr size_t table_index(uintptr_t address, int level) {
    return (address >> (kPageShift + 9 * static_cast<size_t>(level - 1))) & (kTableEntries - 1);
}

inline TableEntry* table_at(PhysicalAddress table) { return table.direct<TableEntry>(); }
inline TableEntry* table_of(uint64_t entry) { return table_at(entry_address(entry)); }

// The last-level entry of an address; null where a table is missing or a large page maps it.
inline TableEntry* find_entry(PhysicalAddress root, uintptr_t address) {
    TableEntry* table = table_at(root);
    for (int level = 4; level > 1; --level) {
        const uint64_t entry = table[table_index(address, level)].load(std::memory_order_acquire);
        if ((entry & (entry_bits::kPresent | entry_bits::kLarge)) != entry_bits::kPresent) return nullptr;
        table = table_of(entry);
    }
    return &table[table_index(address, 1)];
}

// Where tables come from and go to. Returns {0} when there is no memory; the page is zeroed.
using AllocateTable = PhysicalAddress (*)(void* argument);
// The same with missing tables made; null when there is no memory. Two CPUs may do this at once.
TableEntry* make_entry(PhysicalAddress root, uintptr_t address, AllocateTable allocate, void* argument,
                       void (*free_table)(void* argument, PhysicalAddress table));

// Neighbouring entries of one last-level table.
struct EntryRun {
    TableEntry* first = nullptr;
    size_t count = 0;
    explicit operator bool() const { return count != 0; }
};
// The entries for [address, end) as far as one table goes. Skips what has no table: `address` is moved to where the
// run begins. An empty run is the end.
EntryRun next_entries(PhysicalAddress root, uintptr_t& address, uintptr_t end);

// Takes the tables out of the tree that serve only [floor, ceiling), and gives each to `free_table`. The addresses hold
// no entries any more.
void free_tables(PhysicalAddress root, uintptr_t floor, uintptr_t ceiling,
                 void (*free_table)(void* argument, PhysicalAddress table), void* argument);

// ---- translation caches of this CPU
inline void load_root(PhysicalAddress root) { asm volatile("mov %0, %%cr3" : : "r"(root.value) : "memory"); }
inline PhysicalAddress loaded_root() {
    uint64_t value;
    asm volatile("mov %%cr3, %0" : "=r"(value));
    return {value & entry_bits::kAddress};
}
inline void flush_page(uintptr_t address) { asm volatile("invlpg (%0)" : : "r"(address) : "memory"); }
inline void flush_user_pages() {
    uint64_t value;
    asm volatile("mov %%cr3, %0\n\tmov %0, %%cr3" : "=r"(value) : : "memory");
}
void flush_all_pages();  // global ones too

bool has_huge_pages();               // CPUID: 1 GiB pages
bool has_access_prevention();        // CPUID: SMAP
inline void zero_page(void* page) {
    uint64_t count = kPageSize / 8;
    asm volatile("rep stosq" : "+D"(page), "+c"(count) : "a"(uint64_t{0}) : "memory");
}
inline void copy_page(void* to, const void* from) {
    uint64_t count = kPageSize / 8;
    asm volatile("rep movsq" : "+D"(to), "+S"(from), "+c"(count) : : "memory");
}

}  // namespace gyre::arch
