/* SPDX-License-Identifier: MIT */
/* Waiting and kicking: ENTER's timeout and mask, poll, epoll, eventfd, doorbell, wait page. */
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/time.h>
#include <time.h>

#include "test/ring/ring.h"

#define MS 1000000ll

static volatile sig_atomic_t signals_seen;

static void on_signal(int number)
{
    (void)number;
    signals_seen++;
}

static void catch_alarm(void)
{
    struct sigaction action;

    memset(&action, 0, sizeof(action));
    action.sa_handler = on_signal;
    sigaction(SIGALRM, &action, NULL);
}

static void alarm_in_ms(int ms)
{
    struct itimerval timer = {{0, 0}, {0, ms * 1000}};

    setitimer(ITIMER_REAL, &timer, NULL);
}

static int enter_with(struct ring* ring, struct ksvc_enter enter)
{
    return ioctl(ring->fd, KSVC_IOC_ENTER, &enter);
}

static void timeout_is_etime(void)
{
    struct ring ring;
    int64_t start;

    ring_make(&ring, 16, 16, -1);
    start = now_ns();
    CHECK_ERROR(ring_enter(&ring, 0, 1, 50 * MS), ETIME);
    CHECK(now_ns() - start >= 50 * MS);
}

static void timeout_zero_only_looks(void)
{
    struct ring ring;

    ring_make(&ring, 16, 16, -1);
    CHECK_ERROR(ring_enter(&ring, 0, 1, 0), ETIME);
    PUSH_NOP(&ring, 1);
    CHECK_EQUAL(ring_enter(&ring, 1, 1, 0), 1);
    CHECK_EQUAL(ring_enter(&ring, 0, 1, 0), 0);
}

static void taken_entries_win_over_a_timeout(void)
{
    struct ring ring;

    ring_make(&ring, 16, 16, -1);
    PUSH_NOP(&ring, 1);
    CHECK_EQUAL(ring_enter(&ring, 1, 2, 20 * MS), 1);
}

static void bad_enter_arguments(void)
{
    struct ring ring;

    ring_make(&ring, 16, 32, -1);
    CHECK_ERROR(enter_with(&ring, (struct ksvc_enter){.flags = 1}), EINVAL);
    CHECK_ERROR(enter_with(&ring, (struct ksvc_enter){.min_complete = 33}), EINVAL);
    CHECK_ERROR(enter_with(&ring, (struct ksvc_enter){.timeout_ns = -2}), EINVAL);
    CHECK_ERROR(enter_with(&ring, (struct ksvc_enter){.sigmask = 4096, .sigmask_bytes = 4}),
                EINVAL);
    CHECK_ERROR(enter_with(&ring, (struct ksvc_enter){.sigmask_bytes = 8}), EINVAL);
    CHECK_ERROR(enter_with(&ring, (struct ksvc_enter){.min_complete = 1, .sigmask = 4096,
                                                      .sigmask_bytes = 8}), EFAULT);
    CHECK_ERROR(ioctl(ring.fd, KSVC_IOC_ENTER, 4096), EFAULT);
}

static void enter_waits_for_several(void)
{
    struct ring ring;
    struct timespec pause = {0, 20 * MS}, longer = {0, 60 * MS};
    int64_t start = now_ns();

    ring_make(&ring, 16, 16, -1);
    ring_workers(&ring, 2);
    PUSH(&ring, 1, SYS_nanosleep, 0, &pause, 0);
    PUSH(&ring, 2, SYS_nanosleep, 0, &longer, 0);
    ring_submit(&ring, 2, 2, KSVC_TIMEOUT_NONE);
    CHECK_EQUAL(ring_waiting(&ring), 2);
    CHECK(now_ns() - start >= 60 * MS);
}

static void a_signal_ends_enter(void)
{
    struct ring ring;

    catch_alarm();
    ring_make(&ring, 16, 16, -1);
    alarm_in_ms(30);
    CHECK_ERROR(ring_enter(&ring, 0, 1, KSVC_TIMEOUT_NONE), EINTR);
    CHECK_EQUAL(signals_seen, 1);
}

static void the_mask_keeps_signals_out(void)
{
    struct ring ring;
    uint64_t mask = 1ull << (SIGALRM - 1);
    struct ksvc_enter enter = {.min_complete = 1, .sigmask_bytes = 8, .timeout_ns = 100 * MS,
                               .sigmask = (uint64_t)(uintptr_t)&mask};

    catch_alarm();
    ring_make(&ring, 16, 16, -1);
    alarm_in_ms(20);
    CHECK_ERROR(ioctl(ring.fd, KSVC_IOC_ENTER, &enter), ETIME);
    sleep_ms(1);
    CHECK_EQUAL(signals_seen, 1); /* only after the old mask was back */
}

