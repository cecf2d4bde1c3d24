// SPDX-License-Identifier: MIT
//
// Random system calls: random numbers, arguments and pointers, from several threads of several processes that share memory; half of
// them calls whose arguments are of the kind that they expect (call_shapes.h), on descriptors of every kind, in children cloned with
// random flags. A supervisor starts workers without privileges, each with a user of its own, kills those that hang, and starts them
// again, for so many seconds. What is tested is that the kernel lives, and that nothing is left: /proc/gyre/accounting before and
// after. Prints TAP.
//   call_fuzz SECONDS [SEED [WORKERS [THREADS]]]
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "test/accounting.h"
#include "call_shapes.h"

// A file system of its own, so that what the calls make in it goes with it.
static const char kPlayground[] = "/tmp/call_fuzz";
enum { kFirstUser = 60000, kDescriptors = 30, kMostWorkers = 16, kCallsOfALife = 20000, kLifeMs = 2000,
       kMostSweeps = 2000, kPatienceMs = 20000 };

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
        case SYS_fork: case SYS_vfork: case SYS_clone: case SYS_clone3:  // clone_child makes children
        case SYS_pause: case SYS_rt_sigsuspend:
        case SYS_kill: case SYS_tkill: case SYS_tgkill:  // these hit the brothers more than the kernel: now and then only
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

static uint64_t shaped_argument(char shape, uint64_t* state) {
    uint64_t r = next(state);
    if (r % 16 == 0) return argument(state);
    r >>= 4;
    switch (shape) {
        case 'f': return 3 + r % kDescriptors;
        case 'd': return r % 3 ? (uint64_t)AT_FDCWD : 3 + r % kDescriptors;
        case 's': return (uint64_t)(uintptr_t)kNames[r % (sizeof(kNames) / sizeof(kNames[0]))];
        case 'l': return r % 5000;                                             // a length
        case 'z': return 0;
        case 'i': return kIoctls[r % (sizeof(kIoctls) / sizeof(kIoctls[0]))];
        case 'c': return r % 2 ? r % 40 : 1024 + r % 20;                       // fcntl's commands, small numbers
        case 'b': return 1ULL << r % 32 | (r >> 40) % 16;                      // flags
        case 'g': return 1 + r % 64;                                           // a signal
        case 'm': return (uint64_t)(uintptr_t)area + r % 64 * 4096;            // pages
        case 't': return (uint64_t)(uintptr_t)&kBriefTimes[r % (sizeof(kBriefTimes) / sizeof(kBriefTimes[0]))];
        case 'o': return r % 14 | (r >> 8) % 4 * 128;                          // futex's operations
        default: return (uint64_t)(uintptr_t)area + r % (kArea / 2);           // 'p'
    }
}

static void shaped_call(uint64_t* state) {
    const struct CallShape* shape = &kShapes[next(state) % (sizeof(kShapes) / sizeof(kShapes[0]))];
    uint64_t a[6] = {0};
    for (int i = 0; shape->arguments[i]; ++i) a[i] = shaped_argument(shape->arguments[i], state);
    syscall(shape->number, a[0], a[1], a[2], a[3], a[4], a[5]);
}

static int one_call(uint64_t* state) {
    uint64_t r = next(state);
    if (r % 2) {
        shaped_call(state);
        return 1;
    }
    long number = (long)((r >> 8) % 470);
    if ((r >> 24) % 256 == 0) number = (long)next(state);
    if (is_left_out(number) && ((r >> 32) % 64 || number < SYS_kill)) return 0;
    if ((r >> 40) % 8 == 0) scramble(state);
    syscall(number, argument(state), argument(state), argument(state), argument(state), argument(state), argument(state));
    return 1;
}

// A child by clone with random flags; it makes some calls, or becomes an odd program. What shares our memory would share our
// stack: not here (threads do).
static void clone_child(uint64_t* state) {
    uint64_t r = next(state);
    const uint64_t flags = (r & 0xfefffe00 & ~(uint64_t)(CLONE_VM | CLONE_THREAD | CLONE_SIGHAND)) & next(state);
    const uint64_t signal = (r >> 32) % 3 ? SIGCHLD : (r >> 40) % 65;
    long child = syscall(SYS_clone, flags | signal, 0, argument(state), argument(state), argument(state));
    if (child == 0) {
        if ((r >> 48) % 4 == 0) {
            char* const arguments[] = {(char*)shaped_argument('s', state), (char*)shaped_argument('s', state), NULL};
            syscall(SYS_execve, shaped_argument('s', state), arguments, NULL);
        }
        for (int i = 0; i < 40; ++i) one_call(state);
        syscall(SYS_exit_group, 0);
    }
    while (waitpid(-1, NULL, WNOHANG | __WALL) > 0) {}
}

struct Life {
    uint64_t seed;
    int calls;
};
static void* live(void* p) {
    struct Life* life = p;
    uint64_t state = life->seed | 1;
    for (int i = 0; i < life->calls; ++i) {
        one_call(&state);
        if (next(&state) % 512 == 0) clone_child(&state);
    }
    return NULL;
}

