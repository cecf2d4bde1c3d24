// SPDX-License-Identifier: MIT
//
// clock_gettime(2), nanosleep(2), timerfd_create(2), sched(7), uname(2), sysinfo(2), getrandom(2), umask(2).
#include "twin.h"

#include <sched.h>
#include <sys/random.h>
#include <sys/sysinfo.h>
#include <sys/timerfd.h>
#include <sys/utsname.h>

using namespace twin;

TEST(time, monotonic_never_goes_back) {
    int64_t last = now_ns();
    for (int i = 0; i < 20000; ++i) {
        int64_t now = now_ns();
        CHECK(now >= last);
        last = now;
    }
}
TEST(time, vdso_and_call_agree) {
    timespec call;
    const clockid_t clocks[] = {CLOCK_REALTIME, CLOCK_MONOTONIC, CLOCK_BOOTTIME, CLOCK_MONOTONIC_RAW, CLOCK_MONOTONIC_COARSE};
    for (clockid_t clock : clocks) {
        int64_t before = now_ns(clock);
        CHECK_OK(syscall(SYS_clock_gettime, clock, &call));
        int64_t middle = call.tv_sec * 1000000000L + call.tv_nsec, after = now_ns(clock);
        // A coarse clock may lag behind by a tick.
        CHECK(before <= middle + 20000000 && middle <= after + 20000000);
    }
}
TEST(time, kinds_of_clocks) {
    timespec t;
    const clockid_t clocks[] = {CLOCK_REALTIME, CLOCK_MONOTONIC, CLOCK_PROCESS_CPUTIME_ID, CLOCK_THREAD_CPUTIME_ID,
                                CLOCK_MONOTONIC_RAW, CLOCK_REALTIME_COARSE, CLOCK_MONOTONIC_COARSE, CLOCK_BOOTTIME, CLOCK_TAI};
    for (clockid_t clock : clocks) {
        CHECK_OK(clock_gettime(clock, &t));
        CHECK(t.tv_nsec >= 0 && t.tv_nsec < 1000000000);
        CHECK_OK(clock_getres(clock, &t));
    }
    CHECK_ERRNO(syscall(SYS_clock_gettime, 77, &t), EINVAL);
    CHECK_ERRNO(syscall(SYS_clock_gettime, CLOCK_REALTIME, bad<timespec>()), EFAULT);
    CHECK_ERRNO(clock_settime(CLOCK_MONOTONIC, &t), EINVAL);
}
TEST(time, realtime_is_sane) {
    CHECK(time(nullptr) > 1600000000);
    timeval t;
    CHECK_OK(gettimeofday(&t, nullptr));
    CHECK(t.tv_sec - time(nullptr) <= 1);
}
TEST(time, cpu_time_counts_work_only) {
    CHECK(a_sleep_costs_less(CLOCK_PROCESS_CPUTIME_ID, 100, 50));
    const int64_t start = now_ns(CLOCK_PROCESS_CPUTIME_ID);
    int64_t end = now_ns() + 50000000;
    while (now_ns() < end) {
    }
    CHECK(now_ns(CLOCK_PROCESS_CPUTIME_ID) - start > 5000000);
}
TEST(time, sleep_lasts) {
    int64_t start = now_ns();
    timespec t = {0, 30000000};
    CHECK_OK(nanosleep(&t, nullptr));
    CHECK(now_ns() - start >= 30000000);
    t = {0, 1000000000};
    CHECK_ERRNO(nanosleep(&t, nullptr), EINVAL);
    t = {-1, 0};
    CHECK_ERRNO(nanosleep(&t, nullptr), EINVAL);
    CHECK_ERRNO(syscall(SYS_nanosleep, bad<timespec>(), nullptr), EFAULT);
}
TEST(time, absolute_sleep) {
    timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    CHECK_EQ(clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &t, nullptr), 0);
    t.tv_nsec += 20000000;
    if (t.tv_nsec >= 1000000000) t.tv_nsec -= 1000000000, ++t.tv_sec;
    CHECK_EQ(clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &t, nullptr), 0);
    CHECK(now_ns() >= t.tv_sec * 1000000000L + t.tv_nsec);
    CHECK_EQ(clock_nanosleep(CLOCK_THREAD_CPUTIME_ID, 0, &t, nullptr), EINVAL);
}
TEST(timerfd, expires) {
    int fd = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);
    CHECK_OK(fd);
    uint64_t times = 0;
    CHECK_ERRNO(read(fd, &times, 8), EAGAIN);
    itimerspec spec = {{0, 10000000}, {0, 10000000}}, got = {};
    CHECK_OK(timerfd_settime(fd, 0, &spec, nullptr));
    pollfd p = {fd, POLLIN, 0};
    CHECK_EQ(poll(&p, 1, 50000), 1);
    sleep_ms(35);
    CHECK_EQ(read(fd, &times, 8), 8);
    CHECK(times >= 3);
    CHECK_OK(timerfd_gettime(fd, &got));
    CHECK_EQ(got.it_interval.tv_nsec, 10000000);
    CHECK_ERRNO(read(fd, &times, 4), EINVAL);
    CHECK_ERRNO(timerfd_create(99, 0), EINVAL);
    CHECK_ERRNO(timerfd_create(CLOCK_MONOTONIC, 1), EINVAL);
    CHECK_ERRNO(timerfd_settime(0, 0, &spec, nullptr), EINVAL);
}
TEST(timerfd, disarm) {
    int fd = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK);
    itimerspec spec = {{0, 0}, {0, 5000000}}, off = {};
    CHECK_OK(timerfd_settime(fd, 0, &spec, nullptr));
    CHECK_OK(timerfd_settime(fd, 0, &off, nullptr));
    sleep_ms(20);
    uint64_t times;
    CHECK_ERRNO(read(fd, &times, 8), EAGAIN);
}
TEST(schedule, yield_and_affinity) {
    CHECK_OK(sched_yield());
    cpu_set_t set;
    CPU_ZERO(&set);
    CHECK_OK(sched_getaffinity(0, sizeof(set), &set));
    CHECK(CPU_COUNT(&set) >= 1);
    int first = 0;
    while (!CPU_ISSET(first, &set)) ++first;
    cpu_set_t one;
    CPU_ZERO(&one);
    CPU_SET(first, &one);
    CHECK_OK(sched_setaffinity(0, sizeof(one), &one));
    CHECK_EQ(sched_getcpu(), first);
    CPU_ZERO(&one);
    CHECK_ERRNO(sched_setaffinity(0, sizeof(one), &one), EINVAL);
    CHECK_ERRNO(syscall(SYS_sched_getaffinity, 0, 1, &one), EINVAL);
    CHECK_ERRNO(sched_getaffinity(1234567, sizeof(one), &one), ESRCH);
}
TEST(schedule, policies) {
    // By the call's number: musl refuses to make it.
    CHECK_EQ(syscall(SYS_sched_getscheduler, 0), SCHED_OTHER);
    CHECK_EQ(sched_get_priority_max(SCHED_FIFO), 99);
    CHECK_EQ(sched_get_priority_min(SCHED_RR), 1);
    CHECK_EQ(sched_get_priority_max(SCHED_OTHER), 0);
    CHECK_ERRNO(sched_get_priority_max(77), EINVAL);
    sched_param p = {};
    p.sched_priority = 10;
    CHECK_OK(syscall(SYS_sched_setscheduler, 0, SCHED_FIFO, &p));
    CHECK_EQ(syscall(SYS_sched_getscheduler, 0), SCHED_FIFO);
    p.sched_priority = 0;
    CHECK_ERRNO(syscall(SYS_sched_setscheduler, 0, SCHED_FIFO, &p), EINVAL);
    CHECK_OK(syscall(SYS_sched_setscheduler, 0, SCHED_BATCH, &p));
    CHECK_ERRNO(syscall(SYS_sched_setscheduler, 0, 77, &p), EINVAL);
}
TEST(schedule, priorities) {
    CHECK_OK(setpriority(PRIO_PROCESS, 0, 5));
    errno = 0;
    CHECK_EQ(getpriority(PRIO_PROCESS, 0), 5);
    CHECK_EQ(syscall(SYS_getpriority, PRIO_PROCESS, 0), 15);
    CHECK_OK(setpriority(PRIO_PROCESS, 0, 100));
    CHECK_EQ(getpriority(PRIO_PROCESS, 0), 19);
    become_user();
    CHECK_ERRNO(setpriority(PRIO_PROCESS, 0, 0), EACCES);
    CHECK_ERRNO(syscall(SYS_setpriority, 9, 0, 0), EINVAL);
    CHECK_ERRNO(setpriority(PRIO_PROCESS, 1234567, 0), ESRCH);
}
TEST(system, uname) {
    utsname name;
    CHECK_OK(uname(&name));
    CHECK_STR(name.sysname, "Linux");
    CHECK_STR(name.machine, "x86_64");
    CHECK(name.release[0] >= '5' && name.release[0] <= '9');
    CHECK_ERRNO(syscall(SYS_uname, bad<utsname>()), EFAULT);
}
TEST(system, sysinfo) {
    struct sysinfo info;
    CHECK_OK(sysinfo(&info));
    CHECK(info.totalram * info.mem_unit > 8 << 20 && info.freeram <= info.totalram && info.procs > 0);
    CHECK_ERRNO(syscall(SYS_sysinfo, bad<struct sysinfo>()), EFAULT);
}
TEST(system, getrandom) {
    unsigned char a[64] = {}, b[64] = {};
    CHECK_EQ(getrandom(a, 64, 0), 64);
    CHECK_EQ(getrandom(b, 64, GRND_NONBLOCK), 64);
    CHECK(memcmp(a, b, 64) != 0);
    CHECK_ERRNO(syscall(SYS_getrandom, a, 64, 0x80), EINVAL);
    CHECK_ERRNO(syscall(SYS_getrandom, bad<void>(), 64, 0), EFAULT);
}
TEST(system, unknown_call) {
    CHECK_ERRNO(syscall(100000), ENOSYS);
    CHECK_ERRNO(syscall(-1L), ENOSYS);
    CHECK_ERRNO(syscall(400), ENOSYS);
}
TEST(system, umask) {
    umask(077);
    CHECK_EQ(umask(022), 077);
    int fd = open("f", O_CREAT | O_WRONLY, 0666);
    struct stat status;
    fstat(fd, &status);
    CHECK_EQ(status.st_mode & 0777, 0644);
}
TEST(system, getcpu) {
    unsigned cpu = 999, node = 999;
    CHECK_OK(syscall(SYS_getcpu, &cpu, &node, nullptr));
    CHECK(cpu < 512 && node < 64);
}
