// SPDX-License-Identifier: MIT
//
// What the scheduler's own files share. Nobody outside kernel/schedule includes it.
#pragma once

#include "kernel/schedule/scheduler.h"
#include "kernel/schedule/thread.h"

namespace gyre {

class Scheduler {
public:
    // Makes a sleeping thread runnable, or leaves it a token when it is just going to sleep. Context: any.
    static void wake(Thread& thread);
    // Sleeps until woken, or not at all when a token is there.
    static void sleep();
    // Interrupts off.
    static void switch_thread();
    static void finish_switch();
    static uint32_t choose_cpu(const Thread& thread);
    static void enqueue(Thread& thread, uint32_t cpu_number, bool is_woken);
    [[noreturn]] static void run_idle_loop();
    static int64_t slice_end_ns(const Thread& thread) { return thread.slice_end_ns_; }
    static void become_idle_thread(Cpu& cpu);
    static Status set_affinity(Thread& thread, CpuSet affinity);
    static Status set_parameters(Thread& thread, ScheduleParameters parameters);

private:
    static Thread* steal(Cpu& thief);
    static void load_address_space(Cpu& cpu, Thread& next);
    // Takes the thread out of whatever queue holds it. False when it is in none.
    static bool dequeue(Thread& thread);
};

void cpu_set_online(Cpu& cpu);
void count_thread(int difference);

}  // namespace gyre
