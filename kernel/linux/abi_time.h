// SPDX-License-Identifier: MIT
//
// Time as programs lay it out (x86-64).
#pragma once

#include <cstdint>

namespace gyre::linux::abi {

struct Timespec {
    int64_t seconds;
    int64_t nanoseconds;
};
static_assert(sizeof(Timespec) == 16);

struct Timeval {
    int64_t seconds;
    int64_t microseconds;
};
static_assert(sizeof(Timeval) == 16);

struct Timezone {
    int32_t minutes_west;
    int32_t daylight_saving;
};
static_assert(sizeof(Timezone) == 8);

struct Itimerval {
    Timeval interval;
    Timeval value;
};
static_assert(sizeof(Itimerval) == 32);

struct Itimerspec {
    Timespec interval;
    Timespec value;
};
static_assert(sizeof(Itimerspec) == 32);

struct Tms {
    int64_t user, system, children_user, children_system;  // in ticks of 10 ms (USER_HZ)
};
static_assert(sizeof(Tms) == 32);

// Clock numbers (clock_gettime(2)). Negative ones name a process's or thread's CPU clock.
constexpr int kClockRealtime = 0, kClockMonotonic = 1, kClockProcessCpu = 2, kClockThreadCpu = 3, kClockMonotonicRaw = 4,
              kClockRealtimeCoarse = 5, kClockMonotonicCoarse = 6, kClockBoottime = 7, kClockRealtimeAlarm = 8,
              kClockBoottimeAlarm = 9, kClockTai = 11;

constexpr int kTimerAbstime = 1;  // TIMER_ABSTIME

}  // namespace gyre::linux::abi
