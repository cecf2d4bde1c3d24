// SPDX-License-Identifier: MIT
//
// Addresses and counts of memory as types of their own, and the layout of the kernel's half.
#pragma once

#include <compare>
#include <cstddef>
#include <cstdint>

namespace gyre {

constexpr size_t kPageShift = 12;
constexpr size_t kPageSize = size_t{1} << kPageShift;

// The address-space layout (x86-64, 4-level): doc/memory.md has the picture.
constexpr uintptr_t kUserEnd = 0x0000'7fff'ffff'f000;         // first address a program cannot have
constexpr uintptr_t kDirectMapBase = 0xffff'8000'0000'0000;   // all physical memory, 64 TiB
constexpr uintptr_t kKernelMapBase = 0xffff'c900'0000'0000;   // stacks and other mapped kernel memory
constexpr uintptr_t kKernelMapEnd = 0xffff'c980'0000'0000;
constexpr uintptr_t kPageDescriptorsBase = 0xffff'ea00'0000'0000;  // struct Page of page frame 0; present where RAM is
constexpr uintptr_t kKernelImageBase = 0xffff'ffff'8000'0000; // the kernel, -2 GiB

struct PhysicalAddress {
    uint64_t value = 0;
    constexpr auto operator<=>(const PhysicalAddress&) const = default;
    constexpr PhysicalAddress operator+(uint64_t bytes) const { return {value + bytes}; }
    constexpr uint64_t page_number() const { return value >> kPageShift; }
    // The byte in the direct map. Valid for RAM only.
    template <class T = std::byte>
    T* direct() const {
        return reinterpret_cast<T*>(kDirectMapBase + value);
    }
};

struct VirtualAddress {
    uintptr_t value = 0;
    constexpr auto operator<=>(const VirtualAddress&) const = default;
    constexpr VirtualAddress operator+(uint64_t bytes) const { return {value + bytes}; }
    constexpr uint64_t operator-(VirtualAddress other) const { return value - other.value; }
    constexpr bool is_page_aligned() const { return (value & (kPageSize - 1)) == 0; }
    constexpr VirtualAddress page_floor() const { return {value & ~(kPageSize - 1)}; }
};

constexpr uint64_t page_ceiling(uint64_t bytes) { return (bytes + kPageSize - 1) & ~uint64_t{kPageSize - 1}; }
constexpr uint64_t page_floor(uint64_t bytes) { return bytes & ~uint64_t{kPageSize - 1}; }

}  // namespace gyre
