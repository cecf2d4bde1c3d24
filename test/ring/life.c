/* SPDX-License-Identifier: MIT */
/*
 * Ends: close, exec, exit, SIGKILL, a worker's death. A second process that inherited the file
 * keeps the completion ring mapped and counts: every accepted entry has one final completion.
 */
#include <fcntl.h>
#include <signal.h>

#include "test/ring/ring.h"

static void close_completes_what_waits(void)
{
    struct ring ring;
    struct ksvc_completion completion;
    int ends[2], seen = 0;
    char bytes[4];

    CHECK_EQUAL(pipe(ends), 0);
    ring_make(&ring, 16, 16, -1);
    ring_workers(&ring, 2);
    for (int id = 0; id < 4; id++) PUSH(&ring, id, SYS_read, 0, ends[0], bytes + id, 1);
    ring_submit(&ring, 4, 0, 0);
    sleep_ms(50);
    CHECK_EQUAL(close(ring.fd), 0);
    sleep_ms(100);
    while (ring_pop(&ring, &completion)) {
        CHECK_EQUAL(completion.result, -ECANCELED);
        CHECK_EQUAL(completion.flags, 0);
        seen |= 1 << completion.corr_id;
    }
    CHECK_EQUAL(seen, 15);
    for (int worker = 0; worker < ring.worker_count; worker++)
        CHECK_EQUAL(pthread_join(ring.workers[worker], NULL), 0);
}

static void close_of_one_of_two_descriptors(void)
{
    struct ring ring;
    int copy;

    ring_make(&ring, 16, 16, -1);
    copy = dup(ring.fd);
    CHECK_EQUAL(close(ring.fd), 0);
    ring.fd = copy;
    PUSH_NOP(&ring, 1);
    CHECK_EQUAL(ring_enter(&ring, 1, 1, KSVC_TIMEOUT_NONE), 1);
}

static void close_completes_chains_and_drains(void)
{
    struct ring ring;
    struct ksvc_completion completion;
    int ends[2], count = 0;
    char byte;

    CHECK_EQUAL(pipe(ends), 0);
    ring_make(&ring, 64, 64, -1);
    ring_workers(&ring, 1);
    for (int id = 0; id < 60; id++)
        PUSH(&ring, id, SYS_read,
             (id % 5 == 0 ? KSVC_ENTRY_DRAIN : 0u) | (id % 3 ? KSVC_ENTRY_LINKED : 0u), ends[0],
             &byte, 1);
    ring_submit(&ring, 60, 0, 0);
    sleep_ms(20);
    CHECK_EQUAL(close(ring.fd), 0);
    sleep_ms(100);
    while (ring_pop(&ring, &completion)) {
        CHECK_EQUAL(completion.result, -ECANCELED);
        count++;
    }
    CHECK_EQUAL(count, 60);
}

static void close_ends_a_call_that_is_outside(void)
{
    struct ring ring;
    int ends[2];
    char byte;
    struct ksvc_completion completion;

    CHECK_EQUAL(pipe(ends), 0);
    ring_make(&ring, 16, 16, -1);
    ring_workers(&ring, 1);
    PUSH(&ring, 1, SYS_read, KSVC_ENTRY_OUTSIDE, ends[0], &byte, 1);
    ring_submit(&ring, 1, 0, 0);
    sleep_ms(30);
    CHECK_EQUAL(close(ring.fd), 0);
    sleep_ms(50);
    CHECK(ring_pop(&ring, &completion));
    CHECK_EQUAL(completion.result, -ECANCELED);
    CHECK_EQUAL(write(ends[1], "x", 1), 1);
    sleep_ms(50);
    CHECK(!ring_pop(&ring, &completion));
}

static void close_wakes_a_waiter(void)
{
    struct ring ring;
    pid_t child;
    int status;

    ring_make(&ring, 16, 16, -1);
    child = fork();
    if (child == 0) _exit(0);
    CHECK_EQUAL(waitpid(child, &status, 0), child);
    PUSH_NOP(&ring, 1);
    CHECK_EQUAL(ring_enter(&ring, 1, 0, 0), 1); /* a child's copy of the descriptor is not ours */
}

