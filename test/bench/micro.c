// SPDX-License-Identifier: MIT
//
// The micro benchmark: what the calls of a kernel cost. One static program, the same file on Linux and on Gyre; `gyre bench`
// runs it as process 1 in the same QEMU with the same flags. With -icount shift=0 a nanosecond of the guest is an instruction, so
// what it prints is instructions. One line a row: name, value. Ends with a reset.
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/reboot.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static uint64_t cycles_at_start;

// Before main: as close to the first instruction as a C program gets. Under -icount the counter counts from power-on.
__attribute__((constructor(101))) static void note_start(void) { cycles_at_start = __builtin_ia32_rdtsc(); }

static int64_t now_ns(void) {
    struct timespec t;
    syscall(SYS_clock_gettime, CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

static void die(const char* what) {
    printf("error %s: %s\n", what, strerror(errno));
    fflush(stdout);
    if (getpid() == 1) reboot(RB_POWER_OFF);
    exit(1);
}
#define CHECK(expression) ((expression) ? (void)0 : die(#expression))

static const char* self = "/init";
static const char* file = "/bench.file";

static void null_call(int n) {
    for (int i = 0; i < n; ++i) syscall(SYS_getppid);
}
static void open_close(int n) {
    for (int i = 0; i < n; ++i) {
        int fd = open(file, O_RDONLY);
        CHECK(fd >= 0);
        close(fd);
    }
}
static void stat_call(int n) {
    struct stat status;
    for (int i = 0; i < n; ++i) CHECK(stat(file, &status) == 0);
}
static void page_fault(int n) {
    size_t length = (size_t)n * 4096;
    char* area = mmap(NULL, length, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    CHECK(area != MAP_FAILED);
    for (size_t at = 0; at < length; at += 4096) *(volatile char*)(area + at) = 1;
    // The unmapping is not part of the row; see measure_faults.
    munmap(area, length);
}
static int64_t measure_faults(int n) {
    size_t length = (size_t)n * 4096;
    char* area = mmap(NULL, length, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    CHECK(area != MAP_FAILED);
    madvise(area, length, MADV_NOHUGEPAGE);
    *(volatile char*)area = 1;
    int64_t start = now_ns();
    for (size_t at = 4096; at < length; at += 4096) *(volatile char*)(area + at) = 1;
    int64_t end = now_ns();
    munmap(area, length);
    return (end - start) / (n - 1);
}
static void map_unmap(int n) {
    for (int i = 0; i < n; ++i) {
        void* area = mmap(NULL, 65536, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        CHECK(area != MAP_FAILED);
        munmap(area, 65536);
    }
}
static void pipe_round_trip(int n) {
    int there[2], back[2];
    CHECK(pipe(there) == 0 && pipe(back) == 0);
    pid_t child = fork();
    CHECK(child >= 0);
    char byte = 0;
    if (child == 0) {
        for (int i = 0; i < n; ++i)
            if (read(there[0], &byte, 1) != 1 || write(back[1], &byte, 1) != 1) _exit(1);
        _exit(0);
    }
    for (int i = 0; i < n; ++i) CHECK(write(there[1], &byte, 1) == 1 && read(back[0], &byte, 1) == 1);
    int status;
    CHECK(waitpid(child, &status, 0) == child);
    for (int i = 0; i < 2; ++i) close(there[i]), close(back[i]);
}
static void fork_exit_wait(int n) {
    for (int i = 0; i < n; ++i) {
        pid_t child = fork();
        CHECK(child >= 0);
        if (child == 0) _exit(0);
        int status;
        CHECK(waitpid(child, &status, 0) == child);
    }
}
static void fork_exec_wait(int n) {
    for (int i = 0; i < n; ++i) {
        pid_t child = fork();
        CHECK(child >= 0);
        if (child == 0) {
            char* arguments[] = {"exec", "exit", NULL};
            char* environment[] = {NULL};
            execve(self, arguments, environment);
            _exit(1);
        }
        int status;
        CHECK(waitpid(child, &status, 0) == child && status == 0);
    }
}
static void* thread_body(void* argument) { return argument; }
static void thread_create_join(int n) {
    for (int i = 0; i < n; ++i) {
        pthread_t thread;
        CHECK(pthread_create(&thread, NULL, thread_body, NULL) == 0);
        pthread_join(thread, NULL);
    }
}
static void yield_call(int n) {
    for (int i = 0; i < n; ++i) syscall(SYS_sched_yield);
}
static void clock_vdso(int n) {
    struct timespec t;
    for (int i = 0; i < n; ++i) clock_gettime(CLOCK_MONOTONIC, &t);
}
static int data_fd = -1;
static char buffer[65536];
static void read_4k(int n) {
    for (int i = 0; i < n; ++i) CHECK(pread(data_fd, buffer, 4096, 0) == 4096);
}
static void write_4k(int n) {
    for (int i = 0; i < n; ++i) CHECK(pwrite(data_fd, buffer, 4096, 0) == 4096);
}
static void create_unlink(int n) {
    for (int i = 0; i < n; ++i) {
        int fd = open("/bench.new", O_CREAT | O_EXCL | O_WRONLY, 0600);
        CHECK(fd >= 0);
        close(fd);
        CHECK(unlink("/bench.new") == 0);
    }
}
static void eventfd_write_read(int n) {
    int fd = eventfd(0, 0);
    uint64_t value = 1;
    for (int i = 0; i < n; ++i) CHECK(write(fd, &value, 8) == 8 && read(fd, &value, 8) == 8);
    close(fd);
}
static void on_signal(int number) { (void)number; }
static void signal_self(int n) {
    struct sigaction action = {.sa_handler = on_signal};
    sigaction(SIGUSR1, &action, NULL);
    pid_t pid = getpid();
    for (int i = 0; i < n; ++i) kill(pid, SIGUSR1);
}
static uint32_t word;
static void futex_wake(int n) {
    for (int i = 0; i < n; ++i) syscall(SYS_futex, &word, 1 | 128, 1, NULL, NULL, 0);
}

static void row(const char* name, void (*body)(int), int n) {
    body(n > 20 ? n / 20 : 1);  // warm
    int64_t best = INT64_MAX;
    for (int round = 0; round < 3; ++round) {
        int64_t start = now_ns();
        body(n);
        int64_t cost = (now_ns() - start) / n;
        if (cost < best) best = cost;
    }
    printf("%s %lld\n", name, (long long)best);
    fflush(stdout);
}

static void memory_in_use(void) {
    mkdir("/proc", 0555);
    mount("proc", "/proc", "proc", 0, NULL);
    FILE* info = fopen("/proc/meminfo", "r");
    if (!info) return;
    char line[128];
    long long total = 0, available = 0, free_kb = 0, value;
    while (fgets(line, sizeof(line), info)) {
        if (sscanf(line, "MemTotal: %lld", &value) == 1) total = value;
        if (sscanf(line, "MemFree: %lld", &value) == 1) free_kb = value;
        if (sscanf(line, "MemAvailable: %lld", &value) == 1) available = value;
    }
    fclose(info);
    printf("memory_total_kb %lld\nmemory_free_kb %lld\nmemory_available_kb %lld\n", total, free_kb, available);
}

int main(int argc, char** argv) {
    if (argc > 1 && strcmp(argv[1], "exit") == 0) return 0;
    int is_init = getpid() == 1;
    if (is_init) {
        mkdir("/dev", 0755);
        if (access("/dev/console", F_OK) != 0) mount("devtmpfs", "/dev", "devtmpfs", 0, NULL);
        int fd = open("/dev/console", O_RDWR);
        if (fd >= 0) {
            dup2(fd, 0), dup2(fd, 1), dup2(fd, 2);
            if (fd > 2) close(fd);
        }
    } else {
        self = argv[0];
        file = "bench.file";
    }
    int is_boot_only = argc > 1 && strcmp(argv[1], "boot") == 0;
    printf("bench begin\nboot_to_user %llu\n", (unsigned long long)cycles_at_start);
    memory_in_use();
    fflush(stdout);
    if (!is_boot_only) {
        data_fd = open(file, O_CREAT | O_RDWR | O_TRUNC, 0644);
        CHECK(data_fd >= 0 && write(data_fd, buffer, sizeof(buffer)) == sizeof(buffer));
        row("null_call", null_call, 20000);
        row("open_close", open_close, 5000);
        row("stat", stat_call, 5000);
        int64_t fault = measure_faults(4096);
        for (int i = 0; i < 2; ++i) {
            int64_t again = measure_faults(4096);
            if (again < fault) fault = again;
        }
        printf("page_fault %lld\n", (long long)fault);
        row("page_fault_and_unmap", page_fault, 2048);
        row("mmap_munmap", map_unmap, 2000);
        row("pipe_round_trip", pipe_round_trip, 2000);
        row("fork_exit_wait", fork_exit_wait, 100);
        row("fork_exec_wait", fork_exec_wait, 50);
        row("thread_create_join", thread_create_join, 500);
        row("sched_yield", yield_call, 10000);
        row("clock_gettime_vdso", clock_vdso, 20000);
        row("read_4k", read_4k, 5000);
        row("write_4k", write_4k, 5000);
        row("create_unlink", create_unlink, 1000);
        row("eventfd_write_read", eventfd_write_read, 5000);
        row("signal_self", signal_self, 2000);
        row("futex_wake_nobody", futex_wake, 10000);
    }
    printf("bench end\n");
    fflush(stdout);
    if (is_init) {
        // What the console still holds has to come out first.
        usleep(20000);
        sync();
        // A reset ends QEMU (-no-reboot) on every machine; not every machine can turn itself off.
        reboot(RB_AUTOBOOT);
        pause();
    }
    return 0;
}
