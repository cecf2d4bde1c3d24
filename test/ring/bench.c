/* SPDX-License-Identifier: MIT */
/*
 * What a NOP costs by the device and by io_uring, batch by batch, and what an idle ring costs, in
 * nanoseconds of the guest's clock; under QEMU's -icount shift=0 that is instructions, user and
 * kernel together. Medians of seven; for the idle ring the least of four. io_uring is driven by hand, as liburing would: no liburing here, one static program.
 */
#include <linux/io_uring.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <fcntl.h>
#include <time.h>
#include <unistd.h>

#include "abi/ksvc/ksvc.h"

#define RUNS 7
#define NOPS_PER_RUN 8192

static int64_t now_ns(void)
{
    struct timespec time;

    clock_gettime(CLOCK_MONOTONIC, &time);
    return time.tv_sec * 1000000000ll + time.tv_nsec;
}

static struct {
    int fd;
    struct ksvc_ring_header *submit, *complete;
    struct ksvc_entry* entries;
    struct ksvc_completion* completions;
    size_t submit_bytes, complete_bytes;
} device;

static void open_device(void)
{
    struct ksvc_create_params params = {.submit_ring_entries = 256, .complete_ring_entries = 256,
                                        .eventfd = -1};
    int both = PROT_READ | PROT_WRITE;

    device.fd = open(KSVC_DEVICE_PATH, O_RDWR);
    if (device.fd < 0 || ioctl(device.fd, KSVC_IOC_CREATE, &params)) exit(2);
    device.submit = mmap(NULL, params.out.submit_map_bytes, both, MAP_SHARED, device.fd,
                         KSVC_MMAP_SUBMIT);
    device.complete = mmap(NULL, params.out.complete_map_bytes, both, MAP_SHARED, device.fd,
                           KSVC_MMAP_COMPLETE);
    if (device.submit == MAP_FAILED || device.complete == MAP_FAILED) exit(2);
    device.submit_bytes = params.out.submit_map_bytes;
    device.complete_bytes = params.out.complete_map_bytes;
    device.entries = (void*)((char*)device.submit + KSVC_ENTRIES_OFFSET);
    device.completions = (void*)((char*)device.complete + KSVC_ENTRIES_OFFSET);
}

static void close_device(void)
{
    munmap(device.submit, device.submit_bytes);
    munmap(device.complete, device.complete_bytes);
    close(device.fd);
}

static void batch_by_device(unsigned batch)
{
    uint64_t tail = device.submit->tail, head = device.complete->head;
    struct ksvc_enter enter = {.submit_count = batch, .min_complete = batch,
                               .timeout_ns = KSVC_TIMEOUT_NONE};

    for (unsigned index = 0; index < batch; index++)
        device.entries[tail++ & 255] = (struct ksvc_entry){index, KSVC_NR_NOP, 0, {0}};
    ksvc_store_release(&device.submit->tail, tail);
    /* Both by syscall(): what the C library wraps around ioctl() is not the device's. */
    if (syscall(SYS_ioctl, device.fd, KSVC_IOC_ENTER, &enter) != (long)batch) exit(3);
    while (head != ksvc_load_acquire(&device.complete->tail))
        if (device.completions[head++ & 255].result) exit(3);
    ksvc_store_release(&device.complete->head, head);
}

static struct {
    int fd;
    unsigned *submit_tail, submit_mask, *complete_head, *complete_tail, complete_mask;
    struct io_uring_sqe* entries;
    struct io_uring_cqe* completions;
} uring;

