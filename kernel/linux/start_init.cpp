// SPDX-License-Identifier: MIT
//
// Process 1: made from nothing, and then an exec like any other (kernel parameters init=, rdinit=; as Linux). It mounts
// nothing: what is in the root came with the initramfs.
#include "kernel/linux/start_init.h"

#include <algorithm>
#include <memory>

#include "kernel/command_line.h"
#include "kernel/fs/initialize.h"
#include "kernel/fs/open.h"
#include "kernel/linux/errno.h"
#include "kernel/linux/exec.h"
#include "kernel/linux/fork.h"
#include "kernel/linux/init_parameters.h"
#include "kernel/linux/out_of_memory.h"
#include "kernel/linux/process_parts.h"
#include "kernel/log/log.h"
#include "kernel/log/assert.h"
#include "kernel/memory/page.h"

namespace gyre::linux {
namespace {

constexpr std::string_view kInits[] = {"/init", "/sbin/init", "/etc/init", "/bin/init", "/bin/sh"};
constexpr uint32_t kLeastThreads = 64, kMostThreads = PidNamespace::kMostPids - PidNamespace::kFirstReusedPid;
constexpr uint32_t kPagesPerThread = 32;  // as Linux: threads may fill an eighth of the machine with their stacks

uint32_t thread_limit() {
    const uint64_t pages = page_allocator::statistics().total_pages;
    return static_cast<uint32_t>(std::clamp<uint64_t>(pages / kPagesPerThread, kLeastThreads, kMostThreads));
}

void set_first_limits(Process& process, uint32_t most_threads) {
    auto& limits = ProcessParts::limits(process);
    limits.fill({kUnlimited, kUnlimited});
    limits[kLimitStack].current = 8 << 20;
    limits[kLimitCore].current = 0;
    limits[kLimitProcesses] = {most_threads / 2, most_threads / 2};
    limits[kLimitFiles] = {1024, 4096};
    limits[kLimitLocked] = {8 << 20, 8 << 20};
    limits[kLimitPendingSignals] = {most_threads / 2, most_threads / 2};
    limits[kLimitMessageQueue] = {819200, 819200};
    limits[kLimitNice] = limits[kLimitRealtimePriority] = {0, 0};
}

void open_console(CallContext& context) {
    PathText path;
    if (!path.set("/dev/console")) return;
    const LookupContext view{fs::root(), Path(), context.credentials()};
    // Not its controlling terminal yet: that is for the session it will make.
    const OpenRequest request{.flags = open_flags::kReadWrite | open_flags::kNoControllingTty};
    const Result<Ref<File>> console = open_path(view, path, request);
    if (!console) {
        log_warning("Warning: unable to open an initial console.");
        return;
    }
    for (int i = 0; i < 3; ++i) (void)context.files().install(*console, false, context.limit(kLimitFiles));
}

Status try_program(CallContext& context, const InitParameters& parameters, std::string_view name) {
    const std::unique_ptr<Exec> exec(new (std::nothrow) Exec(context));
    if (!exec) return fail(Error::NoMemory);
    TRY_VOID(exec->path.set(name));
    const LookupContext view{fs::root(), fs::root(), context.credentials()};
    Ref<File> file = TRY(open_for_execution(view, exec->path, LookupFlag::Follow));
    TRY_VOID(exec->arguments.append(name));
    for (const std::string_view argument : parameters.arguments()) TRY_VOID(exec->arguments.append(argument));
    for (const std::string_view variable : parameters.environment()) TRY_VOID(exec->environment.append(variable));
    TRY_VOID(open_program(*exec, std::move(file)));
    return run_exec(*exec);
}

void find_program(CallContext& context) {
    const std::unique_ptr<InitParameters> parameters(new (std::nothrow) InitParameters());
    if (!parameters) panic("no memory for init");
    for (const std::string_view option : {std::string_view("init"), std::string_view("rdinit")}) {
        const std::optional<std::string_view> wanted = command_line::value(option);
        if (!wanted) continue;
        const Status status = try_program(context, *parameters, *wanted);
        if (status) return;
        panic("Requested init {} failed (error {}).", *wanted, -to_errno(status.error()));
    }
    for (const std::string_view name : kInits) {
        const Status status = try_program(context, *parameters, name);
        if (status) return;
        if (status.error() != Error::NotFound)
            log_error("Starting init: {} exists but couldn't execute it (error {})", name, -to_errno(status.error()));
    }
    panic("No working init found.  Try passing init= option to kernel.");
}

void init_entry(void* argument) {
    Task& task = *static_cast<Task*>(argument);
    CallContext context{task, task.process()};
    open_console(context);
    find_program(context);
    enter_user_mode();
}

Status make_init(Process& process, Task& task, uint32_t most_threads) {
    PidNamespace& pids = PidNamespace::initial();
    ProcessParts::pid_namespace(process) = &pids;
    ProcessParts::handlers(process) = TRY(make_ref<SignalHandlers>());
    ProcessParts::job(process) = Ref<Job>(Job::root());
    TRY_VOID(Job::root().charge_thread());
    set_first_limits(process, most_threads);
    process.cannot_be_killed = true;

    ProcessParts::slot(task) = TRY(pids.allocate());
    ProcessParts::tid(task).store(ProcessParts::slot(task)->number(), std::memory_order_relaxed);
    ProcessParts::files(task) = TRY(make_ref<FileTable>());
    ProcessParts::filesystem(task) = TRY(make_ref<FilesystemContext>(fs::root(), fs::root(), 022));
    ProcessParts::credentials(task) = TRY(Credentials::create({}, {}));
    ProcessParts::account(task) = TRY(UserAccount::of(0));
    task.account().tasks.fetch_add(1, std::memory_order_relaxed);
    ProcessParts::thread(task) = TRY(Thread::create(
        {.name = "init", .entry = init_entry, .argument = &task, .owner = &task, .has_user_state = true}));

    Ref<Session> session = TRY(make_ref<Session>(TRY(pids.make_zero())));
    Ref<ProcessGroup> group = TRY(make_ref<ProcessGroup>(TRY(pids.make_zero()), session));
    SpinGuard tree(g_tree_lock);
    ProcessParts::pid(process) = task.tid();
    ProcessParts::slot(process) = ProcessParts::slot(task);
    ProcessParts::start_time_ns(process) = task.start_time_ns = arch::clock_now_ns();
    process.leader_task = &task;
    process.tasks.push_back(task);
    process.live_tasks = 1;
    process.memory_users.store(1, std::memory_order_relaxed);
    ProcessParts::task_count(process).store(1, std::memory_order_relaxed);
    join_group_locked(process, std::move(group));
    pids.init = &process;
    PidSlot& slot = *ProcessParts::slot(task);
    slot.process.store(&process, std::memory_order_release);
    slot.task.store(&task, std::memory_order_release);
    return {};
}

}  // namespace

void start_init(const BootInfo&) {
    const uint32_t most_threads = thread_limit();
    Ref<Process> process = Ref<Process>::adopt(ProcessParts::new_process());
    Ref<Task> task = Ref<Task>::adopt(ProcessParts::new_task());
    if (!process || !task || !Job::initialize_root(most_threads)) panic("no memory for init");
    ProcessParts::process(*task) = process;
    if (!make_init(*process, *task, most_threads)) panic("no memory for init");
    KREQUIRE(task->tid() == kInitPid);
    initialize_signals();
    memory::set_out_of_memory_handler(&handle_out_of_memory);
    // Its list's reference, and it never ends.
    task.leak()->thread().start();
}

}  // namespace gyre::linux
