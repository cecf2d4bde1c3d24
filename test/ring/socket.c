/* SPDX-License-Identifier: MIT */
/*
 * sendmsg and recvmsg by ring: vectors, addresses, ancillary data (descriptors and credentials),
 * truncation, and the errors of the trap. The simpler calls on sockets are in call.c.
 */
#include <fcntl.h>
#include <netinet/in.h>
#include <signal.h>
#include <stddef.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <sys/un.h>

#include "test/ring/ring.h"

static struct ring* prepare(void)
{
    static struct ring ring;

    ring_make(&ring, 16, 16, -1);
    ring_workers(&ring, 2);
    return &ring;
}

#define SAME_AS_TRAP(ring, nr, ...)                                     \
    do {                                                                \
        long trap = syscall((nr), __VA_ARGS__);                         \
        if (trap == -1) trap = -errno;                                  \
        CHECK_EQUAL(CALL(ring, nr, __VA_ARGS__), trap);                 \
        CHECK_EQUAL(CALL_OUTSIDE(ring, nr, __VA_ARGS__), trap);         \
    } while (0)

static void vectors_on_a_stream(void)
{
    struct ring* ring = prepare();
    char one[3] = {0}, two[8] = {0};
    struct iovec out[2] = {{"ab", 2}, {"cdef", 4}}, in[2] = {{one, 2}, {two, 7}};
    struct msghdr message = {.msg_iov = out, .msg_iovlen = 2};
    struct msghdr answer = {.msg_iov = in, .msg_iovlen = 2, .msg_flags = 0x7777};
    int ends[2];

    CHECK_EQUAL(socketpair(AF_UNIX, SOCK_STREAM, 0, ends), 0);
    CHECK_EQUAL(CALL(ring, SYS_sendmsg, ends[0], &message, 0), 6);
    CHECK_EQUAL(CALL(ring, SYS_recvmsg, ends[1], &answer, 0), 6);
    CHECK_EQUAL(strcmp(one, "ab"), 0);
    CHECK_EQUAL(strcmp(two, "cdef"), 0);
    CHECK_EQUAL(answer.msg_flags, 0);
    SAME_AS_TRAP(ring, SYS_recvmsg, ends[1], &answer, MSG_DONTWAIT);
}

static void addresses_and_truncation(void)
{
    struct ring* ring = prepare();
    struct sockaddr_in address = {.sin_family = AF_INET}, from;
    socklen_t length = sizeof(address);
    int receiver = socket(AF_INET, SOCK_DGRAM, 0), sender = socket(AF_INET, SOCK_DGRAM, 0);
    char bytes[4];
    struct iovec out = {"abcdef", 6}, in = {bytes, 4};
    struct msghdr message = {.msg_name = &address, .msg_namelen = sizeof(address),
                             .msg_iov = &out, .msg_iovlen = 1};
    struct msghdr answer = {.msg_name = &from, .msg_namelen = sizeof(from),
                            .msg_iov = &in, .msg_iovlen = 1};

    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    CHECK_EQUAL(bind(receiver, (struct sockaddr*)&address, sizeof(address)), 0);
    CHECK_EQUAL(getsockname(receiver, (struct sockaddr*)&address, &length), 0);
    for (int round = 0; round < 3; round++)
        CHECK_EQUAL(CALL(ring, SYS_sendmsg, sender, &message, 0), 6);
    memset(&from, 0, sizeof(from));
    CHECK_EQUAL(CALL(ring, SYS_recvmsg, receiver, &answer, 0), 4);
    CHECK_EQUAL(answer.msg_flags, MSG_TRUNC);
    CHECK_EQUAL(answer.msg_namelen, sizeof(from));
    CHECK_EQUAL(from.sin_addr.s_addr, htonl(INADDR_LOOPBACK));
    answer.msg_namelen = 4; /* room for a part: the true length is told */
    memset(&from, 0, sizeof(from));
    CHECK_EQUAL(CALL(ring, SYS_recvmsg, receiver, &answer, MSG_TRUNC), 6);
    CHECK_EQUAL(answer.msg_namelen, sizeof(from));
    CHECK_EQUAL(from.sin_family, AF_INET);
    CHECK_EQUAL(from.sin_addr.s_addr, 0);
    answer.msg_name = NULL;
    CHECK_EQUAL(CALL(ring, SYS_recvmsg, receiver, &answer, 0), 4);
}

