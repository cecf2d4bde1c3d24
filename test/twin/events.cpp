// SPDX-License-Identifier: MIT
//
// eventfd(2), timerfd_create(2), signalfd(2), memfd_create(2) with its seals, getrandom(2).
#include "twin.h"

#include <sys/eventfd.h>
#include <sys/random.h>
#include <sys/signalfd.h>
#include <sys/timerfd.h>

using namespace twin;

namespace {

constexpr int kAddSeals = 1033, kGetSeals = 1034, kSealSeal = 1, kSealShrink = 2, kSealGrow = 4,
              kSealWrite = 8, kSealFutureWrite = 16;

short ready(int fd, short events = POLLIN | POLLOUT) {
    pollfd entry = {fd, events, 0};
    CHECK(poll(&entry, 1, 0) >= 0);
    return entry.revents;
}
uint64_t take(int fd) {
    uint64_t value = 0;
    CHECK_EQ(read(fd, &value, sizeof(value)), 8);
    return value;
}
void put(int fd, uint64_t value) {
    CHECK_EQ(write(fd, &value, sizeof(value)), 8);
}
int make_memfd(const char* name, unsigned flags) {
    return static_cast<int>(syscall(SYS_memfd_create, name, flags));
}

}  // namespace

TEST(eventfd, counts_until_it_is_read) {
    int fd = eventfd(3, EFD_NONBLOCK);
    CHECK_OK(fd);
    put(fd, 4);
    CHECK_EQ(ready(fd), POLLIN | POLLOUT);
    CHECK_EQ(take(fd), 7);
    uint64_t value;
    CHECK_ERRNO(read(fd, &value, 8), EAGAIN);
    CHECK_EQ(ready(fd), POLLOUT);
}
TEST(eventfd, semaphore_gives_one_at_a_time) {
    int fd = eventfd(2, EFD_NONBLOCK | EFD_SEMAPHORE);
    CHECK_EQ(take(fd), 1);
    CHECK_EQ(take(fd), 1);
    uint64_t value;
    CHECK_ERRNO(read(fd, &value, 8), EAGAIN);
}
TEST(eventfd, is_full_one_below_the_end) {
    int fd = eventfd(0, EFD_NONBLOCK);
    uint64_t value = UINT64_MAX;
    CHECK_ERRNO(write(fd, &value, 8), EINVAL);
    put(fd, UINT64_MAX - 1);
    CHECK_EQ(ready(fd), POLLIN);
    value = 1;
    CHECK_ERRNO(write(fd, &value, 8), EAGAIN);
    put(fd, 0);
    CHECK_EQ(take(fd), UINT64_MAX - 1);
}
TEST(eventfd, wants_eight_bytes) {
    int fd = eventfd(1, EFD_NONBLOCK);
    char bytes[16] = {};
    CHECK_ERRNO(read(fd, bytes, 7), EINVAL);
    CHECK_ERRNO(write(fd, bytes, 7), EINVAL);
    CHECK_EQ(read(fd, bytes, 16), 8);
    CHECK_ERRNO(write(fd, bytes, 16), EINVAL);
    CHECK_ERRNO(read(fd, kernel_address<char>(), 8), EFAULT);
    CHECK_EQ(lseek(fd, 5, SEEK_SET), 0);
    CHECK_ERRNO(eventfd(0, 0x100), EINVAL);
}
TEST(eventfd, reader_sleeps_until_a_write) {
    int fd = eventfd(0, 0);
    pid_t child = start([&] { CHECK_EQ(take(fd), 5); });
    wait_until_asleep(child);
    put(fd, 5);
    CHECK_EXITED(status_of(child), 0);
}
TEST(eventfd, writer_sleeps_until_there_is_room) {
    int fd = eventfd(0, 0);
    put(fd, UINT64_MAX - 1);
    pid_t child = start([&] { put(fd, 2); });
    wait_until_asleep(child);
    CHECK_EQ(take(fd), UINT64_MAX - 1);
    CHECK_EXITED(status_of(child), 0);
    CHECK_EQ(take(fd), 2);
}

