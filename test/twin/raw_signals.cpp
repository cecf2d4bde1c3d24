// SPDX-License-Identifier: MIT
//
// The signal calls beneath the C library: sizes of sets, which error comes first, and what has happened already when it comes.
// rt_sigpending, rt_sigtimedwait, rt_sigsuspend, rt_sigprocmask, rt_sigaction, rt_sigqueueinfo, rt_tgsigqueueinfo, signalfd4,
// eventfd2.
#include "twin.h"

#include <pthread.h>

using namespace twin;

namespace {

using Set = uint64_t;
constexpr Set bit(int signal) { return Set{1} << (signal - 1); }
constexpr size_t kSize = sizeof(Set);
constexpr pid_t kNobody = 4194303;

// The kernel's sigaction, which is not the C library's.
struct Action {
    void (*handler)(int);
    unsigned long flags;
    void (*restorer)();
    Set mask;
};

void block(Set set) { CHECK_OK(syscall(SYS_rt_sigprocmask, SIG_BLOCK, &set, nullptr, kSize)); }
Set blocked() {
    Set set = 0;
    CHECK_OK(syscall(SYS_rt_sigprocmask, SIG_BLOCK, nullptr, &set, kSize));
    return set;
}
Set pending() {
    Set set = 0;
    CHECK_OK(syscall(SYS_rt_sigpending, &set, kSize));
    return set;
}
long timed_wait(const Set* set, siginfo_t* info, const timespec* timeout, size_t size = kSize) {
    return syscall(SYS_rt_sigtimedwait, set, info, timeout, size);
}
const timespec kNow = {0, 0};

}  // namespace

