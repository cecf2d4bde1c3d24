// SPDX-License-Identifier: MIT
//
// The tree of mappings: finding, cutting, joining, holes, accounts. All with the space's lock held exclusively, but for
// finding, which shared suffices for.
#include <algorithm>

#include "kernel/memory/address_space_internal.h"

namespace gyre {

Mapping* AddressSpace::find_mapping_at_or_after(uintptr_t address) const {
    auto& tree = const_cast<MappingTree&>(mappings_);
    auto next = tree.upper_bound(address);  // the first that starts above
    if (next != tree.begin()) {
        Mapping& before = *std::prev(next);
        if (address < before.end) return &before;
    }
    return next == tree.end() ? nullptr : &*next;
}

Mapping* AddressSpace::find_mapping(uintptr_t address) const {
    Mapping* mapping = find_mapping_at_or_after(address);
    return mapping && mapping->start <= address ? mapping : nullptr;
}

Mapping* AddressSpace::next_of(Mapping& mapping) const {
    auto& tree = const_cast<MappingTree&>(mappings_);
    auto next = std::next(tree.iterator_to(mapping));
    return next == tree.end() ? nullptr : &*next;
}

Mapping* AddressSpace::previous_of(Mapping& mapping) const {
    auto& tree = const_cast<MappingTree&>(mappings_);
    auto at = tree.iterator_to(mapping);
    return at == tree.begin() ? nullptr : &*std::prev(at);
}

// The highest hole of that length within [low, high); 0 when there is none. A stack keeps its guard gap.
uintptr_t AddressSpace::find_hole(uint64_t length, uintptr_t low, uintptr_t high) const {
    auto& tree = const_cast<MappingTree&>(mappings_);
    auto at = tree.lower_bound(high);
    uintptr_t top = high;
    if (at != tree.end() && at->grows_down) top = std::min(top, at->start - kStackGuardBytes);
    for (;;) {
        const bool is_first = at == tree.begin();
        const uintptr_t floor = is_first ? low : std::max(low, std::prev(at)->end);
        if (top > floor && top - floor >= length) return top - length;
        if (is_first || floor == low) return 0;
        --at;
        top = std::min(top, at->grows_down && at->start > kStackGuardBytes ? at->start - kStackGuardBytes : at->start);
    }
}

void AddressSpace::account(const Mapping& mapping, int64_t sign) {
    const uint64_t pages = mapping.page_count() * static_cast<uint64_t>(sign);
    virtual_pages_ += pages;
    if (mapping.is_private_writable()) (mapping.grows_down ? stack_pages_ : data_pages_) += pages;
    if (mapping.vmo && allows(mapping.protection, Protection::Execute)) text_pages_ += pages;
    if (mapping.is_locked) locked_pages_ += pages;
    peak_virtual_pages_ = std::max(peak_virtual_pages_, virtual_pages_);
}

void AddressSpace::insert_mapping(Mapping& mapping) {
    mapping.space = this;
    mappings_.insert(mapping);
    account(mapping, 1);
    if (!mapping.vmo) return;
    MutexGuard guard(mapping.vmo->mappings_lock_);
    mapping.vmo->mappings_.push_back(mapping);
}

void AddressSpace::remove_mapping(Mapping& mapping, RemovedMappings& removed) {
    last_found_.store(nullptr, std::memory_order_relaxed);
    account(mapping, -1);
    mappings_.erase(mappings_.iterator_to(mapping));
    if (mapping.vmo) {
        MutexGuard guard(mapping.vmo->mappings_lock_);
        mapping.vmo->mappings_.erase(mapping.vmo->mappings_.iterator_to(mapping));
    }
    mapping.next_removed = removed.first;
    removed.first = &mapping;
}

// The order among mappings stays, so the tree need not know.
void AddressSpace::resize_mapping(Mapping& mapping, uintptr_t start, uintptr_t end) {
    account(mapping, -1);
    const auto change = [&] {
        mapping.offset += start - mapping.start;
        mapping.start = start;
        mapping.end = end;
    };
    if (mapping.vmo) {
        MutexGuard guard(mapping.vmo->mappings_lock_);
        change();
    } else {
        change();
    }
    account(mapping, 1);
}

// [start, at) and [at, end). Page tables do not change.
Status AddressSpace::split_mapping(Mapping& mapping, uintptr_t at) {
    auto* upper = new (std::nothrow) Mapping;
    if (!upper) return fail(Error::NoMemory);
    upper->start = at;
    upper->end = mapping.end;
    upper->vmo = mapping.vmo;
    upper->offset = mapping.offset + (at - mapping.start);
    upper->source = mapping.source;
    upper->protection = mapping.protection;
    upper->most = mapping.most;
    upper->is_shared = mapping.is_shared;
    upper->grows_down = mapping.grows_down;
    upper->is_locked = mapping.is_locked;
    upper->is_forked = mapping.is_forked;
    upper->is_wiped_on_fork = mapping.is_wiped_on_fork;
    upper->is_heap = mapping.is_heap;
    // The new one is in the Vmo's list before the old one shrinks: no page is ever without a mapping there.
    if (upper->vmo) {
        MutexGuard guard(upper->vmo->mappings_lock_);
        upper->vmo->mappings_.push_back(*upper);
        upper->space = this;
        mapping.end = at;
    } else {
        upper->space = this;
        mapping.end = at;
    }
    mappings_.insert(*upper);  // the accounts stay: together they are what the one was
    return {};
}

Status AddressSpace::isolate(uintptr_t start, uintptr_t end) {
    if (Mapping* first = find_mapping(start); first && first->start < start) TRY_VOID(split_mapping(*first, start));
    if (Mapping* last = find_mapping(end); last && last->start < end) TRY_VOID(split_mapping(*last, end));
    return {};
}

namespace {

bool can_join(const Mapping& a, const Mapping& b) {
    return a.end == b.start && a.vmo == b.vmo && a.source == b.source && a.protection == b.protection &&
           a.most == b.most && a.is_shared == b.is_shared && a.grows_down == b.grows_down &&
           a.is_locked == b.is_locked && a.is_forked == b.is_forked && a.is_wiped_on_fork == b.is_wiped_on_fork &&
           a.is_heap == b.is_heap && (!a.vmo || a.offset + a.length() == b.offset);
}

}  // namespace

void AddressSpace::merge_with_next(Mapping& mapping, RemovedMappings& removed) {
    Mapping* next = next_of(mapping);
    if (!next || !can_join(mapping, *next)) return;
    const uintptr_t end = next->end;
    // Grown before the other goes, so that the Vmo finds every page through one of the two.
    resize_mapping(mapping, mapping.start, end);
    remove_mapping(*next, removed);
}

// Joins what became alike in and at the edges of the range.
void AddressSpace::merge_around(uintptr_t start, uintptr_t end, RemovedMappings& removed) {
    Mapping* at = find_mapping_at_or_after(start);
    if (!at) return;
    if (Mapping* before = previous_of(*at)) at = before;
    while (at && at->start <= end) {
        Mapping* next = next_of(*at);
        if (!next) return;
        if (can_join(*at, *next))
            merge_with_next(*at, removed);
        else
            at = next;
    }
}

Status AddressSpace::check_limits(uint64_t more_pages, bool is_data) const {
    if (virtual_pages_ + more_pages > limits_.address_space_bytes >> kPageShift) return fail(Error::NoMemory);
    if (is_data && data_pages_ + more_pages > limits_.data_bytes >> kPageShift) return fail(Error::NoMemory);
    return {};
}

}  // namespace gyre
