// SPDX-License-Identifier: MIT
//
// Calls that few programs make: futex_waitv(2), ioprio_set(2), process_vm_readv(2), kcmp(2), adjtimex(2), personality(2),
// RLIMIT_CPU, and waits for moments of a clock that is set meanwhile.
#include "twin.h"

#include <linux/kcmp.h>
#include <linux/futex.h>
#include <sys/personality.h>
#include <sys/sendfile.h>
#include <sys/timerfd.h>
#include <sys/timex.h>
#include <sys/utsname.h>

using namespace twin;

namespace {

struct Waiter {
    uint64_t value, address;
    uint32_t flags, reserved;
};
constexpr uint32_t kSize32 = 2, kPrivate = 128;
constexpr long kFutexWaitv = 449;

long waitv(const Waiter* waiters, unsigned count, unsigned flags = 0, const timespec* timeout = nullptr,
           clockid_t clock = CLOCK_MONOTONIC) {
    return syscall(kFutexWaitv, waiters, count, flags, timeout, clock);
}
timespec later(clockid_t clock, int64_t ns) {
    const int64_t moment = now_ns(clock) + ns;
    return {moment / 1000000000, moment % 1000000000};
}
int ioprio_value(int kind, int level) { return kind << 13 | level; }

}  // namespace

