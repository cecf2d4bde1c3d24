// SPDX-License-Identifier: MIT
//
// Terminals seen from programs: pseudo-terminals (pty(7)), line editing and modes (termios(3)), waiting and poll, and job
// control (credentials(7)).
#include "twin.h"

#include <asm/ioctls.h>
#include <sys/ioctl.h>
#include <termios.h>

using namespace twin;

namespace {

struct Pty {
    int master, slave;
    char name[64];
    explicit Pty(int flags = O_RDWR | O_NOCTTY) {
        CHECK_OK(master = open("/dev/ptmx", O_RDWR | O_NOCTTY));
        int number = -1, unlock = 0;
        CHECK_OK(ioctl(master, TIOCGPTN, &number));
        snprintf(name, sizeof name, "/dev/pts/%d", number);
        CHECK_OK(ioctl(master, TIOCSPTLCK, &unlock));
        CHECK_OK(slave = open(name, flags));
    }
};

termios get(int fd) {
    termios t;
    CHECK_OK(tcgetattr(fd, &t));
    return t;
}
template <typename Change>
void change(int fd, Change body) {
    termios t = get(fd);
    body(t);
    CHECK_OK(tcsetattr(fd, TCSANOW, &t));
}
void no_echo(int fd) {
    change(fd, [](termios& t) { t.c_lflag &= ~ECHO; });
}
void raw(int fd, int minimum, int time) {
    change(fd, [&](termios& t) {
        cfmakeraw(&t);
        t.c_cc[VMIN] = static_cast<cc_t>(minimum);
        t.c_cc[VTIME] = static_cast<cc_t>(time);
    });
}
void put(int fd, const char* text) { CHECK_EQ(write(fd, text, strlen(text)), strlen(text)); }
// One read of a slave must give exactly this.
void expect(int fd, const char* text) {
    char buffer[4096] = {};
    ssize_t got = read(fd, buffer, sizeof buffer - 1);
    CHECK(got >= 0);
    CHECK_STR(buffer, text);
}
// What comes out at the master, perhaps in pieces.
void expect_sent(int fd, const char* text) {
    char buffer[4096] = {};
    for (size_t at = 0; at < strlen(text);) {
        ssize_t got = read(fd, buffer + at, sizeof buffer - 1 - at);
        CHECK(got > 0);
        at += static_cast<size_t>(got);
    }
    CHECK_STR(buffer, text);
}
int ready(int fd, short events, int timeout_ms = 0) {
    pollfd p = {fd, events, 0};
    CHECK(poll(&p, 1, timeout_ms) >= 0);
    return p.revents;
}
void nonblocking(int fd) { CHECK_OK(fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK)); }

volatile sig_atomic_t g_signal;
void note(int number) { g_signal = number; }
void on(int number, void (*handler)(int)) {
    struct sigaction action = {};
    action.sa_handler = handler;
    CHECK_OK(sigaction(number, &action, nullptr));
}

}  // namespace

// ---- pseudo-terminals

