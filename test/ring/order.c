/* SPDX-License-Identifier: MIT */
/* LINKED, DRAIN, MORE. */
#include <fcntl.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include "test/ring/ring.h"

#define LINK KSVC_ENTRY_LINKED
#define DRAIN KSVC_ENTRY_DRAIN

static void nop(struct ring* ring, uint64_t id, uint32_t flags)
{
    ring_push(ring, id, KSVC_NR_NOP, flags, 0, 0, 0, 0, 0, 0);
}

static void expect(struct ring* ring, uint64_t id, int64_t result)
{
    struct ksvc_completion completion = ring_next(ring);

    CHECK_EQUAL(completion.corr_id, id);
    CHECK_EQUAL(completion.result, result);
}

/* A ring of 64 with workers, and a pipe whose read end blocks. */
static void prepare(struct ring* ring, int ends[2])
{
    ring_make(ring, 64, 64, -1);
    ring_workers(ring, 4);
    CHECK_EQUAL(pipe(ends), 0);
}

static void a_chain_runs_in_order(void)
{
    struct ring ring;
    int ends[2];
    char bytes[4] = {0};

    prepare(&ring, ends);
    PUSH(&ring, 1, SYS_write, LINK, ends[1], "abcd", 4);
    PUSH(&ring, 2, SYS_read, LINK, ends[0], bytes, 2);
    PUSH(&ring, 3, SYS_read, 0, ends[0], bytes + 2, 2);
    ring_submit(&ring, 3, 3, KSVC_TIMEOUT_NONE);
    expect(&ring, 1, 4);
    expect(&ring, 2, 2);
    expect(&ring, 3, 2);
    CHECK_EQUAL(memcmp(bytes, "abcd", 4), 0);
}

static void the_next_waits_for_the_one_before(void)
{
    struct ring ring;
    int ends[2];
    char byte;

    prepare(&ring, ends);
    PUSH(&ring, 1, SYS_read, LINK, ends[0], &byte, 1);
    nop(&ring, 2, 0);
    ring_submit(&ring, 2, 0, 0);
    sleep_ms(30);
    CHECK_EQUAL(ring_waiting(&ring), 0);
    CHECK_EQUAL(write(ends[1], "x", 1), 1);
    expect(&ring, 1, 1);
    expect(&ring, 2, 0);
}

static void a_failure_cancels_the_rest(void)
{
    struct ring ring;
    int ends[2];

    prepare(&ring, ends);
    PUSH(&ring, 1, SYS_close, LINK, 999);
    nop(&ring, 2, LINK);
    PUSH(&ring, 3, SYS_close, 0, ends[0]);
    nop(&ring, 4, 0);
    ring_submit(&ring, 4, 4, 10000000000ll);
    for (int index = 0, sum = 0; index < 4; index++) {
        struct ksvc_completion completion = ring_next(&ring);
        int64_t wanted[] = {0, -EBADF, -ECANCELED, -ECANCELED, 0};

        CHECK_EQUAL(completion.result, wanted[completion.corr_id]);
        sum += 1 << completion.corr_id;
        if (index == 3) CHECK_EQUAL(sum, 30);
    }
    CHECK(fcntl(ends[0], F_GETFD) >= 0);
}

static void a_failure_in_the_middle(void)
{
    struct ring ring;
    int ends[2];

    prepare(&ring, ends);
    nop(&ring, 1, LINK);
    PUSH(&ring, 2, SYS_close, LINK, 999);
    nop(&ring, 3, LINK);
    nop(&ring, 4, 0);
    ring_submit(&ring, 4, 4, KSVC_TIMEOUT_NONE);
    expect(&ring, 1, 0);
    expect(&ring, 2, -EBADF);
    expect(&ring, 3, -ECANCELED);
    expect(&ring, 4, -ECANCELED);
}

static void a_refused_entry_breaks_its_chain(void)
{
    struct ring ring;
    int ends[2];

    prepare(&ring, ends);
    nop(&ring, 1, LINK | (1u << 20));
    nop(&ring, 2, 0);
    nop(&ring, 3, 0);
    ring_submit(&ring, 3, 3, KSVC_TIMEOUT_NONE);
    expect(&ring, 1, -EINVAL);
    expect(&ring, 2, -ECANCELED);
    expect(&ring, 3, 0);
}

