// SPDX-License-Identifier: MIT
//
// From the machine's memory ranges to running memory: the kernel's own page tables, the page descriptors, and all free
// RAM given to the page allocator.
//
// The direct map is exact: only RAM is in it, so that no device register is ever cached, and the kernel's text and
// constants are read-only there too (W^X holds for every alias).
#include <algorithm>

#include "kernel/arch/x86_64/page_table.h"
#include "kernel/command_line.h"
#include "kernel/log/assert.h"
#include "kernel/log/log.h"
#include "kernel/memory/boot_memory.h"
#include "kernel/memory/kernel_map.h"
#include "kernel/memory/memory.h"
#include "kernel/memory/page_allocator_internal.h"
#include "kernel/memory/user_copy.h"

// Page aligned, from the linker script.
extern "C" char gyre_text_start[], gyre_text_end[], gyre_rodata_start[], gyre_rodata_end[], gyre_data_start[],
    gyre_image_end[];

namespace gyre::memory {

namespace {

using namespace arch::entry_bits;

constexpr uint64_t kKernelPage = kPresent | kAccessed | kDirty | kGlobal;
constexpr uint64_t kReadWrite = kKernelPage | kWritable | kNoExecute;
constexpr uint64_t kReadOnly = kKernelPage | kNoExecute;
constexpr uint64_t kReadExecute = kKernelPage;

class KernelTables {
public:
    explicit KernelTables(BootMemory& memory)
        : memory_(memory), root_(memory.take_zeroed_page()), has_huge_pages_(arch::has_huge_pages()) {}

    PhysicalAddress root() const { return root_; }

    // The table slot of `address` at `level`, tables above it made.
    arch::TableEntry& slot(uintptr_t address, int level) {
        arch::TableEntry* table = arch::table_at(root_);
        for (int at = 4; at > level; --at) {
            arch::TableEntry& entry = table[arch::table_index(address, at)];
            if (entry.load(std::memory_order_relaxed) == 0) entry = memory_.take_zeroed_page().value | kTable;
            table = arch::table_of(entry);
        }
        return table[arch::table_index(address, level)];
    }