TEST(calls, futex_waitv_refuses) {
    uint32_t word = 1;
    Waiter waiter = {1, (uint64_t)&word, kSize32 | kPrivate, 0};
    CHECK_ERRNO(waitv(&waiter, 0), EINVAL);
    CHECK_ERRNO(waitv(&waiter, 129), EINVAL);
    CHECK_ERRNO(waitv(&waiter, 1, 1), EINVAL);
    CHECK_ERRNO(waitv(nullptr, 1), EINVAL);
    CHECK_ERRNO(waitv(bad<Waiter>(), 1), EFAULT);
    timespec moment = later(CLOCK_MONOTONIC, 0);
    CHECK_ERRNO(waitv(&waiter, 1, 0, &moment, CLOCK_BOOTTIME), EINVAL);
    waiter.value = 2;
    CHECK_ERRNO(waitv(&waiter, 1, 0, &moment), EAGAIN);
    waiter.reserved = 1;
    CHECK_ERRNO(waitv(&waiter, 1, 0, &moment), EINVAL);
    waiter = {1, (uint64_t)&word, kPrivate, 0};
    CHECK_ERRNO(waitv(&waiter, 1, 0, &moment), EINVAL);
}
TEST(calls, futex_waitv_times_out) {
    uint32_t words[2] = {1, 2};
    const Waiter waiters[2] = {{1, (uint64_t)&words[0], kSize32 | kPrivate, 0}, {2, (uint64_t)&words[1], kSize32 | kPrivate, 0}};
    const int64_t before = now_ns();
    timespec moment = later(CLOCK_MONOTONIC, 20000000);
    CHECK_ERRNO(waitv(waiters, 2, 0, &moment), ETIMEDOUT);
    CHECK(now_ns() - before >= 20000000);
    moment = later(CLOCK_REALTIME, 20000000);
    CHECK_ERRNO(waitv(waiters, 2, 0, &moment, CLOCK_REALTIME), ETIMEDOUT);
}
TEST(calls, futex_waitv_tells_which) {
    auto* words = (uint32_t*)mmap(nullptr, kPage, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    Waiter waiters[100] = {};
    for (int i = 0; i < 100; ++i) waiters[i] = {0, (uint64_t)&words[i], kSize32, 0};
    pid_t child = start([&] { _exit(waitv(waiters, 100) == 73 ? 0 : 1); });
    wait_until_asleep(child);
    CHECK_EQ(syscall(SYS_futex, &words[100], FUTEX_WAKE, 1, nullptr, nullptr, 0), 0);
    CHECK_EQ(syscall(SYS_futex, &words[73], FUTEX_WAKE, 1, nullptr, nullptr, 0), 1);
    CHECK_EXITED(status_of(child), 0);
    // Nobody stands in any queue any more.
    CHECK_EQ(syscall(SYS_futex, &words[5], FUTEX_WAKE, 1, nullptr, nullptr, 0), 0);
}
TEST(calls, io_priorities) {
    const int middle = ioprio_value(2, 3);
    CHECK_EQ(syscall(SYS_ioprio_set, 1, 0, middle), 0);
    CHECK_EQ(syscall(SYS_ioprio_get, 1, 0), middle);
    CHECK_EXITED(run([=] { _exit(syscall(SYS_ioprio_get, 1, 0) == middle ? 0 : 1); }), 0);
    CHECK_ERRNO(syscall(SYS_ioprio_get, 0, 0), EINVAL);
    CHECK_ERRNO(syscall(SYS_ioprio_get, 4, 0), EINVAL);
    CHECK_ERRNO(syscall(SYS_ioprio_set, 1, 0, ioprio_value(0, 1)), EINVAL);
    CHECK_ERRNO(syscall(SYS_ioprio_set, 1, 0, ioprio_value(5, 0)), EINVAL);
    CHECK_ERRNO(syscall(SYS_ioprio_get, 1, 4194303), ESRCH);
    become_user();
    CHECK_ERRNO(syscall(SYS_ioprio_set, 1, 0, ioprio_value(1, 0)), EPERM);
    CHECK_EQ(syscall(SYS_ioprio_set, 1, 0, ioprio_value(3, 0)), 0);
}
TEST(calls, memory_of_others) {
    auto* shared = (char*)mmap(nullptr, 4 * kPage, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    pid_t child = start([=] {
        memset(shared, 'x', 3 * kPage);
        kill(getpid(), SIGSTOP);
        _exit(shared[kPage] == 'y' ? 7 : 1);
    });
    int status;
    CHECK_EQ(waitpid(child, &status, WUNTRACED), child);
    static char local[3 * kPage];
    iovec own[2] = {{local, 100}, {local + 100, sizeof(local) - 100}};
    iovec theirs[2] = {{shared, 2 * kPage}, {shared + 2 * kPage, kPage}};
    CHECK_EQ(process_vm_readv(child, own, 2, theirs, 2, 0), 3 * kPage);
    CHECK(local[0] == 'x' && local[3 * kPage - 1] == 'x' && shared[0] == 0);
    local[0] = 'y';
    own[0] = {local, 1};
    theirs[0] = {shared + kPage, 1};
    CHECK_EQ(process_vm_writev(child, own, 1, theirs, 1, 0), 1);
    CHECK_ERRNO(process_vm_readv(child, own, 1, theirs, 1, 1), EINVAL);
    theirs[0] = {bad<char>(), 1};
    CHECK_ERRNO(process_vm_readv(child, own, 1, theirs, 1, 0), EFAULT);
    CHECK_ERRNO(process_vm_readv(4194303, own, 1, theirs, 1, 0), ESRCH);
    kill(child, SIGCONT);
    CHECK_EXITED(status_of(child), 7);
}
TEST(calls, memory_of_others_needs_rights) {
    pid_t child = start([] { pause(); });
    char byte;
    iovec piece = {&byte, 1};
    CHECK_EXITED(run([&] {
        become_user();
        _exit(process_vm_readv(child, &piece, 1, &piece, 1, 0) == -1 && errno == EPERM ? 0 : 1);
    }), 0);
    kill(child, SIGKILL);
    status_of(child);
}
TEST(calls, kcmp_tells_what_is_shared) {
    const pid_t self = getpid();
    int ends[2];
    CHECK_OK(pipe(ends));
    const int copy = dup(ends[0]);
    if (syscall(SYS_kcmp, self, self, KCMP_FILE, ends[0], copy) == -1 && errno == ENOSYS) SKIP("no kcmp here");
    CHECK_EQ(syscall(SYS_kcmp, self, self, KCMP_FILE, ends[0], copy), 0);
    const long order = syscall(SYS_kcmp, self, self, KCMP_FILE, ends[0], ends[1]);
    CHECK(order == 1 || order == 2);
    CHECK_EQ(syscall(SYS_kcmp, self, self, KCMP_FILE, ends[1], ends[0]), 3 - order);
    CHECK_ERRNO(syscall(SYS_kcmp, self, self, KCMP_FILE, ends[0], 999), EBADF);
    CHECK_ERRNO(syscall(SYS_kcmp, self, self, 99, 0, 0), EINVAL);
    CHECK_ERRNO(syscall(SYS_kcmp, self, 4194303, KCMP_VM, 0, 0), ESRCH);
    CHECK_EXITED(run([=] {
        const pid_t child = getpid();
        if (syscall(SYS_kcmp, self, child, KCMP_FILE, ends[0], ends[0]) != 0) _exit(1);
        if (syscall(SYS_kcmp, self, child, KCMP_VM, 0, 0) == 0) _exit(2);
        if (syscall(SYS_kcmp, self, child, KCMP_FILES, 0, 0) == 0) _exit(3);
        if (syscall(SYS_kcmp, child, child, KCMP_FS, 0, 0) != 0) _exit(4);
    }), 0);
}
TEST(calls, clock_discipline_can_be_read) {
    timex state = {};
    CHECK(adjtimex(&state) >= 0);
    CHECK(state.tick > 9000 && state.tick < 11000);
    CHECK(llabs(state.time.tv_sec - time(nullptr)) <= 1);
    CHECK(syscall(SYS_clock_adjtime, CLOCK_REALTIME, &state) >= 0);
    CHECK_ERRNO(syscall(SYS_clock_adjtime, CLOCK_MONOTONIC, &state), EOPNOTSUPP);
    CHECK_ERRNO(syscall(SYS_clock_adjtime, 77, &state), EINVAL);
    CHECK_ERRNO(syscall(SYS_adjtimex, bad<timex>()), EFAULT);
    become_user();
    state.modes = ADJ_FREQUENCY;
    CHECK_ERRNO(adjtimex(&state), EPERM);
}
// Whoever waits for a moment of the realtime clock wakes when the clock is set beyond it. Not on a host, whose clock is not
// ours to move.
TEST(calls, setting_the_clock_wakes_sleepers) {
    utsname machine;
    CHECK_OK(uname(&machine));
    if (!strstr(machine.release, "gyre")) SKIP("the clock of a host stays as it is");
    timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    CHECK_OK(clock_settime(CLOCK_REALTIME, &now));
    const timespec moment = {now.tv_sec + 100, 0};
    pid_t sleeper = start([&] { clock_nanosleep(CLOCK_REALTIME, TIMER_ABSTIME, &moment, nullptr); });
    static uint32_t word = 0;
    pid_t waiter = start([&] {
        syscall(SYS_futex, &word, FUTEX_WAIT_BITSET | FUTEX_CLOCK_REALTIME, 0, &moment, nullptr, ~0u);
    });
    pid_t timer = start([&] {
        timer_t number;
        timer_create(CLOCK_REALTIME, nullptr, &number);
        itimerspec when = {{0, 0}, moment};
        timer_settime(number, TIMER_ABSTIME, &when, nullptr);
        pause();
    });
    wait_until_asleep(sleeper);
    wait_until_asleep(waiter);
    wait_until_asleep(timer);
    clock_gettime(CLOCK_REALTIME, &now);
    timespec ahead = {now.tv_sec + 101, now.tv_nsec};
    CHECK_OK(clock_settime(CLOCK_REALTIME, &ahead));
    const int64_t start_ns = now_ns();
    const int first = status_of(sleeper), second = status_of(waiter), third = status_of(timer);
    const int64_t took_ns = now_ns() - start_ns;
    clock_gettime(CLOCK_REALTIME, &now);
    ahead = {now.tv_sec - 101, now.tv_nsec};
    CHECK_OK(clock_settime(CLOCK_REALTIME, &ahead));
    CHECK_EXITED(first, 0);
    CHECK_EXITED(second, 0);
    CHECK_KILLED(third, SIGALRM);
    CHECK(took_ns < 50000000000);
}
TEST(calls, cpu_limit_signals_and_kills) {
    CHECK_KILLED(run([] {
        rlimit limit = {1, 10};
        setrlimit(RLIMIT_CPU, &limit);
        for (;;) {}
    }), SIGXCPU);
    // Inherited; the hard limit kills what catches the signal.
    CHECK_EXITED(run([] {
        rlimit limit = {1, 2};
        setrlimit(RLIMIT_CPU, &limit);
        const int status = run([] {
            signal(SIGXCPU, SIG_IGN);
            for (;;) {}
        });
        _exit(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL ? 0 : 1);
    }), 0);
}
TEST(calls, places_without_chance) {
    CHECK_OK(personality(ADDR_NO_RANDOMIZE));
    CHECK_EQ(personality(0xffffffff), ADDR_NO_RANDOMIZE);
    CHECK_EXITED(run([] { _exit(personality(0xffffffff) == ADDR_NO_RANDOMIZE ? 0 : 1); }), 0);
    CHECK_OK(personality(0));
}
TEST(calls, sendfile_takes_nothing_out_of_pipes) {
    int from[2], to[2];
    CHECK_OK(pipe(from));
    CHECK_OK(pipe(to));
    CHECK_EQ(write(from[1], "hello", 5), 5);
    CHECK_ERRNO(sendfile(to[1], from[0], nullptr, 5), EINVAL);
    off_t offset = 0;
    CHECK_ERRNO(sendfile(to[1], from[0], &offset, 5), ESPIPE);
    char text[8];
    CHECK_EQ(read(from[0], text, 8), 5);
}
TEST(calls, leases) {
    int ends[2];
    CHECK_OK(pipe(ends));
    write_file("file", "text");
    const int fd = open("file", O_RDONLY);
    CHECK_EQ(fcntl(fd, F_GETLEASE), F_UNLCK);
    CHECK_ERRNO(fcntl(fd, F_SETLEASE, F_UNLCK), EAGAIN);
    CHECK_ERRNO(fcntl(fd, F_SETLEASE, 17), EINVAL);
    CHECK_ERRNO(fcntl(ends[0], F_SETLEASE, F_RDLCK), EINVAL);
    become_user();
    CHECK_ERRNO(fcntl(fd, F_SETLEASE, F_RDLCK), EACCES);
}

namespace {

// By hand: the C library cuts the number itself.
long by_number(uint64_t number, long a = 0, long b = 0, long c = 0) {
    long result;
    asm volatile("syscall" : "=a"(result) : "a"(number), "D"(a), "S"(b), "d"(c) : "rcx", "r11", "memory");
    return result;
}

}  // namespace

TEST(calls, numbers_are_of_32_bits) {
    CHECK_EQ(by_number(SYS_getpid), getpid());
    CHECK_EQ(by_number((uint64_t{1} << 32) | SYS_getpid), getpid());
    CHECK_EQ(by_number((uint64_t{0xffffffff} << 32) | SYS_getpid), getpid());
    CHECK_EQ(by_number((uint64_t{1} << 63) | SYS_getpid), getpid());
    const uint64_t absent_list[] = {uint64_t{0x7fff'ffff}, uint64_t{0x8000'0000} | SYS_getpid, uint64_t{0xffff'ffff}, ~uint64_t{0},
                                    (uint64_t{1} << 32) | 0xffff};
    for (const uint64_t absent : absent_list) CHECK_EQ(by_number(absent), -ENOSYS);
}
TEST(calls, restart_by_the_same_number) {
    int fds[2];
    CHECK_OK(pipe(fds));
    struct sigaction action = {};
    action.sa_handler = [](int) {};
    action.sa_flags = SA_RESTART;
    CHECK_OK(sigaction(SIGUSR1, &action, nullptr));
    const pid_t reader = getpid();
    const pid_t helper = start([&] {
        wait_until_asleep(reader);
        kill(reader, SIGUSR1);
        sleep_ms(50);
        CHECK_EQ(write(fds[1], "x", 1), 1);
    });
    char byte = 0;
    CHECK_EQ(by_number((uint64_t{5} << 32) | SYS_read, fds[0], reinterpret_cast<long>(&byte), 1), 1);
    CHECK_EQ(byte, 'x');
    CHECK_EXITED(status_of(helper), 0);
}
