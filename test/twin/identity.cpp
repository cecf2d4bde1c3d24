// SPDX-License-Identifier: MIT
//
// Who one is and what one may: credentials(7), capabilities(7), setpgid(2), setsid(2), getrlimit(2), prctl(2).
#include "twin.h"

#include <grp.h>
#include <linux/capability.h>
#include <sched.h>
#include <sys/prctl.h>
#include <sys/times.h>

using namespace twin;

namespace {

struct Ids {
    uid_t real, effective, saved;
};
Ids uids() {
    Ids ids;
    CHECK_OK(getresuid(&ids.real, &ids.effective, &ids.saved));
    return ids;
}
Ids gids() {
    Ids ids;
    CHECK_OK(getresgid(&ids.real, &ids.effective, &ids.saved));
    return ids;
}
#define CHECK_IDS(ids, r, e, s)           \
    do {                                  \
        const Ids twin_ids = ids;         \
        CHECK_EQ(twin_ids.real, r);       \
        CHECK_EQ(twin_ids.effective, e);  \
        CHECK_EQ(twin_ids.saved, s);      \
    } while (0)

struct Capabilities {
    uint64_t effective, permitted, inheritable;
};
Capabilities capabilities() {
    __user_cap_header_struct header = {_LINUX_CAPABILITY_VERSION_3, 0};
    __user_cap_data_struct data[2];
    CHECK_OK(syscall(SYS_capget, &header, data));
    return {data[0].effective | uint64_t{data[1].effective} << 32, data[0].permitted | uint64_t{data[1].permitted} << 32,
            data[0].inheritable | uint64_t{data[1].inheritable} << 32};
}
long set_capabilities(const Capabilities& wanted) {
    __user_cap_header_struct header = {_LINUX_CAPABILITY_VERSION_3, 0};
    __user_cap_data_struct data[2] = {
        {uint32_t(wanted.effective), uint32_t(wanted.permitted), uint32_t(wanted.inheritable)},
        {uint32_t(wanted.effective >> 32), uint32_t(wanted.permitted >> 32), uint32_t(wanted.inheritable >> 32)}};
    return syscall(SYS_capset, &header, data);
}
// The C library changes the ids of all threads; these calls change the caller's as such.
long raw_setuid(uid_t uid) { return syscall(SYS_setuid, uid); }

void need_root() {
    if (geteuid() != 0) SKIP("needs root");
}

}  // namespace

// ---- user and group ids
TEST(ids, root_gives_itself_up) {
    need_root();
    CHECK_OK(raw_setuid(1000));
    CHECK_IDS(uids(), 1000, 1000, 1000);
    CHECK_ERRNO(raw_setuid(0), EPERM);
    CHECK_OK(raw_setuid(1000));
    CHECK_EQ(capabilities().effective, 0);
    CHECK_EQ(capabilities().permitted, 0);
}
TEST(ids, setresuid_moves_each) {
    need_root();
    CHECK_OK(setresuid(1, 2, 3));
    CHECK_IDS(uids(), 1, 2, 3);
    CHECK_OK(setresuid(-1, 3, -1));
    CHECK_IDS(uids(), 1, 3, 3);
    CHECK_ERRNO(setresuid(-1, 5, -1), EPERM);
    CHECK_OK(setresuid(3, 1, 1));
    CHECK_IDS(uids(), 3, 1, 1);
}
TEST(ids, setresgid_moves_each) {
    need_root();
    CHECK_OK(setresgid(1, 2, 3));
    CHECK_IDS(gids(), 1, 2, 3);
    CHECK_OK(setresuid(9, 9, 9));
    CHECK_ERRNO(setresgid(7, -1, -1), EPERM);
    CHECK_OK(setresgid(3, 3, -1));
    CHECK_IDS(gids(), 3, 3, 3);
}
TEST(ids, setreuid_sets_the_saved_one) {
    need_root();
    CHECK_OK(setreuid(1, 2));
    CHECK_IDS(uids(), 1, 2, 2);
    CHECK_OK(setreuid(2, 1));
    CHECK_IDS(uids(), 2, 1, 1);
    CHECK_ERRNO(setreuid(0, -1), EPERM);
}
TEST(ids, setuid_of_a_user_keeps_the_saved_one) {
    need_root();
    CHECK_OK(setresuid(1, 2, 3));
    CHECK_OK(raw_setuid(3));
    CHECK_IDS(uids(), 1, 3, 3);
    CHECK_OK(raw_setuid(1));
    CHECK_IDS(uids(), 1, 1, 3);
    CHECK_ERRNO(raw_setuid(2), EPERM);
}
TEST(ids, setfsuid_tells_what_was) {
    need_root();
    CHECK_EQ(syscall(SYS_setfsuid, 5), 0);
    CHECK_EQ(syscall(SYS_setfsuid, -1), 5);
    CHECK_EQ(syscall(SYS_setfsgid, 6), 0);
    CHECK_EQ(syscall(SYS_setfsgid, -1), 6);
    const int fd = open("made", O_CREAT | O_WRONLY, 0600);
    if (fd >= 0) {
        struct stat status;
        CHECK_OK(fstat(fd, &status));
        CHECK_EQ(status.st_uid, 5);
        CHECK_EQ(status.st_gid, 6);
    }
}
TEST(ids, groups) {
    need_root();
    const gid_t wanted[] = {30, 10, 20};
    CHECK_OK(setgroups(3, wanted));
    CHECK_EQ(getgroups(0, nullptr), 3);
    gid_t got[3];
    CHECK_ERRNO(getgroups(2, got), EINVAL);
    CHECK_ERRNO(syscall(SYS_getgroups, -1, got), EINVAL);
    CHECK_EQ(getgroups(3, got), 3);
    CHECK_EQ(got[0] + got[1] + got[2], 60);
    CHECK_ERRNO(syscall(SYS_setgroups, 65537, wanted), EINVAL);
    CHECK_ERRNO(syscall(SYS_setgroups, 2, bad<gid_t>()), EFAULT);
    become_user();
    CHECK_ERRNO(setgroups(0, nullptr), EPERM);
}
TEST(ids, bad_addresses) {
    CHECK_ERRNO(syscall(SYS_getresuid, bad<uid_t>(), 0, 0), EFAULT);
    CHECK_ERRNO(raw_setuid(-1), EINVAL);
    CHECK_ERRNO(syscall(SYS_setgid, -1), EINVAL);
}

