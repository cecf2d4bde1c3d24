// SPDX-License-Identifier: MIT
//
// signal(7): sending, blocking, queues, handlers and their frames, stacks, restarts, exceptions, stop and continue.
#include "twin.h"

#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/ucontext.h>

using namespace twin;

namespace {

volatile sig_atomic_t g_count, g_last, g_order[16];
siginfo_t g_info;

void count(int signal) {
    if (g_count < 16) g_order[g_count] = signal;
    g_count = g_count + 1;
    g_last = signal;
}
void keep_info(int signal, siginfo_t* info, void*) {
    g_info = *info;
    count(signal);
}
void on(int signal, void (*handler)(int), int flags = 0) {
    struct sigaction action = {};
    action.sa_handler = handler;
    action.sa_flags = flags;
    CHECK_OK(sigaction(signal, &action, nullptr));
}
void on_info(int signal, void (*handler)(int, siginfo_t*, void*), int flags = 0) {
    struct sigaction action = {};
    action.sa_sigaction = handler;
    action.sa_flags = flags | SA_SIGINFO;
    CHECK_OK(sigaction(signal, &action, nullptr));
}
sigset_t set_of(int a, int b = 0, int c = 0) {
    sigset_t set;
    sigemptyset(&set);
    const int each_list[] = {a, b, c};
    for (int each : each_list)
        if (each) sigaddset(&set, each);
    return set;
}
void block(int a, int b = 0, int c = 0) {
    sigset_t set = set_of(a, b, c);
    CHECK_OK(sigprocmask(SIG_BLOCK, &set, nullptr));
}
void unblock(int a, int b = 0, int c = 0) {
    sigset_t set = set_of(a, b, c);
    CHECK_OK(sigprocmask(SIG_UNBLOCK, &set, nullptr));
}
bool is_pending(int signal) {
    sigset_t set;
    CHECK_OK(sigpending(&set));
    return sigismember(&set, signal) == 1;
}

}  // namespace

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
    CHECK_ERRNO(sigaltstack(&wanted, nullptr), ENOMEM);
    wanted.ss_flags = 0x40;
    CHECK_ERRNO(sigaltstack(&wanted, nullptr), EINVAL);
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

// ---- exceptions
namespace {
int g_code_wanted;
void* g_address_wanted;
void check_fault(int signal, siginfo_t* info, void*) {
    if (info->si_signo != signal) _exit(2);
    if (info->si_code != g_code_wanted) _exit(3);
    if (g_address_wanted && info->si_addr != g_address_wanted) _exit(4);
    _exit(77);
}
template <typename Body>
void expect_fault(int signal, int code, void* address, Body body) {
    g_code_wanted = code;
    g_address_wanted = address;
    int status = run([&] {
        on_info(signal, check_fault);
        body();
        _exit(5);
    });
    CHECK_EXITED(status, 77);
}
}  // namespace

