// SPDX-License-Identifier: MIT
//
// The run-time lock-order checker. In debug builds (GYRE_DEBUG=1) every CPU keeps the ranks of the spin locks
// it holds and every thread those of its sleeping locks; taking a lock whose rank is not above all held
// ones, sleeping while spinning, or letting go of what is not held is a panic that names both locks. In release
// builds the calls are empty.
#pragma once

#include "kernel/sync/lock_rank.h"

namespace gyre::lock_order {

#if GYRE_DEBUG
void about_to_acquire(LockRank rank, const void* lock);
// The second of two spin locks of one rank, which go by growing address.
void about_to_acquire_second(LockRank rank, const void* lock, const void* first);
void acquired(LockRank rank, const void* lock);
void released(LockRank rank, const void* lock);
// Panics when a spin lock is held: called by everything that may sleep or fault on user memory.
void assert_may_sleep();
#else
inline void about_to_acquire(LockRank, const void*) {}
inline void about_to_acquire_second(LockRank, const void*, const void*) {}
inline void acquired(LockRank, const void*) {}
inline void released(LockRank, const void*) {}
inline void assert_may_sleep() {}
#endif

}  // namespace gyre::lock_order