// ---- capabilities
TEST(capabilities, versions) {
    __user_cap_header_struct header = {0x12345678, 0};
    CHECK_EQ(syscall(SYS_capget, &header, nullptr), 0);
    CHECK_EQ(header.version, _LINUX_CAPABILITY_VERSION_3);
    header.version = 0;
    __user_cap_data_struct data[2];
    CHECK_ERRNO(syscall(SYS_capget, &header, data), EINVAL);
    header = {_LINUX_CAPABILITY_VERSION_3, 0x7fffff};
    CHECK_ERRNO(syscall(SYS_capget, &header, data), ESRCH);
    CHECK_ERRNO(syscall(SYS_capget, bad<void>(), data), EFAULT);
}
TEST(capabilities, can_be_dropped_not_gained) {
    need_root();
    Capabilities now = capabilities();
    const uint64_t chown = uint64_t{1} << CAP_CHOWN;
    CHECK((now.permitted & chown) != 0);
    now.effective &= ~chown;
    CHECK_OK(set_capabilities(now));
    now.effective |= chown;
    CHECK_OK(set_capabilities(now));  // still permitted
    now.effective &= ~chown;
    now.permitted &= ~chown;
    CHECK_OK(set_capabilities(now));
    now.permitted |= chown;
    CHECK_ERRNO(set_capabilities(now), EPERM);
    now.permitted &= ~chown;
    now.effective |= chown;
    CHECK_ERRNO(set_capabilities(now), EPERM);
}
TEST(capabilities, keep_caps_keeps_the_permitted) {
    need_root();
    const uint64_t permitted = capabilities().permitted;
    CHECK_EQ(prctl(PR_GET_KEEPCAPS), 0);
    CHECK_OK(prctl(PR_SET_KEEPCAPS, 1));
    CHECK_EQ(prctl(PR_GET_KEEPCAPS), 1);
    CHECK_ERRNO(prctl(PR_SET_KEEPCAPS, 2), EINVAL);
    CHECK_OK(raw_setuid(1000));
    CHECK_EQ(capabilities().permitted, permitted);
    CHECK_EQ(capabilities().effective, 0);
}
TEST(capabilities, bounding_set_only_shrinks) {
    need_root();
    if (prctl(PR_CAPBSET_READ, CAP_SYS_TTY_CONFIG) == 0) SKIP("the machine has no such capability");
    CHECK_OK(prctl(PR_CAPBSET_DROP, CAP_SYS_TTY_CONFIG));
    CHECK_EQ(prctl(PR_CAPBSET_READ, CAP_SYS_TTY_CONFIG), 0);
    CHECK_ERRNO(prctl(PR_CAPBSET_READ, 63), EINVAL);
}
TEST(capabilities, ambient_needs_inheritable) {
    need_root();
    CHECK_ERRNO(prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, CAP_CHOWN, 0, 0), EPERM);
    Capabilities now = capabilities();
    now.inheritable |= uint64_t{1} << CAP_CHOWN;
    CHECK_OK(set_capabilities(now));
    CHECK_OK(prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, CAP_CHOWN, 0, 0));
    CHECK_EQ(prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_IS_SET, CAP_CHOWN, 0, 0), 1);
    CHECK_OK(prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0));
    CHECK_EQ(prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_IS_SET, CAP_CHOWN, 0, 0), 0);
}
TEST(capabilities, a_set_user_id_program_changes_the_effective_id) {
    need_root();
    // A copy of this binary, owned by another user, with the bit.
    const int from = open(self_path(), O_RDONLY), to = open("suid", O_CREAT | O_WRONLY, 0755);
    char buffer[65536];
    for (ssize_t got; (got = read(from, buffer, sizeof(buffer))) > 0;) CHECK_EQ(write(to, buffer, got), got);
    CHECK_OK(fchown(to, 1234, 0));
    CHECK_OK(fchmod(to, 04755));
    close(to);
    CHECK_EXITED(run([] {
                     execl("./suid", "x", "--helper", "effective_is_1234", nullptr);
                     _exit(errno);
                 }),
                 0);
    CHECK_EXITED(run([] {
                     CHECK_OK(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0));
                     execl("./suid", "x", "--helper", "effective_is_1234", nullptr);
                     _exit(errno);
                 }),
                 1);
}
HELPER(effective_is_1234) {
    return geteuid() == 1234 && getuid() == 0 && uids().saved == 1234 ? 0 : 1;
}

