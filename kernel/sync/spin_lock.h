// SPDX-License-Identifier: MIT
//
// The one spinning lock of the kernel. It always turns interrupts off while held: a lock that an interrupt
// handler might want can then never be held by the thread it interrupted, and there is one kind to reason
// about. Held for tens of instructions, never across anything that may sleep or fault on user memory.
// Not fair, on purpose: a machine's CPUs are threads of a host that may take any of them away. With tickets all wait for
// the one whose turn it is, running or not, and a busy host brings a contended lock to a standstill (Linux does the same
// under a hypervisor: virt_spin_lock). Context: any.
#pragma once

#include <atomic>
#include <cstdint>

#include "kernel/arch/contract.h"
#include "kernel/sync/annotations.h"
#include "kernel/sync/lock_order.h"
#include "kernel/sync/lock_rank.h"

namespace gyre {

class GYRE_CAPABILITY("spin lock") SpinLock {
public:
    constexpr explicit SpinLock(LockRank rank) : rank_(rank) {}
    SpinLock(const SpinLock&) = delete;
    SpinLock& operator=(const SpinLock&) = delete;

    [[nodiscard]] arch::InterruptState lock() GYRE_ACQUIRE() {
        const arch::InterruptState state = arch::disable_interrupts();
        lock_order::about_to_acquire(rank_, this);
        take();
        lock_order::acquired(rank_, this);
        return state;
    }
    // While `first`, of the same rank and at a lower address, is held and nothing of a higher rank.
    [[nodiscard]] arch::InterruptState lock_second(const SpinLock& first) GYRE_ACQUIRE() {
        lock_order::about_to_acquire_second(rank_, this, &first);
        const arch::InterruptState state = arch::disable_interrupts();
        take();
        lock_order::acquired(rank_, this);
        return state;
    }
    void unlock(arch::InterruptState state) GYRE_RELEASE() {
        lock_order::released(rank_, this);
        is_taken_.store(false, std::memory_order_release);
        arch::restore_interrupts(state);
    }
    // For the scheduler, which lets go of a lock on another stack than it took it on.
    void unlock_keep_interrupts_off() GYRE_RELEASE() { unlock(arch::InterruptState::Off); }
    // For a lock that finds its place in the order later (an epoll that comes to watch another). Nobody holds it.
    void set_rank(LockRank rank) { rank_ = rank; }
    bool is_locked() const { return is_taken_.load(std::memory_order_relaxed); }

private:
    void take() {
        while (is_taken_.exchange(true, std::memory_order_acquire)) [[unlikely]]
            // Looking does not take the cache line away from the holder.
            while (is_taken_.load(std::memory_order_relaxed)) arch::pause();
    }

    std::atomic<bool> is_taken_{false};
    LockRank rank_;
};

class GYRE_SCOPED_CAPABILITY SpinGuard {
public:
    explicit SpinGuard(SpinLock& lock) GYRE_ACQUIRE(lock) : lock_(lock), state_(lock.lock()) {}
    ~SpinGuard() GYRE_RELEASE() { lock_.unlock(state_); }
    SpinGuard(const SpinGuard&) = delete;
    SpinGuard& operator=(const SpinGuard&) = delete;

private:
    SpinLock& lock_;
    const arch::InterruptState state_;
};

}  // namespace gyre
