// SPDX-License-Identifier: MIT
//
// The ioctls that all terminals share; see terminal_ioctl.h. Leaves out line disciplines other
// than N_TTY, and modem lines (TIOCMGET and its kin), which Linux's pseudo-terminals have not either: ENOTTY.
// TIOCSTI is refused as modern Linux does, because it lets a program type for its parent.
#include "kernel/tty/terminal_ioctl.h"

#include "kernel/linux/process_tree.h"
#include "kernel/linux/signal.h"
#include "kernel/schedule/thread.h"
#include "kernel/tty/job_control.h"

namespace gyre {

using linux::g_tree_lock;

Result<long> Terminal::ioctl(TerminalFile& file, linux::CallContext& context, uint32_t command, uintptr_t argument) {
    return TerminalIoctl{*this, file, context, argument}.run(command);
}

Result<long> TerminalIoctl::run(uint32_t command) {
    using namespace tty_ioctl;
    constexpr int64_t kBreakNs = 250'000'000;      // TCSBRK: a quarter of a second
    constexpr int64_t kBreakUnitNs = 100'000'000;  // TCSBRKP counts tenths
    switch (command) {
        case kTcsbrk: return send_break(argument != 0, kBreakNs);
        case kTcsbrkp: return send_break(false, argument ? int64_t(argument & 0xffff) * kBreakUnitNs : kBreakNs);
        case kTiocsbrk:
        case kTioccbrk: {
            TRY_VOID(terminal.check_foreground(linux::kSigTtyOut));
            MutexGuard guard(terminal.lock_);
            terminal.driver_.set_break(command == kTiocsbrk);
            return 0;
        }
        case kTcxonc: return set_flow();
        case kTcflsh: return flush();
        case kTiocexcl: return set_exclusive(true);
        case kTiocnxcl: return set_exclusive(false);
        case kTiocgexcl: return put_int(terminal.is_exclusive_.load(std::memory_order_relaxed));
        case kTiocoutq: {
            size_t pending;
            {
                MutexGuard guard(terminal.lock_);
                pending = terminal.driver_.output_pending();
            }
            return put_int(int(pending));
        }
        case kFionread: {
            uint32_t count;
            {
                MutexGuard guard(terminal.lock_);
                count = terminal.line_.readable_count();
            }
            return put_int(int(count));
        }
        case kTiocsti: return fail(Error::InputOutput);
        case kTiocgwinsz: return get_window_size();
        case kTiocswinsz: return set_window_size();
        case kTiocgetd: return put_int(0);
        case kTiocsetd: return TRY(UserIn<int>(argument).read()) == 0 ? Result<long>(0) : fail(Error::InvalidArgument);
        case kTiocgdev: {
            TRY_VOID(UserOut<uint32_t>(argument).write(uint32_t(terminal.device())));
            return 0;
        }
        case kTiocvhangup:
            if (!context.credentials().has(Capability::SysAdmin)) return fail(Error::NotPermitted);
            terminal.hang_up();
            return 0;
        default: break;
    }
    if (auto session = run_session(command); session || session.error() != Error::NotTerminal) return session;
    return run_settings(command);
}

Result<long> TerminalIoctl::run_session(uint32_t command) {
    using namespace tty_ioctl;
    switch (command) {
        case kTiocsctty: return set_controlling();
        case kTiocnotty: return give_up_controlling();
        case kTiocgpgrp: return get_foreground();
        case kTiocspgrp: return set_foreground();
        case kTiocgsid: return get_session();
        default: return fail(Error::NotTerminal);
    }
}

// ---- the line

Result<long> TerminalIoctl::send_break(bool waits_only, int64_t duration_ns) {
    TRY_VOID(terminal.check_foreground(linux::kSigTtyOut));
    if (const Status drained = terminal.drain(Patience::forever()); !drained) return fail(drained.error());
    if (waits_only) return 0;  // tcdrain(3)
    {
        MutexGuard guard(terminal.lock_);
        terminal.driver_.set_break(true);
    }
    const Status slept = Thread::sleep_until(Patience::until_ns(arch::clock_now_ns() + duration_ns));
    MutexGuard guard(terminal.lock_);
    terminal.driver_.set_break(false);
    if (!slept && slept.error() == Error::Interrupted) return fail(Error::Interrupted);
    return 0;
}

// tcflow(3): TCOOFF, TCOON, TCIOFF, TCION.
Result<long> TerminalIoctl::set_flow() {
    TRY_VOID(terminal.check_foreground(linux::kSigTtyOut));
    MutexGuard guard(terminal.lock_);
    const tty::Settings& settings = terminal.line_.settings();
    const auto send = [&](uint8_t character) {
        if (settings.characters[character] != tty::kDisabledCharacter)
            terminal.driver_.send_at_once(settings.characters[character]);
    };
    switch (argument) {
        case 0: terminal.line_.stop_output(); break;
        case 1: terminal.line_.start_output(); break;
        case 2: send(tty::kVstop); break;
        case 3: send(tty::kVstart); break;
        default: return fail(Error::InvalidArgument);
    }
    terminal.driver_.push_output();
    terminal.refresh_locked(true);
    return 0;
}

// tcflush(3): TCIFLUSH, TCOFLUSH, TCIOFLUSH.
Result<long> TerminalIoctl::flush() {
    TRY_VOID(terminal.check_foreground(linux::kSigTtyOut));
    if (argument > 2) return fail(Error::InvalidArgument);
    MutexGuard guard(terminal.lock_);
    if (argument != 1) {
        terminal.driver_.discard_input();
        terminal.line_.flush_input();
        terminal.input_flushed();
    }
    if (argument != 0) {
        terminal.line_.discard_echo();
        terminal.drop_output();
    }
    terminal.refresh_locked(true);
    return 0;
}

Result<long> TerminalIoctl::get_window_size() {
    tty::WindowSize size;
    {
        MutexGuard guard(terminal.lock_);
        size = terminal.window_size_;
    }
    TRY_VOID(UserOut<tty::WindowSize>(argument).write(size));
    return 0;
}

Result<long> TerminalIoctl::set_window_size() {
    terminal.set_window_size(TRY(UserIn<tty::WindowSize>(argument).read()));
    return 0;
}

Result<long> TerminalIoctl::set_exclusive(bool is_exclusive) {
    terminal.is_exclusive_.store(is_exclusive, std::memory_order_relaxed);
    return 0;
}

// ---- sessions

Result<long> TerminalIoctl::set_controlling() {
    const bool is_admin = context.credentials().has(Capability::SysAdmin);
    const bool may_steal = argument == 1 && is_admin;
    if (!file.can_read() && !is_admin) return fail(Error::NotPermitted);
    TRY_VOID(terminal.control(context.process, may_steal));
    return 0;
}

// Only the leader can: a terminal belongs to a session here, so a member alone cannot leave it (it can with setsid).
Result<long> TerminalIoctl::give_up_controlling() {
    {
        SpinGuard guard(g_tree_lock);
        linux::Session& session = context.process.group->session();
        if (session.terminal != &terminal) return fail(Error::NotTerminal);
        if (session.leader != &context.process) return fail(Error::NotPermitted);
    }
    terminal.release_session(Terminal::Release::GivenUp);
    return 0;
}

// Of the master of a pseudo-terminal anybody may ask who is in the foreground; of a terminal, its session.
Result<long> TerminalIoctl::get_foreground() {
    int group;
    {
        SpinGuard guard(g_tree_lock);
        if (!is_master && context.process.group->session().terminal != &terminal) return fail(Error::NotTerminal);
        group = terminal.foreground_ ? terminal.foreground_->id() : 0;
    }
    return put_int(group);
}

Result<long> TerminalIoctl::set_foreground() {
    if (const Status changeable = terminal.check_foreground(linux::kSigTtyOut); !changeable)
        return fail(changeable.error() == Error::InputOutput ? Error::NotTerminal : changeable.error());
    const int number = TRY(UserIn<int>(argument).read());
    Ref<linux::ProcessGroup> old;
    SpinGuard guard(g_tree_lock);
    linux::Session& session = context.process.group->session();
    if (session.terminal != &terminal || terminal.session_ != &session) return fail(Error::NotTerminal);
    if (number < 0) return fail(Error::InvalidArgument);
    linux::ProcessGroup* group = linux::find_group_locked(context.process.pid_namespace(), number);
    if (!group) return fail(Error::NoSuchProcess);
    if (&group->session() != &session) return fail(Error::NotPermitted);
    old = std::exchange(terminal.foreground_, Ref(group));
    return 0;
}

Result<long> TerminalIoctl::get_session() {
    int number;
    {
        SpinGuard guard(g_tree_lock);
        const bool is_own = context.process.group->session().terminal == &terminal;
        if (!(is_own || is_master) || !terminal.session_) return fail(Error::NotTerminal);
        number = terminal.session_->id();
    }
    return put_int(number);
}

}  // namespace gyre
