// SPDX-License-Identifier: MIT
//
// poll(2), ppoll(2), select(2), pselect6(2), epoll(7).
#include "twin.h"

#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/select.h>
#include <sys/timerfd.h>

using namespace twin;

namespace {

struct Pipe {
    int in, out;
    explicit Pipe(int flags = 0) {
        int fds[2];
        CHECK_OK(pipe2(fds, flags));
        in = fds[0];
        out = fds[1];
    }
};

int raw_ppoll(pollfd* fds, unsigned count, timespec* timeout, const sigset_t* mask) {
    return static_cast<int>(syscall(SYS_ppoll, fds, count, timeout, mask, 8));
}
void on_signal(int) {}
void handle(int signal, int flags = 0) {
    struct sigaction action = {};
    action.sa_handler = on_signal;
    action.sa_flags = flags;
    CHECK_OK(sigaction(signal, &action, nullptr));
}
// Sends `signal` to the parent once it sleeps.
pid_t disturb(int signal) {
    pid_t parent = getpid();
    return start([=] {
        wait_until_asleep(parent);
        kill(parent, signal);
    });
}
void add(int epfd, int fd, uint32_t events, uint64_t data = 0) {
    epoll_event event = {};
    event.events = events;
    event.data.u64 = data;
    CHECK_OK(epoll_ctl(epfd, EPOLL_CTL_ADD, fd, &event));
}
int change(int epfd, int operation, int fd, uint32_t events) {
    epoll_event event = {};
    event.events = events;
    return epoll_ctl(epfd, operation, fd, &event);
}
// The events of the only ready one, 0 for none.
uint32_t look(int epfd, int timeout_ms = 0) {
    epoll_event events[4];
    int count = epoll_wait(epfd, events, 4, timeout_ms);
    CHECK(count == 0 || count == 1);
    return count == 0 ? 0 : events[0].events;
}
void put(int fd, uint64_t value = 1) {
    CHECK_EQ(write(fd, &value, 8), 8);
}
void take(int fd) {
    uint64_t value;
    CHECK_EQ(read(fd, &value, 8), 8);
}

}  // namespace

