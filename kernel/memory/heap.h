// SPDX-License-Identifier: MIT
//
// The kernel heap: blocks by size class from slabs of one page each, with a stack of free blocks per CPU and class;
// larger ones are whole pages from the page allocator. Everybody reaches it through operator new.
#pragma once

#include <cstddef>
#include <cstdint>

namespace gyre::heap {

// Null when there is no memory. `alignment` is a power of two of at most a page. Context: any.
void* allocate(size_t size, size_t alignment);
void free(void* memory);

// Bytes in use by blocks that callers hold (the size of their classes), for leak tests.
uint64_t bytes_in_use();

}  // namespace gyre::heap
