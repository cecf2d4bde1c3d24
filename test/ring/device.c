/* SPDX-License-Identifier: MIT */
/* The device, CREATE with all its errors, the five mappings. */
#include <fcntl.h>
#include <signal.h>
#include <sys/eventfd.h>

#include "test/ring/ring.h"

static int create(int fd, struct ksvc_create_params params)
{
    return ioctl(fd, KSVC_IOC_CREATE, &params);
}

static void open_close(void)
{
    CHECK_EQUAL(close(open_device()), 0);
}

static void open_needs_both_directions(void)
{
    CHECK_ERROR(open(KSVC_DEVICE_PATH, O_RDONLY), EACCES);
    CHECK_ERROR(open(KSVC_DEVICE_PATH, O_WRONLY), EACCES);
}

static void two_instances_are_separate(void)
{
    struct ring one, two;

    ring_make(&one, 16, 16, -1);
    ring_make(&two, 16, 16, -1);
    PUSH_NOP(&one, 1);
    CHECK_EQUAL(ring_enter(&two, 1, 0, 0), 0);
    CHECK_EQUAL(ring_enter(&one, 1, 0, 0), 1);
    CHECK_EQUAL(ring_waiting(&one), 1);
    CHECK_EQUAL(ring_waiting(&two), 0);
}

static void create_with_eventfd(void)
{
    int events = eventfd(0, 0);
    struct ksvc_create_params params = parameters(64, 128);

    params.eventfd = events;
    CHECK_EQUAL(create(open_device(), params), 0);
}

static void create_without_eventfd(void)
{
    struct ksvc_create_params params = parameters(64, 128);
    int fd = open_device();

    CHECK_EQUAL(ioctl(fd, KSVC_IOC_CREATE, &params), 0);
    CHECK_EQUAL(params.out.version, KSVC_VERSION);
    CHECK(params.out.submit_map_bytes >= KSVC_ENTRIES_OFFSET + 64 * 64);
    CHECK(params.out.complete_map_bytes >= KSVC_ENTRIES_OFFSET + 128 * 32);
    CHECK_EQUAL(params.out.submit_map_bytes % KSVC_PAGE_BYTES, 0);
}

static void any_negative_eventfd_means_none(void)
{
    struct ksvc_create_params params = parameters(16, 16);

    params.eventfd = -77;
    CHECK_EQUAL(create(open_device(), params), 0);
}

static void second_create(void)
{
    int fd = open_device();

    CHECK_EQUAL(create(fd, parameters(16, 16)), 0);
    CHECK_ERROR(create(fd, parameters(16, 16)), EBUSY);
}

static void second_create_is_busy_even_when_bad(void)
{
    int fd = open_device();

    CHECK_EQUAL(create(fd, parameters(16, 16)), 0);
    CHECK_ERROR(create(fd, parameters(3, 16)), EBUSY);
}

static void bad_sizes(void)
{
    static const uint32_t bad[] = {0, 1, 8, 15, 17, 24, 100, 4095, 4097, 8192, 1u << 31, ~0u};
    int fd = open_device();

    for (size_t index = 0; index < sizeof(bad) / sizeof(*bad); index++) {
        CHECK_ERROR(create(fd, parameters(bad[index], 16)), EINVAL);
        CHECK_ERROR(create(fd, parameters(16, bad[index])), EINVAL);
    }
    CHECK_EQUAL(create(fd, parameters(16, 16)), 0);
}

static void every_good_size(void)
{
    for (uint32_t size = KSVC_RING_ENTRIES_MIN; size <= KSVC_RING_ENTRIES_MAX; size *= 2) {
        struct ring ring;

        ring_make(&ring, size, KSVC_RING_ENTRIES_MAX / size * 16, -1);
        CHECK_EQUAL(ring.submit->ring_size, size);
        close(ring.fd);
    }
}

static void unknown_flags(void)
{
    for (int bit = 1; bit < 32; bit++) {
        struct ksvc_create_params params = parameters(16, 16);

        params.flags = 1u << bit;
        CHECK_ERROR(create(open_device(), params), EINVAL);
    }
}

