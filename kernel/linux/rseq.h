// SPDX-License-Identifier: MIT
//
// Restartable sequences (rseq(2), linux/rseq.h): a program's per-CPU critical sections are abandoned when the thread loses
// its CPU or takes a signal within one.
#pragma once

#include "kernel/linux/task.h"

namespace gyre::arch {
struct TrapFrame;
}

namespace gyre::linux {

// If the registers stand within the registered critical section, they move to its abort handler. The running task.
void abort_critical_section(Task& task, arch::TrapFrame& frame);
// The same, and the area says on which CPU the thread is now. After the thread was moved.
void update_restartable_sequence(Task& task, arch::TrapFrame& frame);

}  // namespace gyre::linux
