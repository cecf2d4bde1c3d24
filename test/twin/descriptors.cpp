// SPDX-License-Identifier: MIT
//
// dup(2), fcntl(2), flock(2), record locks, close_range(2), ioctl(2) on files.
#include "twin.h"

#include <sys/file.h>
#include <sys/ioctl.h>

using namespace twin;

namespace {

int make(const char* name, int flags = O_RDWR | O_CREAT) {
    int fd = open(name, flags, 0644);
    CHECK_OK(fd);
    return fd;
}
int lock(int fd, int command, short type, off_t from, off_t length) {
    struct flock l = {};
    l.l_type = type;
    l.l_whence = SEEK_SET;
    l.l_start = from;
    l.l_len = length;
    return fcntl(fd, command, &l);
}
// What F_GETLK reports to another process about a write lock there.
struct flock probe(int fd, off_t from, off_t length) {
    struct flock l = {};
    l.l_type = F_WRLCK;
    l.l_whence = SEEK_SET;
    l.l_start = from;
    l.l_len = length;
    CHECK_OK(fcntl(fd, F_GETLK, &l));
    return l;
}
constexpr int kOfdGetLk = 36, kOfdSetLk = 37, kOfdSetLkW = 38;

}  // namespace

TEST(descriptors, dup_takes_the_lowest) {
    int a = make("f"), b = make("g");
    close(a);
    CHECK_EQ(dup(b), a);
    CHECK_ERRNO(dup(-1), EBADF);
    CHECK_ERRNO(dup(600), EBADF);
}
TEST(descriptors, dup2_closes_the_target) {
    int fds[2];
    CHECK_OK(pipe(fds));
    int f = make("f");
    CHECK_EQ(dup2(f, fds[1]), fds[1]);
    char c;
    CHECK_EQ(read(fds[0], &c, 1), 0);  // the last writer is gone
    CHECK_EQ(dup2(f, f), f);
    CHECK_ERRNO(dup2(700, f), EBADF);
    CHECK_ERRNO(dup2(f, -1), EBADF);
    CHECK_ERRNO(dup2(700, 700), EBADF);
    CHECK_ERRNO(dup2(f, 100000000), EBADF);
}
TEST(descriptors, dup3_flags) {
    int f = make("f");
    CHECK_EQ(dup3(f, 100, O_CLOEXEC), 100);
    CHECK_EQ(fcntl(100, F_GETFD), FD_CLOEXEC);
    CHECK_ERRNO(dup3(f, f, 0), EINVAL);
    CHECK_ERRNO(syscall(SYS_dup3, f, 101, O_APPEND), EINVAL);
}
TEST(descriptors, dup_clears_CLOEXEC) {
    int f = make("f", O_RDWR | O_CREAT | O_CLOEXEC);
    CHECK_EQ(fcntl(f, F_GETFD), FD_CLOEXEC);
    CHECK_EQ(fcntl(dup(f), F_GETFD), 0);
}
TEST(descriptors, F_DUPFD_honours_the_minimum) {
    int f = make("f");
    CHECK_EQ(fcntl(f, F_DUPFD, 50), 50);
    CHECK_EQ(fcntl(f, F_DUPFD_CLOEXEC, 50), 51);
    CHECK_EQ(fcntl(51, F_GETFD), FD_CLOEXEC);
    CHECK_ERRNO(fcntl(f, F_DUPFD, -1), EINVAL);
    rlimit limit = {60, 60};
    CHECK_OK(setrlimit(RLIMIT_NOFILE, &limit));
    CHECK_ERRNO(fcntl(f, F_DUPFD, 60), EINVAL);
    CHECK_EQ(fcntl(f, F_DUPFD, 59), 59);
    CHECK_ERRNO(fcntl(f, F_DUPFD, 59), EMFILE);
}
TEST(descriptors, F_GETFL_reports_the_flags) {
    int f = make("f", O_RDWR | O_CREAT | O_APPEND | O_EXCL | O_TRUNC | O_NONBLOCK);
    int flags = fcntl(f, F_GETFL);
    CHECK_EQ(flags & O_ACCMODE, O_RDWR);
    CHECK_EQ(flags & (O_APPEND | O_NONBLOCK), O_APPEND | O_NONBLOCK);
    CHECK_EQ(flags & (O_CREAT | O_EXCL | O_TRUNC), 0);
}
TEST(descriptors, F_SETFL_changes_only_what_may_change) {
    int f = make("f");
    CHECK_OK(fcntl(f, F_SETFL, O_NONBLOCK | O_WRONLY | O_CREAT));
    CHECK_EQ(fcntl(f, F_GETFL) & (O_ACCMODE | O_NONBLOCK | O_CREAT), O_RDWR | O_NONBLOCK);
    CHECK_OK(fcntl(f, F_SETFL, 0));
    CHECK_EQ(fcntl(f, F_GETFL) & O_NONBLOCK, 0);
}
TEST(descriptors, status_flags_are_shared_descriptor_flags_are_not) {
    int f = make("f"), g = dup(f);
    CHECK_OK(fcntl(f, F_SETFL, O_APPEND));
    CHECK_EQ(fcntl(g, F_GETFL) & O_APPEND, O_APPEND);
    CHECK_OK(fcntl(f, F_SETFD, FD_CLOEXEC));
    CHECK_EQ(fcntl(g, F_GETFD), 0);
}
TEST(descriptors, fcntl_errors) {
    CHECK_ERRNO(fcntl(-1, F_GETFD), EBADF);
    CHECK_ERRNO(fcntl(0, 9999), EINVAL);
    int f = make("f");
    CHECK_ERRNO(syscall(SYS_fcntl, f, F_GETLK, bad<void>()), EFAULT);
}
TEST(descriptors, close_range_closes_and_marks) {
    int f = make("f");
    for (int i = 100; i < 110; ++i) CHECK_EQ(dup2(f, i), i);
    CHECK_OK(syscall(SYS_close_range, 100, 104, 0));
    CHECK_ERRNO(fcntl(104, F_GETFD), EBADF);
    CHECK_OK(fcntl(105, F_GETFD));
    CHECK_OK(syscall(SYS_close_range, 105, 200, 4));  // CLOSE_RANGE_CLOEXEC
    CHECK_EQ(fcntl(109, F_GETFD), FD_CLOEXEC);
    CHECK_ERRNO(syscall(SYS_close_range, 5, 4, 0), EINVAL);
    CHECK_ERRNO(syscall(SYS_close_range, 5, 6, 0x100), EINVAL);
}
TEST(descriptors, FIOCLEX_FIONCLEX_FIONBIO) {
    int f = make("f");
    CHECK_OK(ioctl(f, FIOCLEX));
    CHECK_EQ(fcntl(f, F_GETFD), FD_CLOEXEC);
    CHECK_OK(ioctl(f, FIONCLEX));
    CHECK_EQ(fcntl(f, F_GETFD), 0);
    int on = 1;
    CHECK_OK(ioctl(f, FIONBIO, &on));
    CHECK_EQ(fcntl(f, F_GETFL) & O_NONBLOCK, O_NONBLOCK);
}
TEST(descriptors, ioctl_errors) {
    int f = make("f");
    int n;
    CHECK_ERRNO(ioctl(f, TCGETS, &n), ENOTTY);
    CHECK_ERRNO(ioctl(f, 0xdeadbeef, &n), ENOTTY);
    CHECK_ERRNO(ioctl(-1, FIONREAD, &n), EBADF);
}
TEST(descriptors, FIONREAD_of_a_file_is_what_is_left) {
    write_file("f", "0123456789");
    int f = open("f", O_RDONLY), n = -1;
    CHECK_EQ(lseek(f, 4, SEEK_SET), 4);
    CHECK_OK(ioctl(f, FIONREAD, &n));
    CHECK_EQ(n, 6);
}
TEST(descriptors, flock_excludes_other_descriptions) {
    int a = make("f"), b = make("f");
    CHECK_OK(flock(a, LOCK_EX));
    CHECK_ERRNO(flock(b, LOCK_EX | LOCK_NB), EAGAIN);
    CHECK_ERRNO(flock(b, LOCK_SH | LOCK_NB), EAGAIN);
    CHECK_OK(flock(dup(a), LOCK_EX | LOCK_NB));
    CHECK_OK(flock(a, LOCK_UN));
    CHECK_OK(flock(b, LOCK_EX | LOCK_NB));
}
TEST(descriptors, flock_shared_and_conversion) {
    int a = make("f"), b = make("f");
    CHECK_OK(flock(a, LOCK_SH));
    CHECK_OK(flock(b, LOCK_SH | LOCK_NB));
    CHECK_ERRNO(flock(a, LOCK_EX | LOCK_NB), EAGAIN);
    close(b);
    CHECK_OK(flock(a, LOCK_EX | LOCK_NB));
}
TEST(descriptors, flock_goes_with_the_last_close) {
    int a = make("f"), b = make("f");
    CHECK_OK(flock(a, LOCK_EX));
    int copy = dup(a);
    close(a);
    CHECK_ERRNO(flock(b, LOCK_EX | LOCK_NB), EAGAIN);
    close(copy);
    CHECK_OK(flock(b, LOCK_EX | LOCK_NB));
}
TEST(descriptors, flock_blocks_until_unlocked) {
    int a = make("f");
    CHECK_OK(flock(a, LOCK_EX));
    pid_t child = start([] {
        int b = open("f", O_RDWR);
        CHECK_OK(flock(b, LOCK_EX));
        write_file("got", "x");
    });
    wait_until_asleep(child);
    CHECK_ERRNO(access("got", F_OK), ENOENT);
    CHECK_OK(flock(a, LOCK_UN));
    CHECK_EXITED(status_of(child), 0);
}
TEST(descriptors, flock_errors) {
    CHECK_ERRNO(flock(-1, LOCK_EX), EBADF);
    int a = make("f");
    CHECK_ERRNO(flock(a, 0x55), EINVAL);
}
TEST(descriptors, record_locks_between_processes) {
    int fd = make("f");
    CHECK_OK(lock(fd, F_SETLK, F_WRLCK, 0, 10));
    pid_t parent = getpid();
    CHECK_EXITED(run([&] {
                     struct flock seen = probe(fd, 5, 10);
                     CHECK_EQ(seen.l_type, F_WRLCK);
                     CHECK_EQ(seen.l_start, 0);
                     CHECK_EQ(seen.l_len, 10);
                     CHECK_EQ(seen.l_pid, parent);
                     CHECK_ERRNO(lock(fd, F_SETLK, F_RDLCK, 9, 1), EAGAIN);
                     CHECK_OK(lock(fd, F_SETLK, F_WRLCK, 10, 5));
                 }),
                 0);
}
TEST(descriptors, record_locks_split_and_merge) {
    int fd = make("f");
    CHECK_OK(lock(fd, F_SETLK, F_WRLCK, 0, 100));
    CHECK_OK(lock(fd, F_SETLK, F_UNLCK, 40, 20));
    CHECK_EXITED(run([&] {
                     CHECK_EQ(probe(fd, 40, 20).l_type, F_UNLCK);
                     struct flock left = probe(fd, 0, 100);
                     CHECK_EQ(left.l_start, 0);
                     CHECK_EQ(left.l_len, 40);
                     struct flock right = probe(fd, 50, 100);
                     CHECK_EQ(right.l_start, 60);
                     CHECK_EQ(right.l_len, 40);
                 }),
                 0);
    CHECK_OK(lock(fd, F_SETLK, F_WRLCK, 40, 20));
    CHECK_EXITED(run([&] { CHECK_EQ(probe(fd, 0, 1).l_len, 100); }), 0);
}
TEST(descriptors, record_lock_to_the_end_and_beyond) {
    int fd = make("f");
    CHECK_OK(lock(fd, F_SETLK, F_WRLCK, 50, 0));
    CHECK_EXITED(run([&] {
                     CHECK_EQ(probe(fd, 1000000, 1).l_type, F_WRLCK);
                     CHECK_EQ(probe(fd, 0, 50).l_type, F_UNLCK);
                 }),
                 0);
}
TEST(descriptors, record_locks_go_with_any_close_of_the_file) {
    int fd = make("f"), other = make("f");
    CHECK_OK(lock(fd, F_SETLK, F_WRLCK, 0, 10));
    close(other);
    CHECK_EXITED(run([&] { CHECK_EQ(probe(fd, 0, 10).l_type, F_UNLCK); }), 0);
}
TEST(descriptors, record_locks_are_not_inherited) {
    int fd = make("f");
    CHECK_OK(lock(fd, F_SETLK, F_WRLCK, 0, 10));
    CHECK_EXITED(run([&] {
                     CHECK_OK(lock(fd, F_SETLK, F_UNLCK, 0, 10));
                     CHECK_ERRNO(lock(fd, F_SETLK, F_WRLCK, 0, 10), EAGAIN);
                 }),
                 0);
}
TEST(descriptors, record_locks_go_with_the_process) {
    int fd = make("f");
    CHECK_EXITED(run([&] { CHECK_OK(lock(fd, F_SETLK, F_WRLCK, 0, 10)); }), 0);
    CHECK_OK(lock(fd, F_SETLK, F_WRLCK, 0, 10));
}
TEST(descriptors, F_SETLKW_waits) {
    int fd = make("f");
    CHECK_OK(lock(fd, F_SETLK, F_WRLCK, 0, 10));
    pid_t child = start([&] { CHECK_OK(lock(fd, F_SETLKW, F_WRLCK, 0, 10)); });
    wait_until_asleep(child);
    CHECK_OK(lock(fd, F_SETLK, F_UNLCK, 0, 10));
    CHECK_EXITED(status_of(child), 0);
}
TEST(descriptors, F_SETLKW_finds_deadlocks) {
    int fd = make("f"), fds[2];
    CHECK_OK(pipe(fds));
    CHECK_OK(lock(fd, F_SETLK, F_WRLCK, 0, 1));
    pid_t child = start([&] {
        CHECK_OK(lock(fd, F_SETLK, F_WRLCK, 1, 1));
        CHECK_EQ(write(fds[1], "x", 1), 1);
        CHECK_OK(lock(fd, F_SETLKW, F_WRLCK, 0, 1));
    });
    char c;
    CHECK_EQ(read(fds[0], &c, 1), 1);
    wait_until_asleep(child);
    CHECK_ERRNO(lock(fd, F_SETLKW, F_WRLCK, 1, 1), EDEADLK);
    CHECK_OK(lock(fd, F_SETLK, F_UNLCK, 0, 1));
    CHECK_EXITED(status_of(child), 0);
}
TEST(descriptors, F_SETLKW_is_interrupted_by_signals) {
    int fd = make("f");
    CHECK_OK(lock(fd, F_SETLK, F_WRLCK, 0, 1));
    pid_t child = start([&] {
        struct sigaction action = {};
        action.sa_handler = [](int) {};
        sigaction(SIGUSR1, &action, nullptr);
        CHECK_ERRNO(lock(fd, F_SETLKW, F_WRLCK, 0, 1), EINTR);
    });
    wait_until_asleep(child);
    kill(child, SIGUSR1);
    CHECK_EXITED(status_of(child), 0);
}
TEST(descriptors, record_lock_errors) {
    int ro = make("f", O_RDONLY | O_CREAT), wo = make("g", O_WRONLY | O_CREAT);
    CHECK_ERRNO(lock(ro, F_SETLK, F_WRLCK, 0, 1), EBADF);
    CHECK_ERRNO(lock(wo, F_SETLK, F_RDLCK, 0, 1), EBADF);
    CHECK_ERRNO(lock(ro, F_SETLK, 99, 0, 1), EINVAL);
    CHECK_ERRNO(lock(ro, F_SETLK, F_RDLCK, -5, 1), EINVAL);
}
TEST(descriptors, open_file_description_locks) {
    int a = make("f"), b = make("f");
    CHECK_OK(lock(a, kOfdSetLk, F_WRLCK, 0, 10));
    CHECK_ERRNO(lock(b, kOfdSetLk, F_WRLCK, 5, 10), EAGAIN);
    struct flock seen = {};
    seen.l_type = F_WRLCK;
    CHECK_OK(fcntl(b, kOfdGetLk, &seen));
    CHECK_EQ(seen.l_type, F_WRLCK);
    CHECK_EQ(seen.l_pid, -1);
    CHECK_EXITED(run([&] { CHECK_OK(lock(a, kOfdSetLkW, F_WRLCK, 0, 20)); }), 0);
    close(a);
    CHECK_OK(lock(b, kOfdSetLk, F_WRLCK, 0, 10));
}
TEST(descriptors, descriptors_are_copied_by_fork) {
    int fd = make("f");
    CHECK_EXITED(run([&] { CHECK_OK(close(fd)); }), 0);
    CHECK_OK(fcntl(fd, F_GETFD));
}
TEST(descriptors, F_SETOWN_and_F_GETOWN) {
    int fds[2];
    CHECK_OK(pipe(fds));
    CHECK_OK(fcntl(fds[0], F_SETOWN, getpid()));
    CHECK_EQ(fcntl(fds[0], F_GETOWN), getpid());
}
