/* SPDX-License-Identifier: MIT */
/*
 * A call by ring meets what a trap of its submitter would meet: a seccomp filter of the whole process,
 * of one thread alone, of several that differ. It never runs uncovered, and nothing hangs for that.
 */
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <signal.h>
#include <stddef.h>
#include <sys/prctl.h>
#include <time.h>

#include "test/ring/ring.h"

/* Lengths that no other call of this program asks for. */
#define MARK 12345
#define OTHER_MARK 12346
/* More than the two seconds after which entries are refused. */
#define PATIENCE_NS (10ll * 1000 * 1000 * 1000)
#define ALONE 0

/* read(2) of `mark` bytes is answered as `action` says, to this thread ALONE or with TSYNC to all. */
static void install_filter(uint32_t mark, uint32_t action, unsigned int whose)
{
    struct sock_filter code[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_read, 0, 3),
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, args[2])),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, mark, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, action),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };
    struct sock_fprog program = {sizeof(code) / sizeof(*code), code};

    CHECK_EQUAL(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), 0);
    CHECK_EQUAL(syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, whose, &program), 0);
}

/* ---- of the whole process ---- */

static void one_that_refuses(void)
{
    struct ring* ring = ring_of_module(2);
    uint8_t tier = 0;
    struct ksvc_probe probe = {SYS_read, 1, (uint64_t)(uintptr_t)&tier};
    char bytes[4];
    int fd = file_of_three();

    CHECK_EQUAL(lseek(fd, 0, SEEK_SET), 0);
    CHECK_EQUAL(CALL(ring, SYS_read, fd, bytes, MARK), 3);
    CHECK_EQUAL(ioctl(ring->fd, KSVC_IOC_PROBE, &probe), 0);
    CHECK_EQUAL(tier, KSVC_TIER_INSIDE);
    install_filter(MARK, SECCOMP_RET_ERRNO | EDOM, SECCOMP_FILTER_FLAG_TSYNC);
    CHECK_EQUAL(lseek(fd, 0, SEEK_SET), 0);
    CHECK_EQUAL(CALL(ring, SYS_read, fd, bytes, MARK), -EDOM);
    CHECK_EQUAL(CALL_OUTSIDE(ring, SYS_read, fd, bytes, MARK), -EDOM);
    CHECK_EQUAL(CALL(ring, SYS_read, fd, bytes, 3), 3);
    CHECK_EQUAL(ioctl(ring->fd, KSVC_IOC_PROBE, &probe), 0);
    CHECK_EQUAL(tier, KSVC_TIER_OUTSIDE);
}

static void read_with_one_that_kills(void* argument)
{
    struct ring* ring = ring_of_module(1);
    char byte;

    (void)argument;
    install_filter(MARK, SECCOMP_RET_KILL_PROCESS, SECCOMP_FILTER_FLAG_TSYNC);
    CALL(ring, SYS_read, file_of_three(), &byte, MARK);
}

static void one_that_kills(void)
{
    int status;

    ring_of_module(0);
    status = in_child(read_with_one_that_kills, NULL);
    CHECK(WIFSIGNALED(status));
    CHECK_EQUAL(WTERMSIG(status), SIGSYS);
}

/* ---- of one thread alone ---- */

static bool is_asking(struct ring* ring)
{
    return *(volatile uint32_t*)&ring->submit->flags & KSVC_RING_WANTS_WORKER;
}

/* A read of `length` at the end of a file (0 where nothing stops it), by a program that makes a
 * worker from this thread when it is told to (`helps`) or that takes no notice. */
static int64_t read_by_ring(struct ring* ring, uint32_t flags, uint64_t length, bool helps)
{
    static char bytes[4];
    int64_t end = now_ns() + PATIENCE_NS;
    struct ksvc_completion completion;
    static int fd = -1;

    if (fd < 0) fd = file_of_three();
    PUSH(ring, length, SYS_read, flags, fd, bytes, length);
    while (!ring_pop(ring, &completion)) {
        uint32_t fresh = (uint32_t)(ring->tail - ksvc_load_acquire(&ring->submit->head));

        CHECK(now_ns() < end);
        if (ring_enter(ring, fresh, 1, PATIENCE_NS) < 0) {
            CHECK_EQUAL(errno, EACCES);
            if (helps) ring_workers(ring, 1);
        }
    }
    CHECK_EQUAL(completion.corr_id, length);
    return completion.result;
}

