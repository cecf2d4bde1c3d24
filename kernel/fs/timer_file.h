// SPDX-License-Identifier: MIT
//
// timerfd(2): a timer that is read. Expirations of a period are counted when somebody looks, so a
// period of a nanosecond costs no interrupts.
#pragma once

#include <boost/intrusive/list.hpp>

#include "kernel/fs/file.h"
#include "kernel/schedule/timer.h"
#include "kernel/schedule/wait_queue.h"
#include "kernel/sync/spin_lock.h"

namespace gyre {

class TimerFile final : public File {
public:
    static inline constinit char kTypeTag = 0;
    const void* type_tag() const override { return &kTypeTag; }

    enum class Clock : uint8_t { Monotonic, Realtime };
    struct Setting {
        int64_t interval_ns = 0;
        int64_t value_ns = 0;  // 0: disarmed
        friend bool operator==(const Setting&, const Setting&) = default;
    };

    TimerFile(Clock clock, int clock_number, uint32_t flags);
    ~TimerFile() override;

    // Arms anew; the setting of before comes back. `is_absolute`: the value is a moment of the
    // clock. `is_cancelled_by_set`: when the clock is set, reads fail with Canceled (realtime and
    // absolute only).
    Setting set(Setting setting, bool is_absolute, bool is_cancelled_by_set);
    Setting get();

    Result<size_t> read(IoCursor& to, Patience patience) override;
    Result<uint64_t> seek(int64_t, int) override {
        return 0;
    }  // as Linux's: taken, and means nothing
    size_t describe(std::span<char> buffer) const override;
    int clock_number() const { return clock_number_; }
    boost::intrusive::list_member_hook<> clock_hook;

private:
    friend void timer_files_clock_was_set();
    struct Alarm : Timer {
        explicit Alarm(TimerFile& file) : Timer(&TimerFile::fire), file(file) {}
        TimerFile& file;
    };
    static void fire(Timer& timer);
    void count_periods_locked(int64_t now_ns);
    int64_t to_monotonic(int64_t moment_ns) const;
    Setting get_locked(int64_t now_ns);
    bool has_news() const {
        return ticks_.load(std::memory_order_acquire) != 0 ||
               is_cancelled_.load(std::memory_order_acquire);
    }
    void clock_was_set();

    const Clock clock_;
    const int clock_number_;
    SpinLock lock_{LockRank::FileSpin};
    Alarm alarm_{*this};
    std::atomic<uint64_t> ticks_{0};
    int64_t deadline_ns_ = 0;  // monotonic; 0 when disarmed
    int64_t absolute_ns_ = 0;  // of the realtime clock, when it was given so
    int64_t interval_ns_ = 0;
    bool has_expired_ = false;  // and its next period is not armed yet
    bool is_cancelled_by_set_ = false;
    std::atomic<bool> is_cancelled_{false};
    WaitQueue readers_;
};

// The realtime clock jumped (clock_settime): absolute timers are armed anew. Context: thread, no
// lock held.
void timer_files_clock_was_set();

}  // namespace gyre
