// SPDX-License-Identifier: MIT
//
// Job control (credentials(7), termios(3)): who has a terminal, whom its keys signal, and who is stopped for using it.
// Every case is the leader of a session without terminal.
#include "terminal_helpers.h"

using namespace twin;

TEST(terminals, opening_makes_it_the_controlling_terminal) {
    CHECK_ERRNO(open("/dev/tty", O_RDWR), ENXIO);
    Pty p(O_RDWR);
    CHECK_EQ(tcgetpgrp(p.slave), getpgrp());
    CHECK_EQ(tcgetsid(p.slave), getsid(0));
    int own = open("/dev/tty", O_RDWR);
    CHECK_OK(own);
    put(own, "hi");
    expect_sent(p.master, "hi");
}
TEST(terminals, O_NOCTTY_does_not) {
    Pty p;
    CHECK_ERRNO(tcgetpgrp(p.slave), ENOTTY);
    CHECK_ERRNO(open("/dev/tty", O_RDWR), ENXIO);
    CHECK_OK(ioctl(p.slave, TIOCSCTTY, 0));
    CHECK_EQ(tcgetpgrp(p.slave), getpgrp());
    CHECK_EXITED(run([&] {
                     setsid();
                     CHECK_ERRNO(ioctl(p.slave, TIOCSCTTY, 0), EPERM);
                 }),
                 0);
}
TEST(terminals, interrupt_key_signals_the_foreground) {
    Pty p(O_RDWR);
    on(SIGINT, note);
    pid_t self = getpid();
    pid_t child = start([&] {
        signal(SIGINT, SIG_IGN);  // it belongs to the foreground as well
        wait_until_asleep(self);
        put(p.master, "\x03");
    });
    char c;
    CHECK_ERRNO(read(p.slave, &c, 1), EINTR);
    CHECK_EQ(g_signal, SIGINT);
    CHECK_EXITED(status_of(child), 0);
}
TEST(terminals, quit_and_suspend_keys) {
    Pty p(O_RDWR);
    pid_t child = start([&] { pause(); });
    setpgid(child, child);
    signal(SIGTTOU, SIG_IGN);
    CHECK_OK(tcsetpgrp(p.slave, child));
    CHECK_EQ(tcgetpgrp(p.master), child);
    put(p.master, "\x1a");
    int status;
    CHECK_EQ(waitpid(child, &status, WUNTRACED), child);
    CHECK(WIFSTOPPED(status));
    CHECK_EQ(WSTOPSIG(status), SIGTSTP);
    CHECK_OK(kill(child, SIGCONT));
    put(p.master, "\x1c");
    status = status_of(child);
    CHECK(WIFSIGNALED(status));
    CHECK_EQ(WTERMSIG(status), SIGQUIT);
}
TEST(terminals, window_changes_signal_the_foreground) {
    Pty p(O_RDWR);
    on(SIGWINCH, note);
    winsize size = {10, 20, 0, 0};
    CHECK_OK(ioctl(p.master, TIOCSWINSZ, &size));
    sleep_ms(20);
    CHECK_EQ(g_signal, SIGWINCH);
    g_signal = 0;
    CHECK_OK(ioctl(p.master, TIOCSWINSZ, &size));  // no change
    sleep_ms(20);
    CHECK_EQ(g_signal, 0);
}
TEST(terminals, background_read_stops) {
    Pty p(O_RDWR);
    pid_t child = start([&] {
        setpgid(0, 0);
        char c;
        read(p.slave, &c, 1);
    });
    int status;
    CHECK_EQ(waitpid(child, &status, WUNTRACED), child);
    CHECK(WIFSTOPPED(status));
    CHECK_EQ(WSTOPSIG(status), SIGTTIN);
    kill(child, SIGKILL);
    status_of(child);
}
TEST(terminals, background_read_that_ignores_is_EIO) {
    Pty p(O_RDWR);
    CHECK_EXITED(run([&] {
                     setpgid(0, 0);
                     signal(SIGTTIN, SIG_IGN);
                     char c;
                     CHECK_ERRNO(read(p.slave, &c, 1), EIO);
                 }),
                 0);
}
TEST(terminals, background_write_stops_under_TOSTOP) {
    Pty p(O_RDWR);
    pid_t child = start([&] {
        setpgid(0, 0);
        CHECK_EQ(write(p.slave, "free", 4), 4);
    });
    CHECK_EXITED(status_of(child), 0);
    change(p.slave, [](termios& t) { t.c_lflag |= TOSTOP; });
    child = start([&] {
        setpgid(0, 0);
        write(p.slave, "held", 4);
    });
    int status;
    CHECK_EQ(waitpid(child, &status, WUNTRACED), child);
    CHECK(WIFSTOPPED(status));
    CHECK_EQ(WSTOPSIG(status), SIGTTOU);
    kill(child, SIGKILL);
    status_of(child);
}
TEST(terminals, background_tcsetattr_stops) {
    Pty p(O_RDWR);
    pid_t child = start([&] {
        setpgid(0, 0);
        termios t = get(p.slave);
        tcsetattr(p.slave, TCSANOW, &t);
    });
    int status;
    CHECK_EQ(waitpid(child, &status, WUNTRACED), child);
    CHECK(WIFSTOPPED(status));
    CHECK_EQ(WSTOPSIG(status), SIGTTOU);
    kill(child, SIGKILL);
    status_of(child);
}
TEST(terminals, tcsetpgrp_errors) {
    Pty p(O_RDWR);
    CHECK_ERRNO(tcsetpgrp(p.slave, -1), EINVAL);
    CHECK_ERRNO(tcsetpgrp(p.slave, 1 << 22), ESRCH);
    int other[2];
    CHECK_OK(pipe(other));
    CHECK_ERRNO(tcsetpgrp(other[0], getpgrp()), ENOTTY);
    Pty second;
    CHECK_ERRNO(tcsetpgrp(second.slave, getpgrp()), ENOTTY);
}
TEST(terminals, hang_up_signals_the_session_leader) {
    int ready_pipe[2];
    CHECK_OK(pipe(ready_pipe));
    int master = open("/dev/ptmx", O_RDWR | O_NOCTTY);
    CHECK_OK(master);
    int number, unlock = 0;
    CHECK_OK(ioctl(master, TIOCGPTN, &number));
    CHECK_OK(ioctl(master, TIOCSPTLCK, &unlock));
    pid_t child = start([&] {
        close(master);
        setsid();
        char name[64];
        snprintf(name, sizeof name, "/dev/pts/%d", number);
        CHECK_OK(open(name, O_RDWR));
        put(ready_pipe[1], "x");
        pause();
    });
    char c;
    CHECK_EQ(read(ready_pipe[0], &c, 1), 1);
    close(master);
    CHECK_KILLED(status_of(child), SIGHUP);
}
TEST(terminals, leader_that_exits_hangs_the_foreground_up) {
    Pty p;
    int ready_pipe[2];
    CHECK_OK(pipe(ready_pipe));
    pid_t leader = start([&] {
        setsid();
        CHECK_OK(open(p.name, O_RDWR));
        pid_t job = fork();
        if (job == 0) {
            setpgid(0, 0);
            signal(SIGTTOU, SIG_IGN);
            CHECK_OK(tcsetpgrp(p.slave, getpid()));
            on(SIGHUP, note);
            pid_t self = getpid();
            CHECK_EQ(write(ready_pipe[1], &self, sizeof self), sizeof self);
            while (!g_signal) sleep_ms(1);
            put(p.slave, "got it");
            _exit(0);
        }
        while (tcgetpgrp(p.slave) != job) sleep_ms(1);
    });
    pid_t job;
    CHECK_EQ(read(ready_pipe[0], &job, sizeof job), sizeof job);
    CHECK_EXITED(status_of(leader), 0);
    expect_sent(p.master, "got it");
}
TEST(terminals, leader_that_exits_takes_the_terminal_along) {
    Pty p;
    CHECK_EXITED(run([&] {
                     setsid();
                     CHECK_OK(open(p.name, O_RDWR));
                     CHECK_EQ(tcgetpgrp(p.slave), getpid());
                 }),
                 0);
    put(p.slave, "still there");  // a pseudo-terminal is not hung up by that, but free
    expect_sent(p.master, "still there");
    CHECK_OK(ioctl(p.slave, TIOCSCTTY, 0));
    CHECK_EQ(tcgetpgrp(p.slave), getpgrp());
}
TEST(terminals, vhangup_takes_the_terminal_away) {
    Pty p(O_RDWR);
    signal(SIGHUP, SIG_IGN);
    CHECK_OK(syscall(SYS_vhangup));
    char c;
    CHECK_EQ(read(p.slave, &c, 1), 0);
    CHECK_ERRNO(open("/dev/tty", O_RDWR), ENXIO);
    CHECK_EXITED(run([] {
                     become_user();
                     CHECK_ERRNO(syscall(SYS_vhangup), EPERM);
                 }),
                 0);
}
TEST(terminals, typing_into_the_input_is_refused) {
    Pty p(O_RDWR);
    char c = 'x';
    if (ioctl(p.slave, TIOCSTI, &c) == 0) SKIP("this Linux is configured to allow TIOCSTI");
    CHECK(errno == EIO);
}
