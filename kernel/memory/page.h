// SPDX-License-Identifier: MIT
//
// The descriptor of a physical page, one for each page of RAM, and the page allocator.
// Buddy lists of orders 0..10 per machine, a small stack of free single pages per CPU in front of them; freeing and
// allocating a page in the common case touches only the CPU's own cache lines.
#pragma once

#include <atomic>
#include <cstdint>

#include "kernel/memory/types.h"
#include "lib/base/result.h"

namespace gyre {

enum class PageUse : uint8_t { Reserved, Free, Kernel, PageTable, Slab, Vmo, CpuCache };

struct Page {
    std::atomic<uint32_t> references{0};  // how many Vmos share it (copy-on-write)
    PageUse use = PageUse::Reserved;
    uint8_t order = 0;                    // of the free block or allocation that it heads
    uint16_t flags = 0;
    Page* next = nullptr;                 // free lists; free for the owner's use while allocated
    Page* previous = nullptr;
    void* owner = nullptr;                // slab, ... of the owner's choice

    PhysicalAddress address() const;
    std::byte* bytes() const { return address().direct(); }
    static Page& of(PhysicalAddress address);
    static Page* of_direct(const void* pointer);
};
static_assert(sizeof(Page) == 32);

enum class Zeroing : bool { No, Yes };

namespace page_allocator {

constexpr uint8_t kMaxOrder = 10;

// Context: any (allocation never sleeps). Errors: NoMemory. A reserve stays for allocations made while
// freeing memory; ordinary ones fail before it is touched.
Result<Page*> allocate(PageUse use, Zeroing zeroing = Zeroing::No, uint8_t order = 0);
void free(Page* page);  // the order is remembered in the page

struct Statistics {
    uint64_t total_pages;      // RAM that the allocator was given
    uint64_t free_pages;
    uint64_t kernel_pages, page_table_pages, slab_pages, vmo_pages;
};
Statistics statistics();
// True when an ordinary allocation would soon fail; the page-fault path then lets the out-of-memory policy act.
bool is_short();

}  // namespace page_allocator

}  // namespace gyre