TEST(raw_signals, pending_in_parts) {
    block(bit(SIGUSR1) | bit(40));
    CHECK_OK(kill(getpid(), SIGUSR1));
    CHECK_OK(kill(getpid(), 40));
    CHECK_EQ(pending(), bit(SIGUSR1) | bit(40));
    Set part = ~Set{0};
    CHECK_OK(syscall(SYS_rt_sigpending, &part, 4));  // a smaller set is cut, a bigger one refused
    CHECK_EQ(part, bit(SIGUSR1) | 0xffffffff00000000);
    CHECK_OK(syscall(SYS_rt_sigpending, bad<Set>(), 0));
    CHECK_ERRNO(syscall(SYS_rt_sigpending, &part, 16), EINVAL);
    CHECK_ERRNO(syscall(SYS_rt_sigpending, bad<Set>(), 9), EINVAL);
    CHECK_ERRNO(syscall(SYS_rt_sigpending, bad<Set>(), kSize), EFAULT);
}
TEST(raw_signals, pending_is_of_the_thread_and_the_process) {
    block(bit(SIGUSR1) | bit(SIGUSR2));
    static Set seen_by_thread;
    static int ends[2], back[2];
    CHECK_OK(pipe(ends));
    CHECK_OK(pipe(back));
    pthread_t thread;
    CHECK_EQ(pthread_create(&thread, nullptr,
                            [](void*) -> void* {
                                CHECK_EQ(write(back[1], "x", 1), 1);
                                char c;
                                CHECK_EQ(read(ends[0], &c, 1), 1);
                                seen_by_thread = pending();
                                return nullptr;
                            },
                            nullptr),
             0);
    char c;
    CHECK_EQ(read(back[0], &c, 1), 1);
    CHECK_OK(kill(getpid(), SIGUSR1));
    CHECK_OK(syscall(SYS_tgkill, getpid(), getpid(), SIGUSR2));
    CHECK_EQ(write(ends[1], "x", 1), 1);
    CHECK_EQ(pthread_join(thread, nullptr), 0);
    CHECK_EQ(seen_by_thread, bit(SIGUSR1));
    CHECK_EQ(pending(), bit(SIGUSR1) | bit(SIGUSR2));
}
TEST(raw_signals, timed_wait_checks_in_this_order) {
    const Set set = bit(SIGUSR1);
    siginfo_t info;
    const timespec wrong[] = {{0, 1000000000}, {0, -1}, {-1, 0}};
    CHECK_ERRNO(timed_wait(&set, &info, &kNow, 4), EINVAL);
    CHECK_ERRNO(timed_wait(bad<Set>(), &info, &kNow, 16), EINVAL);
    CHECK_ERRNO(timed_wait(bad<Set>(), &info, wrong), EFAULT);
    CHECK_ERRNO(timed_wait(&set, &info, bad<timespec>()), EFAULT);
    block(set);
    CHECK_OK(raise(SIGUSR1));
    for (const timespec& time : wrong) CHECK_ERRNO(timed_wait(&set, &info, &time), EINVAL);
    CHECK_EQ(pending(), set);
    // The signal is gone before its information is told.
    CHECK_ERRNO(timed_wait(&set, bad<siginfo_t>(), &kNow), EFAULT);
    CHECK_EQ(pending(), 0);
    CHECK_ERRNO(timed_wait(&set, bad<siginfo_t>(), &kNow), EAGAIN);
    CHECK_OK(raise(SIGUSR1));
    CHECK_EQ(timed_wait(&set, nullptr, &kNow), SIGUSR1);
}
TEST(raw_signals, timed_wait_ends_for_others) {
    struct sigaction action = {};
    action.sa_handler = [](int) {};
    action.sa_flags = SA_RESTART;
    sigaction(SIGUSR2, &action, nullptr);
    const Set set = bit(SIGUSR1) | bit(SIGKILL) | bit(SIGSTOP);
    block(bit(SIGUSR1));
    const pid_t parent = getpid();
    const pid_t child = start([=] {
        wait_until_asleep(parent);
        kill(parent, SIGUSR2);
    });
    siginfo_t info;
    const timespec long_time = {10, 0};
    CHECK_ERRNO(timed_wait(&set, &info, &long_time), EINTR);
    CHECK_EXITED(status_of(child), 0);
    const int64_t before = now_ns();
    const timespec short_time = {0, 20000000};
    CHECK_ERRNO(timed_wait(&set, &info, &short_time), EAGAIN);
    CHECK(now_ns() - before >= 20000000);
    // A set that wants the two that none can have does not save from them.
    const pid_t victim = start([&] { timed_wait(&set, &info, nullptr); });
    wait_until_asleep(victim);
    CHECK_OK(kill(victim, SIGKILL));
    CHECK_KILLED(status_of(victim), SIGKILL);
}
TEST(raw_signals, suspend) {
    const Set none = 0;
    CHECK_ERRNO(syscall(SYS_rt_sigsuspend, &none, 4), EINVAL);
    CHECK_ERRNO(syscall(SYS_rt_sigsuspend, bad<Set>(), 16), EINVAL);
    CHECK_ERRNO(syscall(SYS_rt_sigsuspend, bad<Set>(), kSize), EFAULT);
    static volatile Set during;
    struct sigaction action = {};
    action.sa_handler = [](int) { during = blocked(); };
    sigaction(SIGUSR1, &action, nullptr);
    block(bit(SIGUSR1) | bit(SIGHUP));
    CHECK_OK(raise(SIGUSR1));
    const Set but_usr1 = bit(SIGUSR2);
    CHECK_ERRNO(syscall(SYS_rt_sigsuspend, &but_usr1, kSize), EINTR);
    CHECK_EQ(during, bit(SIGUSR1) | bit(SIGUSR2));  // the call's mask and the signal itself
    CHECK_EQ(blocked(), bit(SIGUSR1) | bit(SIGHUP));
    const pid_t victim = start([] {
        const Set all = ~Set{0};
        syscall(SYS_rt_sigsuspend, &all, kSize);
    });
    wait_until_asleep(victim);
    kill(victim, SIGTERM);
    CHECK_OK(kill(victim, SIGKILL));
    CHECK_KILLED(status_of(victim), SIGKILL);
}
TEST(raw_signals, mask_errors) {
    Set set = bit(SIGUSR1), old = 0;
    CHECK_ERRNO(syscall(SYS_rt_sigprocmask, SIG_BLOCK, &set, &old, 4), EINVAL);
    CHECK_ERRNO(syscall(SYS_rt_sigprocmask, SIG_BLOCK, bad<Set>(), &old, 16), EINVAL);
    CHECK_ERRNO(syscall(SYS_rt_sigprocmask, SIG_BLOCK, bad<Set>(), &old, kSize), EFAULT);
    CHECK_ERRNO(syscall(SYS_rt_sigprocmask, 99, bad<Set>(), &old, kSize), EFAULT);
    CHECK_ERRNO(syscall(SYS_rt_sigprocmask, 99, &set, &old, kSize), EINVAL);
    CHECK_OK(syscall(SYS_rt_sigprocmask, 99, nullptr, &old, kSize));  // nothing is done, in no way
    CHECK_EQ(old, 0);
    // The mask has changed when the old one cannot be told.
    CHECK_ERRNO(syscall(SYS_rt_sigprocmask, SIG_BLOCK, &set, bad<Set>(), kSize), EFAULT);
    CHECK_EQ(blocked(), set);
    set = ~Set{0};
    CHECK_OK(syscall(SYS_rt_sigprocmask, SIG_SETMASK, &set, nullptr, kSize));
    CHECK_EQ(blocked(), ~(bit(SIGKILL) | bit(SIGSTOP)));
}
TEST(raw_signals, action_errors) {
    Action action = {SIG_IGN, 0, nullptr, 0}, old = {};
    CHECK_ERRNO(syscall(SYS_rt_sigaction, SIGUSR1, &action, &old, 4), EINVAL);
    CHECK_ERRNO(syscall(SYS_rt_sigaction, SIGUSR1, bad<Action>(), &old, 16), EINVAL);
    CHECK_ERRNO(syscall(SYS_rt_sigaction, 99, bad<Action>(), &old, kSize), EFAULT);
    for (const int kAll[] = {0, 65, -1}; int number : kAll)
        CHECK_ERRNO(syscall(SYS_rt_sigaction, number, nullptr, &old, kSize), EINVAL);
    CHECK_ERRNO(syscall(SYS_rt_sigaction, SIGKILL, &action, &old, kSize), EINVAL);
    CHECK_OK(syscall(SYS_rt_sigaction, SIGKILL, nullptr, &old, kSize));
    CHECK_ERRNO(syscall(SYS_rt_sigaction, SIGUSR1, &action, bad<Action>(), kSize), EFAULT);
    CHECK_OK(syscall(SYS_rt_sigaction, SIGUSR1, nullptr, &old, kSize));
    CHECK(old.handler == SIG_IGN);
    // Bits that mean nothing are forgotten, so that a program can ask which are known; the two can never be blocked.
    action = {SIG_IGN, SA_RESTART | 0x100000, nullptr, ~Set{0}};
    CHECK_OK(syscall(SYS_rt_sigaction, SIGUSR1, &action, nullptr, kSize));
    CHECK_OK(syscall(SYS_rt_sigaction, SIGUSR1, nullptr, &old, kSize));
    CHECK_EQ(old.flags, SA_RESTART);
    CHECK_EQ(old.mask, ~(bit(SIGKILL) | bit(SIGSTOP)));
}

