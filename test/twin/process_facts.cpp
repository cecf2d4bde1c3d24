// SPDX-License-Identifier: MIT
//
// What a process says and sets of itself: sessions and groups, prctl(2), getrlimit(2), credentials(7), times(2).
#include "twin.h"

#include <grp.h>
#include <sched.h>
#include <sys/auxv.h>
#include <sys/prctl.h>
#include <sys/times.h>

using namespace twin;

TEST(sessions, setsid) {
    // The harness made this case a session leader.
    CHECK_ERRNO(setsid(), EPERM);
    CHECK_EQ(getsid(0), getpid());
    CHECK_EQ(getpgrp(), getpid());
    int status = run([] {
        if (setsid() != getpid()) _exit(1);
        _exit(getsid(0) == getpid() && getpgid(0) == getpid() ? 0 : 2);
    });
    CHECK_EXITED(status, 0);
}
TEST(sessions, setpgid_errors) {
    CHECK_ERRNO(setpgid(0, 0), EPERM);  // a session leader
    CHECK_ERRNO(setpgid(0, -1), EINVAL);
    CHECK_ERRNO(setpgid(1234567, 0), ESRCH);
    CHECK_ERRNO(getpgid(1234567), ESRCH);
    CHECK_ERRNO(getsid(1234567), ESRCH);
    CHECK_EXITED(run([] {
                     errno = 0;
                     _exit(setpgid(0, 1234567) == -1 && errno == EPERM ? 0 : 1);
                 }),
                 0);
}
TEST(sessions, not_after_exec) {
    int fds[2];
    CHECK_OK(pipe2(fds, O_CLOEXEC));
    pid_t child = start([] {
        char* arguments[] = {const_cast<char*>("self"), const_cast<char*>("--helper"), const_cast<char*>("sleeper"), nullptr};
        char* none[] = {nullptr};
        execve(self_path(), arguments, none);
    });
    close(fds[1]);
    char c;
    CHECK_EQ(read(fds[0], &c, 1), 0);  // exec closed the other end
    CHECK_ERRNO(setpgid(child, child), EACCES);
    kill(child, SIGKILL);
    status_of(child);
}
HELPER(sleeper) {
    sleep_ms(50000);
    return 0;
}
TEST(prctl, name) {
    CHECK_OK(prctl(PR_SET_NAME, "a-name-that-is-much-too-long"));
    char name[17] = {};
    CHECK_OK(prctl(PR_GET_NAME, name));
    CHECK_STR(name, "a-name-that-is-");
    CHECK_ERRNO(prctl(PR_SET_NAME, bad<char>()), EFAULT);
}
TEST(prctl, parent_death_signal) {
    int fds[2];
    CHECK_OK(pipe(fds));
    run([&] {
        pid_t grandchild = start([&] {
            prctl(PR_SET_PDEATHSIG, SIGKILL);
            char c = 'r';
            (void)!write(fds[1], &c, 1);
            close(fds[0]);
            sleep_ms(10000);
            (void)!write(fds[1], &c, 1);
        });
        (void)grandchild;
        char c;
        (void)!read(fds[0], &c, 1);
    });
    close(fds[1]);
    char c;
    CHECK_EQ(read(fds[0], &c, 1), 0);
    int signal = -1;
    CHECK_OK(prctl(PR_GET_PDEATHSIG, &signal));
    CHECK_EQ(signal, 0);
    CHECK_ERRNO(prctl(PR_SET_PDEATHSIG, 65), EINVAL);
}
TEST(prctl, unknown) { CHECK_ERRNO(prctl(99999, 0, 0, 0, 0), EINVAL); }
TEST(prctl, no_new_privileges) {
    CHECK_EQ(prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0), 0);
    CHECK_ERRNO(prctl(PR_SET_NO_NEW_PRIVS, 0, 0, 0, 0), EINVAL);
    CHECK_OK(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0));
    CHECK_EQ(prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0), 1);
}
TEST(rlimit, descriptors) {
    rlimit limit;
    CHECK_OK(getrlimit(RLIMIT_NOFILE, &limit));
    limit.rlim_cur = 10;
    CHECK_OK(setrlimit(RLIMIT_NOFILE, &limit));
    int fd;
    while ((fd = open("/dev/null", O_RDONLY)) >= 0) CHECK(fd < 10);
    CHECK(errno == EMFILE);
    CHECK_ERRNO(dup2(0, 10), EBADF);
    CHECK_ERRNO(fcntl(0, F_DUPFD, 10), EINVAL);
}
TEST(rlimit, errors) {
    rlimit limit = {10, 5};
    CHECK_ERRNO(setrlimit(RLIMIT_NOFILE, &limit), EINVAL);
    CHECK_ERRNO(syscall(SYS_getrlimit, 99, &limit), EINVAL);
    CHECK_ERRNO(syscall(SYS_getrlimit, RLIMIT_NOFILE, bad<rlimit>()), EFAULT);
    become_user();
    CHECK_OK(getrlimit(RLIMIT_NOFILE, &limit));
    limit.rlim_max += 1;
    CHECK_ERRNO(setrlimit(RLIMIT_NOFILE, &limit), EPERM);
}
TEST(rlimit, file_size) {
    rlimit limit = {100, 100};
    signal(SIGXFSZ, SIG_IGN);
    CHECK_OK(setrlimit(RLIMIT_FSIZE, &limit));
    int fd = open("f", O_CREAT | O_RDWR, 0600);
    char block[80] = {};
    CHECK_EQ(write(fd, block, 80), 80);
    CHECK_EQ(write(fd, block, 80), 20);
    CHECK_ERRNO(write(fd, block, 80), EFBIG);
    CHECK_ERRNO(ftruncate(fd, 200), EFBIG);
}
TEST(rlimit, address_space) {
    rlimit limit = {256 << 20, 256 << 20};
    CHECK_OK(setrlimit(RLIMIT_AS, &limit));
    CHECK_ERRNO(reinterpret_cast<long>(mmap(nullptr, 512 << 20, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0)), ENOMEM);
}
TEST(rlimit, prlimit_of_self) {
    rlimit old = {}, limit = {7, 9};
    CHECK_OK(syscall(SYS_prlimit64, 0, RLIMIT_CORE, &limit, &old));
    CHECK_OK(syscall(SYS_prlimit64, getpid(), RLIMIT_CORE, nullptr, &old));
    CHECK(old.rlim_cur == 7 && old.rlim_max == 9);
    CHECK_ERRNO(syscall(SYS_prlimit64, 1234567, RLIMIT_CORE, nullptr, &old), ESRCH);
}
TEST(credentials, become_somebody) {
    CHECK_OK(setresgid(5, 6, 7));
    CHECK_OK(setresuid(1, 2, 3));
    uid_t r, e, s;
    CHECK_OK(getresuid(&r, &e, &s));
    CHECK(r == 1 && e == 2 && s == 3);
    gid_t gr, ge, gs;
    CHECK_OK(getresgid(&gr, &ge, &gs));
    CHECK(gr == 5 && ge == 6 && gs == 7);
    CHECK_ERRNO(setuid(0), EPERM);
    CHECK_OK(seteuid(3));
    CHECK_EQ(geteuid(), 3);
}
TEST(credentials, groups) {
    gid_t groups[3] = {30, 10, 20}, got[8];
    CHECK_OK(setgroups(3, groups));
    CHECK_EQ(getgroups(0, nullptr), 3);
    CHECK_ERRNO(getgroups(2, got), EINVAL);
    CHECK_EQ(getgroups(8, got), 3);
    become_user();
    CHECK_ERRNO(setgroups(0, nullptr), EPERM);
}
TEST(credentials, access_by_real_user) {
    write_file("secret", "x", 0600);
    CHECK_OK(setresuid(1000, 0, 0));
    CHECK_ERRNO(access("secret", R_OK), EACCES);
    CHECK_OK(open("secret", O_RDONLY));
}
TEST(times, of_self_and_children) {
    int64_t end = now_ns() + 60000000;
    volatile int x = 0;
    while (now_ns() < end) x = x + 1;
    tms t = {};
    CHECK(times(&t) != -1);
    CHECK(t.tms_utime + t.tms_stime >= 1);
    rusage usage = {};
    CHECK_OK(getrusage(RUSAGE_SELF, &usage));
    CHECK(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec + usage.ru_utime.tv_sec > 0);
    CHECK_ERRNO(getrusage(static_cast<decltype(RUSAGE_SELF)>(55), &usage), EINVAL);
}
