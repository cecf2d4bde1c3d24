/* SPDX-License-Identifier: MIT */
/* Nothing that user memory says is trusted: indices, constants, entries rewritten meanwhile. */
#include <fcntl.h>
#include <signal.h>

#include "test/ring/ring.h"

static void tail_too_far_ahead(void)
{
    struct ring ring;

    ring_make(&ring, 16, 16, -1);
    ksvc_store_release(&ring.submit->tail, 17);
    CHECK_ERROR(ring_enter(&ring, 100, 0, 0), EINVAL);
    ksvc_store_release(&ring.submit->tail, ~0ull);
    CHECK_ERROR(ring_enter(&ring, 100, 0, 0), EINVAL);
    CHECK_EQUAL(ring_waiting(&ring), 0);
    ksvc_store_release(&ring.submit->tail, 0);
    PUSH_NOP(&ring, 1);
    CHECK_EQUAL(ring_enter(&ring, 1, 1, KSVC_TIMEOUT_NONE), 1);
}

static void tail_behind_the_head(void)
{
    struct ring ring;

    ring_make(&ring, 16, 16, -1);
    PUSH_NOP(&ring, 1);
    CHECK_EQUAL(ring_enter(&ring, 1, 1, KSVC_TIMEOUT_NONE), 1);
    ksvc_store_release(&ring.submit->tail, 0);
    CHECK_ERROR(ring_enter(&ring, 1, 0, 0), EINVAL);
    ksvc_store_release(&ring.submit->tail, 1);
    CHECK_EQUAL(ring_enter(&ring, 1, 0, 0), 0);
}

static void head_of_the_submit_ring_rewritten(void)
{
    struct ring ring;

    ring_make(&ring, 16, 16, -1);
    ring.submit->head = 12345;
    ksvc_store_release(&ring.submit->tail, 2);
    ring.entries[0] = (struct ksvc_entry){10, KSVC_NR_NOP, 0, {0}};
    ring.entries[1] = (struct ksvc_entry){11, KSVC_NR_NOP, 0, {0}};
    CHECK_EQUAL(ring_enter(&ring, 2, 2, KSVC_TIMEOUT_NONE), 2);
    CHECK_EQUAL(ring.completions[0].corr_id, 10);
    CHECK_EQUAL(ring.submit->head, 2);
}

static void constants_rewritten(void)
{
    struct ring ring;

    ring_make(&ring, 16, 16, -1);
    memset(ring.submit, 0xFF, 64);
    memset(ring.complete, 0xFF, 64);
    for (uint64_t number = 0; number < 40; number++) {
        ring.entries[number & 15] = (struct ksvc_entry){number, KSVC_NR_NOP, 0, {0}};
        ksvc_store_release(&ring.submit->tail, number + 1);
        CHECK_EQUAL(ring_enter(&ring, 1, 1, KSVC_TIMEOUT_NONE), 1);
        CHECK_EQUAL(ring.complete->tail, number + 1);
        CHECK_EQUAL(ring.completions[number & 15].corr_id, number);
        ksvc_store_release(&ring.complete->head, number + 1);
    }
}

static void tail_of_the_completion_ring_rewritten(void)
{
    struct ring ring;

    ring_make(&ring, 16, 16, -1);
    ring.complete->tail = 999;
    PUSH_NOP(&ring, 1);
    CHECK_EQUAL(ring_enter(&ring, 1, 1, KSVC_TIMEOUT_NONE), 1);
    CHECK_EQUAL(ring.complete->tail, 1);
    CHECK_EQUAL(ring.completions[0].corr_id, 1);
}

static void impossible_completion_head(void)
{
    struct ring ring;

    ring_make(&ring, 16, 16, -1);
    ksvc_store_release(&ring.complete->head, 5);
    PUSH_NOP(&ring, 1);
    CHECK_EQUAL(ring_enter(&ring, 1, 0, 0), 0);
    ksvc_store_release(&ring.complete->head, 0);
    CHECK_EQUAL(ring_enter(&ring, 1, 0, 0), 1);
}

static void unmapped_and_mapped_again(void)
{
    struct ring ring;

    ring_make(&ring, 16, 16, -1);
    PUSH_NOP(&ring, 1);
    CHECK_EQUAL(munmap(ring.submit_map, ring.params.out.submit_map_bytes), 0);
    CHECK_EQUAL(munmap(ring.complete_map, ring.params.out.complete_map_bytes), 0);
    CHECK_EQUAL(munmap((void*)ring.shared, 4096), 0);
    CHECK_EQUAL(munmap((void*)ring.doorbell, 4096), 0);
    CHECK_EQUAL(ring_enter(&ring, 1, 1, KSVC_TIMEOUT_NONE), 1);
    ring.complete = mmap(NULL, ring.params.out.complete_map_bytes, PROT_READ, MAP_SHARED, ring.fd,
                         KSVC_MMAP_COMPLETE);
    CHECK(ring.complete != MAP_FAILED);
    CHECK_EQUAL(ring.complete->tail, 1);
}

static void buffers_unmapped_while_a_call_waits(void)
{
    struct ring ring;
    int ends[2];
    char* page = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    CHECK_EQUAL(pipe(ends), 0);
    ring_make(&ring, 16, 16, -1);
    ring_workers(&ring, 1);
    PUSH(&ring, 1, SYS_read, 0, ends[0], page, 4096);
    ring_submit(&ring, 1, 0, 0);
    sleep_ms(40);
    CHECK_EQUAL(munmap(page, 4096), 0);
    CHECK_EQUAL(write(ends[1], "abc", 3), 3);
    CHECK_EQUAL(ring_next(&ring).result, -EFAULT);
}

