// SPDX-License-Identifier: MIT
//
// The slab heap. A slab is one page cut into blocks of one class; its descriptor holds the list of its free blocks
// (owner), how many are out (references) and the class (flags). CPUs keep short stacks of free blocks and
// exchange half a stack with the slabs at a time, so the common case takes no lock.
#include "kernel/memory/heap.h"

#include <array>
#include <bit>

#include "kernel/arch/contract.h"
#include "kernel/log/assert.h"
#include "kernel/memory/fault_injection.h"
#include "kernel/memory/page.h"
#include "kernel/schedule/cpu.h"
#include "kernel/sync/spin_lock.h"

namespace gyre {

namespace {

constexpr std::array<uint16_t, 13> kClassSizes = {16, 32, 48, 64, 96, 128, 192, 256, 384, 512, 768, 1024, 2048};
constexpr size_t kLargestClass = kClassSizes.back();

// The class of a size in units of 16 bytes.
constexpr auto kClassOfUnits = [] {
    std::array<uint8_t, kLargestClass / 16 + 1> table{};
    size_t index = 0;
    for (size_t units = 0; units < table.size(); ++units) {
        while (kClassSizes[index] < units * 16) ++index;
        table[units] = static_cast<uint8_t>(index);
    }
    return table;
}();

struct Block {
    Block* next;
};

struct Stack {
    Block* head = nullptr;
    uint32_t count = 0;
    int32_t in_use = 0;  // allocated minus freed on this CPU
};

}  // namespace

struct alignas(64) HeapCache {
    std::array<Stack, kClassSizes.size()> stacks;
};

namespace {

struct SlabClass {
    SpinLock lock{LockRank::Slab};
    Page* partial = nullptr;  // slabs with a free block
    uint32_t empty_count = 0; // of those, slabs with no block out
};

constinit std::array<HeapCache, kMaxCpus> caches;
constinit std::array<SlabClass, kClassSizes.size()> classes;

constexpr uint32_t kMostEmptySlabs = 1;

// At most about two pages of free blocks for each CPU and class.
constexpr uint32_t stack_limit(size_t index) {
    const size_t blocks = 2 * kPageSize / kClassSizes[index];
    return static_cast<uint32_t>(blocks > 64 ? 64 : blocks < 8 ? 8 : blocks);
}

void link(SlabClass& slab_class, Page* slab) {
    slab->previous = nullptr;
    slab->next = slab_class.partial;
    if (slab->next) slab->next->previous = slab;
    slab_class.partial = slab;
}

void unlink(SlabClass& slab_class, Page* slab) {
    if (slab->previous)
        slab->previous->next = slab->next;
    else
        slab_class.partial = slab->next;
    if (slab->next) slab->next->previous = slab->previous;
}

bool add_slab_locked(SlabClass& slab_class, size_t index) {
    const Result<Page*> page = page_allocator::allocate(PageUse::Slab);
    if (!page) return false;
    Page* slab = *page;
    const size_t size = kClassSizes[index];
    std::byte* bytes = slab->bytes();
    Block* free = nullptr;
    for (size_t i = kPageSize / size; i-- > 0;) {
        auto* block = reinterpret_cast<Block*>(bytes + i * size);
        block->next = free;
        free = block;
    }
    slab->owner = free;
    slab->flags = static_cast<uint16_t>(index);
    slab->references.store(0, std::memory_order_relaxed);
    link(slab_class, slab);
    ++slab_class.empty_count;
    return true;
}

// Brings blocks from slabs to a CPU's stack. Interrupts off.
bool refill(Stack& stack, size_t index) {
    SlabClass& slab_class = classes[index];
    SpinGuard guard(slab_class.lock);
    const uint32_t wanted = stack_limit(index) / 2;
    while (stack.count < wanted) {
        Page* slab = slab_class.partial;
        if (!slab) {
            if (stack.count != 0 || !add_slab_locked(slab_class, index)) break;
            slab = slab_class.partial;
        }
        uint32_t out = slab->references.load(std::memory_order_relaxed);
        if (out == 0) --slab_class.empty_count;
        auto* block = static_cast<Block*>(slab->owner);
        while (block && stack.count < wanted) {
            Block* next = block->next;
            block->next = stack.head;
            stack.head = block;
            ++stack.count;
            ++out;
            block = next;
        }
        slab->owner = block;
        slab->references.store(out, std::memory_order_relaxed);
        if (!block) unlink(slab_class, slab);
    }
    return stack.count != 0;
}

// Gives half of a CPU's stack back to the slabs. Interrupts off.
void spill(Stack& stack, size_t index) {
    SlabClass& slab_class = classes[index];
    SpinGuard guard(slab_class.lock);
    while (stack.count > stack_limit(index) / 2) {
        Block* block = stack.head;
        stack.head = block->next;
        --stack.count;
        Page* slab = Page::of_direct(block);
        if (!slab->owner) link(slab_class, slab);
        block->next = static_cast<Block*>(slab->owner);
        slab->owner = block;
        const uint32_t out = slab->references.load(std::memory_order_relaxed) - 1;
        slab->references.store(out, std::memory_order_relaxed);
        if (out != 0) continue;
        if (slab_class.empty_count < kMostEmptySlabs) {
            ++slab_class.empty_count;
        } else {
            unlink(slab_class, slab);
            page_allocator::free(slab);
        }
    }
}

void* allocate_pages(size_t size) {
    const size_t pages = (size + kPageSize - 1) >> kPageShift;
    const auto order = static_cast<size_t>(std::bit_width(pages - 1));
    if (order > page_allocator::kMaxOrder) return nullptr;
    const Result<Page*> page = page_allocator::allocate(PageUse::Kernel, Zeroing::No, static_cast<uint8_t>(order));
    return page ? (*page)->bytes() : nullptr;
}

}  // namespace

void* heap::allocate(size_t size, size_t alignment) {
    if (alignment > 16) {
        // A class whose size is a multiple of the alignment keeps all of its blocks aligned; powers of two do.
        size = std::bit_ceil(size < alignment ? alignment : size);
    }
    if (size > kLargestClass) return allocate_pages(size);
    if (fault_injection::is_due()) [[unlikely]]
        return nullptr;
    const size_t index = kClassOfUnits[(size + 15) / 16];
    const arch::InterruptState state = arch::disable_interrupts();
    Stack& stack = caches[arch::this_cpu().number].stacks[index];
    Block* block = nullptr;
    if (stack.head || refill(stack, index)) {
        block = stack.head;
        stack.head = block->next;
        --stack.count;
        ++stack.in_use;
    }
    arch::restore_interrupts(state);
    return block;
}

void heap::free(void* memory) {
    if (!memory) return;
    Page* slab = Page::of_direct(memory);
    if (slab->use != PageUse::Slab) {
        KASSERT(slab->use == PageUse::Kernel, "a heap block is freed that is none");
        page_allocator::free(slab);
        return;
    }
    const size_t index = slab->flags;
#if GYRE_DEBUG
    __builtin_memset(memory, 0x5a, kClassSizes[index]);  // who uses it later sees it
#endif
    auto* block = static_cast<Block*>(memory);
    const arch::InterruptState state = arch::disable_interrupts();
    Stack& stack = caches[arch::this_cpu().number].stacks[index];
    block->next = stack.head;
    stack.head = block;
    --stack.in_use;
    if (++stack.count > stack_limit(index)) spill(stack, index);
    arch::restore_interrupts(state);
}

uint64_t heap::bytes_in_use() {
    int64_t bytes = 0;
    for (const HeapCache& cache : caches)
        for (size_t i = 0; i < kClassSizes.size(); ++i) bytes += int64_t{cache.stacks[i].in_use} * kClassSizes[i];
    return static_cast<uint64_t>(bytes);
}

}  // namespace gyre
