// SPDX-License-Identifier: MIT
//
// The scheduler's face to the rest of the kernel: bring-up and the hooks that arch calls.
// Normal threads share by virtual run time (weights as Linux's nice levels), real-time ones go first by priority;
// each CPU has its own queue and steals when it has nothing. There is no tick: the timer is armed for the end of a
// slice only while somebody else waits for the CPU.
#pragma once

#include <cstdint>

#include "kernel/schedule/cpu.h"
#include "kernel/schedule/thread.h"

namespace gyre {

// Makes the running boot context a thread (the boot CPU's idle thread).
void scheduler_initialize_boot_cpu();
// The boot CPU calls this too, when bring-up is over: its boot stack becomes the idle stack.
// On each other CPU: becomes its idle thread and never returns.
[[noreturn]] void scheduler_run_idle(Cpu& cpu);

// Called by arch in interrupt context.
void on_timer_interrupt();
void on_reschedule_ipi();

// Called by arch with interrupts off just before going back to user mode (from a call, exception or interrupt), while
// `must_leave_slowly(thread)` holds; may switch threads, deliver signals, never return.
void on_leave_to_user();
// The cheap test: rescheduling or an interruption is due.
inline bool must_leave_slowly();

// Set by the Linux face: called with interrupts on from on_leave_to_user when the thread has interruptions.
void set_interruption_handler(void (*handler)(Thread& thread));

struct LoadAverages {
    uint64_t fixed_point[3];  // 1, 5, 15 minutes, 16.16
    uint32_t runnable;
    uint32_t total;
};
LoadAverages load_averages();
uint32_t thread_count();

}  // namespace gyre

#include "kernel/schedule/scheduler_inline.h"
