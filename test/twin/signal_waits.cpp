// SPDX-License-Identifier: MIT
//
// Waiting for signals, calls that signals end, stop and continue, fork and exec, signalfd.
#include "signal_helpers.h"

#include <sys/signalfd.h>

using namespace twin;

// ---- waiting and restarting
TEST(signal_waits, sigwaitinfo_takes_without_handler) {
    block(SIGUSR1);
    kill(getpid(), SIGUSR1);
    sigset_t set = set_of(SIGUSR1);
    siginfo_t info;
    CHECK_EQ(sigwaitinfo(&set, &info), SIGUSR1);
    CHECK_EQ(info.si_pid, getpid());
    timespec soon = {0, 10000000}, wrong = {0, 1000000000};
    CHECK_ERRNO(sigtimedwait(&set, &info, &soon), EAGAIN);
    CHECK_ERRNO(sigtimedwait(&set, &info, &wrong), EINVAL);
    timespec now = {};
    CHECK_ERRNO(sigtimedwait(&set, &info, &now), EAGAIN);
}
TEST(signal_waits, sigwait_wakes_for_blocked_and_for_ignored) {
    const pid_t self = getpid();
    block(SIGUSR1, SIGCHLD);
    pid_t child = start([=] {
        wait_until_asleep(self);
        kill(self, SIGUSR1);
    });
    sigset_t set = set_of(SIGUSR1);
    siginfo_t info;
    CHECK_EQ(sigwaitinfo(&set, &info), SIGUSR1);
    CHECK_EQ(info.si_pid, child);
    status_of(child);
    set = set_of(SIGCHLD);
    CHECK_EQ(sigwaitinfo(&set, &info), SIGCHLD);  // ignored by default, but blocked
    CHECK_EQ(info.si_code, CLD_EXITED);
    CHECK_EQ(info.si_pid, child);
}
TEST(signal_waits, sigsuspend_swaps_masks) {
    const pid_t self = getpid();
    on(SIGUSR1, count);
    on(SIGUSR2, count);
    block(SIGUSR1, SIGUSR2);
    pid_t child = start([=] {
        wait_until_asleep(self);
        kill(self, SIGUSR2);
        sleep_ms(20);
        kill(self, SIGUSR1);
    });
    sigset_t mask = set_of(SIGUSR2);
    CHECK_ERRNO(sigsuspend(&mask), EINTR);
    CHECK_EQ(g_count, 1);
    CHECK_EQ(g_last, SIGUSR1);
    CHECK(is_pending(SIGUSR2));
    status_of(child);
}
TEST(signal_waits, read_restarts_or_not) {
    const pid_t self = getpid();
    const bool restarts_list[] = {false, true};
    for (bool restarts : restarts_list) {
        int fds[2];
        CHECK_OK(pipe(fds));
        g_count = 0;
        on(SIGUSR1, count, restarts ? SA_RESTART : 0);
        pid_t child = start([=] {
            wait_until_asleep(self);
            kill(self, SIGUSR1);
            sleep_ms(50);
            // A reader that comes by late would take the byte and not tell of the signal.
            if (restarts && write(fds[1], "x", 1) != 1) _exit(1);
        });
        char c;
        if (restarts)
            CHECK_EQ(read(fds[0], &c, 1), 1);
        else
            CHECK_ERRNO(read(fds[0], &c, 1), EINTR);
        CHECK_EQ(g_count, 1);
        CHECK_EXITED(status_of(child), 0);
    }
}
TEST(signal_waits, sleep_ends_for_a_handler_whatever_the_flag) {
    const pid_t self = getpid();
    on(SIGUSR1, count, SA_RESTART);
    pid_t child = start([=] {
        wait_until_asleep(self);
        kill(self, SIGUSR1);
    });
    timespec wait = {1000, 0}, left = {};
    const int64_t begun = now_ns();
    CHECK_ERRNO(nanosleep(&wait, &left), EINTR);
    CHECK(is_rest_of(wait, left, begun));
    CHECK_ERRNO(syscall(SYS_restart_syscall), EINTR);
    status_of(child);
}
TEST(signal_waits, sleep_goes_on_after_stop_and_continue) {
    for (int tries = 0; tries < 20; ++tries) {
        const int64_t before = now_ns();
        pid_t child = start([] {
            timespec wait = {0, 300000000}, left;
            _exit(nanosleep(&wait, &left) == 0 ? 0 : 1);
        });
        wait_for_state(child, "SZ");
        kill(child, SIGSTOP);
        int status;
        CHECK_EQ(waitpid(child, &status, WUNTRACED), child);
        if (!WIFSTOPPED(status)) continue;  // the machine stood still for longer than that
        kill(child, SIGCONT);
        CHECK_EXITED(status_of(child), 0);
        const int64_t took = now_ns() - before;
        CHECK(took >= 300000000);
        return;
    }
    fail(__FILE__, __LINE__, "no sleep of 300 ms was caught");
}

