// SPDX-License-Identifier: MIT
//
// The slow halves of Mutex and RwMutex. Each waits with a condition that takes the lock when it can, so being woken
// and having got it are told apart by the condition alone.
#include "kernel/sync/mutex.h"

namespace gyre {

void Mutex::lock_slow() {
    lock_order::assert_may_sleep();
    // From here on the state is 2 whenever we hold it: others may be waiting, and an unlock too many costs little.
    (void)waiters_.wait(Patience::forever().uninterruptible(),
                        [this] { return state_.exchange(2, std::memory_order_acquire) == 0; });
}

void RwMutex::lock_slow() {
    lock_order::assert_may_sleep();
    (void)writers_.wait(Patience::forever().uninterruptible(), [this] {
        uint32_t seen = state_.load(std::memory_order_relaxed);
        for (;;) {
            if ((seen & (kWriter | kReaders)) == 0) {
                // Other writers may wait too; they set the flag again when they look next.
                if (state_.compare_exchange_weak(seen, kWriter | (seen & kWriterWaits), std::memory_order_acquire))
                    return true;
            } else if ((seen & kWriterWaits) != 0 ||
                       state_.compare_exchange_weak(seen, seen | kWriterWaits, std::memory_order_relaxed)) {
                return false;
            }
        }
    });
}

void RwMutex::lock_shared_slow() {
    lock_order::assert_may_sleep();
    (void)readers_.wait(Patience::forever().uninterruptible(), [this] {
        uint32_t seen = state_.load(std::memory_order_relaxed);
        while ((seen & (kWriter | kWriterWaits)) == 0)
            if (state_.compare_exchange_weak(seen, seen + 1, std::memory_order_acquire)) return true;
        return false;
    });
}

void RwMutex::unlock() {
    lock_order::released(rank_, this);
    // Readers that piled up go first after a writer, so that neither side starves.
    state_.fetch_and(~(kWriter | kWriterWaits), std::memory_order_release);
    readers_.wake_all();
    writers_.wake_one();
}

void RwMutex::unlock_shared() {
    lock_order::released(rank_, this);
    const uint32_t before = state_.fetch_sub(1, std::memory_order_release);
    if ((before & kReaders) == 1 && (before & kWriterWaits) != 0) {
        // The flag must not outlive the last waiting writer, else readers would wait for nobody: it is cleared here and
        // set again by the writer if it does not get the lock.
        state_.fetch_and(~kWriterWaits, std::memory_order_relaxed);
        writers_.wake_one();
        readers_.wake_all();
    }
}

}  // namespace gyre
