// SPDX-License-Identifier: MIT
//
// What parents learn of their children (wait(2)).
#pragma once

#include "kernel/linux/process_tree.h"

namespace gyre::linux {

// Tells the parent that the child stopped (CLD_STOPPED) or went on (CLD_CONTINUED): SIGCHLD unless SA_NOCLDSTOP, and its
// waits look again. `status` is the signal. The tree lock is held, no signal lock.
void notify_parent_locked(Process& child, int code, int status) GYRE_REQUIRES(g_tree_lock);

// Tells the parent that the child ended. True when nobody will wait for it: the parent ignores SIGCHLD or said
// SA_NOCLDWAIT, so the caller reaps it. The tree lock is held, no signal lock.
bool notify_parent_of_end_locked(Process& child) GYRE_REQUIRES(g_tree_lock);

constexpr int kWaitNoHang = 1, kWaitStopped = 2, kWaitExited = 4, kWaitContinued = 8, kWaitNoWait = 0x01000000,
              kWaitNoThread = 0x20000000, kWaitAll = 0x40000000, kWaitClone = int(0x80000000u);

}  // namespace gyre::linux