static void a_chain_goes_on_over_two_enters(void)
{
    struct ring ring;
    int ends[2];

    prepare(&ring, ends);
    PUSH(&ring, 1, SYS_close, LINK, 999);
    ring_submit(&ring, 1, 1, KSVC_TIMEOUT_NONE);
    nop(&ring, 2, LINK);
    ring_submit(&ring, 1, 1, KSVC_TIMEOUT_NONE);
    nop(&ring, 3, 0);
    nop(&ring, 4, 0);
    ring_submit(&ring, 2, 1, KSVC_TIMEOUT_NONE);
    expect(&ring, 1, -EBADF);
    expect(&ring, 2, -ECANCELED);
    expect(&ring, 3, -ECANCELED);
    expect(&ring, 4, 0);
}

static void a_short_transfer_is_a_success(void)
{
    struct ring ring;
    int ends[2];
    char bytes[8];

    prepare(&ring, ends);
    CHECK_EQUAL(write(ends[1], "x", 1), 1);
    PUSH(&ring, 1, SYS_read, LINK, ends[0], bytes, 8);
    nop(&ring, 2, 0);
    ring_submit(&ring, 2, 2, KSVC_TIMEOUT_NONE);
    expect(&ring, 1, 1);
    expect(&ring, 2, 0);
}

static void two_chains_run_beside_each_other(void)
{
    struct ring ring;
    int ends[2];
    char byte;

    prepare(&ring, ends);
    PUSH(&ring, 1, SYS_read, LINK, ends[0], &byte, 1);
    nop(&ring, 2, 0);
    nop(&ring, 3, LINK);
    nop(&ring, 4, 0);
    ring_submit(&ring, 4, 2, 10000000000ll);
    expect(&ring, 3, 0);
    expect(&ring, 4, 0);
    CHECK_EQUAL(write(ends[1], "x", 1), 1);
    expect(&ring, 1, 1);
    expect(&ring, 2, 0);
}

static void a_chain_as_long_as_the_ring(void)
{
    struct ring ring;
    int length = 4096;

    ring_make(&ring, 4096, 4096, -1);
    ring_workers(&ring, 1);
    PUSH(&ring, 0, SYS_close, LINK, 999);
    for (int index = 1; index < length; index++)
        nop(&ring, (uint64_t)index, index == length - 1 ? 0 : LINK);
    ring_submit(&ring, 4096, 4096, 20000000000ll);
    expect(&ring, 0, -EBADF);
    for (int index = 1; index < length; index++) expect(&ring, (uint64_t)index, -ECANCELED);
}

static void a_chain_between_inside_and_outside(void)
{
    struct ring ring;
    int ends[2];
    char byte = 0;

    prepare(&ring, ends);
    PUSH(&ring, 1, SYS_write, LINK | KSVC_ENTRY_OUTSIDE, ends[1], "q", 1);
    PUSH(&ring, 2, SYS_read, LINK, ends[0], &byte, 1);
    PUSH(&ring, 3, SYS_getpid, LINK, 0);
    PUSH(&ring, 4, SYS_close, 0, ends[0]);
    ring_submit(&ring, 4, 4, 10000000000ll);
    expect(&ring, 1, 1);
    expect(&ring, 2, 1);
    expect(&ring, 3, getpid());
    expect(&ring, 4, 0);
    CHECK_EQUAL(byte, 'q');
}

static void drain_waits_for_all_before(void)
{
    struct ring ring;
    int ends[2];
    char byte;

    prepare(&ring, ends);
    PUSH(&ring, 1, SYS_read, 0, ends[0], &byte, 1);
    nop(&ring, 2, 0);
    nop(&ring, 3, DRAIN);
    ring_submit(&ring, 3, 1, KSVC_TIMEOUT_NONE);
    expect(&ring, 2, 0);
    sleep_ms(30);
    CHECK_EQUAL(ring_waiting(&ring), 0);
    CHECK_EQUAL(write(ends[1], "x", 1), 1);
    expect(&ring, 1, 1);
    expect(&ring, 3, 0);
}

