// SPDX-License-Identifier: MIT
//
// See process_tree.h.
#include "kernel/linux/process_tree.h"

namespace gyre::linux {

constinit SpinLock g_tree_lock{LockRank::ProcessSpin};

Session::Session(Ref<PidSlot> slot) : slot_(std::move(slot)) {}

ProcessGroup::ProcessGroup(Ref<PidSlot> slot, Ref<Session> session)
    : slot_(std::move(slot)), session_(std::move(session)) {}

// POSIX 3.280: every member's parent is either in the group itself or not in the group's session.
bool ProcessGroup::is_orphaned(const Process* ignoring) const {
    for (const Process& member : members) {
        if (&member == ignoring || member.state() != ProcessState::Alive) continue;
        const Process* parent = member.parent;
        if (!parent || parent->pid() == kInitPid || !parent->group) continue;
        if (parent->group.get() != this && &parent->group->session() == session_.get()) return false;
    }
    return true;
}

ProcessGroup* find_group_locked(const PidNamespace& pids, Pid number) {
    const Ref<PidSlot> slot = pids.find_slot(number);
    return slot ? slot->group : nullptr;
}

void join_group_locked(Process& process, Ref<ProcessGroup> group) {
    group->members.push_back(process);
    group->slot().group = group.get();
    process.group = std::move(group);
}

Ref<ProcessGroup> leave_group_locked(Process& process) {
    Ref<ProcessGroup> group = std::move(process.group);
    if (!group) return group;
    group->members.erase(ProcessGroup::Members::s_iterator_to(process));
    if (group->members.empty()) group->slot().group = nullptr;
    return group;
}

}  // namespace gyre::linux
