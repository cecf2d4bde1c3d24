// SPDX-License-Identifier: MIT
//
// The numbers by which programs name tasks, processes, process groups and sessions, and the namespace that gives them
// out (pid_namespaces(7): there is one namespace today, but every lookup names it). A PidSlot is a number in use; it
// stays taken while anything goes by it: a thread, a group whose leader died, a session.
// Lookup takes no lock: a reader is under an epoch by running, and what it finds it keeps with Ref::try_from.
// Kernel threads have no numbers; they are invisible to programs.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>

#include "kernel/sync/epoch.h"
#include "kernel/sync/spin_lock.h"
#include "lib/base/ref.h"
#include "lib/base/result.h"

namespace gyre::linux {

class PidNamespace;
class Process;
class ProcessGroup;
class Task;

using Pid = int32_t;

constexpr Pid kInitPid = 1;

class PidSlot final : public RefCounted {
public:
    Pid number() const { return number_; }

    // Who goes by the number. Written under the tree lock (process_tree.h); tasks and processes may be read under an
    // epoch, groups under the tree lock only. (Sessions are found through their processes.)
    std::atomic<Task*> task{nullptr};
    std::atomic<Process*> process{nullptr};
    ProcessGroup* group = nullptr;

    void last_reference_gone();

private:
    friend class PidNamespace;
    explicit PidSlot(PidNamespace& owner) : namespace_(owner) {}
    ~PidSlot() = default;

    PidNamespace& namespace_;
    Pid number_ = 0;
    epoch::Node node_;
};

class PidNamespace {
public:
    static constexpr Pid kMostPids = 32768;       // numbers below it are given out (kernel.pid_max)
    static constexpr Pid kFirstReusedPid = 300;   // after the first round, as Linux: the low ones stay rare

    static PidNamespace& initial();

    // The next free number in a round. Errors: WouldBlock (all taken), NoMemory.
    Result<Ref<PidSlot>> allocate();

    // Lock-free; null when there is none. find_process goes by the number of a thread group (its leader's).
    Ref<Task> find_task(Pid number) const;
    Ref<Process> find_process(Pid number) const;
    Ref<PidSlot> find_slot(Pid number) const;
    // The process with the lowest number at or above `from`, zombies included; null at the end.
    Ref<Process> next_process(Pid from) const;
    // The number 0, which no process has: the group and session of init until it makes its own (as Linux).
    Result<Ref<PidSlot>> make_zero();
    Pid last_given() const { return last_given_.load(std::memory_order_relaxed); }

    // The process that orphans go to; under the tree lock.
    Process* init = nullptr;

private:
    friend class PidSlot;
    static constexpr int kChunkShift = 9;
    static constexpr Pid kChunkSize = 1 << kChunkShift;
    struct Chunk {
        std::atomic<PidSlot*> slots[kChunkSize]{};
    };
    PidSlot* slot_of(Pid number) const;
    Pid next_free_locked() const;
    Pid free_in_range_locked(Pid from, Pid to) const;
    void release(PidSlot& slot);

    SpinLock lock_{LockRank::Leaf};
    std::atomic<Chunk*> chunks_[kMostPids / kChunkSize]{};
    uint64_t used_[kMostPids / 64]{1};  // a bit a number; 0 is never given out
    std::atomic<Pid> last_given_{0};
};

}  // namespace gyre::linux