static void wait_for_old_workers(struct ring* ring, int count)
{
    struct timespec end = {time(NULL) + 10, 0};

    for (int index = 0; index < count; index++)
        CHECK_EQUAL(pthread_timedjoin_np(ring->workers[index], NULL, &end), 0);
}

static void own_meets_its_entries(void)
{
    struct ring* ring = ring_of_module(2);

    CHECK_EQUAL(read_by_ring(ring, 0, MARK, false), 0);
    install_filter(MARK, SECCOMP_RET_ERRNO | EDOM, ALONE);
    CHECK_EQUAL(read_by_ring(ring, 0, MARK, true), -EDOM);
    CHECK_EQUAL(read_by_ring(ring, KSVC_ENTRY_OUTSIDE, MARK, true), -EDOM);
    CHECK_EQUAL(read_by_ring(ring, 0, 3, true), 0);
    CHECK(!is_asking(ring));
}

/* Entries that wait already run neither. */
static void own_meets_entries_behind_a_drain(void)
{
    struct ring* ring = ring_of_module(2);
    struct ksvc_completion completion;
    char byte;
    int ends[2], blocked = 0;

    CHECK_EQUAL(pipe(ends), 0);
    install_filter(MARK, SECCOMP_RET_ERRNO | EDOM, ALONE);
    CHECK_EQUAL(read_by_ring(ring, 0, 3, true), 0);
    PUSH(ring, 1, SYS_read, 0, ends[0], &byte, 1);
    PUSH(ring, 2, SYS_read, KSVC_ENTRY_DRAIN | KSVC_ENTRY_LINKED, ends[0], &byte, MARK);
    PUSH(ring, 3, SYS_read, 0, ends[0], &byte, 1);
    ring_submit(ring, 3, 0, 0);
    sleep_ms(50);
    install_filter(OTHER_MARK, SECCOMP_RET_ERRNO | ERANGE, ALONE); /* its workers are behind again */
    CHECK_EQUAL(write(ends[1], "x", 1), 1);
    while (blocked < 3) {
        while (!ring_pop(ring, &completion))
            if (ring_enter(ring, 0, 1, PATIENCE_NS) < 0) {
                CHECK_EQUAL(errno, EACCES);
                ring_workers(ring, 1);
            }
        CHECK_EQUAL(completion.corr_id, (uint64_t)++blocked);
        CHECK_EQUAL(completion.result, blocked == 1 ? 1 : blocked == 2 ? -EDOM : -ECANCELED);
    }
    CHECK_EQUAL(read_by_ring(ring, 0, OTHER_MARK, true), -ERANGE);
}

static void without_help_they_are_refused(void)
{
    struct ring* ring = ring_of_module(2);
    struct ksvc_completion completion;
    int64_t end;
    char byte;

    install_filter(MARK, SECCOMP_RET_ERRNO | EDOM, ALONE);
    CHECK_EQUAL(read_by_ring(ring, 0, MARK, false), -EACCES);
    CHECK_EQUAL(read_by_ring(ring, 0, 3, false), -EACCES);
    wait_for_old_workers(ring, 2);
    CHECK(is_asking(ring));
    /* Nor does one hang that makes no trap: nobody takes what it writes, until it is refused. */
    end = now_ns() + PATIENCE_NS;
    for (uint64_t index = 1; index <= 3; index++) {
        PUSH(ring, index, SYS_read, 0, -1, &byte, MARK);
        *ring->doorbell = 1;
        while (!ring_pop(ring, &completion)) CHECK(now_ns() < end);
        CHECK_EQUAL(completion.corr_id, index);
        CHECK_EQUAL(completion.result, -EACCES);
    }
    /* And whoever comes later finds the ring as good as new. */
    CHECK_EQUAL(read_by_ring(ring, 0, MARK, true), -EDOM);
    CHECK(!is_asking(ring));
}