static void a_closed_ring_is_eshutdown_for_a_kept_copy(void)
{
    struct ring ring;
    int pair[2], status;

    ring_make(&ring, 16, 16, -1);
    CHECK_EQUAL(pipe(pair), 0);
    if (fork() == 0) {
        char byte;

        CHECK_EQUAL(read(pair[0], &byte, 1), 1);
        CHECK_ERROR(ring_enter(&ring, 0, 0, 0), EPERM);
        _exit(0);
    }
    CHECK_EQUAL(close(ring.fd), 0);
    CHECK_EQUAL(write(pair[1], "x", 1), 1);
    CHECK(wait(&status) > 0);
    CHECK_EQUAL(status, 0);
}

static void a_child_may_not_enter(void)
{
    struct ring ring;
    struct ksvc_work work = {0};
    struct ksvc_cancel cancel = {0};
    int status;

    ring_make(&ring, 16, 16, -1);
    if (fork() == 0) {
        CHECK_ERROR(ring_enter(&ring, 1, 0, 0), EPERM);
        CHECK_ERROR(ioctl(ring.fd, KSVC_IOC_CANCEL, &cancel), EPERM);
        if (ring.params.out.features & KSVC_FEATURE_NEEDS_WORKERS)
            CHECK_ERROR(ioctl(ring.fd, KSVC_IOC_WORK, &work), EPERM);
        _exit(0);
    }
    CHECK(wait(&status) > 0);
    CHECK_EQUAL(status, 0);
}

static void a_child_creates_on_an_inherited_file(void)
{
    int fd = open_device(), status;

    if (fork() == 0) {
        struct ksvc_create_params params = parameters(16, 16);
        struct ring ring = {.fd = fd};

        CHECK_EQUAL(ioctl(fd, KSVC_IOC_CREATE, &params), 0);
        CHECK_EQUAL(ring_enter(&ring, 0, 0, 0), 0);
        _exit(0);
    }
    CHECK(wait(&status) > 0);
    CHECK_EQUAL(status, 0);
    struct ring ring = {.fd = fd};
    CHECK_ERROR(ring_enter(&ring, 0, 0, 0), EPERM);
}

enum ending { BY_EXIT, BY_KILL, BY_EXEC, BY_CRASH };

/*
 * A process opens a ring, forks a witness that keeps file and mapping, submits calls that wait
 * inside, outside, in a chain and behind a drain, and ends. The witness counts.
 */
static void end_by(enum ending ending)
{
    int status, report[2], blocked[2];
    char verdict[64] = {0};

    CHECK_EQUAL(pipe(report), 0);
    CHECK_EQUAL(pipe(blocked), 0);
    if (fork() == 0) {
        struct ring ring;
        static char byte;

        ring_make(&ring, 32, 32, -1);
        fcntl(ring.fd, F_SETFD, 0); /* survives exec: the ring must end all the same */
        if (fork() == 0) {
            int seen[8] = {0}, total = 0;
            int64_t end = now_ns() + 8000000000ll;
            struct ksvc_completion completion;

            close(report[0]);
            while (total < 8 && now_ns() < end) {
                while (ring_pop(&ring, &completion)) {
                    seen[completion.corr_id & 7]++;
                    total++;
                }
                sleep_ms(5);
            }
            sleep_ms(50);
            while (ring_pop(&ring, &completion)) total += 100;
            for (int id = 0; id < 8; id++)
                if (seen[id] != 1) total += 1000;
            dprintf(report[1], "%d", total);
            _exit(0);
        }
        ring_workers(&ring, 3);
        PUSH(&ring, 0, SYS_read, 0, blocked[0], &byte, 1);
        PUSH(&ring, 1, SYS_read, KSVC_ENTRY_OUTSIDE, blocked[0], &byte, 1);
        PUSH(&ring, 2, SYS_read, KSVC_ENTRY_LINKED, blocked[0], &byte, 1);
        PUSH(&ring, 3, SYS_read, KSVC_ENTRY_LINKED, blocked[0], &byte, 1);
        PUSH(&ring, 4, SYS_read, 0, blocked[0], &byte, 1);
        PUSH(&ring, 5, SYS_read, 0, blocked[0], &byte, 1);
        PUSH(&ring, 6, SYS_read, KSVC_ENTRY_DRAIN, blocked[0], &byte, 1);
        PUSH(&ring, 7, SYS_read, 0, blocked[0], &byte, 1);
        ring_submit(&ring, 8, 0, 0);
        sleep_ms(60);
        switch (ending) {
        case BY_EXIT:
            _exit(0);
        case BY_KILL:
            kill(getpid(), SIGKILL);
            break;
        case BY_CRASH:
            signal(SIGSEGV, SIG_DFL);
            kill(getpid(), SIGSEGV);
            break;
        case BY_EXEC: {
            char* const arguments[] = {"/proc/self/exe", "--sleep", NULL};

            execv("/proc/self/exe", arguments);
            _exit(9);
        }
        }
        _exit(8);
    }
    close(report[1]);
    CHECK(read(report[0], verdict, sizeof(verdict) - 1) > 0);
    if (strcmp(verdict, "8") != 0)
        fail(__FILE__, __LINE__, "the witness counted %s (8: each once)", verdict);
    kill(0, 0);
    CHECK(wait(&status) > 0);
}

