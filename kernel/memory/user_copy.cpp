// SPDX-License-Identifier: MIT
//
// Copies from and to the program's memory: the range is checked here, the bytes are moved by
// kernel/arch/x86_64/user_copy.S. A fault there is resolved like one of the program's, or ends the copy.
#include "kernel/memory/user_copy.h"

#include <cstddef>

#include "kernel/arch/x86_64/page_table.h"
#include "kernel/memory/fixup.h"
#include "kernel/memory/user.h"

extern "C" {
size_t gyre_user_copy(void* to, const void* from, size_t length);
size_t gyre_user_zero(void* to, size_t length);
long gyre_user_string(char* to, const char* from, size_t capacity);
int gyre_user_load_u32(uint32_t* to, const uint32_t* from);
int gyre_user_compare_exchange_u32(uint32_t* at, uint32_t* expected, uint32_t desired);
constinit bool gyre_has_smap = false;

struct FixupLine {
    uintptr_t fault, target, is_nofault;
};
extern const FixupLine gyre_fixups_start[], gyre_fixups_end[];
}

namespace gyre {

namespace {

bool is_user_range(uintptr_t start, size_t length) { return length <= kUserEnd && start <= kUserEnd - length; }

template <class T>
T* pointer(uintptr_t address) {
    return reinterpret_cast<T*>(address);
}

const FixupLine* find_line(uintptr_t ip) {
    for (const FixupLine* line = gyre_fixups_start; line != gyre_fixups_end; ++line)
        if (line->fault == ip) return line;
    return nullptr;
}

}  // namespace

uintptr_t memory::find_fixup(uintptr_t ip) {
    const FixupLine* line = find_line(ip);
    return line ? line->target : 0;
}

bool memory::is_nofault(uintptr_t ip) {
    const FixupLine* line = find_line(ip);
    return line && line->is_nofault != 0;
}

namespace user_memory {

void initialize() { gyre_has_smap = arch::has_access_prevention(); }

Status copy_in(void* to, uintptr_t from, size_t length) {
    if (!is_user_range(from, length) || gyre_user_copy(to, pointer<void>(from), length) != 0) [[unlikely]]
        return fail(Error::BadAddress);
    return {};
}

Status copy_out(uintptr_t to, const void* from, size_t length) {
    if (!is_user_range(to, length) || gyre_user_copy(pointer<void>(to), from, length) != 0) [[unlikely]]
        return fail(Error::BadAddress);
    return {};
}

Status zero(uintptr_t to, size_t length) {
    if (!is_user_range(to, length) || gyre_user_zero(pointer<void>(to), length) != 0) [[unlikely]]
        return fail(Error::BadAddress);
    return {};
}

size_t copy_in_partial(void* to, uintptr_t from, size_t length) {
    if (from >= kUserEnd) return 0;
    if (length > kUserEnd - from) length = kUserEnd - from;
    return length - gyre_user_copy(to, pointer<void>(from), length);
}

size_t copy_out_partial(uintptr_t to, const void* from, size_t length) {
    if (to >= kUserEnd) return 0;
    if (length > kUserEnd - to) length = kUserEnd - to;
    return length - gyre_user_copy(pointer<void>(to), from, length);
}

size_t zero_partial(uintptr_t to, size_t length) {
    if (to >= kUserEnd) return 0;
    if (length > kUserEnd - to) length = kUserEnd - to;
    return length - gyre_user_zero(pointer<void>(to), length);
}

Result<size_t> copy_string_in(char* to, uintptr_t from, size_t capacity) {
    if (from >= kUserEnd) return fail(Error::BadAddress);
    const size_t reach = kUserEnd - from;
    const long length = gyre_user_string(to, pointer<char>(from), capacity < reach ? capacity : reach);
    if (length >= 0) [[likely]]
        return static_cast<size_t>(length);
    return fail(length == -2 && capacity <= reach ? Error::NameTooLong : Error::BadAddress);
}

Result<uint32_t> load_u32_nofault(uintptr_t from) {
    uint32_t value;
    if (!is_user_range(from, sizeof value) || gyre_user_load_u32(&value, pointer<uint32_t>(from)) != 0)
        return fail(Error::BadAddress);
    return value;
}

Result<bool> compare_exchange_u32_nofault(uintptr_t at, uint32_t& expected, uint32_t desired) {
    if (!is_user_range(at, sizeof expected)) return fail(Error::BadAddress);
    const int result = gyre_user_compare_exchange_u32(pointer<uint32_t>(at), &expected, desired);
    if (result < 0) return fail(Error::BadAddress);
    return result == 1;
}

}  // namespace user_memory

}  // namespace gyre
