/* SPDX-License-Identifier: MIT */
/* One entry and its completion: contents, wrap-around, refusals, ENTER's counts, back pressure. */
#include <fcntl.h>
#include <signal.h>

#include "test/ring/ring.h"

#define UNKNOWN_CALL 511

static void written_and_read_back(void)
{
    struct ring ring;
    struct ksvc_entry entry = {0x1122334455667788ull, 17, 2, {1, 2, 3, 4, 5, ~0ull}};

    ring_make(&ring, 16, 16, -1);
    ring.entries[5] = entry;
    CHECK_EQUAL(memcmp(&ring.entries[5], &entry, sizeof(entry)), 0);
    CHECK_EQUAL(ring.submit->tail, 0);
}

static void a_nop_completes(void)
{
    struct ring ring;
    struct ksvc_completion completion;

    ring_make(&ring, 16, 16, -1);
    PUSH_NOP(&ring, 0xFEDCBA9876543210ull);
    CHECK_EQUAL(ring_enter(&ring, 1, 0, 0), 1);
    CHECK(ring_pop(&ring, &completion));
    CHECK_EQUAL(completion.corr_id, 0xFEDCBA9876543210ull);
    CHECK_EQUAL(completion.result, 0);
    CHECK_EQUAL(completion.flags, 0);
    CHECK_EQUAL(completion.pad, 0);
    CHECK(!ring_pop(&ring, &completion));
    CHECK_EQUAL(ring.submit->head, 1);
}

static void nothing_happens_before_enter(void)
{
    struct ring ring;

    ring_make(&ring, 16, 16, -1);
    PUSH_NOP(&ring, 1);
    sleep_ms(20);
    CHECK_EQUAL(ring_waiting(&ring), 0);
    CHECK_EQUAL(ring.submit->head, 0);
}

static void wrap_around(void)
{
    struct ring ring;
    uint64_t sent = 0, received = 0;

    ring_make(&ring, 16, 16, -1);
    for (int round = 0; round < 100; round++) {
        int batch = 1 + round * 7 % 16;
        struct ksvc_completion completion;

        for (int index = 0; index < batch; index++) PUSH_NOP(&ring, sent++);
        CHECK_EQUAL(ring_enter(&ring, (uint32_t)batch, (uint32_t)batch, KSVC_TIMEOUT_NONE), batch);
        while (ring_pop(&ring, &completion)) CHECK_EQUAL(completion.corr_id, received++);
        CHECK_EQUAL(received, sent);
    }
    CHECK_EQUAL(ring.submit->head, sent);
    CHECK_EQUAL(ring.complete->tail, sent);
}

static void a_full_submit_ring_is_taken_whole(void)
{
    struct ring ring;

    ring_make(&ring, 4096, 4096, -1);
    for (int index = 0; index < 4096; index++) PUSH_NOP(&ring, (uint64_t)index);
    CHECK_EQUAL(ring_enter(&ring, 4096, 4096, KSVC_TIMEOUT_NONE), 4096);
    for (int index = 0; index < 4096; index++)
        CHECK_EQUAL(ring.completions[index].corr_id, index);
}

static void enter_takes_no_more_than_asked(void)
{
    struct ring ring;

    ring_make(&ring, 16, 16, -1);
    for (int index = 0; index < 10; index++) PUSH_NOP(&ring, 1);
    CHECK_EQUAL(ring_enter(&ring, 3, 0, 0), 3);
    CHECK_EQUAL(ring.submit->head, 3);
    CHECK_EQUAL(ring_enter(&ring, 0, 0, 0), 0);
    CHECK_EQUAL(ring_enter(&ring, 100, 0, 0), 7);
    CHECK_EQUAL(ring_waiting(&ring), 10);
}

