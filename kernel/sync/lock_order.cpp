// SPDX-License-Identifier: MIT
//
// The lock-order checker of debug builds (see lock_order.h). Spin locks are recorded by CPU (nobody moves while he spins),
// sleeping locks by thread. Before the first thread runs there is nothing to check against but the CPU.
#include "kernel/sync/lock_order.h"

#if GYRE_DEBUG

#include <array>
#include <cstdint>

#include "kernel/arch/contract.h"
#include "kernel/log/panic.h"
#include "kernel/schedule/cpu.h"
#include "kernel/schedule/thread.h"
#include "kernel/sync/epoch.h"
#include "kernel/sync/lock_order_data.h"

namespace gyre::lock_order {
namespace {

constexpr const char* kNames[] = {
#define GYRE_RANK(name) #name,
    GYRE_LOCK_RANKS(GYRE_RANK)
#undef GYRE_RANK
};
static_assert(sizeof(kNames) / sizeof(kNames[0]) == static_cast<size_t>(LockRank::Count));

constinit std::array<Held, kMaxCpus> g_spinning{};

bool is_spin(LockRank rank) { return rank > LockRank::SpinFirst; }
const char* name(LockRank rank) { return kNames[static_cast<size_t>(rank)]; }

Held& held_by(LockRank rank) {
    return is_spin(rank) ? g_spinning[arch::this_cpu().number] : Thread::current().held_sleeping_locks();
}

void check(const Held& held, LockRank rank, const void* lock) {
    for (uint32_t i = 0; i < held.count; ++i) {
        if (held.entries[i].lock == lock) panic("lock {} taken twice by the same holder", name(rank));
        if (held.entries[i].rank >= rank)
            panic("lock order: {} is wanted while {} is held", name(rank), name(held.entries[i].rank));
    }
}

}  // namespace

void about_to_acquire(LockRank rank, const void* lock) {
    if (!is_spin(rank)) {
        assert_may_sleep();
        check(Thread::current().held_sleeping_locks(), rank, lock);
        return;
    }
    check(g_spinning[arch::this_cpu().number], rank, lock);
}

void about_to_acquire_second(LockRank rank, const void* lock, const void* first) {
    Held others = g_spinning[arch::this_cpu().number];
    if (others.count == 0 || others.entries[others.count - 1].lock != first || first >= lock)
        panic("a second lock {} is wanted out of order", name(rank));
    --others.count;
    check(others, rank, lock);
}

void acquired(LockRank rank, const void* lock) {
    Held& held = held_by(rank);
    if (held.count == held.entries.size()) panic("more than {} locks held", held.entries.size());
    held.entries[held.count++] = {rank, lock};
}

void released(LockRank rank, const void* lock) {
    Held& held = held_by(rank);
    for (uint32_t i = held.count; i-- > 0;)
        if (held.entries[i].lock == lock) {
            for (uint32_t j = i + 1; j < held.count; ++j) held.entries[j - 1] = held.entries[j];
            --held.count;
            return;
        }
    panic("lock {} released by somebody who does not hold it", name(rank));
}

void assert_may_sleep() {
    const arch::InterruptState state = arch::disable_interrupts();
    const Cpu& cpu = arch::this_cpu();
    const Held& held = g_spinning[cpu.number];
    if (held.count != 0) panic("sleeping while the spin lock {} is held", name(held.entries[0].rank));
    if (cpu.interrupt_depth != 0) panic("sleeping in an interrupt handler");
    if (Thread::current().epoch_readers() != 0) panic("sleeping inside an epoch reader's section");
    arch::restore_interrupts(state);
}

}  // namespace gyre::lock_order

namespace gyre::epoch {

Reader::Reader() { Thread::current().change_epoch_readers(1); }
Reader::~Reader() { Thread::current().change_epoch_readers(-1); }

}  // namespace gyre::epoch

#endif