static void descriptor_closed_while_a_call_waits(void)
{
    struct ring ring;
    int ends[2];
    char byte;

    CHECK_EQUAL(pipe(ends), 0);
    ring_make(&ring, 16, 16, -1);
    ring_workers(&ring, 1);
    PUSH(&ring, 1, SYS_read, 0, ends[0], &byte, 1);
    ring_submit(&ring, 1, 0, 0);
    sleep_ms(40);
    CHECK_EQUAL(close(ends[0]), 0);
    CHECK_EQUAL(write(ends[1], "x", 1), 1);
    CHECK_EQUAL(ring_next(&ring).result, 1);
}

static void a_call_on_the_ring_itself(void)
{
    struct ring ring;
    struct ksvc_completion completion;

    ring_make(&ring, 16, 16, -1);
    ring_workers(&ring, 1);
    PUSH(&ring, 1, SYS_close, 0, ring.fd);
    ring_submit(&ring, 1, 0, 0);
    for (int round = 0; round < 100 && !ring_waiting(&ring); round++) sleep_ms(10);
    CHECK(ring_pop(&ring, &completion));
    CHECK_EQUAL(completion.result, 0);
    sleep_ms(20);
    CHECK(!ring_pop(&ring, &completion));
}

static void enter_by_ring(void)
{
    struct ring ring;
    struct ksvc_enter enter = {.submit_count = 1, .timeout_ns = KSVC_TIMEOUT_NONE};

    ring_make(&ring, 16, 16, -1);
    ring_workers(&ring, 1);
    PUSH(&ring, 1, SYS_ioctl, 0, ring.fd, KSVC_IOC_ENTER, &enter);
    ring_submit(&ring, 1, 0, 0);
    CHECK_EQUAL(ring_next(&ring).corr_id, 1);
}

static void* scribble(void* argument)
{
    struct ring* ring = argument;
    uint32_t seed = 1;

    for (int round = 0; round < 300000; round++) {
        seed = seed * 1664525u + 1013904223u;
        ((volatile uint32_t*)ring->entries)[(seed >> 8) % (16 * 16)] = seed % 7;
        if (round % 64 == 0) ksvc_store_release(&ring->submit->tail, seed % 40);
        if (round % 97 == 0) ksvc_store_release(&ring->complete->head, seed % 40);
        if (round % 1024 == 0) memset(ring->submit, (int)seed, 64);
    }
    return NULL;
}

static void rewritten_under_the_kernels_eyes(void)
{
    struct ring ring;
    pthread_t scribbler;

    ring_make(&ring, 16, 16, -1);
    CHECK_EQUAL(pthread_create(&scribbler, NULL, scribble, &ring), 0);
    for (int round = 0; round < 3000; round++) ring_enter(&ring, 16, 0, 0);
    CHECK_EQUAL(pthread_join(scribbler, NULL), 0);
}

static void many_rings_at_once(void)
{
    struct ring rings[40];

    for (int index = 0; index < 40; index++) {
        ring_make(&rings[index], 64, 64, -1);
        PUSH_NOP(&rings[index], (uint64_t)index);
    }
    for (int index = 0; index < 40; index++) {
        CHECK_EQUAL(ring_enter(&rings[index], 1, 1, KSVC_TIMEOUT_NONE), 1);
        CHECK_EQUAL(rings[index].completions[0].corr_id, index);
    }
}

static void* nops(void* argument)
{
    struct ring* ring = argument;

    for (int round = 0; round < 2000; round++)
        if (ring_enter(ring, 16, 0, 0) < 0) return (void*)1;
    return NULL;
}

static void four_threads_enter_one_ring(void)
{
    struct ring ring;
    pthread_t threads[4];
    struct ksvc_completion completion;
    uint64_t next = 0;
    void* result;

    ring_make(&ring, 16, 16, -1);
    for (int index = 0; index < 4; index++)
        CHECK_EQUAL(pthread_create(&threads[index], NULL, nops, &ring), 0);
    for (int round = 0; round < 4000; round++) {
        if (ring.tail - ksvc_load_acquire(&ring.submit->head) < 16) PUSH_NOP(&ring, ring.tail);
        while (ring_pop(&ring, &completion)) CHECK_EQUAL(completion.corr_id, next++);
    }
    for (int index = 0; index < 4; index++) {
        CHECK_EQUAL(pthread_join(threads[index], &result), 0);
        CHECK(result == NULL);
    }
    while (next < ring.tail) {
        CHECK(ring_enter(&ring, 16, 1, 1000000000) >= 0);
        while (ring_pop(&ring, &completion)) CHECK_EQUAL(completion.corr_id, next++);
    }
    CHECK(next > 0);
}

const struct test_case hostile_cases[] = {
    {"hostile: a tail too far ahead", tail_too_far_ahead},
    {"hostile: a tail behind the head", tail_behind_the_head},
    {"hostile: the submit head rewritten", head_of_the_submit_ring_rewritten},
    {"hostile: constants rewritten", constants_rewritten},
    {"hostile: the completion tail rewritten", tail_of_the_completion_ring_rewritten},
    {"hostile: an impossible completion head", impossible_completion_head},
    {"hostile: unmapped and mapped again", unmapped_and_mapped_again},
    {"hostile: a buffer unmapped while its call waits", buffers_unmapped_while_a_call_waits},
    {"hostile: a descriptor closed while its call waits", descriptor_closed_while_a_call_waits},
    {"hostile: a call that closes the ring itself", a_call_on_the_ring_itself},
    {"hostile: ENTER by ring", enter_by_ring},
    {"hostile: rewritten under the kernel's eyes", rewritten_under_the_kernels_eyes},
    {"hostile: many rings at once", many_rings_at_once},
    {"hostile: four threads enter one ring", four_threads_enter_one_ring},
    {NULL, NULL},
};
