// SPDX-License-Identifier: MIT
//
// Sorting the machine's memory ranges, and taking the first pages from them.
#include "kernel/memory/boot_memory.h"

#include <algorithm>

#include "kernel/arch/x86_64/page_table.h"
#include "kernel/log/assert.h"

namespace gyre::memory {

namespace {
constexpr uint64_t kStartPages = 64 * 1024;           // other CPUs begin there
constexpr uint64_t kEarlyReach = uint64_t{1} << 30;   // what boot/ has mapped

// Calls `each` with the ranges of RAM: start, end, kind. Of what is usable above the limit, only what is in use already is left.
template <class Each>
void for_each_ram(const BootInfo& boot_info, uint64_t limit, const Each& each) {
    for (const auto& [range, kind] : boot_info.memory_ranges()) {
        if (kind == MemoryKind::Reserved) continue;
        const uint64_t start = range.start.value, end = range.end().value;
        if (kind == MemoryKind::Acpi || end <= limit) {
            each(start, end, kind);
            continue;
        }
        if (start < limit) each(start, limit, kind);
        for (const PhysicalRange& used : {boot_info.kernel_image, boot_info.initramfs}) {
            // Whole pages, as far as they are in this range.
            const uint64_t from = std::max({page_floor(used.start.value), start, limit});
            const uint64_t to = std::min(page_ceiling(used.end().value), end);
            if (used.length != 0 && from < to) each(from, to, MemoryKind::Acpi);
        }
    }
}

}  // namespace

BootMemory::BootMemory(const BootInfo& boot_info, uint64_t limit) {
    find_ram(boot_info, limit);
    for_each_ram(boot_info, limit, [&](uint64_t range_start, uint64_t range_end, MemoryKind kind) {
        if (kind != MemoryKind::Usable) return;
        const uint64_t start = page_ceiling(range_start);
        const uint64_t end = page_floor(range_end);
        if (start >= end) return;
        // Cut where the early reach ends, so that a range is either reachable or not.
        if (start < kEarlyReach && end > kEarlyReach) {
            add_free(start, kEarlyReach);
            add_free(kEarlyReach, end);
        } else {
            add_free(start, end);
        }
    });
    // Firmware may report overlaps; what is not usable wins.
    for (const MemoryRange& range : boot_info.memory_ranges())
        if (range.kind != MemoryKind::Usable) remove_free(range.range.start.value, range.range.end().value);
    remove_free(0, kStartPages);
    remove_free(boot_info.kernel_image.start.value, boot_info.kernel_image.end().value);
    remove_free(boot_info.initramfs.start.value, boot_info.initramfs.end().value);
}

void BootMemory::add_free(uint64_t start, uint64_t end) {
    KREQUIRE(free_count_ < kMostRanges, "too many memory ranges");
    free_[free_count_++] = {{start}, end - start};
}

void BootMemory::remove_free(uint64_t start, uint64_t end) {
    if (start >= end) return;
    start = page_floor(start);
    end = page_ceiling(end);
    const size_t count = free_count_;
    for (size_t i = 0; i < count; ++i) {
        const uint64_t free_start = free_[i].start.value;
        const uint64_t free_end = free_[i].end().value;
        if (end <= free_start || free_end <= start) continue;
        free_[i] = {{free_start}, std::max(start, free_start) - free_start};  // maybe empty
        if (end < free_end) add_free(end, free_end);
    }
}

void BootMemory::find_ram(const BootInfo& boot_info, uint64_t limit) {
    for_each_ram(boot_info, limit, [&](uint64_t range_start, uint64_t range_end, MemoryKind) {
        const uint64_t start = page_ceiling(range_start);
        const uint64_t end = page_floor(range_end);
        if (start < end) ram_[ram_count_++] = {{start}, end - start};
    });
    // Few ranges: insertion sort, then join.
    for (size_t i = 1; i < ram_count_; ++i)
        for (size_t j = i; j > 0 && ram_[j].start < ram_[j - 1].start; --j) std::swap(ram_[j], ram_[j - 1]);
    size_t kept = 0;
    for (size_t i = 0; i < ram_count_; ++i) {
        if (kept > 0 && ram_[i].start <= ram_[kept - 1].end()) {
            const uint64_t end = std::max(ram_[i].end().value, ram_[kept - 1].end().value);
            ram_[kept - 1].length = end - ram_[kept - 1].start.value;
        } else {
            ram_[kept++] = ram_[i];
        }
    }
    ram_count_ = kept;
}

size_t BootMemory::pick_early_range() const {
    size_t best = free_count_;
    for (size_t i = 0; i < free_count_; ++i)
        if (free_[i].end().value <= kEarlyReach && free_[i].length != 0 &&
            (best == free_count_ || free_[i].length > free_[best].length))
            best = i;
    KREQUIRE(best != free_count_, "no memory for the kernel's page tables");
    return best;
}

PhysicalAddress BootMemory::take_page() {
    PhysicalRange& range = free_[pick_early_range()];
    const PhysicalAddress page = range.start;
    range = {page + kPageSize, range.length - kPageSize};
    return page;
}

PhysicalAddress BootMemory::take_zeroed_page() {
    const PhysicalAddress page = take_page();
    arch::zero_page(page.direct());
    return page;
}

PhysicalAddress BootMemory::take_large_page() {
    PhysicalRange& range = free_[pick_early_range()];
    const uint64_t end = range.end().value;
    const uint64_t page_end = end & ~(arch::kLargePageSize - 1);
    if (page_end < range.start.value + arch::kLargePageSize) return {};
    range.length = page_end - arch::kLargePageSize - range.start.value;
    if (page_end != end) add_free(page_end, end);
    return {page_end - arch::kLargePageSize};
}

}  // namespace gyre::memory
