// SPDX-License-Identifier: MIT
//
// TLB shootdown: one request at a time for the whole machine. It is rare (threads of one process on several CPUs that
// unmap), and one request needs no memory of its own.
#include "kernel/memory/tlb.h"

#include <atomic>

#include "kernel/arch/contract.h"
#include "kernel/arch/x86_64/page_table.h"
#include "kernel/log/assert.h"
#include "kernel/memory/address_space.h"
#include "kernel/memory/memory.h"
#include "kernel/schedule/cpu.h"

namespace gyre {

namespace {

enum class FlushKind : uint8_t { User, Kernel, Leave };

struct Request {
    FlushKind kind;
    AddressSpace* space;
    uintptr_t start;
    uint64_t page_count;
};

constinit std::atomic<bool> is_busy{false};
constinit Request request{};                     // written by who is busy
constinit std::atomic<uint64_t> pending_cpus{0}; // bits of CPUs that have not served it yet

void serve(const Request& what) {
    Cpu& cpu = arch::this_cpu();
    switch (what.kind) {
        case FlushKind::Kernel:
            arch::flush_all_pages();
            break;
        case FlushKind::User:
            if (cpu.loaded_address_space != what.space) break;
            if (what.page_count > tlb::kMostSinglePages) {
                arch::flush_user_pages();
            } else {
                for (uint64_t i = 0; i < what.page_count; ++i) arch::flush_page(what.start + i * kPageSize);
            }
            break;
        case FlushKind::Leave:
            leave_address_space(*what.space);
            break;
    }
}

void serve_pending() {
    const arch::InterruptState state = arch::disable_interrupts();
    const uint64_t bit = uint64_t{1} << arch::this_cpu().number;
    if ((pending_cpus.load(std::memory_order_acquire) & bit) != 0) {
        serve(request);
        pending_cpus.fetch_and(~bit, std::memory_order_release);
    }
    arch::restore_interrupts(state);
}

void run(const Request& what, CpuSet cpus) {
    // The thread stays on this CPU: it does not sleep here.
    const uint32_t self = arch::this_cpu().number;
    if (cpus.contains(self)) {
        const arch::InterruptState state = arch::disable_interrupts();
        serve(what);
        arch::restore_interrupts(state);
    }
    const CpuSet others = cpus.without(self) & online_cpus();
    if (others.is_empty()) return;
    while (is_busy.exchange(true, std::memory_order_acquire)) {
        serve_pending();
        arch::pause();
    }
    request = what;
    pending_cpus.store(others.bits, std::memory_order_seq_cst);
    for (CpuSet left = others; !left.is_empty(); left = left.without(left.lowest()))
        arch::send_ipi(left.lowest(), arch::IpiKind::FlushTlb);
    while (pending_cpus.load(std::memory_order_acquire) != 0) arch::pause();
    is_busy.store(false, std::memory_order_release);
}

}  // namespace

void tlb::flush_user(AddressSpace& space, CpuSet cpus, uintptr_t start, uint64_t page_count) {
    run({FlushKind::User, &space, start, page_count}, cpus);
}

void tlb::flush_kernel() { run({FlushKind::Kernel, nullptr, 0, 0}, CpuSet::all()); }

void tlb::leave(AddressSpace& space, CpuSet cpus) { run({FlushKind::Leave, &space, 0, 0}, cpus); }

void memory::on_flush_tlb_ipi() { serve_pending(); }

}  // namespace gyre
