// SPDX-License-Identifier: MIT
//
// Descriptor tables and stacks of one CPU.
#pragma once

#include <cstddef>
#include <cstdint>

namespace gyre::arch {

struct [[gnu::packed]] TaskState {
    uint32_t reserved0;
    uint64_t rsp[3];
    uint64_t reserved1;
    uint64_t ist[7];
    uint64_t reserved2;
    uint16_t reserved3, io_map;
};
static_assert(sizeof(TaskState) == 104);

constexpr size_t kExceptionStackSize = 4096;
enum : uint8_t { kDoubleFaultStack = 1, kNmiStack = 2, kMachineCheckStack = 3 };

struct CpuData {
    alignas(64) uint64_t gdt[16];
    TaskState task_state;
    uint32_t apic_id = 0;
    alignas(16) std::byte exception_stacks[3][kExceptionStackSize];
};

}  // namespace gyre::arch
