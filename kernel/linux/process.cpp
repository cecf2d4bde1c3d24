// SPDX-License-Identifier: MIT
//
// See process.h. A process is made by fork.cpp and ended by exit.cpp; here is what others may ask of one.
#include "kernel/linux/process.h"

#include <algorithm>

#include "kernel/linux/process_parts.h"
#include "kernel/tty/job_control.h"

namespace gyre::linux {

void UsageTotals::add(const UsageTotals& other) {
    user_ns += other.user_ns;
    system_ns += other.system_ns;
    voluntary_switches += other.voluntary_switches;
    involuntary_switches += other.involuntary_switches;
    minor_faults += other.minor_faults;
    major_faults += other.major_faults;
    most_resident_pages = std::max(most_resident_pages, other.most_resident_pages);
}

void UsageTotals::add(const Task& task) {
    const Thread& thread = task.thread();
    user_ns += thread.user_time_ns();
    system_ns += thread.system_time_ns();
    voluntary_switches += thread.voluntary_switches();
    involuntary_switches += thread.involuntary_switches();
    minor_faults += task.minor_faults.load(std::memory_order_relaxed);
    major_faults += task.major_faults.load(std::memory_order_relaxed);
}

Process::Process() : Object(kKind) {}

// Runs in the reclaimer of epochs: memory and program went at the process's end, so nothing here sleeps.
Process::~Process() = default;

void Process::last_reference_gone() {
    epoch::retire(node_, [](epoch::Node* node) {
        delete reinterpret_cast<Process*>(reinterpret_cast<char*>(node) - offsetof(Process, node_));
    });
}

Ref<AddressSpace> Process::address_space_reference() const {
    SpinGuard guard(lock_);
    return address_space_;
}

Path Process::executable() const {
    Ref<File> file;
    {
        SpinGuard guard(lock_);
        file = executable_;
    }
    return file ? file->path() : Path();
}

abi::Rlimit Process::limit_pair(int resource) const {
    SpinGuard guard(lock_);
    return limits_[static_cast<size_t>(resource)];
}

Status Process::set_limit(int resource, abi::Rlimit limit) {
    if (limit.current > limit.most) return fail(Error::InvalidArgument);
    SpinGuard guard(lock_);
    limits_[static_cast<size_t>(resource)] = limit;
    return {};
}

void Process::raise_cpu_limit(uint64_t seconds) {
    SpinGuard guard(lock_);
    abi::Rlimit& limit = limits_[kLimitCpu];
    if (seconds > limit.current) limit.current = seconds < limit.most ? seconds : limit.most;
}

UsageTotals Process::usage() const {
    uint64_t most_resident_pages = 0;
    if (Ref<AddressSpace> space = address_space_reference()) most_resident_pages = space->usage().peak_resident_pages;
    SpinGuard guard(g_tree_lock);
    UsageTotals totals = dead_tasks;
    for (const Task& task : tasks)
        if (!task.has_ended) totals.add(task);
    totals.most_resident_pages = std::max(totals.most_resident_pages, most_resident_pages);
    return totals;
}

UsageTotals Process::children_usage() const {
    SpinGuard guard(g_tree_lock);
    return dead_children;
}

Ref<Task> Process::leader() const {
    SpinGuard guard(g_tree_lock);
    return Ref<Task>(leader_task);
}

Ref<Task> Process::next_task(Pid from) const {
    SpinGuard guard(g_tree_lock);
    const Task* best = nullptr;
    for (const Task& task : tasks)
        if (task.tid() >= from && (!best || task.tid() < best->tid())) best = &task;
    return Ref<Task>(const_cast<Task*>(best));
}

Process::Relations Process::relations() const {
    SpinGuard guard(g_tree_lock);
    Relations relations{0, 0, 0, -1};
    if (!group) return relations;  // reaped
    relations.group = group->id();
    relations.session = group->session().id();
    const Terminal::Relations terminal = tty::relations_locked(group->session().terminal);
    relations.terminal_device = terminal.device;
    relations.terminal_group = terminal.foreground;
    return relations;
}

bool Process::is_session_leader() const {
    SpinGuard guard(g_tree_lock);
    return group && group->session().leader == this;
}

}  // namespace gyre::linux
