// SPDX-License-Identifier: MIT
//
// Kernel stacks in slots of the kernel map area: one unmapped page, then the stack. A freed stack stays mapped and waits
// for its next thread, so making a thread flushes nothing. Only when many wait (after a storm of threads) does the next
// allocation unmap most of them, with one flush for all.
#include "kernel/memory/kernel_stack.h"

#include <array>

#include "kernel/log/assert.h"
#include "kernel/memory/kernel_map.h"
#include "kernel/memory/page.h"
#include "kernel/memory/tlb.h"
#include "kernel/schedule/thread.h"
#include "kernel/sync/guarded.h"

namespace gyre::memory {

namespace {

using namespace arch::entry_bits;

constexpr uint64_t kStackSize = Thread::kKernelStackSize;
constexpr uint64_t kSlotSize = kPageSize + kStackSize;
constexpr size_t kMostWaiting = 32;  // mapped stacks without a thread
constexpr size_t kFewWaiting = 8;    // what a trim leaves
constexpr size_t kStackPages = kStackSize / kPageSize;

// Lies at the bottom of a mapped stack that waits.
struct WaitingStack {
    WaitingStack* next;
};

// An unmapped slot to use again; lies on the heap, because the slot itself has no memory.
struct EmptySlot {
    EmptySlot* next;
    uintptr_t bottom;
};

struct Stacks {
    WaitingStack* waiting = nullptr;
    size_t waiting_count = 0;
    EmptySlot* empty = nullptr;
    uintptr_t next_slot = kKernelMapBase;
};

constinit Guarded<Stacks, LockRank::Leaf> stacks{};

void unmap(uintptr_t bottom, size_t pages) {
    for (size_t i = 0; i < pages; ++i) {
        const Result<arch::TableEntry*> entry = kernel_entry(bottom + i * kPageSize);
        if (!entry) continue;  // cannot be: its table is there
        const uint64_t old = (*entry)->exchange(0, std::memory_order_relaxed);
        if (arch::is_present(old)) page_allocator::free(&Page::of(arch::entry_address(old)));
    }
}

Status map(uintptr_t bottom) {
    for (size_t i = 0; i < kStackPages; ++i) {
        const Result<arch::TableEntry*> entry = kernel_entry(bottom + i * kPageSize);
        const Result<Page*> page =
            entry ? page_allocator::allocate(PageUse::Kernel) : Result<Page*>(fail(Error::NoMemory));
        if (!page) {
            unmap(bottom, i);
            return fail(Error::NoMemory);
        }
        (*entry)->store((*page)->address().value | kPresent | kWritable | kAccessed | kDirty | kGlobal | kNoExecute,
                        std::memory_order_release);
    }
    return {};
}

// The flush comes first: nobody uses the stacks, so no CPU reads their entries again, and the pages are freed after it.
void trim() {
    WaitingStack* list = stacks.with([](Stacks& all) -> WaitingStack* {
        if (all.waiting_count <= kMostWaiting) return nullptr;
        WaitingStack* last = all.waiting;
        for (size_t i = 1; i < kFewWaiting; ++i) last = last->next;
        WaitingStack* rest = last->next;
        last->next = nullptr;
        all.waiting_count = kFewWaiting;
        return rest;
    });
    if (!list) return;
    struct Victim {
        uintptr_t bottom;
        EmptySlot* slot;
    };
    // In rounds, so that the list of victims has a bound.
    while (list) {
        std::array<Victim, 32> victims;
        std::array<PhysicalAddress, 32 * kStackPages> pages;
        size_t count = 0, page_count = 0;
        for (; list && count < victims.size(); ++count) {
            const auto bottom = reinterpret_cast<uintptr_t>(list);
            list = list->next;
            victims[count] = {bottom, new (std::nothrow) EmptySlot{nullptr, bottom}};
            for (size_t i = 0; i < kStackPages; ++i)
                if (arch::TableEntry* entry = arch::find_entry(kernel_root, bottom + i * kPageSize))
                    pages[page_count++] = arch::entry_address(entry->exchange(0, std::memory_order_relaxed));
        }
        tlb::flush_kernel();
        for (size_t i = 0; i < page_count; ++i) page_allocator::free(&Page::of(pages[i]));
        stacks.with([&](Stacks& all) {
            for (size_t i = 0; i < count; ++i) {
                if (!victims[i].slot) continue;  // its addresses are lost; there are millions
                victims[i].slot->next = all.empty;
                all.empty = victims[i].slot;
            }
        });
    }
}

}  // namespace

Result<uintptr_t> allocate_kernel_stack() {
    struct Found {
        uintptr_t bottom = 0;
        bool is_mapped = false;
        bool is_crowded = false;
        EmptySlot* slot = nullptr;
    };
    const Found found = stacks.with([](Stacks& all) -> Found {
        if (WaitingStack* stack = all.waiting) {
            const bool is_crowded = all.waiting_count > kMostWaiting;
            all.waiting = stack->next;
            --all.waiting_count;
            return {reinterpret_cast<uintptr_t>(stack), true, is_crowded, nullptr};
        }
        if (EmptySlot* slot = all.empty) {
            all.empty = slot->next;
            return {slot->bottom, false, false, slot};
        }
        if (kStackAreaEnd - all.next_slot < kSlotSize) return {};
        const uintptr_t slot = all.next_slot;
        all.next_slot += kSlotSize;
        return {slot + kPageSize, false, false, nullptr};
    });
    if (found.is_crowded) trim();
    if (found.is_mapped) return found.bottom;
    if (found.bottom == 0) return fail(Error::NoMemory);
    if (Status status = map(found.bottom); !status) {
        EmptySlot* slot = found.slot ? found.slot : new (std::nothrow) EmptySlot{nullptr, found.bottom};
        if (slot)
            stacks.with([&](Stacks& all) {
                slot->next = all.empty;
                all.empty = slot;
            });
        return fail(Error::NoMemory);
    }
    delete found.slot;
    return found.bottom;
}

void free_kernel_stack(uintptr_t bottom) {
    KASSERT(bottom > kKernelMapBase && bottom < kStackAreaEnd);
    auto* stack = reinterpret_cast<WaitingStack*>(bottom);
    stacks.with([&](Stacks& all) {
        stack->next = all.waiting;
        all.waiting = stack;
        ++all.waiting_count;
    });
}

uint64_t waiting_stack_pages() {
    return stacks.with([](Stacks& all) { return all.waiting_count; }) * kStackPages;
}

bool is_kernel_stack_guard(uintptr_t address) {
    return address >= kKernelMapBase && address < kStackAreaEnd && (address - kKernelMapBase) % kSlotSize < kPageSize;
}

}  // namespace gyre::memory
