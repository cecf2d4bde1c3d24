// SPDX-License-Identifier: MIT
//
// Choosing who runs, switching to it, waking and moving threads.
//
// The states and their owners: a thread puts itself to Sleeping; a waker takes it from Sleeping to Runnable (one waker wins the
// exchange), waits until the CPU has let go of its registers (is_on_cpu_), and queues it. A wake that comes before
// the sleep leaves a token, which makes the sleep return at once; so no wake is lost, and sleepers look at their
// condition again whatever woke them.
#include "kernel/schedule/scheduler.h"

#include "kernel/memory/address_space.h"
#include "kernel/schedule/internal.h"
#include "kernel/schedule/run_queue.h"
#include "kernel/sync/epoch.h"
#include "kernel/sync/lock_order.h"

namespace gyre {
namespace {

std::atomic<void (*)(Thread&)> g_interruption_handler{nullptr};

RunQueue& queue_of(uint32_t cpu) { return cpu_by_number(cpu).schedule->queue; }

// Makes `cpu` look at its queue again.
void request_reschedule(Cpu& cpu) {
    if (cpu.must_reschedule.exchange(true, std::memory_order_acq_rel)) return;
    if (&cpu != &arch::this_cpu()) arch::send_ipi(cpu.number, arch::IpiKind::Reschedule);
}

}  // namespace

// Where the thread should wait: the CPU it was on, unless that is busy and another one is idle.
uint32_t Scheduler::choose_cpu(const Thread& thread) {
    const CpuSet allowed = thread.affinity_ & online_cpus();
    const uint32_t last = thread.cpu_number_;
    if (allowed.contains(last) && cpu_by_number(last).schedule->is_idle.load(std::memory_order_relaxed)) return last;
    for (CpuSet rest = allowed; !rest.is_empty(); rest = rest.without(rest.lowest()))
        if (cpu_by_number(rest.lowest()).schedule->is_idle.load(std::memory_order_relaxed)) return rest.lowest();
    return allowed.contains(last) ? last : allowed.lowest();
}

void Scheduler::enqueue(Thread& thread, uint32_t cpu_number, bool is_woken) {
    Cpu& cpu = cpu_by_number(cpu_number);
    RunQueue& queue = cpu.schedule->queue;
    bool must_look;
    {
        SpinGuard guard(queue.lock);
        if (thread.cpu_number_ != cpu_number) {
            // Run times count from their queue's start; what it has more or less than its fellows moves along.
            const uint64_t from = queue_of(thread.cpu_number_).least_virtual_runtime_ns();
            const uint64_t ahead = thread.virtual_runtime_ns_ > from ? thread.virtual_runtime_ns_ - from : 0;
            thread.virtual_runtime_ns_ = queue.least_virtual_runtime_ns() + ahead;
            thread.cpu_number_ = cpu_number;
        }
        if (is_woken)
            queue.insert_woken(thread);
        else
            queue.insert(thread);
        // A remote CPU may be switching at this moment and `running` on its way out; what is read of it is only a
        // hint, and a wrong hint costs one needless look or one slice.
        const Thread& running = *cpu.current;
        must_look = &running == cpu.schedule->idle || queue.should_preempt(thread, running);
    }
    if (must_look) {
        request_reschedule(cpu);
    } else if (&cpu == &arch::this_cpu()) {
        // It waits for the end of the running thread's slice, for which the timer may not be armed yet.
        cpu.schedule->timers.want_interrupt_at(cpu.current->slice_end_ns_);
    } else {
        arch::send_ipi(cpu.number, arch::IpiKind::Reschedule);
    }
}

void Scheduler::wake(Thread& thread) {
    thread.has_wake_token_.store(true, std::memory_order_seq_cst);
    ThreadState expected = ThreadState::Sleeping;
    const arch::InterruptState state = arch::disable_interrupts();
    if (&thread == &Thread::current()) {
        // An interrupt on the way into sleep: the thread is still here, it need only not go.
        thread.state_.compare_exchange_strong(expected, ThreadState::Running, std::memory_order_seq_cst);
    } else if (thread.state_.compare_exchange_strong(expected, ThreadState::Runnable, std::memory_order_seq_cst)) {
        while (thread.is_on_cpu_.load(std::memory_order_acquire)) arch::pause();
        enqueue(thread, choose_cpu(thread), true);
    }
    arch::restore_interrupts(state);
}

void Scheduler::sleep() {
    Thread& thread = Thread::current();
    const arch::InterruptState state = arch::disable_interrupts();
    thread.state_.store(ThreadState::Sleeping, std::memory_order_seq_cst);
    if (thread.has_wake_token_.load(std::memory_order_seq_cst)) {
        ThreadState expected = ThreadState::Sleeping;
        // If this fails a waker has taken us over already and will queue us: go to sleep as planned.
        if (!thread.state_.compare_exchange_strong(expected, ThreadState::Running, std::memory_order_seq_cst))
            switch_thread();
    } else {
        switch_thread();
    }
    thread.has_wake_token_.store(false, std::memory_order_seq_cst);
    arch::restore_interrupts(state);
}

// Interrupts off. The running thread's state says what becomes of it: Running goes back into the queue.
void Scheduler::switch_thread() {
    Cpu& cpu = arch::this_cpu();
    ScheduleData& data = *cpu.schedule;
    Thread& previous = *cpu.current;
    epoch::quiescent_state();
    cpu.must_reschedule.store(false, std::memory_order_relaxed);

    const int64_t now_ns = arch::clock_now_ns();
    Thread* next;
    bool must_move = false;
    bool is_preempted = false;
    {
        SpinGuard guard(data.queue.lock);
        if (&previous != data.idle) {
            data.queue.charge(previous, now_ns);
            is_preempted = previous.state_.load(std::memory_order_relaxed) == ThreadState::Running;
            if (is_preempted && previous.affinity_.contains(cpu.number)) {
                // A slice of zero marks one that goes to the end of its list; FIFO threads have no slices.
                if (now_ns >= previous.slice_end_ns_ && previous.parameters_.policy != SchedulePolicy::Fifo)
                    previous.slice_end_ns_ = 0;
                data.queue.insert(previous);
            } else {
                must_move = is_preempted;
            }
        }
        next = data.queue.take_next();
    }
    if (!next) next = steal(cpu);
    if (!next) next = data.idle;
    next->running_since_ns_ = now_ns;
    next->slice_end_ns_ =
        now_ns + (next->parameters_.policy == SchedulePolicy::RoundRobin ? kRoundRobinSliceNs : kFairSliceNs);
    data.is_idle.store(next == data.idle, std::memory_order_relaxed);
    if (!data.queue.is_empty() && next != data.idle) data.timers.want_interrupt_at(next->slice_end_ns_);
    if (next == &previous) {
        previous.state_.store(ThreadState::Running, std::memory_order_relaxed);
        return;
    }
    ++cpu.switch_count;
    ++(is_preempted ? previous.involuntary_switches_ : previous.voluntary_switches_);
    previous.account_leave_kernel();
    data.previous = &previous;
    data.previous_must_move = must_move;
    if (is_preempted && previous.told_cpu_ != Thread::kTellsNoMoves) previous.note_move();
    if (next->told_cpu_ != cpu.number && next->told_cpu_ != Thread::kTellsNoMoves) next->note_move();
    next->is_on_cpu_.store(true, std::memory_order_relaxed);
    next->cpu_number_ = cpu.number;
    if (next != data.idle) next->state_.store(ThreadState::Running, std::memory_order_relaxed);
    load_address_space(cpu, *next);
    arch::set_current_thread(*next);
    arch::context_switch(previous.context_, next->context_);
    finish_switch();
}

void Scheduler::load_address_space(Cpu& cpu, Thread& next) {
    AddressSpace* wanted = next.address_space_.get();
    if (wanted == cpu.loaded_address_space) return;
    if (wanted)
        wanted->activate();
    else
        activate_kernel_address_space();
}

// On the stack of the thread that was switched to: lets go of the one before.
void Scheduler::finish_switch() {
    Cpu& cpu = arch::this_cpu();
    ScheduleData& data = *cpu.schedule;
    Thread& previous = *data.previous;
    Thread::current().mode_since_cycles_ = arch::cycle_counter();
    const bool is_dead = previous.state_.load(std::memory_order_relaxed) == ThreadState::Dead;
    const bool must_move = data.previous_must_move;
    previous.is_on_cpu_.store(false, std::memory_order_release);
    if (is_dead)
        Ref<Thread>::adopt(&previous).reset();  // the reference that running held
    else if (must_move)
        enqueue(previous, choose_cpu(previous), false);
}

Thread* Scheduler::steal(Cpu& thief) {
    const uint32_t count = online_cpu_count();
    for (uint32_t step = 1; step < count; ++step) {
        const uint32_t victim = (thief.number + step) % count;
        RunQueue& queue = queue_of(victim);
        if (queue.is_empty()) continue;
        SpinGuard guard(queue.lock);
        if (Thread* thread = queue.take_for(thief.number)) {
            const uint64_t from = queue.least_virtual_runtime_ns();
            const uint64_t here = thief.schedule->queue.least_virtual_runtime_ns();
            const uint64_t ahead = thread->virtual_runtime_ns_ > from ? thread->virtual_runtime_ns_ - from : 0;
            thread->virtual_runtime_ns_ = here + ahead;
            return thread;
        }
    }
    return nullptr;
}

void Scheduler::run_idle_loop() {
    Cpu& cpu = arch::this_cpu();
    for (;;) {
        arch::disable_interrupts();
        switch_thread();
        if (!cpu.must_reschedule.load(std::memory_order_acquire)) {
            const int64_t since_ns = arch::clock_now_ns();
            arch::wait_for_interrupt();  // turns them on; whoever queues something here sends one
            cpu.idle_time_ns += arch::clock_now_ns() - since_ns;
        }
        arch::enable_interrupts();
    }
}

void on_timer_interrupt() {
    Cpu& cpu = arch::this_cpu();
    ScheduleData& data = *cpu.schedule;
    const int64_t now_ns = arch::clock_now_ns();
    data.timers.run_due(now_ns);
    int64_t slice_end_ns = kNeverNs;
    Thread& running = *cpu.current;
    if (&running != data.idle) {
        SpinGuard guard(data.queue.lock);
        if (data.queue.has_rival(running)) {
            if (now_ns >= Scheduler::slice_end_ns(running))
                cpu.must_reschedule.store(true, std::memory_order_relaxed);
            else
                slice_end_ns = Scheduler::slice_end_ns(running);
        }
    }
    data.timers.rearm(slice_end_ns);
}

void on_reschedule_ipi() {
    // The sender has set must_reschedule when a switch is due; else a thread began to wait here, and the end of
    // the running thread's slice now matters.
    Cpu& cpu = arch::this_cpu();
    if (cpu.current != cpu.schedule->idle && !cpu.schedule->queue.is_empty())
        cpu.schedule->timers.want_interrupt_at(Scheduler::slice_end_ns(*cpu.current));
}

void on_leave_to_user() {
    Thread& thread = Thread::current();
    while (must_leave_slowly()) {
        if (arch::this_cpu().must_reschedule.load(std::memory_order_relaxed)) Scheduler::switch_thread();
        if (thread.interruptions() != 0) {
            arch::enable_interrupts();
            g_interruption_handler.load(std::memory_order_relaxed)(thread);
            arch::disable_interrupts();
        }
    }
}

void set_interruption_handler(void (*handler)(Thread& thread)) {
    g_interruption_handler.store(handler, std::memory_order_relaxed);
}

}  // namespace gyre