TEST(timerfd, fires_once) {
    int fd = timerfd_create(CLOCK_MONOTONIC, 0);
    CHECK_OK(fd);
    itimerspec when = {{0, 0}, {0, 20000000}}, now;
    int64_t before = now_ns();
    CHECK_OK(timerfd_settime(fd, 0, &when, nullptr));
    CHECK_OK(timerfd_gettime(fd, &now));
    // On a busy host the twenty milliseconds may be over already.
    CHECK(now.it_value.tv_nsec > 0 || now_ns() - before >= 20000000);
    CHECK(now.it_value.tv_sec == 0 && now.it_value.tv_nsec <= 20000000);
    CHECK_EQ(take(fd), 1);
    CHECK(now_ns() - before >= 20000000);
    CHECK_OK(timerfd_gettime(fd, &now));
    CHECK(now.it_value.tv_sec == 0 && now.it_value.tv_nsec == 0);
    CHECK_EQ(ready(fd, POLLIN), 0);
}
TEST(timerfd, counts_the_periods_missed) {
    int fd = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK);
    itimerspec when = {{0, 2000000}, {0, 2000000}}, old;
    CHECK_OK(timerfd_settime(fd, 0, &when, nullptr));
    sleep_ms(50);
    CHECK_EQ(ready(fd, POLLIN), POLLIN);
    CHECK(take(fd) >= 24);
    itimerspec stop = {};
    CHECK_OK(timerfd_settime(fd, 0, &stop, &old));
    CHECK_EQ(old.it_interval.tv_nsec, 2000000);
    uint64_t value;
    CHECK_ERRNO(read(fd, &value, 8), EAGAIN);
}
TEST(timerfd, absolute_times_of_the_past_fire_at_once) {
    const clockid_t clocks[] = {CLOCK_MONOTONIC, CLOCK_REALTIME, CLOCK_BOOTTIME};
    for (clockid_t clock : clocks) {
        int fd = timerfd_create(clock, 0);
        itimerspec when = {{0, 0}, {0, 1}};
        CHECK_OK(timerfd_settime(fd, TFD_TIMER_ABSTIME, &when, nullptr));
        CHECK_EQ(take(fd), 1);
        timespec now;
        clock_gettime(clock, &now);
        when.it_value = {now.tv_sec, now.tv_nsec};
        when.it_value.tv_nsec += 10000000;
        if (when.it_value.tv_nsec >= 1000000000) {
            when.it_value.tv_nsec -= 1000000000;
            ++when.it_value.tv_sec;
        }
        CHECK_OK(timerfd_settime(fd, TFD_TIMER_ABSTIME, &when, nullptr));
        CHECK_EQ(take(fd), 1);
        CHECK(now_ns(clock) >= when.it_value.tv_sec * 1000000000L + when.it_value.tv_nsec);
        close(fd);
    }
}
TEST(timerfd, tiny_periods_do_no_harm) {
    int fd = timerfd_create(CLOCK_MONOTONIC, 0);
    itimerspec when = {{0, 1}, {0, 1}};
    CHECK_OK(timerfd_settime(fd, 0, &when, nullptr));
    sleep_ms(5);
    CHECK(take(fd) >= 5000000);
}
TEST(timerfd, errors) {
    CHECK_ERRNO(timerfd_create(77, 0), EINVAL);
    CHECK_ERRNO(timerfd_create(CLOCK_MONOTONIC, 1), EINVAL);
    CHECK_ERRNO(timerfd_create(CLOCK_PROCESS_CPUTIME_ID, 0), EINVAL);
    int fd = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK);
    itimerspec when = {{0, 0}, {0, 1000000000}};
    CHECK_ERRNO(timerfd_settime(fd, 0, &when, nullptr), EINVAL);
    when.it_value = {-1, 0};
    CHECK_ERRNO(timerfd_settime(fd, 0, &when, nullptr), EINVAL);
    when.it_value = {1, 0};
    CHECK_ERRNO(timerfd_settime(fd, 8, &when, nullptr), EINVAL);
    CHECK_ERRNO(timerfd_settime(fd, 0, kernel_address<itimerspec>(), nullptr), EFAULT);
    CHECK_ERRNO(timerfd_settime(0x7fff, 0, &when, nullptr), EBADF);
    CHECK_ERRNO(timerfd_settime(eventfd(0, 0), 0, &when, nullptr), EINVAL);
    uint64_t value;
    CHECK_ERRNO(write(fd, &value, 8), EINVAL);
    CHECK_ERRNO(read(fd, &value, 4), EINVAL);
}

