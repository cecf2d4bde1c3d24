/* SPDX-License-Identifier: MIT */
/*
 * What a NOP costs by the device and by io_uring, batch by batch, in nanoseconds of the guest's
 * clock; under QEMU's -icount shift=0 that is instructions, user and kernel together. Medians of
 * seven. io_uring is driven by hand, as liburing would: no liburing here, one static program.
 */
#include <linux/io_uring.h>
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
    device.entries = (void*)((char*)device.submit + KSVC_ENTRIES_OFFSET);
    device.completions = (void*)((char*)device.complete + KSVC_ENTRIES_OFFSET);
}

static void batch_by_device(unsigned batch)
{
    uint64_t tail = device.submit->tail, head = device.complete->head;
    struct ksvc_enter enter = {.submit_count = batch, .min_complete = batch,
                               .timeout_ns = KSVC_TIMEOUT_NONE};

    for (unsigned index = 0; index < batch; index++)
        device.entries[tail++ & 255] = (struct ksvc_entry){index, KSVC_NR_NOP, 0, {0}};
    ksvc_store_release(&device.submit->tail, tail);
    if (ioctl(device.fd, KSVC_IOC_ENTER, &enter) != (int)batch) exit(3);
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
    double at_32[2] = {0, 0};

    open_device();
    open_uring();
    printf("TAP version 13\n# a plain trap (getppid): %.1f\n# batch   device io_uring\n",
           median(trap, 32));
    for (size_t index = 0; index < sizeof(batches) / sizeof(*batches); index++) {
        double by_device = median(batch_by_device, batches[index]);
        double by_uring = median(batch_by_uring, batches[index]);

        printf("# %5u %8.1f %8.1f\n", batches[index], by_device, by_uring);
        if (batches[index] == 32) {
            at_32[0] = by_device;
            at_32[1] = by_uring;
        }
    }
    printf("%s 1 - a NOP by the device at batch 32 (%.1f) costs no more than by io_uring (%.1f)\n",
           at_32[0] <= at_32[1] ? "ok" : "not ok", at_32[0], at_32[1]);
    printf("1..1\n");
    return 0;
}
