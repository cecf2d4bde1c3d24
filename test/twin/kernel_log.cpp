// SPDX-License-Identifier: MIT
//
// /dev/kmsg (Linux's Documentation/ABI/testing/dev-kmsg) and syslog(2) for those who wait for lines.
#include "twin.h"

#include <sys/epoll.h>

using namespace twin;

namespace {

constexpr char kLine[] = "<14>twin: a line for those who wait\n";

int open_at_the_end(int flags) {
    const int fd = open("/dev/kmsg", O_RDONLY | flags);
    if (fd == -1) SKIP("/dev/kmsg cannot be opened: %s", errno_name(errno));
    CHECK_OK(lseek(fd, 0, SEEK_END));
    return fd;
}
bool is_ours(const char* record) { return strstr(record, "twin: a line for those who wait") != nullptr; }
// Others write lines too.
void read_until_ours(int fd) {
    char record[2048];
    for (;;) {
        const ssize_t got = read(fd, record, sizeof record - 1);
        CHECK(got > 0);
        record[got] = 0;
        if (is_ours(record)) return;
    }
}
pid_t write_soon() {
    return start([] {
        sleep_ms(100);
        const int fd = open("/dev/kmsg", O_WRONLY);
        _exit(write(fd, kLine, sizeof kLine - 1) == sizeof kLine - 1 ? 0 : 1);
    });
}

}  // namespace

TEST(kernel_log, a_read_waits_for_a_line) {
    const int fd = open_at_the_end(0);
    const pid_t writer = write_soon();
    read_until_ours(fd);
    CHECK_EXITED(status_of(writer), 0);
}
TEST(kernel_log, poll_waits_for_a_line) {
    const int fd = open_at_the_end(O_NONBLOCK);
    const pid_t writer = write_soon();
    for (bool has_come = false; !has_come;) {
        pollfd p = {fd, POLLIN, 0};
        CHECK_EQ(poll(&p, 1, 50000), 1);
        CHECK(p.revents & POLLIN);
        char record[2048];
        for (ssize_t got; (got = read(fd, record, sizeof record - 1)) > 0;) {
            record[got] = 0;
            has_come |= is_ours(record);
        }
        CHECK(errno == EAGAIN);
    }
    CHECK_EXITED(status_of(writer), 0);
}
TEST(kernel_log, epoll_waits_for_a_line) {
    const int fd = open_at_the_end(O_NONBLOCK), epoll = epoll_create1(0);
    epoll_event wanted = {EPOLLIN | EPOLLET, {}}, event;
    CHECK_OK(epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &wanted));
    const pid_t writer = write_soon();
    CHECK_EQ(epoll_wait(epoll, &event, 1, 5000), 1);
    CHECK_EXITED(status_of(writer), 0);
}
TEST(kernel_log, lines_that_are_too_long) {
    const int fd = open("/dev/kmsg", O_WRONLY);
    if (fd == -1) SKIP("/dev/kmsg cannot be opened: %s", errno_name(errno));
    static char text[4096];
    memset(text, 'x', sizeof text);
    CHECK_ERRNO(write(fd, text, sizeof text), EINVAL);
}
TEST(kernel_log, a_small_buffer_takes_no_record) {
    const int fd = open("/dev/kmsg", O_RDONLY | O_NONBLOCK);
    if (fd == -1) SKIP("/dev/kmsg cannot be opened: %s", errno_name(errno));
    char c;
    errno = 0;
    while (read(fd, &c, 1) == -1 && errno == EPIPE) {}  // lines were overwritten meanwhile
    CHECK(errno == EINVAL);
}
