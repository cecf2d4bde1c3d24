// SPDX-License-Identifier: MIT
//
// A Task: what Linux calls a thread. One to one with a schedule Thread, whose owner it is; what belongs to one thread alone
// stands here (identity, credentials, signal mask, tables it may share with others), what belongs to all of them in Process.
#pragma once

#include <atomic>
#include <cstdint>

#include <boost/intrusive/list_hook.hpp>

#include "kernel/linux/call_result.h"
#include "kernel/linux/pid_table.h"
#include "kernel/linux/signal.h"
#include "kernel/linux/user_account.h"
#include "kernel/object/credentials.h"
#include "kernel/schedule/thread.h"
#include "kernel/sync/epoch.h"

namespace gyre {
class FileTable;
class FilesystemContext;
}  // namespace gyre

namespace gyre::linux {

// How a call that ended with RestartUnlessHandler goes on when no handler ran (restart_syscall(2)). A call that leaves it
// empty is simply made again.
struct RestartBlock {
    CallResult (*run)(CallContext& context, RestartBlock& block) = nullptr;
    uint64_t values[6] = {};
};

constexpr uint32_t kNoRandomPlaces = 0x0040000;   // ADDR_NO_RANDOMIZE of personality(2)

class Task final : public RefCounted {
public:
    static Task& of(Thread& thread) { return *static_cast<Task*>(thread.owner()); }
    static Task& current() { return of(Thread::current()); }

    Process& process() const { return *process_; }
    Thread& thread() const { return *thread_; }
    Pid tid() const { return tid_.load(std::memory_order_relaxed); }
    bool is_leader() const;  // its tid is the process's pid
    UserAccount& account() const { return *account_; }  // the real user's; stable for the running task
    Ref<UserAccount> account_reference() const;         // any task; context: any

    // The running task's own are stable while the call lasts; of another task take a reference.
    const Credentials& credentials() const { return *credentials_; }
    Ref<Credentials> credentials_reference() const;       // any task; context: any
    void set_credentials(Ref<Credentials> credentials);   // of the running task
    FileTable& files() const { return *files_; }
    Ref<FileTable> files_reference() const;               // null once it has exited
    FilesystemContext& filesystem() const { return *filesystem_; }
    Ref<FilesystemContext> filesystem_reference() const;  // null once it has exited
    void set_files(Ref<FileTable> files);
    void set_filesystem(Ref<FilesystemContext> filesystem);

    // comm: at most 15 bytes. Kept by the Thread.
    std::string_view name() const { return thread_->name(); }

    RestartBlock restart;

    // ---- under the signal lock of the process (blocked is written by the task itself only)
    SignalSet blocked = 0;
    SignalSet waited_for = 0;           // by sigtimedwait(2): taken even though blocked, kept even though ignored
    bool has_stopped = false;           // sleeps because its process is stopped
    SignalQueue pending;
    // ---- the running task's own
    SignalSet saved_mask = 0;           // to be restored after delivery when has_saved_mask
    bool has_saved_mask = false;
    bool is_exiting = false;            // has begun to end
    bool has_ended = false;             // counted in Process::dead_tasks; under the tree lock
    abi::SignalStack signal_stack{0, abi::kSsDisable, 0, 0};
    struct Fault {                      // the last one, for the handler's struct sigcontext
        uint64_t vector = 0, error_code = 0, address = 0;
    } last_fault;
    uint64_t child_set_tid = 0;         // CLONE_CHILD_SETTID: where the new task writes its number
    uint64_t clear_child_tid = 0;       // set_tid_address(2)
    uint64_t robust_list = 0;           // set_robust_list(2)
    uint64_t rseq_area = 0;             // rseq(2)
    uint32_t rseq_length = 0, rseq_signature = 0;
    int parent_death_signal = 0;        // PR_SET_PDEATHSIG
    uint64_t timer_slack_ns = 50'000;
    int exit_code = 0;                  // wait status
    int64_t start_time_ns = 0;          // monotonic
    bool reset_on_fork = false;         // SCHED_RESET_ON_FORK
    uint32_t personality = 0;           // personality(2)
    std::atomic<uint16_t> io_priority{0};  // ioprio_set(2)
    std::atomic<uint64_t> minor_faults{0}, major_faults{0};

    // In Process::tasks; under the tree lock and the signal lock.
    boost::intrusive::list_member_hook<> process_hook;

    void last_reference_gone();

private:
    friend struct ProcessParts;
    friend class Process;
    Task();
    ~Task();

    std::atomic<Pid> tid_{0};
    Ref<Process> process_;
    Ref<Thread> thread_;
    Ref<PidSlot> slot_;
    mutable SpinLock lock_{LockRank::Credentials};  // of the three below when another task looks
    Ref<Credentials> credentials_;
    Ref<FileTable> files_;
    Ref<FilesystemContext> filesystem_;
    Ref<UserAccount> account_;
    epoch::Node node_;
};

}  // namespace gyre::linux