static void descriptors_travel(void)
{
    struct ring* ring = prepare();
    union {
        struct cmsghdr header;
        char bytes[CMSG_SPACE(3 * sizeof(int))]; /* more than fits on the kernel's stack */
    } control;
    char byte;
    struct iovec out = {"x", 1}, in = {&byte, 1};
    struct msghdr message = {.msg_iov = &out, .msg_iovlen = 1, .msg_control = &control,
                             .msg_controllen = sizeof(control)};
    int ends[2], pipe_ends[2], sent[3];

    CHECK_EQUAL(socketpair(AF_UNIX, SOCK_STREAM, 0, ends), 0);
    CHECK_EQUAL(pipe(pipe_ends), 0);
    sent[0] = sent[1] = sent[2] = pipe_ends[1];
    for (int count = 1; count <= 3; count += 2) { /* on the kernel's stack, and beyond it */
        int received[3];

        memset(&control, 0, sizeof(control));
        control.header.cmsg_level = SOL_SOCKET;
        control.header.cmsg_type = SCM_RIGHTS;
        control.header.cmsg_len = CMSG_LEN((size_t)count * sizeof(int));
        memcpy(CMSG_DATA(&control.header), sent, (size_t)count * sizeof(int));
        message.msg_iov = &out;
        message.msg_controllen = CMSG_SPACE((size_t)count * sizeof(int));
        CHECK_EQUAL(CALL(ring, SYS_sendmsg, ends[0], &message, 0), 1);
        memset(&control, 0, sizeof(control));
        message.msg_iov = &in;
        message.msg_controllen = sizeof(control);
        CHECK_EQUAL(CALL(ring, SYS_recvmsg, ends[1], &message, MSG_CMSG_CLOEXEC), 1);
        CHECK_EQUAL(message.msg_controllen, CMSG_SPACE((size_t)count * sizeof(int)));
        CHECK_EQUAL(control.header.cmsg_type, SCM_RIGHTS);
        memcpy(received, CMSG_DATA(&control.header), (size_t)count * sizeof(int));
        for (int index = 0; index < count; index++) {
            CHECK_EQUAL(fcntl(received[index], F_GETFD), FD_CLOEXEC);
            CHECK_EQUAL(write(received[index], "y", 1), 1);
            close(received[index]);
        }
    }
    /* No room for the descriptors: they are dropped and the flag says so. */
    message.msg_iov = &out;
    control.header.cmsg_level = SOL_SOCKET;
    control.header.cmsg_type = SCM_RIGHTS;
    control.header.cmsg_len = CMSG_LEN(sizeof(int));
    memcpy(CMSG_DATA(&control.header), sent, sizeof(int));
    message.msg_controllen = CMSG_SPACE(sizeof(int));
    CHECK_EQUAL(CALL(ring, SYS_sendmsg, ends[0], &message, 0), 1);
    message.msg_iov = &in;
    message.msg_control = NULL;
    message.msg_controllen = 0;
    CHECK_EQUAL(CALL(ring, SYS_recvmsg, ends[1], &message, 0), 1);
    CHECK_EQUAL(message.msg_flags, MSG_CTRUNC);
}

