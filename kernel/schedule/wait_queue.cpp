// SPDX-License-Identifier: MIT
//
// See wait_queue.h. A waker calls Scheduler::wake while it holds the queue's lock: the waiter lives on the stack of the woken
// thread, which cannot leave (and die) before it has taken the same lock in dequeue().
#include "kernel/schedule/wait_queue.h"

#include "kernel/schedule/internal.h"

namespace gyre {

void WaitQueue::enqueue(Waiter& waiter) {
    {
        SpinGuard guard(lock_);
        if (waiter.queue == this) return;
        waiter.thread = &Thread::current();
        waiter.queue = this;
        waiter.next = nullptr;
        waiter.previous = last_;
        (last_ ? last_->next : first_) = &waiter;
        last_ = &waiter;
    }
    // The caller looks at its condition next, and that look must not move before the link above is visible (the
    // counterpart stands in wake()).
    std::atomic_thread_fence(std::memory_order_seq_cst);
}

void WaitQueue::unlink_locked(Waiter& waiter) {
    (waiter.previous ? waiter.previous->next : first_) = waiter.next;
    (waiter.next ? waiter.next->previous : last_) = waiter.previous;
    waiter.queue = nullptr;
}

void WaitQueue::dequeue(Waiter& waiter) {
    SpinGuard guard(lock_);
    if (waiter.queue == this) unlink_locked(waiter);
}

uint32_t WaitQueue::wake_slow(uint32_t count) {
    uint32_t woken = 0;
    SpinGuard guard(lock_);
    while (first_ && woken < count) {
        Waiter& waiter = *first_;
        Thread& thread = *waiter.thread;
        unlink_locked(waiter);
        Scheduler::wake(thread);
        ++woken;
    }
    return woken;
}

namespace {

struct SleepTimer {
    Timer timer{[](Timer& timer) { Scheduler::wake(*reinterpret_cast<SleepTimer&>(timer).thread); }};
    Thread* thread;
};

bool is_ended(const Thread& thread, Patience patience) {
    if (!thread.is_interrupted()) [[likely]]
        return false;
    switch (patience.ended_by()) {
        case EndedBy::Signals: return true;
        case EndedBy::FatalSignals: return thread.has_interruption(Interruption::Kill);
        case EndedBy::Nothing: return false;
    }
    return false;
}

}  // namespace

Status WaitQueue::sleep(Waiter&, Patience patience) { return Thread::sleep_until(patience); }

Status Thread::sleep_until(Patience patience) {
    lock_order::assert_may_sleep();
    Thread& thread = Thread::current();
    if (is_ended(thread, patience)) return fail(Error::Interrupted);
    if (patience.is_none()) return fail(Error::WouldBlock);
    thread.hears_signals_.store(patience.ended_by() == EndedBy::Signals, std::memory_order_relaxed);
    if (patience.is_forever()) {
        Scheduler::sleep();
    } else {
        if (arch::clock_now_ns() >= patience.deadline_ns()) return fail(Error::TimedOut);
        SleepTimer sleep_timer;
        sleep_timer.thread = &thread;
        sleep_timer.timer.arm(patience.deadline_ns());
        Scheduler::sleep();
        sleep_timer.timer.cancel();
        if (arch::clock_now_ns() >= patience.deadline_ns()) return fail(Error::TimedOut);
    }
    if (is_ended(thread, patience)) return fail(Error::Interrupted);
    return {};
}

}  // namespace gyre
