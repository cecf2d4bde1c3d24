// SPDX-License-Identifier: MIT
//
// A Process: what Linux calls a thread group, and the object kind of that name. It holds what its tasks share: memory, the
// handlers and the queue of signals, limits, accounts, its place among processes. Terminated is signalled when the
// last of its tasks has ended (pidfd_open(2) observes that).
#pragma once

#include <array>
#include <atomic>
#include <cstdint>

#include <boost/intrusive/list.hpp>

#include "kernel/fs/path.h"
#include "kernel/linux/abi_process.h"
#include "kernel/linux/task.h"
#include "kernel/memory/address_space.h"
#include "kernel/object/job.h"
#include "kernel/object/object.h"
#include "kernel/schedule/wait_queue.h"

namespace gyre {
class File;
}

namespace gyre::linux {

extern SpinLock g_tree_lock;  // LockRank::ProcessSpin; see process_tree.h

class IntervalTimers;
class ProcessGroup;
class Session;

enum : int {
    kLimitCpu, kLimitFileSize, kLimitData, kLimitStack, kLimitCore, kLimitResident, kLimitProcesses, kLimitFiles,
    kLimitLocked, kLimitAddressSpace, kLimitLocks, kLimitPendingSignals, kLimitMessageQueue, kLimitNice,
    kLimitRealtimePriority, kLimitRealtimeTime, kLimitCount,
};
constexpr uint64_t kUnlimited = UINT64_MAX;

// Sums over threads or children that are gone.
struct UsageTotals {
    int64_t user_ns = 0, system_ns = 0;
    uint64_t voluntary_switches = 0, involuntary_switches = 0, minor_faults = 0, major_faults = 0;
    uint64_t most_resident_pages = 0;
    void add(const UsageTotals& other);
    void add(const Task& task);  // but not its memory, which is the process's
};

// Somebody to be told when a process has ended (a pidfd). Linked under the tree lock.
struct EndWatcher {
    boost::intrusive::list_member_hook<> hook;
    void (*ended)(EndWatcher& watcher) = nullptr;   // called under the tree lock
};

enum class ProcessState : uint8_t { Alive, Zombie, Reaped };

class Process final : public Object {
public:
    static constexpr ObjectKind kKind = ObjectKind::Process;

    Pid pid() const { return pid_; }
    Pid parent_pid() const { return parent_pid_.load(std::memory_order_relaxed); }
    PidNamespace& pid_namespace() const { return *pid_namespace_; }
    ProcessState state() const { return state_.load(std::memory_order_acquire); }
    bool is_stopped() const { return is_stopped_.load(std::memory_order_acquire); }

    // The running process's own; of another one take a reference (null when it has exited).
    AddressSpace& address_space() const { return *address_space_; }
    Ref<AddressSpace> address_space_reference() const;

    // The program that runs, for /proc/PID/exe; empty for none. May sleep.
    Path executable() const;

    SignalHandlers& handlers() const { return *handlers_; }

    uint64_t limit(int resource) const { return limits_[static_cast<size_t>(resource)].current; }
    abi::Rlimit limit_pair(int resource) const;
    Status set_limit(int resource, abi::Rlimit limit);
    void raise_cpu_limit(uint64_t seconds);   // the soft one, when a signal has told of it; up to the hard one

    // Live and dead threads together; and what waited-for children used.
    UsageTotals usage() const;
    UsageTotals children_usage() const;
    int64_t start_time_ns() const { return start_time_ns_; }
    uint32_t task_count() const { return task_count_.load(std::memory_order_relaxed); }

    // Null when there is none (any more). The leader stays until the process is reaped.
    Ref<Task> leader() const;
    // The task with the lowest tid at or above `from` (for /proc/PID/task); null at the end.
    Ref<Task> next_task(Pid from) const;
    Job& job() const { return *job_; }

    // ---- facts for /proc; each takes the tree lock
    struct Relations {
        Pid group, session;
        uint64_t terminal_device;   // 0 for none
        Pid terminal_group;         // -1 for none
    };
    Relations relations() const;
    bool is_session_leader() const;

