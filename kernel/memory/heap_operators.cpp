// SPDX-License-Identifier: MIT
//
// operator new and delete on top of the heap. The throwing forms exist because the language wants them to; they return
// null on failure like the others, and the kernel calls the nothrow ones only.
#include <cstddef>
#include <new>

#include "kernel/memory/heap.h"

// The compiler may assume that plain new never returns null; so it ends the kernel instead.
#include "kernel/log/panic.h"

namespace {
void* must(void* memory) {
    if (!memory) gyre::panic("operator new without nothrow ran out of memory");
    return memory;
}
constexpr size_t kPlain = 16;
}  // namespace

using gyre::heap::allocate;

void* operator new(size_t size) { return must(allocate(size, kPlain)); }
void* operator new[](size_t size) { return must(allocate(size, kPlain)); }
void* operator new(size_t size, std::align_val_t alignment) { return must(allocate(size, size_t(alignment))); }
void* operator new[](size_t size, std::align_val_t alignment) { return must(allocate(size, size_t(alignment))); }
void* operator new(size_t size, const std::nothrow_t&) noexcept { return allocate(size, kPlain); }
void* operator new[](size_t size, const std::nothrow_t&) noexcept { return allocate(size, kPlain); }
void* operator new(size_t size, std::align_val_t alignment, const std::nothrow_t&) noexcept {
    return allocate(size, size_t(alignment));
}
void* operator new[](size_t size, std::align_val_t alignment, const std::nothrow_t&) noexcept {
    return allocate(size, size_t(alignment));
}

void operator delete(void* memory) noexcept { gyre::heap::free(memory); }
void operator delete[](void* memory) noexcept { gyre::heap::free(memory); }
void operator delete(void* memory, size_t) noexcept { gyre::heap::free(memory); }
void operator delete[](void* memory, size_t) noexcept { gyre::heap::free(memory); }
void operator delete(void* memory, std::align_val_t) noexcept { gyre::heap::free(memory); }
void operator delete[](void* memory, std::align_val_t) noexcept { gyre::heap::free(memory); }
void operator delete(void* memory, size_t, std::align_val_t) noexcept { gyre::heap::free(memory); }
void operator delete[](void* memory, size_t, std::align_val_t) noexcept { gyre::heap::free(memory); }
void operator delete(void* memory, const std::nothrow_t&) noexcept { gyre::heap::free(memory); }
void operator delete[](void* memory, const std::nothrow_t&) noexcept { gyre::heap::free(memory); }
void operator delete(void* memory, std::align_val_t, const std::nothrow_t&) noexcept { gyre::heap::free(memory); }
void operator delete[](void* memory, std::align_val_t, const std::nothrow_t&) noexcept { gyre::heap::free(memory); }