// ---- queueing with information
namespace {
siginfo_t information(int code, int value = 0) {
    siginfo_t info = {};
    info.si_code = code;
    info.si_pid = getpid();
    info.si_uid = getuid();
    info.si_value.sival_int = value;
    return info;
}
}  // namespace

TEST(raw_signals, queue_to_a_thread) {
    block(bit(SIGUSR1) | bit(SIGRTMIN));
    static int ends[2];
    CHECK_OK(pipe(ends));
    static volatile pid_t tid;
    pthread_t thread;
    CHECK_EQ(pthread_create(&thread, nullptr,
                            [](void*) -> void* {
                                tid = static_cast<pid_t>(syscall(SYS_gettid));
                                CHECK_EQ(write(ends[1], "x", 1), 1);
                                const Set set = bit(SIGUSR1);
                                siginfo_t info = {};
                                CHECK_EQ(timed_wait(&set, &info, nullptr), SIGUSR1);
                                CHECK_EQ(info.si_signo, SIGUSR1);  // whatever the sender wrote there
                                CHECK_EQ(info.si_code, SI_QUEUE);
                                CHECK_EQ(info.si_value.sival_int, 1234);
                                return nullptr;
                            },
                            nullptr),
             0);
    char c;
    CHECK_EQ(read(ends[0], &c, 1), 1);
    siginfo_t info = information(SI_QUEUE, 1234);
    info.si_signo = SIGTERM;
    CHECK_OK(syscall(SYS_rt_tgsigqueueinfo, getpid(), tid, SIGUSR1, &info));
    CHECK_EQ(pthread_join(thread, nullptr), 0);
    CHECK_EQ(pending(), 0);
}
TEST(raw_signals, queue_errors) {
    const pid_t self = getpid(), child = start([] { pause(); });
    siginfo_t info = information(SI_QUEUE);
    CHECK_ERRNO(syscall(SYS_rt_tgsigqueueinfo, 0, self, SIGUSR1, &info), EINVAL);
    CHECK_ERRNO(syscall(SYS_rt_tgsigqueueinfo, self, -1, SIGUSR1, &info), EINVAL);
    CHECK_ERRNO(syscall(SYS_rt_tgsigqueueinfo, -1, self, SIGUSR1, bad<siginfo_t>()), EFAULT);
    CHECK_ERRNO(syscall(SYS_rt_tgsigqueueinfo, child, self, SIGUSR1, &info), ESRCH);
    CHECK_ERRNO(syscall(SYS_rt_tgsigqueueinfo, kNobody, kNobody, SIGUSR1, &info), ESRCH);
    CHECK_ERRNO(syscall(SYS_rt_tgsigqueueinfo, self, self, 65, &info), EINVAL);
    CHECK_OK(syscall(SYS_rt_tgsigqueueinfo, child, child, 0, &info));
    CHECK_ERRNO(syscall(SYS_rt_sigqueueinfo, kNobody, SIGUSR1, &info), ESRCH);
    CHECK_ERRNO(syscall(SYS_rt_sigqueueinfo, kNobody, 65, bad<siginfo_t>()), EFAULT);
    CHECK_ERRNO(syscall(SYS_rt_sigqueueinfo, self, 65, &info), EINVAL);
    CHECK_OK(syscall(SYS_rt_sigqueueinfo, child, 0, &info));
    // Only a process itself may be told what looks like a kill or the kernel's word.
    for (const int kAll[] = {int{SI_USER}, int{SI_KERNEL}, int{SI_TKILL}, 1}; int code : kAll) {
        info = information(code);
        CHECK_ERRNO(syscall(SYS_rt_sigqueueinfo, child, SIGUSR1, &info), EPERM);
        CHECK_ERRNO(syscall(SYS_rt_tgsigqueueinfo, child, child, SIGUSR1, &info), EPERM);
        CHECK_ERRNO(syscall(SYS_rt_tgsigqueueinfo, kNobody, kNobody, SIGUSR1, &info), EPERM);
        CHECK_OK(syscall(SYS_rt_sigqueueinfo, self, 0, &info));
        CHECK_OK(syscall(SYS_rt_tgsigqueueinfo, self, self, 0, &info));
    }
    info = information(SI_QUEUE);
    CHECK_EXITED(run([&] {
                     become_user();
                     CHECK_ERRNO(syscall(SYS_rt_sigqueueinfo, child, 0, &info), EPERM);
                     CHECK_ERRNO(syscall(SYS_rt_tgsigqueueinfo, child, child, 0, &info), EPERM);
                 }),
                 0);
    CHECK_OK(syscall(SYS_rt_tgsigqueueinfo, child, child, SIGTERM, &info));
    CHECK_KILLED(status_of(child), SIGTERM);
}