TEST(signalfd, reads_what_is_pending) {
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGUSR1);
    sigaddset(&set, SIGUSR2);
    sigprocmask(SIG_BLOCK, &set, nullptr);
    int fd = signalfd(-1, &set, SFD_NONBLOCK);
    CHECK_OK(fd);
    signalfd_siginfo info[3] = {};
    CHECK_ERRNO(read(fd, info, sizeof(info)), EAGAIN);
    CHECK_EQ(ready(fd, POLLIN), 0);
    kill(getpid(), SIGUSR2);
    sigval value;
    value.sival_int = 42;
    sigqueue(getpid(), SIGUSR1, value);
    CHECK_EQ(ready(fd, POLLIN), POLLIN);
    CHECK_EQ(read(fd, info, sizeof(info)), 256);
    CHECK_EQ(info[0].ssi_signo, SIGUSR1);
    CHECK_EQ(info[0].ssi_int, 42);
    CHECK_EQ(info[0].ssi_code, SI_QUEUE);
    CHECK_EQ(info[1].ssi_signo, SIGUSR2);
    CHECK_EQ(info[1].ssi_pid, getpid());
    CHECK_EQ(info[1].ssi_code, SI_USER);
    CHECK_EQ(ready(fd, POLLIN), 0);
}
TEST(signalfd, wakes_a_poll_and_a_read) {
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGUSR1);
    sigprocmask(SIG_BLOCK, &set, nullptr);
    int fd = signalfd(-1, &set, 0);
    int taken[2];  // two signals of which none is taken are one
    CHECK_OK(pipe(taken));
    pid_t parent = getpid();
    pid_t child = start([&] {
        wait_until_asleep(parent);
        kill(parent, SIGUSR1);
        char c;
        CHECK_EQ(read(taken[0], &c, 1), 1);
        wait_until_asleep(parent);
        kill(parent, SIGUSR1);
    });
    pollfd entry = {fd, POLLIN, 0};
    CHECK_EQ(poll(&entry, 1, 50000), 1);
    signalfd_siginfo info;
    CHECK_EQ(read(fd, &info, sizeof(info)), 128);
    CHECK_EQ(info.ssi_pid, child);
    CHECK_EQ(write(taken[1], "x", 1), 1);
    CHECK_EQ(read(fd, &info, sizeof(info)), 128);
    CHECK_EXITED(status_of(child), 0);
}
TEST(signalfd, tells_of_children) {
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGCHLD);
    sigprocmask(SIG_BLOCK, &set, nullptr);
    int fd = signalfd(-1, &set, 0);
    pid_t child = start([] { _exit(9); });
    signalfd_siginfo info;
    CHECK_EQ(read(fd, &info, sizeof(info)), 128);
    CHECK_EQ(info.ssi_signo, SIGCHLD);
    CHECK_EQ(info.ssi_pid, child);
    CHECK_EQ(info.ssi_status, 9);
    CHECK_EQ(info.ssi_code, CLD_EXITED);
    status_of(child);
}
TEST(signalfd, mask_can_be_changed) {
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGUSR1);
    sigprocmask(SIG_BLOCK, &set, nullptr);
    sigset_t none;
    sigemptyset(&none);
    int fd = signalfd(-1, &none, SFD_NONBLOCK);
    kill(getpid(), SIGUSR1);
    CHECK_EQ(ready(fd, POLLIN), 0);
    CHECK_EQ(signalfd(fd, &set, 0), fd);
    CHECK_EQ(ready(fd, POLLIN), POLLIN);
    signalfd_siginfo info;
    CHECK_ERRNO(read(fd, &info, 127), EINVAL);
    CHECK_EQ(read(fd, &info, 128), 128);
    CHECK_ERRNO(signalfd(0x7fff, &set, 0), EBADF);
    CHECK_ERRNO(signalfd(eventfd(0, 0), &set, 0), EINVAL);
    CHECK_ERRNO(signalfd(-1, &set, 1), EINVAL);
}

