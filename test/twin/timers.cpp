// SPDX-License-Identifier: MIT
//
// Clocks, sleeping, interval and POSIX timers, scheduling calls, and the calls about the machine.
#include "twin.h"

#include <linux/membarrier.h>
#include <linux/reboot.h>
#include <sched.h>
#include <sys/personality.h>
#include <sys/sysinfo.h>
#include <sys/utsname.h>

using namespace twin;

namespace {

volatile sig_atomic_t g_alarms;
siginfo_t g_alarm_info;
void on_alarm(int, siginfo_t* info, void*) {
    g_alarm_info = *info;
    g_alarms = g_alarms + 1;
}
void catch_alarm(int signal) {
    struct sigaction action = {};
    action.sa_sigaction = on_alarm;
    action.sa_flags = SA_SIGINFO;
    CHECK_OK(sigaction(signal, &action, nullptr));
}
void burn_ms(int64_t ms) {
    const int64_t end = now_ns(CLOCK_PROCESS_CPUTIME_ID) + ms * 1000000;
    while (now_ns(CLOCK_PROCESS_CPUTIME_ID) < end) {}
}
long raw_clock(int clock, timespec* time) { return syscall(SYS_clock_gettime, clock, time); }

}  // namespace

TEST(timers, clocks_run_and_agree) {
    const int clock_list[] = {CLOCK_REALTIME, CLOCK_MONOTONIC, CLOCK_MONOTONIC_RAW, CLOCK_BOOTTIME, CLOCK_TAI, CLOCK_REALTIME_COARSE,
                      CLOCK_MONOTONIC_COARSE, CLOCK_PROCESS_CPUTIME_ID, CLOCK_THREAD_CPUTIME_ID};
    for (int clock : clock_list) {
        timespec by_library, by_trap, again;
        CHECK_OK(clock_gettime(clock, &by_library));
        CHECK_OK(raw_clock(clock, &by_trap));
        CHECK_OK(clock_gettime(clock, &again));
        const int64_t a = by_library.tv_sec * 1000000000L + by_library.tv_nsec;
        const int64_t b = by_trap.tv_sec * 1000000000L + by_trap.tv_nsec;
        CHECK(a <= b && b <= again.tv_sec * 1000000000L + again.tv_nsec);
        timespec resolution;
        CHECK_OK(clock_getres(clock, &resolution));
        CHECK_EQ(resolution.tv_sec, 0);
        CHECK(resolution.tv_nsec > 0);
    }
    int64_t before = now_ns();
    for (int i = 0; i < 10000; ++i) {
        const int64_t now = now_ns();
        CHECK(now >= before);
        before = now;
    }
    timespec time;
    CHECK_ERRNO(raw_clock(77, &time), EINVAL);
    CHECK_ERRNO(raw_clock(10, &time), EINVAL);
    CHECK_ERRNO(raw_clock(CLOCK_MONOTONIC, bad<timespec>()), EFAULT);
    CHECK_ERRNO(syscall(SYS_clock_settime, CLOCK_MONOTONIC, &time), EINVAL);
    timeval day;
    const time_t second = ::time(nullptr);
    CHECK_OK(gettimeofday(&day, nullptr));
    CHECK(second <= day.tv_sec && day.tv_sec <= ::time(nullptr) + 1);  // time() may lag behind by a tick
    CHECK(day.tv_sec > 1577836800);  // 2020
    CHECK_EQ(syscall(SYS_time, nullptr) - day.tv_sec >= 0, 1);
}
TEST(timers, cpu_clocks_count_work_only) {
    CHECK(a_sleep_costs_less(CLOCK_PROCESS_CPUTIME_ID, 50, 40));
    const int64_t middle = now_ns(CLOCK_THREAD_CPUTIME_ID), start = now_ns();
    while (now_ns() - start < 30000000) {}
    CHECK(now_ns(CLOCK_THREAD_CPUTIME_ID) > middle);
    clockid_t own;
    CHECK_EQ(clock_getcpuclockid(getpid(), &own), 0);
    CHECK(now_ns(own) > 0);
    CHECK_ERRNO(raw_clock((~0x3fffff << 3) | 2, nullptr), EINVAL);
}
TEST(timers, setting_needs_a_right) {
    CHECK_EXITED(run([] {
        become_user();
        timespec time;
        clock_gettime(CLOCK_REALTIME, &time);
        CHECK_ERRNO(clock_settime(CLOCK_REALTIME, &time), EPERM);
        timeval day = {};
        CHECK_ERRNO(syscall(SYS_settimeofday, &day, nullptr), EPERM);
        day.tv_usec = 1000000;
        CHECK_ERRNO(syscall(SYS_settimeofday, &day, nullptr), EINVAL);
    }), 0);
}
TEST(timers, sleeping) {
    timespec request = {0, 30000000}, left;
    int64_t before = now_ns();
    CHECK_OK(nanosleep(&request, &left));
    CHECK(now_ns() - before >= 30000000);
    request.tv_nsec = 1000000000;
    CHECK_ERRNO(nanosleep(&request, nullptr), EINVAL);
    request = {-1, 0};
    CHECK_ERRNO(nanosleep(&request, nullptr), EINVAL);
    CHECK_ERRNO(syscall(SYS_nanosleep, bad<timespec>(), nullptr), EFAULT);
    const int clock_list[] = {CLOCK_REALTIME, CLOCK_MONOTONIC, CLOCK_BOOTTIME};
    for (int clock : clock_list) {
        clock_gettime(clock, &request);
        before = now_ns();
        request.tv_nsec += 20000000;
        if (request.tv_nsec >= 1000000000) request.tv_nsec -= 1000000000, ++request.tv_sec;
        CHECK_EQ(clock_nanosleep(clock, TIMER_ABSTIME, &request, nullptr), 0);
        CHECK(now_ns() - before >= 15000000);
        CHECK_EQ(clock_nanosleep(clock, TIMER_ABSTIME, &request, nullptr), 0);  // has passed
    }
    CHECK_ERRNO(syscall(SYS_clock_nanosleep, CLOCK_THREAD_CPUTIME_ID, 0, &request, nullptr), EOPNOTSUPP);
    CHECK_ERRNO(syscall(SYS_clock_nanosleep, 77, 0, &request, nullptr), EINVAL);
}
TEST(timers, alarm_and_itimer_real) {
    catch_alarm(SIGALRM);
    const int64_t begun = now_ns();
    CHECK_EQ(alarm(1000), 0);
    const unsigned left = alarm(0);
    CHECK(left <= 1000 && left + (now_ns() - begun) / 1000000000 >= 999);
    itimerval timer = {{0, 20000}, {0, 10000}}, old;
    CHECK_OK(setitimer(ITIMER_REAL, &timer, nullptr));
    while (g_alarms < 3) pause();
    CHECK_OK(getitimer(ITIMER_REAL, &old));
    CHECK_EQ(old.it_interval.tv_usec, 20000);
    CHECK(old.it_value.tv_sec == 0 && old.it_value.tv_usec <= 20000 && old.it_value.tv_usec > 0);
    timer = {};
    CHECK_OK(setitimer(ITIMER_REAL, &timer, &old));
    CHECK_EQ(old.it_interval.tv_usec, 20000);
    CHECK_EQ(g_alarm_info.si_code, SI_KERNEL);
    CHECK_ERRNO(syscall(SYS_setitimer, 3, &timer, nullptr), EINVAL);
    CHECK_ERRNO(syscall(SYS_getitimer, 3, &old), EINVAL);
    timer.it_value.tv_usec = 1000000;
    CHECK_ERRNO(setitimer(ITIMER_REAL, &timer, nullptr), EINVAL);
}
TEST(timers, itimers_of_cpu_time) {
    catch_alarm(SIGPROF);
    catch_alarm(SIGVTALRM);
    const int which_list[] = {ITIMER_PROF, ITIMER_VIRTUAL};
    for (int which : which_list) {
        g_alarms = 0;
        itimerval timer = {{0, 0}, {0, 30000}};
        const int64_t before = now_ns(CLOCK_PROCESS_CPUTIME_ID);
        CHECK_OK(syscall(SYS_setitimer, which, &timer, nullptr));
        sleep_ms(60);
        CHECK(g_alarms == 0 || now_ns(CLOCK_PROCESS_CPUTIME_ID) - before >= 30000000);  // a host that stood still
        const int64_t end = now_ns() + 50000000000;
        while (g_alarms == 0 && now_ns() < end) {}
        CHECK_EQ(g_alarms, 1);
    }
}
TEST(timers, posix_timer_signals) {
    catch_alarm(SIGUSR1);
    sigevent event = {};
    event.sigev_notify = SIGEV_SIGNAL;
    event.sigev_signo = SIGUSR1;
    event.sigev_value.sival_int = 1234;
    const int clock_list[] = {CLOCK_REALTIME, CLOCK_MONOTONIC, CLOCK_BOOTTIME};
    for (int clock : clock_list) {
        timer_t timer;
        g_alarms = 0;
        CHECK_OK(timer_create(clock, &event, &timer));
        itimerspec setting = {{0, 0}, {0, 10000000}}, old;
        CHECK_OK(timer_settime(timer, 0, &setting, nullptr));
        CHECK_OK(timer_gettime(timer, &old));
        // On a busy host the ten milliseconds may be over already.
        CHECK((old.it_value.tv_nsec > 0 || g_alarms != 0) && old.it_value.tv_nsec <= 10000000);
        while (g_alarms == 0) usleep(1000);
        CHECK_EQ(g_alarm_info.si_code, SI_TIMER);
        CHECK_EQ(g_alarm_info.si_value.sival_int, 1234);
        CHECK_EQ(g_alarm_info.si_overrun, 0);
        CHECK_OK(timer_gettime(timer, &old));
        CHECK_EQ(old.it_value.tv_nsec + old.it_value.tv_sec, 0);
        CHECK_OK(timer_delete(timer));
        CHECK_ERRNO(syscall(SYS_timer_delete, 7777), EINVAL);
    }
}
TEST(timers, posix_timer_overruns) {
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGUSR1);
    sigprocmask(SIG_BLOCK, &set, nullptr);
    sigevent event = {};
    event.sigev_notify = SIGEV_SIGNAL;
    event.sigev_signo = SIGUSR1;
    timer_t timer;
    CHECK_OK(timer_create(CLOCK_MONOTONIC, &event, &timer));
    itimerspec setting = {{0, 5000000}, {0, 5000000}};
    CHECK_OK(timer_settime(timer, 0, &setting, nullptr));
    sleep_ms(100);
    siginfo_t info;
    CHECK_EQ(sigwaitinfo(&set, &info), SIGUSR1);
    CHECK(info.si_overrun >= 10 && info.si_overrun < 2000);
    CHECK_EQ(timer_getoverrun(timer), info.si_overrun);
    CHECK_EQ(sigwaitinfo(&set, &info), SIGUSR1);
    setting = {};
    CHECK_OK(timer_settime(timer, 0, &setting, nullptr));
    timespec soon = {0, 20000000};
    sigtimedwait(&set, &info, &soon);
    CHECK_ERRNO(sigtimedwait(&set, &info, &soon), EAGAIN);
    CHECK_OK(timer_delete(timer));
}
TEST(timers, posix_timer_of_cpu_time_and_none) {
    catch_alarm(SIGUSR1);
    sigevent event = {};
    event.sigev_notify = SIGEV_SIGNAL;
    event.sigev_signo = SIGUSR1;
    timer_t timer;
    CHECK_OK(timer_create(CLOCK_PROCESS_CPUTIME_ID, &event, &timer));
    itimerspec setting = {{0, 0}, {0, 20000000}}, now;
    CHECK_OK(timer_settime(timer, 0, &setting, nullptr));
    burn_ms(40);
    const int64_t end = now_ns() + 50000000000;
    while (g_alarms == 0 && now_ns() < end) {}
    CHECK_EQ(g_alarms, 1);
    event.sigev_notify = SIGEV_NONE;
    CHECK_OK(timer_create(CLOCK_MONOTONIC, &event, &timer));
    setting = {{0, 50000000}, {0, 10000000}};
    CHECK_OK(timer_settime(timer, 0, &setting, nullptr));
    sleep_ms(20);
    CHECK_OK(timer_gettime(timer, &now));
    CHECK(now.it_value.tv_nsec > 0 && now.it_value.tv_nsec <= 50000000);
    CHECK_EQ(g_alarms, 1);
    event.sigev_notify = 99;
    CHECK_ERRNO(timer_create(CLOCK_MONOTONIC, &event, &timer), EINVAL);
    event.sigev_notify = SIGEV_SIGNAL;
    event.sigev_signo = 0;
    CHECK_ERRNO(timer_create(CLOCK_MONOTONIC, &event, &timer), EINVAL);
    CHECK_ERRNO(syscall(SYS_timer_create, 77, nullptr, &timer), EINVAL);
}
TEST(timers, timers_do_not_cross_fork_but_exec) {
    catch_alarm(SIGALRM);
    alarm(100);
    CHECK_EXITED(run([] { CHECK_EQ(alarm(0), 0); }), 0);
    CHECK(alarm(0) > 90);
}

