// SPDX-License-Identifier: MIT
//
// The counting half of fault injection: one thread at a time, one failure for each arming.
#include "kernel/memory/fault_injection.h"

#include "kernel/arch/contract.h"
#include "kernel/memory/memory.h"
#include "kernel/schedule/cpu.h"

namespace gyre {

namespace {
constinit std::atomic<uint64_t> remaining{0};
constinit std::atomic<uint64_t> injected{0};
}

bool fault_injection::is_due_slow() {
    const Cpu& cpu = arch::this_cpu();
    if (cpu.interrupt_depth != 0 || armed_thread.load(std::memory_order_relaxed) != cpu.current) return false;
    if (remaining.fetch_sub(1, std::memory_order_relaxed) != 1) return false;
    armed_thread.store(nullptr, std::memory_order_relaxed);
    injected.fetch_add(1, std::memory_order_relaxed);
    return true;
}

uint64_t fault_injection::injected_count() { return injected.load(std::memory_order_relaxed); }

void memory::fail_allocation(uint64_t nth) {
    remaining.store(nth, std::memory_order_relaxed);
    fault_injection::armed_thread.store(nth == 0 ? nullptr : &arch::current_thread(), std::memory_order_relaxed);
}

void memory::cancel_fail_allocation() { fault_injection::armed_thread.store(nullptr, std::memory_order_relaxed); }

}  // namespace gyre
