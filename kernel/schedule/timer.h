// SPDX-License-Identifier: MIT
//
// One-shot timers of nanosecond deadlines, a heap-ordered tree per CPU, driven by one hardware timer that is only
// armed when something is due (tickless).
#pragma once

#include <cstdint>

#include <boost/intrusive/set_hook.hpp>

namespace gyre {

struct Cpu;

class Timer {
public:
    // `fire` runs in interrupt context with interrupts off and no lock held; it may wake, signal and re-arm.
    using Fire = void (*)(Timer& timer);
    explicit Timer(Fire fire) : fire_(fire) {}
    ~Timer();
    Timer(const Timer&) = delete;
    Timer& operator=(const Timer&) = delete;

    // (Re)arms for a moment of the monotonic clock. Context: any.
    void arm(int64_t deadline_ns);
    // After it the timer is not armed and `fire` is not running on any CPU (waits for it by spinning; so never
    // call it holding a lock that `fire` takes). True when it was armed.
    bool cancel();
    bool is_armed() const { return cpu_ != nullptr; }
    int64_t deadline_ns() const { return deadline_ns_; }

    boost::intrusive::set_member_hook<> hook;  // owned by the CPU's queue

private:
    friend class TimerQueue;
    Fire fire_;
    int64_t deadline_ns_ = 0;
    Cpu* volatile cpu_ = nullptr;
};

}  // namespace gyre