TEST(memfd, is_a_file_without_a_name) {
    int fd = make_memfd("some name", 0);
    CHECK_OK(fd);
    CHECK_EQ(write(fd, "content", 7), 7);
    struct stat status;
    CHECK_OK(fstat(fd, &status));
    CHECK(S_ISREG(status.st_mode));
    CHECK_EQ(status.st_size, 7);
    CHECK_EQ(status.st_nlink, 0);
    CHECK_EQ(status.st_mode & 07777, 0777);
    char link[64], text[64] = {};
    snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
    CHECK(readlink(link, text, sizeof(text) - 1) > 0);
    CHECK_STR(text, "/memfd:some name (deleted)");
    int again = open(link, O_RDONLY);
    CHECK_OK(again);
    CHECK_EQ(read(again, text, 63), 7);
    CHECK_EQ(fcntl(fd, F_GETFD), 0);
    CHECK_EQ(fcntl(make_memfd("x", 1), F_GETFD), FD_CLOEXEC);
}
TEST(memfd, names_have_a_limit) {
    char name[300];
    memset(name, 'n', sizeof(name));
    name[249] = 0;
    CHECK_OK(make_memfd(name, 0));
    name[249] = 'n';
    name[250] = 0;
    CHECK_ERRNO(make_memfd(name, 0), EINVAL);
    CHECK_ERRNO(make_memfd("x", 0x8000), EINVAL);
    CHECK_ERRNO(make_memfd(kernel_address<char>(), 0), EFAULT);
}
TEST(memfd, seals_hold) {
    int fd = make_memfd("s", 2);
    CHECK_EQ(fcntl(fd, kGetSeals), 0);
    CHECK_OK(ftruncate(fd, 8192));
    CHECK_OK(fcntl(fd, kAddSeals, kSealShrink));
    CHECK_ERRNO(ftruncate(fd, 100), EPERM);
    CHECK_OK(ftruncate(fd, 10000));
    CHECK_OK(fcntl(fd, kAddSeals, kSealGrow));
    CHECK_ERRNO(ftruncate(fd, 20000), EPERM);
    CHECK_ERRNO(pwrite(fd, "x", 1, 20000), EPERM);
    CHECK_EQ(pwrite(fd, "x", 1, 100), 1);
    void* map = mmap(nullptr, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    CHECK(map != MAP_FAILED);
    CHECK_ERRNO(fcntl(fd, kAddSeals, kSealWrite), EBUSY);
    munmap(map, 4096);
    CHECK_OK(fcntl(fd, kAddSeals, kSealWrite));
    CHECK_ERRNO(pwrite(fd, "x", 1, 100), EPERM);
    CHECK(mmap(nullptr, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0) == MAP_FAILED &&
          errno == EPERM);
    map = mmap(nullptr, 4096, PROT_READ, MAP_SHARED, fd, 0);
    CHECK(map != MAP_FAILED);
    CHECK_ERRNO(mprotect(map, 4096, PROT_READ | PROT_WRITE), EACCES);
    CHECK(mmap(nullptr, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, 0) != MAP_FAILED);
    CHECK_OK(fcntl(fd, kAddSeals, kSealSeal));
    CHECK_ERRNO(fcntl(fd, kAddSeals, kSealWrite), EPERM);
    CHECK_EQ(fcntl(fd, kGetSeals), kSealSeal | kSealShrink | kSealGrow | kSealWrite);
}
TEST(memfd, seals_can_be_refused) {
    int fd = make_memfd("s", 0);
    CHECK_EQ(fcntl(fd, kGetSeals), kSealSeal);
    CHECK_ERRNO(fcntl(fd, kAddSeals, kSealGrow), EPERM);
    int other = make_memfd("o", 2);
    CHECK_ERRNO(fcntl(other, kAddSeals, 0x4000), EINVAL);
    write_file("plain", "x");
    int plain = open("/dev/null", O_RDWR);
    CHECK_ERRNO(fcntl(plain, kGetSeals), EINVAL);
}
TEST(memfd, future_writes_are_sealed_and_old_maps_go_on) {
    int fd = make_memfd("f", 2);
    CHECK_OK(ftruncate(fd, 4096));
    char* map = static_cast<char*>(mmap(nullptr, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0));
    CHECK(map != MAP_FAILED);
    CHECK_OK(fcntl(fd, kAddSeals, kSealFutureWrite));
    map[0] = 'a';
    CHECK_ERRNO(write(fd, "x", 1), EPERM);
    CHECK(mmap(nullptr, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0) == MAP_FAILED &&
          errno == EPERM);
}

TEST(getrandom, fills_and_checks) {
    unsigned char a[64] = {}, b[64] = {};
    CHECK_EQ(getrandom(a, sizeof(a), 0), 64);
    CHECK_EQ(getrandom(b, sizeof(b), GRND_NONBLOCK), 64);
    CHECK(memcmp(a, b, 64) != 0);
    CHECK_EQ(getrandom(a, 0, 0), 0);
    CHECK_ERRNO(getrandom(a, 8, 0x80), EINVAL);
    CHECK_ERRNO(getrandom(a, 8, GRND_RANDOM | 4), EINVAL);
    CHECK_ERRNO(getrandom(kernel_address<char>(), 8, 0), EFAULT);
    static unsigned char large[1 << 20];
    CHECK_EQ(getrandom(large, sizeof(large), 0), 1 << 20);
    long counts[256] = {};
    for (unsigned char byte : large)
        ++counts[byte];
    for (long count : counts)
        CHECK(count > 3600 && count < 4600);  // 4096 with a deviation of 64
}
