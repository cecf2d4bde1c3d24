// SPDX-License-Identifier: MIT
//
// Sleeping locks. Mutex: one holder. RwMutex: many readers or one writer; a waiting writer holds new readers
// back. Both are uninterruptible (what is held under them is bounded) and may be taken by threads only, never in
// an interrupt nor while a spin lock is held. Uncontended cost: one atomic operation each way.
#pragma once

#include <atomic>
#include <cstdint>

#include "kernel/schedule/wait_queue.h"
#include "kernel/sync/annotations.h"
#include "kernel/sync/lock_order.h"
#include "kernel/sync/lock_rank.h"

namespace gyre {

class GYRE_CAPABILITY("mutex") Mutex {
public:
    constexpr explicit Mutex(LockRank rank) : rank_(rank) {}
    Mutex(const Mutex&) = delete;
    Mutex& operator=(const Mutex&) = delete;

    void lock() GYRE_ACQUIRE() {
        lock_order::about_to_acquire(rank_, this);
        uint32_t expected = 0;
        if (!state_.compare_exchange_strong(expected, 1, std::memory_order_acquire)) [[unlikely]]
            lock_slow();
        lock_order::acquired(rank_, this);
    }
    void unlock() GYRE_RELEASE() {
        lock_order::released(rank_, this);
        if (state_.exchange(0, std::memory_order_release) == 2) [[unlikely]]
            waiters_.wake_one();
    }
    bool is_locked() const { return state_.load(std::memory_order_relaxed) != 0; }

private:
    void lock_slow();

    std::atomic<uint32_t> state_{0};  // 0 free, 1 held, 2 held and somebody may wait
    const LockRank rank_;
    WaitQueue waiters_;
};

class GYRE_SCOPED_CAPABILITY MutexGuard {
public:
    explicit MutexGuard(Mutex& mutex) GYRE_ACQUIRE(mutex) : mutex_(mutex) { mutex_.lock(); }
    ~MutexGuard() GYRE_RELEASE() { mutex_.unlock(); }
    MutexGuard(const MutexGuard&) = delete;
    MutexGuard& operator=(const MutexGuard&) = delete;

private:
    Mutex& mutex_;
};

class GYRE_CAPABILITY("mutex") RwMutex {
public:
    constexpr explicit RwMutex(LockRank rank) : rank_(rank) {}
    RwMutex(const RwMutex&) = delete;
    RwMutex& operator=(const RwMutex&) = delete;

    void lock() GYRE_ACQUIRE() {
        lock_order::about_to_acquire(rank_, this);
        uint32_t expected = 0;
        if (!state_.compare_exchange_strong(expected, kWriter, std::memory_order_acquire)) [[unlikely]]
            lock_slow();
        lock_order::acquired(rank_, this);
    }
    void unlock() GYRE_RELEASE();
    void lock_shared() GYRE_ACQUIRE_SHARED() {
        lock_order::about_to_acquire(rank_, this);
        uint32_t seen = state_.load(std::memory_order_relaxed);
        if ((seen & (kWriter | kWriterWaits)) != 0 ||
            !state_.compare_exchange_strong(seen, seen + 1, std::memory_order_acquire)) [[unlikely]]
            lock_shared_slow();
        lock_order::acquired(rank_, this);
    }
    void unlock_shared() GYRE_RELEASE_SHARED();
    bool is_held_by_writer() const { return (state_.load(std::memory_order_relaxed) & kWriter) != 0; }

private:
    static constexpr uint32_t kWriter = 1u << 31;
    static constexpr uint32_t kWriterWaits = 1u << 30;
    static constexpr uint32_t kReaders = kWriterWaits - 1;

    void lock_slow();
    void lock_shared_slow();

    std::atomic<uint32_t> state_{0};  // reader count, or kWriter; kWriterWaits holds new readers back
    const LockRank rank_;
    WaitQueue readers_;
    WaitQueue writers_;
};

class GYRE_SCOPED_CAPABILITY WriteGuard {
public:
    explicit WriteGuard(RwMutex& mutex) GYRE_ACQUIRE(mutex) : mutex_(mutex) { mutex_.lock(); }
    ~WriteGuard() GYRE_RELEASE() { mutex_.unlock(); }
    WriteGuard(const WriteGuard&) = delete;
    WriteGuard& operator=(const WriteGuard&) = delete;

private:
    RwMutex& mutex_;
};

class GYRE_SCOPED_CAPABILITY ReadGuard {
public:
    explicit ReadGuard(RwMutex& mutex) GYRE_ACQUIRE_SHARED(mutex) : mutex_(mutex) { mutex_.lock_shared(); }
    ~ReadGuard() GYRE_RELEASE_GENERIC() { mutex_.unlock_shared(); }
    ReadGuard(const ReadGuard&) = delete;
    ReadGuard& operator=(const ReadGuard&) = delete;

private:
    RwMutex& mutex_;
};

}  // namespace gyre