// ---- groups of processes and sessions
TEST(groups, a_case_leads_its_session) {
    CHECK_EQ(getsid(0), getpid());
    CHECK_EQ(getpgrp(), getpid());
    CHECK_EQ(getpgid(0), getpid());
    CHECK_ERRNO(setsid(), EPERM);
    CHECK_ERRNO(setpgid(0, 0), EPERM);
}
TEST(groups, children_move) {
    const pid_t child = start([] { pause(); });
    CHECK_EQ(getpgid(child), getpid());
    CHECK_OK(setpgid(child, 0));
    CHECK_EQ(getpgid(child), child);
    CHECK_EQ(getsid(child), getpid());
    const pid_t other = start([] { pause(); });
    CHECK_OK(setpgid(other, child));
    CHECK_EQ(getpgid(other), child);
    CHECK_OK(setpgid(other, getpid()));
    CHECK_ERRNO(setpgid(other, 0x7ffffff), EPERM);
    CHECK_ERRNO(setpgid(other, -1), EINVAL);
    CHECK_ERRNO(setpgid(getppid(), 0), ESRCH);
    kill(child, SIGKILL);
    kill(other, SIGKILL);
    CHECK_KILLED(status_of(child), SIGKILL);
    CHECK_KILLED(status_of(other), SIGKILL);
    CHECK_ERRNO(getpgid(child), ESRCH);
    CHECK_ERRNO(getsid(child), ESRCH);
}
TEST(groups, a_group_outlives_its_leader) {
    const pid_t leader = start([] { pause(); });
    CHECK_OK(setpgid(leader, leader));
    const pid_t member = start([] { pause(); });
    CHECK_OK(setpgid(member, leader));
    kill(leader, SIGKILL);
    CHECK_KILLED(status_of(leader), SIGKILL);
    CHECK_EQ(getpgid(member), leader);
    CHECK_OK(kill(-leader, SIGTERM));
    CHECK_KILLED(status_of(member), SIGTERM);
    CHECK_ERRNO(kill(-leader, 0), ESRCH);
}
TEST(groups, not_after_exec) {
    int fds[2];
    CHECK_OK(pipe2(fds, O_CLOEXEC));
    const pid_t child = start([] { execl(self_path(), "x", "--helper", "wait_for_death", nullptr); });
    close(fds[1]);
    char c;
    CHECK_EQ(read(fds[0], &c, 1), 0);  // closed by the exec
    CHECK_ERRNO(setpgid(child, child), EACCES);
    kill(child, SIGKILL);
    CHECK_KILLED(status_of(child), SIGKILL);
}
HELPER(wait_for_death) {
    for (;;) pause();
}
TEST(groups, setsid_leaves_the_group) {
    CHECK_EXITED(run([] {
                     CHECK_EQ(setsid(), getpid());
                     CHECK_EQ(getsid(0), getpid());
                     CHECK_EQ(getpgrp(), getpid());
                     CHECK_ERRNO(open("/dev/tty", O_RDWR), ENXIO);
                 }),
                 0);
}
TEST(groups, of_another_session_is_refused) {
    int fds[2];
    CHECK_OK(pipe(fds));
    const pid_t child = start([&] {
        setsid();
        CHECK_EQ(write(fds[1], "x", 1), 1);
        pause();
    });
    char c;
    CHECK_EQ(read(fds[0], &c, 1), 1);
    CHECK_ERRNO(setpgid(child, getpid()), EPERM);
    CHECK_EXITED(run([&] { CHECK_ERRNO(setpgid(0, child), EPERM); }), 0);
    kill(child, SIGKILL);
    CHECK_KILLED(status_of(child), SIGKILL);
}

