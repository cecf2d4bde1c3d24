// SPDX-License-Identifier: MIT
//
// The parts of PageTree that change it.
#include "kernel/memory/page_tree.h"

#include <algorithm>
#include <new>

namespace gyre {

PageTree::~PageTree() { free_below(root_, shift_); }

void PageTree::free_below(void* at, uint32_t shift) {
    if (!at || shift == 0) return;
    shift -= kBits;
    auto* node = static_cast<Node*>(at);
    if (shift != 0)
        for (void* child : node->slots) free_below(child, shift);
    delete node;
}

bool PageTree::is_empty(const Node& node) {
    return std::ranges::all_of(node.slots, [](const void* slot) { return slot == nullptr; });
}

// Adds levels until the index fits.
bool PageTree::grow(uint64_t index) {
    while (index > most_) {
        if (root_) {
            auto* node = new (std::nothrow) Node{};
            if (!node) return false;
            node->slots[0] = root_;
            root_ = node;
        }
        shift_ += kBits;
        most_ = most_ << kBits | kMask;
    }
    return true;
}

Status PageTree::insert(uint64_t index, Page* page) {
    if (!grow(index)) return fail(Error::NoMemory);
    void** slot = &root_;
    for (uint32_t shift = shift_; shift != 0;) {
        if (!*slot) {
            *slot = new (std::nothrow) Node{};
            if (!*slot) return fail(Error::NoMemory);
        }
        shift -= kBits;
        slot = &static_cast<Node*>(*slot)->slots[(index >> shift) & kMask];
    }
    *slot = page;
    ++count_;
    return {};
}

void PageTree::replace(uint64_t index, Page* page) {
    void** slot = &root_;
    for (uint32_t shift = shift_; shift != 0;) {
        shift -= kBits;
        slot = &static_cast<Node*>(*slot)->slots[(index >> shift) & kMask];
    }
    *slot = page;
}

// Moves `from` to the first page that is not before it; false when there is none below `to`.
bool PageTree::next_below(const void* at, uint32_t shift, uint64_t base, uint64_t& from, uint64_t to) {
    if (!at) return false;
    if (shift == 0) {
        if (base < from || base >= to) return false;
        from = base;
        return true;
    }
    shift -= kBits;
    const auto* node = static_cast<const Node*>(at);
    for (uint64_t i = from <= base ? 0 : (from - base) >> shift; i < kChildren; ++i) {
        const uint64_t start = base + (i << shift);
        if (start >= to) return false;
        if (next_below(node->slots[i], shift, start, from, to)) return true;
    }
    return false;
}

uint64_t PageTree::next(uint64_t from, uint64_t to) const {
    if (from > most_ || from >= to) return to;
    return next_below(root_, shift_, 0, from, to) ? from : to;
}

// Returns what the parent's slot holds afterwards.
void* PageTree::take_below(void* at, uint32_t shift, uint64_t base, Taking& taking) {
    if (!at) return nullptr;
    if (shift == 0) {
        if (base < taking.from || base >= taking.to) return at;
        if (taking.count == taking.taken.size()) return at;
        taking.taken[taking.count++] = static_cast<Page*>(at);
        taking.from = base + 1;
        return nullptr;
    }
    shift -= kBits;
    auto* node = static_cast<Node*>(at);
    const uint64_t first = taking.from <= base ? 0 : (taking.from - base) >> shift;
    for (uint64_t i = first; i < kChildren; ++i) {
        const uint64_t start = base + (i << shift);
        if (start >= taking.to || taking.count == taking.taken.size()) break;
        node->slots[i] = take_below(node->slots[i], shift, start, taking);
    }
    if (!is_empty(*node)) return node;
    delete node;
    return nullptr;
}

size_t PageTree::take(uint64_t& from, uint64_t to, std::span<Page*> taken) {
    if (from > most_ || from >= to) return 0;
    Taking taking{from, to, taken, 0};
    root_ = take_below(root_, shift_, 0, taking);
    from = taking.from;
    count_ -= taking.count;
    return taking.count;
}

}  // namespace gyre
