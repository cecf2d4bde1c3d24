// SPDX-License-Identifier: MIT
//
// signal(7), sigaction(2), sigprocmask(2), sigaltstack(2), sigqueue(3), sigtimedwait(2), restart after handlers. Who sends them
// is in signal_senders.cpp.
#include "twin.h"

#include <setjmp.h>
#include <ucontext.h>

using namespace twin;

namespace {

volatile sig_atomic_t count_, last_, code_, value_;
volatile pid_t sender_;
void* volatile address_;

void count(int signal) {
    count_ = count_ + 1;
    last_ = signal;
}
void note(int signal, siginfo_t* info, void*) {
    count(signal);
    code_ = info->si_code;
    value_ = info->si_value.sival_int;
    sender_ = info->si_pid;
    address_ = info->si_addr;
}
void handle(int signal, void (*handler)(int), int flags = 0) {
    struct sigaction action = {};
    action.sa_handler = handler;
    action.sa_flags = flags;
    CHECK_OK(sigaction(signal, &action, nullptr));
}
void handle_info(int signal, int flags = 0) {
    struct sigaction action = {};
    action.sa_sigaction = note;
    action.sa_flags = SA_SIGINFO | flags;
    CHECK_OK(sigaction(signal, &action, nullptr));
}
sigset_t set_of(int a, int b = 0) {
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, a);
    if (b) sigaddset(&set, b);
    return set;
}
void block(int a, int b = 0) {
    sigset_t set = set_of(a, b);
    CHECK_OK(sigprocmask(SIG_BLOCK, &set, nullptr));
}
// Sends from a child, once the caller sleeps in what it calls next.
pid_t send_later(int signal) {
    pid_t target = getpid();
    return start([=] {
        wait_until_asleep(target);
        kill(target, signal);
    });
}
sigjmp_buf jump_;

}  // namespace