static void open_uring(void)
{
    struct io_uring_params params = {0};
    char* rings;
    unsigned* array;

    uring.fd = (int)syscall(SYS_io_uring_setup, 256, &params);
    if (uring.fd < 0) exit(4);
    rings = mmap(NULL, 65536, PROT_READ | PROT_WRITE, MAP_SHARED, uring.fd, IORING_OFF_SQ_RING);
    uring.entries = mmap(NULL, 256 * sizeof(struct io_uring_sqe), PROT_READ | PROT_WRITE,
                         MAP_SHARED, uring.fd, IORING_OFF_SQES);
    if (rings == MAP_FAILED) { /* the kernel is exact about the length */
        size_t bytes = params.cq_off.cqes + params.cq_entries * sizeof(struct io_uring_cqe);
        size_t others = params.sq_off.array + params.sq_entries * sizeof(unsigned);

        rings = mmap(NULL, bytes > others ? bytes : others, PROT_READ | PROT_WRITE, MAP_SHARED,
                     uring.fd, IORING_OFF_SQ_RING);
    }
    if (rings == MAP_FAILED || uring.entries == MAP_FAILED) exit(4);
    uring.submit_tail = (unsigned*)(rings + params.sq_off.tail);
    uring.submit_mask = *(unsigned*)(rings + params.sq_off.ring_mask);
    uring.complete_head = (unsigned*)(rings + params.cq_off.head);
    uring.complete_tail = (unsigned*)(rings + params.cq_off.tail);
    uring.complete_mask = *(unsigned*)(rings + params.cq_off.ring_mask);
    uring.completions = (struct io_uring_cqe*)(rings + params.cq_off.cqes);
    array = (unsigned*)(rings + params.sq_off.array);
    for (unsigned index = 0; index < params.sq_entries; index++) array[index] = index;
}

static void batch_by_uring(unsigned batch)
{
    unsigned tail = *uring.submit_tail, head = *uring.complete_head;

    for (unsigned index = 0; index < batch; index++) {
        struct io_uring_sqe* entry = &uring.entries[tail++ & uring.submit_mask];

        memset(entry, 0, sizeof(*entry));
        entry->opcode = IORING_OP_NOP;
        entry->user_data = index;
    }
    __atomic_store_n(uring.submit_tail, tail, __ATOMIC_RELEASE);
    if (syscall(SYS_io_uring_enter, uring.fd, batch, batch, IORING_ENTER_GETEVENTS, NULL, 0) !=
        (long)batch)
        exit(5);
    while (head != __atomic_load_n(uring.complete_tail, __ATOMIC_ACQUIRE))
        if (uring.completions[head++ & uring.complete_mask].res) exit(5);
    __atomic_store_n(uring.complete_head, head, __ATOMIC_RELEASE);
}

static void trap(unsigned batch)
{
    while (batch--) syscall(SYS_getppid);
}

static int compare(const void* left, const void* right)
{
    int64_t a = *(const int64_t*)left, b = *(const int64_t*)right;

    return (a > b) - (a < b);
}

/* ---- an idle ring ---- */

/* Fixed work, four instructions a round: half a second where one takes a nanosecond, and half a
 * tick more than a number of ticks, so that it does not hang by a hair how many it meets. */
#define WORK_ROUNDS 125500000
#define IDLE_RUNS 4
/* What else the kernel does in a second varies by more than a ring may cost; the least of several
 * runs varies little. A clock written at each of 250 ticks would be 20,000. */
#define IDLE_NOISE 4000

static void* stay_inside(void* unused)
{
    struct ksvc_work work = {0};

    (void)unused;
    while (ioctl(device.fd, KSVC_IOC_WORK, &work) == 0) {
    }
    return NULL;
}

static int64_t time_of_work(void)
{
    struct timespec tick, now;
    int64_t start;

    clock_gettime(CLOCK_MONOTONIC_COARSE, &tick);
    do clock_gettime(CLOCK_MONOTONIC_COARSE, &now);
    while (now.tv_nsec == tick.tv_nsec);
    start = now_ns();
    for (volatile int round = 0; round < WORK_ROUNDS; round++) {
    }
    return now_ns() - start;
}

/*
 * The same work beside no ring and beside an idle one: open, all five mappings used, a worker that
 * has gone to sleep and withdrawn the doorbell. Returns what the ring costs in a second.
 */