TEST(poll, tells_what_is_ready) {
    Pipe p;
    pollfd fds[4] = {{p.in, POLLIN, 0}, {p.out, POLLOUT, 0}, {-1, POLLIN, 77}, {0x7ff0, POLLIN, 0}};
    CHECK_EQ(poll(fds, 4, -1), 2);
    CHECK_EQ(fds[0].revents, 0);
    CHECK_EQ(fds[1].revents, POLLOUT);
    CHECK_EQ(fds[2].revents, 0);
    CHECK_EQ(fds[3].revents, POLLNVAL);
    CHECK_EQ(write(p.out, "x", 1), 1);
    CHECK_EQ(poll(fds, 1, -1), 1);
    CHECK_EQ(fds[0].revents, POLLIN);
    fds[0].events = 0;
    CHECK_EQ(poll(fds, 1, 0), 0);
}
TEST(poll, tells_of_hang_ups_and_errors_unasked) {
    Pipe p;
    close(p.out);
    pollfd entry = {p.in, 0, 0};
    CHECK_EQ(poll(&entry, 1, -1), 1);
    CHECK_EQ(entry.revents, POLLHUP);
    Pipe q;
    close(q.in);
    entry = {q.out, POLLOUT, 0};
    CHECK_EQ(poll(&entry, 1, -1), 1);
    CHECK_EQ(entry.revents, POLLOUT | POLLERR);
}
TEST(poll, files_are_always_ready) {
    write_file("f", "x");
    int fd = open("f", O_RDWR);
    pollfd entry = {fd, POLLIN | POLLOUT | POLLRDNORM | POLLWRNORM | POLLPRI, 0};
    CHECK_EQ(poll(&entry, 1, 0), 1);
    CHECK_EQ(entry.revents, POLLIN | POLLOUT | POLLRDNORM | POLLWRNORM);
    int null = open("/dev/null", O_RDWR);
    entry = {null, POLLIN | POLLOUT, 0};
    CHECK_EQ(poll(&entry, 1, 0), 1);
    CHECK_EQ(entry.revents, POLLIN | POLLOUT);
}
TEST(poll, waits_as_long_as_it_says) {
    Pipe p;
    pollfd entry = {p.in, POLLIN, 0};
    int64_t before = now_ns();
    CHECK_EQ(poll(&entry, 1, 30), 0);
    CHECK(now_ns() - before >= 30000000);
    before = now_ns();
    CHECK_EQ(poll(nullptr, 0, 20), 0);
    CHECK(now_ns() - before >= 20000000);
}
TEST(poll, wakes_when_something_comes) {
    Pipe p;
    pid_t parent = getpid();
    pid_t child = start([&] {
        wait_until_asleep(parent);
        CHECK_EQ(write(p.out, "x", 1), 1);
    });
    pollfd entries[9] = {};
    for (pollfd& entry : entries)
        entry = {p.in, POLLIN, 0};
    CHECK_EQ(poll(entries, 9, 50000), 9);
    CHECK_EXITED(status_of(child), 0);
}
TEST(poll, signal_ends_it_even_with_SA_RESTART) {
    Pipe p;
    handle(SIGUSR1, SA_RESTART);
    pid_t child = disturb(SIGUSR1);
    pollfd entry = {p.in, POLLIN, 0};
    CHECK_ERRNO(poll(&entry, 1, 50000), EINTR);
    status_of(child);
}
TEST(poll, stopping_and_going_on_is_not_an_end) {
    Pipe p;
    pid_t sleeper = start([&] {
        pollfd entry = {p.in, POLLIN, 0};
        int64_t before = now_ns();
        CHECK_EQ(poll(&entry, 1, 300), 0);
        CHECK(now_ns() - before >= 300000000);
    });
    wait_for_state(sleeper, "SZ");  // 300 ms may be over already
    kill(sleeper, SIGSTOP);
    sleep_ms(50);
    kill(sleeper, SIGCONT);
    CHECK_EXITED(status_of(sleeper), 0);
}
TEST(poll, errors) {
    pollfd entry = {0, POLLIN, 0};
    CHECK_ERRNO(poll(kernel_address<pollfd>(), 1, 0), EFAULT);
    rlimit limit = {16, 16};
    CHECK_OK(setrlimit(RLIMIT_NOFILE, &limit));
    CHECK_ERRNO(syscall(SYS_poll, &entry, 17, 0), EINVAL);
}
TEST(ppoll, mask_and_remaining_time) {
    Pipe p;
    handle(SIGUSR1);
    sigset_t block, none;
    sigemptyset(&none);
    sigemptyset(&block);
    sigaddset(&block, SIGUSR1);
    sigprocmask(SIG_BLOCK, &block, nullptr);
    kill(getpid(), SIGUSR1);
    pollfd entry = {p.in, POLLIN, 0};
    const timespec whole = {1000, 0};
    timespec timeout = whole;
    const int64_t begun = now_ns();
    CHECK_ERRNO(raw_ppoll(&entry, 1, &timeout, &none), EINTR);
    CHECK(is_rest_of(whole, timeout, begun));
    sigset_t now;
    sigprocmask(SIG_BLOCK, nullptr, &now);
    CHECK(sigismember(&now, SIGUSR1));
    timeout = {0, 5000000};
    CHECK_EQ(raw_ppoll(&entry, 1, &timeout, nullptr), 0);
    CHECK(timeout.tv_sec == 0 && timeout.tv_nsec == 0);
    timeout = {0, 1000000000};
    CHECK_ERRNO(raw_ppoll(&entry, 1, &timeout, nullptr), EINVAL);
    CHECK_ERRNO(syscall(SYS_ppoll, &entry, 1, nullptr, &none, 4), EINVAL);
}

