// SPDX-License-Identifier: MIT
//
// What bring-up tells the page allocator; nobody else includes this.
#pragma once

#include "kernel/memory/page.h"

namespace gyre::page_allocator {

// Gives [start, end) of whole pages, whose descriptors are mapped, to the allocator. Blocks of the largest order get
// their descriptors written only when they are first split, so giving gigabytes costs little.
// `is_fresh`: the descriptors of the range were never written.
void add_range(PhysicalAddress start, PhysicalAddress end, bool is_fresh);
// Writes the descriptors of [start, end) as Reserved. The block of the largest order around a page that is not free
// must have been prepared before any of its pages is added.
void prepare_descriptors(PhysicalAddress start, PhysicalAddress end);

constexpr uint64_t kLargestBlock = kPageSize << kMaxOrder;

}  // namespace gyre::page_allocator
