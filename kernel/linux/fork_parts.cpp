// SPDX-License-Identifier: MIT
//
// See fork_parts.h.
#include "kernel/linux/fork_parts.h"

#include <cstring>

#include "kernel/arch/x86_64/trap_frame.h"
#include "kernel/linux/interval_timers.h"
#include "kernel/schedule/scheduler.h"

namespace gyre::linux {
namespace {

// What the child does before its first instruction; runs on its own stack, in its own address space.
void child_entry(void* argument) {
    Task& task = *static_cast<Task*>(argument);
    // CLONE_CHILD_SETTID is written by the child because its memory may be a copy. A bad address is nobody's error (as
    // Linux).
    if (task.child_set_tid != 0) {
        const int32_t tid = task.tid();
        (void)user_memory::copy_out(task.child_set_tid, &tid, sizeof(tid));
    }
    enter_user_mode();
}

Result<Ref<SignalHandlers>> copy_handlers(SignalHandlers& from, bool clears) {
    Ref<SignalHandlers> copy = TRY(make_ref<SignalHandlers>());
    SpinGuard guard(from.lock);
    for (size_t i = 0; i < from.actions.size(); ++i) {
        if (clears && from.actions[i].handler != abi::kSigIgnore) continue;  // CLONE_CLEAR_SIGHAND
        copy->actions[i] = from.actions[i];
    }
    return copy;
}

void copy_registers(Thread& from, Thread& to, const CloneRequest& request) {
    arch::TrapFrame& frame = arch::user_frame(to);
    frame = arch::user_frame(from);
    frame.rax = 0;
    if (request.stack != 0) frame.rsp = request.stack;
    arch::ThreadContext& context = to.context();
    context.fs_base = request.flags & clone_flag::kSetTls ? request.tls : arch::user_fs_base();
    context.gs_base = arch::user_gs_base();
    arch::vector_state_save_current();
    std::memcpy(context.vector_state, from.context().vector_state, arch::vector_state_size());
}

}  // namespace

void enter_user_mode() {
    (void)arch::disable_interrupts();
    if (must_leave_slowly()) on_leave_to_user();
    Thread::current().account_leave_kernel();
    arch::return_to_user();
}

TaskCharges::~TaskCharges() {
    if (account_) account_->tasks.fetch_sub(1, std::memory_order_relaxed);
    if (job_) job_->release_thread();
}

Status TaskCharges::take(UserAccount& account, Job& job, uint64_t task_limit, bool ignores_limit) {
    TRY_VOID(UserAccount::charge(account.tasks, ignores_limit ? kUnlimited : task_limit));
    account_ = &account;
    TRY_VOID(job.charge_thread());
    job_ = &job;
    return {};
}

// Memory, program and descriptors go here and now when a making fails: their end may sleep, and what Task and Process
// keep until their epoch is over must not.
UnbornTask::~UnbornTask() {
    if (task) {
        ProcessParts::files(*task).reset();
        ProcessParts::filesystem(*task).reset();
    }
    if (new_process) {
        if (new_process->timers) destroy_timers(*new_process);
        ProcessParts::address_space(*new_process).reset();
        ProcessParts::executable(*new_process).reset();
    }
}

Status UnbornTask::make_process(Process& parent, const CloneRequest& request) {
    new_process = Ref<Process>::adopt(ProcessParts::new_process());
    if (!new_process) return fail(Error::NoMemory);
    Process& process = *new_process;
    const uint64_t flags = request.flags;
    if (flags & clone_flag::kHandlers)
        ProcessParts::handlers(process) = ProcessParts::handlers(parent);
    else
        ProcessParts::handlers(process) =
            TRY(copy_handlers(parent.handlers(), (flags & clone_flag::kClearHandlers) != 0));
    {
        SpinGuard guard(ProcessParts::lock(parent));
        ProcessParts::limits(process) = ProcessParts::limits(parent);
        ProcessParts::executable(process) = ProcessParts::executable(parent);
    }
    ProcessParts::job(process) = ProcessParts::job(parent);
    ProcessParts::pid_namespace(process) = &parent.pid_namespace();
    ProcessParts::start_time_ns(process) = arch::clock_now_ns();
    process.exit_signal = request.exit_signal;
    process.is_dumpable.store(parent.is_dumpable.load(std::memory_order_relaxed), std::memory_order_relaxed);
    // Membarrier registrations belong to the memory, which is copied or shared.
    process.barrier_registrations.store(parent.barrier_registrations.load(std::memory_order_relaxed),
                                        std::memory_order_relaxed);
    process.oom_score_adjust.store(parent.oom_score_adjust.load(std::memory_order_relaxed), std::memory_order_relaxed);
    process.holds_vfork_parent.store((flags & clone_flag::kVfork) != 0, std::memory_order_relaxed);
    process.is_in_vfork.store((flags & clone_flag::kVfork) != 0, std::memory_order_relaxed);
    // Last, because it is the dear one.
    if (flags & clone_flag::kMemory)
        ProcessParts::address_space(process) = Ref<AddressSpace>(parent.address_space());
    else
        ProcessParts::address_space(process) = TRY(parent.address_space().fork());
    return {};
}

Status UnbornTask::make_task(CallContext& context, const CloneRequest& request) {
    Task& caller = context.task;
    task = Ref<Task>::adopt(ProcessParts::new_task());
    if (!task) return fail(Error::NoMemory);
    Task& made = *task;
    Process& process = new_process ? *new_process : context.process;
    const uint64_t flags = request.flags;
    ProcessParts::slot(made) = TRY(context.process.pid_namespace().allocate());
    ProcessParts::tid(made).store(ProcessParts::slot(made)->number(), std::memory_order_relaxed);
    if (flags & clone_flag::kFiles)
        ProcessParts::files(made) = Ref<FileTable>(caller.files());
    else
        ProcessParts::files(made) = TRY(caller.files().copy());
    if (flags & clone_flag::kFilesystem)
        ProcessParts::filesystem(made) = Ref<FilesystemContext>(caller.filesystem());
    else
        ProcessParts::filesystem(made) = TRY(caller.filesystem().copy());
    ProcessParts::credentials(made) = ProcessParts::credentials(caller);
    ProcessParts::account(made) = ProcessParts::account(caller);
    ProcessParts::process(made) = Ref<Process>(process);

    made.blocked = caller.blocked;
    // sigaltstack(2): kept by a process of its own memory (and vfork), not by a thread.
    if ((flags & (clone_flag::kMemory | clone_flag::kVfork)) != clone_flag::kMemory)
        made.signal_stack = caller.signal_stack;
    // rseq(2): threads register for themselves, a forked child goes on with the copy.
    if ((flags & clone_flag::kMemory) == 0) {
        made.rseq_area = caller.rseq_area;
        made.rseq_length = caller.rseq_length;
        made.rseq_signature = caller.rseq_signature;
    }
    made.timer_slack_ns = caller.timer_slack_ns;
    made.personality = caller.personality;
    made.io_priority.store(caller.io_priority.load(std::memory_order_relaxed), std::memory_order_relaxed);
    made.start_time_ns = arch::clock_now_ns();
    if (flags & clone_flag::kChildSetTid) made.child_set_tid = request.child_tid;
    if (flags & clone_flag::kChildClearTid) made.clear_child_tid = request.child_tid;

    // The thread comes last: it holds the address space until it has run.
    Thread::Start start;
    start.name = caller.name();
    start.entry = child_entry;
    start.argument = &made;
    start.address_space = &process.address_space();
    start.owner = &made;
    start.has_user_state = true;
    start.schedule = caller.thread().schedule_parameters();
    if (caller.reset_on_fork) {
        // SCHED_RESET_ON_FORK (sched(7)): no real-time policy and no better than the default nice value.
        if (start.schedule.realtime_priority != 0) start.schedule = {};
        if (start.schedule.nice < 0) start.schedule.nice = 0;
    }
    start.affinity = caller.thread().affinity();
    ProcessParts::thread(made) = TRY(Thread::create(start));
    if (made.rseq_area != 0) made.thread().tell_moves_from(Thread::kNowhere);
    copy_registers(caller.thread(), made.thread(), request);
    return {};
}

}  // namespace gyre::linux
