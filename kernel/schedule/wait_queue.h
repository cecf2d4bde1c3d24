// SPDX-License-Identifier: MIT
//
// Where threads sleep until something becomes true. The rule that loses no wake-up: the waiter queues itself,
// then looks at the condition, then sleeps; the waker changes the condition, then wakes. wait() does the
// waiter's half.
#pragma once

#include <cstdint>

#include "kernel/schedule/patience.h"
#include "kernel/sync/spin_lock.h"
#include "lib/base/result.h"

namespace gyre {

class Thread;
class WaitQueue;

// One sleeping thread in one queue; lives on its stack.
struct Waiter {
    Waiter* next = nullptr;
    Waiter* previous = nullptr;
    Thread* thread = nullptr;
    WaitQueue* queue = nullptr;   // null once woken or removed
};

class WaitQueue {
public:
    constexpr WaitQueue() = default;
    WaitQueue(const WaitQueue&) = delete;
    WaitQueue& operator=(const WaitQueue&) = delete;

    // Sleeps until `is_ready()` says true. `is_ready` runs with no lock of the queue held and may take spin
    // locks of its own. Errors: WouldBlock (patience none and not ready), TimedOut, Interrupted (a signal is
    // pending and the patience is interruptible; fatal signals end any wait). Context: thread, nothing spun for.
    template <class Condition>
    Status wait(Patience patience, Condition&& is_ready) {
        if (is_ready()) return {};
        if (patience.is_none()) return fail(Error::WouldBlock);
        Waiter waiter;
        Status outcome;
        for (;;) {
            enqueue(waiter);
            if (is_ready()) break;
            outcome = sleep(waiter, patience);
            if (is_ready()) {  // a wake-up that comes with the deadline still counts
                outcome = {};
                break;
            }
            if (!outcome) break;
        }
        dequeue(waiter);
        return outcome;
    }

    // Context: any. Each returns how many were woken. Cheap when nobody waits.
    uint32_t wake_one() { return wake(1); }
    uint32_t wake_all() { return wake(UINT32_MAX); }
    uint32_t wake(uint32_t count) {
        // The fence orders the waker's change of the condition before the look at the queue; enqueue() and is_ready()
        // of the waiter are the other half (each looks after it wrote).
        std::atomic_thread_fence(std::memory_order_seq_cst);
        return has_waiters() ? wake_slow(count) : 0;
    }
    bool has_waiters() const { return __atomic_load_n(&first_, __ATOMIC_RELAXED) != nullptr; }

    // The pieces, for callers whose waiting has another shape (futex, poll). enqueue is a no-op for a waiter
    // that is queued here already. sleep() returns after a wake, or with TimedOut or Interrupted; spurious
    // returns are allowed.
    void enqueue(Waiter& waiter);
    void dequeue(Waiter& waiter);
    static Status sleep(Waiter& waiter, Patience patience);

private:
    uint32_t wake_slow(uint32_t count);
    void unlink_locked(Waiter& waiter);

    SpinLock lock_{LockRank::WaitQueue};
    Waiter* first_ = nullptr;
    Waiter* last_ = nullptr;
};

}  // namespace gyre
