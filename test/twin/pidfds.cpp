// SPDX-License-Identifier: MIT
//
// Processes held by descriptors: pidfd_open(2), pidfd_send_signal(2) with its scopes, pidfd_getfd(2), and the finer points of
// waitid(2). Left out: PIDFD_THREAD.
#include "twin.h"

#include <pthread.h>

using namespace twin;

namespace {

constexpr pid_t kNobody = 4194303;
constexpr long kSendSignal = 424, kOpen = 434, kGetFd = 438;
constexpr int kPidfd = 3;  // P_PIDFD
constexpr unsigned kToThread = 1, kToThreadGroup = 2, kToProcessGroup = 4;

int open_pidfd(pid_t pid, unsigned flags = 0) { return static_cast<int>(syscall(kOpen, pid, flags)); }
long send(int pidfd, int signal, void* info = nullptr, unsigned flags = 0) {
    return syscall(kSendSignal, pidfd, signal, info, flags);
}
long wait_for(int type, long id, siginfo_t* info, int options) { return syscall(SYS_waitid, type, id, info, options, nullptr); }

}  // namespace

TEST(pidfd, open) {
    const pid_t child = start([] { pause(); });
    CHECK_ERRNO(open_pidfd(0), EINVAL);
    CHECK_ERRNO(open_pidfd(-1), EINVAL);
    CHECK_ERRNO(open_pidfd(child, 1), EINVAL);
    CHECK_ERRNO(open_pidfd(0, 1), EINVAL);
    CHECK_ERRNO(open_pidfd(kNobody), ESRCH);
    const int fd = open_pidfd(child);
    CHECK_OK(fd);
    CHECK_EQ(fcntl(fd, F_GETFD), FD_CLOEXEC);
    CHECK_EQ(fcntl(fd, F_GETFL) & O_NONBLOCK, 0);
    char c;
    CHECK_ERRNO(read(fd, &c, 1), EINVAL);
    CHECK_ERRNO(write(fd, &c, 1), EINVAL);
    pollfd item = {fd, POLLIN, 0};
    CHECK_EQ(poll(&item, 1, 0), 0);
    CHECK_OK(kill(child, SIGKILL));
    CHECK_EQ(poll(&item, 1, 50000), 1);
    CHECK_EQ(item.revents, POLLIN);
    const int zombie = open_pidfd(child);  // not waited for yet
    CHECK_OK(zombie);
    CHECK_KILLED(status_of(child), SIGKILL);
    CHECK_ERRNO(open_pidfd(child), ESRCH);
    CHECK_ERRNO(send(fd, 0), ESRCH);
    const int ready = open_pidfd(getpid(), O_NONBLOCK);
    CHECK_OK(ready);
    CHECK_EQ(fcntl(ready, F_GETFL) & O_NONBLOCK, O_NONBLOCK);
}
TEST(pidfd, of_a_thread_is_refused) {
    static volatile pid_t tid;
    static int ends[2], back[2];
    CHECK_OK(pipe(ends));
    CHECK_OK(pipe(back));
    pthread_t thread;
    CHECK_EQ(pthread_create(&thread, nullptr,
                            [](void*) -> void* {
                                tid = static_cast<pid_t>(syscall(SYS_gettid));
                                char c = 'x';
                                CHECK_EQ(write(back[1], &c, 1), 1);
                                CHECK_EQ(read(ends[0], &c, 1), 1);
                                return nullptr;
                            },
                            nullptr),
             0);
    char c;
    CHECK_EQ(read(back[0], &c, 1), 1);
    errno = 0;
    CHECK(open_pidfd(tid) == -1 && (errno == EINVAL || errno == ENOENT));  // ENOENT since Linux 6.15
    CHECK_EQ(write(ends[1], "x", 1), 1);
    CHECK_EQ(pthread_join(thread, nullptr), 0);
}
TEST(pidfd, signals_in_scopes) {
    int alive[2];  // open for writing as long as one of the group lives
    CHECK_OK(pipe(alive));
    const pid_t child = start([] {
        setpgid(0, 0);
        start([] { pause(); });
        pause();
    });
    close(alive[1]);
    wait_until_asleep(child);
    const int fd = open_pidfd(child);
    CHECK_OK(send(fd, 0));
    CHECK_OK(send(fd, 0, nullptr, kToThread));
    CHECK_OK(send(fd, 0, nullptr, kToThreadGroup));
    CHECK_OK(send(fd, 0, nullptr, kToProcessGroup));
    CHECK_ERRNO(send(fd, 0, nullptr, kToThread | kToProcessGroup), EINVAL);
    CHECK_ERRNO(send(fd, 0, nullptr, 8), EINVAL);
    CHECK_ERRNO(send(fd, 65), EINVAL);
    CHECK_ERRNO(send(-1, 0), EBADF);
    CHECK_ERRNO(send(-1, 0, nullptr, 8), EINVAL);
    write_file("f", "");
    CHECK_ERRNO(send(open("f", O_RDONLY), 0), EBADF);
    CHECK_ERRNO(send(fd, SIGTERM, bad<void>()), EFAULT);
    siginfo_t info = {};
    info.si_signo = SIGUSR1;
    info.si_code = SI_QUEUE;
    CHECK_ERRNO(send(fd, SIGTERM, &info), EINVAL);  // another signal than the information says
    info.si_signo = SIGTERM;
    info.si_code = SI_USER;
    CHECK_ERRNO(send(fd, SIGTERM, &info), EPERM);
    CHECK_EXITED(run([=] {
                     become_user();
                     CHECK_ERRNO(send(fd, SIGTERM), EPERM);
                 }),
                 0);
    CHECK_OK(send(fd, SIGTERM, nullptr, kToProcessGroup));
    CHECK_KILLED(status_of(child), SIGTERM);
    char c;
    CHECK_EQ(read(alive[0], &c, 1), 0);  // the grandchild died of it as well
}
TEST(pidfd, a_signal_to_the_thread_stays_with_it) {
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGUSR1);
    sigprocmask(SIG_BLOCK, &set, nullptr);
    const int fd = open_pidfd(getpid());
    static uint64_t seen[2];
    const auto look = [](void* where) -> void* {
        CHECK_OK(syscall(SYS_rt_sigpending, where, 8));
        return nullptr;
    };
    pthread_t thread;
    CHECK_OK(send(fd, SIGUSR1, nullptr, kToThread));
    CHECK_EQ(pthread_create(&thread, nullptr, look, &seen[0]), 0);
    CHECK_EQ(pthread_join(thread, nullptr), 0);
    CHECK_OK(send(fd, SIGUSR1, nullptr, kToThreadGroup));
    CHECK_EQ(pthread_create(&thread, nullptr, look, &seen[1]), 0);
    CHECK_EQ(pthread_join(thread, nullptr), 0);
    CHECK_EQ(seen[0], 0);
    CHECK_EQ(seen[1], uint64_t{1} << (SIGUSR1 - 1));
}
TEST(pidfd, descriptors_of_others) {
    int ends[2];
    CHECK_OK(pipe(ends));
    const pid_t child = start([] { pause(); });
    const int fd = open_pidfd(child);
    const int copy = static_cast<int>(syscall(kGetFd, fd, ends[1], 0));
    CHECK_OK(copy);
    CHECK_EQ(fcntl(copy, F_GETFD), FD_CLOEXEC);
    CHECK_EQ(write(copy, "x", 1), 1);
    CHECK_ERRNO(syscall(kGetFd, fd, 700, 0), EBADF);
    CHECK_ERRNO(syscall(kGetFd, fd, -1, 0), EBADF);
    CHECK_ERRNO(syscall(kGetFd, fd, ends[0], 1), EINVAL);
    CHECK_ERRNO(syscall(kGetFd, -1, ends[0], 0), EBADF);
    CHECK_ERRNO(syscall(kGetFd, ends[0], ends[0], 0), EBADF);
    CHECK_EXITED(run([=] {
                     become_user();
                     CHECK_ERRNO(syscall(kGetFd, fd, ends[0], 0), EPERM);
                 }),
                 0);
    CHECK_OK(kill(child, SIGKILL));
    CHECK_KILLED(status_of(child), SIGKILL);
    CHECK_ERRNO(syscall(kGetFd, fd, ends[0], 0), ESRCH);
}

