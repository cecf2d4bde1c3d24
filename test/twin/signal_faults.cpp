// SPDX-License-Identifier: MIT
//
// Exceptions as signals, and sigreturn(2) from frames that a program made up.
#include "signal_helpers.h"

#include <sys/ucontext.h>

using namespace twin;

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

TEST(signal_faults, faults_say_what_and_where) {
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
TEST(signal_faults, instructions_that_fault) {
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
TEST(signal_faults, fault_while_blocked_or_ignored_kills) {
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
TEST(signal_faults, fault_handler_can_repair) {
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

TEST(signal_faults, sigreturn_masks_flags) {
    CHECK_EXITED(return_from([](ucontext_t* c) { c->uc_mcontext.gregs[REG_EFL] = -1L & ~0x40100L; }), 70);
    CHECK_EXITED(return_from([](ucontext_t* c) { c->uc_mcontext.gregs[REG_EFL] = 0; }), 70);
    CHECK_EXITED(return_from([](ucontext_t* c) { c->uc_mcontext.gregs[REG_EFL] |= 0x3000; }), 70);
}
TEST(signal_faults, sigreturn_to_nowhere_is_a_fault) {
    CHECK_KILLED(return_from([](ucontext_t* c) { c->uc_mcontext.gregs[REG_RIP] = 0x10; }), SIGSEGV);
    CHECK_KILLED(return_from([](ucontext_t* c) { c->uc_mcontext.gregs[REG_RIP] = (greg_t)0xffffffff80000000UL; }), SIGSEGV);
    CHECK_KILLED(return_from([](ucontext_t* c) { c->uc_mcontext.gregs[REG_RIP] = (greg_t)0x8000000000000000UL; }), SIGSEGV);
}
TEST(signal_faults, sigreturn_with_hostile_vector_state) {
    CHECK_KILLED(return_from([](ucontext_t* c) { c->uc_mcontext.fpregs->mxcsr = 0xffff1f80; }), SIGSEGV);
    CHECK_EXITED(return_from([](ucontext_t* c) { memset((char*)c->uc_mcontext.fpregs + 464, 0xff, 48); }), 70);
    CHECK_EXITED(return_from([](ucontext_t* c) { c->uc_mcontext.fpregs = nullptr; }), 70);
    CHECK_KILLED(return_from([](ucontext_t* c) { c->uc_mcontext.fpregs = (fpregset_t)bad<char>(); }), SIGSEGV);
}
TEST(signal_faults, handler_at_nowhere_is_a_fault) {
    rlimit none = {0, 0};
    setrlimit(RLIMIT_CORE, &none);
    CHECK_KILLED(run([] { on(SIGUSR1, (void (*)(int))0x8000000000000000UL); raise(SIGUSR1); }), SIGSEGV);
    CHECK_KILLED(run([] { on(SIGUSR1, (void (*)(int))0x100); raise(SIGUSR1); }), SIGSEGV);
}