// Descriptors of every kind, from 3 on.
static void open_descriptors(void) {
    static const char* const kOpened[] = {"/dev/zero", "/dev/urandom", "/proc/self/maps", "/proc/self/fd", "/proc/self/mem", ".",
                                          "/dev/tty", "/proc/self/status", "/dev/full", "/proc/self/task"};
    int pair[2];
    sigset_t signals;
    sigfillset(&signals);
    (void)!open("file", O_CREAT | O_RDWR | O_APPEND * (rand() % 2), 0666);
    for (int i = 0; i < 2; ++i)
        if (pipe2(pair, O_NONBLOCK * i) == 0) (void)!write(pair[1], kPlayground, 10);
    for (int i = 0; i < 2; ++i) (void)!syscall(SYS_epoll_create1, 0), (void)!syscall(SYS_eventfd2, i, O_NONBLOCK);
    (void)!syscall(SYS_timerfd_create, 1, 0), (void)!syscall(SYS_timerfd_create, 0, O_NONBLOCK);
    (void)!syscall(SYS_signalfd4, -1, &signals, 8, O_NONBLOCK);
    int terminal = open("/dev/ptmx", O_RDWR | O_NOCTTY | O_NONBLOCK), unlocked = 0, number = -1;
    ioctl(terminal, TIOCSPTLCK, &unlocked), ioctl(terminal, TIOCGPTN, &number);
    char name[32];
    snprintf(name, sizeof(name), "/dev/pts/%d", number);
    (void)!open(name, O_RDWR | O_NONBLOCK);
    int memory = (int)syscall(SYS_memfd_create, "fuzz", 2);
    (void)!ftruncate(memory, 20000);
    (void)!syscall(SYS_pidfd_open, getpid(), 0);
    mkfifo("fifo", 0666);
    (void)!open("fifo", O_RDWR | O_NONBLOCK);
    for (size_t i = 0; i < sizeof(kOpened) / sizeof(kOpened[0]); ++i)
        if (open(kOpened[i], O_RDWR | O_NONBLOCK) < 0) (void)!open(kOpened[i], O_RDONLY | O_NONBLOCK);
}

// Kills all that the worker left behind; its user is nobody else's.
static void sweep(unsigned user) {
    for (int i = 0; i < kMostSweeps; ++i) {
        pid_t killer = fork();
        if (killer == 0) {
            if (setgid(user) != 0 || setuid(user) != 0) _exit(1);
            _exit(kill(-1, SIGKILL) != 0 && errno == ESRCH ? 1 : 0);
        }
        int status = 0;
        if (killer > 0 && waitpid(killer, &status, 0) == killer && WIFEXITED(status) && WEXITSTATUS(status) == 1) return;
        usleep(1000);
    }
}

// Removes what the workers made outside of the playground, in directories that anybody may write to: files are no leak.
static long files_left;
static int remove_if_theirs(const char* path, const struct stat* facts, int kind, struct FTW* place) {
    (void)place;
    if (facts->st_uid < kFirstUser || facts->st_uid >= kFirstUser + kMostWorkers) return 0;
    ++files_left;
    if (kind == FTW_DP) rmdir(path);
    else unlink(path);
    return 0;
}
static void sweep_files(void) {
    static const char* const kWritable[] = {"/tmp", "/var/tmp", "/dev/shm"};
    for (size_t i = 0; i < sizeof(kWritable) / sizeof(kWritable[0]); ++i)
        nftw(kWritable[i], remove_if_theirs, 16, FTW_PHYS | FTW_DEPTH);
}

static void worker(uint64_t seed, int threads, unsigned user) {
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    setsid();
    (void)!chdir(kPlayground);
    struct rlimit files = {64, 64}, size = {1 << 20, 1 << 20}, memory = {256 << 20, 256 << 20};
    setrlimit(RLIMIT_NOFILE, &files);
    setrlimit(RLIMIT_FSIZE, &size);
    setrlimit(RLIMIT_AS, &memory);
    int null = open("/dev/null", O_RDWR);
    dup2(null, 0), dup2(null, 1), dup2(null, 2);
    struct rlimit processes = {30, 30};
    setrlimit(RLIMIT_NPROC, &processes);
    (void)!setgid(user);
    if (setuid(user) != 0) _exit(1);
    srand((unsigned)seed);
    open_descriptors();
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
    Accounting before, after;
    accounting_read(&before);
    mkdir(kPlayground, 0777);
    mkdir("/dev/pts", 0755), mount("devpts", "/dev/pts", "devpts", 0, "");
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
                if (pid == 0) worker(life_seed * 0x9e3779b97f4a7c15ULL, threads, kFirstUser + (unsigned)i);
                if (pid < 0) continue;
                pids[i] = pid;
                ends[i] = now_ms() + kLifeMs;
            }
            int status;
            if (waitpid(pids[i], &status, WNOHANG) == pids[i]) pids[i] = 0, sweep(kFirstUser + (unsigned)i);
            else if (now_ms() > ends[i]) kill(pids[i], SIGKILL), ends[i] += 1000, ++killed;
        }
        usleep(20000);
    }
    for (int i = 0; i < workers; ++i)
        if (pids[i] != 0) kill(pids[i], SIGKILL), waitpid(pids[i], NULL, 0), sweep(kFirstUser + (unsigned)i);
    // Children that were made with CLONE_PARENT are ours.
    while (waitpid(-1, NULL, WNOHANG | __WALL) > 0) {}
    if (is_mounted && umount2(kPlayground, 0) != 0) printf("# umount %s: %s\n", kPlayground, strerror(errno));
    rmdir(kPlayground);
    sweep_files();
    printf("# %ld lives, %ld killed when they hung, %ld files left outside of the playground\n", lives, killed, files_left);
    printf("%s 1 - the kernel lives after %d seconds of random calls, seed %llu\n", lives > workers ? "ok" : "not ok", seconds,
           (unsigned long long)seed);

    // Every CPU keeps pages, stacks and half-filled slabs in hand: it grows to that and stays there.
    const AccountingSlack slack = {.objects = 0, .pages = 128 * (1 + sysconf(_SC_NPROCESSORS_ONLN)), .heap_bytes = -1};
    accounting_verdict(2, &before, &after, accounting_comes_back(&before, &after, slack, kPatienceMs));
    return 0;
}
