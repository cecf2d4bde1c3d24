// SPDX-License-Identifier: MIT
//
// One-shot timers of nanosecond deadlines, a heap-ordered tree per CPU, driven by one hardware timer that is only
// armed when something is due (tickless).
#pragma once

#include <atomic>
#include <cstdint>

#include <boost/intrusive/set_hook.hpp>

namespace gyre {

struct Cpu;

class Timer {
public:
    // `fire` runs in interrupt context with interrupts off and no lock held; it may wake, signal and re-arm.
    using Fire = void (*)(Timer& timer);
    constexpr explicit Timer(Fire fire) : fire_(fire) {}
    ~Timer();
    Timer(const Timer&) = delete;
    Timer& operator=(const Timer&) = delete;

    // (Re)arms for a moment of the monotonic clock. Context: any.
    void arm(int64_t deadline_ns);
    // After it the timer is not armed and `fire` is not running on any CPU (waits for it by spinning; so never
    // call it holding a lock that `fire` takes). True when it was armed.
    bool cancel();
    bool is_armed() const { return cpu_.load(std::memory_order_relaxed) != nullptr; }
    int64_t deadline_ns() const { return deadline_ns_; }

    boost::intrusive::set_member_hook<> hook;  // owned by the CPU's queue

private:
    friend class TimerQueue;
    Fire fire_;
    int64_t deadline_ns_ = 0;
    std::atomic<Cpu*> cpu_{nullptr};       // whose queue it is in; null when not armed. Under that queue's lock
    std::atomic<Cpu*> last_cpu_{nullptr};  // whose queue it was in last: where `fire` may still be running
};

}  // namespace gyre