TEST(select, tells_what_is_ready) {
    Pipe p, q;
    CHECK_EQ(write(p.out, "x", 1), 1);
    fd_set readable, writable;
    FD_ZERO(&readable);
    FD_ZERO(&writable);
    FD_SET(p.in, &readable);
    FD_SET(q.in, &readable);
    FD_SET(q.out, &writable);
    CHECK_EQ(select(64, &readable, &writable, nullptr, nullptr), 2);
    CHECK(FD_ISSET(p.in, &readable) && !FD_ISSET(q.in, &readable) && FD_ISSET(q.out, &writable));
}
TEST(select, timeout_counts_down) {
    Pipe p;
    fd_set set;
    FD_ZERO(&set);
    FD_SET(p.in, &set);
    timeval timeout = {0, 20000};
    int64_t before = now_ns();
    CHECK_EQ(syscall(SYS_select, p.in + 1, &set, nullptr, nullptr, &timeout), 0);
    CHECK(now_ns() - before >= 20000000);
    CHECK(!FD_ISSET(p.in, &set));
    CHECK(timeout.tv_sec == 0 && timeout.tv_usec == 0);
    CHECK_EQ(write(p.out, "x", 1), 1);
    FD_SET(p.in, &set);
    timeout = {1000, 0};
    before = now_ns();
    CHECK_EQ(syscall(SYS_select, p.in + 1, &set, nullptr, nullptr, &timeout), 1);
    CHECK(is_rest_of({1000, 0}, {timeout.tv_sec, timeout.tv_usec * 1000}, before - 1000));  // rounded down to microseconds
    before = now_ns();
    timeout = {0, 10000};
    CHECK_EQ(syscall(SYS_select, 0, nullptr, nullptr, nullptr, &timeout), 0);
    CHECK(now_ns() - before >= 10000000);
}
TEST(select, hang_up_is_readable) {
    Pipe p;
    close(p.out);
    fd_set set;
    FD_ZERO(&set);
    FD_SET(p.in, &set);
    CHECK_EQ(select(p.in + 1, &set, nullptr, nullptr, nullptr), 1);
}
TEST(select, errors) {
    fd_set set;
    FD_ZERO(&set);
    FD_SET(63, &set);
    close(63);
    timeval zero = {0, 0}, negative = {-1, 0};
    CHECK_ERRNO(syscall(SYS_select, 64, &set, nullptr, nullptr, &zero), EBADF);
    CHECK_EQ(syscall(SYS_select, 63, &set, nullptr, nullptr, &zero), 0);
    CHECK_ERRNO(syscall(SYS_select, -1, nullptr, nullptr, nullptr, &zero), EINVAL);
    CHECK_ERRNO(syscall(SYS_select, 0, nullptr, nullptr, nullptr, &negative), EINVAL);
    CHECK_ERRNO(syscall(SYS_select, 1, kernel_address<fd_set>(), nullptr, nullptr, &zero), EFAULT);
}
TEST(pselect, mask_is_for_the_call_only) {
    handle(SIGUSR1);
    sigset_t block, none;
    sigemptyset(&none);
    sigemptyset(&block);
    sigaddset(&block, SIGUSR1);
    sigprocmask(SIG_BLOCK, &block, nullptr);
    kill(getpid(), SIGUSR1);
    timespec timeout = {5, 0};
    CHECK_ERRNO(pselect(0, nullptr, nullptr, nullptr, &timeout, &none), EINTR);
    sigset_t now;
    sigprocmask(SIG_BLOCK, nullptr, &now);
    CHECK(sigismember(&now, SIGUSR1));
}

