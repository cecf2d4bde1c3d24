/* SPDX-License-Identifier: MIT */
/*
 * Signals that a call sends to its caller reach the program as if it had made the call by trap:
 * they kill, run a handler, wait, or are ignored. Each case runs inside and outside.
 */
#include <fcntl.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <time.h>

#include "test/ring/ring.h"

static struct ring* prepare(void)
{
    static struct ring ring;

    ring_make(&ring, 16, 16, -1);
    ring_workers(&ring, 2);
    return &ring;
}

static int broken_pipe(void)
{
    int ends[2];

    CHECK_EQUAL(pipe(ends), 0);
    close(ends[0]);
    return ends[1];
}

static volatile sig_atomic_t handled;
static void handle(int number) { handled = handled * 100 + number; }

static void write_broken(void* flags)
{
    struct ring* ring = prepare();

    signal(SIGPIPE, SIG_DFL);
    CALL_SIX(ring, *(uint32_t*)flags, SYS_write, broken_pipe(), "x", 1, 0, 0, 0);
}

static void a_broken_pipe_kills(void)
{
    for (uint32_t flags = 0; flags <= KSVC_ENTRY_OUTSIDE; flags += KSVC_ENTRY_OUTSIDE) {
        int status = in_child(write_broken, &flags);

        CHECK(WIFSIGNALED(status));
        CHECK_EQUAL(WTERMSIG(status), SIGPIPE);
    }
}

static void a_broken_pipe_runs_the_handler(void)
{
    struct ring* ring = prepare();
    int fd = broken_pipe(), ends[2];

    signal(SIGPIPE, handle);
    CHECK_EQUAL(CALL(ring, SYS_write, fd, "x", 1), -EPIPE);
    CHECK_EQUAL(handled, SIGPIPE);
    handled = 0;
    CHECK_EQUAL(CALL_OUTSIDE(ring, SYS_write, fd, "x", 1), -EPIPE);
    CHECK_EQUAL(handled, SIGPIPE);
    handled = 0;
    CHECK_EQUAL(socketpair(AF_UNIX, SOCK_STREAM, 0, ends), 0);
    close(ends[0]);
    CHECK_EQUAL(CALL(ring, SYS_sendto, ends[1], "x", 1, 0, 0, 0), -EPIPE);
    CHECK_EQUAL(handled, SIGPIPE);
    handled = 0;
    CHECK_EQUAL(CALL(ring, SYS_sendto, ends[1], "x", 1, MSG_NOSIGNAL, 0, 0), -EPIPE);
    sleep_ms(20);
    CHECK_EQUAL(handled, 0);
}

static void a_broken_pipe_waits_while_blocked(void)
{
    struct ring* ring = prepare();
    struct timespec patience = {5, 0}, none = {0, 0};
    int fd = broken_pipe();
    sigset_t set;

    signal(SIGPIPE, handle);
    sigemptyset(&set);
    sigaddset(&set, SIGPIPE);
    CHECK_EQUAL(pthread_sigmask(SIG_BLOCK, &set, NULL), 0);
    CHECK_EQUAL(CALL(ring, SYS_write, fd, "x", 1), -EPIPE);
    CHECK_EQUAL(sigtimedwait(&set, NULL, &patience), SIGPIPE);
    CHECK_EQUAL(CALL_OUTSIDE(ring, SYS_write, fd, "x", 1), -EPIPE);
    CHECK_EQUAL(sigtimedwait(&set, NULL, &patience), SIGPIPE);
    CHECK_ERROR(sigtimedwait(&set, NULL, &none), EAGAIN);
    CHECK_EQUAL(handled, 0);
}

static void a_broken_pipe_may_be_ignored(void)
{
    struct ring* ring = prepare();
    int fd = broken_pipe();

    signal(SIGPIPE, SIG_IGN);
    CHECK_EQUAL(CALL(ring, SYS_write, fd, "x", 1), -EPIPE);
    CHECK_EQUAL(CALL_OUTSIDE(ring, SYS_write, fd, "x", 1), -EPIPE);
    signal(SIGPIPE, handle); /* nothing was kept back */
    sleep_ms(20);
    CHECK_EQUAL(CALL(ring, SYS_close, fd), 0);
    CHECK_EQUAL(handled, 0);
}