TEST(terminals, master_and_slave_are_terminals) {
    Pty p;
    CHECK(isatty(p.master));
    CHECK(isatty(p.slave));
    struct stat s;
    CHECK_OK(fstat(p.slave, &s));
    CHECK(S_ISCHR(s.st_mode));
    CHECK_EQ(s.st_rdev >> 8 & 0xfff, 136);
    CHECK_STR(ttyname(p.slave), p.name);
    int number = -1;
    CHECK_ERRNO(ioctl(p.slave, TIOCGPTN, &number), ENOTTY);
    CHECK_ERRNO(ioctl(p.slave, 0x54ff, &number), ENOTTY);
}
TEST(terminals, slave_is_locked_at_first) {
    int master = open("/dev/ptmx", O_RDWR | O_NOCTTY);
    CHECK_OK(master);
    int number = -1, locked = 0;
    CHECK_OK(ioctl(master, TIOCGPTN, &number));
    CHECK_OK(ioctl(master, TIOCGPTLCK, &locked));
    CHECK_EQ(locked, 1);
    char name[64];
    snprintf(name, sizeof name, "/dev/pts/%d", number);
    CHECK_ERRNO(open(name, O_RDWR | O_NOCTTY), EIO);
    close(master);
    CHECK_ERRNO(open(name, O_RDWR | O_NOCTTY), ENOENT);
}
TEST(terminals, lines_and_echo) {
    Pty p;
    put(p.master, "hello\r");
    expect(p.slave, "hello\n");
    expect_sent(p.master, "hello\r\n");
    put(p.slave, "a\nb\n");
    expect_sent(p.master, "a\r\nb\r\n");
}
TEST(terminals, one_line_for_each_read) {
    Pty p;
    no_echo(p.slave);
    put(p.master, "one\ntwo\n");
    int count = 0;
    for (int i = 0; i < 1000 && count != 8; ++i) {  // Linux brings typed bytes over by and by
        CHECK_OK(ioctl(p.slave, FIONREAD, &count));
        sleep_ms(1);
    }
    CHECK_EQ(count, 8);
    expect(p.slave, "one\n");
    char c[3];
    CHECK_EQ(read(p.slave, c, 2), 2);
    CHECK_EQ(memcmp(c, "tw", 2), 0);
    expect(p.slave, "o\n");
}
TEST(terminals, editing) {
    Pty p;
    no_echo(p.slave);
    put(p.master, "abc\x7f\x7fx\n");
    expect(p.slave, "ax\n");
    put(p.master, "one two\x17three\n");
    expect(p.slave, "one three\n");
    put(p.master, "gone\x15here\n");
    expect(p.slave, "here\n");
    put(p.master, "a\x16\x03" "b\n");
    expect(p.slave, "a\x03" "b\n");
}
TEST(terminals, echo_of_editing) {
    Pty p;
    put(p.master, "ab\x7f");
    expect_sent(p.master, "ab\b \b");
    put(p.master, "\x01");
    expect_sent(p.master, "^A");
    put(p.master, "\x7f");
    expect_sent(p.master, "\b \b\b \b");
    put(p.master, "\x15");
    expect_sent(p.master, "\b \b");
}
TEST(terminals, end_of_file) {
    Pty p;
    no_echo(p.slave);
    put(p.master, "abc\x04");
    expect(p.slave, "abc");
    put(p.master, "\x04");
    CHECK_EQ(ready(p.slave, POLLIN), POLLIN);
    expect(p.slave, "");
    put(p.master, "xyz\x04");
    char c[3];
    CHECK_EQ(read(p.slave, c, 3), 3);
    CHECK_EQ(ready(p.slave, POLLIN), 0);  // the end of file went with the last byte
}
TEST(terminals, long_lines) {
    Pty p;
    no_echo(p.slave);
    char line[5000];
    memset(line, 'x', sizeof line);
    nonblocking(p.master);
    CHECK_EQ(write(p.master, line, 4094), 4094);
    put(p.master, "\n");
    char buffer[8192];
    CHECK_EQ(read(p.slave, buffer, sizeof buffer), 4095);
    CHECK_EQ(buffer[4094], '\n');
}
TEST(terminals, reads_wait_for_lines) {
    Pty p;
    no_echo(p.slave);
    pid_t child = start([&] { expect(p.slave, "late\n"); });
    wait_until_asleep(child);
    put(p.master, "la");
    sleep_ms(10);
    put(p.master, "te\n");
    CHECK_EXITED(status_of(child), 0);
}
TEST(terminals, nonblocking) {
    Pty p;
    no_echo(p.slave);
    nonblocking(p.slave);
    nonblocking(p.master);
    char c;
    CHECK_ERRNO(read(p.slave, &c, 1), EAGAIN);
    CHECK_ERRNO(read(p.master, &c, 1), EAGAIN);
    put(p.master, "half");
    CHECK_ERRNO(read(p.slave, &c, 1), EAGAIN);
    char block[1024];
    memset(block, 'y', sizeof block);
    long total = 0;
    ssize_t wrote;
    while ((wrote = write(p.slave, block, sizeof block)) > 0) {
        total += wrote;
        CHECK(total < 10000000);
    }
    CHECK(errno == EAGAIN);
    CHECK_EQ(ready(p.slave, POLLOUT), 0);
    while (total > 0) {
        char buffer[4096];
        ssize_t got = read(p.master, buffer, sizeof buffer);
        if (got == -1 && errno == EAGAIN) {
            sleep_ms(1);
            continue;
        }
        CHECK(got > 0);
        total -= got;
    }
    CHECK_EQ(ready(p.slave, POLLOUT, 1000), POLLOUT);
}
TEST(terminals, big_streams_pass_raw) {
    Pty p;
    raw(p.slave, 1, 0);
    constexpr long kTotal = 1 << 20;
    pid_t child = start([&] {
        unsigned char block[3000];
        for (long at = 0; at < kTotal;) {
            long length = kTotal - at < 3000 ? kTotal - at : 3000;
            for (long i = 0; i < length; ++i) block[i] = static_cast<unsigned char>((at + i) * 7 >> 3);
            ssize_t wrote = write(p.slave, block, length);
            CHECK(wrote > 0);
            at += wrote;
        }
    });
    unsigned char block[4096];
    for (long at = 0; at < kTotal;) {
        ssize_t got = read(p.master, block, sizeof block);
        CHECK(got > 0);
        for (long i = 0; i < got; ++i) CHECK_EQ(block[i], static_cast<unsigned char>((at + i) * 7 >> 3));
        at += got;
    }
    CHECK_EXITED(status_of(child), 0);
}
TEST(terminals, big_streams_pass_to_the_slave) {
    Pty p;
    raw(p.slave, 1, 0);
    constexpr long kTotal = 1 << 20;
    pid_t child = start([&] {
        unsigned char block[4096];
        for (long at = 0; at < kTotal;) {
            ssize_t got = read(p.slave, block, sizeof block);
            CHECK(got > 0);
            for (long i = 0; i < got; ++i) CHECK_EQ(block[i], static_cast<unsigned char>((at + i) * 5 >> 3));
            at += got;
        }
    });
    unsigned char block[3000];
    for (long at = 0; at < kTotal;) {
        long length = kTotal - at < 3000 ? kTotal - at : 3000;
        for (long i = 0; i < length; ++i) block[i] = static_cast<unsigned char>((at + i) * 5 >> 3);
        ssize_t wrote = write(p.master, block, length);
        CHECK(wrote > 0);
        at += wrote;
    }
    CHECK_EXITED(status_of(child), 0);
}
TEST(terminals, closed_slave_is_EIO_for_the_master) {
    Pty p;
    put(p.slave, "bye\n");
    close(p.slave);
    CHECK_EQ(ready(p.master, POLLIN) & (POLLIN | POLLHUP), POLLIN | POLLHUP);
    expect_sent(p.master, "bye\r\n");
    char c;
    CHECK_ERRNO(read(p.master, &c, 1), EIO);
    CHECK_OK(p.slave = open(p.name, O_RDWR | O_NOCTTY));
    CHECK_EQ(ready(p.master, POLLIN), 0);
}
TEST(terminals, closed_master_hangs_the_slave_up) {
    Pty p;
    close(p.master);
    char c;
    CHECK_EQ(read(p.slave, &c, 1), 0);
    CHECK_ERRNO(write(p.slave, "x", 1), EIO);
    CHECK_EQ(ready(p.slave, POLLIN) & POLLHUP, POLLHUP);
    termios t;
    CHECK_ERRNO(tcgetattr(p.slave, &t), EIO);
}

