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

namespace gyre::bpf {

class Arena {
public:
    explicit Arena(std::span<u8> memory) : memory_(memory) {}
    Arena(const Arena&) = delete;
    Arena& operator=(const Arena&) = delete;

    void* allocate(size_t size) {
        size = (size + 15) & ~size_t{15};
        size_t bucket = size / 16;
        if (bucket < kBucketCount && free_[bucket] != nullptr) {
            FreeBlock* block = free_[bucket];
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

    std::span<u8> memory_;
    size_t used_ = 0;
    bool is_exhausted_ = false;
    FreeBlock* free_[kBucketCount] = {};
};

}  // namespace gyre::bpf