static void the_file_size_limit_sends_its_signal(void)
{
    struct ring* ring = prepare();
    struct rlimit limit = {4, 4};
    char name[] = "/tmp/ring.XXXXXX";
    int fd = mkstemp(name);

    unlink(name);
    signal(SIGXFSZ, handle);
    CHECK_EQUAL(setrlimit(RLIMIT_FSIZE, &limit), 0);
    CHECK_EQUAL(CALL(ring, SYS_pwrite64, fd, "abcdef", 6, 0), 4);
    CHECK_EQUAL(handled, 0);
    CHECK_EQUAL(CALL(ring, SYS_pwrite64, fd, "g", 1, 4), -EFBIG);
    CHECK_EQUAL(handled, SIGXFSZ);
    handled = 0;
    CHECK_EQUAL(CALL_OUTSIDE(ring, SYS_pwrite64, fd, "g", 1, 4), -EFBIG);
    CHECK_EQUAL(handled, SIGXFSZ);
}

static void time_limits_of_sockets(void)
{
    struct timeval limit = {0, 200000}; /* in ticks of the kernel, which may lag */
    struct ring* ring = prepare();
    static char bytes[65536];
    int ends[2], flags[] = {0, KSVC_ENTRY_OUTSIDE};

    CHECK_EQUAL(socketpair(AF_UNIX, SOCK_STREAM, 0, ends), 0);
    CHECK_EQUAL(setsockopt(ends[0], SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit)), 0);
    CHECK_EQUAL(setsockopt(ends[0], SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof(limit)), 0);
    for (int way = 0; way < 2; way++) {
        int64_t start = now_ns();

        CHECK_EQUAL(CALL_SIX(ring, (uint32_t)flags[way], SYS_recvfrom, ends[0], bytes, 1, 0, 0, 0),
                    -EAGAIN);
        CHECK(now_ns() - start >= 100000000);
        start = now_ns();
        CHECK_EQUAL(CALL_SIX(ring, (uint32_t)flags[way], SYS_read, ends[0], bytes, 1, 0, 0, 0),
                    -EAGAIN);
        CHECK(now_ns() - start >= 100000000);
    }
    while (CALL(ring, SYS_sendto, ends[0], bytes, sizeof(bytes), MSG_DONTWAIT, 0, 0) > 0) {
    }
    int64_t start = now_ns();
    CHECK_EQUAL(CALL(ring, SYS_sendto, ends[0], bytes, sizeof(bytes), 0, 0, 0), -EAGAIN);
    CHECK(now_ns() - start >= 100000000);
}

static void cancel_reaches_a_wait_with_a_time_limit(void)
{
    struct timeval limit = {20, 0};
    struct ksvc_cancel cancel = {.corr_id = 9};
    struct ring* ring = prepare();
    int ends[2];
    char byte;

    CHECK_EQUAL(socketpair(AF_UNIX, SOCK_STREAM, 0, ends), 0);
    CHECK_EQUAL(setsockopt(ends[0], SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit)), 0);
    PUSH(ring, 9, SYS_recvfrom, 0, ends[0], &byte, 1, 0, 0, 0);
    ring_submit(ring, 1, 0, 0);
    sleep_ms(50);
    CHECK_EQUAL(ioctl(ring->fd, KSVC_IOC_CANCEL, &cancel), 1);
    CHECK_EQUAL(ring_next(ring).result, -ECANCELED);
}

const struct test_case signal_cases[] = {
    {"signal: a broken pipe kills", a_broken_pipe_kills},
    {"signal: a broken pipe runs the handler", a_broken_pipe_runs_the_handler},
    {"signal: a broken pipe waits while SIGPIPE is blocked", a_broken_pipe_waits_while_blocked},
    {"signal: a broken pipe may be ignored", a_broken_pipe_may_be_ignored},
    {"signal: SIGXFSZ", the_file_size_limit_sends_its_signal},
    {"signal: SO_RCVTIMEO and SO_SNDTIMEO", time_limits_of_sockets},
    {"signal: cancel reaches a wait with SO_RCVTIMEO", cancel_reaches_a_wait_with_a_time_limit},
    {NULL, NULL},
};
