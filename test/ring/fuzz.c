/* SPDX-License-Identifier: MIT */
/*
 * A hostile program: `ring_fuzz SECONDS [seed]`. Processes open rings and, at once and at random,
 * rewrite rings while the kernel reads them, enter, work, cancel, ring the doorbell, wait, fork,
 * exec, close, unmap, and are killed. It does not judge what the kernel answers; the judge is the
 * kernel's own log (run.sh) and that the machine lives on: at the end a fresh ring must work.
 *
 * Only calls that cannot harm the machine by themselves go into entries: the module is on trial.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "abi/ksvc/ksvc.h"

#define VICTIMS 4
#define THREADS 3

static int ring_fd = -1;
static struct ksvc_ring_header *submit, *complete;
static struct ksvc_create_params params;
static volatile uint64_t *doorbell, *wait_page;
static volatile uint32_t* shared;
static char scratch[4096];
static bool has_filters; /* some of its threads get seccomp filters of their own */

static __thread uint64_t state;

static uint64_t draw(uint64_t bound)
{
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return state % bound;
}

static uint64_t draw_wild(void)
{
    switch (draw(6)) {
    case 0: return 0;
    case 1: return ~0ull;
    case 2: return (uint64_t)(uintptr_t)scratch + draw(sizeof(scratch));
    case 3: return (uint64_t)(uintptr_t)submit + draw(8192);
    case 4: return (uint64_t)(uintptr_t)wait_page;
    default: return draw(64);
    }
}

static uint32_t draw_call(void)
{
    static const uint32_t calls[] = {
        KSVC_NR_NOP, KSVC_NR_NOP, SYS_read, SYS_write, SYS_readv, SYS_writev, SYS_pread64,
        SYS_pwrite64, SYS_preadv, SYS_pwritev, SYS_poll, SYS_recvfrom, SYS_sendto, SYS_fsync,
        SYS_getpid, SYS_close, SYS_accept4, SYS_nanosleep, SYS_open, SYS_openat, SYS_dup, 500,
        SYS_clock_nanosleep, SYS_pipe2, SYS_fork, 0xFFFF, SYS_sendmsg, SYS_recvmsg, SYS_accept,
        SYS_connect,
    };

    return calls[draw(sizeof(calls) / sizeof(*calls))];
}

static void scribble(void)
{
    struct ksvc_entry* entries = (void*)((char*)submit + KSVC_ENTRIES_OFFSET);
    struct ksvc_entry* entry = &entries[draw(params.submit_ring_entries)];

    entry->corr_id = draw(4);
    entry->syscall_nr = draw_call();
    entry->flags = (uint32_t)(draw(8) ? draw(16) : draw(1u << 31));
    for (int index = 0; index < 6; index++) entry->args[index] = draw_wild();
    switch (draw(16)) {
    case 0: submit->tail = draw_wild(); break;
    case 1: complete->head = draw_wild(); break;
    case 2: memset(submit, (int)draw(256), 64); break;
    case 3: memset(complete, (int)draw(256), 256); break;
    case 4: submit->head = draw_wild(); break;
    case 5: complete->head = complete->tail; break;
    default: submit->tail = submit->head + draw(params.submit_ring_entries + 1); break;
    }
}

static void* work(void* unused)
{
    struct ksvc_work call;

    (void)unused;
    memset(&call, 0, sizeof(call));
    while (ioctl(ring_fd, KSVC_IOC_WORK, &call) == 0 || errno == EINTR) {
        if (!call.ticket) continue;
        if (call.syscall_nr == SYS_getpid && (call.args[0] & 7) == 3) return NULL;
        call.result = syscall((long)call.syscall_nr, call.args[0], call.args[1], call.args[2],
                              call.args[3], call.args[4], call.args[5]);
        if ((call.args[1] & 31) == 5) call.ticket++;
    }
    return NULL;
}

