// SPDX-License-Identifier: MIT
//
// Walks of page tables that make or free tables, and the few CPU facts that memory needs.
#include "kernel/arch/x86_64/page_table.h"

#include <algorithm>

namespace gyre::arch {

namespace {

// Bytes that one entry of a table of this level covers.
constexpr uint64_t reach(int level) { return kPageSize << (9 * (level - 1)); }

struct CpuIdLeaf {
    uint32_t a, b, c, d;
};

CpuIdLeaf cpu_id(uint32_t leaf, uint32_t subleaf) {
    CpuIdLeaf result;
    asm volatile("cpuid" : "=a"(result.a), "=b"(result.b), "=c"(result.c), "=d"(result.d) : "a"(leaf), "c"(subleaf));
    return result;
}

}  // namespace

TableEntry* make_entry(PhysicalAddress root, uintptr_t address, AllocateTable allocate, void* argument,
                       void (*free_table)(void* argument, PhysicalAddress table)) {
    TableEntry* table = table_at(root);
    for (int level = 4; level > 1; --level) {
        TableEntry& slot = table[table_index(address, level)];
        uint64_t entry = slot.load(std::memory_order_acquire);
        if (!is_present(entry)) {
            const PhysicalAddress fresh = allocate(argument);
            if (fresh.value == 0) return nullptr;
            if (slot.compare_exchange_strong(entry, fresh.value | entry_bits::kTable, std::memory_order_acq_rel))
                entry = fresh.value;
            else
                free_table(argument, fresh);  // another CPU was faster: `entry` is its table now
        }
        table = table_of(entry);
    }
    return &table[table_index(address, 1)];
}

EntryRun next_entries(PhysicalAddress root, uintptr_t& address, uintptr_t end) {
    while (address < end) {
        TableEntry* table = table_at(root);
        int level = 4;
        for (; level > 1; --level) {
            const uint64_t entry = table[table_index(address, level)].load(std::memory_order_acquire);
            if (!is_present(entry)) break;
            table = table_of(entry);
        }
        const uint64_t span = reach(level == 1 ? 2 : level);
        const uintptr_t next = (address & ~(span - 1)) + span;
        if (level == 1) {
            const uintptr_t stop = std::min<uintptr_t>(next, end);
            return {&table[table_index(address, 1)], (stop - address) >> kPageShift};
        }
        address = next;
    }
    return {};
}

namespace {

struct TableRange {
    uintptr_t floor, ceiling;
    void (*free_table)(void* argument, PhysicalAddress table);
    void* argument;
};

// `table` is of `level` and its first entry translates `base`.
void free_below(TableEntry* table, int level, uintptr_t base, const TableRange& range) {
    const uint64_t span = reach(level);
    const size_t from = range.floor <= base ? 0 : (range.floor - base) / span;
    for (size_t i = from; i < (level == 4 ? kKernelHalf : kTableEntries); ++i) {
        const uintptr_t start = base + i * span;
        if (start >= range.ceiling) return;
        const uint64_t entry = table[i].load(std::memory_order_relaxed);
        if (!is_present(entry)) continue;
        if (level > 2) free_below(table_of(entry), level - 1, start, range);
        if (start < range.floor || range.ceiling - start < span) continue;  // others use it too
        table[i].store(0, std::memory_order_relaxed);
        range.free_table(range.argument, entry_address(entry));
    }
}

}  // namespace

void free_tables(PhysicalAddress root, uintptr_t floor, uintptr_t ceiling,
                 void (*free_table)(void* argument, PhysicalAddress table), void* argument) {
    free_below(table_at(root), 4, 0, {floor, ceiling, free_table, argument});
}

void flush_all_pages() {
    // Clearing CR4.PGE drops global translations too (SDM vol. 3, 4.10.4.1).
    constexpr uint64_t kGlobalPages = 1u << 7;
    uint64_t cr4;
    asm volatile("mov %%cr4, %0" : "=r"(cr4));
    asm volatile("mov %0, %%cr4" : : "r"(cr4 & ~kGlobalPages) : "memory");
    asm volatile("mov %0, %%cr4" : : "r"(cr4) : "memory");
}

bool has_huge_pages() {
    return cpu_id(0x8000'0000, 0).a >= 0x8000'0001 && (cpu_id(0x8000'0001, 0).d >> 26 & 1) != 0;
}

bool has_access_prevention() { return cpu_id(0, 0).a >= 7 && (cpu_id(7, 0).b >> 20 & 1) != 0; }

}  // namespace gyre::arch