static int64_t idle_cost(void)
{
    int64_t alone[IDLE_RUNS], beside[IDLE_RUNS];

    for (int run = 0; run < IDLE_RUNS; run++) {
        int protection = PROT_READ | PROT_WRITE;
        volatile struct ksvc_shared_page* page;
        volatile uint64_t* doorbell;
        pthread_t worker;

        alone[run] = time_of_work();
        open_device();
        page = mmap(NULL, KSVC_PAGE_BYTES, PROT_READ, MAP_SHARED, device.fd, KSVC_MMAP_SHARED);
        doorbell = mmap(NULL, KSVC_PAGE_BYTES, protection, MAP_SHARED, device.fd,
                        KSVC_MMAP_DOORBELL);
        if (page == MAP_FAILED || doorbell == MAP_FAILED) exit(2);
        if (pthread_create(&worker, NULL, stay_inside, NULL)) exit(2);
        while (!page->workers_total) usleep(1000);
        *doorbell = 1;
        sleep(3); /* idle means: nobody has looked at its shared page for a while either */
        beside[run] = time_of_work();
        if (page->worker_state) exit(2);
        ioctl(device.fd, KSVC_IOC_DISMISS);
        pthread_join(worker, NULL);
        close_device();
        munmap((void*)page, KSVC_PAGE_BYTES);
        munmap((void*)doorbell, KSVC_PAGE_BYTES);
        sleep(1);
    }
    for (int run = 0; run < IDLE_RUNS; run++)
        printf("# alone %lld beside %lld\n", (long long)alone[run], (long long)beside[run]);
    qsort(alone, IDLE_RUNS, sizeof(*alone), compare);
    qsort(beside, IDLE_RUNS, sizeof(*beside), compare);
    printf("# work alone %lld, beside an idle ring %lld\n", (long long)alone[0],
           (long long)beside[0]);
    return (int64_t)((double)(beside[0] - alone[0]) * 1e9 / (double)alone[0]);
}

static double median(void (*run)(unsigned), unsigned batch)
{
    int64_t runs[RUNS];

    run(batch);
    for (int index = 0; index < RUNS; index++) {
        int64_t start = now_ns();

        for (unsigned done = 0; done < NOPS_PER_RUN; done += batch) run(batch);
        runs[index] = now_ns() - start;
    }
    qsort(runs, RUNS, sizeof(*runs), compare);
    return (double)runs[RUNS / 2] / NOPS_PER_RUN;
}

int main(void)
{
    static const unsigned batches[] = {1, 8, 32, 128};
    double at_1[2] = {0, 0}, at_32[2] = {0, 0};
    int64_t idle;
    bool is_good[3];

    printf("TAP version 13\n");
    idle = idle_cost();
    open_device();
    open_uring();
    printf("# a plain trap (getppid): %.1f\n# batch   device io_uring\n",
           median(trap, 32));
    for (size_t index = 0; index < sizeof(batches) / sizeof(*batches); index++) {
        double by_device = median(batch_by_device, batches[index]);
        double by_uring = median(batch_by_uring, batches[index]);

        printf("# %5u %8.1f %8.1f\n", batches[index], by_device, by_uring);
        if (batches[index] == 1) at_1[0] = by_device, at_1[1] = by_uring;
        if (batches[index] == 32) at_32[0] = by_device, at_32[1] = by_uring;
    }
    is_good[0] = at_32[0] <= at_32[1];
    is_good[1] = at_1[0] <= at_1[1];
    is_good[2] = idle <= IDLE_NOISE && idle >= -IDLE_NOISE;
    printf("%s 1 - a NOP by the device at batch 32 (%.1f) costs no more than by io_uring (%.1f)\n",
           is_good[0] ? "ok" : "not ok", at_32[0], at_32[1]);
    printf("%s 2 - and at batch 1 (%.1f and %.1f)\n", is_good[1] ? "ok" : "not ok", at_1[0], at_1[1]);
    printf("%s 3 - an idle ring costs nothing (%lld instructions a second)\n1..3\n",
           is_good[2] ? "ok" : "not ok", (long long)idle);
    return 0;
}
