// SPDX-License-Identifier: MIT
//
// What setitimer(2) and timer_create(2) share: a deadline on one of a process's clocks, and the kernel timer that looks
// whether it has come. CPU clocks have no interrupt of their own: a timer on one looks again when, with every task running,
// the time could have passed.
//
// Who sets a timer holds IntervalTimers::change_lock, disarms under the signal lock, cancels the kernel timer without it (its
// `fire` takes it), and arms under it again. So `fire`, which takes the signal lock once, never arms against a change.
#pragma once

#include <optional>

#include "kernel/linux/clocks.h"
#include "kernel/linux/interval_timers.h"
#include "kernel/linux/signal_parts.h"
#include "kernel/schedule/timer.h"
#include "kernel/sync/mutex.h"
#include "lib/base/vector.h"

namespace gyre::linux {

// Closer together than this a period's signals are counted, not sent.
constexpr int64_t kLeastPeriodNs = 20'000;

// A deadline and a period, in the time of a clock. Under the signal lock of the process.
struct Deadline {
    enum class Base : uint8_t { Monotonic, ProcessCpu, ProcessUser, ThreadCpu };
    Base base = Base::Monotonic;
    Task* task = nullptr;       // of a thread's clock
    int64_t moment_ns = 0;      // 0: not armed
    int64_t period_ns = 0;

    int64_t now_ns(const Process& process) const;
    void arm(const Process& process, Timer& timer) const;
    // What time it is when the moment of a timer that fired has come; nothing when it was disarmed meanwhile, or when a CPU clock
    // did not run as fast as it could (it is armed again).
    std::optional<int64_t> came_at(const Process& process, Timer& timer) const;
    // Puts the moment behind now, by whole periods; how many were skipped beyond the first.
    int64_t advance(int64_t now_ns);
};

// One of setitimer's three.
struct IntervalTimer : Timer {
    IntervalTimer(Process& process, int signal, Deadline::Base base)
        : Timer(&IntervalTimer::fire), process(process), signal(signal) {
        deadline.base = base;
    }
    static void fire(Timer& timer);
    Process& process;
    const int signal;
    Deadline deadline;
};

// RLIMIT_CPU (setrlimit(2)): SIGXCPU at the soft limit and each second after it, SIGKILL at the hard one.
struct CpuLimitTimer : Timer {
    explicit CpuLimitTimer(Process& process) : Timer(&CpuLimitTimer::fire), process(process) {}
    static void fire(Timer& timer);
    void look_again_locked(int64_t moment_ns);
    Process& process;
    bool is_over = false;   // the process ends: not armed any more; under the signal lock
};

// One of timer_create's.
class PosixTimer : public Timer {
public:
    PosixTimer(Process& process, int number) : Timer(&PosixTimer::fire), process(process), number(number) {}
    ~PosixTimer();
    // It counts by the realtime clock from now on, and is told when that is set.
    void use_realtime_clock();
    void clock_was_set();
    static void fire(Timer& timer);
    void expire_locked(int64_t now_ns);
    // The entry leaves its queue, whatever became of it.
    void forget_signal_locked();

    Process& process;
    const int number;
    bool is_silent = false;         // SIGEV_NONE
    Ref<Task> receiver;             // SIGEV_THREAD_ID; null: the process
    Ref<Task> clock_task;           // of a thread's CPU clock
    bool is_realtime = false;       // its moments are those of the realtime clock; stands in the list of all such
    boost::intrusive::list_member_hook<> realtime_hook;
    // ---- under the signal lock
    Deadline deadline;
    int64_t realtime_moment_ns = 0; // the moment of the realtime clock that the deadline stands for; 0: none
    QueuedSignal entry;
    SignalQueue* queue = nullptr;   // where `entry` stands
    bool continues_when_taken = false;
    int64_t missed = 0;             // expirations since the signal was sent
    int32_t overrun = 0;            // of the last signal taken
};

class IntervalTimers {
public:
    explicit IntervalTimers(Process& process)
        : real(process, kSigAlarm, Deadline::Base::Monotonic),
          user(process, kSigVirtualAlarm, Deadline::Base::ProcessUser),
          all(process, kSigProfile, Deadline::Base::ProcessCpu),
          cpu_limit(process) {}

    Mutex change_lock{LockRank::ProcessTimers};
    IntervalTimer real, user, all;   // ITIMER_REAL, _VIRTUAL, _PROF
    CpuLimitTimer cpu_limit;
    Vector<PosixTimer*> posix;       // by number, with holes; under change_lock
};

// The process's timers, made when there are none. Errors: NoMemory.
Result<IntervalTimers*> timers_of(Process& process);

}  // namespace gyre::linux
