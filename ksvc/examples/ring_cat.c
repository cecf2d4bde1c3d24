/* SPDX-License-Identifier: MIT */
/*
 * ring-cat FILE...: writes files to standard output by the C API, reading ahead: while one block is
 * written, the next are read. Leaves out everything that cat(1) has options for.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "ksvc/libksvc.h"

enum { DEPTH = 8, BLOCK = 128 * 1024 };
static char blocks[DEPTH][BLOCK];

static int fail(const char* what, int error)
{
    fprintf(stderr, "ring-cat: %s: %s\n", what, strerror(error));
    return 1;
}

static int write_all(const char* bytes, long long count)
{
    while (count > 0) {
        const ssize_t written = write(STDOUT_FILENO, bytes, (size_t)count);
        if (written < 0 && errno == EINTR)
            continue;
        if (written < 0)
            return errno;
        bytes += written;
        count -= written;
    }
    return 0;
}

/* Block n of the file is read into blocks[n % DEPTH]; they are written in order. */
static int cat_file(struct ksvc_ring* ring, int fd, const char* name)
{
    long long results[DEPTH];
    int arrived[DEPTH] = {0};
    unsigned long long asked = 0, written = 0;
    int at_end = 0, error = 0;

    while (!at_end || written < asked) {
        for (; !at_end && asked < written + DEPTH; ++asked)
            ksvc_prepare(ksvc_get_entry(ring), asked, SYS_pread64, (ksvc_u64)fd,
                         (uintptr_t)blocks[asked % DEPTH], BLOCK, asked * BLOCK, 0, 0);
        const int waited = ksvc_submit_and_wait(ring, 1);
        if (waited < 0 && waited != -EINTR)
            return fail(name, -waited);
        const struct ksvc_completion* done;
        while ((done = ksvc_next(ring)) != NULL) {
            results[done->corr_id % DEPTH] = done->result;
            arrived[done->corr_id % DEPTH] = 1;
            ksvc_advance(ring, 1);
        }
        for (; written < asked && arrived[written % DEPTH]; ++written) {
            const long long count = results[written % DEPTH];
            arrived[written % DEPTH] = 0;
            if (at_end)
                continue; /* read beyond the end */
            if (count < 0)
                error = (int)-count;
            else if (count > 0)
                error = write_all(blocks[written % DEPTH], count);
            if (error != 0 || count < BLOCK)
                at_end = 1;
        }
    }
    return error != 0 ? fail(name, error) : 0;
}

/* What cannot be read at an offset (a pipe, a terminal) is read in order. */
static int cat_stream(int fd, const char* name)
{
    ssize_t count;
    while ((count = read(fd, blocks[0], BLOCK)) > 0) {
        const int error = write_all(blocks[0], count);
        if (error != 0)
            return fail(name, error);
    }
    return count < 0 ? fail(name, errno) : 0;
}

int main(int argc, char** argv)
{
    struct ksvc_ring* ring;
    const int error = ksvc_open(&ring, DEPTH, KSVC_WAY_AUTO);
    if (error != 0)
        return fail("ring", -error);
    int status = argc < 2 ? cat_stream(STDIN_FILENO, "standard input") : 0;
    for (int i = 1; i < argc; ++i) {
        const int fd = open(argv[i], O_RDONLY | O_CLOEXEC);
        struct stat about;
        if (fd < 0 || fstat(fd, &about) != 0) {
            status |= fail(argv[i], errno);
            continue;
        }
        status |= S_ISREG(about.st_mode) && about.st_size > 0 ? cat_file(ring, fd, argv[i])
                                                              : cat_stream(fd, argv[i]);
        close(fd);
    }
    ksvc_close(ring);
    return status;
}