/* A second mapping, and a second descriptor, for a moment. */
static void copy_of_a_ring(void)
{
    size_t bytes = draw(2) ? params.out.complete_map_bytes : KSVC_PAGE_BYTES;
    off_t offset = (off_t)(draw(6) * 0x100000);
    char* map = mmap(NULL, bytes, PROT_READ | (draw(2) ? PROT_WRITE : 0), MAP_SHARED, ring_fd, offset);
    int copy = dup(ring_fd);

    if (map != MAP_FAILED && offset != (off_t)KSVC_MMAP_WAIT) (void)*(volatile char*)map;
    if (draw(4) && copy >= 0) close(copy);
    if (draw(4) && map != MAP_FAILED) munmap(map, bytes);
}

/* Of this thread alone or of all: getpid(2) is refused, kills its thread, or nothing happens. */
static void filter_calls(void)
{
    static const uint32_t actions[] = {SECCOMP_RET_ALLOW, SECCOMP_RET_ERRNO | EDOM, SECCOMP_RET_KILL_THREAD};
    struct sock_filter code[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, 0),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_getpid, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, actions[draw(3)]),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };
    struct sock_fprog program = {sizeof(code) / sizeof(*code), code};

    prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
    syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, draw(2) ? SECCOMP_FILTER_FLAG_TSYNC : 0, &program);
}

static void act(void)
{
    struct ksvc_enter enter = {.submit_count = (uint32_t)draw(5000),
                               .min_complete = (uint32_t)(draw(3) ? 0 : draw(20)),
                               .timeout_ns = (int64_t)draw(2000000)};
    struct ksvc_cancel cancel = {.corr_id = draw(5)};
    struct pollfd entry = {ring_fd, POLLIN | POLLOUT, 0};
    struct ksvc_work forged = {.ticket = draw(1ull << 40)};
    pthread_t thread;

    switch (draw(40)) {
    case 0: case 1: case 2: case 3: ioctl(ring_fd, KSVC_IOC_CANCEL, &cancel); break;
    case 4: case 5: poll(&entry, 1, (int)draw(2)); break;
    case 6: ioctl(ring_fd, KSVC_IOC_DISMISS); break;
    case 7: ioctl(ring_fd, KSVC_IOC_CREATE, &params); break;
    case 8: if (forged.ticket) ioctl(ring_fd, KSVC_IOC_WORK, &forged); break;
    case 9: case 10: *doorbell = 1; break;
    case 11: if (complete->tail != complete->head) (void)*wait_page; break;
    case 12: if (pthread_create(&thread, NULL, work, NULL) == 0) pthread_detach(thread); break;
    case 13: (void)shared[draw(1024)]; break;
    case 15: copy_of_a_ring(); break;
    case 16: if (has_filters && draw(8) == 0) filter_calls(); break;
    case 14: ioctl(ring_fd, draw(2) ? KSVC_IOC_ENTER : KSVC_IOC_WORK, draw_wild()); break;
    default: ioctl(ring_fd, KSVC_IOC_ENTER, &enter); break;
    }
}

static void* torment(void* seed)
{
    state = (uint64_t)(uintptr_t)seed | 1;
    for (;;) {
        scribble();
        if (draw(4) == 0) act();
    }
    return NULL;
}

static void* map(uint64_t offset, size_t bytes, int protection)
{
    void* address = mmap(NULL, bytes, protection, MAP_SHARED, ring_fd, (off_t)offset);

    if (address == MAP_FAILED) _exit(1);
    return address;
}

