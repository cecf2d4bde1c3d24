// SPDX-License-Identifier: MIT
//
// Sessions, foreground groups and the signals that a terminal sends. session_, foreground_ and Session::terminal are under
// the tree lock; references that are let go of are dropped after it.
// One difference from Linux: at a hang-up the foreground group gets its SIGHUP at once, not only when the session leader
// has ended.
#include "kernel/tty/job_control.h"

#include "kernel/linux/process_tree.h"
#include "kernel/linux/signal.h"
#include "kernel/linux/task.h"
#include "kernel/tty/terminal_file.h"

namespace gyre {

using linux::g_tree_lock;

namespace {
linux::SignalInfo kernel_information(int signal) {
    linux::SignalInfo info{};
    info.signal = signal;
    info.code = linux::abi::kSiKernel;
    return info;
}

void signal_group_locked(linux::ProcessGroup& group, int signal) {
    (void)linux::send_signal_to_group(group, kernel_information(signal));  // a full queue: the signal is pending already
}

bool is_ignored(linux::Task& task, int signal) {
    SpinGuard guard(task.process().handlers().lock);
    return (task.blocked & linux::signal_bit(signal)) != 0 || task.process().handlers().is_ignored(signal);
}
}  // namespace

Status Terminal::check_foreground(int signal) {
    auto* task = static_cast<linux::Task*>(Thread::current().owner());
    if (!task) return {};
    linux::Process& process = task->process();
    SpinGuard guard(g_tree_lock);
    if (!process.group || process.group->session().terminal != this) return {};
    if (!foreground_ || foreground_ == process.group) return {};
    if (is_ignored(*task, signal))
        return signal == linux::kSigTtyIn ? Status(fail(Error::InputOutput)) : Status();
    if (process.group->is_orphaned()) return fail(Error::InputOutput);  // nobody could continue it
    signal_group_locked(*process.group, signal);
    return fail(Error::RestartSystemCall);
}

Status Terminal::control(linux::Process& process, bool may_steal) {
    Ref<linux::Session> old_session;
    Ref<linux::ProcessGroup> old_foreground;
    SpinGuard guard(g_tree_lock);
    linux::Session& session = process.group->session();
    const bool is_leader = session.leader == &process;
    if (is_leader && session.terminal == this) return {};
    if (!is_leader || session.terminal) return fail(Error::NotPermitted);
    if (session_) {
        if (!may_steal) return fail(Error::NotPermitted);
        if (session_->terminal == this) session_->terminal = nullptr;
    }
    session.terminal = this;
    old_session = std::exchange(session_, Ref(session));
    old_foreground = std::exchange(foreground_, process.group);
    return {};
}

void Terminal::control_if_free(linux::Process& process) { (void)control(process, false); }

void Terminal::signal_foreground_group(int signal) {
    SpinGuard guard(g_tree_lock);
    if (foreground_) signal_group_locked(*foreground_, signal);
}

void Terminal::release_session(Release reason) {
    Ref<linux::Session> session;
    Ref<linux::ProcessGroup> foreground;
    SpinGuard guard(g_tree_lock);
    session = std::move(session_);
    foreground = std::move(foreground_);
    if (session && session->terminal == this) {
        session->terminal = nullptr;
        if (session->leader && reason == Release::HungUp) {
            linux::send_kernel_signal(*session->leader, linux::kSigHup);
            linux::send_kernel_signal(*session->leader, linux::kSigContinue);
        }
    }
    if (!foreground) return;
    signal_group_locked(*foreground, linux::kSigHup);
    if (reason != Release::LeaderExited) signal_group_locked(*foreground, linux::kSigContinue);
}

Terminal::Relations Terminal::relations_locked() const {
    return {device_, foreground_ ? foreground_->id() : -1};
}

namespace tty {

Ref<Terminal> controlling_terminal(linux::Process& process) {
    SpinGuard guard(g_tree_lock);
    return process.group ? Ref<Terminal>::try_from(process.group->session().terminal) : nullptr;
}

void session_leader_exits(linux::Process& leader) {
    Ref<Terminal> terminal;
    {
        SpinGuard guard(g_tree_lock);
        if (!leader.group) return;
        linux::Session& session = leader.group->session();
        if (session.leader != &leader) return;
        terminal = Ref<Terminal>::try_from(session.terminal);
        if (!terminal) session.terminal = nullptr;
    }
    if (!terminal) return;
    if (terminal->is_hung_up_by_leader())
        terminal->hang_up();
    else
        terminal->release_session(Terminal::Release::LeaderExited);
}

Terminal::Relations relations_locked(const Terminal* terminal) {
    return terminal ? terminal->relations_locked() : Terminal::Relations{0, -1};
}

}  // namespace tty
}  // namespace gyre