static void the_mask_lets_signals_in(void)
{
    struct ring ring;
    sigset_t blocked, after;
    uint64_t mask = 0;
    struct ksvc_enter enter = {.min_complete = 1, .sigmask_bytes = 8,
                               .timeout_ns = KSVC_TIMEOUT_NONE,
                               .sigmask = (uint64_t)(uintptr_t)&mask};

    catch_alarm();
    sigemptyset(&blocked);
    sigaddset(&blocked, SIGALRM);
    sigprocmask(SIG_BLOCK, &blocked, NULL);
    ring_make(&ring, 16, 16, -1);
    alarm_in_ms(20);
    CHECK_ERROR(ioctl(ring.fd, KSVC_IOC_ENTER, &enter), EINTR);
    CHECK_EQUAL(signals_seen, 1);
    sigprocmask(SIG_BLOCK, NULL, &after);
    CHECK(sigismember(&after, SIGALRM));
}

static void poll_tells(void)
{
    struct ring ring;
    struct pollfd entry = {.events = POLLIN | POLLOUT};

    ring_make(&ring, 16, 16, -1);
    entry.fd = ring.fd;
    CHECK_EQUAL(poll(&entry, 1, 0), 1);
    CHECK_EQUAL(entry.revents, POLLOUT);
    PUSH_NOP(&ring, 1);
    CHECK_EQUAL(ring_enter(&ring, 1, 0, 0), 1);
    CHECK_EQUAL(poll(&entry, 1, 0), 1);
    CHECK_EQUAL(entry.revents, POLLIN | POLLOUT);
    ring_next(&ring);
    entry.events = POLLIN;
    CHECK_EQUAL(poll(&entry, 1, 10), 0);
    for (int index = 0; index < 16; index++) PUSH_NOP(&ring, 1);
    entry.events = POLLOUT;
    CHECK_EQUAL(poll(&entry, 1, 10), 0);
}

static void poll_before_create_is_an_error(void)
{
    struct pollfd entry = {.fd = open_device(), .events = POLLIN};

    CHECK_EQUAL(poll(&entry, 1, 0), 1);
    CHECK_EQUAL(entry.revents, POLLERR);
}

static void poll_sleeps_until_a_completion(void)
{
    struct ring ring;
    struct timespec pause = {0, 30 * MS};
    struct pollfd entry = {.events = POLLIN};

    ring_make(&ring, 16, 16, -1);
    ring_workers(&ring, 1);
    entry.fd = ring.fd;
    PUSH(&ring, 1, SYS_nanosleep, 0, &pause, 0);
    ring_submit(&ring, 1, 0, 0);
    CHECK_EQUAL(poll(&entry, 1, 10000), 1);
    CHECK_EQUAL(ring_waiting(&ring), 1);
}

static void epoll_tells_too(void)
{
    struct ring ring;
    struct timespec pause = {0, 20 * MS};
    struct epoll_event event = {.events = EPOLLIN | EPOLLET, .data.u64 = 42};
    int epoll = epoll_create1(0);

    ring_make(&ring, 16, 16, -1);
    ring_workers(&ring, 1);
    CHECK_EQUAL(epoll_ctl(epoll, EPOLL_CTL_ADD, ring.fd, &event), 0);
    for (int round = 0; round < 3; round++) {
        PUSH(&ring, 1, SYS_nanosleep, 0, &pause, 0);
        ring_submit(&ring, 1, 0, 0);
        CHECK_EQUAL(epoll_wait(epoll, &event, 1, 10000), 1);
        CHECK_EQUAL(event.data.u64, 42);
        ring_next(&ring);
    }
}

static void the_kernel_signals_the_eventfd(void)
{
    struct ring ring;
    uint64_t count = 0;
    int events = eventfd(0, EFD_NONBLOCK);

    ring_make(&ring, 16, 16, events);
    CHECK_ERROR(read(events, &count, 8), EAGAIN);
    PUSH_NOP(&ring, 1);
    CHECK_EQUAL(ring_enter(&ring, 1, 0, 0), 1);
    CHECK_EQUAL(read(events, &count, 8), 8);
    CHECK(count >= 1);
    CHECK_ERROR(read(events, &count, 8), EAGAIN);
}

