/* SPDX-License-Identifier: MIT */
/* Who a call is made as: with the submitter's credentials, in the submitter's memory. */
#include <fcntl.h>
#include <sys/stat.h>

#include "test/ring/ring.h"

static struct ring* prepare(void)
{
    static struct ring ring;

    ring_make(&ring, 16, 16, -1);
    ring_workers(&ring, 2);
    return &ring;
}

static void credentials_are_the_submitters(void)
{
    struct ring* ring = prepare();

    if (geteuid() != 0) skip("needs root");
    CHECK_EQUAL(chmod("/tmp", 0777), 0);
    int fd = open("/tmp/ring-secret", O_CREAT | O_RDWR, 0600);
    CHECK(fd >= 0);
    CHECK_EQUAL(CALL(ring, SYS_open, "/tmp/ring-secret", O_RDONLY, 0) >= 0, 1);
    CHECK_EQUAL(setresuid(1000, 1000, 1000), 0);
    CHECK_EQUAL(CALL(ring, SYS_open, "/tmp/ring-secret", O_RDONLY, 0), -EACCES);
    CHECK_EQUAL(CALL_OUTSIDE(ring, SYS_open, "/tmp/ring-secret", O_RDONLY, 0), -EACCES);
}

static void memory_is_the_submitters(void)
{
    struct ring* ring = prepare();
    char* page = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    int zero = open("/dev/zero", O_RDONLY);

    memset(page, 1, 4096);
    CHECK_EQUAL(CALL(ring, SYS_read, zero, page, 4096), 4096);
    CHECK_EQUAL(page[4095], 0);
    CHECK_EQUAL(munmap(page, 4096), 0);
    CHECK_EQUAL(CALL(ring, SYS_pread64, file_of_three(), page, 3, 0), -EFAULT);
}

const struct test_case attribution_cases[] = {
    {"attribution: credentials", credentials_are_the_submitters},
    {"attribution: memory", memory_is_the_submitters},
    {NULL, NULL},
};
