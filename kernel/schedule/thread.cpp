// SPDX-License-Identifier: MIT
//
// Making, starting, ending, moving and interrupting threads.
#include "kernel/schedule/thread.h"

#include <algorithm>
#include <cstring>

#include "kernel/memory/address_space.h"
#include "kernel/memory/kernel_stack.h"
#include "kernel/schedule/internal.h"
#include "kernel/schedule/run_queue.h"
#include "kernel/sync/epoch.h"

namespace gyre {
namespace {

constexpr std::align_val_t kVectorStateAlignment{64};  // XSAVE faults on less

}  // namespace

Result<Ref<Thread>> Thread::create(const Start& start) {
    Ref<Thread> thread = Ref<Thread>::adopt(new (std::nothrow) Thread());
    if (!thread) return fail(Error::NoMemory);
    count_thread(1);
    thread->stack_bottom_ = TRY(memory::allocate_kernel_stack());
    if (start.has_user_state) {
        thread->context_.vector_state =
            ::operator new(arch::vector_state_size(), kVectorStateAlignment, std::nothrow);
        if (!thread->context_.vector_state) return fail(Error::NoMemory);
        arch::vector_state_initialize(thread->context_.vector_state);
    }
    thread->entry_ = start.entry;
    thread->argument_ = start.argument;
    thread->address_space_ = Ref<AddressSpace>(start.address_space);
    thread->owner_ = start.owner;
    thread->parameters_ = start.schedule;
    thread->affinity_ = start.affinity;
    thread->set_name(start.name);
    arch::context_initialize(thread->context_, thread->stack_bottom_ + kKernelStackSize, &Thread::trampoline,
                             thread.get());
    return thread;
}

Thread::Thread() : Object(kKind) {}

Thread::~Thread() {
    if (context_.vector_state) ::operator delete(context_.vector_state, kVectorStateAlignment);
    if (stack_bottom_) memory::free_kernel_stack(stack_bottom_);
    count_thread(-1);
}

// The first thing a new thread runs, on its own stack, with interrupts off.
void Thread::trampoline(void* argument) {
    Scheduler::finish_switch();
    arch::enable_interrupts();
    Thread& thread = *static_cast<Thread*>(argument);
    thread.entry_(thread.argument_);
    exit();
}

void Thread::start() {
    add_reference();  // held by running; finish_switch drops it after the thread has left its stack for ever
    // A new thread starts level with its CPU's queue: no credit, no debt.
    const arch::InterruptState state = arch::disable_interrupts();
    const Cpu& here = arch::this_cpu();
    cpu_number_ = affinity_.contains(here.number) ? here.number : (affinity_ & online_cpus()).lowest();
    const Cpu& target = cpu_by_number(cpu_number_);
    virtual_runtime_ns_ = target.schedule->queue.least_virtual_runtime_ns();
    state_.store(ThreadState::Runnable, std::memory_order_relaxed);
    Scheduler::enqueue(*this, Scheduler::choose_cpu(*this), false);
    arch::restore_interrupts(state);
}

void Thread::exit() {
    Thread& thread = current();
    set_current_address_space({});
    thread.update_signals(Signals::None, Signals::Terminated);
    arch::disable_interrupts();
    thread.state_.store(ThreadState::Dead, std::memory_order_relaxed);
    Scheduler::switch_thread();
    __builtin_unreachable();
}

void Thread::yield() {
    const arch::InterruptState state = arch::disable_interrupts();
    Thread& thread = current();
    RunQueue& queue = arch::this_cpu().schedule->queue;
    if (!queue.is_empty()) {
        // Behind everybody who waits now.
        thread.slice_end_ns_ = 0;
        if (thread.virtual_runtime_ns_ < queue.least_virtual_runtime_ns() + kWakePreemptionNs)
            thread.virtual_runtime_ns_ = queue.least_virtual_runtime_ns() + kWakePreemptionNs;
        Scheduler::switch_thread();
    }
    arch::restore_interrupts(state);
}

void Thread::preemption_point() {
    if (!arch::this_cpu().must_reschedule.load(std::memory_order_relaxed)) [[likely]]
        return;
    lock_order::assert_may_sleep();
    const arch::InterruptState state = arch::disable_interrupts();
    Scheduler::switch_thread();
    arch::restore_interrupts(state);
}

void Thread::interrupt(Interruption reason) {
    interruptions_.fetch_or(static_cast<uint32_t>(reason), std::memory_order_seq_cst);
    Scheduler::wake(*this);
    kick();
}

void Thread::clear_interruption(Interruption reason) {
    interruptions_.fetch_and(~static_cast<uint32_t>(reason), std::memory_order_seq_cst);
}

void Thread::kick() {
    if (this == &current() || !is_on_cpu_.load(std::memory_order_acquire)) return;
    arch::send_ipi(cpu_number_, arch::IpiKind::Reschedule);
}

void Thread::set_name(std::string_view name) {
    const size_t length = std::min(name.size(), name_.size() - 1);
    std::memcpy(name_.data(), name.data(), length);
    std::memset(name_.data() + length, 0, name_.size() - length);
}

void Thread::set_current_address_space(Ref<AddressSpace> address_space) {
    Thread& thread = current();
    const arch::InterruptState state = arch::disable_interrupts();
    std::swap(thread.address_space_, address_space);
    if (thread.address_space_)
        thread.address_space_->activate();
    else
        activate_kernel_address_space();
    arch::restore_interrupts(state);
    // The old one goes here, with interrupts on: it may be the last reference, and tearing down takes time.
}

int64_t Thread::system_time_ns() const {
    uint64_t cycles = system_cycles_;
    if (this == &current()) cycles += arch::cycle_counter() - mode_since_cycles_;
    return arch::cycles_to_ns(cycles);
}

int64_t Thread::cpu_time_ns() const {
    uint64_t used = *const_cast<const volatile uint64_t*>(&user_cycles_) + *const_cast<const volatile uint64_t*>(&system_cycles_);
    const uint64_t since = *const_cast<const volatile uint64_t*>(&mode_since_cycles_);
    const bool is_running = this == &current() || (is_on_cpu_.load(std::memory_order_acquire) &&
                                                   state_.load(std::memory_order_relaxed) == ThreadState::Running);
    const uint64_t now = arch::cycle_counter();
    if (is_running && now > since) used += now - since;
    return arch::cycles_to_ns(used);
}

Status Thread::set_schedule_parameters(ScheduleParameters parameters) {
    return Scheduler::set_parameters(*this, parameters);
}

Status Thread::set_affinity(CpuSet affinity) { return Scheduler::set_affinity(*this, affinity); }

// The thread's place in a queue depends on its parameters, so it leaves the queue for the change.
bool Scheduler::dequeue(Thread& thread) {
    for (;;) {
        const uint32_t cpu = *const_cast<volatile uint32_t*>(&thread.cpu_number_);
        RunQueue& queue = cpu_by_number(cpu).schedule->queue;
        SpinGuard guard(queue.lock);
        if (thread.cpu_number_ != cpu) continue;  // it moved meanwhile
        if (!thread.is_queued_) return false;
        queue.remove(thread);
        return true;
    }
}

Status Scheduler::set_parameters(Thread& thread, ScheduleParameters parameters) {
    const arch::InterruptState state = arch::disable_interrupts();
    const bool was_queued = dequeue(thread);
    thread.parameters_ = parameters;
    if (was_queued) enqueue(thread, thread.cpu_number_, false);
    else if (thread.is_on_cpu_.load(std::memory_order_acquire)) {
        // Someone else may now be more important.
        Cpu& cpu = cpu_by_number(thread.cpu_number_);
        cpu.must_reschedule.store(true, std::memory_order_release);
        if (&cpu != &arch::this_cpu()) arch::send_ipi(cpu.number, arch::IpiKind::Reschedule);
    }
    arch::restore_interrupts(state);
    return {};
}

Status Scheduler::set_affinity(Thread& thread, CpuSet affinity) {
    const CpuSet allowed = affinity & online_cpus();
    if (allowed.is_empty()) return fail(Error::InvalidArgument);
    const arch::InterruptState state = arch::disable_interrupts();
    thread.affinity_ = affinity;
    if (dequeue(thread)) {
        enqueue(thread, allowed.contains(thread.cpu_number_) ? thread.cpu_number_ : allowed.lowest(), false);
    } else if (!allowed.contains(thread.cpu_number_) && thread.is_on_cpu_.load(std::memory_order_acquire)) {
        Cpu& cpu = cpu_by_number(thread.cpu_number_);
        cpu.must_reschedule.store(true, std::memory_order_release);
        if (&cpu != &arch::this_cpu())
            arch::send_ipi(cpu.number, arch::IpiKind::Reschedule);
        else if (&thread == &Thread::current())
            switch_thread();  // to be on an allowed CPU when the call returns, as sched_setaffinity(2) promises
    }
    arch::restore_interrupts(state);
    return {};
}

}  // namespace gyre