static void the_eventfd_wakes_a_reader(void)
{
    struct ring ring;
    struct timespec pause = {0, 20 * MS};
    uint64_t count = 0;
    int events = eventfd(0, 0);

    ring_make(&ring, 16, 16, events);
    ring_workers(&ring, 1);
    PUSH(&ring, 1, SYS_nanosleep, 0, &pause, 0);
    ring_submit(&ring, 1, 0, 0);
    CHECK_EQUAL(read(events, &count, 8), 8);
    CHECK_EQUAL(ring_waiting(&ring), 1);
}

static void the_eventfd_outlives_its_descriptor(void)
{
    struct ring ring;
    int events = eventfd(0, EFD_NONBLOCK), copy = dup(events);
    uint64_t count = 0;

    ring_make(&ring, 16, 16, events);
    close(events);
    PUSH_NOP(&ring, 1);
    CHECK_EQUAL(ring_enter(&ring, 1, 0, 0), 1);
    CHECK_EQUAL(read(copy, &count, 8), 8);
}

static void await(struct ring* ring, uint64_t id)
{
    struct ksvc_completion completion;
    int64_t end = now_ns() + 10000 * MS;

    while (!ring_pop(ring, &completion)) {
        CHECK(now_ns() < end);
        (void)*ring->wait;
    }
    CHECK_EQUAL(completion.corr_id, id);
}

/* Looks without any help to the kernel side: not even the wait page, which wakes workers too. */
static void watch_for(struct ring* ring, uint64_t id)
{
    struct ksvc_completion completion;
    int64_t end = now_ns() + 10000 * MS;

    while (!ring_pop(ring, &completion)) {
        CHECK(now_ns() < end);
        sleep_ms(1);
    }
    CHECK_EQUAL(completion.corr_id, id);
}

static void doorbell_and_wait_page_alone(void)
{
    struct ring ring;

    ring_make(&ring, 16, 16, -1);
    ring_workers(&ring, 1);
    sleep_ms(30);
    for (uint64_t id = 0; id < 200; id++) {
        PUSH_NOP(&ring, id);
        *ring.doorbell = id;
        await(&ring, id);
    }
}

static void doorbell_wakes_after_sleep(void)
{
    struct ring ring;

    ring_make(&ring, 16, 16, -1);
    ring_workers(&ring, 2);
    for (uint64_t id = 0; id < 10; id++) {
        sleep_ms(15);
        PUSH_NOP(&ring, id);
        *ring.doorbell = id;
        watch_for(&ring, id);
    }
}

static void doorbell_before_any_worker(void)
{
    struct ring ring;

    ring_make(&ring, 16, 16, -1);
    PUSH_NOP(&ring, 1);
    *ring.doorbell = 1;
    ring_workers(&ring, 1);
    watch_for(&ring, 1);
}

static void doorbell_while_a_worker_is_stuck(void)
{
    struct ring ring;
    int ends[2];
    char byte;

    CHECK_EQUAL(pipe(ends), 0);
    ring_make(&ring, 16, 16, -1);
    ring_workers(&ring, 2);
    sleep_ms(10);
    PUSH(&ring, 1, SYS_read, 0, ends[0], &byte, 1);
    *ring.doorbell = 1;
    for (uint64_t id = 2; id < 60; id++) {
        PUSH_NOP(&ring, id);
        *ring.doorbell = id;
        watch_for(&ring, id);
        if (id % 8 == 0) sleep_ms(5);
    }
    CHECK_EQUAL(write(ends[1], "x", 1), 1);
    watch_for(&ring, 1);
}

static void* load_wait_page(void* argument)
{
    struct ring* ring = argument;

    (void)*ring->wait;
    return (void*)(uintptr_t)ring_waiting(ring);
}

static void a_load_sleeps_until_a_completion(void)
{
    struct ring ring;
    pthread_t waiter;
    void* waiting = NULL;

    ring_make(&ring, 16, 16, -1);
    CHECK_EQUAL(pthread_create(&waiter, NULL, load_wait_page, &ring), 0);
    sleep_ms(60);
    PUSH_NOP(&ring, 1);
    CHECK_EQUAL(ring_enter(&ring, 1, 0, 0), 1);
    CHECK_EQUAL(pthread_join(waiter, &waiting), 0);
    CHECK_EQUAL((uintptr_t)waiting, 1);
}

static void the_mmap_lock_is_free_while_a_load_sleeps(void)
{
    struct ring ring;
    pthread_t waiter;

    ring_make(&ring, 16, 16, -1);
    CHECK_EQUAL(pthread_create(&waiter, NULL, load_wait_page, &ring), 0);
    sleep_ms(30);
    for (int round = 0; round < 10; round++) {
        void* page = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

        CHECK(page != MAP_FAILED);
        *(volatile char*)page = 1;
        CHECK_EQUAL(munmap(page, 4096), 0);
    }
    PUSH_NOP(&ring, 1);
    CHECK_EQUAL(ring_enter(&ring, 1, 0, 0), 1);
    CHECK_EQUAL(pthread_join(waiter, NULL), 0);
}

