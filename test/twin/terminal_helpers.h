// SPDX-License-Identifier: MIT
//
// A pseudo-terminal and what is done with one, for the cases of terminals and of job control.
#pragma once

#include "twin.h"

#include <asm/ioctls.h>
#include <sys/ioctl.h>
#include <termios.h>

namespace twin {

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

inline termios get(int fd) {
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
inline void no_echo(int fd) {
    change(fd, [](termios& t) { t.c_lflag &= ~ECHO; });
}
inline void raw(int fd, int minimum, int time) {
    change(fd, [&](termios& t) {
        cfmakeraw(&t);
        t.c_cc[VMIN] = static_cast<cc_t>(minimum);
        t.c_cc[VTIME] = static_cast<cc_t>(time);
    });
}
inline void put(int fd, const char* text) { CHECK_EQ(write(fd, text, strlen(text)), strlen(text)); }
// One read of a slave must give exactly this.
inline void expect(int fd, const char* text) {
    char buffer[4096] = {};
    ssize_t got = read(fd, buffer, sizeof buffer - 1);
    CHECK(got >= 0);
    CHECK_STR(buffer, text);
}
// What comes out at the master, perhaps in pieces.
inline void expect_sent(int fd, const char* text) {
    char buffer[4096] = {};
    for (size_t at = 0; at < strlen(text);) {
        ssize_t got = read(fd, buffer + at, sizeof buffer - 1 - at);
        CHECK(got > 0);
        at += static_cast<size_t>(got);
    }
    CHECK_STR(buffer, text);
}
inline int ready(int fd, short events, int timeout_ms = 0) {
    pollfd p = {fd, events, 0};
    CHECK(poll(&p, 1, timeout_ms) >= 0);
    return p.revents;
}
inline void nonblocking(int fd) { CHECK_OK(fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK)); }

inline volatile sig_atomic_t g_signal;
inline void note(int number) { g_signal = number; }
inline void on(int number, void (*handler)(int)) {
    struct sigaction action = {};
    action.sa_handler = handler;
    CHECK_OK(sigaction(number, &action, nullptr));
}

}  // namespace twin