static void credentials_travel(void)
{
    struct ring* ring = prepare();
    union {
        struct cmsghdr header;
        char bytes[CMSG_SPACE(sizeof(struct ucred))];
    } control;
    struct ucred who;
    char byte;
    int ends[2], on = 1;
    struct iovec out = {"x", 1}, in = {&byte, 1};
    struct msghdr message = {.msg_iov = &out, .msg_iovlen = 1};

    CHECK_EQUAL(socketpair(AF_UNIX, SOCK_STREAM, 0, ends), 0);
    CHECK_EQUAL(setsockopt(ends[1], SOL_SOCKET, SO_PASSCRED, &on, sizeof(on)), 0);
    CHECK_EQUAL(CALL(ring, SYS_sendmsg, ends[0], &message, 0), 1);
    message = (struct msghdr){.msg_iov = &in, .msg_iovlen = 1, .msg_control = &control,
                              .msg_controllen = sizeof(control)};
    CHECK_EQUAL(CALL(ring, SYS_recvmsg, ends[1], &message, 0), 1);
    CHECK_EQUAL(control.header.cmsg_type, SCM_CREDENTIALS);
    memcpy(&who, CMSG_DATA(&control.header), sizeof(who));
    CHECK_EQUAL(who.pid, getpid());
    CHECK_EQUAL(who.uid, getuid());
}

static void errors(void)
{
    struct ring* ring = prepare();
    struct iovec vector = {"x", 1};
    struct msghdr good = {.msg_iov = &vector, .msg_iovlen = 1}, bad;
    const uint64_t beyond_int = 1ull << 40; /* the C library's field may be narrower */
    int ends[2];

    signal(SIGPIPE, SIG_IGN);
    CHECK_EQUAL(socketpair(AF_UNIX, SOCK_DGRAM, 0, ends), 0);
    for (int nr = SYS_sendmsg; nr <= SYS_recvmsg; nr++) {
        SAME_AS_TRAP(ring, nr, -1, &good, MSG_DONTWAIT);
        SAME_AS_TRAP(ring, nr, 0, &good, MSG_DONTWAIT);
        SAME_AS_TRAP(ring, nr, ends[0], 8, MSG_DONTWAIT);
        SAME_AS_TRAP(ring, nr, ends[0], &good, 0x80000000 | MSG_DONTWAIT);
        bad = good;
        bad.msg_iovlen = 5000;
        SAME_AS_TRAP(ring, nr, ends[0], &bad, MSG_DONTWAIT);
        bad = good;
        bad.msg_iov = (void*)8;
        SAME_AS_TRAP(ring, nr, ends[0], &bad, MSG_DONTWAIT);
        bad = good;
        bad.msg_name = (void*)8;
        bad.msg_namelen = 16;
        SAME_AS_TRAP(ring, nr, ends[0], &bad, MSG_DONTWAIT);
        bad.msg_namelen = (socklen_t)-1;
        SAME_AS_TRAP(ring, nr, ends[0], &bad, MSG_DONTWAIT);
        bad = good;
        bad.msg_control = (void*)8;
        bad.msg_controllen = 64;
        SAME_AS_TRAP(ring, nr, ends[0], &bad, MSG_DONTWAIT);
        memcpy((char*)&bad + offsetof(struct msghdr, msg_controllen), &beyond_int, 8);
        SAME_AS_TRAP(ring, nr, ends[0], &bad, MSG_DONTWAIT);
    }
}

static int listen_on(struct sockaddr_un* address)
{
    int listening = socket(AF_UNIX, SOCK_STREAM, 0);

    *address = (struct sockaddr_un){.sun_family = AF_UNIX, .sun_path = "\0ring-sockets"};
    CHECK_EQUAL(bind(listening, (struct sockaddr*)address, sizeof(*address)), 0);
    CHECK_EQUAL(listen(listening, 4), 0);
    return listening;
}

