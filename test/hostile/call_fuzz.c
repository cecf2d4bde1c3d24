// SPDX-License-Identifier: MIT
//
// Random system calls: random numbers, arguments and pointers, from several threads of several processes that share memory.
// A supervisor starts workers without privileges, kills those that hang, and starts them again, for so many seconds. What is tested
// is that the kernel lives, and that nothing is left: /proc/gyre/accounting before and after. Prints TAP.
//   call_fuzz SECONDS [SEED [WORKERS [THREADS]]]
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

// A file system of its own, so that what the calls make in it goes with it.
static const char kPlayground[] = "/tmp/call_fuzz";
enum { kMostWorkers = 16, kCallsOfALife = 20000, kLifeMs = 2000 };

static uint64_t next(uint64_t* state) {  // xorshift64*
    uint64_t x = *state;
    x ^= x >> 12, x ^= x << 25, x ^= x >> 27;
    *state = x;
    return x * 0x2545f4914f6cdd1dULL;
}

static char* area;  // 1 MiB of shared memory, parts of it without rights
enum { kArea = 1 << 20 };

static uint64_t argument(uint64_t* state) {
    static const uint64_t kInteresting[] = {
        0, 1, 2, 3, 4, 8, 16, 64, 255, 256, 4095, 4096, 4097, 65535, 65536, 0x7fffffff, 0x80000000, 0xffffffff, 0x100000000,
        0x7fffffffffff, 0x7fffffffe000, 0x800000000000, 0xffff800000000000, 0xffffffff80000000, 0x7fffffffffffffff,
        0x8000000000000000, ~0ULL, ~0ULL - 1, ~0ULL - 99 /* AT_FDCWD */, ~0ULL - 4095};
    uint64_t r = next(state);
    switch (r % 8) {
        case 0: return kInteresting[(r >> 8) % (sizeof(kInteresting) / sizeof(kInteresting[0]))];
        case 1: return (r >> 8) % 32;                                        // descriptors, small counts
        case 2: return (uint64_t)(uintptr_t)area + (r >> 8) % kArea;           // memory, any alignment
        case 3: return (uint64_t)(uintptr_t)area + ((r >> 8) % (kArea / 4096)) * 4096 + 4096 - (r >> 40) % 64;  // page ends
        case 4: return 1ULL << (r >> 8) % 64;                                // flags
        case 5: return (r >> 8) & ((1ULL << (r >> 50) % 32) - 1);
        case 6: return (uint64_t)(uintptr_t)area;
        default: return r >> 3;
    }
}

static int is_left_out(long number) {
    switch (number) {
        case SYS_exit: case SYS_exit_group:     // only end the life early
        case SYS_fork: case SYS_vfork: case SYS_clone: case SYS_clone3:  // tested by the bombs
        case SYS_pause: case SYS_rt_sigsuspend:
        case SYS_kill: case SYS_tkill: case SYS_tgkill:  // random ones would hit the brothers more than the kernel
            return 1;
        default: return 0;
    }
}

static void scramble(uint64_t* state) {
    // Content that looks like structures: small numbers, pointers, paths.
    static const char* const kPaths[] = {"/", ".", "..", kPlayground, "/proc/self/maps", "/dev/null", "/dev/tty", "x", "/etc/passwd",
                                         "/proc/self/mem", "/dev/ptmx", "/proc/1/stat", "/tmp/call_fuzz/a"};
    uint64_t r = next(state);
    size_t at = (r >> 16) % (kArea / 2);
    if (r & 1) strcpy(area + at, kPaths[(r >> 8) % (sizeof(kPaths) / sizeof(kPaths[0]))]);
    else for (int i = 0; i < 8 && at + 64 < kArea / 2; ++i) ((uint64_t*)(area + (at & ~7ul)))[i] = argument(state);
}

struct Life {
    uint64_t seed;
    int calls;
};
static void* live(void* p) {
    struct Life* life = p;
    uint64_t state = life->seed | 1;
    for (int i = 0; i < life->calls; ++i) {
        long number = (long)(next(&state) % 470);
        if (next(&state) % 256 == 0) number = (long)next(&state);
        if (is_left_out(number)) continue;
        if (next(&state) % 8 == 0) scramble(&state);
        syscall(number, argument(&state), argument(&state), argument(&state), argument(&state), argument(&state),
                argument(&state));
    }
    return NULL;
}

