// SPDX-License-Identifier: MIT
//
// A thread: what a CPU runs. Kernel threads and the threads of programs are the same class; the latter have an
// address space and an owner (the Linux face's Task). What is signal, id or credential is the owner's, not here.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <string_view>

#include <boost/intrusive/list_hook.hpp>
#include <boost/intrusive/set_hook.hpp>

#include "kernel/arch/contract.h"
#include "kernel/object/object.h"
#include "kernel/schedule/cpu_set.h"
#include "kernel/schedule/timer.h"
#include "kernel/schedule/wait_queue.h"
#include "kernel/sync/lock_order_data.h"
#include "lib/base/ref.h"

namespace gyre {

class AddressSpace;
struct Cpu;

enum class SchedulePolicy : uint8_t { Normal, Batch, Idle, Fifo, RoundRobin };

struct ScheduleParameters {
    SchedulePolicy policy = SchedulePolicy::Normal;
    int8_t nice = 0;               // -20..19
    uint8_t realtime_priority = 0; // 1..99 for Fifo and RoundRobin, else 0
};

enum class ThreadState : uint8_t { Created, Runnable, Running, Sleeping, Dead };

// Why an interruptible (or any, for Kill) wait must end. Set from outside, cleared by the owner.
// Moved ends no wait: it only brings the thread to the interruption handler (see tell_moves_from).
enum class Interruption : uint32_t { None = 0, Signal = 1, Kill = 2, Cancel = 4, Stop = 8, Moved = 16 };

class Thread final : public Object {
public:
    static constexpr ObjectKind kKind = ObjectKind::Thread;
    static constexpr size_t kKernelStackSize = 16 * 1024;  // with a guard page below

    struct Start {
        std::string_view name;              // at most 15 bytes are kept
        void (*entry)(void*) = nullptr;     // runs on the new kernel stack, interrupts on; ends in Thread::exit()
        void* argument = nullptr;
        AddressSpace* address_space = nullptr;  // a reference is taken; null for kernel threads
        void* owner = nullptr;              // the Linux face's Task, or null
        bool has_user_state = false;        // allocates vector state, initialised
        ScheduleParameters schedule;
        CpuSet affinity = CpuSet::all();
    };
    // Errors: NoMemory. The thread does not run before start().
    static Result<Ref<Thread>> create(const Start& start);
    void start();

    static Thread& current() { return arch::current_thread(); }
    // Ends the calling thread; the thread object lives on while referenced.
    [[noreturn]] static void exit();
    // Gives the CPU away if another thread wants it / voluntarily.
    static void yield();
    // A place in a long kernel loop where the CPU may be taken: returns at once unless preemption is due.
    static void preemption_point();
    // Sleeps without a queue until woken by interrupt() or the deadline. Errors as WaitQueue::sleep.
    static Status sleep_until(Patience patience);

    // ---- interruption: makes waits end with Error::Interrupted. Context: any.
    void interrupt(Interruption reason);
    void clear_interruption(Interruption reason);
    bool has_interruption(Interruption reason) const {
        return (interruptions_.load(std::memory_order_acquire) & static_cast<uint32_t>(reason)) != 0;
    }
    uint32_t interruptions() const { return interruptions_.load(std::memory_order_acquire); }
    // Whether a long call has a reason to end early. Having been moved or preempted is none.
    bool is_interrupted() const { return (interruptions() & ~static_cast<uint32_t>(Interruption::Moved)) != 0; }
    // Asks the CPU that runs this thread in user mode to enter the kernel (to notice signals and the like).
    void kick();

    // Asks for Interruption::Moved when the thread is preempted or runs on another CPU than `cpu` (rseq(2)). Of the calling
    // thread, or of one that was not started yet.
    static constexpr uint32_t kNowhere = UINT32_MAX - 1;
    void tell_moves_from(uint32_t cpu) { told_cpu_ = cpu; }
    void stop_telling_moves() { told_cpu_ = kTellsNoMoves; }