static void the_wait_page_leads_to_enter(void)
{
    struct ring* ring = ring_of_module(2);
    struct ksvc_completion completion;
    int64_t end = now_ns() + PATIENCE_NS;
    int asked = 0;
    char byte;

    install_filter(MARK, SECCOMP_RET_ERRNO | EDOM, ALONE);
    PUSH(ring, 1, SYS_read, 0, -1, &byte, MARK);
    *ring->doorbell = 1;
    while (!ring_pop(ring, &completion)) {
        CHECK(now_ns() < end);
        (void)*ring->wait;
        if (!is_asking(ring) || ring_enter(ring, 0, 0, 0) == 0) continue;
        CHECK_EQUAL(errno, EACCES);
        ring_workers(ring, 1);
        asked++;
    }
    CHECK_EQUAL(completion.result, -EDOM);
    CHECK(asked > 0);
}

static void a_thread_without_meets_it_too(void)
{
    struct ring* ring = ring_of_module(0);

    install_filter(OTHER_MARK, SECCOMP_RET_ERRNO | ERANGE, ALONE);
    ring_workers(ring, 1); /* has what this thread has */
    CHECK_EQUAL(read_by_ring(ring, 0, OTHER_MARK, true), -ERANGE);
    CHECK_EQUAL(read_by_ring(ring, 0, MARK, true), 0);
}

static void one_upon_another(void)
{
    struct ring* ring = ring_of_module(1);

    install_filter(MARK, SECCOMP_RET_ERRNO | EDOM, SECCOMP_FILTER_FLAG_TSYNC);
    ring_workers(ring, 1);
    CHECK_EQUAL(read_by_ring(ring, 0, MARK, true), -EDOM);
    CHECK_EQUAL(read_by_ring(ring, 0, OTHER_MARK, true), 0);
    install_filter(OTHER_MARK, SECCOMP_RET_ERRNO | ERANGE, ALONE);
    CHECK_EQUAL(read_by_ring(ring, 0, OTHER_MARK, true), -ERANGE);
    CHECK_EQUAL(read_by_ring(ring, 0, MARK, true), -EDOM);
    wait_for_old_workers(ring, 2);
}

/* Workers of the one ring, asleep, are in the way of the other's. */
static void upon_another_with_two_rings(void)
{
    static struct ring second;
    struct ring* ring = ring_of_module(0);

    install_filter(MARK, SECCOMP_RET_ERRNO | EDOM, ALONE);
    ring_workers(ring, 2);
    ring_make(&second, 16, 16, -1);
    ring_workers(&second, 2);
    CHECK_EQUAL(read_by_ring(ring, 0, MARK, true), -EDOM);
    CHECK_EQUAL(read_by_ring(&second, 0, MARK, true), -EDOM);
    install_filter(OTHER_MARK, SECCOMP_RET_ERRNO | ERANGE, ALONE);
    CHECK_EQUAL(read_by_ring(ring, 0, OTHER_MARK, true), -ERANGE);
    wait_for_old_workers(ring, 2);
    wait_for_old_workers(&second, 2);
    CHECK_EQUAL(read_by_ring(&second, 0, OTHER_MARK, true), -ERANGE);
    CHECK_EQUAL(read_by_ring(&second, 0, MARK, true), -EDOM);
}

static int release[2], arrived[2];

static void start_other_thread(pthread_t* thread, void* (*run)(void*))
{
    char byte;

    CHECK_EQUAL(pipe(release), 0);
    CHECK_EQUAL(pipe(arrived), 0);
    CHECK_EQUAL(pthread_create(thread, NULL, run, NULL), 0);
    CHECK_EQUAL(read(arrived[0], &byte, 1), 1);
}

static struct ring* ring_of_both;

static void* with_another_filter(void* unused)
{
    char byte;

    install_filter(OTHER_MARK, SECCOMP_RET_ERRNO | ERANGE, ALONE);
    ring_workers(ring_of_both, 1);
    if (write(arrived[1], "x", 1) == 1 && read(release[0], &byte, 1) == 1) return NULL;
    return unused;
}

