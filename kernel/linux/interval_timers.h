// SPDX-License-Identifier: MIT
//
// The timers of a process: setitimer(2), alarm(2) and timer_create(2).
#pragma once

#include "kernel/linux/process.h"

namespace gyre::linux {

// The last task of the process ends.
void destroy_timers(Process& process);
// exec: those of timer_create go, those of setitimer stay.
void delete_posix_timers(Process& process);
// CLOCK_REALTIME was set: timers that wait for moments of it are armed anew. Context: thread, no lock held.
void posix_timers_clock_was_set();
// RLIMIT_CPU of the process is finite: signals come when its CPU time reaches it. Errors: NoMemory.
Status watch_cpu_limit(Process& process);

}  // namespace gyre::linux
