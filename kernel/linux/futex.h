// SPDX-License-Identifier: MIT
//
// Futexes (futex(2)): sleeping until a word of the program's memory is said to have changed. Left out: the priority-inheriting
// kinds (FUTEX_LOCK_PI and its like: ENOSYS) and the old FUTEX_FD.
#pragma once

#include <cstdint>
#include <span>

#include "kernel/linux/task.h"
#include "kernel/memory/address_space.h"
#include "kernel/schedule/patience.h"

namespace gyre::linux {

// What stands for a futex word: an address in an address space, or a place in memory that several may map.
using FutexKey = AddressSpace::MemoryIdentity;
constexpr uint32_t kFutexMatchAny = UINT32_MAX;

// Errors: InvalidArgument (not aligned), BadAddress. Private: the page tables are not looked at. May sleep.
Result<FutexKey> futex_key(AddressSpace& space, uint64_t address, bool is_private);
// How long a wait may last: to a moment of the monotonic or the realtime clock, or for ever.
struct FutexTimeout {
    int64_t moment_ns = kNeverNs;
    bool is_realtime = false;
};
// A word of the current address space that should hold `expected`.
struct FutexWord {
    FutexKey key;
    uint64_t address;
    uint32_t expected;
};
// Sleeps if it does. Errors: WouldBlock (it does not), TimedOut, Interrupted, BadAddress, NoMemory.
Status futex_wait(const FutexWord& word, uint32_t mask, FutexTimeout timeout);
// The same for several words at once (futex_waitv): the index of one that was woken.
constexpr size_t kMostFutexWords = 128;   // FUTEX_WAITV_MAX
Result<size_t> futex_wait_any(std::span<const FutexWord> words, FutexTimeout timeout);
// CLOCK_REALTIME was set: who waits for a moment of it looks again.
void futexes_clock_was_set();
// How many were woken.
uint32_t futex_wake(const FutexKey& key, uint32_t most, uint32_t mask = kFutexMatchAny);
// Wakes some and moves others to another key, if the word still holds `expected` (when given). How many were woken and moved.
struct FutexRequeue {
    uint64_t address;
    const uint32_t* expected;  // null: whatever it holds
    uint32_t most_woken, most_moved;
};
struct FutexMoved {
    uint32_t woken, moved;
};
// Errors: WouldBlock, BadAddress.
Result<FutexMoved> futex_requeue(const FutexKey& from, const FutexKey& to, const FutexRequeue& request);

// FUTEX_WAKE of a word that may be shared with other address spaces (clear_child_tid). Errors: BadAddress.
Result<uint32_t> futex_wake_address(AddressSpace& space, uint64_t address, int count);

// The running task ends or execs: whoever waits for a robust futex that it holds learns that its owner has died
// (get_robust_list(2)).
void exit_robust_list(Task& task);

}  // namespace gyre::linux