static void worker(uint64_t seed, int threads) {
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    setsid();
    (void)!chdir(kPlayground);
    struct rlimit files = {64, 64}, size = {1 << 20, 1 << 20}, memory = {256 << 20, 256 << 20};
    setrlimit(RLIMIT_NOFILE, &files);
    setrlimit(RLIMIT_FSIZE, &size);
    setrlimit(RLIMIT_AS, &memory);
    int null = open("/dev/null", O_RDWR);
    dup2(null, 0), dup2(null, 1), dup2(null, 2);
    (void)!setgid(65534);
    if (setuid(65534) != 0) _exit(1);
    uint64_t state = seed;
    for (size_t i = 0; i < kArea / 2; i += 8) *(uint64_t*)(area + i) = argument(&state);
    mprotect(area + kArea / 2, kArea / 8, PROT_READ);
    mprotect(area + kArea / 2 + kArea / 8, kArea / 8, PROT_NONE);
    struct Life lives[8];
    for (int i = 0; i < threads; ++i) {
        lives[i] = (struct Life){next(&state), kCallsOfALife};
        pthread_t thread;
        if (i + 1 < threads && pthread_create(&thread, NULL, live, &lives[i]) == 0) pthread_detach(thread);
    }
    live(&lives[threads - 1]);
    _exit(0);
}

static int64_t now_ms(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

static void read_accounting(char* text, size_t size) {
    int fd = open("/proc/gyre/accounting", O_RDONLY);
    ssize_t got = fd >= 0 ? read(fd, text, size - 1) : 0;
    text[got > 0 ? got : 0] = 0;
    if (fd >= 0) close(fd);
}
static long value_of(const char* text, const char* name) {
    const char* at = strstr(text, name);
    return at ? atol(at + strlen(name)) : -1;
}

int main(int argc, char** argv) {
    int seconds = argc > 1 ? atoi(argv[1]) : 10;
    uint64_t seed = argc > 2 ? strtoull(argv[2], NULL, 0) : 1;
    int workers = argc > 3 ? atoi(argv[3]) : 4, threads = argc > 4 ? atoi(argv[4]) : 3;
    if (seconds < 1 || workers < 1 || workers > kMostWorkers || threads < 1 || threads > 8) {
        fprintf(stderr, "usage: call_fuzz SECONDS [SEED [WORKERS (1-16) [THREADS (1-8)]]]\n");
        return 2;
    }
    area = mmap(NULL, kArea, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    memset(area, 0, kArea);  // its pages are not a leak
    char before[512], after[512];
    read_accounting(before, sizeof(before));
    mkdir(kPlayground, 0777);
    int is_mounted = mount("tmpfs", kPlayground, "tmpfs", 0, "mode=1777") == 0;
    printf("TAP version 13\n1..2\n");
    fflush(stdout);

    pid_t pids[kMostWorkers] = {0};
    int64_t deadline = now_ms() + seconds * 1000, ends[kMostWorkers];
    long lives = 0, killed = 0;
    while (now_ms() < deadline) {
        for (int i = 0; i < workers; ++i) {
            if (pids[i] == 0) {
                uint64_t life_seed = seed * 1000003 + (uint64_t)lives++;
                pid_t pid = fork();
                if (pid == 0) worker(life_seed * 0x9e3779b97f4a7c15ULL, threads);
                if (pid < 0) continue;
                pids[i] = pid;
                ends[i] = now_ms() + kLifeMs;
            }
            int status;
            if (waitpid(pids[i], &status, WNOHANG) == pids[i]) pids[i] = 0;
            else if (now_ms() > ends[i]) kill(pids[i], SIGKILL), ends[i] += 1000, ++killed;
        }
        usleep(20000);
    }
    for (int i = 0; i < workers; ++i)
        if (pids[i] != 0) kill(pids[i], SIGKILL), waitpid(pids[i], NULL, 0);
    // Children that a worker left behind (vfork and the like are left out, so there should be none).
    while (waitpid(-1, NULL, WNOHANG) > 0) {}
    if (is_mounted && umount2(kPlayground, 0) != 0) printf("# umount %s: %s\n", kPlayground, strerror(errno));
    rmdir(kPlayground);
    printf("# %ld lives, %ld killed when they hung\n", lives, killed);
    printf("%s 1 - the kernel lives after %d seconds of random calls, seed %llu\n", lives > workers ? "ok" : "not ok", seconds,
           (unsigned long long)seed);

    // Memory is freed a little later (epochs): wait for it, but not for ever.
    static const char* const kNames[] = {"objects ", "handles ", "threads ", "processes "};
    int has_leaked = 1;
    for (int tries = 0; tries < 50 && has_leaked; ++tries) {
        usleep(100000);
        read_accounting(after, sizeof(after));
        has_leaked = 0;
        for (size_t i = 0; i < 4; ++i) has_leaked |= value_of(after, kNames[i]) > value_of(before, kNames[i]);
        has_leaked |= value_of(after, "pages_used ") > value_of(before, "pages_used ") + 256;
    }
    if (before[0] == 0) {
        printf("ok 2 - nothing is left behind # SKIP no /proc/gyre/accounting\n");
    } else {
        printf("%s 2 - nothing is left behind\n", has_leaked ? "not ok" : "ok");
        if (has_leaked) printf("# before:\n%s# after:\n%s", before, after);
    }
    return 0;
}
