// SPDX-License-Identifier: MIT
//
// The clocks that programs name by number (clock_gettime(2)), and arithmetic with their times. Everything inside is
// nanoseconds in int64_t: 292 years from boot or from 1970.
#pragma once

#include <cstdint>

#include "kernel/linux/abi_time.h"
#include "kernel/linux/context.h"
#include "lib/base/result.h"

namespace gyre::linux {

constexpr int64_t kNsPerSecond = 1'000'000'000;
constexpr int64_t kNsPerMicrosecond = 1000;

// A sum that stays at the end of time instead of wrapping.
constexpr int64_t later_by(int64_t moment_ns, int64_t duration_ns) {
    int64_t sum;
    return __builtin_add_overflow(moment_ns, duration_ns, &sum) ? INT64_MAX : sum;
}

// Errors: InvalidArgument (negative, or nanoseconds out of range). Times beyond what we can count are the end of time.
constexpr Result<int64_t> to_nanoseconds(const abi::Timespec& time) {
    if (time.seconds < 0 || time.nanoseconds < 0 || time.nanoseconds >= kNsPerSecond) return fail(Error::InvalidArgument);
    if (time.seconds >= INT64_MAX / kNsPerSecond) return INT64_MAX;
    return time.seconds * kNsPerSecond + time.nanoseconds;
}
constexpr Result<int64_t> to_nanoseconds(const abi::Timeval& time) {
    if (time.microseconds < 0 || time.microseconds >= 1'000'000) return fail(Error::InvalidArgument);
    return to_nanoseconds(abi::Timespec{time.seconds, time.microseconds * kNsPerMicrosecond});
}
// Also of moments before the epoch.
constexpr abi::Timespec to_timespec(int64_t ns) {
    int64_t seconds = ns / kNsPerSecond, rest = ns % kNsPerSecond;
    if (rest < 0) {
        --seconds;
        rest += kNsPerSecond;
    }
    return {seconds, rest};
}

// What a clock number stands for.
enum class ClockKind : uint8_t { Realtime, Monotonic, Tai, ProcessCpu, ThreadCpu };
struct Clock {
    ClockKind kind;
    bool is_coarse = false;
    bool is_alarm = false;     // wakes a sleeping machine: needs CAP_WAKE_ALARM to arm
    bool is_raw = false;       // can be read, but neither slept nor armed by
    bool counts_user_only = false;
    Ref<Process> process;      // of the CPU clocks: whose
    Ref<Task> task;            // of a thread's
};
// Errors: InvalidArgument.
Result<Clock> find_clock(CallContext& context, int number);
int64_t read_clock(const Clock& clock);
// CPU time of all its tasks, gone ones too; the process's signal lock is held.
int64_t process_cpu_ns_locked(const Process& process, bool counts_user_only);

}  // namespace gyre::linux