    // ---- under the tree lock (process_tree.h)
    using TaskList =
        boost::intrusive::list<Task, boost::intrusive::member_hook<Task, boost::intrusive::list_member_hook<>,
                                                                   &Task::process_hook>,
                               boost::intrusive::constant_time_size<false>>;
    boost::intrusive::list_member_hook<> sibling_hook;
    boost::intrusive::list_member_hook<> group_hook;
    using Children =
        boost::intrusive::list<Process, boost::intrusive::member_hook<Process, boost::intrusive::list_member_hook<>,
                                                                      &Process::sibling_hook>,
                               boost::intrusive::constant_time_size<false>>;
    Process* parent GYRE_GUARDED_BY(g_tree_lock) = nullptr;   // null for init only
    Children children GYRE_GUARDED_BY(g_tree_lock);
    Ref<ProcessGroup> group GYRE_GUARDED_BY(g_tree_lock);   // others change it, too: setpgid(2) of the parent
    TaskList tasks;              // also under the signal lock
    Task* leader_task = nullptr;
    bool is_subreaper = false;           // PR_SET_CHILD_SUBREAPER
    bool has_subreaper_above = false;
    bool has_execed = false;             // since fork: setpgid(2) refuses then
    int exit_signal = 17;                // to the parent; 0 for none
    UsageTotals dead_children;
    boost::intrusive::list<EndWatcher, boost::intrusive::member_hook<EndWatcher, boost::intrusive::list_member_hook<>,
                                                                     &EndWatcher::hook>,
                           boost::intrusive::constant_time_size<false>>
        end_watchers;

    // ---- under the signal lock
    SignalQueue shared_pending;
    bool is_group_exiting = false;       // exit_group, a fatal signal, or exec by another thread
    Task* execing_task = nullptr;
    int group_exit_code = 0;             // wait status
    int stop_signal = 0;                 // nonzero: its tasks stop on their way to user mode
    int untold_change = 0;               // CLD_STOPPED or CLD_CONTINUED that the parent is to be told by a task of ours
    uint32_t continue_count = 0;         // SIGCONTs sent: one that comes between taking a stop signal and stopping wins
    int stop_report = 0;                 // the signal of a stop not yet waited for
    bool continue_report = false;        // a SIGCONT not yet waited for
    UsageTotals dead_tasks;
    uint32_t live_tasks = 0;             // that have not begun to exit
    bool cannot_be_killed = false;       // init: signals without a handler do nothing

    std::atomic<uint32_t> memory_users{0};  // tasks that have not left the address space yet

    WaitQueue child_events;     // waits of this process's tasks for its children
    WaitQueue stopped_tasks;    // tasks that are stopped
    WaitQueue task_exits;       // exec waits here until it is alone
    WaitQueue vfork_done;       // the parent of a vfork waits here for this process
    std::atomic<bool> holds_vfork_parent{false};
    std::atomic<int32_t> signal_readers{0};   // signalfds that want update_signals(Readable) for each signal sent

    std::atomic<int> exit_status{0};     // wait status, valid when Zombie
    std::atomic<bool> is_dumpable{true};
    std::atomic<bool> is_in_vfork{false};
    std::atomic<uint32_t> barrier_registrations{0};   // membarrier(2)
    std::atomic<uint64_t> oom_score_adjust{0};
    IntervalTimers* timers = nullptr;    // setitimer, timer_create; made when first needed

    ~Process() override;
    void last_reference_gone() override;

private:
    friend class Task;
    friend struct ProcessParts;
    Process();

    Pid pid_ = 0;
    std::atomic<Pid> parent_pid_{0};
    PidNamespace* pid_namespace_ = nullptr;
    std::atomic<ProcessState> state_{ProcessState::Alive};
    std::atomic<bool> is_stopped_{false};
    std::atomic<uint32_t> task_count_{0};   // that have not ended; changed under the tree lock
    int64_t start_time_ns_ = 0;
    mutable SpinLock lock_{LockRank::Credentials};   // of the two below when others look
    Ref<AddressSpace> address_space_;
    Ref<File> executable_;   // open for execution, which keeps writers out
    Ref<SignalHandlers> handlers_;
    std::array<abi::Rlimit, kLimitCount> limits_{};
    Ref<Job> job_;
    Ref<PidSlot> slot_;
    epoch::Node node_;
};

}  // namespace gyre::linux
