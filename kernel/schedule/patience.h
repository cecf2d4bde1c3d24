// SPDX-License-Identifier: MIT
//
// How long an operation may wait: not at all, until a moment, for ever. Every operation that may block takes a
// Patience; O_NONBLOCK, timeouts and rings are values of it, not modes of the callee.
#pragma once

#include <cstdint>

namespace gyre {

constexpr int64_t kNeverNs = INT64_MAX;

// What ends a wait early: any signal, only a fatal one, nothing.
enum class EndedBy : uint8_t { Signals, FatalSignals, Nothing };

class Patience {
public:
    static constexpr Patience none() { return Patience(kNoneNs, EndedBy::Signals); }
    static constexpr Patience forever() { return Patience(kNeverNs, EndedBy::Signals); }
    // Moments are nanoseconds of the monotonic clock (arch::clock_now_ns).
    static constexpr Patience until_ns(int64_t moment_ns) {
        return Patience(moment_ns < 0 ? 0 : moment_ns, EndedBy::Signals);
    }
    // The same, deaf to all but fatal signals / to everything (locks; only for what is sure to come).
    constexpr Patience killable() const { return Patience(deadline_ns_, EndedBy::FatalSignals); }
    constexpr Patience uninterruptible() const { return Patience(deadline_ns_, EndedBy::Nothing); }

    constexpr bool is_none() const { return deadline_ns_ == kNoneNs; }
    constexpr bool is_forever() const { return deadline_ns_ == kNeverNs; }
    constexpr EndedBy ended_by() const { return ended_by_; }
    constexpr int64_t deadline_ns() const { return deadline_ns_; }

private:
    static constexpr int64_t kNoneNs = -1;
    constexpr Patience(int64_t deadline_ns, EndedBy ended_by) : deadline_ns_(deadline_ns), ended_by_(ended_by) {}

    int64_t deadline_ns_;
    EndedBy ended_by_;
};

}  // namespace gyre
