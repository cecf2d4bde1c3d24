// SPDX-License-Identifier: MIT
//
// Restartable sequences (rseq(2)): registering them, and how an interruption leaves a section. In a child that shares the memory
// and so has none of its own from the C library.
#include "twin.h"

#include <sched.h>

using namespace twin;

namespace {

template <typename Body>
pid_t clone_vfork(Body& body) {
    static char stack[65536] __attribute__((aligned(16)));
    return clone([](void* b) { return (*static_cast<Body*>(b))(); }, stack + sizeof stack, CLONE_VM | CLONE_VFORK | SIGCHLD,
                 &body);
}

struct alignas(32) Area {
    uint32_t cpu_start, cpu;
    uint64_t section;
    uint32_t flags, node, memory_map_cid;
};
struct alignas(32) Section {
    uint32_t version, flags;
    uint64_t start, length, abort_at;
};
constexpr uint32_t kSignature = 0x53053053;
Area g_area;

long rseq(void* area, unsigned length, int flags, uint32_t signature) {
    return syscall(SYS_rseq, area, length, flags, signature);
}

}  // namespace

TEST(rseq, registers_once) {
    auto body = [] {
        CHECK_ERRNO(rseq(&g_area, 31, 0, kSignature), EINVAL);
        CHECK_ERRNO(rseq(reinterpret_cast<char*>(&g_area) + 8, 32, 0, kSignature), EINVAL);
        CHECK_ERRNO(rseq(&g_area, 32, 2, kSignature), EINVAL);
        CHECK_ERRNO(rseq(&g_area, 32, 1, kSignature), EINVAL);  // there is nothing to unregister
        CHECK_ERRNO(rseq(kernel_address<void>(), 32, 0, kSignature), EFAULT);
        g_area.cpu = ~0u;
        CHECK_OK(rseq(&g_area, 32, 0, kSignature));
        unsigned cpu, node;
        do {
            CHECK_OK(syscall(SYS_getcpu, &cpu, &node, nullptr));
        } while (*static_cast<volatile uint32_t*>(&g_area.cpu) != cpu);
        CHECK_EQ(g_area.cpu_start, g_area.cpu);
        CHECK_EQ(g_area.node, node);
        CHECK_ERRNO(rseq(&g_area, 32, 0, kSignature), EBUSY);
        CHECK_ERRNO(rseq(&g_area, 32, 0, kSignature + 1), EPERM);
        CHECK_ERRNO(rseq(&g_area + 1, 32, 0, kSignature), EINVAL);
        CHECK_ERRNO(rseq(&g_area, 64, 0, kSignature), EINVAL);
        CHECK_ERRNO(rseq(&g_area, 32, 1, kSignature + 1), EPERM);
        CHECK_ERRNO(rseq(&g_area, 64, 1, kSignature), EINVAL);
        CHECK_ERRNO(rseq(&g_area + 1, 32, 1, kSignature), EINVAL);
        CHECK_ERRNO(rseq(&g_area, 32, 3, kSignature), EINVAL);
        // A process inherits the registration with the memory; one that shares the memory does not.
        CHECK_EXITED(run([] { CHECK_ERRNO(rseq(&g_area, 32, 0, kSignature), EBUSY); }), 0);
        CHECK_OK(rseq(&g_area, 32, 1, kSignature));
        CHECK_EQ(g_area.cpu, ~0u);
        CHECK_ERRNO(rseq(&g_area, 32, 1, kSignature), EINVAL);
        return 0;
    };
    CHECK_EXITED(status_of(clone_vfork(body)), 0);
}
TEST(rseq, section_is_left_when_interrupted) {
    static volatile int handled;
    struct sigaction action = {};
    action.sa_handler = [](int) { handled = 1; };
    sigaction(SIGALRM, &action, nullptr);
    auto body = [] {
        CHECK_OK(rseq(&g_area, 32, 0, kSignature));
        itimerval soon = {{0, 0}, {0, 30000}};
        CHECK_OK(setitimer(ITIMER_REAL, &soon, nullptr));
        static Section section;
        while (!handled) {
            uint64_t rounds = uint64_t{1} << 40;  // longer than any deadline
            long aborted = 0;
            asm volatile(
                "leaq 1f(%%rip), %%rax\n movq %%rax, 8(%[section])\n"
                "leaq 2f(%%rip), %%rcx\n subq %%rax, %%rcx\n movq %%rcx, 16(%[section])\n"
                "leaq 4f(%%rip), %%rax\n movq %%rax, 24(%[section])\n"
                "movq %[section], 8(%[area])\n"
                "1: decq %[rounds]\n jnz 1b\n"
                "2: jmp 5f\n"
                ".byte 0x0f, 0xb9, 0x3d\n .long 0x53053053\n"
                "4: movq $1, %[aborted]\n"
                "5:\n"
                : [rounds] "+r"(rounds), [aborted] "+r"(aborted)
                : [section] "r"(&section), [area] "r"(&g_area)
                : "rax", "rcx", "memory", "cc");
            CHECK_EQ(aborted, 1);
            CHECK_EQ(g_area.section, 0);
        }
        CHECK_OK(rseq(&g_area, 32, 1, kSignature));
        return 0;
    };
    CHECK_EXITED(status_of(clone_vfork(body)), 0);
}
TEST(rseq, signature_must_stand_before_the_abort) {
    signal(SIGALRM, [](int) {});
    auto body = [] {
        CHECK_OK(rseq(&g_area, 32, 0, kSignature + 1));
        itimerval soon = {{0, 0}, {0, 30000}};
        CHECK_OK(setitimer(ITIMER_REAL, &soon, nullptr));
        static Section section;
        asm volatile(
            "leaq 1f(%%rip), %%rax\n movq %%rax, 8(%[section])\n"
            "leaq 2f(%%rip), %%rcx\n subq %%rax, %%rcx\n movq %%rcx, 16(%[section])\n"
            "leaq 4f(%%rip), %%rax\n movq %%rax, 24(%[section])\n"
            "movq %[section], 8(%[area])\n"
            "1: jmp 1b\n"
            "2: nop\n"
            ".byte 0x0f, 0xb9, 0x3d\n .long 0x53053053\n"
            "4: nop\n"
            :
            : [section] "r"(&section), [area] "r"(&g_area)
            : "rax", "rcx", "memory", "cc");
        return 0;
    };
    CHECK_KILLED(status_of(clone_vfork(body)), SIGSEGV);
}
