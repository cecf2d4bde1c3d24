// SPDX-License-Identifier: MIT
//
// The private members of Process and Task, for the few files that build, change and take them apart: fork, exec, exit,
// wait, start_init. Nobody else includes this.
#pragma once

#include "kernel/fs/file.h"
#include "kernel/fs/file_table.h"
#include "kernel/fs/filesystem_context.h"
#include "kernel/linux/process_tree.h"

namespace gyre::linux {

struct ProcessParts {
    static Process* new_process() { return new (std::nothrow) Process(); }
    static Task* new_task() { return new (std::nothrow) Task(); }

    static Pid& pid(Process& process) { return process.pid_; }
    static std::atomic<Pid>& parent_pid(Process& process) { return process.parent_pid_; }
    static PidNamespace*& pid_namespace(Process& process) { return process.pid_namespace_; }
    static std::atomic<ProcessState>& state(Process& process) { return process.state_; }
    static std::atomic<bool>& is_stopped(Process& process) { return process.is_stopped_; }
    static std::atomic<uint32_t>& task_count(Process& process) { return process.task_count_; }
    static int64_t& start_time_ns(Process& process) { return process.start_time_ns_; }
    static SpinLock& lock(Process& process) { return process.lock_; }
    static Ref<AddressSpace>& address_space(Process& process) { return process.address_space_; }
    static Ref<File>& executable(Process& process) { return process.executable_; }
    static Ref<SignalHandlers>& handlers(Process& process) { return process.handlers_; }
    static auto& limits(Process& process) { return process.limits_; }
    static Ref<Job>& job(Process& process) { return process.job_; }
    static Ref<PidSlot>& slot(Process& process) { return process.slot_; }

    static std::atomic<Pid>& tid(Task& task) { return task.tid_; }
    static Ref<Process>& process(Task& task) { return task.process_; }
    static Ref<Thread>& thread(Task& task) { return task.thread_; }
    static Ref<PidSlot>& slot(Task& task) { return task.slot_; }
    static SpinLock& lock(Task& task) { return task.lock_; }
    static Ref<Credentials>& credentials(Task& task) { return task.credentials_; }
    static Ref<FileTable>& files(Task& task) { return task.files_; }
    static Ref<FilesystemContext>& filesystem(Task& task) { return task.filesystem_; }
    static Ref<UserAccount>& account(Task& task) { return task.account_; }
};

// exit.cpp: takes a dead process out of the tree, so that its numbers name nothing any more. The tree lock is held; its
// leader is put into the list, and dropped by drop_reaped() after the lock.
void reap_locked(Process& process, Process::TaskList& reaped) GYRE_REQUIRES(g_tree_lock);
void drop_reaped(Process::TaskList& reaped);

// Gives the task a table of its own (exec, unshare). Errors: NoMemory.
Status unshare_files(Task& task);
// Leaves the table; the last user closes every descriptor.
void release_files(Task& task);

}  // namespace gyre::linux