static void what_follows_a_drain_waits_for_it(void)
{
    struct ring ring;
    int ends[2];
    char byte;

    prepare(&ring, ends);
    PUSH(&ring, 1, SYS_read, DRAIN, ends[0], &byte, 1);
    nop(&ring, 2, 0);
    nop(&ring, 3, 0);
    ring_submit(&ring, 3, 0, 0);
    sleep_ms(30);
    CHECK_EQUAL(ring_waiting(&ring), 0);
    CHECK_EQUAL(write(ends[1], "x", 1), 1);
    expect(&ring, 1, 1);
    expect(&ring, 2, 0);
    expect(&ring, 3, 0);
}

static void drain_on_an_empty_ring_starts_at_once(void)
{
    struct ring ring;
    int ends[2];

    prepare(&ring, ends);
    for (uint64_t id = 0; id < 20; id++) nop(&ring, id, DRAIN);
    ring_submit(&ring, 20, 20, KSVC_TIMEOUT_NONE);
    for (uint64_t id = 0; id < 20; id++) expect(&ring, id, 0);
}

static void drains_in_a_row_behind_a_slow_call(void)
{
    struct ring ring;
    int ends[2];
    char byte;

    prepare(&ring, ends);
    PUSH(&ring, 0, SYS_read, 0, ends[0], &byte, 1);
    for (uint64_t id = 1; id < 60; id++) nop(&ring, id, id % 3 ? DRAIN : 0);
    ring_submit(&ring, 60, 0, 0);
    CHECK_EQUAL(write(ends[1], "x", 1), 1);
    expect(&ring, 0, 1);
    for (uint64_t id = 1; id < 60; id++) expect(&ring, id, 0);
}

static void drain_waits_for_a_whole_chain(void)
{
    struct ring ring;
    int ends[2];
    char bytes[2];

    prepare(&ring, ends);
    PUSH(&ring, 1, SYS_read, LINK, ends[0], bytes, 1);
    PUSH(&ring, 2, SYS_read, 0, ends[0], bytes + 1, 1);
    nop(&ring, 3, DRAIN);
    nop(&ring, 4, 0);
    ring_submit(&ring, 4, 0, 0);
    CHECK_EQUAL(write(ends[1], "x", 1), 1);
    expect(&ring, 1, 1);
    sleep_ms(30);
    CHECK_EQUAL(ring_waiting(&ring), 0);
    CHECK_EQUAL(write(ends[1], "x", 1), 1);
    expect(&ring, 2, 1);
    expect(&ring, 3, 0);
    expect(&ring, 4, 0);
}

static void drain_inside_a_chain(void)
{
    struct ring ring;
    int ends[2];
    char byte;

    prepare(&ring, ends);
    PUSH(&ring, 1, SYS_read, 0, ends[0], &byte, 1);
    nop(&ring, 2, LINK);
    nop(&ring, 3, LINK | DRAIN);
    nop(&ring, 4, 0);
    ring_submit(&ring, 4, 1, KSVC_TIMEOUT_NONE);
    expect(&ring, 2, 0);
    sleep_ms(30);
    CHECK_EQUAL(ring_waiting(&ring), 0);
    CHECK_EQUAL(write(ends[1], "x", 1), 1);
    expect(&ring, 1, 1);
    expect(&ring, 3, 0);
    expect(&ring, 4, 0);
}

static void drain_after_a_failed_chain(void)
{
    struct ring ring;
    int ends[2];

    prepare(&ring, ends);
    PUSH(&ring, 1, SYS_close, LINK, 999);
    nop(&ring, 2, 0);
    nop(&ring, 3, DRAIN);
    ring_submit(&ring, 3, 3, 10000000000ll);
    expect(&ring, 1, -EBADF);
    expect(&ring, 2, -ECANCELED);
    expect(&ring, 3, 0);
}

static void cancelled_drain_lets_the_others_go(void)
{
    struct ring ring;
    struct ksvc_cancel cancel = {.corr_id = 1};
    int ends[2];
    char byte;

    prepare(&ring, ends);
    PUSH(&ring, 1, SYS_read, DRAIN, ends[0], &byte, 1);
    nop(&ring, 2, 0);
    ring_submit(&ring, 2, 0, 0);
    sleep_ms(30);
    CHECK_EQUAL(ioctl(ring.fd, KSVC_IOC_CANCEL, &cancel), 1);
    expect(&ring, 1, -ECANCELED);
    expect(&ring, 2, 0);
}

