// SPDX-License-Identifier: MIT
//
// The wall clock: CLOCK_REALTIME is the monotonic clock plus an offset, which setting the time changes. Read without a lock.
#pragma once

#include <cstdint>

namespace gyre::time {

// What to add to a moment of the monotonic clock to have it in nanoseconds since 1970. Context: any.
int64_t realtime_offset_ns();
// Sets the clock now; timers of the realtime clock are armed anew. Context: thread, no lock held.
void set_realtime_ns(int64_t now_ns);

}  // namespace gyre::time