    // ---- identity and accounting
    std::string_view name() const { return name_.data(); }
    void set_name(std::string_view name);
    void* owner() const { return owner_; }
    void set_owner(void* owner) { owner_ = owner; }
    AddressSpace* address_space() const { return address_space_.get(); }
    // Replaces the address space of the calling thread and switches to it at once (exec, exit).
    static void set_current_address_space(Ref<AddressSpace> address_space);
    int64_t user_time_ns() const { return arch::cycles_to_ns(user_cycles_); }  // CPU time spent in user mode
    int64_t system_time_ns() const;    // in the kernel, with the present stretch if it runs now
    // Both, with the present stretch also when it runs elsewhere (then to within the few instructions of a switch of modes).
    int64_t cpu_time_ns() const;
    uint64_t voluntary_switches() const { return voluntary_switches_; }
    uint64_t involuntary_switches() const { return involuntary_switches_; }
    ThreadState state() const { return state_.load(std::memory_order_relaxed); }
    // While it sleeps: whether signals wake it, as where it waits for somebody and unlike where it waits for a lock.
    bool hears_signals() const { return hears_signals_.load(std::memory_order_relaxed); }
    uint32_t last_cpu() const { return cpu_number_; }
    // Called at every way in from and out to user mode (calls by dispatch, exceptions and interrupts by arch). Times
    // are exact, not sampled, so they cost one counter read each.
    void account_enter_kernel() {
        const uint64_t now = arch::cycle_counter();
        user_cycles_ += now - mode_since_cycles_;
        mode_since_cycles_ = now;
    }
    void account_leave_kernel() {
        const uint64_t now = arch::cycle_counter();
        system_cycles_ += now - mode_since_cycles_;
        mode_since_cycles_ = now;
    }

    // ---- scheduling
    ScheduleParameters schedule_parameters() const { return parameters_; }
    Status set_schedule_parameters(ScheduleParameters parameters);
    CpuSet affinity() const { return affinity_; }
    // Errors: InvalidArgument when no online CPU is left. Moves the thread when it must.
    Status set_affinity(CpuSet affinity);

    arch::ThreadContext& context() { return context_; }
    uintptr_t kernel_stack_bottom() const { return stack_bottom_; }

#if GYRE_DEBUG
    lock_order::Held& held_sleeping_locks() { return held_sleeping_locks_; }
    int epoch_readers() const { return epoch_readers_; }
    void change_epoch_readers(int difference) { epoch_readers_ += difference; }
#endif

    ~Thread();

private:
    friend class Scheduler;
    friend class RunQueue;
    friend struct RunOrder;
    Thread();
    static void trampoline(void* argument);
    void note_move() {
        interruptions_.fetch_or(static_cast<uint32_t>(Interruption::Moved), std::memory_order_relaxed);
    }

    arch::ThreadContext context_;
    std::atomic<ThreadState> state_{ThreadState::Created};
    std::atomic<bool> is_on_cpu_{false};      // its registers are still in use by a CPU
    std::atomic<bool> hears_signals_{true};   // see hears_signals(); set on the way into sleep
    std::atomic<uint32_t> interruptions_{0};
    static constexpr uint32_t kTellsNoMoves = UINT32_MAX;
    uint32_t told_cpu_ = kTellsNoMoves;       // see tell_moves_from; its own, and the scheduler's while it does not run
    std::atomic<bool> has_wake_token_{false}; // a wake came; the next sleep returns at once
    uint32_t cpu_number_ = 0;                 // whose run queue holds it
    ScheduleParameters parameters_;
    CpuSet affinity_ = CpuSet::all();
    uint64_t virtual_runtime_ns_ = 0;
    int64_t running_since_ns_ = 0;  // what virtual_runtime_ns_ has been charged up to
    int64_t slice_end_ns_ = 0;
    uint64_t user_cycles_ = 0;
    uint64_t system_cycles_ = 0;
    uint64_t mode_since_cycles_ = 0;
    uint64_t voluntary_switches_ = 0;
    uint64_t involuntary_switches_ = 0;
    bool is_queued_ = false;        // in the run queue of cpu_number_; under that queue's lock
    void (*entry_)(void*) = nullptr;
    void* argument_ = nullptr;
public:
    boost::intrusive::set_member_hook<> fair_hook;        // the run queue's
    boost::intrusive::list_member_hook<> realtime_hook;

private:
    Ref<AddressSpace> address_space_;
    void* owner_ = nullptr;
    uintptr_t stack_bottom_ = 0;
    std::array<char, 16> name_{};
#if GYRE_DEBUG
    lock_order::Held held_sleeping_locks_;
    int epoch_readers_ = 0;
#endif
};

}  // namespace gyre