static int connect_to(const struct sockaddr_in* address)
{
    int fd = socket(AF_INET, SOCK_STREAM, 0);

    CHECK_EQUAL(connect(fd, (const struct sockaddr*)address, sizeof(*address)), 0);
    return fd;
}

static int listener(struct sockaddr_in* address)
{
    socklen_t length = sizeof(*address);
    int fd = socket(AF_INET, SOCK_STREAM, 0);

    memset(address, 0, sizeof(*address));
    address->sin_family = AF_INET;
    address->sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    CHECK_EQUAL(bind(fd, (struct sockaddr*)address, sizeof(*address)), 0);
    CHECK_EQUAL(listen(fd, 16), 0);
    CHECK_EQUAL(getsockname(fd, (struct sockaddr*)address, &length), 0);
    return fd;
}

static void multi_accept_marks_more(void)
{
    struct ring ring;
    struct sockaddr_in address;
    struct ksvc_completion completion;
    int ends[2], listening = listener(&address);

    prepare(&ring, ends);
    PUSH(&ring, 7, SYS_accept4, KSVC_ENTRY_MULTI, listening, 0, 0, SOCK_CLOEXEC);
    ring_submit(&ring, 1, 0, 0);
    for (int index = 0; index < 3; index++) {
        connect_to(&address);
        completion = ring_next(&ring);
        CHECK_EQUAL(completion.corr_id, 7);
        CHECK(completion.result >= 0);
        CHECK_EQUAL(completion.flags, KSVC_COMPLETION_MORE);
    }
    CHECK_EQUAL(shutdown(listening, SHUT_RDWR), 0);
    completion = ring_next(&ring);
    CHECK_EQUAL(completion.result, -EINVAL);
    CHECK_EQUAL(completion.flags, 0);
}

static void multi_under_back_pressure_ends_and_loses_nothing(void)
{
    struct ring ring;
    struct sockaddr_in address;
    struct ksvc_completion completion;
    int listening = listener(&address), finals = 0, accepted = 0;

    ring_make(&ring, 16, 16, -1);
    ring_workers(&ring, 1);
    PUSH(&ring, 7, SYS_accept, KSVC_ENTRY_MULTI, listening, 0, 0);
    for (int index = 0; index < 15; index++) PUSH_NOP(&ring, 1);
    ring_submit(&ring, 16, 15, 10000000000ll);
    connect_to(&address);
    CHECK_EQUAL(ring_enter(&ring, 0, 16, 10000000000ll), 0);
    while (ring_pop(&ring, &completion)) {
        if (completion.corr_id != 7) continue;
        accepted += completion.result >= 0;
        finals += completion.flags == 0;
    }
    CHECK_EQUAL(accepted, 1);
    CHECK_EQUAL(finals, 1);
}

const struct test_case order_cases[] = {
    {"linked: a chain runs in order", a_chain_runs_in_order},
    {"linked: the next waits for the one before", the_next_waits_for_the_one_before},
    {"linked: a failure cancels the rest", a_failure_cancels_the_rest},
    {"linked: a failure in the middle", a_failure_in_the_middle},
    {"linked: a refused entry breaks its chain", a_refused_entry_breaks_its_chain},
    {"linked: a chain goes on over two ENTERs", a_chain_goes_on_over_two_enters},
    {"linked: a short transfer is a success", a_short_transfer_is_a_success},
    {"linked: two chains run beside each other", two_chains_run_beside_each_other},
    {"linked: a chain as long as the ring", a_chain_as_long_as_the_ring},
    {"linked: a chain inside and outside", a_chain_between_inside_and_outside},
    {"drain: waits for all before it", drain_waits_for_all_before},
    {"drain: what follows waits for it", what_follows_a_drain_waits_for_it},
    {"drain: on an empty ring starts at once", drain_on_an_empty_ring_starts_at_once},
    {"drain: a row of them behind a slow call", drains_in_a_row_behind_a_slow_call},
    {"drain: waits for a whole chain", drain_waits_for_a_whole_chain},
    {"drain: inside a chain", drain_inside_a_chain},
    {"drain: after a failed chain", drain_after_a_failed_chain},
    {"drain: cancelled, it lets the others go", cancelled_drain_lets_the_others_go},
    {"more: accept marks every success but the last", multi_accept_marks_more},
    {"more: under back pressure it ends and loses nothing",
     multi_under_back_pressure_ends_and_loses_nothing},
    {NULL, NULL},
};
