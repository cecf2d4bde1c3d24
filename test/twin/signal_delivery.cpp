// SPDX-License-Identifier: MIT
//
// signal(7): sending, blocking, queues, handlers and their frames and stacks.
#include "signal_helpers.h"

#include <sys/ucontext.h>

using namespace twin;

TEST(signal_delivery, handler_runs_once_and_returns) {
    on(SIGUSR1, count);
    CHECK_OK(kill(getpid(), SIGUSR1));
    CHECK_EQ(g_count, 1);
    CHECK_EQ(g_last, SIGUSR1);
}
TEST(signal_delivery, kill_says_who_sent) {
    on_info(SIGUSR1, keep_info);
    CHECK_OK(kill(getpid(), SIGUSR1));
    CHECK_EQ(g_info.si_signo, SIGUSR1);
    CHECK_EQ(g_info.si_code, SI_USER);
    CHECK_EQ(g_info.si_pid, getpid());
    CHECK_EQ(g_info.si_uid, getuid());
    CHECK_OK(raise(SIGUSR1));
    CHECK_EQ(g_info.si_code, SI_TKILL);
}
TEST(signal_delivery, kill_errors) {
    CHECK_ERRNO(kill(getpid(), 65), EINVAL);
    CHECK_ERRNO(kill(getpid(), -1), EINVAL);
    CHECK_ERRNO(kill(0x3ffffff, 65), ESRCH);
    CHECK_ERRNO(kill(0x3ffffff, 0), ESRCH);
    CHECK_ERRNO(kill(INT32_MIN, SIGTERM), ESRCH);
    CHECK_ERRNO(syscall(SYS_tgkill, 0, getpid(), 0), EINVAL);
    CHECK_ERRNO(syscall(SYS_tgkill, getpid(), -1, 0), EINVAL);
    CHECK_ERRNO(syscall(SYS_tkill, 0, 0), EINVAL);
    CHECK_OK(syscall(SYS_tgkill, getpid(), getpid(), 0));
    CHECK_OK(kill(0, 0));
    CHECK_OK(kill(-getpgrp(), 0));
}
TEST(signal_delivery, kill_needs_permission) {
    int status = run([] {
        become_user();
        CHECK_ERRNO(kill(getppid(), SIGTERM), EPERM);
        CHECK_ERRNO(kill(getppid(), 0), EPERM);
        CHECK_ERRNO(kill(1, SIGCONT), EPERM);
        CHECK_OK(kill(getppid(), SIGCONT));  // of the same session
    });
    CHECK_EXITED(status, 0);
}
TEST(signal_delivery, action_is_kept_and_errors) {
    struct sigaction action = {}, old = {};
    action.sa_handler = count;
    action.sa_flags = SA_RESTART | SA_NODEFER;
    action.sa_mask = set_of(SIGHUP, SIGKILL);
    CHECK_OK(sigaction(SIGUSR1, &action, nullptr));
    CHECK_OK(sigaction(SIGUSR1, nullptr, &old));
    CHECK(old.sa_handler == count);
    CHECK_EQ(old.sa_flags & ~0x04000000, SA_RESTART | SA_NODEFER);
    CHECK_EQ(sigismember(&old.sa_mask, SIGHUP), 1);
    CHECK_EQ(sigismember(&old.sa_mask, SIGKILL), 0);
    CHECK_ERRNO(sigaction(SIGKILL, &action, nullptr), EINVAL);
    CHECK_ERRNO(sigaction(SIGSTOP, &action, nullptr), EINVAL);
    CHECK_OK(sigaction(SIGKILL, nullptr, &old));
    CHECK_ERRNO(syscall(SYS_rt_sigaction, 0, &action, nullptr, 8), EINVAL);
    CHECK_ERRNO(syscall(SYS_rt_sigaction, 65, &action, nullptr, 8), EINVAL);
    CHECK_ERRNO(syscall(SYS_rt_sigaction, SIGUSR1, &action, nullptr, 16), EINVAL);
    CHECK_ERRNO(syscall(SYS_rt_sigaction, SIGUSR1, bad<void>(), nullptr, 8), EFAULT);
    CHECK_ERRNO(syscall(SYS_rt_sigprocmask, 3, &action.sa_mask, nullptr, 8), EINVAL);
    CHECK_ERRNO(syscall(SYS_rt_sigprocmask, SIG_BLOCK, bad<void>(), nullptr, 8), EFAULT);
    CHECK_ERRNO(syscall(SYS_rt_sigprocmask, SIG_BLOCK, nullptr, nullptr, 4), EINVAL);
    CHECK_EQ(syscall(SYS_rt_sigprocmask, 99, nullptr, nullptr, 8), 0);
}
TEST(signal_delivery, blocked_ones_wait) {
    on(SIGUSR1, count);
    block(SIGUSR1);
    raise(SIGUSR1);
    raise(SIGUSR1);
    CHECK_EQ(g_count, 0);
    CHECK(is_pending(SIGUSR1));
    unblock(SIGUSR1);
    CHECK_EQ(g_count, 1);  // one of the classical kind is enough
    CHECK(!is_pending(SIGUSR1));
}
TEST(signal_delivery, kill_and_stop_cannot_be_blocked) {
    block(SIGKILL, SIGSTOP, SIGHUP);
    sigset_t now;
    sigprocmask(SIG_BLOCK, nullptr, &now);
    CHECK_EQ(sigismember(&now, SIGKILL), 0);
    CHECK_EQ(sigismember(&now, SIGSTOP), 0);
    CHECK_EQ(sigismember(&now, SIGHUP), 1);
}
TEST(signal_delivery, realtime_ones_queue_in_order) {
    on_info(SIGRTMIN, [](int signal, siginfo_t* info, void*) { count(signal + 100 * info->si_value.sival_int); });
    on(SIGRTMIN + 1, count);
    on(SIGUSR1, count);
    block(SIGRTMIN, SIGRTMIN + 1, SIGUSR1);
    sigval value;
    for (int i = 1; i <= 3; ++i) {
        value.sival_int = i;
        CHECK_OK(sigqueue(getpid(), SIGRTMIN, value));
    }
    kill(getpid(), SIGRTMIN + 1);
    kill(getpid(), SIGUSR1);
    int order[5];
    sigset_t all = set_of(SIGRTMIN, SIGRTMIN + 1, SIGUSR1);
    for (int& each : order) {
        siginfo_t info;
        each = sigwaitinfo(&all, &info);
        if (each == SIGRTMIN) each += 100 * info.si_value.sival_int;
    }
    CHECK_EQ(order[0], SIGUSR1);
    CHECK_EQ(order[1], SIGRTMIN + 100);
    CHECK_EQ(order[2], SIGRTMIN + 200);
    CHECK_EQ(order[3], SIGRTMIN + 300);
    CHECK_EQ(order[4], SIGRTMIN + 1);
}
TEST(signal_delivery, queue_limit) {
    rlimit limit = {4, 4};
    CHECK_OK(setrlimit(RLIMIT_SIGPENDING, &limit));
    become_user(12345);
    block(SIGRTMIN, SIGUSR1);
    int sent = 0;
    while (sent < 100 && sigqueue(getpid(), SIGRTMIN, {}) == 0) ++sent;
    CHECK(errno == EAGAIN);
    CHECK_EQ(sent, 4);
    CHECK_OK(kill(getpid(), SIGUSR1));  // classical ones always find a way
    CHECK(is_pending(SIGUSR1));
}
TEST(signal_delivery, queueinfo_cannot_pretend) {
    siginfo_t info = {};
    info.si_code = SI_USER;
    pid_t child = start([] { pause(); });
    CHECK_ERRNO(syscall(SYS_rt_sigqueueinfo, child, SIGUSR1, &info), EPERM);
    info.si_code = SI_TKILL;
    CHECK_ERRNO(syscall(SYS_rt_sigqueueinfo, child, SIGUSR1, &info), EPERM);
    info.si_code = -5;
    CHECK_OK(syscall(SYS_rt_sigqueueinfo, child, SIGKILL, &info));
    CHECK_KILLED(status_of(child), SIGKILL);
}
TEST(signal_delivery, setting_ignore_drops_what_waits) {
    block(SIGUSR1);
    raise(SIGUSR1);
    on(SIGUSR1, SIG_IGN);
    CHECK(!is_pending(SIGUSR1));
    on(SIGUSR1, count);
    unblock(SIGUSR1);
    CHECK_EQ(g_count, 0);
}
TEST(signal_delivery, ignored_by_default) {
    const int signal_list[] = {SIGCHLD, SIGURG, SIGWINCH, SIGCONT};
    for (int signal : signal_list) raise(signal);
}
TEST(signal_delivery, default_action_ends) {
    const int signal_list[] = {SIGHUP, SIGINT, SIGKILL, SIGUSR1, SIGUSR2, SIGPIPE, SIGALRM, SIGTERM, SIGSTKFLT, SIGVTALRM, SIGPROF,
                       SIGIO, SIGPWR, SIGRTMIN, SIGRTMAX};
    for (int signal : signal_list)
        CHECK_KILLED(run([=] { ::signal(signal, SIG_DFL); raise(signal); }), signal);
}
TEST(signal_delivery, core_signals_end_without_a_core_when_the_limit_is_zero) {
    rlimit none = {0, 0};
    setrlimit(RLIMIT_CORE, &none);
    const int signal_list[] = {SIGQUIT, SIGILL, SIGTRAP, SIGABRT, SIGBUS, SIGFPE, SIGSEGV, SIGXCPU, SIGXFSZ, SIGSYS};
    for (int signal : signal_list) {
        int status = run([=] { raise(signal); });
        CHECK_KILLED(status, signal);
        CHECK_EQ(WCOREDUMP(status), 0);
    }
}
TEST(signal_delivery, handler_blocks_its_own_and_its_mask) {
    struct sigaction action = {};
    action.sa_handler = [](int signal) {
        count(signal);
        sigset_t now;
        sigprocmask(SIG_BLOCK, nullptr, &now);
        if (!sigismember(&now, SIGUSR1) || !sigismember(&now, SIGUSR2) || sigismember(&now, SIGHUP)) _exit(9);
        if (signal == SIGUSR1 && g_count == 1) raise(SIGUSR1);
        if (g_count != 1 && g_count != 2) _exit(8);
    };
    action.sa_mask = set_of(SIGUSR2);
    CHECK_OK(sigaction(SIGUSR1, &action, nullptr));
    raise(SIGUSR1);
    CHECK_EQ(g_count, 2);
    sigset_t now;
    sigprocmask(SIG_BLOCK, nullptr, &now);
    CHECK_EQ(sigismember(&now, SIGUSR2), 0);
}
TEST(signal_delivery, nodefer_and_resethand) {
    on(SIGUSR1, [](int signal) { count(signal); if (g_count < 3) raise(SIGUSR1); }, SA_NODEFER);
    raise(SIGUSR1);
    CHECK_EQ(g_count, 3);
    on(SIGUSR2, count, SA_RESETHAND);
    raise(SIGUSR2);
    struct sigaction old;
    sigaction(SIGUSR2, nullptr, &old);
    CHECK(old.sa_handler == SIG_DFL);
}
TEST(signal_delivery, handler_sees_and_changes_the_context) {
    on_info(SIGUSR1, [](int, siginfo_t*, void* context) {
        auto* registers = ((ucontext_t*)context)->uc_mcontext.gregs;
        registers[REG_RBX] = 0x1234;
        registers[REG_R15] = registers[REG_R12] + 1;
        sigaddset(&((ucontext_t*)context)->uc_sigmask, SIGHUP);
    });
    long rbx, r15;
    __asm__ volatile(
        "movq $5, %%rbx\n\tmovq $41, %%r12\n\tmovq $0, %%r15\n\t"
        "movl $39, %%eax\n\tsyscall\n\tmovl %%eax, %%edi\n\tmovl $10, %%esi\n\tmovl $62, %%eax\n\tsyscall\n\t"
        "movq %%rbx, %0\n\tmovq %%r15, %1"
        : "=m"(rbx), "=m"(r15)
        :
        : "rbx", "r12", "r15", "rax", "rdi", "rsi", "rcx", "r11", "memory");
    CHECK_EQ(rbx, 0x1234);
    CHECK_EQ(r15, 42);
    sigset_t now;
    sigprocmask(SIG_BLOCK, nullptr, &now);
    CHECK_EQ(sigismember(&now, SIGHUP), 1);
}
TEST(signal_delivery, red_zone_and_vectors_survive) {
    on(SIGUSR1, [](int) {
        volatile char below[512];
        for (unsigned i = 0; i < sizeof(below); ++i) below[i] = (char)0xaa;
        __asm__ volatile("pcmpeqd %%xmm0, %%xmm0\n\tpcmpeqd %%xmm15, %%xmm15" : : : "xmm0", "xmm15");
    });
    long red, vector;
    const long pid = getpid();
    __asm__ volatile(
        "movq $0x1122334455667788, %%rax\n\tmovq %%rax, -8(%%rsp)\n\tmovq %%rax, -128(%%rsp)\n\tmovq %%rax, %%xmm15\n\t"
        "movq %2, %%rdi\n\tmovl $10, %%esi\n\tmovl $62, %%eax\n\tsyscall\n\t"
        "movq -8(%%rsp), %%rax\n\txorq -128(%%rsp), %%rax\n\tmovq %%rax, %0\n\tmovq %%xmm15, %%rax\n\tmovq %%rax, %1"
        : "=r"(red), "=r"(vector)
        : "r"(pid)
        : "rax", "rdi", "rsi", "rcx", "r11", "xmm15", "memory");
    CHECK_EQ(red, 0);
    CHECK_EQ(vector, 0x1122334455667788);
}
TEST(signal_delivery, frame_is_aligned_and_has_the_xsave_note) {
    on_info(SIGUSR1, [](int, siginfo_t* info, void* context) {
        auto* c = (ucontext_t*)context;
        g_count = 1;
        if ((uintptr_t)c->uc_mcontext.fpregs % 64 != 0) _exit(2);
        const auto* note = (const uint32_t*)((const char*)c->uc_mcontext.fpregs + 464);
        if (note[0] != 0x46505853) _exit(3);                                                          // magic1
        if (*(const uint32_t*)((const char*)c->uc_mcontext.fpregs + note[4]) != 0x46505845) _exit(4);  // magic2
        if (c->uc_mcontext.fpregs->mxcsr != 0x1f80) _exit(5);
        if ((c->uc_flags & 7) != 7) _exit(6);
        if ((uintptr_t)info < (uintptr_t)c) _exit(7);
    });
    raise(SIGUSR1);
    CHECK_EQ(g_count, 1);
}
TEST(signal_delivery, alternate_stack) {
    static char* stack = (char*)mmap(nullptr, 65536, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    stack_t wanted = {stack, 0, 65536}, old;
    CHECK_OK(sigaltstack(nullptr, &old));
    CHECK_EQ(old.ss_flags, SS_DISABLE);
    CHECK_OK(sigaltstack(&wanted, nullptr));
    on(SIGUSR1, [](int) {
        char here;
        stack_t now, other = {stack, 0, 65536};
        if (&here < stack || &here >= stack + 65536) _exit(2);
        if (sigaltstack(nullptr, &now) != 0 || now.ss_flags != SS_ONSTACK) _exit(3);
        if (sigaltstack(&other, nullptr) != -1 || errno != EPERM) _exit(4);
        g_count = g_count + 1;
        if (g_count == 1) raise(SIGUSR2);  // nested: goes on where it is
    }, SA_ONSTACK);
    on(SIGUSR2, [](int) {
        char here;
        if (&here < stack || &here >= stack + 65536) _exit(5);
        g_count = g_count + 10;
    }, SA_ONSTACK);
    raise(SIGUSR1);
    CHECK_EQ(g_count, 11);
    on(SIGHUP, [](int) {
        char here;
        if (&here >= stack && &here < stack + 65536) _exit(6);
        g_count = 100;
    });
    raise(SIGHUP);
    CHECK_EQ(g_count, 100);
    wanted.ss_size = 100;
    CHECK_ERRNO(syscall(SYS_sigaltstack, &wanted, nullptr), ENOMEM);
    wanted.ss_flags = 0x40;
    CHECK_ERRNO(syscall(SYS_sigaltstack, &wanted, nullptr), EINVAL);
    wanted.ss_flags = SS_DISABLE;
    CHECK_OK(sigaltstack(&wanted, &old));
    CHECK(old.ss_sp == stack);
    CHECK_EQ(old.ss_flags, 0);
}
TEST(signal_delivery, stack_overflow_is_handled_on_the_alternate_stack) {
    int status = run([] {
        stack_t wanted = {mmap(nullptr, 65536, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0), 0, 65536};
        sigaltstack(&wanted, nullptr);
        on_info(SIGSEGV, [](int, siginfo_t* info, void*) { _exit(info->si_code == SEGV_MAPERR ? 77 : 1); }, SA_ONSTACK);
        rlimit small = {256 << 10, 256 << 10};
        setrlimit(RLIMIT_STACK, &small);
        struct Recurse {
            static int down(volatile char* above) {
                volatile char here[4096];
                here[0] = above ? above[0] : 1;
                return down(here) + here[0];
            }
        };
        _exit(Recurse::down(nullptr));
    });
    CHECK_EXITED(status, 77);
}
TEST(signal_delivery, no_stack_at_all_kills) {
    rlimit none = {0, 0};
    setrlimit(RLIMIT_CORE, &none);
    on(SIGUSR1, count);
    int status = run([] {
        __asm__ volatile("movl $39, %%eax\n\tsyscall\n\tmovl %%eax, %%edi\n\tmovl $10, %%esi\n\tmovl $62, %%eax\n\t"
                         "movq $16, %%rsp\n\tsyscall\n\tud2" : : : "memory");
    });
    CHECK_KILLED(status, SIGSEGV);
}