TEST(epoll, level_is_reported_again_and_again) {
    int epfd = epoll_create1(EPOLL_CLOEXEC), fd = eventfd(0, 0);
    CHECK_EQ(fcntl(epfd, F_GETFD), FD_CLOEXEC);
    add(epfd, fd, EPOLLIN, 99);
    CHECK_EQ(look(epfd), 0);
    put(fd);
    epoll_event events[2] = {};
    CHECK_EQ(epoll_wait(epfd, events, 2, -1), 1);
    CHECK_EQ(events[0].data.u64, 99);
    CHECK_EQ(look(epfd), EPOLLIN);
    take(fd);
    CHECK_EQ(look(epfd), 0);
}
TEST(epoll, edge_is_reported_once_for_each_write) {
    int epfd = epoll_create1(0);
    Pipe p;
    add(epfd, p.in, EPOLLIN | EPOLLET);
    CHECK_EQ(write(p.out, "ab", 2), 2);
    CHECK_EQ(look(epfd), EPOLLIN);
    CHECK_EQ(look(epfd), 0);
    char c;
    CHECK_EQ(read(p.in, &c, 1), 1);
    CHECK_EQ(look(epfd), 0);
    CHECK_EQ(write(p.out, "c", 1), 1);
    CHECK_EQ(look(epfd), EPOLLIN);
    close(p.out);
    CHECK_EQ(look(epfd), EPOLLIN | EPOLLHUP);
    CHECK_EQ(look(epfd), 0);
}
TEST(epoll, one_shot_is_armed_anew_by_modify) {
    int epfd = epoll_create1(0), fd = eventfd(1, 0);
    add(epfd, fd, EPOLLIN | EPOLLONESHOT);
    CHECK_EQ(look(epfd), EPOLLIN);
    CHECK_EQ(look(epfd), 0);
    put(fd);
    CHECK_EQ(look(epfd), 0);
    CHECK_OK(change(epfd, EPOLL_CTL_MOD, fd, EPOLLIN | EPOLLONESHOT));
    CHECK_EQ(look(epfd), EPOLLIN);
    CHECK_EQ(look(epfd), 0);
}
TEST(epoll, modify_looks_at_what_is_there) {
    int epfd = epoll_create1(0), fd = eventfd(1, 0);
    add(epfd, fd, 0);
    CHECK_EQ(look(epfd), 0);
    CHECK_OK(change(epfd, EPOLL_CTL_MOD, fd, EPOLLOUT));
    CHECK_EQ(look(epfd), EPOLLOUT);
    CHECK_OK(change(epfd, EPOLL_CTL_MOD, fd, EPOLLIN | EPOLLOUT));
    CHECK_EQ(look(epfd), EPOLLIN | EPOLLOUT);
    CHECK_OK(change(epfd, EPOLL_CTL_DEL, fd, 0));
    CHECK_EQ(look(epfd), 0);
}
TEST(epoll, closing_the_last_descriptor_removes) {
    int epfd = epoll_create1(0), fd = eventfd(1, 0), copy = dup(fd);
    add(epfd, fd, EPOLLIN);
    close(fd);
    CHECK_EQ(look(epfd), EPOLLIN);  // the copy keeps the file open
    close(copy);
    CHECK_EQ(look(epfd), 0);
    int again = eventfd(1, 0);
    CHECK_EQ(again, fd);
    add(epfd, again, EPOLLIN);  // no trace of the old one
    CHECK_EQ(look(epfd), EPOLLIN);
}
TEST(epoll, the_same_file_by_two_numbers_is_two_items) {
    int epfd = epoll_create1(0), fd = eventfd(1, 0), copy = dup(fd);
    add(epfd, fd, EPOLLIN, 1);
    add(epfd, copy, EPOLLIN, 2);
    epoll_event events[4];
    CHECK_EQ(epoll_wait(epfd, events, 4, 0), 2);
    CHECK_EQ(epoll_wait(epfd, events, 1, 0), 1);
    uint64_t first = events[0].data.u64;
    CHECK_EQ(epoll_wait(epfd, events, 1, 0), 1);  // the other one has its turn
    CHECK(events[0].data.u64 != first);
}
TEST(epoll, errors_in_their_order) {
    int epfd = epoll_create1(0), fd = eventfd(0, 0);
    add(epfd, fd, EPOLLIN);
    CHECK_ERRNO(change(epfd, EPOLL_CTL_ADD, fd, EPOLLIN), EEXIST);
    CHECK_ERRNO(change(epfd, EPOLL_CTL_ADD, epfd, EPOLLIN), EINVAL);
    CHECK_ERRNO(change(epfd, EPOLL_CTL_ADD, 0x7ff0, EPOLLIN), EBADF);
    CHECK_ERRNO(change(0x7ff0, EPOLL_CTL_ADD, fd, EPOLLIN), EBADF);
    CHECK_ERRNO(change(fd, EPOLL_CTL_ADD, epfd, EPOLLIN), EINVAL);
    CHECK_ERRNO(change(epfd, 9, fd, EPOLLIN), EINVAL);
    int other = eventfd(0, 0);
    CHECK_ERRNO(change(epfd, EPOLL_CTL_MOD, other, EPOLLIN), ENOENT);
    CHECK_ERRNO(change(epfd, EPOLL_CTL_DEL, other, EPOLLIN), ENOENT);
    CHECK_ERRNO(epoll_ctl(epfd, EPOLL_CTL_ADD, other, kernel_address<epoll_event>()), EFAULT);
    CHECK_ERRNO(epoll_ctl(0x7ff0, EPOLL_CTL_ADD, other, kernel_address<epoll_event>()), EFAULT);
    write_file("f", "x");
    CHECK_ERRNO(change(epfd, EPOLL_CTL_ADD, open("f", O_RDONLY), EPOLLIN), EPERM);
    CHECK_ERRNO(change(epfd, EPOLL_CTL_ADD, open(".", O_RDONLY), EPOLLIN), EPERM);
    CHECK_ERRNO(change(epfd, EPOLL_CTL_MOD, fd, EPOLLIN | EPOLLEXCLUSIVE), EINVAL);
    CHECK_ERRNO(change(epfd, EPOLL_CTL_ADD, other, EPOLLIN | EPOLLPRI | EPOLLEXCLUSIVE), EINVAL);
    CHECK_OK(change(epfd, EPOLL_CTL_ADD, other, EPOLLIN | EPOLLEXCLUSIVE));
    CHECK_ERRNO(change(epfd, EPOLL_CTL_MOD, other, EPOLLIN), EINVAL);
    epoll_event event;
    CHECK_ERRNO(epoll_wait(epfd, &event, 0, 0), EINVAL);
    CHECK_ERRNO(epoll_wait(epfd, &event, -1, 0), EINVAL);
    CHECK_ERRNO(epoll_wait(fd, &event, 1, 0), EINVAL);
    CHECK_ERRNO(epoll_wait(0x7ff0, &event, 1, 0), EBADF);
    put(fd);
    CHECK_ERRNO(epoll_wait(epfd, kernel_address<epoll_event>(), 1, 0), EFAULT);
    CHECK_EQ(epoll_wait(epfd, &event, 1, 0), 1);  // not lost by the failure
    CHECK_ERRNO(epoll_create1(1), EINVAL);
    CHECK_ERRNO(syscall(SYS_epoll_create, 0), EINVAL);  // musl does not look at the size
}
TEST(epoll, sets_within_sets) {
    int outer = epoll_create1(0), inner = epoll_create1(0), fd = eventfd(0, 0);
    add(inner, fd, EPOLLIN);
    add(outer, inner, EPOLLIN);
    CHECK_EQ(look(outer), 0);
    put(fd);
    CHECK_EQ(look(outer), EPOLLIN);
    pollfd entry = {inner, POLLIN, 0};
    CHECK_EQ(poll(&entry, 1, 0), 1);
    take(fd);
    CHECK_EQ(poll(&entry, 1, 0), 0);
    CHECK_EQ(look(outer), 0);
    CHECK_ERRNO(change(inner, EPOLL_CTL_ADD, outer, EPOLLIN), ELOOP);
    int deep[6];
    for (int& set : deep)
        set = epoll_create1(0);
    for (int i = 0; i < 4; ++i)
        add(deep[i], deep[i + 1], EPOLLIN);
    CHECK_ERRNO(change(deep[4], EPOLL_CTL_ADD, deep[5], EPOLLIN), ELOOP);
    CHECK_ERRNO(change(deep[4], EPOLL_CTL_ADD, deep[0], EPOLLIN), ELOOP);
}
TEST(epoll, wait_wakes_and_times_out) {
    int epfd = epoll_create1(0), fd = eventfd(0, 0);
    add(epfd, fd, EPOLLIN);
    int64_t before = now_ns();
    CHECK_EQ(look(epfd, 20), 0);
    CHECK(now_ns() - before >= 20000000);
    pid_t parent = getpid();
    pid_t child = start([&] {
        wait_until_asleep(parent);
        put(fd);
    });
    CHECK_EQ(look(epfd, 50000), EPOLLIN);
    status_of(child);
    timespec timeout = {0, 3000000};
    take(fd);
    epoll_event event;
    before = now_ns();
    CHECK_EQ(syscall(SYS_epoll_pwait2, epfd, &event, 1, &timeout, nullptr, 8), 0);
    CHECK(now_ns() - before >= 3000000);
    timeout = {0, -1};
    CHECK_ERRNO(syscall(SYS_epoll_pwait2, epfd, &event, 1, &timeout, nullptr, 8), EINVAL);
}
TEST(epoll, pwait_sets_the_mask) {
    int epfd = epoll_create1(0);
    handle(SIGUSR1, SA_RESTART);
    sigset_t block, none;
    sigemptyset(&none);
    sigemptyset(&block);
    sigaddset(&block, SIGUSR1);
    sigprocmask(SIG_BLOCK, &block, nullptr);
    kill(getpid(), SIGUSR1);
    epoll_event event;
    CHECK_ERRNO(epoll_pwait(epfd, &event, 1, 5000, &none), EINTR);
    sigset_t now;
    sigprocmask(SIG_BLOCK, nullptr, &now);
    CHECK(sigismember(&now, SIGUSR1));
}
TEST(epoll, many_files) {
    rlimit limit = {2048, 2048};
    if (setrlimit(RLIMIT_NOFILE, &limit) != 0) SKIP("no more descriptors");
    int epfd = epoll_create1(0);
    static int fds[1000];
    for (int i = 0; i < 1000; ++i) {
        fds[i] = eventfd(0, 0);
        CHECK_OK(fds[i]);
        add(epfd, fds[i], EPOLLIN | EPOLLET, static_cast<uint64_t>(i));
    }
    for (int i = 0; i < 1000; i += 3)
        put(fds[i]);
    static epoll_event events[1000];
    int total = 0;
    for (int count; (count = epoll_wait(epfd, events, 100, 0)) > 0; total += count)
        for (int i = 0; i < count; ++i)
            CHECK_EQ(events[i].data.u64 % 3, 0);
    CHECK_EQ(total, 334);
}
TEST(epoll, timers_and_pipes_wake_it) {
    int epfd = epoll_create1(0), timer = timerfd_create(CLOCK_MONOTONIC, 0);
    Pipe p;
    add(epfd, timer, EPOLLIN, 1);
    add(epfd, p.in, EPOLLIN | EPOLLRDHUP, 2);
    itimerspec when = {{0, 0}, {0, 10000000}};
    timerfd_settime(timer, 0, &when, nullptr);
    epoll_event event;
    CHECK_EQ(epoll_wait(epfd, &event, 1, 5000), 1);
    CHECK_EQ(event.data.u64, 1);
    take(timer);
    close(p.out);
    CHECK_EQ(epoll_wait(epfd, &event, 1, 5000), 1);
    CHECK_EQ(event.data.u64, 2);
    CHECK_EQ(event.events, EPOLLHUP);
}