static void results_are_64_bit(void)
{
    struct ring ring;
    void* address = (void*)0x123456789000;
    int64_t result;

    ring_make(&ring, 16, 16, -1);
    ring_workers(&ring, 1);
    result = CALL(&ring, SYS_mmap, address, 4096, PROT_READ,
                  MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
    CHECK_EQUAL(result, 0x123456789000);
}

static void unknown_call_is_enosys(void)
{
    struct ring ring;

    ring_make(&ring, 16, 16, -1);
    ring_workers(&ring, 1);
    CHECK_EQUAL(CALL(&ring, UNKNOWN_CALL, 0), -ENOSYS);
    CHECK_EQUAL(CALL(&ring, 100000, 0), -ENOSYS);
    CHECK_EQUAL(CALL(&ring, 0xFFFFFFFEu, 0), -ENOSYS);
}

static void calls_about_the_thread_are_enosys(void)
{
    static const int calls[] = {SYS_exit, SYS_fork, SYS_vfork, SYS_clone, SYS_rt_sigreturn,
                                SYS_arch_prctl, SYS_set_tid_address, SYS_rt_sigprocmask};
    struct ring ring;

    ring_make(&ring, 16, 16, -1);
    for (size_t index = 0; index < sizeof(calls) / sizeof(*calls); index++)
        CHECK_EQUAL(CALL(&ring, calls[index], 0), -ENOSYS);
}

static void unknown_entry_flag_is_einval(void)
{
    struct ring ring;

    ring_make(&ring, 16, 16, -1);
    for (int bit = 4; bit < 32; bit++) {
        ring_push(&ring, 9, KSVC_NR_NOP, 1u << bit, 0, 0, 0, 0, 0, 0);
        CHECK_EQUAL(ring_enter(&ring, 1, 1, KSVC_TIMEOUT_NONE), 1);
        CHECK_EQUAL(ring_next(&ring).result, -EINVAL);
    }
}

/* No trap does nothing, so there is no other tier to ask for: no reason to refuse. */
static void a_nop_may_ask_for_outside(void)
{
    struct ring ring;

    ring_make(&ring, 16, 16, -1);
    CHECK_EQUAL(CALL_OUTSIDE(&ring, KSVC_NR_NOP, 0), 0);
    PUSH(&ring, 1, KSVC_NR_NOP, KSVC_ENTRY_OUTSIDE | KSVC_ENTRY_LINKED, 0);
    PUSH(&ring, 2, KSVC_NR_NOP, KSVC_ENTRY_OUTSIDE | KSVC_ENTRY_DRAIN, 0);
    CHECK_EQUAL(ring_enter(&ring, 2, 2, KSVC_TIMEOUT_NONE), 2);
    CHECK_EQUAL(ring_next(&ring).result, 0);
    CHECK_EQUAL(ring_next(&ring).result, 0);
}

static void multi_where_it_makes_no_sense_is_einval(void)
{
    struct ring ring;

    ring_make(&ring, 16, 16, -1);
    PUSH(&ring, 9, SYS_read, KSVC_ENTRY_MULTI, 0);
    CHECK_EQUAL(ring_enter(&ring, 1, 1, KSVC_TIMEOUT_NONE), 1);
    CHECK_EQUAL(ring_next(&ring).result, -EINVAL);
}

static void a_full_completion_ring_pushes_back(void)
{
    struct ring ring;
    struct ksvc_completion completion;

    ring_make(&ring, 64, 16, -1);
    for (int index = 0; index < 40; index++) PUSH_NOP(&ring, (uint64_t)index);
    CHECK_EQUAL(ring_enter(&ring, 40, 0, 0), 16);
    CHECK_EQUAL(ring_enter(&ring, 24, 0, 0), 0);
    CHECK_EQUAL(ring.submit->head, 16);
    for (int index = 0; index < 40; index++) {
        if (!ring_pop(&ring, &completion)) {
            CHECK(ring_enter(&ring, 40, 1, KSVC_TIMEOUT_NONE) > 0);
            CHECK(ring_pop(&ring, &completion));
        }
        CHECK_EQUAL(completion.corr_id, index);
    }
    CHECK_EQUAL(ring_enter(&ring, 40, 0, 0), 0);
}

static void entries_in_flight_reserve_their_slots(void)
{
    struct ring ring;
    int ends[2];
    char byte;

    CHECK_EQUAL(pipe(ends), 0);
    ring_make(&ring, 64, 16, -1);
    ring_workers(&ring, 2);
    PUSH(&ring, 100, SYS_read, 0, ends[0], &byte, 1);
    for (int index = 0; index < 40; index++) PUSH_NOP(&ring, (uint64_t)index);
    CHECK(ring_enter(&ring, 41, 0, 0) >= 0);
    CHECK_EQUAL(ring.submit->head, 16);
    CHECK_EQUAL(ring_waiting(&ring), 15);
    CHECK_EQUAL(write(ends[1], "x", 1), 1);
    CHECK_EQUAL(ring_enter(&ring, 0, 16, 10000000000ll), 0);
    CHECK_EQUAL(ring.completions[15].corr_id, 100);
    CHECK_EQUAL(ring.completions[15].result, 1);
}

static void workers_go_on_after_back_pressure(void)
{
    struct ring ring;
    uint64_t received = 0;

    ring_make(&ring, 64, 16, -1);
    ring_workers(&ring, 1);
    for (int index = 0; index < 64; index++) PUSH_NOP(&ring, (uint64_t)index);
    *ring.doorbell = 1;
    while (received < 64) {
        CHECK_EQUAL(ring_next(&ring).corr_id, received);
        received++;
    }
}

static void cancel_an_entry_that_waits(void)
{
    struct ring ring;
    struct ksvc_cancel cancel = {.corr_id = 77};
    struct ksvc_completion completion;
    int ends[2];
    char byte;

    CHECK_EQUAL(pipe(ends), 0);
    ring_make(&ring, 16, 16, -1);
    ring_workers(&ring, 1);
    PUSH(&ring, 77, SYS_read, 0, ends[0], &byte, 1);
    ring_submit(&ring, 1, 0, 0);
    sleep_ms(50);
    CHECK_EQUAL(ioctl(ring.fd, KSVC_IOC_CANCEL, &cancel), 1);
    completion = ring_next(&ring);
    CHECK_EQUAL(completion.corr_id, 77);
    CHECK_EQUAL(completion.result, -ECANCELED);
    CHECK_EQUAL(CALL(&ring, SYS_close, ends[0]), 0);
}

static void cancel_an_entry_that_has_not_started(void)
{
    struct ring ring;
    struct ksvc_cancel cancel = {.corr_id = 78};
    char byte;

    ring_make(&ring, 16, 16, -1);
    if (!(ring.params.out.features & KSVC_FEATURE_NEEDS_WORKERS)) skip("the kernel has workers");
    PUSH(&ring, 78, SYS_read, 0, 0, &byte, 1);
    CHECK_EQUAL(ring_enter(&ring, 1, 0, 0), 1);
    CHECK_EQUAL(ring_waiting(&ring), 0);
    CHECK_EQUAL(ioctl(ring.fd, KSVC_IOC_CANCEL, &cancel), 1);
    CHECK_EQUAL(ring_next(&ring).result, -ECANCELED);
}

static void cancel_errors(void)
{
    struct ring ring;
    struct ksvc_cancel cancel = {.corr_id = 5};

    ring_make(&ring, 16, 16, -1);
    CHECK_ERROR(ioctl(ring.fd, KSVC_IOC_CANCEL, &cancel), ENOENT);
    cancel.flags = 1;
    CHECK_ERROR(ioctl(ring.fd, KSVC_IOC_CANCEL, &cancel), EINVAL);
    CHECK_ERROR(ioctl(ring.fd, KSVC_IOC_CANCEL, NULL), EFAULT);
}

static void many_in_flight_each_ends_once(void)
{
    enum { COUNT = 2000 };
    static uint8_t seen[COUNT];
    struct ring ring;
    int sent = 0, received = 0, zero = open("/dev/zero", O_RDONLY);
    char bytes[64];

    ring_make(&ring, 64, 64, -1);
    ring_workers(&ring, 4);
    while (received < COUNT) {
        struct ksvc_completion completion;

        while (sent < COUNT && ring.tail - ksvc_load_acquire(&ring.submit->head) < 64) {
            if (sent % 3)
                PUSH(&ring, sent, SYS_pread64, 0, zero, bytes, sent % 64, 0);
            else
                PUSH(&ring, sent, SYS_getppid, 0, 0);
            sent++;
        }
        CHECK(ring_enter(&ring, 64, 1, 10000000000ll) >= 0);
        while (ring_pop(&ring, &completion)) {
            CHECK(completion.corr_id < COUNT);
            CHECK_EQUAL(seen[completion.corr_id]++, 0);
            CHECK_EQUAL(completion.result, completion.corr_id % 3 ? (int)completion.corr_id % 64
                                                                  : getppid());
            received++;
        }
    }
    CHECK_EQUAL(ring_waiting(&ring), 0);
}

const struct test_case entry_cases[] = {
    {"entry: written and read back", written_and_read_back},
    {"entry: a NOP completes", a_nop_completes},
    {"entry: nothing happens before ENTER", nothing_happens_before_enter},
    {"entry: wrap-around", wrap_around},
    {"entry: a full submit ring is taken whole", a_full_submit_ring_is_taken_whole},
    {"entry: ENTER takes no more than asked", enter_takes_no_more_than_asked},
    {"entry: results are 64 bit", results_are_64_bit},
    {"entry: an unknown call is ENOSYS", unknown_call_is_enosys},
    {"entry: calls about the calling thread are ENOSYS", calls_about_the_thread_are_enosys},
    {"entry: an unknown flag is EINVAL", unknown_entry_flag_is_einval},
    {"entry: a NOP that asks for OUTSIDE is a NOP", a_nop_may_ask_for_outside},
    {"entry: MULTI where it makes no sense is EINVAL", multi_where_it_makes_no_sense_is_einval},
    {"pressure: a full completion ring pushes back", a_full_completion_ring_pushes_back},
    {"pressure: entries in flight reserve their slots", entries_in_flight_reserve_their_slots},
    {"pressure: workers go on when there is room", workers_go_on_after_back_pressure},
    {"cancel: an entry that waits", cancel_an_entry_that_waits},
    {"cancel: an entry that has not started", cancel_an_entry_that_has_not_started},
    {"cancel: errors", cancel_errors},
    {"entry: of many in flight each ends once", many_in_flight_each_ends_once},
    {NULL, NULL},
};
