// SPDX-License-Identifier: MIT
//
// Memory for one verification: blocks cut from a region that the caller gives, with a limit.
// Blocks of a size class can be handed back and are used again; everything else lives until the
// arena ends. Exhaustion is an answer (null), remembered so that the verdict can name it.
#pragma once

#include <new>
#include <span>
#include <utility>

#include "lib/bpf/types.h"

// In tests under the address sanitizer a block that was handed back may not be touched. Whoever defines this
// does so for the library and for all that uses it.
#ifdef GYRE_BPF_ARENA_POISONS
extern "C" void __asan_poison_memory_region(const volatile void* block, size_t size);
extern "C" void __asan_unpoison_memory_region(const volatile void* block, size_t size);
#endif

namespace gyre::bpf {

class Arena {
public:
    explicit Arena(std::span<u8> memory) : memory_(memory) {}
    ~Arena() { unpoison(memory_.data(), memory_.size()); }
    Arena(const Arena&) = delete;
    Arena& operator=(const Arena&) = delete;

    void* allocate(size_t size) {
        size = (size + 15) & ~size_t{15};
        size_t bucket = size / 16;
        if (bucket < kBucketCount && free_[bucket] != nullptr) {
            FreeBlock* block = free_[bucket];
            unpoison(block, size);
            free_[bucket] = block->next;
            return block;
        }
        if (size > memory_.size() - used_) {
            is_exhausted_ = true;
            return nullptr;
        }
        void* block = memory_.data() + used_;
        used_ += size;
        return block;
    }

    // Gives a block back. Large ones stay until the arena ends.
    void release(void* block, size_t size) {
        size_t bucket = (size + 15) / 16;
        if (block != nullptr && bucket < kBucketCount) {
            free_[bucket] = ::new (block) FreeBlock{free_[bucket]};
            poison(block, bucket * 16);
        }
    }

    template <class T, class... Arguments>
    T* make(Arguments&&... arguments) {
        void* block = allocate(sizeof(T));
        return block == nullptr ? nullptr
                                : ::new (block) T{std::forward<Arguments>(arguments)...};
    }

    template <class T>
    std::span<T> make_array(size_t count) {
        if (count > memory_.size() / sizeof(T)) {
            is_exhausted_ = true;
            return {};
        }
        T* first = static_cast<T*>(allocate(count * sizeof(T)));
        if (first == nullptr) {
            return {};
        }
        for (size_t i = 0; i < count; i++) {
            ::new (first + i) T{};
        }
        return {first, count};
    }

    // Everything that was taken since `mark` is given back; its owners must be gone.
    size_t mark() const { return used_; }
    void rewind(size_t mark) {
        unpoison(memory_.data() + mark, used_ - mark);
        used_ = mark;
        is_exhausted_ = false;
        for (FreeBlock*& list : free_) {
            list = nullptr;
        }
    }

    bool is_exhausted() const { return is_exhausted_; }
    // The high-water mark; what was handed back and used again counts once.
    size_t used() const { return used_; }
    size_t limit() const { return memory_.size(); }

private:
    static constexpr size_t kBucketCount = 1024;  // blocks below 16 KiB are used again
    struct FreeBlock {
        FreeBlock* next;
    };

#ifdef GYRE_BPF_ARENA_POISONS
    static void poison(void* block, size_t size) { __asan_poison_memory_region(block, size); }
    static void unpoison(void* block, size_t size) { __asan_unpoison_memory_region(block, size); }
#else
    static void poison(void*, size_t) {}
    static void unpoison(void*, size_t) {}
#endif

    std::span<u8> memory_;
    size_t used_ = 0;
    bool is_exhausted_ = false;
    FreeBlock* free_[kBucketCount] = {};
};

}  // namespace gyre::bpf