TEST(signals, handler_runs) {
    handle(SIGUSR1, count);
    raise(SIGUSR1);
    CHECK(count_ == 1 && last_ == SIGUSR1);
}
TEST(signals, info_of_kill) {
    handle_info(SIGUSR1);
    kill(getpid(), SIGUSR1);
    CHECK(code_ == SI_USER && sender_ == getpid());
}
TEST(signals, info_of_sigqueue) {
    handle_info(SIGUSR1);
    sigval value;
    value.sival_int = 4711;
    CHECK_OK(sigqueue(getpid(), SIGUSR1, value));
    CHECK(code_ == SI_QUEUE && value_ == 4711);
}
TEST(signals, default_actions) {
    CHECK_KILLED(run([] { raise(SIGHUP); }), SIGHUP);
    CHECK_KILLED(run([] { raise(SIGALRM); }), SIGALRM);
    CHECK_KILLED(run([] { raise(SIGRTMIN); }), SIGRTMIN);
    CHECK_EXITED(run([] { raise(SIGCHLD), raise(SIGURG), raise(SIGWINCH), raise(SIGCONT); }), 0);
}
TEST(signals, abort_kills_by_sigabrt) { CHECK_EQ(run([] { abort(); }) & 0x7f, SIGABRT); }
TEST(signals, ignored) {
    signal(SIGTERM, SIG_IGN);
    raise(SIGTERM);
}
TEST(signals, sigaction_errors) {
    struct sigaction action = {};
    CHECK_ERRNO(sigaction(0, nullptr, nullptr), EINVAL);
    CHECK_ERRNO(syscall(SYS_rt_sigaction, 65, nullptr, nullptr, 8), EINVAL);
    CHECK_ERRNO(syscall(SYS_rt_sigaction, SIGUSR1, nullptr, nullptr, 4), EINVAL);
    CHECK_ERRNO(syscall(SYS_rt_sigaction, SIGUSR1, bad<void>(), nullptr, 8), EFAULT);
    CHECK_ERRNO(sigaction(SIGKILL, &action, nullptr), EINVAL);
    CHECK_ERRNO(sigaction(SIGSTOP, &action, nullptr), EINVAL);
    CHECK_OK(sigaction(SIGKILL, nullptr, &action));
}
TEST(signals, blocked_until_unblocked) {
    handle(SIGUSR1, count);
    block(SIGUSR1);
    raise(SIGUSR1);
    raise(SIGUSR1);
    CHECK_EQ(count_, 0);
    sigset_t pending;
    sigpending(&pending);
    CHECK(sigismember(&pending, SIGUSR1));
    sigset_t set = set_of(SIGUSR1);
    sigprocmask(SIG_UNBLOCK, &set, nullptr);
    CHECK_EQ(count_, 1);  // ordinary signals do not queue
}
TEST(signals, realtime_signals_queue_in_order) {
    handle_info(SIGRTMIN + 1);
    block(SIGRTMIN + 1);
    for (int i = 1; i <= 3; ++i) {
        sigval value;
        value.sival_int = i;
        CHECK_OK(sigqueue(getpid(), SIGRTMIN + 1, value));
    }
    sigset_t set = set_of(SIGRTMIN + 1);
    sigprocmask(SIG_UNBLOCK, &set, nullptr);
    CHECK_EQ(count_, 3);
}
TEST(signals, kill_and_stop_cannot_be_blocked) {
    sigset_t set, now;
    sigfillset(&set);
    CHECK_OK(sigprocmask(SIG_SETMASK, &set, nullptr));
    sigprocmask(SIG_SETMASK, nullptr, &now);
    CHECK(!sigismember(&now, SIGKILL) && !sigismember(&now, SIGSTOP) && sigismember(&now, SIGTERM));
    CHECK_ERRNO(syscall(SYS_rt_sigprocmask, 77, &set, nullptr, 8), EINVAL);
    CHECK_ERRNO(syscall(SYS_rt_sigprocmask, SIG_BLOCK, &set, nullptr, 9), EINVAL);
}
TEST(signals, mask_during_handler) {
    static volatile int nested = 0;
    struct sigaction action = {};
    action.sa_handler = [](int) {
        sigset_t now;
        sigprocmask(SIG_BLOCK, nullptr, &now);
        nested = (sigismember(&now, SIGUSR1) ? 1 : 0) | (sigismember(&now, SIGUSR2) ? 2 : 0);
    };
    sigaddset(&action.sa_mask, SIGUSR2);
    sigaction(SIGUSR1, &action, nullptr);
    raise(SIGUSR1);
    CHECK_EQ(nested, 3);
    sigset_t now;
    sigprocmask(SIG_BLOCK, nullptr, &now);
    CHECK(!sigismember(&now, SIGUSR1) && !sigismember(&now, SIGUSR2));
}
TEST(signals, reset_hand_and_node_fer) {
    static volatile bool was_blocked = true;
    handle(SIGUSR1, [](int) {
        sigset_t now;
        sigprocmask(SIG_BLOCK, nullptr, &now);
        was_blocked = sigismember(&now, SIGUSR1);
    }, static_cast<int>(SA_RESETHAND | SA_NODEFER));
    raise(SIGUSR1);
    CHECK(!was_blocked);
    struct sigaction action;
    sigaction(SIGUSR1, nullptr, &action);
    CHECK(action.sa_handler == SIG_DFL);
}
TEST(signals, alternate_stack) {
    static char stack[32768];
    static volatile uintptr_t seen;
    stack_t s = {stack, 0, sizeof(stack)};
    CHECK_OK(sigaltstack(&s, nullptr));
    handle(SIGUSR1, [](int) {
        char here;
        seen = reinterpret_cast<uintptr_t>(&here);
    }, SA_ONSTACK);
    raise(SIGUSR1);
    CHECK(seen >= reinterpret_cast<uintptr_t>(stack) && seen < reinterpret_cast<uintptr_t>(stack) + sizeof(stack));
    stack_t old;
    sigaltstack(nullptr, &old);
    CHECK(old.ss_sp == stack && old.ss_size == sizeof(stack) && old.ss_flags == 0);
    s.ss_size = 100;
    CHECK_ERRNO(sigaltstack(&s, nullptr), ENOMEM);
    s.ss_flags = 99;
    CHECK_ERRNO(sigaltstack(&s, nullptr), EINVAL);
}
TEST(signals, stack_overflow_on_alternate_stack) {
    static char stack[65536];
    int status = run([] {
        stack_t s = {stack, 0, sizeof(stack)};
        sigaltstack(&s, nullptr);
        handle(SIGSEGV, [](int) { _exit(33); }, SA_ONSTACK);
        struct Recursion {
            static int down(volatile int* p) {
                volatile char frame[4096];
                frame[0] = static_cast<char>(*p);
                return down(p) + frame[0];
            }
        };
        volatile int x = 1;
        _exit(Recursion::down(&x));
    });
    CHECK_EXITED(status, 33);
}
TEST(signals, fault_address_and_code) {
    handle_info(SIGSEGV);
    struct sigaction action = {};
    action.sa_sigaction = [](int s, siginfo_t* i, void* c) {
        note(s, i, c);
        siglongjmp(jump_, 1);
    };
    action.sa_flags = SA_SIGINFO;
    sigaction(SIGSEGV, &action, nullptr);
    if (sigsetjmp(jump_, 1) == 0) *bad<volatile int>() = 1;
    CHECK(code_ == SEGV_MAPERR && address_ == bad<void>());
    auto* page = static_cast<volatile char*>(mmap(nullptr, kPage, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
    if (sigsetjmp(jump_, 1) == 0) page[8] = 1;
    CHECK(code_ == SEGV_ACCERR && address_ == page + 8);
}
TEST(signals, bus_error_past_the_end) {
    write_file("f", "x");
    int fd = open("f", O_RDWR);
    auto* map = static_cast<volatile char*>(mmap(nullptr, 2 * kPage, PROT_READ, MAP_SHARED, fd, 0));
    CHECK(map[0] == 'x');
    struct sigaction action = {};
    action.sa_sigaction = [](int s, siginfo_t* i, void* c) {
        note(s, i, c);
        siglongjmp(jump_, 1);
    };
    action.sa_flags = SA_SIGINFO;
    sigaction(SIGBUS, &action, nullptr);
    if (sigsetjmp(jump_, 1) == 0) (void)map[kPage];
    CHECK(last_ == SIGBUS && code_ == BUS_ADRERR && address_ == map + kPage);
}
TEST(signals, exceptions_kill) {
    CHECK_EQ(run([] { *bad<volatile int>() = 1; }) & 0x7f, SIGSEGV);
    CHECK_EQ(run([] { asm volatile("ud2"); }) & 0x7f, SIGILL);
    CHECK_EQ(run([] { asm volatile("int3"); }) & 0x7f, SIGTRAP);
    CHECK_EQ(run([] { asm volatile("xorl %%eax, %%eax; cltd; idivl %%eax" ::: "eax", "edx"); }) & 0x7f, SIGFPE);
    CHECK_EQ(run([] { asm volatile("hlt"); }) & 0x7f, SIGSEGV);
    CHECK_EQ(run([] { asm volatile("movabs $0x1122334455667788, %%rax; jmp *%%rax" ::: "rax"); }) & 0x7f, SIGSEGV);
}
TEST(signals, blocked_fault_kills) {
    CHECK_EQ(run([] {
                 handle(SIGSEGV, count);
                 block(SIGSEGV);
                 *bad<volatile int>() = 1;
             }) & 0x7f,
             SIGSEGV);
}
TEST(signals, registers_survive_a_handler) {
    handle(SIGALRM, count);
    itimerval timer = {{0, 1000}, {0, 1000}};
    CHECK_OK(setitimer(ITIMER_REAL, &timer, nullptr));
    double sum = 0;
    long whole = 0;
    for (int i = 0; count_ < 50 && i < 2000000000; ++i) {
        sum += 0.5;
        whole += 1;
        if (sum != static_cast<double>(whole) * 0.5) fail(__FILE__, __LINE__, "%f is not %ld / 2", sum, whole);
    }
    CHECK(count_ >= 50);
}
TEST(signals, handler_may_change_registers) {
    struct sigaction action = {};
    action.sa_sigaction = [](int, siginfo_t*, void* c) { static_cast<ucontext_t*>(c)->uc_mcontext.gregs[REG_RIP] += 2; };
    action.sa_flags = SA_SIGINFO;
    sigaction(SIGILL, &action, nullptr);
    asm volatile("ud2");
    asm volatile("ud2");
}
TEST(signals, bad_frame_kills) {
    CHECK_EQ(run([] {
                 asm volatile("movq $16, %%rsp; movl $15, %%eax; syscall" ::: "rax", "memory");
             }) & 0x7f,
             SIGSEGV);
}
TEST(signals, no_stack_for_the_handler_kills) {
    CHECK_EQ(run([] {
                 handle(SIGUSR1, count);
                 asm volatile(
                     "movq $16, %%rsp; movl %0, %%edi; movl $10, %%esi; movl $62, %%eax; syscall; ud2" ::"r"(getpid())
                     : "rax", "rdi", "rsi", "memory");
             }) & 0x7f,
             SIGSEGV);
}
TEST(signals, read_is_interrupted) {
    handle(SIGUSR1, count);
    int fds[2];
    CHECK_OK(pipe(fds));
    pid_t child = send_later(SIGUSR1);
    char c;
    CHECK_ERRNO(read(fds[0], &c, 1), EINTR);
    CHECK_EQ(count_, 1);
    status_of(child);
}
TEST(signals, read_is_restarted) {
    handle(SIGUSR1, count, SA_RESTART);
    int fds[2];
    CHECK_OK(pipe(fds));
    pid_t target = getpid();
    pid_t child = start([&] {
        wait_until_asleep(target);
        kill(target, SIGUSR1);
        sleep_ms(50);
        (void)!write(fds[1], "x", 1);
    });
    char c;
    CHECK_EQ(read(fds[0], &c, 1), 1);
    CHECK_EQ(count_, 1);
    status_of(child);
}
TEST(signals, wait_is_restarted) {
    handle(SIGUSR1, count, SA_RESTART);
    int end[2];
    CHECK_OK(pipe(end));
    pid_t sleeper = start([&] {
        char c;
        CHECK_EQ(read(end[0], &c, 1), 1);
        _exit(4);
    });
    pid_t target = getpid();
    pid_t child = start([&] {
        wait_until_asleep(target);
        kill(target, SIGUSR1);
        CHECK_EQ(write(end[1], "x", 1), 1);
    });
    int status;
    CHECK_EQ(waitpid(sleeper, &status, 0), sleeper);
    CHECK_EQ(count_, 1);
    status_of(child);
}
TEST(signals, nanosleep_tells_the_rest) {
    handle(SIGUSR1, count, SA_RESTART);
    pid_t child = send_later(SIGUSR1);
    timespec want = {1000, 0}, rest = {};
    const int64_t begun = now_ns();
    CHECK_ERRNO(nanosleep(&want, &rest), EINTR);
    CHECK(is_rest_of(want, rest, begun));
    status_of(child);
}
TEST(signals, poll_is_never_restarted) {
    handle(SIGUSR1, count, SA_RESTART);
    pid_t child = send_later(SIGUSR1);
    CHECK_ERRNO(poll(nullptr, 0, 50000), EINTR);
    status_of(child);
}
TEST(signals, stop_does_not_interrupt_sleep) {
    pid_t child = start([] {
        timespec want = {0, 200000000};
        _exit(nanosleep(&want, nullptr) == 0 ? 0 : 1);
    });
    sleep_ms(50);
    kill(child, SIGSTOP);
    sleep_ms(20);
    kill(child, SIGCONT);
    CHECK_EXITED(status_of(child), 0);
}
TEST(signals, pause_returns_after_a_handler) {
    handle(SIGUSR1, count, SA_RESTART);
    pid_t child = send_later(SIGUSR1);
    CHECK_ERRNO(pause(), EINTR);
    status_of(child);
}
TEST(signals, sigsuspend) {
    handle(SIGUSR1, count);
    block(SIGUSR1);
    raise(SIGUSR1);
    sigset_t empty;
    sigemptyset(&empty);
    CHECK_ERRNO(sigsuspend(&empty), EINTR);
    CHECK_EQ(count_, 1);
    sigset_t now;
    sigprocmask(SIG_BLOCK, nullptr, &now);
    CHECK(sigismember(&now, SIGUSR1));
}
TEST(signals, sigtimedwait) {
    block(SIGUSR1, SIGUSR2);
    sigset_t set = set_of(SIGUSR1, SIGUSR2);
    timespec none = {0, 0}, little = {0, 20000000};
    siginfo_t info;
    CHECK_ERRNO(sigtimedwait(&set, &info, &none), EAGAIN);
    CHECK_ERRNO(sigtimedwait(&set, &info, &little), EAGAIN);
    kill(getpid(), SIGUSR2);
    CHECK_EQ(sigtimedwait(&set, &info, &none), SIGUSR2);
    CHECK(info.si_signo == SIGUSR2 && info.si_code == SI_USER);
    pid_t child = send_later(SIGUSR1);
    CHECK_EQ(sigwaitinfo(&set, &info), SIGUSR1);
    CHECK_EQ(info.si_pid, child);
    status_of(child);
}
TEST(signals, lower_numbers_first) {
    static int order[3];
    static int next = 0;
    auto handler = [](int s) { order[next++] = s; };
    const int signals[] = {SIGUSR2, SIGHUP, SIGUSR1};
    for (int s : signals) {
        struct sigaction action = {};
        action.sa_handler = handler;
        sigfillset(&action.sa_mask);
        sigaction(s, &action, nullptr);
    }
    sigset_t all;
    sigfillset(&all);
    sigprocmask(SIG_SETMASK, &all, nullptr);
    raise(SIGUSR2), raise(SIGHUP), raise(SIGUSR1);
    sigemptyset(&all);
    sigprocmask(SIG_SETMASK, &all, nullptr);
    CHECK_EQ(next, 3);
    CHECK(order[0] == SIGHUP && order[1] == SIGUSR1 && order[2] == SIGUSR2);
}