    // Maps with the largest pages that fit.
    void map(uintptr_t address, PhysicalAddress to, uint64_t length, uint64_t rights) {
        uint64_t at = 0;
        while (at < length) {
            const uint64_t where = (address + at) | (to.value + at);
            const uint64_t left = length - at;
            int level = 1;
            if ((where & (arch::kLargePageSize - 1)) == 0 && left >= arch::kLargePageSize) level = 2;
            if (has_huge_pages_ && (where & (arch::kHugePageSize - 1)) == 0 && left >= arch::kHugePageSize) level = 3;
            slot(address + at, level) = (to.value + at) | rights | (level > 1 ? kLarge : 0);
            at += kPageSize << (9 * (level - 1));
        }
    }

private:
    BootMemory& memory_;
    const PhysicalAddress root_;
    const bool has_huge_pages_;
};

constinit uint64_t g_limit = UINT64_MAX;

// mem=: usable memory from this physical address on is left alone, as on Linux for x86.
uint64_t read_limit() {
    if (!command_line::has("mem")) return UINT64_MAX;
    const std::optional<uint64_t> limit = command_line::size("mem");
    if (limit && *limit != 0) return page_floor(*limit);
    log_warning("Malformed early option 'mem'");
    return UINT64_MAX;
}

uintptr_t address_of(const char* symbol) { return reinterpret_cast<uintptr_t>(symbol); }

void map_image(KernelTables& tables, uint64_t image_offset) {
    const auto map = [&](const char* from, const char* to, uint64_t rights) {
        tables.map(address_of(from), {address_of(from) - image_offset}, address_of(to) - address_of(from), rights);
    };
    map(gyre_text_start, gyre_text_end, kReadExecute);
    map(gyre_rodata_start, gyre_rodata_end, kReadOnly);
    map(gyre_data_start, gyre_image_end, kReadWrite);
}

void map_directly(KernelTables& tables, const BootMemory& memory, uint64_t image_offset) {
    const uint64_t fixed_start = address_of(gyre_text_start) - image_offset;
    const uint64_t fixed_end = address_of(gyre_rodata_end) - image_offset;
    for (const PhysicalRange& ram : memory.ram()) {
        const auto map = [&](uint64_t start, uint64_t end, uint64_t rights) {
            start = std::max(start, ram.start.value);
            end = std::min(end, ram.end().value);
            if (start < end) tables.map(kDirectMapBase + start, {start}, end - start, rights);
        };
        map(0, fixed_start, kReadWrite);
        map(fixed_start, fixed_end, kReadOnly);
        map(fixed_end, UINT64_MAX, kReadWrite);
    }
}

bool is_all_ram(const BootMemory& memory, uint64_t start, uint64_t end) {
    return std::ranges::any_of(memory.ram(), [&](const PhysicalRange& ram) {
        return ram.start.value <= start && end <= ram.end().value;
    });
}

// Descriptors for every block of the largest order that holds RAM, because the allocator looks at all of a block.
void map_descriptors(KernelTables& tables, BootMemory& memory) {
    constexpr uint64_t kPagesPerTablePage = kPageSize / sizeof(Page);
    constexpr uint64_t kChunk = arch::kLargePageSize / sizeof(Page) * kPageSize;  // RAM that a large page describes
    uint64_t done = 0;  // RAM below has its descriptors
    // By value: taking pages changes the free list only, never ram().
    for (const PhysicalRange& ram : memory.ram()) {
        uint64_t at = std::max(done, ram.start.value & ~(page_allocator::kLargestBlock - 1));
        const uint64_t end =
            (ram.end().value + page_allocator::kLargestBlock - 1) & ~(page_allocator::kLargestBlock - 1);
        while (at < end) {
            const uintptr_t address = kPageDescriptorsBase + (at >> kPageShift) * sizeof(Page);
            if ((at & (kChunk - 1)) == 0 && is_all_ram(memory, at, at + kChunk)) {
                if (const PhysicalAddress page = memory.take_large_page(); page.value != 0) {
                    tables.slot(address, 2) = page.value | kReadWrite | kLarge;
                    at += kChunk;
                    continue;
                }
            }
            tables.slot(address, 1) = memory.take_page().value | kReadWrite;
            at += kPagesPerTablePage * kPageSize;
        }
        done = std::max(done, end);
    }
}

// Writes the descriptors of every block that is not free as a whole, then gives what is free.
void give_free_memory(const BootMemory& memory) {
    constexpr uint64_t kBlock = page_allocator::kLargestBlock;
    uint64_t done = 0;
    for (const PhysicalRange& ram : memory.ram()) {
        for (uint64_t block = std::max(done, ram.start.value & ~(kBlock - 1)); block < ram.end().value;
             block += kBlock) {
            const bool is_free = std::ranges::any_of(memory.free(), [&](const PhysicalRange& free) {
                return free.start.value <= block && block + kBlock <= free.end().value;
            });
            if (!is_free) page_allocator::prepare_descriptors({block}, {block + kBlock});
            done = block + kBlock;
        }
    }
    for (const PhysicalRange& free : memory.free()) page_allocator::add_range(free.start, free.end(), true);
}

}  // namespace

void initialize(const BootInfo& boot_info) {
    const uint64_t image_offset = address_of(gyre_text_start) - boot_info.kernel_image.start.value;
    g_limit = read_limit();
    BootMemory memory(boot_info, g_limit);
    KernelTables tables(memory);
    map_directly(tables, memory, image_offset);
    map_image(tables, image_offset);
    map_descriptors(tables, memory);
    tables.slot(kKernelMapBase, 3);  // its root entry must be there before any address space copies the root
    kernel_root = tables.root();
    arch::load_root(kernel_root);
    arch::flush_all_pages();  // boot may have mapped global pages
    give_free_memory(memory);
    user_memory::initialize();
}

void reclaim_boot_range(PhysicalAddress start, uint64_t length) {
    const PhysicalAddress end{std::min(start.value + length, page_floor(g_limit))};
    if (start < end) page_allocator::add_range(start, end, false);
}

}  // namespace gyre::memory
