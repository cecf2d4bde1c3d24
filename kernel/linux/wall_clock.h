// SPDX-License-Identifier: MIT
//
// The wall clock: CLOCK_REALTIME is the monotonic clock plus an offset, which setting the time changes. Read without a lock.
#pragma once

#include <cstdint>

#include "lib/base/result.h"

namespace gyre::time {

// What to add to a moment of the monotonic clock to have it in nanoseconds since 1970. Context: any.
int64_t realtime_offset_ns();
// Sets the clock now; timers of the realtime clock are armed anew. Context: thread, no lock held.
void set_realtime_ns(int64_t now_ns);
// How often it was set. Who waits for a moment of it reads this first, then the offset, and looks again when it changes.
uint64_t set_count();
// Sleeps until CLOCK_REALTIME shows the moment, however often it is set meanwhile. Errors: Interrupted. Context: thread.
Status sleep_until_realtime_ns(int64_t moment_ns);

}  // namespace gyre::time
