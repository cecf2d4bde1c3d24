// SPDX-License-Identifier: MIT
//
// The page allocator: buddy lists of orders 0..10 behind one lock, and in front of them a stack of single pages for
// each CPU, which most allocations and frees touch alone.
//
// Two reserves: pages of programs (PageUse::Vmo) fail first, so that the kernel can still answer calls and free
// memory while the out-of-memory policy acts; everything else fails a little later.
// Descriptors of a block of the largest order are written when it is first split (kUnwritten): blocks never merge
// beyond that order, so nobody looks at its other descriptors before.
#include <algorithm>
#include <array>
#include <bit>

#include "kernel/arch/contract.h"
#include "kernel/arch/x86_64/page_table.h"
#include "kernel/log/assert.h"
#include "kernel/memory/fault_injection.h"
#include "kernel/memory/page_allocator_internal.h"
#include "kernel/schedule/cpu.h"
#include "kernel/sync/spin_lock.h"

namespace gyre {

// Counters by use may be negative on one CPU: a page may be freed on another one than it was allocated on.
struct alignas(64) PageCache {
    Page* head = nullptr;
    uint32_t count = 0;
    std::array<int64_t, 7> used{};
};

namespace page_allocator {
namespace {

constexpr uint16_t kUnwritten = 1;  // Page::flags of a free block's head
constexpr uint32_t kMostCached = 64;
constexpr uint32_t kFewestCached = 8;

struct Buddies {
    SpinLock lock{LockRank::PageAllocator};
    std::array<Page*, kMaxOrder + 1> free{};
    uint64_t free_pages = 0;
    uint64_t total_pages = 0;
    uint64_t kernel_reserve = 0;   // nobody gets these
    uint64_t program_reserve = 0;  // programs do not get these
    uint32_t cache_limit = kFewestCached;
};

constinit Buddies buddies;
constinit std::array<PageCache, kMaxCpus> caches;

Page* const kDescriptors = reinterpret_cast<Page*>(kPageDescriptorsBase);

uint64_t number_of(const Page* page) { return static_cast<uint64_t>(page - kDescriptors); }

void link(Page* page, uint8_t order) {
    page->use = PageUse::Free;
    page->order = order;
    page->flags = 0;
    page->previous = nullptr;
    page->next = buddies.free[order];
    if (page->next) page->next->previous = page;
    buddies.free[order] = page;
}

void unlink(Page* page) {
    if (page->previous)
        page->previous->next = page->next;
    else
        buddies.free[page->order] = page->next;
    if (page->next) page->next->previous = page->previous;
}

void write_descriptor(Page* page) {
    page->references.store(0, std::memory_order_relaxed);
    page->use = PageUse::Reserved;
    page->order = 0;
    page->flags = 0;
    page->next = page->previous = nullptr;
    page->owner = nullptr;
}

Page* take_locked(uint8_t order) {
    uint8_t from = order;
    while (!buddies.free[from])
        if (++from > kMaxOrder) return nullptr;
    Page* page = buddies.free[from];
    unlink(page);
    if ((page->flags & kUnwritten) != 0) {
        for (size_t i = 1; i < size_t{1} << kMaxOrder; ++i) write_descriptor(page + i);
        page->flags = 0;
    }
    while (from > order) {
        --from;
        link(page + (size_t{1} << from), from);
    }
    page->order = order;
    page->use = PageUse::Reserved;  // or a neighbour that is freed would join it
    buddies.free_pages -= uint64_t{1} << order;
    return page;
}

void give_locked(Page* page, uint8_t order) {
    buddies.free_pages += uint64_t{1} << order;
    uint64_t number = number_of(page);
    while (order < kMaxOrder) {
        Page* other = kDescriptors + (number ^ (uint64_t{1} << order));
        if (other->use != PageUse::Free || other->order != order) break;
        unlink(other);
        other->use = PageUse::Reserved;
        number &= ~(uint64_t{1} << order);
        ++order;
    }
    link(kDescriptors + number, order);
}

bool may_take_locked(PageUse use, uint64_t count) {
    const uint64_t reserve = use == PageUse::Vmo ? buddies.program_reserve : buddies.kernel_reserve;
    return buddies.free_pages >= reserve + count;
}

// Fills this CPU's stack by half. Interrupts off.
bool refill(PageCache& cache, PageUse use) {
    SpinGuard guard(buddies.lock);
    const uint32_t wanted = buddies.cache_limit / 2;
    for (uint32_t i = 0; i < wanted && may_take_locked(use, 1); ++i) {
        Page* page = take_locked(0);
        if (!page) break;
        page->use = PageUse::CpuCache;
        page->next = cache.head;
        cache.head = page;
        ++cache.count;
    }
    return cache.head != nullptr;
}

void spill(PageCache& cache) {
    SpinGuard guard(buddies.lock);
    while (cache.count > buddies.cache_limit / 2) {
        Page* page = cache.head;
        cache.head = page->next;
        --cache.count;
        give_locked(page, 0);
    }
}

PageCache& this_cache() { return caches[arch::this_cpu().number]; }

}  // namespace

Result<Page*> allocate(PageUse use, Zeroing zeroing, uint8_t order) {
    if (fault_injection::is_due()) [[unlikely]]
        return fail(Error::NoMemory);
    const arch::InterruptState state = arch::disable_interrupts();
    PageCache& cache = this_cache();
    Page* page = nullptr;
    if (order == 0) [[likely]] {
        if (cache.head || refill(cache, use)) {
            page = cache.head;
            cache.head = page->next;
            --cache.count;
        }
    } else {
        SpinGuard guard(buddies.lock);
        if (may_take_locked(use, uint64_t{1} << order)) page = take_locked(order);
    }
    if (page) cache.used[static_cast<size_t>(use)] += int64_t{1} << order;
    arch::restore_interrupts(state);
    if (!page) [[unlikely]]
        return fail(Error::NoMemory);
    KASSERT(page->use == (order == 0 ? PageUse::CpuCache : PageUse::Reserved), "a page is given out twice");
    page->use = use;
    page->flags = 0;
    page->references.store(1, std::memory_order_relaxed);
    if (zeroing == Zeroing::Yes)
        for (size_t i = 0; i < size_t{1} << order; ++i) arch::zero_page(page->bytes() + i * kPageSize);
    return page;
}

void free(Page* page) {
    KASSERT(page->use != PageUse::Free && page->use != PageUse::CpuCache && page->use != PageUse::Reserved,
            "a page is freed that is not allocated");
    const arch::InterruptState state = arch::disable_interrupts();
    PageCache& cache = this_cache();
    cache.used[static_cast<size_t>(page->use)] -= int64_t{1} << page->order;
    if (page->order == 0) [[likely]] {
        page->use = PageUse::CpuCache;
        page->next = cache.head;
        cache.head = page;
        if (++cache.count > buddies.cache_limit) spill(cache);
    } else {
        SpinGuard guard(buddies.lock);
        give_locked(page, page->order);
    }
    arch::restore_interrupts(state);
}

Statistics statistics() {
    Statistics result{};
    std::array<int64_t, 7> used{};
    for (const PageCache& cache : caches) {
        result.free_pages += cache.count;
        for (size_t i = 0; i < used.size(); ++i) used[i] += cache.used[i];
    }
    result.kernel_pages = static_cast<uint64_t>(used[static_cast<size_t>(PageUse::Kernel)]);
    result.page_table_pages = static_cast<uint64_t>(used[static_cast<size_t>(PageUse::PageTable)]);
    result.slab_pages = static_cast<uint64_t>(used[static_cast<size_t>(PageUse::Slab)]);
    result.vmo_pages = static_cast<uint64_t>(used[static_cast<size_t>(PageUse::Vmo)]);
    SpinGuard guard(buddies.lock);
    result.free_pages += buddies.free_pages;
    result.total_pages = buddies.total_pages;
    return result;
}

bool is_short() { return buddies.free_pages <= buddies.program_reserve; }

void prepare_descriptors(PhysicalAddress start, PhysicalAddress end) {
    for (uint64_t at = page_floor(start.value); at < end.value; at += kPageSize) write_descriptor(&Page::of({at}));
}

void add_range(PhysicalAddress start, PhysicalAddress end, bool is_fresh) {
    uint64_t at = page_ceiling(start.value);
    const uint64_t stop = page_floor(end.value);
    if (at >= stop) return;
    SpinGuard guard(buddies.lock);
    buddies.total_pages += (stop - at) >> kPageShift;
    while (at < stop) {
        const auto aligned = static_cast<uint8_t>(std::countr_zero((at >> kPageShift) | (uint64_t{1} << kMaxOrder)));
        const auto fitting = static_cast<uint8_t>(std::bit_width((stop - at) >> kPageShift) - 1);
        const uint8_t order = std::min({aligned, fitting, kMaxOrder});
        Page* page = &Page::of({at});
        const bool is_unwritten = is_fresh && order == kMaxOrder;
        if (is_unwritten) write_descriptor(page);
        give_locked(page, order);
        if (is_unwritten) page->flags = kUnwritten;
        at += kPageSize << order;
    }
    buddies.kernel_reserve = std::clamp<uint64_t>(buddies.total_pages / 1024, 8, 128);
    buddies.program_reserve = std::clamp<uint64_t>(buddies.total_pages / 64, 64, 2048);
    buddies.cache_limit =
        static_cast<uint32_t>(std::clamp<uint64_t>(buddies.total_pages / 512, kFewestCached, kMostCached));
}

}  // namespace page_allocator

PhysicalAddress Page::address() const { return {page_allocator::number_of(this) << kPageShift}; }
Page& Page::of(PhysicalAddress address) { return page_allocator::kDescriptors[address.page_number()]; }
Page* Page::of_direct(const void* pointer) {
    return &of({reinterpret_cast<uintptr_t>(pointer) - kDirectMapBase});
}

}  // namespace gyre
