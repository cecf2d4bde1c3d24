// SPDX-License-Identifier: MIT
//
// From the times that programs give to moments and back.
#pragma once

#include "kernel/arch/contract.h"
#include "kernel/linux/abi_time.h"
#include "kernel/schedule/patience.h"
#include "lib/base/result.h"

namespace gyre::linux {

constexpr int64_t kSecondNs = 1'000'000'000;

// Errors: InvalidArgument for what is negative or not normalised. What is beyond the range becomes
// its end.
constexpr Result<int64_t> duration_ns(const abi::Timespec& time) {
    if (time.seconds < 0 || time.nanoseconds < 0 || time.nanoseconds >= kSecondNs)
        return fail(Error::InvalidArgument);
    int64_t total;
    if (__builtin_mul_overflow(time.seconds, kSecondNs, &total) ||
        __builtin_add_overflow(total, time.nanoseconds, &total))
        return INT64_MAX;
    return total;
}
constexpr abi::Timespec to_timespec(int64_t duration) {
    return {duration / kSecondNs, duration % kSecondNs};
}

// None for zero; beyond the range, for ever.
inline Patience patience_for_ns(int64_t duration) {
    if (duration <= 0) return Patience::none();
    int64_t moment;
    if (__builtin_add_overflow(arch::clock_now_ns(), duration, &moment) || moment == kNeverNs)
        return Patience::forever();
    return Patience::until_ns(moment);
}

}  // namespace gyre::linux