// ---- stopping
TEST(signal_waits, stop_and_continue_are_reported) {
    block(SIGCHLD);
    sigset_t set = set_of(SIGCHLD);
    // A group of its own with its parent outside of it: else it is orphaned, and only SIGSTOP stops it.
    pid_t child = start([] { for (;;) pause(); });
    CHECK_OK(setpgid(child, child));
    int status;
    siginfo_t info;
    const int signal_list[] = {SIGSTOP, SIGTSTP, SIGTTIN, SIGTTOU};
    for (int signal : signal_list) {
        kill(child, signal);
        CHECK_EQ(waitpid(child, &status, WUNTRACED), child);
        CHECK(WIFSTOPPED(status));
        CHECK_EQ(WSTOPSIG(status), signal);
        CHECK_EQ(sigwaitinfo(&set, &info), SIGCHLD);
        CHECK_EQ(info.si_code, CLD_STOPPED);
        CHECK_EQ(info.si_status, signal);
        CHECK_EQ(waitpid(child, &status, WUNTRACED | WNOHANG), 0);  // told once
        kill(child, SIGCONT);
        CHECK_EQ(waitpid(child, &status, WCONTINUED), child);
        CHECK(WIFCONTINUED(status));
        CHECK_EQ(sigwaitinfo(&set, &info), SIGCHLD);
        CHECK_EQ(info.si_code, CLD_CONTINUED);
        CHECK_EQ(info.si_status, SIGCONT);
    }
    kill(child, SIGSTOP);
    waitpid(child, &status, WUNTRACED);
    kill(child, SIGTERM);
    sleep_ms(20);
    CHECK_EQ(waitpid(child, &status, WNOHANG), 0);  // waits until it goes on
    kill(child, SIGCONT);
    CHECK_KILLED(status_of(child), SIGTERM);
}
TEST(signal_waits, kill_ends_a_stopped_one) {
    pid_t child = start([] { for (;;) pause(); });
    kill(child, SIGSTOP);
    int status;
    waitpid(child, &status, WUNTRACED);
    kill(child, SIGKILL);
    CHECK_KILLED(status_of(child), SIGKILL);
}
TEST(signal_waits, continue_drops_waiting_stops) {
    block(SIGTSTP, SIGCONT);
    raise(SIGTSTP);
    CHECK(is_pending(SIGTSTP));
    raise(SIGCONT);
    CHECK(!is_pending(SIGTSTP));
    CHECK(is_pending(SIGCONT));
    raise(SIGTSTP);
    CHECK(!is_pending(SIGCONT));
    raise(SIGCONT);
}
TEST(signal_waits, orphaned_group_does_not_stop) {
    // Each case leads a session of its own, and its group has no parent in the session.
    raise(SIGTSTP);
    raise(SIGTTIN);
}

