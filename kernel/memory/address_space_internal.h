// SPDX-License-Identifier: MIT
//
// What the files of AddressSpace share: how a protection becomes entry bits, the page of zeroes, mappings waiting for
// destruction, and the gathering of pages that may be freed only after TLBs forgot them.
#pragma once

#include <array>

#include "kernel/arch/x86_64/page_table.h"
#include "kernel/memory/mapping.h"
#include "kernel/memory/page.h"
#include "kernel/memory/tlb.h"

namespace gyre {

constexpr uintptr_t kLowestUserAddress = 64 * 1024;         // vm.mmap_min_addr
constexpr uint64_t kStackGuardBytes = 256 * kPageSize;      // stack_guard_gap

// Bits of an entry that a mapping's protection decides, but for writing, which a fault grants page by page.
constexpr uint64_t entry_rights(Protection protection) {
    using namespace arch::entry_bits;
    if (protection == Protection::None) return kUser | kNoExecute;
    return kUser | kPresent | kAccessed | (allows(protection, Protection::Execute) ? 0 : kNoExecute);
}
constexpr uint64_t kEntryWrite = arch::entry_bits::kWritable | arch::entry_bits::kDirty;

// One page of zeroes that every hole shows to readers. It is counted nowhere.
extern PhysicalAddress zero_page_address;
inline bool is_zero_page(uint64_t entry) { return arch::entry_address(entry) == zero_page_address; }

// The page of a private entry is let go of.
inline void drop_private_page(Page& page) {
    if (page.references.load(std::memory_order_acquire) == 1 ||
        page.references.fetch_sub(1, std::memory_order_acq_rel) == 1)
        page_allocator::free(&page);
}

// Mappings destroy Refs of files; that is done by the destructor, after the space's lock is released.
struct AddressSpace::RemovedMappings {
    Mapping* first = nullptr;
    RemovedMappings() = default;
    RemovedMappings(const RemovedMappings&) = delete;
    RemovedMappings& operator=(const RemovedMappings&) = delete;
    ~RemovedMappings() {
        while (Mapping* mapping = first) {
            first = mapping->next_removed;
            delete mapping;
        }
    }
};

// Collects what changed in the page tables of one space. Pages and tables are freed after the flush, in batches.
class TlbGather {
public:
    explicit TlbGather(AddressSpace& space) : space_(space) {}
    ~TlbGather() { finish(); }
    TlbGather(const TlbGather&) = delete;
    TlbGather& operator=(const TlbGather&) = delete;

    void changed(uintptr_t address) {
        if (address < start_) start_ = address;
        if (address >= end_) end_ = address + kPageSize;
    }
    // Its reference goes after the flush; private pages and tables alike.
    void drop(Page& page) {
        pages_[count_++] = &page;
        if (count_ == pages_.size()) finish();
    }
    void finish();

private:
    AddressSpace& space_;
    uintptr_t start_ = UINTPTR_MAX, end_ = 0;
    size_t count_ = 0;
    std::array<Page*, 128> pages_;
};

}  // namespace gyre
