// SPDX-License-Identifier: MIT
//
// What the files of signals share. Nobody else includes this. "_locked" means: the receiver's signal lock is held.
#pragma once

#include "kernel/linux/process.h"
#include "kernel/linux/signal.h"

namespace gyre::arch {
struct TrapFrame;
}

namespace gyre::linux {

// Holds the signal lock of a process that may exec at this moment: an exec that leaves shared handlers changes which lock
// that is (signal.h keeps the old one in memory for as long as we run).
class SignalGuard {
public:
    explicit SignalGuard(Process& process) GYRE_NO_ANALYSIS {
        for (;;) {
            handlers_ = &process.handlers();
            state_ = handlers_->lock.lock();
            if (handlers_ == &process.handlers()) return;
            handlers_->lock.unlock(state_);
        }
    }
    ~SignalGuard() GYRE_NO_ANALYSIS { handlers_->lock.unlock(state_); }
    SignalGuard(const SignalGuard&) = delete;
    SignalGuard& operator=(const SignalGuard&) = delete;
    SignalHandlers& handlers() const { return *handlers_; }

private:
    SignalHandlers* handlers_;
    arch::InterruptState state_;
};

// ---- queues
// Errors: WouldBlock (the queue of its user is full and the information must not be lost).
Status queue_signal_locked(Process& process, const Task& receiver, SignalQueue& queue, const SignalInfo& info);
// A timer's own entry.
void link_signal_locked(SignalQueue& queue, QueuedSignal& entry);
void unlink_signal_locked(SignalQueue& queue, QueuedSignal& entry);
// Takes out the first entry of the signal, which is in the set.
void collect_signal_locked(SignalQueue& queue, int signal, SignalInfo& info);
void remove_signals_locked(SignalQueue& queue, SignalSet which);
// From the process's queue and those of its tasks.
void remove_signals_everywhere_locked(Process& process, SignalSet which);
// A timer's entry left its queue: taken (its period goes on), or thrown away. timer_posix.cpp.
void timer_signal_taken_locked(PosixTimer& timer, SignalInfo& info);
void timer_signal_discarded_locked(PosixTimer& timer);

// ---- who and whether
// Whether sending the signal does nothing. `receiver` is the task it is for (the leader for a whole process).
bool is_dropped_locked(Process& process, const Task& receiver, int signal);
// Whether SIG_DFL of the signal ends the process.
bool is_fatal_by_default(int signal);
// The signal was put into the queue (shared or the task's): chooses who takes it, or ends the process at once.
void signal_was_queued_locked(Process& process, Task* receiver, int signal);
// The part of sending that depends on the signal only: what SIGCONT and stop signals do at once.
void prepare_signal_locked(Process& process, int signal);
// Tells signalfds. No lock held.
void tell_signal_readers(Process& process);

// ---- taking
int take_signal_locked(Task& task, SignalSet wanted, SignalInfo& info);
SignalSet deliverable_locked(const Task& task);
// Sets or clears the mark that brings the task to handle_interruptions. The running task's own.
void update_interruption_locked(Task& task);

// ---- stopping (signal_stop.cpp)
void stop_process(Task& task, int signal, uint32_t continue_count);
// Sleeps while the process is stopped, tells the parent what is to be told.
void stop_with_process(Task& task);

// ---- frames (signal_frame.cpp)
// Makes the registers those of the handler's first instruction, with what sigreturn needs on its stack. False when the
// stack cannot be written.
bool enter_handler(Task& task, arch::TrapFrame& frame, const abi::SigAction& action, const SignalInfo& info,
                   SignalSet mask_to_restore);
bool is_on_signal_stack(const Task& task, uint64_t stack_pointer);

// ---- vector state in frames (signal_vectors.cpp)
// Bytes that the state takes in a frame.
size_t vector_frame_size();
// Writes the running thread's state to the 64-byte aligned address. Errors: BadAddress.
Status write_vector_frame(uint64_t address);
// Loads it from there; null gives the initial state. What the CPU would not take is BadAddress as well.
Status read_vector_frame(uint64_t address);
void reset_vector_state();

}  // namespace gyre::linux
