// SPDX-License-Identifier: MIT
//
// Who belongs to whom: parents and children, process groups, sessions and their terminals (credentials(7)). One spin lock,
// the tree lock, guards all of it; it is taken at fork, exit, wait and by job control, never to look a process up.
#pragma once

#include <boost/intrusive/list.hpp>

#include "kernel/linux/process.h"

namespace gyre {
class Terminal;  // kernel/tty
}

namespace gyre::linux {

class Session final : public RefCounted {
public:
    explicit Session(Ref<PidSlot> slot);
    Pid id() const { return slot_->number(); }
    // ---- under the tree lock
    Process* leader = nullptr;        // null once it has exited
    Terminal* terminal = nullptr;     // the controlling terminal; the Terminal keeps the session alive, not the reverse

private:
    Ref<PidSlot> slot_;
};

class ProcessGroup final : public RefCounted {
public:
    ProcessGroup(Ref<PidSlot> slot, Ref<Session> session);
    Pid id() const { return slot_->number(); }
    Session& session() const { return *session_; }
    PidSlot& slot() const { return *slot_; }
    // ---- under the tree lock
    using Members =
        boost::intrusive::list<Process, boost::intrusive::member_hook<Process, boost::intrusive::list_member_hook<>,
                                                                      &Process::group_hook>,
                               boost::intrusive::constant_time_size<false>>;
    Members members;
    // No member has a parent in another group of the session: nobody could continue it (POSIX "orphaned").
    bool is_orphaned(const Process* ignoring = nullptr) const GYRE_REQUIRES(g_tree_lock);

private:
    Ref<PidSlot> slot_;
    Ref<Session> session_;
};

// The group that goes by the number, null when there is none. Under the tree lock.
ProcessGroup* find_group_locked(const PidNamespace& pids, Pid number) GYRE_REQUIRES(g_tree_lock);
// A group goes by its number from its first member to its last. Under the tree lock.
void join_group_locked(Process& process, Ref<ProcessGroup> group) GYRE_REQUIRES(g_tree_lock);
// Hands out the reference, to be dropped after the lock.
[[nodiscard]] Ref<ProcessGroup> leave_group_locked(Process& process) GYRE_REQUIRES(g_tree_lock);

}  // namespace gyre::linux