// ---- scheduling
TEST(timers, priorities) {
    CHECK_EQ(getpriority(PRIO_PROCESS, 0), 0);
    CHECK_OK(setpriority(PRIO_PROCESS, 0, 5));
    CHECK_EQ(getpriority(PRIO_PROCESS, getpid()), 5);
    CHECK_OK(setpriority(PRIO_PROCESS, 0, 100));
    CHECK_EQ(getpriority(PRIO_PROCESS, 0), 19);
    CHECK_ERRNO(setpriority(9, 0, 0), EINVAL);
    CHECK_ERRNO(getpriority(PRIO_PROCESS, 0x3fffff), ESRCH);
    CHECK_EXITED(run([] {
        CHECK_EQ(getpriority(PRIO_PROCESS, 0), 19);
        become_user();
        CHECK_ERRNO(setpriority(PRIO_PROCESS, 0, 3), EACCES);
        CHECK_ERRNO(setpriority(PRIO_PROCESS, 1, 19), EPERM);
    }), 0);
}
TEST(timers, policies) {
    CHECK_EQ(syscall(SYS_sched_getscheduler, 0), SCHED_OTHER);
    CHECK_EQ(sched_get_priority_max(SCHED_FIFO), 99);
    CHECK_EQ(sched_get_priority_min(SCHED_RR), 1);
    CHECK_EQ(sched_get_priority_max(SCHED_OTHER), 0);
    CHECK_ERRNO(sched_get_priority_max(77), EINVAL);
    int priority = 0;
    CHECK_OK(syscall(SYS_sched_setscheduler, 0, SCHED_BATCH, &priority));
    CHECK_EQ(syscall(SYS_sched_getscheduler, 0), SCHED_BATCH);
    priority = 5;
    CHECK_ERRNO(syscall(SYS_sched_setscheduler, 0, SCHED_OTHER, &priority), EINVAL);
    CHECK_ERRNO(syscall(SYS_sched_setscheduler, 0, 77, &priority), EINVAL);
    CHECK_ERRNO(syscall(SYS_sched_setscheduler, 0x3fffff, SCHED_FIFO, &priority), ESRCH);
    CHECK_ERRNO(syscall(SYS_sched_setscheduler, 0, SCHED_FIFO, nullptr), EINVAL);
    CHECK_EXITED(run([] {
        become_user();
        int one = 1;
        CHECK_ERRNO(syscall(SYS_sched_setscheduler, 0, SCHED_FIFO, &one), EPERM);
    }), 0);
    CHECK_OK(sched_yield());
}
TEST(timers, affinity) {
    cpu_set_t set;
    CHECK_OK(sched_getaffinity(0, sizeof(set), &set));
    CHECK(CPU_COUNT(&set) >= 1);
    int first = 0;
    while (!CPU_ISSET(first, &set)) ++first;
    CPU_ZERO(&set);
    CPU_SET(first, &set);
    CHECK_OK(sched_setaffinity(0, sizeof(set), &set));
    CHECK_EQ(sched_getcpu(), first);
    unsigned cpu, node;
    CHECK_OK(syscall(SYS_getcpu, &cpu, &node, nullptr));
    CHECK_EQ(cpu, (unsigned)first);
    CPU_ZERO(&set);
    CHECK_ERRNO(sched_setaffinity(0, sizeof(set), &set), EINVAL);
    CHECK_ERRNO(syscall(SYS_sched_getaffinity, 0, 4, &set), EINVAL);
    CHECK_ERRNO(sched_setaffinity(0x3fffff, sizeof(set), &set), ESRCH);
}
TEST(timers, membarriers) {
    const long all = syscall(SYS_membarrier, MEMBARRIER_CMD_QUERY, 0, 0);
    CHECK(all & MEMBARRIER_CMD_PRIVATE_EXPEDITED);
    CHECK_ERRNO(syscall(SYS_membarrier, MEMBARRIER_CMD_PRIVATE_EXPEDITED, 0, 0), EPERM);
    CHECK_OK(syscall(SYS_membarrier, MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED, 0, 0));
    CHECK_OK(syscall(SYS_membarrier, MEMBARRIER_CMD_PRIVATE_EXPEDITED, 0, 0));
    CHECK_ERRNO(syscall(SYS_membarrier, MEMBARRIER_CMD_GLOBAL, 77, 0), EINVAL);
}

// ---- the machine
TEST(timers, names_of_the_machine) {
    utsname name;
    CHECK_OK(uname(&name));
    CHECK_STR(name.sysname, "Linux");
    CHECK_STR(name.machine, "x86_64");
    CHECK(atoi(name.release) >= 5);
    CHECK_ERRNO(syscall(SYS_uname, bad<utsname>()), EFAULT);
    CHECK_EXITED(run([] {
        become_user();
        CHECK_ERRNO(sethostname("x", 1), EPERM);
        CHECK_ERRNO(syscall(SYS_reboot, LINUX_REBOOT_MAGIC1, LINUX_REBOOT_MAGIC2, LINUX_REBOOT_CMD_CAD_OFF, 0), EPERM);
    }), 0);
}
TEST(timers, sysinfo_is_plausible) {
    struct sysinfo info;
    CHECK_OK(sysinfo(&info));
    CHECK(info.totalram * info.mem_unit > (8 << 20));
    CHECK(info.freeram <= info.totalram);
    CHECK(info.uptime >= 0 && info.procs >= 1);
    CHECK_EQ(personality(0xffffffff), 0);
}