static void end_by_exit(void) { end_by(BY_EXIT); }
static void end_by_kill(void) { end_by(BY_KILL); }
static void end_by_exec(void) { end_by(BY_EXEC); }
static void end_by_crash(void) { end_by(BY_CRASH); }

static void* die_outside(void* argument)
{
    struct ring* ring = argument;
    struct ksvc_work work;

    memset(&work, 0, sizeof(work));
    if (ioctl(ring->fd, KSVC_IOC_WORK, &work) || work.syscall_nr != SYS_getpid) return (void*)1;
    return NULL; /* with the call in hand */
}

static void a_worker_that_dies_with_a_call_in_hand(void)
{
    struct ring ring;
    pthread_t worker;
    struct ksvc_completion completion;
    void* result;

    ring_make(&ring, 16, 16, -1);
    if (!(ring.params.out.features & KSVC_FEATURE_NEEDS_WORKERS)) skip("the kernel has workers");
    CHECK_EQUAL(pthread_create(&worker, NULL, die_outside, &ring), 0);
    PUSH(&ring, 3, SYS_getpid, 0, 0);
    ring_submit(&ring, 1, 0, 0);
    completion = ring_next(&ring);
    CHECK_EQUAL(completion.corr_id, 3);
    CHECK_EQUAL(completion.result, -EINTR);
    CHECK_EQUAL(pthread_join(worker, &result), 0);
    CHECK(result == NULL);
}

static void a_forged_ticket(void)
{
    struct ring ring;
    struct ksvc_work work;

    ring_make(&ring, 16, 16, -1);
    if (!(ring.params.out.features & KSVC_FEATURE_NEEDS_WORKERS)) skip("the kernel has workers");
    for (uint64_t ticket = 1; ticket < 1ull << 60; ticket = ticket * 3 + 1) {
        memset(&work, 0, sizeof(work));
        work.ticket = ticket;
        CHECK_ERROR(ioctl(ring.fd, KSVC_IOC_WORK, &work), EINVAL);
    }
    memset(&work, 0, sizeof(work));
    work.reserved = 1;
    CHECK_ERROR(ioctl(ring.fd, KSVC_IOC_WORK, &work), EINVAL);
    CHECK_ERROR(ioctl(ring.fd, KSVC_IOC_WORK, 8), EFAULT);
}

static void on_signal(int number)
{
    (void)number;
}

static volatile int worker_errno;

static void* work_with_signals(void* argument)
{
    struct ring* ring = argument;
    struct ksvc_work work;

    memset(&work, 0, sizeof(work));
    ioctl(ring->fd, KSVC_IOC_WORK, &work);
    worker_errno = errno;
    memset(&work, 0, sizeof(work));
    while (ioctl(ring->fd, KSVC_IOC_WORK, &work)) {
        if (errno == ESHUTDOWN) return NULL;
        memset(&work, 0, sizeof(work));
    }
    return (void*)1;
}

static void a_signal_ends_work_and_loses_nothing(void)
{
    struct ring ring;
    struct sigaction action;
    pthread_t worker;
    int ends[2];
    char byte;

    memset(&action, 0, sizeof(action));
    action.sa_handler = on_signal; /* and no SA_RESTART */
    sigaction(SIGUSR1, &action, NULL);
    CHECK_EQUAL(pipe(ends), 0);
    ring_make(&ring, 16, 16, -1);
    if (!(ring.params.out.features & KSVC_FEATURE_NEEDS_WORKERS)) skip("the kernel has workers");
    CHECK_EQUAL(pthread_create(&worker, NULL, work_with_signals, &ring), 0);
    PUSH(&ring, 3, SYS_read, 0, ends[0], &byte, 1);
    ring_submit(&ring, 1, 0, 0);
    sleep_ms(50);
    CHECK_EQUAL(pthread_kill(worker, SIGUSR1), 0);
    sleep_ms(50);
    CHECK_EQUAL(worker_errno, EINTR);
    CHECK_EQUAL(ring_waiting(&ring), 0);
    CHECK_EQUAL(write(ends[1], "x", 1), 1);
    CHECK_EQUAL(ring_next(&ring).result, 1);
    CHECK_EQUAL(close(ring.fd), 0);
    CHECK_EQUAL(pthread_join(worker, NULL), 0);
}

