// SPDX-License-Identifier: MIT
//
// wait4(2) and waitid(2). One look at all children under the tree lock either finds what is asked for (and takes it), or
// says that something may come; then the caller sleeps on child_events.
#include "kernel/linux/wait.h"

#include "call_handlers.h"
#include "kernel/linux/errno.h"
#include "kernel/linux/pidfd.h"
#include "kernel/linux/process_parts.h"
#include "kernel/linux/usage.h"

namespace gyre::linux {
namespace {

enum class Whom : uint8_t { All, Process, Group };

struct WaitRequest {
    Whom whom = Whom::All;
    Pid number = 0;
    int options = 0;      // kWait*
    bool wants_usage = false;
};

// What a look found. pid 0: nothing yet.
struct WaitResult {
    Pid pid = 0;
    uint32_t uid = 0;
    int code = 0;         // CLD_*
    int status = 0;       // wait status (wait4)
    UsageTotals usage;
    bool has_children = false;
};

bool is_meant(const Process& child, const WaitRequest& request) GYRE_REQUIRES(g_tree_lock) {
    switch (request.whom) {
        case Whom::All: break;
        case Whom::Process:
            if (child.pid() != request.number) return false;
            break;
        case Whom::Group:
            if (child.group->id() != request.number) return false;
            break;
    }
    // A "clone child" tells its end by another signal than SIGCHLD (wait(2), __WCLONE).
    if (request.options & kWaitAll) return true;
    return (child.exit_signal != kSigChild) == ((request.options & kWaitClone) != 0);
}

void fill(WaitResult& result, Process& child, int code, int status) {
    result.pid = child.pid();
    result.uid = child.leader_task->credentials_reference()->values().uid;
    result.code = code;
    result.status = status;
}

bool take_zombie_locked(Process& child, const WaitRequest& request, WaitResult& result, Process::TaskList& reaped) GYRE_REQUIRES(g_tree_lock) {
    const int status = child.exit_status.load(std::memory_order_relaxed);
    const int code = (status & 0x7f) == 0 ? abi::kCldExited : (status & 0x80 ? abi::kCldDumped : abi::kCldKilled);
    fill(result, child, code, status);
    result.usage = child.dead_tasks;
    result.usage.add(child.dead_children);
    if (request.options & kWaitNoWait) return true;
    child.parent->dead_children.add(result.usage);
    reap_locked(child, reaped);
    return true;
}

bool take_stop_locked(Process& child, const WaitRequest& request, WaitResult& result) {
    const bool takes = (request.options & kWaitNoWait) == 0;
    SpinGuard signal(child.handlers().lock);
    if ((request.options & kWaitStopped) && child.stop_report != 0) {
        fill(result, child, abi::kCldStopped, child.stop_report << 8 | 0x7f);
        if (takes) child.stop_report = 0;
    } else if ((request.options & kWaitContinued) && child.continue_report) {
        fill(result, child, abi::kCldContinued, 0xffff);
        if (takes) child.continue_report = false;
    } else {
        return false;
    }
    if (request.wants_usage) {
        result.usage = child.dead_tasks;
        for (const Task& task : child.tasks)
            if (!task.has_ended) result.usage.add(task);
        result.usage.add(child.dead_children);
    }
    return true;
}

bool look(Process& parent, const WaitRequest& request, WaitResult& result) {
    Process::TaskList reaped;
    bool is_found = false;
    {
        SpinGuard tree(g_tree_lock);
        result.has_children = false;
        for (Process& child : parent.children) {
            if (!is_meant(child, request)) continue;
            result.has_children = true;
            if (child.state() == ProcessState::Zombie) {
                is_found = (request.options & kWaitExited) && take_zombie_locked(child, request, result, reaped);
            } else {
                is_found = (request.options & (kWaitStopped | kWaitContinued)) &&
                           take_stop_locked(child, request, result);
            }
            if (is_found) break;
        }
    }
    drop_reaped(reaped);
    return is_found;
}

// Errors: NoChildren, RestartSystemCall. With WNOHANG and nothing found the pid is 0.
Status wait_for_child(Process& parent, const WaitRequest& request, WaitResult& result) {
    const bool may_sleep = (request.options & kWaitNoHang) == 0;
    const Status waited = parent.child_events.wait(may_sleep ? Patience::forever() : Patience::none(), [&] {
        return look(parent, request, result) || !result.has_children;
    });
    if (result.pid != 0) return {};
    if (!result.has_children) return fail(Error::NoChildren);
    if (!waited && waited.error() != Error::WouldBlock) return fail(restartable(waited.error()));
    return {};
}

}  // namespace

CallResult sys_wait4(CallContext& context, int pid, UserOut<int32_t> status, int options, UserOut<abi::Rusage> usage) {
    constexpr int kKnown =
        kWaitNoHang | kWaitStopped | kWaitContinued | kWaitNoThread | kWaitClone | kWaitAll;
    if (options & ~kKnown) return fail(Error::InvalidArgument);
    if (pid == INT32_MIN) return fail(Error::NoSuchProcess);  // its negative is no number
    WaitRequest request{.options = options | kWaitExited, .wants_usage = !usage.is_null()};
    if (pid > 0) {
        request.whom = Whom::Process;
        request.number = pid;
    } else if (pid != -1) {
        request.whom = Whom::Group;
        request.number = pid == 0 ? context.process.relations().group : -pid;
    }
    WaitResult result;
    TRY_VOID(wait_for_child(context.process, request, result));
    if (result.pid == 0) return 0;
    if (!status.is_null()) TRY_VOID(status.write(result.status));
    if (!usage.is_null()) TRY_VOID(usage.write(to_rusage(result.usage)));
    return result.pid;
}

CallResult sys_waitid(CallContext& context, int which, int id, UserOut<abi::SigInfo> info, int options,
                      UserOut<abi::Rusage> usage) {
    constexpr int kAllOf = 0, kPidOf = 1, kGroupOf = 2, kDescriptorOf = 3;  // P_ALL, P_PID, P_PGID, P_PIDFD
    constexpr int kReasons = kWaitExited | kWaitStopped | kWaitContinued;
    constexpr int kKnown = kReasons | kWaitNoHang | kWaitNoWait | kWaitNoThread | kWaitClone | kWaitAll;
    if ((options & ~kKnown) || !(options & kReasons)) return fail(Error::InvalidArgument);
    WaitRequest request{.number = id, .options = options, .wants_usage = !usage.is_null()};
    Ref<Process> by_descriptor;
    switch (which) {
        case kAllOf: break;
        case kPidOf:
            if (id <= 0) return fail(Error::InvalidArgument);
            request.whom = Whom::Process;
            break;
        case kGroupOf:
            if (id < 0) return fail(Error::InvalidArgument);
            request.whom = Whom::Group;
            if (id == 0) request.number = context.process.relations().group;
            break;
        case kDescriptorOf: {
            if (id < 0) return fail(Error::InvalidArgument);
            const Ref<File> file = TRY(context.files().get(id));
            PidFile* pid_file = PidFile::from(*file);
            if (!pid_file) return fail(Error::BadDescriptor);
            by_descriptor = Ref<Process>(pid_file->process());
            request.whom = Whom::Process;
            request.number = by_descriptor->pid();
            if (file->status_flags() & open_flags::kNonBlock) request.options |= kWaitNoHang;
            break;
        }
        default: return fail(Error::InvalidArgument);
    }
    WaitResult result;
    TRY_VOID(wait_for_child(context.process, request, result));
    // A non-blocking pidfd says that it is too early instead of "nothing" (waitid(2)).
    if (result.pid == 0 && (request.options & ~options & kWaitNoHang)) return fail(Error::WouldBlock);
    if (result.pid != 0 && !usage.is_null()) TRY_VOID(usage.write(to_rusage(result.usage)));
    if (info.is_null()) return 0;
    SignalInfo facts{};
    if (result.pid != 0) {
        facts.signal = kSigChild;
        facts.code = result.code;
        facts.child.pid = result.pid;
        facts.child.uid = result.uid;
        switch (result.code) {
            case abi::kCldExited:
            case abi::kCldStopped: facts.child.status = result.status >> 8 & 0xff; break;
            case abi::kCldContinued: facts.child.status = kSigContinue; break;
            default: facts.child.status = result.status & 0x7f; break;
        }
    }
    // Linux writes these six words and no more.
    TRY_VOID(user_memory::copy_out(info.address(), &facts, 12));
    TRY_VOID(user_memory::copy_out(info.address() + 16, &facts.child, 12));
    return 0;
}

}  // namespace gyre::linux
