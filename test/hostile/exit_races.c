// SPDX-License-Identifier: MIT
//
// Processes with threads that come and go - by exit, by exec from any thread, by signals - while others look at all that /proc
// says of them, send them signals, stop and continue them, move them to other process groups and read their memory. The kernel
// lives, and nothing is left. Prints TAP.
//   exit_races SECONDS
#define _GNU_SOURCE
#include <dirent.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "test/accounting.h"

enum { kMakers = 4, kLookers = 4, kPatienceMs = 20000 };
static char* self_path;

static uint64_t next(uint64_t* state) {  // xorshift64*
    uint64_t x = *state;
    x ^= x >> 12, x ^= x << 25, x ^= x >> 27;
    *state = x;
    return x * 0x2545f4914f6cdd1dULL;
}
static int64_t now_ms(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

static void* some_end(void* p) {
    uint64_t state = (uint64_t)(uintptr_t)p;
    struct timespec brief = {0, (long)(next(&state) % 2000000)};
    nanosleep(&brief, NULL);
    switch (next(&state) % 6) {
        case 0: execl(self_path, self_path, "--nothing", NULL); break;
        case 1: _exit(3);
        case 2: raise(SIGSEGV); break;
        case 3: syscall(SYS_exit, 0); break;   // a leader that goes first stays as a zombie
        case 4: kill(getpid(), SIGTERM); break;
        default: break;
    }
    return NULL;
}

// To a group of its own and back to its parent's. A shell's child and the shell do so at the same time.
static void change_groups(pid_t who, pid_t parents_group) {
    enum { kMoves = 200 };
    for (int i = 0; i < kMoves; ++i) setpgid(who, i % 2 == 0 ? who : parents_group);
}

static __attribute__((noinline)) void become_nothing_by_vfork(void) {
    if (vfork() != 0) return;
    execl(self_path, self_path, "--nothing", NULL);
    _exit(1);
}

static void short_life(uint64_t seed) {
    uint64_t state = seed | 1;
    if (next(&state) % 4 != 0) change_groups(0, getpgid(getppid()));
    for (int i = (int)(next(&state) % 4); i > 0; --i) {
        pthread_t thread;
        if (pthread_create(&thread, NULL, some_end, (void*)(uintptr_t)(next(&state) | 1)) == 0) pthread_detach(thread);
    }
    if (next(&state) % 4 == 0 && fork() == 0) some_end((void*)(uintptr_t)(next(&state) | 1)), _exit(0);  // an orphan
    if (next(&state) % 8 == 0) become_nothing_by_vfork();
    some_end((void*)(uintptr_t)(next(&state) | 1));
    usleep(2000);
    _exit(0);
}

static void make(uint64_t seed, int64_t deadline, volatile long* lives) {
    uint64_t state = seed | 1;
    while (now_ms() < deadline) {
        pid_t child = fork();
        if (child == 0) short_life(next(&state));
        if (child < 0) continue;
        if (next(&state) % 4 != 0) change_groups(child, getpgrp());
        __atomic_fetch_add(lives, 1, __ATOMIC_RELAXED);
        const int64_t end = now_ms() + 3000;
        while (waitpid(child, NULL, WNOHANG) == 0) {
            if (now_ms() > end) kill(child, SIGCONT), kill(child, SIGKILL);
            usleep(200);
        }
    }
    _exit(0);
}

static void look(uint64_t seed, int64_t deadline, volatile long* looks) {
    static const char* const kFiles[] = {"maps", "stat", "status", "cmdline", "environ", "fd", "task", "cwd", "exe", "root", "statm",
                                         "fdinfo/0", "mem", "comm", "limits", "smaps", "oom_score", "wchan", "mountinfo", "fd/0"};
    uint64_t state = seed | 1;
    char name[64], text[4096];
    while (now_ms() < deadline) {
        // The numbers go up: the newest are near the one that a child of ours gets.
        pid_t probe = fork();
        if (probe == 0) _exit(0);
        if (probe > 0) waitpid(probe, NULL, 0);
        for (int i = 0; i < 40; ++i) {
            const pid_t pid = probe - (pid_t)(next(&state) % 24) + 4;
            if (pid <= 2 || pid == getpid()) continue;
            snprintf(name, sizeof(name), "/proc/%d/%s", pid, kFiles[next(&state) % (sizeof(kFiles) / sizeof(kFiles[0]))]);
            (void)!readlink(name, text, sizeof(text));
            int fd = open(name, O_RDONLY | O_NONBLOCK);
            if (fd >= 0) {
                if (next(&state) % 8 == 0) sched_yield();
                (void)!read(fd, text, sizeof(text));
                (void)!syscall(SYS_getdents64, fd, text, sizeof(text));
                close(fd);
                __atomic_fetch_add(looks, 1, __ATOMIC_RELAXED);
            }
            struct iovec here = {text, 64}, there = {(void*)0x400000, 64};
            process_vm_readv(pid, &here, 1, &there, 1, 0);
            int pidfd = (int)syscall(SYS_pidfd_open, pid, 0);
            if (pidfd >= 0) {
                int taken = (int)syscall(SYS_pidfd_getfd, pidfd, 1, 0);
                if (taken >= 0) close(taken);
                close(pidfd);
            }
            syscall(SYS_sched_getaffinity, pid, sizeof(text), text), getpgid(pid), getsid(pid);
        }
    }
    _exit(0);
}

// Stops and continues the short-lived: the makers and lookers have low numbers.
static void disturb(uint64_t seed, int64_t deadline) {
    uint64_t state = seed | 1;
    static const int kSignals[] = {SIGSTOP, SIGCONT, SIGTSTP, SIGCHLD, SIGURG, SIGWINCH};
    while (now_ms() < deadline) {
        pid_t probe = fork();
        if (probe == 0) _exit(0);
        if (probe > 0) waitpid(probe, NULL, 0);
        for (int i = 0; i < 10; ++i) {
            const pid_t pid = probe - (pid_t)(next(&state) % 16) + 2;
            if (pid <= getpid() + 8) continue;
            kill(pid, kSignals[next(&state) % (sizeof(kSignals) / sizeof(kSignals[0]))]);
            if (next(&state) % 2) usleep(200);
            kill(pid, SIGCONT);
        }
    }
    _exit(0);
}

int main(int argc, char** argv) {
    if (argc > 1 && strcmp(argv[1], "--nothing") == 0) return 0;
    const int seconds = argc > 1 ? atoi(argv[1]) : 20;
    self_path = realpath(argv[0], NULL);
    signal(SIGHUP, SIG_IGN);  // what a group gets that is orphaned while some of it are stopped: ours, too
    long* counts = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    counts[0] = counts[1] = 0;
    printf("TAP version 13\n1..2\n");
    fflush(stdout);
    Accounting before, after;
    accounting_read(&before);
    const int64_t deadline = now_ms() + seconds * 1000;
    pid_t pids[kMakers + kLookers + 1];
    for (int i = 0; i < kMakers + kLookers + 1; ++i) {
        pids[i] = fork();
        if (pids[i] != 0) continue;
        const uint64_t seed = (uint64_t)(i + 1) * 0x9e3779b97f4a7c15ULL;
        if (i < kMakers) make(seed, deadline, &counts[0]);
        if (i < kMakers + kLookers) look(seed, deadline, &counts[1]);
        disturb(seed, deadline);
    }
    for (int i = 0; i < kMakers + kLookers + 1; ++i) waitpid(pids[i], NULL, 0);
    kill(-1, SIGCONT);
    printf("# %ld lives, %ld looks\n", counts[0], counts[1]);
    printf("%s 1 - the kernel lives after %d seconds of comings and goings\n", counts[0] > 10 && counts[1] > 10 ? "ok" : "not ok",
           seconds);
    const AccountingSlack slack = {.objects = 0, .pages = -1, .heap_bytes = -1};
    accounting_verdict(2, &before, &after, accounting_comes_back(&before, &after, slack, kPatienceMs));
    return 0;
}
