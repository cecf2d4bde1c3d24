// SPDX-License-Identifier: MIT
//
// Where signals come from and where they go beside handlers: kill(2), tgkill(2), alarm(2), setitimer(2), timer_create(2), SIGCHLD,
// signalfd(2).
#include "signal_helpers.h"

#include <sys/signalfd.h>

using namespace twin;

TEST(kill, errors) {
    CHECK_ERRNO(kill(getpid(), 65), EINVAL);
    CHECK_ERRNO(kill(getpid(), -1), EINVAL);
    CHECK_ERRNO(kill(1234567, 0), ESRCH);
    CHECK_OK(kill(getpid(), 0));
    CHECK_ERRNO(syscall(SYS_tgkill, getpid(), 1234567, 0), ESRCH);
    CHECK_ERRNO(syscall(SYS_tgkill, -1, getpid(), 0), EINVAL);
    CHECK_ERRNO(syscall(SYS_tkill, -1, 0), EINVAL);
    pid_t child = start([] { pause(); });
    become_user();
    CHECK_ERRNO(kill(child, SIGTERM), EPERM);
}
TEST(kill, group) {
    int fds[2];
    CHECK_OK(pipe(fds));
    pid_t leader = start([] {
        setpgid(0, 0);
        start([] { pause(); });
        pause();
    });
    setpgid(leader, leader);
    sleep_ms(50);
    CHECK_OK(kill(-leader, SIGTERM));
    CHECK_KILLED(status_of(leader), SIGTERM);
    CHECK_ERRNO(kill(-1234567, 0), ESRCH);
}
TEST(kill, zombie_can_be_signalled) {
    pid_t child = start([] {});
    wait_for_state(child, "Z");
    CHECK_OK(kill(child, 0));
    CHECK_OK(kill(child, SIGTERM));
    CHECK_EXITED(status_of(child), 0);
    CHECK_ERRNO(kill(child, 0), ESRCH);
}
TEST(kill, sigchld_tells) {
    on_info(SIGCHLD, keep_info);
    pid_t child = start([] { _exit(3); });
    while (g_count == 0) sleep_ms(1);
    CHECK(g_info.si_code == CLD_EXITED && g_info.si_pid == child);
    status_of(child);
}
TEST(timers, alarm) {
    on(SIGALRM, count);
    block(SIGALRM);
    const int64_t begun = now_ns();
    CHECK_EQ(alarm(1000), 0);
    const unsigned left = alarm(1);
    CHECK(left <= 1000 && left + (now_ns() - begun) / 1000000000 >= 999);
    sigset_t none;
    sigemptyset(&none);
    CHECK_ERRNO(sigsuspend(&none), EINTR);
    CHECK(g_count == 1 && g_last == SIGALRM);
}
TEST(timers, itimer_real_repeats) {
    on(SIGALRM, count);
    itimerval timer = {{0, 10000}, {0, 10000}}, got = {};
    CHECK_OK(setitimer(ITIMER_REAL, &timer, nullptr));
    while (g_count < 3) pause();
    CHECK_OK(getitimer(ITIMER_REAL, &got));
    CHECK_EQ(got.it_interval.tv_usec, 10000);
    CHECK_ERRNO(setitimer(static_cast<decltype(ITIMER_REAL)>(7), &timer, nullptr), EINVAL);
    timer.it_value.tv_usec = 1000000;
    CHECK_ERRNO(setitimer(ITIMER_REAL, &timer, nullptr), EINVAL);
}
TEST(timers, itimer_virtual_counts_cpu_time) {
    on(SIGVTALRM, count);
    itimerval timer = {{0, 0}, {0, 20000}};
    const int64_t before = now_ns(CLOCK_PROCESS_CPUTIME_ID);
    CHECK_OK(setitimer(ITIMER_VIRTUAL, &timer, nullptr));
    sleep_ms(60);
    // A host that stands still on our way to sleep gives us CPU time that we did not have.
    CHECK(g_count == 0 || now_ns(CLOCK_PROCESS_CPUTIME_ID) - before >= 20000000);
    int64_t end = now_ns() + 50000000000;
    volatile int x = 0;
    while (g_count == 0 && now_ns() < end)
        for (int i = 0; i < 100000; ++i) x = x + 1;
    CHECK_EQ(g_count, 1);
}
TEST(timers, posix_timer) {
    on_info(SIGRTMIN, keep_info);
    sigevent event = {};
    event.sigev_notify = SIGEV_SIGNAL;
    event.sigev_signo = SIGRTMIN;
    event.sigev_value.sival_int = 99;
    int id = -1;
    CHECK_OK(syscall(SYS_timer_create, CLOCK_MONOTONIC, &event, &id));
    itimerspec spec = {{0, 0}, {0, 10000000}};
    CHECK_OK(syscall(SYS_timer_settime, id, 0, &spec, nullptr));
    while (g_count == 0) pause();
    CHECK(g_info.si_code == SI_TIMER && g_info.si_value.sival_int == 99);
    CHECK_EQ(syscall(SYS_timer_getoverrun, id), 0);
    CHECK_OK(syscall(SYS_timer_delete, id));
    CHECK_ERRNO(syscall(SYS_timer_delete, id), EINVAL);
    CHECK_ERRNO(syscall(SYS_timer_create, 99, &event, &id), EINVAL);
}
TEST(signalfd, reads_signals) {
    block(SIGUSR1, SIGCHLD);
    sigset_t set = set_of(SIGUSR1);
    int fd = signalfd(-1, &set, SFD_NONBLOCK);
    CHECK_OK(fd);
    signalfd_siginfo info;
    CHECK_ERRNO(read(fd, &info, sizeof(info)), EAGAIN);
    CHECK_ERRNO(read(fd, &info, 10), EINVAL);
    raise(SIGUSR1);
    pollfd p = {fd, POLLIN, 0};
    CHECK_EQ(poll(&p, 1, 0), 1);
    CHECK_EQ(read(fd, &info, sizeof(info)), static_cast<int>(sizeof(info)));
    CHECK(info.ssi_signo == SIGUSR1 && info.ssi_pid == static_cast<uint32_t>(getpid()));
}
