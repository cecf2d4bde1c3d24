/* SPDX-License-Identifier: MIT */
/*
 * Who pays for a ring: its memory counts against RLIMIT_MEMLOCK of the process and is charged to
 * its memory cgroup, and both are given back.
 */
#include <fcntl.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include "test/ring/ring.h"

#define GROUPS "/tmp/ring-groups"
#define BIG_RINGS 8
/* 4096 entries of 64 bytes. Few completions, for what the kernel keeps of each is its affair. */
#define BIG_RING_BYTES (4096ll * 64)

static int create(uint32_t entries)
{
    struct ksvc_create_params params = parameters(entries, 16);
    int fd = open_device();

    if (ioctl(fd, KSVC_IOC_CREATE, &params) == 0) return fd;
    close(fd);
    return -1;
}

static void rlimit_memlock(void)
{
    struct rlimit limit = {128 * 1024, 128 * 1024};
    struct ksvc_create_params params = parameters(4096, 4096);
    int fds[64], count = 0, again;

    CHECK_EQUAL(setrlimit(RLIMIT_MEMLOCK, &limit), 0);
    if (geteuid() == 0) { /* root has CAP_IPC_LOCK, which lifts the limit */
        fds[0] = create(4096);
        CHECK(fds[0] >= 0);
        close(fds[0]);
        CHECK_EQUAL(setresuid(1000, 1000, 1000), 0);
    }
    fds[0] = open_device();
    CHECK_ERROR(ioctl(fds[0], KSVC_IOC_CREATE, &params), ENOMEM);
    params = parameters(16, 16); /* the file is as it was */
    CHECK_EQUAL(ioctl(fds[0], KSVC_IOC_CREATE, &params), 0);
    for (count = 1; count < 64 && (fds[count] = create(16)) >= 0; count++) {
    }
    CHECK_EQUAL(errno, ENOMEM);
    CHECK(count > 2 && count < 64);
    close(fds[0]);
    again = create(16);
    CHECK(again >= 0);
    CHECK_EQUAL(create(16), -1);
}

static void a_forked_child_has_its_own_limit(void)
{
    struct rlimit limit = {64 * 1024, 64 * 1024};
    int status;

    CHECK_EQUAL(setrlimit(RLIMIT_MEMLOCK, &limit), 0);
    if (geteuid() == 0) CHECK_EQUAL(setresuid(1000, 1000, 1000), 0);
    while (create(16) >= 0) {
    }
    status = fork();
    if (status == 0) _exit(create(16) >= 0 ? 0 : 9);
    CHECK_EQUAL(waitpid(status, &status, 0) > 0, 1);
    CHECK_EQUAL(status, 0);
}

static void put(const char* path, const char* text)
{
    int fd = open(path, O_WRONLY);

    if (fd < 0) fail(__FILE__, __LINE__, "%s: %s", path, strerror(errno));
    if (write(fd, text, strlen(text)) < 0) fail(__FILE__, __LINE__, "%s: %s", path, strerror(errno));
    close(fd);
}

static long long charged(void)
{
    char text[32] = "";
    int fd = open(GROUPS "/rings/memory.current", O_RDONLY);

    CHECK(fd >= 0);
    CHECK(read(fd, text, sizeof(text) - 1) > 0);
    close(fd);
    return atoll(text);
}

static void memory_cgroup(void)
{
    long long before, with, after;
    int fds[BIG_RINGS], index;

    if (geteuid() != 0) skip("needs root");
    mkdir(GROUPS, 0755);
    if (mount("none", GROUPS, "cgroup2", 0, NULL) && errno != EBUSY) skip("no cgroup v2");
    put(GROUPS "/cgroup.subtree_control", "+memory");
    mkdir(GROUPS "/rings", 0755);
    put(GROUPS "/rings/cgroup.procs", "0");
    before = charged();
    for (index = 0; index < BIG_RINGS; index++) {
        fds[index] = create(4096);
        CHECK(fds[index] >= 0);
    }
    with = charged();
    for (index = 0; index < BIG_RINGS; index++) close(fds[index]);
    for (int round = 0; round < 100; round++) { /* vfree() may be deferred */
        after = charged();
        if (after - before < BIG_RING_BYTES) break;
        sleep_ms(50);
    }
    put(GROUPS "/cgroup.procs", "0");
    rmdir(GROUPS "/rings");
    umount(GROUPS);
    if (with - before < BIG_RINGS * BIG_RING_BYTES)
        fail(__FILE__, __LINE__, "%d rings charge only %lld bytes", BIG_RINGS, with - before);
    if (after - before >= BIG_RING_BYTES)
        fail(__FILE__, __LINE__, "%lld bytes stay charged", after - before);
}

const struct test_case memory_cases[] = {
    {"memory: rings count against RLIMIT_MEMLOCK", rlimit_memlock},
    {"memory: a child's rings are its own", a_forked_child_has_its_own_limit},
    {"memory: rings are charged to the memory cgroup", memory_cgroup},
    {NULL, NULL},
};
