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
#include "kernel/sync/mutex.h"

namespace gyre {

namespace {

enum class FlushKind : uint8_t { User, Kernel, Leave };

struct Request {
    FlushKind kind;
    AddressSpace* space;
    uintptr_t start;
    uint64_t page_count;
};

constinit Mutex one_at_a_time{LockRank::TlbFlush};
constinit Request request{};                       // written by the holder
constinit std::atomic<uint64_t> pending_cpus{0};   // bits of CPUs that have not served it yet
constexpr uint32_t kNobody = UINT32_MAX;
constinit std::atomic<uint32_t> sleeping_cpu{kNobody};  // waits for the last of them, halted

// A virtual CPU that is served may have no real one at this moment: whoever waits spins for a short while only and
// halts then, so that the host can run the other.
constexpr int kMostSpins = 300;

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
        if (pending_cpus.fetch_and(~bit, std::memory_order_seq_cst) == bit)
            if (const uint32_t waiting = sleeping_cpu.load(std::memory_order_seq_cst); waiting != kNobody)
                arch::send_ipi(waiting, arch::IpiKind::FlushTlb);
    }
    arch::restore_interrupts(state);
}

void wait_until_served() {
    for (int i = 0; i < kMostSpins; ++i) {
        if (pending_cpus.load(std::memory_order_acquire) == 0) return;
        arch::pause();
    }
    sleeping_cpu.store(arch::this_cpu().number, std::memory_order_seq_cst);
    for (;;) {
        // Looked at with interrupts off: the answer's interrupt cannot come between the look and the halt.
        arch::disable_interrupts();
        if (pending_cpus.load(std::memory_order_seq_cst) == 0) break;
        arch::wait_for_interrupt();
    }
    arch::enable_interrupts();
    sleeping_cpu.store(kNobody, std::memory_order_relaxed);
}

void serve_here(const Request& what) {
    const arch::InterruptState state = arch::disable_interrupts();
    serve(what);
    arch::restore_interrupts(state);
}

void run(const Request& what, CpuSet cpus) {
    const uint32_t self = arch::this_cpu().number;
    cpus = cpus & online_cpus();
    if (cpus.without(self).is_empty()) {
        if (cpus.contains(self)) serve_here(what);
        return;
    }
    KASSERT(arch::interrupts_enabled(), "a TLB flush is wanted with interrupts off");
    MutexGuard guard(one_at_a_time);
    // The thread may be on another CPU after the lock; from here on it stays.
    const uint32_t here = arch::this_cpu().number;
    if (cpus.contains(here)) serve_here(what);
    const CpuSet others = cpus.without(here);
    if (others.is_empty()) return;
    request = what;
    pending_cpus.store(others.bits, std::memory_order_seq_cst);
    for (CpuSet left = others; !left.is_empty(); left = left.without(left.lowest()))
        arch::send_ipi(left.lowest(), arch::IpiKind::FlushTlb);
    wait_until_served();
}

}  // namespace

void tlb::flush_user(AddressSpace& space, CpuSet cpus, uintptr_t start, uint64_t page_count) {
    run({FlushKind::User, &space, start, page_count}, cpus);
}

void tlb::flush_kernel() { run({FlushKind::Kernel, nullptr, 0, 0}, CpuSet::all()); }

void tlb::leave(AddressSpace& space, CpuSet cpus) { run({FlushKind::Leave, &space, 0, 0}, cpus); }

void memory::on_flush_tlb_ipi() { serve_pending(); }

}  // namespace gyre