// ---- limits and accounts
TEST(limits, are_read_and_set) {
    struct rlimit limit;
    CHECK_OK(getrlimit(RLIMIT_CORE, &limit));
    limit.rlim_cur = 0;
    CHECK_OK(setrlimit(RLIMIT_CORE, &limit));
    limit.rlim_cur = limit.rlim_max == RLIM_INFINITY ? 5 : limit.rlim_max;
    struct rlimit old;
    CHECK_OK(syscall(SYS_prlimit64, 0, RLIMIT_CORE, &limit, &old));
    CHECK_EQ(old.rlim_cur, 0);
    CHECK_OK(getrlimit(RLIMIT_CORE, &old));
    CHECK_EQ(old.rlim_cur, limit.rlim_cur);
    CHECK_EXITED(run([&] {
                     struct rlimit inherited;
                     getrlimit(RLIMIT_CORE, &inherited);
                     _exit(inherited.rlim_cur == limit.rlim_cur ? 0 : 1);
                 }),
                 0);
}
TEST(limits, errors) {
    struct rlimit limit = {2, 1};
    CHECK_ERRNO(setrlimit(RLIMIT_CORE, &limit), EINVAL);
    CHECK_ERRNO(syscall(SYS_getrlimit, 16, &limit), EINVAL);
    CHECK_ERRNO(syscall(SYS_getrlimit, RLIMIT_CORE, bad<void>()), EFAULT);
    CHECK_ERRNO(syscall(SYS_prlimit64, 0x7ffffff, RLIMIT_CORE, nullptr, &limit), ESRCH);
    become_user();
    CHECK_OK(getrlimit(RLIMIT_NOFILE, &limit));
    if (limit.rlim_max > 10) {
        limit.rlim_cur = limit.rlim_max = 10;
        CHECK_OK(setrlimit(RLIMIT_NOFILE, &limit));
    }
    limit.rlim_max = 11;
    CHECK_ERRNO(setrlimit(RLIMIT_NOFILE, &limit), EPERM);
}
TEST(limits, descriptors) {
    struct rlimit limit;
    CHECK_OK(getrlimit(RLIMIT_NOFILE, &limit));
    limit.rlim_cur = 20;
    CHECK_OK(setrlimit(RLIMIT_NOFILE, &limit));
    int last = -1;
    for (int fd; (fd = dup(0)) >= 0;) last = fd;
    CHECK_ERRNO(dup(0), EMFILE);
    CHECK_EQ(last, 19);
}
TEST(limits, processes_of_a_user) {
    need_root();
    become_user(54321, 54321);
    struct rlimit limit = {5, 5};
    CHECK_OK(setrlimit(RLIMIT_NPROC, &limit));
    int made = 0;
    pid_t last;
    while (made < 20 && (last = fork()) > 0) ++made;
    if (last == 0) {
        pause();
        _exit(0);
    }
    CHECK_EQ(last, -1);
    CHECK_ERRNO(fork(), EAGAIN);
    CHECK_EQ(made, 4);  // and we ourselves
}
TEST(limits, file_size) {
    struct rlimit limit = {10, RLIM_INFINITY};
    CHECK_OK(setrlimit(RLIMIT_FSIZE, &limit));
    signal(SIGXFSZ, SIG_IGN);
    const int fd = open("f", O_CREAT | O_RDWR, 0600);
    CHECK_EQ(write(fd, "0123456789ab", 12), 10);
    CHECK_ERRNO(write(fd, "x", 1), EFBIG);
}
TEST(accounts, times_and_usage) {
    const int64_t end_ns = now_ns(CLOCK_PROCESS_CPUTIME_ID) + 40'000'000;
    while (now_ns(CLOCK_PROCESS_CPUTIME_ID) < end_ns) {
    }
    struct rusage usage;
    CHECK_OK(getrusage(RUSAGE_SELF, &usage));
    const long used_us = usage.ru_utime.tv_sec * 1000000 + usage.ru_utime.tv_usec + usage.ru_stime.tv_sec * 1000000 +
                         usage.ru_stime.tv_usec;
    CHECK(used_us >= 30'000);
    CHECK(usage.ru_maxrss > 0);
    CHECK_OK(getrusage(RUSAGE_THREAD, &usage));
    CHECK_ERRNO(syscall(SYS_getrusage, 5, &usage), EINVAL);
    CHECK_ERRNO(syscall(SYS_getrusage, 0, bad<void>()), EFAULT);
    struct tms ticks;
    CHECK(times(&ticks) != static_cast<clock_t>(-1));
    CHECK(ticks.tms_utime + ticks.tms_stime >= 3);
}

// ---- prctl
TEST(prctl, name) {
    CHECK_OK(prctl(PR_SET_NAME, "a name of more than fifteen"));
    char name[20] = {};
    CHECK_OK(prctl(PR_GET_NAME, name));
    CHECK_STR(name, "a name of more ");
    CHECK_ERRNO(prctl(PR_SET_NAME, bad<char>()), EFAULT);
}
TEST(prctl, dumpable_and_death_signal) {
    CHECK_EQ(prctl(PR_GET_DUMPABLE), 1);
    CHECK_OK(prctl(PR_SET_DUMPABLE, 0));
    CHECK_EQ(prctl(PR_GET_DUMPABLE), 0);
    CHECK_ERRNO(prctl(PR_SET_DUMPABLE, 2), EINVAL);
    int number = -1;
    CHECK_OK(prctl(PR_SET_PDEATHSIG, SIGHUP));
    CHECK_OK(prctl(PR_GET_PDEATHSIG, &number));
    CHECK_EQ(number, SIGHUP);
    CHECK_ERRNO(prctl(PR_SET_PDEATHSIG, 65), EINVAL);
    CHECK_EXITED(run([] {
                     int inherited = -1;
                     prctl(PR_GET_PDEATHSIG, &inherited);
                     _exit(inherited);
                 }),
                 0);
}
TEST(prctl, no_new_privileges) {
    CHECK_EQ(prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0), 0);
    CHECK_ERRNO(prctl(PR_SET_NO_NEW_PRIVS, 0, 0, 0, 0), EINVAL);
    CHECK_OK(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0));
    CHECK_EQ(prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0), 1);
    CHECK_EXITED(run([] { _exit(prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0)); }), 1);
}
TEST(prctl, timer_slack) {
    CHECK_OK(prctl(PR_SET_TIMERSLACK, 1234));
    CHECK_EQ(prctl(PR_GET_TIMERSLACK), 1234);
}
TEST(prctl, unknown_options) { CHECK_ERRNO(prctl(0x7fffff), EINVAL); }
TEST(arch_prctl, bases) {
    unsigned long base = 0, gs = 0;
    CHECK_OK(syscall(SYS_arch_prctl, 0x1003 /* ARCH_GET_FS */, &base));
    CHECK(base != 0);
    CHECK_OK(syscall(SYS_arch_prctl, 0x1001 /* ARCH_SET_GS */, 0x1234000));
    CHECK_OK(syscall(SYS_arch_prctl, 0x1004 /* ARCH_GET_GS */, &gs));
    CHECK_EQ(gs, 0x1234000);
    sched_yield();
    CHECK_OK(syscall(SYS_arch_prctl, 0x1004, &gs));
    CHECK_EQ(gs, 0x1234000);
    CHECK_ERRNO(syscall(SYS_arch_prctl, 0x1002, 0xffff800000000000), EPERM);
    CHECK_ERRNO(syscall(SYS_arch_prctl, 0x9999, 0), EINVAL);
}