static void open_ring(uint32_t submit_entries, uint32_t complete_entries)
{
    int both = PROT_READ | PROT_WRITE;

    ring_fd = open(KSVC_DEVICE_PATH, O_RDWR);
    memset(&params, 0, sizeof(params));
    params.submit_ring_entries = submit_entries;
    params.complete_ring_entries = complete_entries;
    params.eventfd = -1;
    if (ioctl(ring_fd, KSVC_IOC_CREATE, &params)) _exit(1);
    submit = map(KSVC_MMAP_SUBMIT, params.out.submit_map_bytes, both);
    complete = map(KSVC_MMAP_COMPLETE, params.out.complete_map_bytes, both);
    doorbell = map(KSVC_MMAP_DOORBELL, 4096, both);
    wait_page = map(KSVC_MMAP_WAIT, 4096, PROT_READ);
    shared = map(KSVC_MMAP_SHARED, 4096, PROT_READ);
}

static void victim(uint64_t seed)
{
    pthread_t thread;
    int ends[2];

    state = seed | 1;
    has_filters = draw(3) == 0;
    alarm(20);
    for (int fd = 0; fd < 3; fd++) close(fd); /* entries write to low descriptors */
    if (socketpair(AF_UNIX, SOCK_STREAM, 0, ends) || pipe(ends)) _exit(1);
    open_ring(16u << draw(9), 16u << draw(9));
    for (int index = 0; index < THREADS; index++) {
        if (pthread_create(&thread, NULL, work, NULL) == 0) pthread_detach(thread);
        if (pthread_create(&thread, NULL, torment, (void*)(uintptr_t)draw(~0ull)) == 0)
            pthread_detach(thread);
    }
    for (int round = (int)draw(60); round > 0; round--) {
        struct timespec pause = {0, (long)draw(1000000)};

        act();
        nanosleep(&pause, NULL);
    }
    if (draw(3) == 0 && fork() == 0) { /* a child that keeps everything for a moment */
        usleep((unsigned)draw(20000));
        (void)shared[2];
        *doorbell = 1;
        _exit(0);
    }
    switch (draw(5)) {
    case 0: close(ring_fd); usleep(2000); break;
    case 1: execl("/proc/self/exe", "ring_fuzz", "--leave", NULL); break;
    case 2: kill(getpid(), SIGKILL); break;
    case 3: munmap(submit, params.out.submit_map_bytes); break;
    default: break;
    }
    _exit(0);
}

static int machine_lives(void)
{
    struct ksvc_enter enter = {.submit_count = 1, .min_complete = 1, .timeout_ns = 1000000000};
    struct ksvc_entry* entries;

    open_ring(16, 16);
    entries = (void*)((char*)submit + KSVC_ENTRIES_OFFSET);
    entries[0] = (struct ksvc_entry){7, KSVC_NR_NOP, 0, {0}};
    ksvc_store_release(&submit->tail, 1);
    return ioctl(ring_fd, KSVC_IOC_ENTER, &enter) == 1 && complete->tail == 1;
}

int main(int count, char** arguments)
{
    time_t end;
    int running = 0, rounds = 0;
    uint64_t seed = count > 2 ? strtoull(arguments[2], NULL, 0) : 0x9E3779B97F4A7C15ull;

    if (count < 2 || strcmp(arguments[1], "--leave") == 0) return 0;
    end = time(NULL) + atoi(arguments[1]);
    signal(SIGPIPE, SIG_IGN);
    state = seed;
    printf("TAP version 13\n# seed %#llx\n", (unsigned long long)seed);
    fflush(stdout);
    while (time(NULL) < end) {
        while (running < VICTIMS) {
            uint64_t own = draw(~0ull);
            pid_t pid = fork();

            if (pid == 0) victim(own);
            if (pid < 0) break;
            running++;
            rounds++;
            if (draw(3) == 0) { /* killed at some moment */
                usleep((unsigned)draw(100000));
                kill(pid, SIGKILL);
            }
        }
        if (wait(NULL) > 0) running--;
    }
    while (wait(NULL) > 0) {
    }
    printf("# %d processes\n", rounds);
    printf("%s 1 - fuzz: a fresh ring works after %s seconds\n1..1\n",
           machine_lives() ? "ok" : "not ok", arguments[1]);
    return 0;
}
