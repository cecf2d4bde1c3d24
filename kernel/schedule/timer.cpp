// SPDX-License-Identifier: MIT
//
// See timer.h and timer_queue.h. A timer lives in the queue of the CPU that armed it; `cpu_` says which, and is written
// under that queue's lock.
#include "kernel/schedule/timer.h"

#include "kernel/arch/contract.h"
#include "kernel/schedule/cpu.h"
#include "kernel/schedule/run_queue.h"
#include "kernel/schedule/timer_queue.h"

namespace gyre {

Timer::~Timer() { cancel(); }

void Timer::arm(int64_t deadline_ns) {
    cancel();
    // The CPU must not change between choosing its queue and arming its hardware.
    const arch::InterruptState state = arch::disable_interrupts();
    Cpu& cpu = arch::this_cpu();
    TimerQueue& queue = cpu.schedule->timers;
    {
        SpinGuard guard(queue.lock_);
        deadline_ns_ = deadline_ns;
        cpu_.store(&cpu, std::memory_order_relaxed);
        last_cpu_.store(&cpu, std::memory_order_relaxed);
        queue.tree_.insert(*this);
    }
    queue.want_interrupt_at(deadline_ns);
    arch::restore_interrupts(state);
}

bool Timer::cancel() {
    Cpu* cpu = last_cpu_.load(std::memory_order_relaxed);
    if (!cpu) return false;
    TimerQueue& queue = cpu->schedule->timers;
    bool was_armed;
    {
        SpinGuard guard(queue.lock_);
        was_armed = cpu_.load(std::memory_order_relaxed) != nullptr;
        if (was_armed) {
            queue.tree_.erase(TimerQueue::Tree::s_iterator_to(*this));
            cpu_.store(nullptr, std::memory_order_relaxed);
        }
    }
    while (queue.is_firing(*this)) {
        if (cpu == &arch::this_cpu()) break;  // called from its own `fire`
        arch::pause();
    }
    return was_armed;
}

void TimerQueue::run_due(int64_t now_ns) {
    for (;;) {
        Timer* due = nullptr;
        {
            SpinGuard guard(lock_);
            if (!tree_.empty() && tree_.begin()->deadline_ns() <= now_ns) {
                due = &*tree_.begin();
                tree_.erase(tree_.begin());
                due->cpu_.store(nullptr, std::memory_order_relaxed);
                firing_.store(due, std::memory_order_release);
            }
        }
        if (!due) return;
        due->fire_(*due);
        firing_.store(nullptr, std::memory_order_release);
    }
}

void TimerQueue::want_interrupt_at(int64_t moment_ns) {
    if (moment_ns >= armed_for_ns_) return;
    armed_for_ns_ = moment_ns;
    arch::timer_arm(moment_ns);
}

void TimerQueue::rearm(int64_t other_moment_ns) {
    int64_t moment_ns = other_moment_ns;
    {
        SpinGuard guard(lock_);
        if (!tree_.empty() && tree_.begin()->deadline_ns() < moment_ns) moment_ns = tree_.begin()->deadline_ns();
    }
    armed_for_ns_ = moment_ns;
    arch::timer_arm(moment_ns);
}

}  // namespace gyre
