// SPDX-License-Identifier: MIT
//
// Tests of the page allocator, the heap, fault injection and kernel stacks.
#include <array>
#include <new>

#include "kernel/memory/heap.h"
#include "kernel/memory/kernel_stack.h"
#include "kernel/memory/memory.h"
#include "kernel/memory/page.h"
#include "kernel/schedule/thread.h"
#include "kernel/test/test.h"

namespace gyre {

KERNEL_TEST(page_allocator_gives_zeroed_aligned_blocks) {
    for (uint8_t order = 0; order <= 4; ++order) {
        Page* page = TEST_TRY(page_allocator::allocate(PageUse::Kernel, Zeroing::Yes, order));
        EXPECT(page->order == order);
        EXPECT((page->address().value & ((kPageSize << order) - 1)) == 0);
        const std::byte* bytes = page->bytes();
        bool is_zero = true;
        for (size_t i = 0; i < kPageSize << order; ++i) is_zero &= bytes[i] == std::byte{0};
        EXPECT(is_zero);
        __builtin_memset(page->bytes(), 0xff, kPageSize << order);
        EXPECT(Page::of_direct(page->bytes()) == page);
        page_allocator::free(page);
    }
}

KERNEL_TEST(page_allocator_counts_every_page) {
    const auto before = page_allocator::statistics();
    std::array<Page*, 100> pages;
    for (Page*& page : pages) page = TEST_TRY(page_allocator::allocate(PageUse::Kernel));
    const auto during = page_allocator::statistics();
    EXPECT(during.kernel_pages == before.kernel_pages + pages.size());
    EXPECT(during.free_pages == before.free_pages - pages.size());
    for (size_t i = 0; i < pages.size(); ++i)
        for (size_t j = 0; j < i; ++j) EXPECT(pages[i] != pages[j]);
    for (Page* page : pages) page_allocator::free(page);
    const auto after = page_allocator::statistics();
    EXPECT(after.free_pages == before.free_pages && after.kernel_pages == before.kernel_pages);
}

// Buddies come together again: the largest block can be had as often after a storm of single pages as before.
KERNEL_TEST(page_allocator_joins_buddies) {
    const auto count_large = [] {
        std::array<Page*, 16> blocks{};
        size_t count = 0;
        for (Page*& block : blocks) {
            const auto page = page_allocator::allocate(PageUse::Kernel, Zeroing::No, page_allocator::kMaxOrder);
            if (!page) break;
            block = *page;
            ++count;
        }
        for (size_t i = 0; i < count; ++i) page_allocator::free(blocks[i]);
        return count;
    };
    const size_t before = count_large();
    Page* list = nullptr;
    for (int i = 0; i < 3000; ++i) {
        const auto page = page_allocator::allocate(PageUse::Kernel);
        if (!page) break;
        (*page)->next = list;
        list = *page;
    }
    while (Page* page = list) {
        list = page->next;
        page_allocator::free(page);
    }
    EXPECT(count_large() >= before - (before != 0 ? 1 : 0));
}

KERNEL_TEST(heap_blocks_do_not_overlap_and_are_aligned) {
    const uint64_t before = heap::bytes_in_use();
    std::array<unsigned char*, 60> blocks{};
    for (size_t i = 0; i < blocks.size(); ++i) {
        const size_t size = 1 + i * 97;
        blocks[i] = static_cast<unsigned char*>(operator new(size, std::nothrow));
        REQUIRE(blocks[i] != nullptr);
        EXPECT(reinterpret_cast<uintptr_t>(blocks[i]) % 16 == 0);
        __builtin_memset(blocks[i], static_cast<int>(i), size);
    }
    for (size_t i = 0; i < blocks.size(); ++i) {
        const size_t size = 1 + i * 97;
        bool is_whole = true;
        for (size_t j = 0; j < size; ++j) is_whole &= blocks[i][j] == static_cast<unsigned char>(i);
        EXPECT(is_whole);
        operator delete(blocks[i]);
    }
    EXPECT(heap::bytes_in_use() == before);
    for (size_t alignment = 32; alignment <= kPageSize; alignment *= 2) {
        void* memory = operator new(alignment + 8, std::align_val_t(alignment), std::nothrow);
        EXPECT(memory && reinterpret_cast<uintptr_t>(memory) % alignment == 0);
        operator delete(memory, std::align_val_t(alignment));
    }
}

KERNEL_TEST(heap_gives_pages_back) {
    const auto before = page_allocator::statistics();
    struct Node {
        Node* next;
        char rest[248];
    };
    Node* list = nullptr;
    for (int i = 0; i < 4000; ++i) {
        Node* node = new (std::nothrow) Node;
        REQUIRE(node != nullptr);
        node->next = list;
        list = node;
    }
    EXPECT(page_allocator::statistics().slab_pages >= before.slab_pages + 200);
    while (Node* node = list) {
        list = node->next;
        delete node;
    }
    EXPECT(page_allocator::statistics().slab_pages <= before.slab_pages + 8);
}

KERNEL_TEST(fault_injection_fails_the_nth_allocation_once) {
    memory::fail_allocation(2);
    void* first = operator new(100, std::nothrow);
    void* second = operator new(100, std::nothrow);
    void* third = operator new(100, std::nothrow);
    memory::cancel_fail_allocation();
    EXPECT(first && !second && third);
    operator delete(first);
    operator delete(third);
    memory::fail_allocation(1);
    EXPECT(!page_allocator::allocate(PageUse::Kernel));
    memory::cancel_fail_allocation();
}

KERNEL_TEST(kernel_stacks_have_guards_and_are_trimmed) {
    constexpr size_t kCount = 100;
    std::array<uintptr_t, kCount> stacks;
    const auto before = page_allocator::statistics();
    for (uintptr_t& stack : stacks) {
        stack = TEST_TRY(memory::allocate_kernel_stack());
        EXPECT(memory::is_kernel_stack_guard(stack - 1));
        EXPECT(!memory::is_kernel_readable(stack - 1));
        EXPECT(!memory::is_kernel_stack_guard(stack));
        __builtin_memset(reinterpret_cast<void*>(stack), 0x33, Thread::kKernelStackSize);
    }
    for (const uintptr_t stack : stacks) memory::free_kernel_stack(stack);
    // The next one unmaps most of those that wait.
    const uintptr_t one = TEST_TRY(memory::allocate_kernel_stack());
    memory::free_kernel_stack(one);
    EXPECT(page_allocator::statistics().kernel_pages <= before.kernel_pages + 64);
    // And what was unmapped is used again.
    for (uintptr_t& stack : stacks) {
        stack = TEST_TRY(memory::allocate_kernel_stack());
        __builtin_memset(reinterpret_cast<void*>(stack), 0x44, Thread::kKernelStackSize);
    }
    for (const uintptr_t stack : stacks) memory::free_kernel_stack(stack);
}

}  // namespace gyre
