// SPDX-License-Identifier: MIT
//
// How a task ends, and with the last of its tasks a process: it lets go of memory, files and names, its children get
// another parent, its own parent is told (exit.h; _exit(2), credentials(7)). From the moment the parent may know, the
// dying thread does not sleep any more: the parent may reap it, and what remains of it lives only until the epoch ends.
#include "kernel/linux/exit.h"

#include <algorithm>
#include <utility>

#include "call_handlers.h"
#include "kernel/linux/futex.h"
#include "kernel/linux/interval_timers.h"
#include "kernel/linux/process_parts.h"
#include "kernel/linux/wait.h"
#include "kernel/log/panic.h"
#include "kernel/tty/job_control.h"

namespace gyre::linux {
namespace {

// The task takes no more signals; those of its process that it was woken for must find another one.
void stop_taking_signals(Task& task, int wait_status) {
    Process& process = task.process();
    SpinGuard signal(process.handlers().lock);
    task.is_exiting = true;
    task.exit_code = wait_status;
    // Whoever goes last without a word to all says how the process ended (exit_group(2)).
    if (--process.live_tasks == 0 && !process.is_group_exiting) {
        process.is_group_exiting = true;
        process.group_exit_code = wait_status;
    }
    discard_signals(task.pending);
    if (process.shared_pending.set == 0 || process.is_group_exiting) return;
    for (Task& other : process.tasks)
        if (!other.is_exiting && (process.shared_pending.set & ~other.blocked) != 0)
            other.thread().interrupt(Interruption::Signal);
}

// CLONE_CHILD_CLEARTID: what pthread_join waits for. Not worth a page copied on write when nobody else can see it.
void clear_child_tid(Task& task) {
    const uint64_t address = std::exchange(task.clear_child_tid, 0);
    if (address == 0) return;
    AddressSpace& space = *task.thread().address_space();
    const bool is_alone =
        task.process().memory_users.load(std::memory_order_relaxed) == 1 && space.reference_count() <= 2;
    if (is_alone) return;
    const int32_t zero = 0;
    if (user_memory::copy_out(address, &zero, sizeof(zero))) (void)futex_wake_address(space, address, 1);
}

// What the process holds as a whole, let go of by the last task that used its memory.
void release_process(Process& process) {
    if (process.timers) destroy_timers(process);
    Ref<AddressSpace> space;
    Ref<File> executable;
    {
        SpinGuard guard(ProcessParts::lock(process));
        space = std::move(ProcessParts::address_space(process));
        executable = std::move(ProcessParts::executable(process));
    }
    note_peak_memory(process, *space);
    Thread::set_current_address_space({});
    space.reset();
    executable.reset();
    if (process.holds_vfork_parent.exchange(false)) process.vfork_done.wake_all();
    if (process.is_session_leader()) tty::session_leader_exits(process);
}

void leave_memory(Task& task) {
    Process& process = task.process();
    leave_shared_memory(task);
    if (process.memory_users.fetch_sub(1, std::memory_order_acq_rel) == 1)
        release_process(process);
    else
        Thread::set_current_address_space({});
}

// The process has no task left. Under the tree lock.
void end_process_locked(Process& process, Process::TaskList& reaped) GYRE_REQUIRES(g_tree_lock) {
    process.exit_status.store(process.group_exit_code, std::memory_order_relaxed);
    Session& session = process.group->session();
    if (session.leader == &process) session.leader = nullptr;
    hang_up_orphaned_groups_locked(process);
    reparent_children_locked(process, reaped);
    ProcessParts::state(process).store(ProcessState::Zombie, std::memory_order_release);
    const bool nobody_waits = notify_parent_of_end_locked(process);
    for (EndWatcher& watcher : process.end_watchers) watcher.ended(watcher);
    process.update_signals(Signals::None, Signals::Terminated);
    if (nobody_waits) reap_locked(process, reaped);
}

void release_charges(Task& task) {
    task.account().tasks.fetch_sub(1, std::memory_order_relaxed);
    task.process().job().release_thread();
}

// Leaves the process; the leader stays in it as a zombie until it is waited for.
void leave_process(Task& task) {
    Process& process = task.process();
    Process::TaskList reaped;
    bool is_exec_waiting;
    {
        SpinGuard tree(g_tree_lock);
        bool is_last;
        {
            SpinGuard signal(process.handlers().lock);
            process.dead_tasks.add(task);
            task.has_ended = true;
            is_last = ProcessParts::task_count(process).fetch_sub(1, std::memory_order_acq_rel) == 1;
            is_exec_waiting = process.execing_task != nullptr;
            if (process.leader_task != &task) {
                process.tasks.erase(Process::TaskList::s_iterator_to(task));
                ProcessParts::slot(task)->task.store(nullptr, std::memory_order_release);
                reaped.push_back(task);
            }
        }
        if (is_last) end_process_locked(process, reaped);
    }
    if (is_exec_waiting) process.task_exits.wake_all();
    drop_reaped(reaped);
}

}  // namespace

void reap_locked(Process& process, Process::TaskList& reaped) {
    ProcessParts::state(process).store(ProcessState::Reaped, std::memory_order_release);
    Task& leader = *process.leader_task;
    if (process.parent) process.parent->children.erase(Process::Children::s_iterator_to(process));
    process.parent = nullptr;
    // The reference to the group stays until the process goes: relations() may still be asked.
    ProcessGroup& group = *process.group;
    group.members.erase(ProcessGroup::Members::s_iterator_to(process));
    if (group.members.empty()) group.slot().group = nullptr;
    PidSlot& slot = *ProcessParts::slot(process);
    slot.process.store(nullptr, std::memory_order_release);
    slot.task.store(nullptr, std::memory_order_release);
    {
        SpinGuard signal(process.handlers().lock);
        discard_signals(process.shared_pending);
        process.tasks.erase(Process::TaskList::s_iterator_to(leader));
        process.leader_task = nullptr;
    }
    reaped.push_back(leader);
}

void drop_reaped(Process::TaskList& reaped) {
    while (!reaped.empty()) {
        Task& task = reaped.front();
        reaped.pop_front();
        release_charges(task);
        Ref<Task>::adopt(&task).reset();
    }
}

void leave_shared_memory(Task& task) {
    if (task.robust_list != 0) {
        exit_robust_list(task);
        task.robust_list = 0;
    }
    clear_child_tid(task);
}

void note_peak_memory(Process& process, AddressSpace& space) {
    const uint64_t pages = space.usage().peak_resident_pages;
    SpinGuard guard(g_tree_lock);
    process.dead_tasks.most_resident_pages = std::max(process.dead_tasks.most_resident_pages, pages);
}

void kill_other_tasks_locked(Process& process, const Task* except) {
    for (Task& task : process.tasks)
        if (&task != except && !task.is_exiting) task.thread().interrupt(Interruption::Kill);
}

void exit_task(int wait_status) {
    Task& task = Task::current();
    Process& process = task.process();
    stop_taking_signals(task, wait_status);
    if (process.stop_signal != 0) complete_group_stop(process);
    if (process.pid() == kInitPid && process.live_tasks == 0) {
        const int code = process.is_group_exiting ? process.group_exit_code : wait_status;
        panic("Attempted to kill init! exitcode=0x{x}", static_cast<uint32_t>(code));
    }
    leave_memory(task);
    release_files(task);
    task.set_filesystem({});
    leave_process(task);
    Thread::exit();
}

void exit_group(int wait_status) {
    Task& task = Task::current();
    Process& process = task.process();
    {
        SpinGuard signal(process.handlers().lock);
        if (process.is_group_exiting) {
            // Somebody was first: his status counts. (An exec that waits for us: our own ends with us.)
            wait_status = process.group_exit_code;
        } else {
            process.is_group_exiting = true;
            process.group_exit_code = wait_status;
            if (process.live_tasks > 1) kill_other_tasks_locked(process, &task);
        }
    }
    exit_task(wait_status);
}

void release_files(Task& task) {
    FileTable* table;
    {
        SpinGuard guard(ProcessParts::lock(task));
        table = ProcessParts::files(task).leak();
    }
    if (!table || !table->drop_reference()) return;
    table->close_all();
    delete table;
}

Status unshare_files(Task& task) {
    if (task.files().reference_count() == 1) return {};
    Ref<FileTable> copy = TRY(task.files().copy());
    release_files(task);
    task.set_files(std::move(copy));
    return {};
}

CallResult sys_exit(CallContext&, int status) { exit_task((status & 0xff) << 8); }

CallResult sys_exit_group(CallContext&, int status) { exit_group((status & 0xff) << 8); }

}  // namespace gyre::linux
