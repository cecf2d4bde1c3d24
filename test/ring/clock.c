/* SPDX-License-Identifier: MIT */
/* The clocks of the shared page: they move, follow a setting, know time namespaces, and are right
 * again after nobody has looked for a while. */
#include <fcntl.h>
#include <sched.h>
#include <time.h>
#ifdef __x86_64__
#include <x86intrin.h>
#endif

#include "test/ring/ring.h"

static struct ring* prepare(void)
{
    static struct ring ring;

    ring_make(&ring, 16, 16, -1);
    return &ring;
}

static void need_root(void)
{
    if (geteuid() != 0) skip("needs root");
}

static void clocks_move(void)
{
    struct ring* ring = prepare();
    struct ksvc_shared_page first = ring_look(ring), second;
    struct timespec real;

    sleep_ms(100);
    second = ring_look(ring);
    CHECK(second.monotonic_ns >= first.monotonic_ns + 80000000ull);
    CHECK(second.realtime_ns > first.realtime_ns);
    CHECK(second.boottime_ns > first.boottime_ns);
    clock_gettime(CLOCK_REALTIME, &real);
    CHECK(llabs((long long)(second.realtime_ns / 1000000) -
                (long long)(real.tv_sec * 1000 + real.tv_nsec / 1000000)) < 50);
}

static void clocks_follow_a_setting(void)
{
    struct ring* ring = prepare();
    struct timespec time, old;
    uint64_t page;

    need_root();
    clock_gettime(CLOCK_REALTIME, &old);
    time = (struct timespec){2000000000, 0};
    CHECK_EQUAL(clock_settime(CLOCK_REALTIME, &time), 0);
    page = ring_look(ring).realtime_ns;
    clock_settime(CLOCK_REALTIME, &old);
    CHECK(page >= 2000000000000000000ull && page < 2000000010000000000ull);
}

static void the_formula_gives_the_time_now(void)
{
#ifdef __x86_64__
    struct ring* ring = prepare();

    if (ring->shared->clock_mode != KSVC_CLOCK_TSC) skip("the clock is not the TSC");
    for (int round = 0; round < 200; round++) {
        int64_t before = now_ns(), after;
        struct ksvc_shared_page page = ring_look(ring);
        uint64_t ticks = __rdtsc() - page.clock_cycle_last;
        uint64_t now = page.clock_base_ns +
                       ((ticks * page.clock_mult + page.clock_frac) >> page.clock_shift);

        after = now_ns();
        CHECK((int64_t)now >= before - 1000 && (int64_t)now <= after + 1000);
        sleep_ms(round % 3);
    }
#else
    skip("no TSC");
#endif
}

static void right_after_a_pause(void)
{
    struct ring* ring = prepare();

    for (int pause_ms = 400; pause_ms <= 3600; pause_ms *= 3) {
        struct timespec now;
        int64_t behind;

        ring_look(ring);
        sleep_ms(pause_ms);
        clock_gettime(CLOCK_MONOTONIC_COARSE, &now);
        behind = now.tv_sec * 1000000000ll + now.tv_nsec - (int64_t)ring_look(ring).monotonic_ns;
        if (behind > 0)
            fail(__FILE__, __LINE__, "after %d ms the clock is %lld ns behind", pause_ms,
                 (long long)behind);
    }
}

/* CLOCK_MONOTONIC and CLOCK_BOOTTIME begin elsewhere there. */
static void look_at_shifted_clocks(void* unused)
{
    static const clockid_t ids[] = {CLOCK_MONOTONIC, CLOCK_BOOTTIME, CLOCK_REALTIME};
    struct ring* ring = prepare();
    struct ksvc_shared_page page = ring_look(ring);
    uint64_t times[] = {page.monotonic_ns, page.boottime_ns, page.realtime_ns};
    int64_t offsets[] = {0, page.boottime_offset_ns, page.realtime_offset_ns};

    (void)unused;
    for (int index = 0; index < 3; index++) {
        struct timespec now;
        int64_t behind;

        clock_gettime(ids[index], &now);
        behind = now.tv_sec * 1000000000ll + now.tv_nsec - (int64_t)times[index];
        if (behind < 0 || behind > 2000000000)
            fail(__FILE__, __LINE__, "clock %d is %lld ns behind", ids[index], (long long)behind);
        behind -= now.tv_sec * 1000000000ll + now.tv_nsec;
        behind += (int64_t)page.clock_base_ns + offsets[index];
        CHECK(behind <= 0 && behind > -2000000000);
    }
}

static void enter_time_namespace(void* unused)
{
    int fd, status;

    (void)unused;
    if (unshare(0x80 /* CLONE_NEWTIME */)) _exit(9);
    fd = open("/proc/self/timens_offsets", O_WRONLY);
    CHECK(fd >= 0);
    CHECK(write(fd, "monotonic 86400 5\nboottime 3600 7\n", 34) > 0);
    close(fd);
    status = in_child(look_at_shifted_clocks, NULL);
    _exit(WIFEXITED(status) ? WEXITSTATUS(status) : 1);
}

static void in_a_time_namespace(void)
{
    int status;

    need_root();
    status = in_child(enter_time_namespace, NULL);
    if (WIFEXITED(status) && WEXITSTATUS(status) == 9) skip("no time namespaces in this kernel");
    CHECK_EQUAL(status, 0);
}

const struct test_case clock_cases[] = {
    {"shared page: clocks move", clocks_move},
    {"shared page: clocks follow a setting", clocks_follow_a_setting},
    {"shared page: the formula gives the time now", the_formula_gives_the_time_now},
    {"shared page: clocks are right after a pause", right_after_a_pause},
    {"shared page: in a time namespace", in_a_time_namespace},
    {NULL, NULL},
};
