// SPDX-License-Identifier: MIT
//
// What compiler and libc++ call behind our back. Operator new and delete are in kernel/memory/heap_operators.cpp.
#include <cstddef>
#include <cstdint>
#include <new>

#include "kernel/log/panic.h"

extern "C" {

// Replaced at boot by random::initialize; a constant until then.
uintptr_t __stack_chk_guard = 0x00ab'c0de'51'ca'ff00;
[[noreturn]] void __stack_chk_fail() { gyre::panic("stack overflow: a guard word was overwritten"); }
[[noreturn]] void __cxa_pure_virtual() { gyre::panic("a pure virtual function was called"); }
[[noreturn]] void abort() { gyre::panic("abort"); }
// Objects that live as long as the kernel are never destroyed.
int __cxa_atexit(void (*)(void*), void*, void*) { return 0; }
void* __dso_handle = nullptr;

size_t strlen(const char* text) {
    size_t length = 0;
    while (text[length]) ++length;
    return length;
}
size_t strnlen(const char* text, size_t most) {
    size_t length = 0;
    while (length < most && text[length]) ++length;
    return length;
}
void* memchr(const void* bytes, int wanted, size_t length) {
    auto* p = static_cast<unsigned char*>(const_cast<void*>(bytes));
    for (; length > 0; ++p, --length)
        if (*p == static_cast<unsigned char>(wanted)) return p;
    return nullptr;
}
int strcmp(const char* a, const char* b) {
    for (; *a && *a == *b; ++a, ++b) {}
    return static_cast<unsigned char>(*a) - static_cast<unsigned char>(*b);
}
}

namespace std::inline __1 {
[[noreturn]] void __libcpp_verbose_abort(const char* format, ...) { gyre::panic("libc++: {}", format); }
}  // namespace std::inline __1

namespace std {
const nothrow_t nothrow{};
}  // namespace std