static void accept_tells_the_address(void)
{
    struct ring* ring = prepare();
    struct sockaddr_un address, own = {.sun_family = AF_UNIX, .sun_path = "\0ring-client"}, peer;
    socklen_t length = sizeof(peer);
    int listening = listen_on(&address), client = socket(AF_UNIX, SOCK_STREAM, 0);
    int64_t server;

    CHECK_EQUAL(bind(client, (struct sockaddr*)&own, sizeof(own)), 0);
    CHECK_EQUAL(CALL(ring, SYS_connect, client, &address, sizeof(address)), 0);
    server = CALL(ring, SYS_accept4, listening, &peer, &length, SOCK_NONBLOCK | SOCK_CLOEXEC);
    CHECK(server >= 0);
    CHECK_EQUAL(length, sizeof(own));
    CHECK_EQUAL(memcmp(&peer, &own, sizeof(own)), 0);
    CHECK_EQUAL(fcntl((int)server, F_GETFD), FD_CLOEXEC);
    CHECK_EQUAL(fcntl((int)server, F_GETFL) & O_NONBLOCK, O_NONBLOCK);
    SAME_AS_TRAP(ring, SYS_connect, client, &address, sizeof(address));
}

static void connect_and_accept_errors(void)
{
    struct ring* ring = prepare();
    struct sockaddr_un address;
    struct sockaddr_in nobody = {.sin_family = AF_INET, .sin_port = htons(1)};
    int listening = listen_on(&address), client = socket(AF_INET, SOCK_STREAM, 0);

    nobody.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    SAME_AS_TRAP(ring, SYS_connect, client, &nobody, sizeof(nobody));
    SAME_AS_TRAP(ring, SYS_connect, client, 8, sizeof(nobody));
    SAME_AS_TRAP(ring, SYS_connect, client, &nobody, 3);
    SAME_AS_TRAP(ring, SYS_connect, client, &nobody, -1);
    SAME_AS_TRAP(ring, SYS_connect, 0, &nobody, sizeof(nobody));
    SAME_AS_TRAP(ring, SYS_connect, 999, &nobody, sizeof(nobody));
    SAME_AS_TRAP(ring, SYS_accept, client, 0, 0);
    SAME_AS_TRAP(ring, SYS_accept4, listening, 0, 0, 0x7777);
    SAME_AS_TRAP(ring, SYS_accept, 999, 0, 0);
    CHECK_EQUAL(fcntl(listening, F_SETFL, O_NONBLOCK), 0);
    SAME_AS_TRAP(ring, SYS_accept, listening, 0, 0);
}

static void accept_waits_and_can_be_cancelled(void)
{
    struct ring* ring = prepare();
    struct ksvc_cancel cancel = {.corr_id = 5};
    struct sockaddr_un address;
    int listening = listen_on(&address), client = socket(AF_UNIX, SOCK_STREAM, 0);

    PUSH(ring, 4, SYS_accept, 0, listening, 0);
    ring_submit(ring, 1, 0, 0);
    sleep_ms(50);
    CHECK_EQUAL(ring_waiting(ring), 0);
    CHECK_EQUAL(connect(client, (struct sockaddr*)&address, sizeof(address)), 0);
    CHECK(ring_next(ring).result >= 0);
    PUSH(ring, 5, SYS_accept, 0, listening, 0);
    ring_submit(ring, 1, 0, 0);
    sleep_ms(50);
    CHECK_EQUAL(ioctl(ring->fd, KSVC_IOC_CANCEL, &cancel), 1);
    CHECK_EQUAL(ring_next(ring).result, -ECANCELED);
}

const struct test_case socket_cases[] = {
    {"socket: accept tells the address", accept_tells_the_address},
    {"socket: connect, accept, errors", connect_and_accept_errors},
    {"socket: accept waits and can be cancelled", accept_waits_and_can_be_cancelled},
    {"socket: sendmsg, recvmsg with vectors", vectors_on_a_stream},
    {"socket: sendmsg, recvmsg with addresses, truncated", addresses_and_truncation},
    {"socket: descriptors travel", descriptors_travel},
    {"socket: credentials travel", credentials_travel},
    {"socket: sendmsg, recvmsg, errors", errors},
    {NULL, NULL},
};
