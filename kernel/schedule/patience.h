// SPDX-License-Identifier: MIT
//
// How long an operation may wait: not at all, until a moment, for ever. Every operation that may block takes a
// Patience; O_NONBLOCK, timeouts and rings are values of it, not modes of the callee.
#pragma once

#include <cstdint>

namespace gyre {

constexpr int64_t kNeverNs = INT64_MAX;

class Patience {
public:
    static constexpr Patience none() { return Patience(kNoneNs, true); }
    static constexpr Patience forever() { return Patience(kNeverNs, true); }
    // Moments are nanoseconds of the monotonic clock (arch::clock_now_ns).
    static constexpr Patience until_ns(int64_t moment_ns) { return Patience(moment_ns < 0 ? 0 : moment_ns, true); }
    // The same, deaf to signals except the fatal ones.
    constexpr Patience uninterruptible() const { return Patience(deadline_ns_, false); }

    constexpr bool is_none() const { return deadline_ns_ == kNoneNs; }
    constexpr bool is_forever() const { return deadline_ns_ == kNeverNs; }
    constexpr bool is_interruptible() const { return is_interruptible_; }
    constexpr int64_t deadline_ns() const { return deadline_ns_; }

private:
    static constexpr int64_t kNoneNs = -1;
    constexpr Patience(int64_t deadline_ns, bool is_interruptible)
        : deadline_ns_(deadline_ns), is_interruptible_(is_interruptible) {}

    int64_t deadline_ns_;
    bool is_interruptible_;
};

}  // namespace gyre
