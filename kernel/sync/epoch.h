// SPDX-License-Identifier: MIT
//
// Epoch reclamation: readers of lock-free structures (path lookup, descriptor tables, the process table) pay
// nothing, writers defer the free until every CPU has passed a quiescent state.
//
// Gyre's kernel is not preempted while it runs in the kernel: a CPU changes threads only where a thread
// sleeps, yields or returns to user mode. So whatever runs between two such places is a reader without saying
// so; EpochReader only documents the section and, in debug builds, panics when something sleeps inside.
// After a pointer read inside a section a Ref::try_from keeps the object beyond it.
#pragma once

#include <cstdint>

namespace gyre::epoch {

// Embedded in whatever is retired.
struct Node {
    Node* next = nullptr;
    void (*reclaim)(Node*) = nullptr;
};

// Calls reclaim(node) after every CPU has passed a quiescent state. Never fails, never sleeps. Context: any
// (reclaim runs on some CPU in thread context with interrupts on, and must not sleep).
void retire(Node& node, void (*reclaim)(Node*));

// Waits until all readers of now are gone and what was retired before is reclaimed. May sleep.
void synchronize();

// Starts the kernel thread that reclaims; once, when threads run.
void start_reclaimer();

// Called by the scheduler at each quiescent state of this CPU (thread switch, idle, return to user by tick).
void quiescent_state();

class Reader {
public:
#if GYRE_DEBUG
    Reader();
    ~Reader();
#else
    Reader() {}
#endif
    Reader(const Reader&) = delete;
    Reader& operator=(const Reader&) = delete;
};

}  // namespace gyre::epoch