TEST(signal_delivery, faults_say_what_and_where) {
    auto* unmapped = (volatile char*)bad<char>();
    expect_fault(SIGSEGV, SEGV_MAPERR, (void*)unmapped, [=] { *unmapped = 1; });
    expect_fault(SIGSEGV, SEGV_MAPERR, (void*)unmapped, [=] { (void)*unmapped; });
    auto* page = (volatile char*)mmap(nullptr, kPage, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    expect_fault(SIGSEGV, SEGV_ACCERR, (void*)(page + 5), [=] { page[5] = 1; });
    expect_fault(SIGSEGV, SEGV_ACCERR, (void*)page, [=] { ((void (*)())page)(); });
    int fd = open("short", O_RDWR | O_CREAT, 0600);
    auto* past = (volatile char*)mmap(nullptr, 2 * kPage, PROT_READ, MAP_SHARED, fd, 0);
    expect_fault(SIGBUS, BUS_ADRERR, (void*)(past + kPage), [=] { (void)past[kPage]; });
    auto* kernel = kernel_address<volatile char>();
    expect_fault(SIGSEGV, SEGV_MAPERR, nullptr, [=] { (void)*kernel; });
    expect_fault(SIGSEGV, SI_KERNEL, nullptr, [] { (void)*(volatile char*)0x8000000000000000UL; });
}
TEST(signal_delivery, instructions_that_fault) {
    expect_fault(SIGFPE, FPE_INTDIV, nullptr, [] {
        volatile int zero = 0;
        int result = 1;
        __asm__ volatile("cltd\n\tidivl %1" : "+a"(result) : "m"(zero) : "edx");
    });
    expect_fault(SIGILL, ILL_ILLOPN, nullptr, [] { __asm__ volatile("ud2"); });
    expect_fault(SIGTRAP, SI_KERNEL, nullptr, [] { __asm__ volatile("int3"); });
    expect_fault(SIGSEGV, SI_KERNEL, nullptr, [] { __asm__ volatile("hlt"); });
    expect_fault(SIGTRAP, TRAP_TRACE, nullptr, [] {
        __asm__ volatile("pushfq\n\torq $0x100, (%%rsp)\n\tpopfq\n\tnop\n\tnop" : : : "memory");
    });
    expect_fault(SIGFPE, FPE_FLTDIV, nullptr, [] {
        unsigned short control = 0x37f & ~4;
        __asm__ volatile("fldcw %0\n\tfld1\n\tfldz\n\tfdivrp\n\tfwait" : : "m"(control));
    });
}
TEST(signal_delivery, fault_while_blocked_or_ignored_kills) {
    rlimit none = {0, 0};
    setrlimit(RLIMIT_CORE, &none);
    CHECK_KILLED(run([] {
        on(SIGSEGV, count);
        block(SIGSEGV);
        *(volatile char*)bad<char>() = 1;
    }), SIGSEGV);
    CHECK_KILLED(run([] {
        on(SIGILL, SIG_IGN);
        __asm__ volatile("ud2");
    }), SIGILL);
}
TEST(signal_delivery, fault_handler_can_repair) {
    static char* page = (char*)mmap(nullptr, kPage, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    on(SIGSEGV, [](int signal) {
        count(signal);
        mprotect(page, kPage, PROT_READ | PROT_WRITE);
    });
    *(volatile char*)page = 7;
    CHECK_EQ(page[0], 7);
    CHECK_EQ(g_count, 1);
}

// ---- sigreturn with frames that a program made up
namespace {
int return_from(void (*change)(ucontext_t*)) {
    static void (*changing)(ucontext_t*);
    changing = change;
    return run([] {
        rlimit none = {0, 0};
        setrlimit(RLIMIT_CORE, &none);
        on_info(SIGUSR1, [](int, siginfo_t*, void* context) { changing((ucontext_t*)context); });
        raise(SIGUSR1);
        _exit(70);
    });
}
}  // namespace

TEST(signal_delivery, sigreturn_masks_flags) {
    CHECK_EXITED(return_from([](ucontext_t* c) { c->uc_mcontext.gregs[REG_EFL] = -1L & ~0x40100L; }), 70);
    CHECK_EXITED(return_from([](ucontext_t* c) { c->uc_mcontext.gregs[REG_EFL] = 0; }), 70);
    CHECK_EXITED(return_from([](ucontext_t* c) { c->uc_mcontext.gregs[REG_EFL] |= 0x3000; }), 70);
}
TEST(signal_delivery, sigreturn_to_nowhere_is_a_fault) {
    CHECK_KILLED(return_from([](ucontext_t* c) { c->uc_mcontext.gregs[REG_RIP] = 0x10; }), SIGSEGV);
    CHECK_KILLED(return_from([](ucontext_t* c) { c->uc_mcontext.gregs[REG_RIP] = (greg_t)0xffffffff80000000UL; }), SIGSEGV);
    CHECK_KILLED(return_from([](ucontext_t* c) { c->uc_mcontext.gregs[REG_RIP] = (greg_t)0x8000000000000000UL; }), SIGSEGV);
}
TEST(signal_delivery, sigreturn_with_hostile_vector_state) {
    CHECK_KILLED(return_from([](ucontext_t* c) { c->uc_mcontext.fpregs->mxcsr = 0xffff1f80; }), SIGSEGV);
    CHECK_EXITED(return_from([](ucontext_t* c) { memset((char*)c->uc_mcontext.fpregs + 464, 0xff, 48); }), 70);
    CHECK_EXITED(return_from([](ucontext_t* c) { c->uc_mcontext.fpregs = nullptr; }), 70);
    CHECK_KILLED(return_from([](ucontext_t* c) { c->uc_mcontext.fpregs = bad<_libc_fpstate>(); }), SIGSEGV);
}
TEST(signal_delivery, handler_at_nowhere_is_a_fault) {
    rlimit none = {0, 0};
    setrlimit(RLIMIT_CORE, &none);
    CHECK_KILLED(run([] { on(SIGUSR1, (void (*)(int))0x8000000000000000UL); raise(SIGUSR1); }), SIGSEGV);
    CHECK_KILLED(run([] { on(SIGUSR1, (void (*)(int))0x100); raise(SIGUSR1); }), SIGSEGV);
}

// ---- waiting and restarting
TEST(signal_delivery, sigwaitinfo_takes_without_handler) {
    block(SIGUSR1);
    kill(getpid(), SIGUSR1);
    sigset_t set = set_of(SIGUSR1);
    siginfo_t info;
    CHECK_EQ(sigwaitinfo(&set, &info), SIGUSR1);
    CHECK_EQ(info.si_pid, getpid());
    timespec soon = {0, 10000000}, wrong = {0, 1000000000};
    CHECK_ERRNO(sigtimedwait(&set, &info, &soon), EAGAIN);
    CHECK_ERRNO(sigtimedwait(&set, &info, &wrong), EINVAL);
    timespec now = {};
    CHECK_ERRNO(sigtimedwait(&set, &info, &now), EAGAIN);
}
TEST(signal_delivery, sigwait_wakes_for_blocked_and_for_ignored) {
    const pid_t self = getpid();
    block(SIGUSR1, SIGCHLD);
    pid_t child = start([=] {
        wait_until_asleep(self);
        kill(self, SIGUSR1);
    });
    sigset_t set = set_of(SIGUSR1);
    siginfo_t info;
    CHECK_EQ(sigwaitinfo(&set, &info), SIGUSR1);
    CHECK_EQ(info.si_pid, child);
    status_of(child);
    set = set_of(SIGCHLD);
    CHECK_EQ(sigwaitinfo(&set, &info), SIGCHLD);  // ignored by default, but blocked
    CHECK_EQ(info.si_code, CLD_EXITED);
    CHECK_EQ(info.si_pid, child);
}
TEST(signal_delivery, sigsuspend_swaps_masks) {
    const pid_t self = getpid();
    on(SIGUSR1, count);
    on(SIGUSR2, count);
    block(SIGUSR1, SIGUSR2);
    pid_t child = start([=] {
        wait_until_asleep(self);
        kill(self, SIGUSR2);
        sleep_ms(20);
        kill(self, SIGUSR1);
    });
    sigset_t mask = set_of(SIGUSR2);
    CHECK_ERRNO(sigsuspend(&mask), EINTR);
    CHECK_EQ(g_count, 1);
    CHECK_EQ(g_last, SIGUSR1);
    CHECK(is_pending(SIGUSR2));
    status_of(child);
}
TEST(signal_delivery, read_restarts_or_not) {
    const pid_t self = getpid();
    const bool restarts_list[] = {false, true};
    for (bool restarts : restarts_list) {
        int fds[2];
        CHECK_OK(pipe(fds));
        g_count = 0;
        on(SIGUSR1, count, restarts ? SA_RESTART : 0);
        pid_t child = start([=] {
            wait_until_asleep(self);
            kill(self, SIGUSR1);
            sleep_ms(50);
            if (write(fds[1], "x", 1) != 1) _exit(1);
        });
        char c;
        if (restarts)
            CHECK_EQ(read(fds[0], &c, 1), 1);
        else
            CHECK_ERRNO(read(fds[0], &c, 1), EINTR);
        CHECK_EQ(g_count, 1);
        CHECK_EXITED(status_of(child), 0);
    }
}
TEST(signal_delivery, sleep_ends_for_a_handler_whatever_the_flag) {
    const pid_t self = getpid();
    on(SIGUSR1, count, SA_RESTART);
    pid_t child = start([=] {
        wait_until_asleep(self);
        kill(self, SIGUSR1);
    });
    timespec wait = {5, 0}, left = {};
    CHECK_ERRNO(nanosleep(&wait, &left), EINTR);
    CHECK(left.tv_sec >= 3 && left.tv_sec < 5);
    CHECK_ERRNO(syscall(SYS_restart_syscall), EINTR);
    status_of(child);
}
TEST(signal_delivery, sleep_goes_on_after_stop_and_continue) {
    const int64_t before = now_ns();
    pid_t child = start([] {
        timespec wait = {0, 300000000}, left;
        _exit(nanosleep(&wait, &left) == 0 ? 0 : 1);
    });
    wait_until_asleep(child);
    kill(child, SIGSTOP);
    int status;
    CHECK_EQ(waitpid(child, &status, WUNTRACED), child);
    kill(child, SIGCONT);
    CHECK_EXITED(status_of(child), 0);
    const int64_t took = now_ns() - before;
    CHECK(took >= 300000000);
}

// ---- stopping
TEST(signal_delivery, stop_and_continue_are_reported) {
    block(SIGCHLD);
    sigset_t set = set_of(SIGCHLD);
    // A group of its own with its parent outside of it: else it is orphaned, and only SIGSTOP stops it.
    pid_t child = start([] { for (;;) pause(); });
    CHECK_OK(setpgid(child, child));
    int status;
    siginfo_t info;
    const int signal_list[] = {SIGSTOP, SIGTSTP, SIGTTIN, SIGTTOU};
    for (int signal : signal_list) {
        kill(child, signal);
        CHECK_EQ(waitpid(child, &status, WUNTRACED), child);
        CHECK(WIFSTOPPED(status));
        CHECK_EQ(WSTOPSIG(status), signal);
        CHECK_EQ(sigwaitinfo(&set, &info), SIGCHLD);
        CHECK_EQ(info.si_code, CLD_STOPPED);
        CHECK_EQ(info.si_status, signal);
        CHECK_EQ(waitpid(child, &status, WUNTRACED | WNOHANG), 0);  // told once
        kill(child, SIGCONT);
        CHECK_EQ(waitpid(child, &status, WCONTINUED), child);
        CHECK(WIFCONTINUED(status));
        CHECK_EQ(sigwaitinfo(&set, &info), SIGCHLD);
        CHECK_EQ(info.si_code, CLD_CONTINUED);
        CHECK_EQ(info.si_status, SIGCONT);
    }
    kill(child, SIGSTOP);
    waitpid(child, &status, WUNTRACED);
    kill(child, SIGTERM);
    sleep_ms(20);
    CHECK_EQ(waitpid(child, &status, WNOHANG), 0);  // waits until it goes on
    kill(child, SIGCONT);
    CHECK_KILLED(status_of(child), SIGTERM);
}
TEST(signal_delivery, kill_ends_a_stopped_one) {
    pid_t child = start([] { for (;;) pause(); });
    kill(child, SIGSTOP);
    int status;
    waitpid(child, &status, WUNTRACED);
    kill(child, SIGKILL);
    CHECK_KILLED(status_of(child), SIGKILL);
}
TEST(signal_delivery, continue_drops_waiting_stops) {
    block(SIGTSTP, SIGCONT);
    raise(SIGTSTP);
    CHECK(is_pending(SIGTSTP));
    raise(SIGCONT);
    CHECK(!is_pending(SIGTSTP));
    CHECK(is_pending(SIGCONT));
    raise(SIGTSTP);
    CHECK(!is_pending(SIGCONT));
    raise(SIGCONT);
}
TEST(signal_delivery, orphaned_group_does_not_stop) {
    // Each case leads a session of its own, and its group has no parent in the session.
    raise(SIGTSTP);
    raise(SIGTTIN);
}

// ---- fork, exec
TEST(signal_delivery, fork_inherits_mask_and_handlers_not_pending) {
    on(SIGUSR1, count);
    block(SIGUSR1);
    raise(SIGUSR1);
    CHECK_EXITED(run([] {
        CHECK(!is_pending(SIGUSR1));
        sigset_t now;
        sigprocmask(SIG_BLOCK, nullptr, &now);
        CHECK_EQ(sigismember(&now, SIGUSR1), 1);
        raise(SIGUSR1);
        unblock(SIGUSR1);
        CHECK_EQ(g_count, 1);
    }), 0);
}
HELPER(signals_after_exec) {
    struct sigaction action;
    sigaction(SIGUSR1, nullptr, &action);
    if (action.sa_handler != SIG_DFL) return 1;
    sigaction(SIGUSR2, nullptr, &action);
    if (action.sa_handler != SIG_IGN) return 2;
    if (!is_pending(SIGHUP)) return 3;
    stack_t stack;
    sigaltstack(nullptr, &stack);
    return stack.ss_flags == SS_DISABLE ? 0 : 4;
}
TEST(signal_delivery, exec_resets_handlers_keeps_ignored_and_pending) {
    CHECK_EXITED(run([] {
        on(SIGUSR1, count);
        on(SIGUSR2, SIG_IGN);
        block(SIGHUP);
        raise(SIGHUP);
        static char space[65536];
        stack_t stack = {space, 0, sizeof(space)};
        sigaltstack(&stack, nullptr);
        execl(self_path(), self_path(), "--helper", "signals_after_exec", nullptr);
    }), 0);
}
TEST(signal_delivery, signalfd_reads_what_waits) {
    block(SIGUSR1, SIGRTMIN);
    sigset_t set = set_of(SIGUSR1, SIGRTMIN);
    int fd = signalfd(-1, &set, SFD_NONBLOCK);
    CHECK_OK(fd);
    signalfd_siginfo info[3];
    CHECK_ERRNO(read(fd, info, sizeof(info)), EAGAIN);
    sigval value;
    value.sival_int = 42;
    sigqueue(getpid(), SIGRTMIN, value);
    raise(SIGUSR1);
    pollfd poll_fd = {fd, POLLIN, 0};
    CHECK_EQ(poll(&poll_fd, 1, 0), 1);
    CHECK_EQ(read(fd, info, sizeof(info)), 2 * sizeof(info[0]));
    CHECK_EQ(info[0].ssi_signo, SIGUSR1);
    CHECK_EQ(info[1].ssi_signo, (unsigned)SIGRTMIN);
    CHECK_EQ(info[1].ssi_int, 42);
}
TEST(signal_delivery, ppoll_mask_is_for_the_call_only) {
    on(SIGUSR1, count);
    block(SIGUSR1);
    raise(SIGUSR1);
    sigset_t none;
    sigemptyset(&none);
    timespec wait = {2, 0};
    CHECK_ERRNO(ppoll(nullptr, 0, &wait, &none), EINTR);
    CHECK_EQ(g_count, 1);
    sigset_t now;
    sigprocmask(SIG_BLOCK, nullptr, &now);
    CHECK_EQ(sigismember(&now, SIGUSR1), 1);
}
TEST(signal_delivery, pidfd_send_signal_sends) {
    pid_t child = start([] { pause(); });
    int fd = (int)syscall(SYS_pidfd_open, child, 0);
    CHECK_OK(fd);
    CHECK_ERRNO(syscall(SYS_pidfd_send_signal, fd, 65, nullptr, 0), EINVAL);
    CHECK_ERRNO(syscall(SYS_pidfd_send_signal, 0, SIGTERM, nullptr, 0), EBADF);
    CHECK_OK(syscall(SYS_pidfd_send_signal, fd, SIGTERM, nullptr, 0));
    CHECK_KILLED(status_of(child), SIGTERM);
}
