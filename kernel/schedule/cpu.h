// SPDX-License-Identifier: MIT
//
// What belongs to one CPU. The first words are read by assembly through the GS base; their offsets are part of
// the arch contract and proven below.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>

#include "kernel/schedule/cpu_set.h"

namespace gyre {

class Thread;
class AddressSpace;
struct ScheduleData;   // schedule/run_queue.h
struct HeapCache;      // memory/
struct PageCache;      // memory/

namespace arch {
struct CpuData;        // descriptor tables, APIC id, ...
}

struct alignas(64) Cpu {
    Cpu* self = nullptr;                    // gs:0
    Thread* current = nullptr;              // gs:8
    uintptr_t kernel_stack_top = 0;         // gs:16, of the current thread: where a system call begins
    uintptr_t user_stack_scratch = 0;       // gs:24, system-call entry's only scratch
    uint32_t number = 0;
    std::atomic<bool> is_online{false};
    // Set by anybody, seen on the way out to user mode and at preemption points.
    std::atomic<bool> must_reschedule{false};
    uint32_t interrupt_depth = 0;

    // Whose page tables are loaded (a kernel thread borrows the last one's).
    AddressSpace* loaded_address_space = nullptr;

    ScheduleData* schedule = nullptr;
    HeapCache* heap_cache = nullptr;
    PageCache* page_cache = nullptr;
    arch::CpuData* arch = nullptr;
    std::atomic<uint64_t> epoch{0};         // sync/epoch: the last global epoch this CPU was quiet in
    int64_t idle_time_ns = 0;
    uint64_t interrupt_count = 0;
    uint64_t switch_count = 0;
};
static_assert(offsetof(Cpu, self) == 0 && offsetof(Cpu, current) == 8);
static_assert(offsetof(Cpu, kernel_stack_top) == 16 && offsetof(Cpu, user_stack_scratch) == 24);

Cpu& cpu_by_number(uint32_t number);
uint32_t online_cpu_count();
CpuSet online_cpus();

}  // namespace gyre