// ---- modes

TEST(terminals, settings_keep_what_was_set) {
    Pty p;
    termios t = get(p.slave);
    CHECK_EQ(t.c_iflag, ICRNL | IXON);
    CHECK_EQ(t.c_oflag, OPOST | ONLCR);
    CHECK_EQ(t.c_cflag & (CSIZE | CREAD), CS8 | CREAD);
    CHECK_EQ(t.c_lflag, ISIG | ICANON | ECHO | ECHOE | ECHOK | ECHOCTL | ECHOKE | IEXTEN);
    CHECK_EQ(t.c_cc[VINTR], 3);
    CHECK_EQ(t.c_cc[VMIN], 1);
    CHECK_EQ(cfgetospeed(&t), B38400);
    cfsetspeed(&t, B115200);
    t.c_cc[VKILL] = '@';
    t.c_iflag |= IUTF8;
    CHECK_OK(tcsetattr(p.slave, TCSAFLUSH, &t));
    termios u = get(p.master);  // the same seen from the other side
    CHECK_EQ(u.c_cc[VKILL], '@');
    CHECK_EQ(u.c_iflag, t.c_iflag);
    CHECK_EQ(cfgetospeed(&u), B115200);
    CHECK_ERRNO(ioctl(p.slave, TCGETS, bad<termios>()), EFAULT);
    CHECK_ERRNO(ioctl(p.slave, TCSETS, bad<termios>()), EFAULT);
}
TEST(terminals, vmin_counts_bytes) {
    Pty p;
    raw(p.slave, 3, 0);
    pid_t child = start([&] { expect(p.slave, "abc"); });
    wait_until_asleep(child);
    put(p.master, "a");
    put(p.master, "b");
    CHECK_EQ(ready(p.slave, POLLIN), 0);
    put(p.master, "c");
    CHECK_EXITED(status_of(child), 0);
}
TEST(terminals, vmin_zero_does_not_wait) {
    Pty p;
    raw(p.slave, 0, 0);
    char c;
    CHECK_EQ(read(p.slave, &c, 1), 0);
    put(p.master, "x");
    CHECK_EQ(read(p.slave, &c, 1), 1);
}
TEST(terminals, vtime_alone_is_a_deadline) {
    Pty p;
    raw(p.slave, 0, 2);
    char c;
    int64_t before = now_ns();
    CHECK_EQ(read(p.slave, &c, 1), 0);
    int64_t waited = now_ns() - before;
    CHECK(waited >= 150000000);
    CHECK(waited < 2000000000);
    put(p.master, "x");
    CHECK_EQ(read(p.slave, &c, 1), 1);
}
TEST(terminals, vtime_between_bytes) {
    Pty p;
    raw(p.slave, 10, 2);
    pid_t child = start([&] { expect(p.slave, "ab"); });
    wait_until_asleep(child);
    put(p.master, "a");
    sleep_ms(50);
    put(p.master, "b");
    CHECK_EXITED(status_of(child), 0);
}
TEST(terminals, raw_bytes_pass_untouched) {
    Pty p;
    raw(p.slave, 1, 0);
    char all[256], got[256];
    for (int i = 0; i < 256; ++i) all[i] = static_cast<char>(i);
    CHECK_EQ(write(p.master, all, 256), 256);
    CHECK_EQ(read(p.slave, got, 256), 256);
    CHECK_EQ(memcmp(all, got, 256), 0);
    CHECK_EQ(write(p.slave, all, 256), 256);
    CHECK_EQ(read(p.master, got, 256), 256);
    CHECK_EQ(memcmp(all, got, 256), 0);
}
TEST(terminals, typed_ahead_bytes_survive_a_change_of_mode) {
    Pty p;
    no_echo(p.slave);
    put(p.master, "abc");
    sleep_ms(20);
    CHECK_EQ(ready(p.slave, POLLIN), 0);
    raw(p.slave, 1, 0);
    expect(p.slave, "abc");
}
TEST(terminals, flushing) {
    Pty p;
    no_echo(p.slave);
    put(p.master, "gone\n");
    CHECK_EQ(ready(p.slave, POLLIN, 1000), POLLIN);
    CHECK_OK(tcflush(p.slave, TCIFLUSH));
    CHECK_EQ(ready(p.slave, POLLIN), 0);
    put(p.master, "here\n");
    expect(p.slave, "here\n");
    CHECK_ERRNO(ioctl(p.slave, TCFLSH, 7), EINVAL);
}
TEST(terminals, stopped_output) {
    Pty p;
    nonblocking(p.master);
    nonblocking(p.slave);
    CHECK_OK(tcflow(p.slave, TCOOFF));
    CHECK_ERRNO(write(p.slave, "x", 1), EAGAIN);
    CHECK_OK(tcflow(p.slave, TCOON));
    put(p.slave, "x");
    CHECK_EQ(ready(p.master, POLLIN, 1000), POLLIN);
    expect_sent(p.master, "x");
    put(p.master, "\x13");
    sleep_ms(20);
    CHECK_ERRNO(write(p.slave, "y", 1), EAGAIN);
    put(p.master, "\x11");
    CHECK_EQ(ready(p.slave, POLLOUT, 1000), POLLOUT);
    put(p.slave, "y");
}
TEST(terminals, window_size) {
    Pty p;
    winsize size = {};
    CHECK_OK(ioctl(p.slave, TIOCGWINSZ, &size));
    CHECK_EQ(size.ws_row, 0);
    winsize wanted = {24, 80, 640, 480};
    CHECK_OK(ioctl(p.master, TIOCSWINSZ, &wanted));
    CHECK_OK(ioctl(p.slave, TIOCGWINSZ, &size));
    CHECK_EQ(memcmp(&size, &wanted, sizeof size), 0);
}
TEST(terminals, exclusive_use) {
    Pty p;
    int value = -1;
    CHECK_OK(ioctl(p.slave, TIOCGEXCL, &value));
    CHECK_EQ(value, 0);
    CHECK_OK(ioctl(p.slave, TIOCEXCL));
    CHECK_OK(ioctl(p.slave, TIOCGEXCL, &value));
    CHECK_EQ(value, 1);
    CHECK_OK(ioctl(p.slave, TIOCNXCL));
}
TEST(terminals, packet_mode) {
    Pty p;
    int on = 1;
    CHECK_OK(ioctl(p.master, TIOCPKT, &on));
    put(p.slave, "data");
    char buffer[64] = {};
    CHECK_EQ(read(p.master, buffer, sizeof buffer), 5);
    CHECK_EQ(buffer[0], TIOCPKT_DATA);
    CHECK_OK(tcflow(p.slave, TCOOFF));
    CHECK_EQ(ready(p.master, POLLIN | POLLPRI, 1000) & POLLPRI, POLLPRI);
    CHECK_EQ(read(p.master, buffer, sizeof buffer), 1);
    CHECK_EQ(buffer[0], TIOCPKT_STOP);
}

// ---- job control. Every case is the leader of a session without terminal.

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
