// SPDX-License-Identifier: MIT
//
// Terminals seen from programs: pseudo-terminals (pty(7)), line editing and modes (termios(3)), waiting and poll.
#include "terminal_helpers.h"

using namespace twin;

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
    CHECK_EQ(ready(p.slave, POLLOUT, 50000), POLLOUT);
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
    put(p.master, "x");
    CHECK_EQ(read(p.slave, &c, 1), 1);
}
TEST(terminals, vtime_between_bytes) {
    Pty p;
    raw(p.slave, 10, 2);
    for (int tries = 0; tries < 20; ++tries) {
        pid_t child = start([&] {
            char text[8] = {};
            CHECK(read(p.slave, text, sizeof text - 1) >= 1);
            _exit(!strcmp(text, "ab") ? 0 : !strcmp(text, "a") ? 1 : 2);
        });
        wait_until_asleep(child);
        const int64_t begun = now_ns();
        put(p.master, "a");
        sleep_ms(50);
        put(p.master, "b");
        const int64_t took = now_ns() - begun;
        const int status = status_of(child);
        if (WIFEXITED(status) && WEXITSTATUS(status) == 1 && took >= 200000000) {  // the machine stood still between the two
            expect(p.slave, "b");
            continue;
        }
        CHECK_EXITED(status, 0);
        return;
    }
    fail(__FILE__, __LINE__, "no two bytes came within 200 ms");
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
    CHECK_EQ(ready(p.slave, POLLIN, 50000), POLLIN);
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
    CHECK_EQ(ready(p.master, POLLIN, 50000), POLLIN);
    expect_sent(p.master, "x");
    put(p.master, "\x13");
    sleep_ms(20);
    CHECK_ERRNO(write(p.slave, "y", 1), EAGAIN);
    put(p.master, "\x11");
    CHECK_EQ(ready(p.slave, POLLOUT, 50000), POLLOUT);
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
    CHECK_EQ(ready(p.master, POLLIN | POLLPRI, 50000) & POLLPRI, POLLPRI);
    CHECK_EQ(read(p.master, buffer, sizeof buffer), 1);
    CHECK_EQ(buffer[0], TIOCPKT_STOP);
}

// ---- what a pseudo-terminal has not

TEST(terminals, no_modem_lines) {
    Pty pty;
    const int end_list[] = {pty.slave, pty.master};
    for (const int fd : end_list) {
        int lines = 0;
        CHECK_ERRNO(ioctl(fd, TIOCMGET, &lines), ENOTTY);
        CHECK_ERRNO(ioctl(fd, TIOCMGET, bad<int>()), ENOTTY);
        CHECK_ERRNO(ioctl(fd, TIOCMSET, &lines), ENOTTY);
        CHECK_ERRNO(ioctl(fd, TIOCMBIS, &lines), ENOTTY);
        CHECK_ERRNO(ioctl(fd, TIOCMBIC, bad<int>()), ENOTTY);
        CHECK_ERRNO(ioctl(fd, TIOCMIWAIT, TIOCM_CTS), ENOTTY);
        char counts[256] = {};
        CHECK_ERRNO(ioctl(fd, TIOCGICOUNT, counts), ENOTTY);
        CHECK_ERRNO(ioctl(fd, TIOCGSERIAL, counts), ENOTTY);
        CHECK_ERRNO(ioctl(fd, TIOCSSERIAL, counts), ENOTTY);
        CHECK_ERRNO(ioctl(fd, TIOCSERGETLSR, &lines), ENOTTY);
        CHECK_ERRNO(ioctl(fd, 0x54ff, &lines), ENOTTY);
    }
}
TEST(terminals, carrier_is_a_setting) {
    Pty pty;
    int is_ignored = -1;
    CHECK_OK(ioctl(pty.slave, TIOCGSOFTCAR, &is_ignored));
    CHECK_EQ(is_ignored, (get(pty.slave).c_cflag & CLOCAL) ? 1 : 0);
    const int value_list[] = {1, 0, 7};
    for (const int value : value_list) {
        CHECK_OK(ioctl(pty.slave, TIOCSSOFTCAR, &value));
        CHECK_OK(ioctl(pty.slave, TIOCGSOFTCAR, &is_ignored));
        CHECK_EQ(is_ignored, value != 0);
        CHECK_EQ((get(pty.slave).c_cflag & CLOCAL) != 0, value != 0);
    }
    CHECK_ERRNO(ioctl(pty.slave, TIOCGSOFTCAR, bad<int>()), EFAULT);
    CHECK_ERRNO(ioctl(pty.slave, TIOCSSOFTCAR, bad<int>()), EFAULT);
}
TEST(terminals, settings_may_be_locked) {
    Pty pty;
    termios locked = {};
    CHECK_OK(ioctl(pty.slave, TIOCGLCKTRMIOS, &locked));
    CHECK_EQ(locked.c_lflag, 0);
    locked.c_lflag = ECHO;
    const tcflag_t before = get(pty.slave).c_lflag;
    if (ioctl(pty.slave, TIOCSLCKTRMIOS, &locked) != 0) SKIP("this host's root may not lock: %s", errno_name(errno));
    change(pty.slave, [](termios& t) { t.c_lflag ^= ECHO | ICANON; });
    CHECK_EQ(get(pty.slave).c_lflag, before ^ ICANON);
    locked.c_lflag = 0;
    CHECK_OK(ioctl(pty.slave, TIOCSLCKTRMIOS, &locked));
    change(pty.slave, [](termios& t) { t.c_lflag ^= ECHO; });
    CHECK_EQ(get(pty.slave).c_lflag, before ^ (ICANON | ECHO));
}