// ---- fork, exec
TEST(signal_waits, fork_inherits_mask_and_handlers_not_pending) {
    on(SIGUSR1, count);
    block(SIGUSR1);
    raise(SIGUSR1);
    CHECK_EXITED(run([] {
        CHECK(!is_pending(SIGUSR1));
        sigset_t now;
        sigprocmask(SIG_BLOCK, nullptr, &now);
        CHECK_EQ(sigismember(&now, SIGUSR1), 1);
        raise(SIGUSR1);
        unblock(SIGUSR1);
        CHECK_EQ(g_count, 1);
    }), 0);
}
HELPER(signals_after_exec) {
    struct sigaction action;
    sigaction(SIGUSR1, nullptr, &action);
    if (action.sa_handler != SIG_DFL) return 1;
    sigaction(SIGUSR2, nullptr, &action);
    if (action.sa_handler != SIG_IGN) return 2;
    if (!is_pending(SIGHUP)) return 3;
    stack_t stack;
    sigaltstack(nullptr, &stack);
    return stack.ss_flags == SS_DISABLE ? 0 : 4;
}
TEST(signal_waits, exec_resets_handlers_keeps_ignored_and_pending) {
    CHECK_EXITED(run([] {
        on(SIGUSR1, count);
        on(SIGUSR2, SIG_IGN);
        block(SIGHUP);
        raise(SIGHUP);
        static char space[65536];
        stack_t stack = {space, 0, sizeof(space)};
        sigaltstack(&stack, nullptr);
        execl(self_path(), self_path(), "--helper", "signals_after_exec", nullptr);
    }), 0);
}
TEST(signal_waits, signalfd_reads_what_waits) {
    block(SIGUSR1, SIGRTMIN);
    sigset_t set = set_of(SIGUSR1, SIGRTMIN);
    int fd = signalfd(-1, &set, SFD_NONBLOCK);
    CHECK_OK(fd);
    signalfd_siginfo info[3];
    CHECK_ERRNO(read(fd, info, sizeof(info)), EAGAIN);
    sigval value;
    value.sival_int = 42;
    sigqueue(getpid(), SIGRTMIN, value);
    raise(SIGUSR1);
    pollfd poll_fd = {fd, POLLIN, 0};
    CHECK_EQ(poll(&poll_fd, 1, 0), 1);
    CHECK_EQ(read(fd, info, sizeof(info)), 2 * sizeof(info[0]));
    CHECK_EQ(info[0].ssi_signo, SIGUSR1);
    CHECK_EQ(info[1].ssi_signo, (unsigned)SIGRTMIN);
    CHECK_EQ(info[1].ssi_int, 42);
}
TEST(signal_waits, ppoll_mask_is_for_the_call_only) {
    on(SIGUSR1, count);
    block(SIGUSR1);
    raise(SIGUSR1);
    sigset_t none;
    sigemptyset(&none);
    timespec wait = {2, 0};
    CHECK_ERRNO(ppoll(nullptr, 0, &wait, &none), EINTR);
    CHECK_EQ(g_count, 1);
    sigset_t now;
    sigprocmask(SIG_BLOCK, nullptr, &now);
    CHECK_EQ(sigismember(&now, SIGUSR1), 1);
}
TEST(signal_waits, pidfd_send_signal_sends) {
    pid_t child = start([] { pause(); });
    int fd = (int)syscall(SYS_pidfd_open, child, 0);
    CHECK_OK(fd);
    CHECK_ERRNO(syscall(SYS_pidfd_send_signal, fd, 65, nullptr, 0), EINVAL);
    CHECK_ERRNO(syscall(SYS_pidfd_send_signal, 0, SIGTERM, nullptr, 0), EBADF);
    CHECK_OK(syscall(SYS_pidfd_send_signal, fd, SIGTERM, nullptr, 0));
    CHECK_KILLED(status_of(child), SIGTERM);
}
