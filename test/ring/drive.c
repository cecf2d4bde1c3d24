/* SPDX-License-Identifier: MIT */
/*
 * Driving a ring, whatever is below it: pushing, submitting, waiting, one call. What differs from one
 * way down to another (making a ring, ENTER, taking completions) is ring.c or ksvc/test/contract_ring.c.
 */
#include "test/ring/ring.h"

#include <fcntl.h>
#include <time.h>

#define PATIENCE_NS (10ll * 1000 * 1000 * 1000)

void ring_push(struct ring* ring, uint64_t corr_id, uint32_t nr, uint32_t flags, uint64_t a0,
               uint64_t a1, uint64_t a2, uint64_t a3, uint64_t a4, uint64_t a5)
{
    struct ksvc_entry* entry = &ring->entries[ring->tail & ring->submit->mask];

    if (ring->tail - ksvc_load_acquire(&ring->submit->head) >= ring->submit->ring_size)
        fail(__FILE__, __LINE__, "the submit ring is full");
    *entry = (struct ksvc_entry){corr_id, nr, flags, {a0, a1, a2, a3, a4, a5}};
    ksvc_store_release(&ring->submit->tail, ++ring->tail);
}

void ring_submit(struct ring* ring, uint32_t submit, uint32_t min_complete, int64_t timeout_ns)
{
    int taken = ring_enter(ring, submit, min_complete, timeout_ns);

    if (taken < 0) fail(__FILE__, __LINE__, "ENTER: %s", strerror(errno));
    CHECK((uint32_t)taken <= submit);
    CHECK_EQUAL(ksvc_load_acquire(&ring->submit->head), ring->tail);
}

struct ksvc_completion ring_next(struct ring* ring)
{
    struct ksvc_completion completion;

    memset(&completion, 0, sizeof(completion));
    if (!ring_pop(ring, &completion)) {
        int result;

        do result = ring_enter(ring, 0, 1, PATIENCE_NS);
        while (result < 0 && errno == EINTR); /* a handler ran */
        if (result < 0)
            fail(__FILE__, __LINE__, "no completion: %s", strerror(errno));
        CHECK(ring_pop(ring, &completion));
    }
    return completion;
}

int64_t ring_call(struct ring* ring, uint32_t flags, uint32_t nr, uint64_t a0, uint64_t a1,
                  uint64_t a2, uint64_t a3, uint64_t a4, uint64_t a5)
{
    struct ksvc_completion completion;

    ring_push(ring, 0xCA11, nr, flags, a0, a1, a2, a3, a4, a5);
    ring_submit(ring, 1, 0, 0);
    completion = ring_next(ring);
    CHECK_EQUAL(completion.corr_id, 0xCA11);
    CHECK_EQUAL(completion.flags, 0);
    return completion.result;
}

int64_t now_ns(void)
{
    struct timespec time;

    clock_gettime(CLOCK_MONOTONIC, &time);
    return time.tv_sec * 1000000000ll + time.tv_nsec;
}

void sleep_ms(int ms)
{
    struct timespec time = {ms / 1000, ms % 1000 * 1000000l};

    nanosleep(&time, NULL);
}

int in_child(void (*run)(void*), void* argument)
{
    int status;
    pid_t pid = fork();

    CHECK(pid >= 0);
    if (pid == 0) {
        run(argument);
        _exit(0);
    }
    CHECK_EQUAL(waitpid(pid, &status, 0), pid);
    return status;
}

int file_of_three(void)
{
    char name[] = "/tmp/ring.XXXXXX";
    int fd = mkstemp(name);

    CHECK(fd >= 0);
    unlink(name);
    CHECK_EQUAL(write(fd, "abc", 3), 3);
    return fd;
}