static void sleep_on_the_wait_page(void* argument)
{
    struct ring ring;

    (void)argument;
    ring_make(&ring, 16, 16, -1);
    if (fork() == 0) {
        sleep_ms(80);
        kill(getppid(), SIGKILL);
        _exit(0);
    }
    (void)*ring.wait;
}

static void sigkill_ends_a_sleeping_load(void)
{
    int status = in_child(sleep_on_the_wait_page, NULL);

    CHECK(WIFSIGNALED(status));
    CHECK_EQUAL(WTERMSIG(status), SIGKILL);
}

static struct ring* ring_of_handler;

static void submit_in_handler(int number)
{
    (void)number;
    signals_seen++;
    PUSH_NOP(ring_of_handler, 5);
    if (ring_enter(ring_of_handler, 1, 0, 0) != 1) _exit(9);
}

static void a_handler_runs_during_a_sleeping_load(void)
{
    struct ring ring;

    ring_make(&ring, 16, 16, -1);
    ring_of_handler = &ring;
    signal(SIGALRM, submit_in_handler);
    alarm_in_ms(40);
    (void)*ring.wait;
    CHECK_EQUAL(signals_seen, 1);
    CHECK_EQUAL(ring_next(&ring).corr_id, 5);
}

static void the_kernel_cannot_be_parked_on_the_wait_page(void)
{
    struct ring ring;
    int ends[2];

    CHECK_EQUAL(pipe(ends), 0);
    ring_make(&ring, 16, 16, -1);
    CHECK_ERROR(write(ends[1], (void*)ring.wait, 8), EFAULT);
}

static void an_idle_ring_sleeps(void)
{
    struct ring ring;

    ring_make(&ring, 16, 16, -1);
    if (!(ring.params.out.features & KSVC_FEATURE_NEEDS_WORKERS)) skip("the kernel has workers");
    ring_workers(&ring, 1);
    sleep_ms(200);
    CHECK_EQUAL(ring.shared->worker_state, 0);
    PUSH_NOP(&ring, 1);
    *ring.doorbell = 1;
    await(&ring, 1);
    sleep_ms(200);
    CHECK_EQUAL(ring.shared->worker_state, 0);
}

const struct test_case wait_cases[] = {
    {"enter: a timeout is ETIME", timeout_is_etime},
    {"enter: timeout 0 only looks", timeout_zero_only_looks},
    {"enter: taken entries win over a timeout", taken_entries_win_over_a_timeout},
    {"enter: bad arguments", bad_enter_arguments},
    {"enter: waits for several", enter_waits_for_several},
    {"enter: a signal ends it", a_signal_ends_enter},
    {"enter: the mask keeps signals out", the_mask_keeps_signals_out},
    {"enter: the mask lets signals in, once", the_mask_lets_signals_in},
    {"poll: tells what is ready", poll_tells},
    {"poll: before CREATE is POLLERR", poll_before_create_is_an_error},
    {"poll: sleeps until a completion", poll_sleeps_until_a_completion},
    {"poll: epoll, edge triggered", epoll_tells_too},
    {"eventfd: the kernel signals it", the_kernel_signals_the_eventfd},
    {"eventfd: wakes a reader", the_eventfd_wakes_a_reader},
    {"eventfd: outlives its descriptor", the_eventfd_outlives_its_descriptor},
    {"doorbell: with the wait page, no trap at all", doorbell_and_wait_page_alone},
    {"doorbell: wakes a worker that has gone to sleep", doorbell_wakes_after_sleep},
    {"doorbell: before any worker", doorbell_before_any_worker},
    {"doorbell: while one worker is stuck", doorbell_while_a_worker_is_stuck},
    {"wait page: a load sleeps until a completion", a_load_sleeps_until_a_completion},
    {"wait page: the mmap lock is free meanwhile", the_mmap_lock_is_free_while_a_load_sleeps},
    {"wait page: SIGKILL ends a sleeping load", sigkill_ends_a_sleeping_load},
    {"wait page: a signal handler runs meanwhile", a_handler_runs_during_a_sleeping_load},
    {"wait page: cannot park a system call", the_kernel_cannot_be_parked_on_the_wait_page},
    {"idle: the kernel side sleeps", an_idle_ring_sleeps},
    {NULL, NULL},
};
