// SPDX-License-Identifier: MIT
//
// Programs that want everything: processes, memory, descriptors, threads. The machine must stay usable: after each bomb a new
// process must run, and what it took must come back. Prints TAP. Runs as root; the bombs run as nobody.
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static int number = 0;
static void report(int is_good, const char* name) {
    printf("%s %d - %s\n", is_good ? "ok" : "not ok", ++number, name);
    fflush(stdout);
}

// A child still runs and its status comes back.
static int is_usable(void) {
    for (int tries = 0; tries < 50; ++tries) {
        pid_t child = fork();
        if (child == 0) {
            char* memory = malloc(1 << 20);
            if (!memory) _exit(1);
            memset(memory, 1, 1 << 20);
            int fd = open("/dev/null", O_WRONLY);
            _exit(fd >= 0 && write(fd, memory, 10) == 10 ? 42 : 1);
        }
        int status;
        if (child > 0 && waitpid(child, &status, 0) == child && WIFEXITED(status) && WEXITSTATUS(status) == 42) return 1;
        usleep(100000);
    }
    return 0;
}

static void become_nobody(void) {
    if (setgid(65534) != 0 || setuid(65534) != 0) _exit(99);
}

// Runs the bomb for some seconds in a session of its own, then kills all of nobody's processes.
static void run(void (*bomb)(void), int seconds) {
    pid_t child = fork();
    if (child == 0) {
        setsid();
        become_nobody();
        bomb();
        _exit(0);
    }
    struct timespec start, now;
    clock_gettime(CLOCK_MONOTONIC, &start);
    int status;
    for (;;) {
        if (waitpid(child, &status, WNOHANG) == child) {
            child = 0;
            break;
        }
        clock_gettime(CLOCK_MONOTONIC, &now);
        if (now.tv_sec - start.tv_sec >= seconds) break;
        usleep(50000);
    }
    // kill(-1) as nobody reaches all of nobody's processes; again and again, because they may be forking.
    for (int i = 0; i < 100; ++i) {
        pid_t killer = fork();
        if (killer == 0) {
            become_nobody();
            int result = kill(-1, SIGKILL);
            _exit(result != 0 && errno == ESRCH ? 1 : 0);
        }
        int killer_status = 0;
        if (killer > 0) waitpid(killer, &killer_status, 0);
        while (waitpid(-1, &status, WNOHANG) > 0) {}
        if (killer > 0 && WIFEXITED(killer_status) && WEXITSTATUS(killer_status) == 1) break;
        usleep(20000);
    }
    while (waitpid(-1, &status, WNOHANG) > 0) {}
}

static void fork_bomb(void) {
    struct rlimit processes = {400, 400};
    setrlimit(RLIMIT_NPROC, &processes);
    for (;;) (void)!fork();
}
static void memory_bomb(void) {
    for (;;) {
        char* area = mmap(NULL, 4 << 20, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        if (area == MAP_FAILED) continue;
        for (size_t i = 0; i < 4 << 20; i += 4096) area[i] = 1;
    }
}
static void shared_memory_bomb(void) {
    int fd = open("/tmp/bomb", O_CREAT | O_RDWR | O_TRUNC, 0600);
    char block[65536];
    memset(block, 1, sizeof(block));
    while (write(fd, block, sizeof(block)) > 0) {}
    close(fd);
    unlink("/tmp/bomb");
}
static void descriptor_bomb(void) {
    struct rlimit files;
    getrlimit(RLIMIT_NOFILE, &files);
    files.rlim_cur = files.rlim_max;
    setrlimit(RLIMIT_NOFILE, &files);
    int pair[2];
    while (pipe(pair) == 0) {}
    while (open("/dev/null", O_RDONLY) >= 0) {}
    sleep(1);
}
static void pipe_bomb(void) {
    for (int i = 0; i < 16; ++i)
        if (fork() == 0) {
            int pair[2];
            char block[65536] = {1};
            while (pipe(pair) == 0) {
                fcntl(pair[1], F_SETFL, O_NONBLOCK);
                (void)!write(pair[1], block, sizeof(block));
            }
            sleep(1);
            _exit(0);
        }
    sleep(1);
}
static void* sleeper(void* p) {
    pause();
    return p;
}
static void thread_bomb(void) {
    pthread_t thread;
    pthread_attr_t attributes;
    pthread_attr_init(&attributes);
    pthread_attr_setstacksize(&attributes, 65536);
    for (int i = 0; i < 2000; ++i)
        if (pthread_create(&thread, &attributes, sleeper, NULL) != 0) break;
    sleep(1);
}
static void mapping_bomb(void) {
    for (;;) {
        void* area = mmap(NULL, 3 * 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        if (area == MAP_FAILED) break;
        mprotect((char*)area + 4096, 4096, PROT_NONE);
    }
    sleep(1);
}

int main(void) {
    printf("TAP version 13\n1..8\n");
    report(is_usable(), "usable before the bombs");
    run(fork_bomb, 3);
    report(is_usable(), "usable after a fork bomb");
    run(memory_bomb, 5);
    report(is_usable(), "usable after a memory bomb");
    run(shared_memory_bomb, 5);
    unlink("/tmp/bomb");
    report(is_usable(), "usable after a file-system bomb");
    run(descriptor_bomb, 3);
    report(is_usable(), "usable after a descriptor bomb");
    run(pipe_bomb, 3);
    report(is_usable(), "usable after a bomb of full pipes");
    run(thread_bomb, 3);
    report(is_usable(), "usable after a thread bomb");
    run(mapping_bomb, 3);
    report(is_usable(), "usable after a bomb of mappings");
    return 0;
}
