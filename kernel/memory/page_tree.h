// SPDX-License-Identifier: MIT
//
// A map from page index to page: a radix tree with 64 children a node, as high as the largest index needs. A tree that
// holds only index 0 has no node at all, which most small files never outgrow. Pure: it never looks into a page.
// The caller brings the lock.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "lib/base/result.h"

namespace gyre {

struct Page;

class PageTree {
public:
    PageTree() = default;
    PageTree(const PageTree&) = delete;
    PageTree& operator=(const PageTree&) = delete;
    // The pages must be out already.
    ~PageTree();

    static constexpr uint64_t kMostIndex = (uint64_t{1} << 52) - 1;  // 2^64 bytes

    Page* find(uint64_t index) const {
        if (index > most_) [[unlikely]]
            return nullptr;
        void* at = root_;
        for (uint32_t shift = shift_; shift != 0 && at;) {
            shift -= kBits;
            at = static_cast<Node*>(at)->slots[(index >> shift) & kMask];
        }
        return static_cast<Page*>(at);
    }
    // The smallest index of [from, to) that has a page, or `to`. Costs no more for a wide gap than for a narrow one.
    uint64_t next(uint64_t from, uint64_t to) const;
    // The place must be free. Errors: NoMemory.
    Status insert(uint64_t index, Page* page);
    // Puts another page in the place of one that is there.
    void replace(uint64_t index, Page* page);
    // Takes pages of [from, to) out, in order, as many as `taken` holds; `from` moves to where to go on. Returns how
    // many; fewer than fit means that the range is empty now.
    size_t take(uint64_t& from, uint64_t to, std::span<Page*> taken);
    uint64_t count() const { return count_; }

    // Calls visit(index, page) in order until it returns false.
    template <class Visit>
    bool for_each(Visit&& visit) const {
        return visit_below(root_, shift_, 0, visit);
    }

private:
    static constexpr uint32_t kBits = 6;
    static constexpr size_t kChildren = size_t{1} << kBits;
    static constexpr uint64_t kMask = kChildren - 1;
    struct Node {
        void* slots[kChildren];
    };
    struct Taking {
        uint64_t from, to;
        std::span<Page*> taken;
        size_t count;
    };

    static bool next_below(const void* at, uint32_t shift, uint64_t base, uint64_t& from, uint64_t to);
    static void* take_below(void* at, uint32_t shift, uint64_t base, Taking& taking);
    static void free_below(void* at, uint32_t shift);
    static bool is_empty(const Node& node);
    bool grow(uint64_t index);

    template <class Visit>
    static bool visit_below(void* at, uint32_t shift, uint64_t base, Visit& visit) {
        if (!at) return true;
        if (shift == 0) return visit(base, *static_cast<Page*>(at));
        shift -= kBits;
        for (size_t i = 0; i < kChildren; ++i)
            if (!visit_below(static_cast<Node*>(at)->slots[i], shift, base + (uint64_t{i} << shift), visit)) return false;
        return true;
    }

    void* root_ = nullptr;  // a Page when shift_ is 0, else a Node
    uint32_t shift_ = 0;    // bits of the index that the tree looks at
    uint64_t most_ = 0;     // largest index that fits
    uint64_t count_ = 0;
};

}  // namespace gyre