// ---- waitid
TEST(waitid, by_descriptor) {
    int gate[2];
    CHECK_OK(pipe(gate));
    const pid_t child = start([&] {
        char c;
        [[maybe_unused]] const ssize_t got = read(gate[0], &c, 1);
        _exit(7);
    });
    const int fd = open_pidfd(child), impatient = open_pidfd(child, O_NONBLOCK);
    siginfo_t info = {};
    CHECK_ERRNO(wait_for(kPidfd, impatient, &info, WEXITED), EAGAIN);
    CHECK_EQ(wait_for(kPidfd, fd, &info, WEXITED | WNOHANG), 0);
    CHECK_EQ(info.si_pid, 0);
    CHECK_EQ(write(gate[1], "x", 1), 1);
    CHECK_EQ(wait_for(kPidfd, fd, &info, WEXITED | WNOWAIT), 0);
    CHECK_EQ(info.si_pid, child);
    CHECK_EQ(info.si_code, CLD_EXITED);
    CHECK_EQ(info.si_status, 7);
    CHECK_EQ(wait_for(kPidfd, impatient, nullptr, WEXITED), 0);
    CHECK_ERRNO(wait_for(kPidfd, fd, &info, WEXITED), ECHILD);
    CHECK_ERRNO(wait_for(kPidfd, -1, &info, WEXITED), EINVAL);
    CHECK_ERRNO(wait_for(kPidfd, 700, &info, WEXITED), EBADF);
    CHECK_ERRNO(wait_for(kPidfd, gate[0], &info, WEXITED), EBADF);
    CHECK_ERRNO(wait_for(kPidfd, open_pidfd(getppid()), &info, WEXITED), ECHILD);
}
TEST(waitid, errors) {
    siginfo_t info;
    CHECK_ERRNO(wait_for(P_PID, 0, &info, WEXITED), EINVAL);
    CHECK_ERRNO(wait_for(P_PID, -1, &info, WEXITED), EINVAL);
    CHECK_ERRNO(wait_for(P_PGID, -1, &info, WEXITED), EINVAL);
    CHECK_ERRNO(wait_for(P_PGID, 0, &info, WEXITED), ECHILD);
    CHECK_ERRNO(wait_for(P_ALL, 0, &info, WNOHANG), EINVAL);
    CHECK_ERRNO(wait_for(P_ALL, 0, &info, WEXITED | 0x100), EINVAL);
    CHECK_ERRNO(wait_for(99, 0, &info, 0), EINVAL);
    CHECK_ERRNO(syscall(SYS_wait4, INT32_MIN, nullptr, 0, nullptr), ESRCH);
    CHECK_ERRNO(syscall(SYS_wait4, -1, nullptr, WEXITED, nullptr), EINVAL);
    CHECK_ERRNO(syscall(SYS_wait4, -1, nullptr, 0, nullptr), ECHILD);
    const pid_t child = start([] { _exit(3); });
    CHECK_ERRNO(wait_for(P_PID, child, bad<siginfo_t>(), WEXITED), EFAULT);
    CHECK_ERRNO(wait_for(P_PID, child, &info, WEXITED), ECHILD);  // it is gone all the same
    const pid_t own = start([] {
        setpgid(0, 0);
        pause();
    });
    setpgid(own, own);
    CHECK_OK(kill(own, SIGTERM));
    struct rusage usage;
    memset(&usage, 0xee, sizeof usage);
    CHECK_EQ(syscall(SYS_waitid, P_PGID, own, &info, WEXITED, &usage), 0);
    CHECK_EQ(info.si_status, SIGTERM);
    CHECK(usage.ru_utime.tv_sec < 1000);
}
TEST(waitid, children_that_are_no_ordinary_ones) {
    signal(SIGUSR1, SIG_IGN);
    // With another exit signal than SIGCHLD a child is waited for by those only who ask.
    const pid_t child = static_cast<pid_t>(syscall(SYS_clone, SIGUSR1, 0, 0, 0, 0));
    if (child == 0) _exit(5);
    CHECK_OK(child);
    siginfo_t info;
    CHECK_ERRNO(wait_for(P_PID, child, &info, WEXITED), ECHILD);
    CHECK_EQ(wait_for(P_PID, child, &info, WEXITED | __WCLONE | WNOWAIT), 0);
    CHECK_EQ(syscall(SYS_wait4, child, nullptr, __WALL, nullptr), child);
    const pid_t plain = start([] { _exit(6); });
    CHECK_ERRNO(wait_for(P_PID, plain, &info, WEXITED | __WCLONE), ECHILD);
    CHECK_EQ(wait_for(P_PID, plain, &info, WEXITED), 0);
    CHECK_EQ(info.si_status, 6);
}
