// SPDX-License-Identifier: MIT
//
// The point of no return of an exec, and what is behind it: the other threads end, the old memory goes, and everything
// that execve(2) lists as not preserved is reset.
#include <utility>

#include "kernel/arch/x86_64/trap_frame.h"
#include "kernel/fs/file_table.h"
#include "kernel/linux/exec.h"
#include "kernel/linux/exit.h"
#include "kernel/linux/futex.h"
#include "kernel/linux/interval_timers.h"
#include "kernel/linux/process_parts.h"

namespace gyre::linux {
namespace {

// The leader is dead but for its number, which goes over to the task that lives on. Both locks are held; the old leader
// is put into `dead`.
void take_leaders_place_locked(Task& task, Process& process, Process::TaskList& dead) {
    Task& leader = *process.leader_task;
    std::swap(ProcessParts::slot(task), ProcessParts::slot(leader));
    const Pid own_tid = task.tid();
    ProcessParts::tid(task).store(process.pid(), std::memory_order_relaxed);
    ProcessParts::tid(leader).store(own_tid, std::memory_order_relaxed);
    ProcessParts::slot(task)->task.store(&task, std::memory_order_release);
    ProcessParts::slot(leader)->task.store(nullptr, std::memory_order_release);
    process.leader_task = &task;
    process.tasks.erase(Process::TaskList::s_iterator_to(leader));
    dead.push_back(leader);
}

void swap_memory(Exec& exec) {
    Task& task = exec.context.task;
    Process& process = exec.context.process;
    leave_shared_memory(task);
    Ref<AddressSpace> old_space = exec.space;
    Ref<File> old_program = exec.file;
    {
        SpinGuard guard(ProcessParts::lock(process));
        std::swap(ProcessParts::address_space(process), old_space);
        std::swap(ProcessParts::executable(process), old_program);
    }
    Thread::set_current_address_space(exec.space);
    if (old_space) note_peak_memory(process, *old_space);  // the first program comes after none
    old_space.reset();
    if (process.holds_vfork_parent.exchange(false)) process.vfork_done.wake_all();
    process.is_in_vfork.store(false, std::memory_order_relaxed);
}

// Handlers are gone with the old program; what is ignored stays ignored.
void reset_signals(Exec& exec) {
    Task& task = exec.context.task;
    if (exec.handlers) {
        SpinGuard tree(g_tree_lock);
        std::swap(ProcessParts::handlers(exec.context.process), exec.handlers);
    }
    SignalHandlers& handlers = exec.context.process.handlers();
    {
        SpinGuard guard(handlers.lock);
        for (abi::SigAction& action : handlers.actions) {
            if (action.handler != abi::kSigIgnore) action.handler = abi::kSigDefault;
            action.flags = action.restorer = action.mask = 0;
        }
    }
    task.signal_stack = {0, abi::kSsDisable, 0, 0};
    task.restart = {};
    if (exec.context.process.timers) delete_posix_timers(exec.context.process);
}

std::string_view last_name(std::string_view path) {
    const size_t slash = path.rfind('/');
    return slash == std::string_view::npos ? path : path.substr(slash + 1);
}

}  // namespace

Status become_only_task(Task& task) {
    Process& process = task.process();
    SignalHandlers& handlers = process.handlers();
    {
        SpinGuard signal(handlers.lock);
        if (process.is_group_exiting) return fail(Error::Interrupted);
        if (process.live_tasks == 1 && task.is_leader()) return {};
        process.is_group_exiting = true;
        process.execing_task = &task;
        kill_other_tasks_locked(process, &task);
    }
    // The others go without our help, so nothing needs to end this wait.
    (void)process.task_exits.wait(Patience::forever().uninterruptible(), [&] { return process.task_count() == 1; });
    Process::TaskList dead;
    bool was_killed;
    {
        SpinGuard tree(g_tree_lock);
        SpinGuard signal(handlers.lock);
        if (process.leader_task != &task) take_leaders_place_locked(task, process, dead);
        process.execing_task = nullptr;
        was_killed = process.group_exit_code != 0;  // by a SIGKILL that came meanwhile
        if (!was_killed) process.is_group_exiting = false;
    }
    drop_reaped(dead);
    if (was_killed) return fail(Error::Interrupted);
    return {};
}

Status prepare_handlers(Exec& exec) {
    SignalHandlers& old = exec.context.process.handlers();
    if (old.reference_count() == 1) return {};
    exec.handlers = TRY(make_ref<SignalHandlers>());
    SpinGuard guard(old.lock);
    exec.handlers->actions = old.actions;
    return {};
}

void commit(Exec& exec) {
    Task& task = exec.context.task;
    Process& process = exec.context.process;
    // Who it is changes before what it is: whoever takes a look at the process's memory and asks then whether he may
    // (check_inspect) gets no new program with the old one's rights.
    if (exec.credentials) task.set_credentials(std::move(exec.credentials));
    const Credentials& who = task.credentials();
    process.is_dumpable.store(who->effective_uid == who->uid && who->effective_gid == who->gid,
                              std::memory_order_relaxed);
    swap_memory(exec);
    process.barrier_registrations.store(0, std::memory_order_relaxed);
    reset_signals(exec);
    {
        SpinGuard tree(g_tree_lock);
        process.exit_signal = kSigChild;
        process.has_execed = true;
    }
    // After that, because the end of a pipe tells others that the exec has happened.
    task.files().close_on_exec();
    if (exec.is_secure) task.parent_death_signal = 0;
    task.rseq_area = task.rseq_length = task.rseq_signature = 0;
    task.thread().set_name(last_name(exec.path.view()));
}

void reset_registers(const Exec& exec) {
    Thread& thread = exec.context.task.thread();
    arch::TrapFrame& frame = arch::user_frame(thread);
    frame = {};
    const bool has_interpreter = static_cast<bool>(exec.interpreter);
    frame.rip = has_interpreter ? exec.interpreter_image.entry + exec.interpreter_bias
                                : exec.image.entry + exec.image_bias;
    frame.rsp = exec.stack_pointer;
    frame.cs = arch::kUserCode;
    frame.ss = arch::kUserData;
    frame.rflags = arch::kFlagsInterrupt | arch::kFlagsFixed;
    frame.vector = arch::TrapFrame::kCallVector;
    frame.original_rax = arch::TrapFrame::kNoCall;
    // What the quick way back loads rip and rflags from.
    frame.rcx = frame.rip;
    frame.r11 = frame.rflags;
    arch::set_user_fs_base(0);
    arch::set_user_gs_base(0);
    arch::vector_state_initialize(thread.context().vector_state);
    arch::vector_state_restore_current();
}

}  // namespace gyre::linux
