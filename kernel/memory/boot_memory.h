// SPDX-License-Identifier: MIT
//
// RAM before there is a page allocator: the ranges that are free, and pages taken from them for good. Used while
// memory::initialize runs and by nobody later.
#pragma once

#include <array>

#include "boot/boot_info.h"
#include "kernel/memory/types.h"

namespace gyre::memory {

class BootMemory {
public:
    // Free are the usable ranges below `limit` without the first 64 KiB, the kernel and the initramfs. Of usable memory above
    // the limit only the kernel and the initramfs are RAM, where they lie there.
    BootMemory(const BootInfo& boot_info, uint64_t limit);

    // Whole pages that the boot direct map reaches (below 1 GiB). Panics when there are none: a machine
    // without room for page tables cannot run.
    PhysicalAddress take_page();                // not zeroed
    PhysicalAddress take_zeroed_page();
    PhysicalAddress take_large_page();          // 2 MiB, aligned; {0} when there is none

    // RAM ranges (usable and firmware's tables), sorted, page aligned inwards, neighbours joined.
    std::span<const PhysicalRange> ram() const { return {ram_.data(), ram_count_}; }
    std::span<const PhysicalRange> free() const { return {free_.data(), free_count_}; }

private:
    static constexpr size_t kMostRanges = BootInfo::kMaxMemoryRanges + 16;

    void add_free(uint64_t start, uint64_t end);
    void remove_free(uint64_t start, uint64_t end);
    void find_ram(const BootInfo& boot_info, uint64_t limit);
    size_t pick_early_range() const;

    std::array<PhysicalRange, kMostRanges> ram_{};
    std::array<PhysicalRange, kMostRanges> free_{};
    size_t ram_count_ = 0;
    size_t free_count_ = 0;
};

}  // namespace gyre::memory