// ---- descriptors
TEST(raw_signals, signalfd_errors) {
    const Set set = bit(SIGUSR1);
    CHECK_ERRNO(syscall(SYS_signalfd4, -1, &set, 4, 0), EINVAL);
    CHECK_ERRNO(syscall(SYS_signalfd4, -1, bad<Set>(), 16, 0), EINVAL);
    CHECK_ERRNO(syscall(SYS_signalfd4, -1, bad<Set>(), kSize, 0), EFAULT);
    CHECK_ERRNO(syscall(SYS_signalfd4, -1, bad<Set>(), kSize, 1), EFAULT);
    CHECK_ERRNO(syscall(SYS_signalfd4, -1, &set, kSize, 1), EINVAL);
    CHECK_ERRNO(syscall(SYS_signalfd4, -1, &set, kSize, O_APPEND), EINVAL);
    CHECK_ERRNO(syscall(SYS_signalfd4, -2, &set, kSize, 0), EBADF);
    CHECK_ERRNO(syscall(SYS_signalfd4, 700, &set, kSize, O_APPEND), EINVAL);
    write_file("f", "");
    CHECK_ERRNO(syscall(SYS_signalfd4, open("f", O_RDONLY), &set, kSize, 0), EINVAL);
    const int fd = static_cast<int>(syscall(SYS_signalfd4, -1, &set, kSize, O_NONBLOCK | O_CLOEXEC));
    CHECK_OK(fd);
    CHECK_EQ(fcntl(fd, F_GETFD), FD_CLOEXEC);
    CHECK_EQ(fcntl(fd, F_GETFL), O_RDWR | O_NONBLOCK);
    char small[127], whole[128];
    CHECK_ERRNO(read(fd, small, sizeof small), EINVAL);
    CHECK_ERRNO(read(fd, whole, sizeof whole), EAGAIN);
    CHECK_ERRNO(write(fd, whole, sizeof whole), EINVAL);
    const Set two = bit(SIGKILL) | bit(SIGSTOP) | bit(SIGUSR2);  // the two that none can have are left out silently
    CHECK_EQ(syscall(SYS_signalfd4, fd, &two, kSize, 0), fd);
    CHECK_EQ(fcntl(fd, F_GETFL), O_RDWR | O_NONBLOCK);  // flags count for a new one only
    block(bit(SIGUSR1) | bit(SIGUSR2));
    CHECK_OK(raise(SIGUSR1));
    CHECK_ERRNO(read(fd, whole, sizeof whole), EAGAIN);
    CHECK_OK(raise(SIGUSR2));
    CHECK_ERRNO(read(fd, bad<char>(), 128), EFAULT);
    const int old = static_cast<int>(syscall(SYS_signalfd, -1, &set, kSize));
    CHECK_OK(old);
    CHECK_EQ(fcntl(old, F_GETFL), O_RDWR);
}
TEST(raw_signals, eventfd_errors) {
    CHECK_ERRNO(syscall(SYS_eventfd2, 0, 2), EINVAL);
    CHECK_ERRNO(syscall(SYS_eventfd2, 0, O_APPEND), EINVAL);
    CHECK_ERRNO(syscall(SYS_eventfd2, 0, -1), EINVAL);
    const int fd = static_cast<int>(syscall(SYS_eventfd2, 0xffffffff, O_NONBLOCK | O_CLOEXEC | 1));
    CHECK_OK(fd);
    CHECK_EQ(fcntl(fd, F_GETFD), FD_CLOEXEC);
    CHECK_EQ(fcntl(fd, F_GETFL), O_RDWR | O_NONBLOCK);
    uint64_t value[2] = {};
    CHECK_ERRNO(read(fd, value, 7), EINVAL);
    CHECK_ERRNO(read(fd, bad<char>(), 7), EINVAL);
    CHECK_ERRNO(read(fd, bad<char>(), 8), EFAULT);
    CHECK_EQ(read(fd, value, 16), 8);
    CHECK_EQ(value[0], 1);
    CHECK_ERRNO(pread(fd, value, 8, 0), ESPIPE);
    CHECK_ERRNO(write(fd, bad<char>(), 8), EFAULT);
    value[0] = ~uint64_t{0};
    CHECK_ERRNO(write(fd, value, 8), EINVAL);
    CHECK_OK(fcntl(static_cast<int>(syscall(SYS_eventfd, 5)), F_GETFL));
}
