// SPDX-License-Identifier: MIT
//
// What firmware and loader told us, in one shape for every way of booting (PVH, UEFI). boot/ fills it, main.cpp hands it
// on. Everything is copied: it does not point into memory that the page allocator will give away. Leaves out:
// devices, which are found by ACPI from `acpi_root`.
//
// What boot/ owes before memory::initialize() runs on the boot CPU:
//  - the direct map (kDirectMapBase) covers at least the first GiB of physical memory, writable;
//  - the kernel image is mapped at kKernelImageBase, as it is linked;
//  - EFER.NXE, CR0.WP and CR4.PGE are set, and so they are on every other CPU before it loads kernel_page_table();
//  - the per-CPU base (arch::this_cpu) is loaded.
// The physical range [0, 64 KiB) is never given to the allocator: the start-up page of the other CPUs lives there.
// The boot page tables stay valid for them as long as they are part of the kernel image.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

#include "kernel/memory/types.h"

namespace gyre {

enum class MemoryKind : uint8_t {
    Usable,    // RAM, free from now on (kernel image and initramfs may lie in it)
    Acpi,      // RAM with firmware tables or state: mapped, never allocated
    Reserved,  // anything else
};

struct PhysicalRange {
    PhysicalAddress start{};
    uint64_t length = 0;
    constexpr PhysicalAddress end() const { return start + length; }
};

struct MemoryRange {
    PhysicalRange range{};
    MemoryKind kind = MemoryKind::Reserved;
};

struct BootInfo {
    static constexpr size_t kMaxMemoryRanges = 64;
    static constexpr size_t kMaxCommandLine = 2048;

    std::array<MemoryRange, kMaxMemoryRanges> memory{};  // in any order
    size_t memory_count = 0;
    PhysicalRange kernel_image{};
    PhysicalRange initramfs{};              // length 0: none
    PhysicalAddress acpi_root{};            // RSDP; 0: not told
    std::array<char, kMaxCommandLine> command_line_text{};
    size_t command_line_length = 0;

    std::span<const MemoryRange> memory_ranges() const { return {memory.data(), memory_count}; }
    std::string_view command_line() const { return {command_line_text.data(), command_line_length}; }
};

}  // namespace gyre