static void two_that_differ(void)
{
    pthread_t other;

    ring_of_both = ring_of_module(1);
    start_other_thread(&other, with_another_filter);
    install_filter(MARK, SECCOMP_RET_ERRNO | EDOM, ALONE);
    ring_workers(ring_of_both, 1);
    CHECK_EQUAL(read_by_ring(ring_of_both, 0, OTHER_MARK, true), -EACCES);
    CHECK_EQUAL(read_by_ring(ring_of_both, 0, MARK, true), -EACCES);
    CHECK_EQUAL(read_by_ring(ring_of_both, KSVC_ENTRY_OUTSIDE, 3, true), -EACCES);
    PUSH_NOP(ring_of_both, 9); /* makes no trap, so there is nothing to meet */
    CHECK_EQUAL(ring_next(ring_of_both).result, 0);
    CHECK_EQUAL(write(release[1], "x", 1), 1);
    CHECK_EQUAL(pthread_join(other, NULL), 0);
    CHECK_EQUAL(read_by_ring(ring_of_both, 0, MARK, true), -EDOM);
    CHECK_EQUAL(read_by_ring(ring_of_both, 0, OTHER_MARK, true), 0);
}

static void* strictly(void* unused)
{
    char byte;

    CHECK_EQUAL(write(arrived[1], "x", 1), 1);
    CHECK_EQUAL(prctl(PR_SET_SECCOMP, SECCOMP_MODE_STRICT), 0);
    if (read(release[0], &byte, 1) == 1) syscall(SYS_exit, 0);
    return unused;
}

static void strict_mode(void)
{
    struct ring* ring = ring_of_module(1);
    pthread_t other;

    start_other_thread(&other, strictly);
    sleep_ms(100);
    CHECK_EQUAL(read_by_ring(ring, 0, 3, true), -EACCES);
    CHECK_EQUAL(write(release[1], "x", 1), 1);
    sleep_ms(100);
    CHECK_EQUAL(read_by_ring(ring, 0, 3, true), 0);
}

/* ---- what it does to workers ---- */

static void a_worker_is_killed(void)
{
    struct ring* ring = ring_of_module(1);

    install_filter(MARK, SECCOMP_RET_KILL_THREAD, SECCOMP_FILTER_FLAG_TSYNC);
    for (int round = 0; round < 3; round++) {
        CHECK_EQUAL(read_by_ring(ring, 0, MARK, true), -EINTR);
        CHECK_EQUAL(read_by_ring(ring, 0, 3, true), 0);
    }
}

static void what_a_killed_worker_leaves_is_refused(void)
{
    struct ring* ring = ring_of_module(1);

    install_filter(MARK, SECCOMP_RET_KILL_THREAD, SECCOMP_FILTER_FLAG_TSYNC);
    CHECK_EQUAL(read_by_ring(ring, 0, MARK, false), -EINTR);
    CHECK_EQUAL(read_by_ring(ring, 0, 3, false), -EACCES);
}

static void exec_gains_nothing(void)
{
    char* arguments[] = {"false", NULL}; /* if it runs, the case has failed */
    struct ring* ring = ring_of_module(1);
    struct ksvc_completion completion;

    CHECK_EQUAL(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), 0);
    PUSH(ring, 1, SYS_execve, 0, "/bin/false", arguments, NULL);
    ring_submit(ring, 1, 0, 0);
    completion = ring_next(ring);
    CHECK_EQUAL(completion.result, -EACCES);
    CHECK_EQUAL(read_by_ring(ring, 0, 3, false), 0);
}

const struct test_case filter_cases[] = {
    {"filter: one that refuses", one_that_refuses},
    {"filter: one that kills", one_that_kills},
    {"filter: one thread's own meets its entries", own_meets_its_entries},
    {"filter: its own meets those that waited", own_meets_entries_behind_a_drain},
    {"filter: without a new worker they are refused", without_help_they_are_refused},
    {"filter: the wait page leads to ENTER", the_wait_page_leads_to_enter},
    {"filter: a worker that has it serves all", a_thread_without_meets_it_too},
    {"filter: one upon another", one_upon_another},
    {"filter: upon another, with two rings", upon_another_with_two_rings},
    {"filter: two that differ refuse everything", two_that_differ},
    {"filter: strict mode refuses everything", strict_mode},
    {"filter: killed workers lose nothing", a_worker_is_killed},
    {"filter: what a killed worker leaves is refused", what_a_killed_worker_leaves_is_refused},
    {"filter: exec by a worker gains nothing", exec_gains_nothing},
    {NULL, NULL},
};