static void reserved_words(void)
{
    for (int word = 0; word < 4; word++) {
        struct ksvc_create_params params = parameters(16, 16);

        params.reserved[word] = 1;
        CHECK_ERROR(create(open_device(), params), EINVAL);
    }
}

static void eventfd_that_is_none(void)
{
    struct ksvc_create_params params = parameters(16, 16);
    int fd = open_device();

    params.eventfd = 999;
    CHECK_ERROR(create(fd, params), EBADF);
    params.eventfd = fd;
    CHECK_ERROR(create(fd, params), EINVAL);
    params.eventfd = -1;
    CHECK_EQUAL(create(fd, params), 0);
}

static void create_bad_address(void)
{
    int fd = open_device();
    void* read_only = mmap(NULL, 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    CHECK_ERROR(ioctl(fd, KSVC_IOC_CREATE, NULL), EFAULT);
    CHECK_ERROR(ioctl(fd, KSVC_IOC_CREATE, read_only), EINVAL);
    CHECK_EQUAL(create(fd, parameters(16, 16)), 0);
}

static void create_that_cannot_answer_can_be_repeated(void)
{
    int fd = open_device();
    struct ksvc_create_params params = parameters(16, 16);
    void* page = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    memcpy(page, &params, sizeof(params));
    CHECK_EQUAL(mprotect(page, 4096, PROT_READ), 0);
    CHECK_ERROR(ioctl(fd, KSVC_IOC_CREATE, page), EFAULT);
    CHECK_EQUAL(create(fd, params), 0);
}

static void unknown_ioctl(void)
{
    int fd = open_device();

    CHECK_ERROR(ioctl(fd, 0x4B63, NULL), ENOTTY);
    CHECK_ERROR(ioctl(fd, 0xC0204BFFu, NULL), ENOTTY);
    CHECK_EQUAL(create(fd, parameters(16, 16)), 0);
    CHECK_ERROR(ioctl(fd, 0xC0204BFFu, NULL), ENOTTY);
}

static void enter_before_create(void)
{
    struct ring ring = {.fd = open_device()};

    CHECK_ERROR(ring_enter(&ring, 1, 0, 0), EINVAL);
}

static void mmap_before_create(void)
{
    int fd = open_device();

    for (uint64_t offset = 0; offset <= KSVC_MMAP_WAIT; offset += 0x100000)
        CHECK_ERROR((long)mmap(NULL, 4096, PROT_READ, MAP_SHARED, fd, (off_t)offset), EINVAL);
}

static void both_ring_mappings(void)
{
    struct ring ring;

    ring_make(&ring, 64, 128, -1);
    CHECK_EQUAL(ring.submit->magic, KSVC_RING_MAGIC);
    CHECK_EQUAL(ring.submit->ring_size, 64);
    CHECK_EQUAL(ring.submit->mask, 63);
    CHECK_EQUAL(ring.submit->entry_size, 64);
    CHECK_EQUAL(ring.submit->version, KSVC_VERSION);
    CHECK_EQUAL(ring.submit->head_offset, 64);
    CHECK_EQUAL(ring.submit->tail_offset, 128);
    CHECK_EQUAL(ring.submit->entries_offset, KSVC_ENTRIES_OFFSET);
    CHECK_EQUAL(ring.submit->head, 0);
    CHECK_EQUAL(ring.submit->tail, 0);
    CHECK_EQUAL(ring.complete->magic, KSVC_RING_MAGIC);
    CHECK_EQUAL(ring.complete->ring_size, 128);
    CHECK_EQUAL(ring.complete->mask, 127);
    CHECK_EQUAL(ring.complete->entry_size, 32);
}

static void a_ring_mapped_twice_is_the_same(void)
{
    struct ring ring;
    struct ksvc_ring_header* again;

    ring_make(&ring, 16, 16, -1);
    again = mmap(NULL, ring.params.out.complete_map_bytes, PROT_READ, MAP_SHARED, ring.fd,
                 KSVC_MMAP_COMPLETE);
    CHECK(again != MAP_FAILED);
    PUSH_NOP(&ring, 1);
    CHECK_EQUAL(ring_enter(&ring, 1, 1, KSVC_TIMEOUT_NONE), 1);
    CHECK_EQUAL(again->tail, 1);
}

static void bad_offsets(void)
{
    static const uint64_t bad[] = {0x1000, 0x80000, 0x101000, 0x201000, 0x301000, 0x401000,
                                   0x500000, 0x100000000ull};
    struct ring ring;

    ring_make(&ring, 16, 16, -1);
    for (size_t index = 0; index < sizeof(bad) / sizeof(*bad); index++)
        CHECK_ERROR((long)mmap(NULL, 4096, PROT_READ, MAP_SHARED, ring.fd, (off_t)bad[index]),
                    EINVAL);
}

static void bad_lengths(void)
{
    struct ring ring;

    ring_make(&ring, 4096, 4096, -1);
    CHECK_ERROR((long)mmap(NULL, 4096, PROT_READ, MAP_SHARED, ring.fd, KSVC_MMAP_SUBMIT), EINVAL);
    CHECK_ERROR((long)mmap(NULL, ring.params.out.submit_map_bytes + 4096u, PROT_READ, MAP_SHARED,
                           ring.fd, KSVC_MMAP_SUBMIT), EINVAL);
    CHECK_ERROR((long)mmap(NULL, 4096, PROT_READ, MAP_SHARED, ring.fd, KSVC_MMAP_COMPLETE), EINVAL);
    CHECK_ERROR((long)mmap(NULL, 8192, PROT_READ, MAP_SHARED, ring.fd, KSVC_MMAP_SHARED), EINVAL);
    CHECK_ERROR((long)mmap(NULL, 8192, PROT_READ, MAP_SHARED, ring.fd, KSVC_MMAP_DOORBELL), EINVAL);
    CHECK_ERROR((long)mmap(NULL, 8192, PROT_READ, MAP_SHARED, ring.fd, KSVC_MMAP_WAIT), EINVAL);
}

static void private_mappings(void)
{
    struct ring ring;

    ring_make(&ring, 16, 16, -1);
    CHECK_ERROR((long)mmap(NULL, ring.params.out.submit_map_bytes, PROT_READ, MAP_PRIVATE, ring.fd,
                           KSVC_MMAP_SUBMIT), EINVAL);
    CHECK_ERROR((long)mmap(NULL, 4096, PROT_READ, MAP_PRIVATE, ring.fd, KSVC_MMAP_SHARED), EINVAL);
}

static void wrong_protection(void)
{
    struct ring ring;
    int both = PROT_READ | PROT_WRITE;

    ring_make(&ring, 16, 16, -1);
    CHECK_ERROR((long)mmap(NULL, 4096, both, MAP_SHARED, ring.fd, KSVC_MMAP_SHARED), EACCES);
    CHECK_ERROR((long)mmap(NULL, 4096, both, MAP_SHARED, ring.fd, KSVC_MMAP_WAIT), EACCES);
    CHECK_ERROR((long)mmap(NULL, 4096, PROT_READ | PROT_EXEC, MAP_SHARED, ring.fd,
                           KSVC_MMAP_SHARED), EACCES);
    CHECK_ERROR((long)mmap(NULL, ring.params.out.submit_map_bytes, both | PROT_EXEC, MAP_SHARED,
                           ring.fd, KSVC_MMAP_SUBMIT), EACCES);
}

static void mprotect_gains_nothing(void)
{
    struct ring ring;

    ring_make(&ring, 16, 16, -1);
    CHECK_ERROR(mprotect((void*)ring.shared, 4096, PROT_READ | PROT_WRITE), EACCES);
    CHECK_ERROR(mprotect((void*)ring.wait, 4096, PROT_READ | PROT_WRITE), EACCES);
    CHECK_ERROR(mprotect(ring.submit_map, ring.params.out.submit_map_bytes, PROT_EXEC), EACCES);
}

static void store_to(void* address)
{
    *(volatile uint32_t*)address = 1;
}

static void shared_page_is_read_only(void)
{
    struct ring ring;
    int status;

    ring_make(&ring, 16, 16, -1);
    status = in_child(store_to, (void*)ring.shared);
    CHECK(WIFSIGNALED(status));
    CHECK_EQUAL(WTERMSIG(status), SIGSEGV);
}

static void mremap_is_refused(void)
{
    struct ring ring;
    void* elsewhere = mmap(NULL, 4096, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    ring_make(&ring, 16, 16, -1);
    CHECK(mremap((void*)ring.shared, 4096, 4096, MREMAP_MAYMOVE | MREMAP_FIXED, elsewhere) ==
          MAP_FAILED);
    CHECK_EQUAL(ring.shared->magic, KSVC_SHARED_MAGIC);
    CHECK(mremap((void*)ring.shared, 4096, 8192, MREMAP_MAYMOVE) == MAP_FAILED);
}

static void probe_answers(void)
{
    /* The least that runs in the kernel everywhere. */
    static const int inside[] = {
        SYS_read, SYS_write, SYS_readv, SYS_writev, SYS_pread64, SYS_pwrite64, SYS_preadv,
        SYS_pwritev, SYS_fsync, SYS_open, SYS_openat, SYS_close, SYS_sendto, SYS_recvfrom,
        SYS_sendmsg, SYS_recvmsg, SYS_accept, SYS_accept4, SYS_connect, SYS_poll, SYS_nanosleep,
    };
    uint8_t tiers[512];
    struct ksvc_probe probe = {0, 512, (uint64_t)(uintptr_t)tiers};
    int fd = open_device();

    CHECK_EQUAL(ioctl(fd, KSVC_IOC_PROBE, &probe), 0);
    for (size_t index = 0; index < sizeof(inside) / sizeof(*inside); index++)
        if (tiers[inside[index]] != KSVC_TIER_INSIDE)
            fail(__FILE__, __LINE__, "call %d is not inside", inside[index]);
    CHECK(tiers[SYS_mkdir] != KSVC_TIER_NONE);
    CHECK_EQUAL(tiers[SYS_rt_sigreturn], KSVC_TIER_NONE);
    probe.first_nr = KSVC_NR_NOP;
    probe.count = 1;
    CHECK_EQUAL(ioctl(fd, KSVC_IOC_PROBE, &probe), 0);
    CHECK_EQUAL(tiers[0], KSVC_TIER_INSIDE);
    probe.count = 4097;
    CHECK_ERROR(ioctl(fd, KSVC_IOC_PROBE, &probe), EINVAL);
    probe = (struct ksvc_probe){0, 1, 8};
    CHECK_ERROR(ioctl(fd, KSVC_IOC_PROBE, &probe), EFAULT);
}

const struct test_case device_cases[] = {
    {"device: open, close", open_close},
    {"device: open needs both directions", open_needs_both_directions},
    {"device: two instances are separate", two_instances_are_separate},
    {"create: with eventfd", create_with_eventfd},
    {"create: without eventfd", create_without_eventfd},
    {"create: any negative eventfd means none", any_negative_eventfd_means_none},
    {"create: a second one is EBUSY", second_create},
    {"create: EBUSY wins over EINVAL", second_create_is_busy_even_when_bad},
    {"create: bad sizes", bad_sizes},
    {"create: every good size", every_good_size},
    {"create: unknown flags", unknown_flags},
    {"create: reserved words", reserved_words},
    {"create: an eventfd that is none", eventfd_that_is_none},
    {"create: bad address", create_bad_address},
    {"create: can be repeated after EFAULT", create_that_cannot_answer_can_be_repeated},
    {"ioctl: unknown is ENOTTY", unknown_ioctl},
    {"ioctl: ENTER before CREATE is EINVAL", enter_before_create},
    {"probe: tiers", probe_answers},
    {"mmap: before CREATE", mmap_before_create},
    {"mmap: both rings", both_ring_mappings},
    {"mmap: a ring mapped twice is the same", a_ring_mapped_twice_is_the_same},
    {"mmap: bad offset", bad_offsets},
    {"mmap: bad length", bad_lengths},
    {"mmap: private", private_mappings},
    {"mmap: wrong protection", wrong_protection},
    {"mmap: mprotect gains nothing", mprotect_gains_nothing},
    {"mmap: the shared page is read-only (SIGSEGV)", shared_page_is_read_only},
    {"mmap: mremap is refused", mremap_is_refused},
    {NULL, NULL},
};