static void a_stop_and_a_continue_lose_nothing(void)
{
    int status, ends[2];
    pid_t child;

    CHECK_EQUAL(pipe(ends), 0);
    child = fork();
    if (child == 0) {
        struct ring ring;
        char byte;

        ring_make(&ring, 16, 16, -1);
        ring_workers(&ring, 1);
        PUSH(&ring, 1, SYS_read, 0, ends[0], &byte, 1);
        ring_submit(&ring, 1, 0, 0);
        CHECK_EQUAL(ring_next(&ring).result, 1);
        _exit(0);
    }
    for (int round = 0; round < 5; round++) {
        sleep_ms(30);
        kill(child, SIGSTOP);
        CHECK_EQUAL(waitpid(child, &status, WUNTRACED), child);
        CHECK(WIFSTOPPED(status));
        kill(child, SIGCONT);
    }
    CHECK_EQUAL(write(ends[1], "x", 1), 1);
    CHECK_EQUAL(waitpid(child, &status, 0), child);
    CHECK_EQUAL(status, 0);
}

static void dismissed_workers_leave_and_come_back(void)
{
    struct ring ring;

    ring_make(&ring, 16, 16, -1);
    if (!(ring.params.out.features & KSVC_FEATURE_NEEDS_WORKERS)) skip("the kernel has workers");
    ring_workers(&ring, 3);
    sleep_ms(30);
    CHECK_EQUAL(ring.shared->workers_total, 3);
    CHECK_EQUAL(ioctl(ring.fd, KSVC_IOC_DISMISS), 0);
    for (int worker = 0; worker < 3; worker++)
        CHECK_EQUAL(pthread_join(ring.workers[worker], NULL), 0);
    CHECK_EQUAL(ring.shared->workers_total, 0);
    ring.worker_count = 0;
    PUSH(&ring, 1, SYS_getpid, 0, 0);
    ring_submit(&ring, 1, 0, 0);
    ring_workers(&ring, 1);
    CHECK_EQUAL(ring_next(&ring).result, getpid());
}

static void mappings_outlive_the_descriptor(void)
{
    struct ring ring;

    ring_make(&ring, 16, 16, -1);
    PUSH_NOP(&ring, 9);
    CHECK_EQUAL(ring_enter(&ring, 1, 0, 0), 1);
    CHECK_EQUAL(close(ring.fd), 0);
    CHECK_EQUAL(ring.completions[0].corr_id, 9);
    CHECK_EQUAL(ring.shared->pid, getpid());
    (void)*ring.wait; /* closed: returns */
    *ring.doorbell = 1;
}

const struct test_case life_cases[] = {
    {"life: close completes what waits", close_completes_what_waits},
    {"life: close of one of two descriptors", close_of_one_of_two_descriptors},
    {"life: close completes chains and drains", close_completes_chains_and_drains},
    {"life: close ends a call that is outside", close_ends_a_call_that_is_outside},
    {"life: a child's copy of the descriptor is not ours", close_wakes_a_waiter},
    {"life: a kept copy of a closed ring", a_closed_ring_is_eshutdown_for_a_kept_copy},
    {"life: a child may not enter", a_child_may_not_enter},
    {"life: a child creates on an inherited file", a_child_creates_on_an_inherited_file},
    {"life: exit completes each entry once", end_by_exit},
    {"life: SIGKILL completes each entry once", end_by_kill},
    {"life: exec completes each entry once", end_by_exec},
    {"life: SIGSEGV completes each entry once", end_by_crash},
    {"life: a worker dies with a call in hand", a_worker_that_dies_with_a_call_in_hand},
    {"life: a forged ticket", a_forged_ticket},
    {"life: a signal ends WORK and loses nothing", a_signal_ends_work_and_loses_nothing},
    {"life: SIGSTOP and SIGCONT lose nothing", a_stop_and_a_continue_lose_nothing},
    {"life: dismissed workers leave", dismissed_workers_leave_and_come_back},
    {"life: mappings outlive the descriptor", mappings_outlive_the_descriptor},
    {NULL, NULL},
};
