/* SPDX-License-Identifier: MIT */
/*
 * Calls by ring against the same calls by trap: value, errno, effect. Every case that can runs
 * both ways that the kernel offers, inside and (KSVC_ENTRY_OUTSIDE) by a worker's trap.
 */
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <time.h>

#include "test/ring/ring.h"

static struct ring* prepare(void)
{
    static struct ring ring;

    ring_make(&ring, 16, 16, -1);
    ring_workers(&ring, 2);
    return &ring;
}

static int file_with(const char* text)
{
    char name[] = "/tmp/ring.XXXXXX";
    int fd = mkstemp(name);

    CHECK(fd >= 0);
    unlink(name);
    CHECK_EQUAL(write(fd, text, strlen(text)), (ssize_t)strlen(text));
    CHECK_EQUAL(lseek(fd, 0, SEEK_SET), 0);
    return fd;
}

/* Both ways give what the trap gives. */
#define SAME_AS_TRAP(ring, nr, ...)                                     \
    do {                                                                \
        long trap = syscall((nr), __VA_ARGS__);                         \
        if (trap == -1) trap = -errno;                                  \
        CHECK_EQUAL(CALL(ring, nr, __VA_ARGS__), trap);                 \
        CHECK_EQUAL(CALL_OUTSIDE(ring, nr, __VA_ARGS__), trap);         \
    } while (0)

static void read_moves_the_position(void)
{
    struct ring* ring = prepare();
    int fd = file_with("abcdefgh");
    char bytes[9] = {0};

    CHECK_EQUAL(CALL(ring, SYS_read, fd, bytes, 3), 3);
    CHECK_EQUAL(lseek(fd, 0, SEEK_CUR), 3);
    CHECK_EQUAL(CALL_OUTSIDE(ring, SYS_read, fd, bytes + 3, 3), 3);
    CHECK_EQUAL(read(fd, bytes + 6, 9), 2);
    CHECK_EQUAL(CALL(ring, SYS_read, fd, bytes, 3), 0);
    CHECK_EQUAL(strcmp(bytes, "abcdefgh"), 0);
}

static void read_errors(void)
{
    struct ring* ring = prepare();
    int fd = file_with("abc"), folder = open("/", O_RDONLY), path = open("/", O_PATH);
    int write_only = open("/dev/null", O_WRONLY);
    char byte;

    SAME_AS_TRAP(ring, SYS_read, -1, &byte, 1);
    SAME_AS_TRAP(ring, SYS_read, 999, &byte, 1);
    SAME_AS_TRAP(ring, SYS_read, write_only, &byte, 1);
    SAME_AS_TRAP(ring, SYS_read, path, &byte, 1);
    SAME_AS_TRAP(ring, SYS_read, folder, &byte, 1);
    SAME_AS_TRAP(ring, SYS_read, fd, 8, 1);
    SAME_AS_TRAP(ring, SYS_read, fd, ~0ull << 47, 1);
    SAME_AS_TRAP(ring, SYS_read, fd, &byte, 0);
    SAME_AS_TRAP(ring, SYS_read, fd, &byte, -1l);
}

static void write_and_append(void)
{
    struct ring* ring = prepare();
    int fd = file_with("abc");
    char bytes[16] = {0};

    CHECK_EQUAL(CALL(ring, SYS_write, fd, "XY", 2), 2);
    CHECK_EQUAL(fcntl(fd, F_SETFL, O_APPEND), 0);
    CHECK_EQUAL(CALL(ring, SYS_write, fd, "12", 2), 2);
    CHECK_EQUAL(CALL_OUTSIDE(ring, SYS_write, fd, "34", 2), 2);
    CHECK_EQUAL(pread(fd, bytes, 15, 0), 7);
    CHECK_EQUAL(strcmp(bytes, "XYc1234"), 0);
}

static void write_errors(void)
{
    struct ring* ring = prepare();
    int read_only = open("/dev/zero", O_RDONLY), ends[2];

    CHECK_EQUAL(pipe(ends), 0);
    close(ends[0]);
    signal(SIGPIPE, SIG_IGN);
    SAME_AS_TRAP(ring, SYS_write, read_only, "x", 1);
    SAME_AS_TRAP(ring, SYS_write, ends[1], "x", 1);
    SAME_AS_TRAP(ring, SYS_write, file_with("a"), 8, 1);
    SAME_AS_TRAP(ring, SYS_write, 999, "x", 1);
}

static void write_past_the_file_size_limit(void)
{
    struct ring* ring = prepare();
    struct rlimit limit = {4, 4};
    int fd = file_with("");

    signal(SIGXFSZ, SIG_IGN);
    CHECK_EQUAL(setrlimit(RLIMIT_FSIZE, &limit), 0);
    CHECK_EQUAL(CALL(ring, SYS_write, fd, "abcdef", 6), 4);
    SAME_AS_TRAP(ring, SYS_write, fd, "g", 1);
}

static void pread_and_pwrite_take_offsets(void)
{
    struct ring* ring = prepare();
    int fd = file_with("0123456789");
    char bytes[4] = {0};

    CHECK_EQUAL(CALL(ring, SYS_pread64, fd, bytes, 3, 4), 3);
    CHECK_EQUAL(strcmp(bytes, "456"), 0);
    CHECK_EQUAL(CALL(ring, SYS_pwrite64, fd, "xyz", 3, 1ull << 32), 3);
    CHECK_EQUAL(CALL(ring, SYS_pread64, fd, bytes, 3, 1ull << 32), 3);
    CHECK_EQUAL(strcmp(bytes, "xyz"), 0);
    CHECK_EQUAL(CALL(ring, SYS_pread64, fd, bytes, 3, (1ull << 32) - 1), 3);
    CHECK_EQUAL(bytes[0], 0);
    CHECK_EQUAL(lseek(fd, 0, SEEK_CUR), 0);
}

static void pread_and_pwrite_errors(void)
{
    struct ring* ring = prepare();
    int fd = file_with("abc"), ends[2];
    char byte;

    CHECK_EQUAL(pipe(ends), 0);
    SAME_AS_TRAP(ring, SYS_pread64, fd, &byte, 1, -1l);
    SAME_AS_TRAP(ring, SYS_pread64, ends[0], &byte, 1, 0);
    SAME_AS_TRAP(ring, SYS_pwrite64, ends[1], &byte, 1, 0);
    SAME_AS_TRAP(ring, SYS_pread64, ends[0], &byte, 1, -1l);
    SAME_AS_TRAP(ring, SYS_pwrite64, 999, &byte, 1, -1l);
    SAME_AS_TRAP(ring, SYS_pwrite64, fd, 8, 1, 0);
}

static void vectors(void)
{
    struct ring* ring = prepare();
    int fd = file_with("");
    char one[3] = {0}, two[6] = {0};
    struct iovec out[2] = {{"ab", 2}, {"cdefg", 5}}, in[2] = {{one, 2}, {two, 5}};

    CHECK_EQUAL(CALL(ring, SYS_writev, fd, out, 2), 7);
    CHECK_EQUAL(CALL(ring, SYS_pwritev, fd, out, 2, 7, 0), 7);
    CHECK_EQUAL(CALL(ring, SYS_preadv, fd, in, 2, 7, 0), 7);
    CHECK_EQUAL(strcmp(one, "ab") | strcmp(two, "cdefg"), 0);
    CHECK_EQUAL(lseek(fd, 1, SEEK_SET), 1);
    CHECK_EQUAL(CALL(ring, SYS_readv, fd, in, 2), 7);
    CHECK_EQUAL(strcmp(one, "bc") | strcmp(two, "defga"), 0);
}

static void long_vectors(void)
{
    struct ring* ring = prepare();
    int fd = file_with("");
    struct iovec out[1025];

    for (int index = 0; index < 1025; index++) out[index] = (struct iovec){"z", 1};
    CHECK_EQUAL(CALL(ring, SYS_writev, fd, out, 1024), 1024);
    SAME_AS_TRAP(ring, SYS_writev, fd, out, 1025);
    SAME_AS_TRAP(ring, SYS_writev, fd, out, -1l);
    SAME_AS_TRAP(ring, SYS_readv, fd, 8, 1);
    SAME_AS_TRAP(ring, SYS_preadv, fd, out, 1, -1l, 0);
    out[0].iov_len = (size_t)-1;
    SAME_AS_TRAP(ring, SYS_writev, fd, out, 1);
}

static void files_without_iterators_work_too(void)
{
    struct ring* ring = prepare();
    int fd = open("/proc/self/stat", O_RDONLY), other = open("/proc/self/stat", O_RDONLY);
    char bytes[64], trap[64];

    CHECK(fd >= 0);
    CHECK_EQUAL(CALL(ring, SYS_read, fd, bytes, 8), 8);
    CHECK_EQUAL(read(other, trap, 8), 8);
    CHECK_EQUAL(memcmp(bytes, trap, 4), 0);
}

static void open_and_close(void)
{
    struct ring* ring = prepare();
    int64_t fd;

    unlink("/tmp/ring-open");
    fd = CALL(ring, SYS_open, "/tmp/ring-open", O_CREAT | O_EXCL | O_WRONLY | O_CLOEXEC, 0640);
    CHECK(fd >= 0);
    CHECK_EQUAL(fcntl((int)fd, F_GETFD), FD_CLOEXEC);
    CHECK_EQUAL(write((int)fd, "x", 1), 1);
    CHECK_EQUAL(CALL(ring, SYS_close, fd), 0);
    CHECK_ERROR(fcntl((int)fd, F_GETFD), EBADF);
    CHECK_EQUAL(CALL(ring, SYS_close, fd), -EBADF);
    SAME_AS_TRAP(ring, SYS_open, "/tmp/ring-open", O_CREAT | O_EXCL | O_WRONLY, 0640);
    CHECK_EQUAL(unlink("/tmp/ring-open"), 0);
}

static void open_errors(void)
{
    static char long_name[5000];
    struct ring* ring = prepare();

    memset(long_name, 'a', sizeof(long_name) - 1);
    SAME_AS_TRAP(ring, SYS_open, "/nonexistent/x", O_RDONLY, 0);
    SAME_AS_TRAP(ring, SYS_open, "", O_RDONLY, 0);
    SAME_AS_TRAP(ring, SYS_open, 8, O_RDONLY, 0);
    SAME_AS_TRAP(ring, SYS_open, long_name, O_RDONLY, 0);
    SAME_AS_TRAP(ring, SYS_open, "/dev/null/x", O_RDONLY, 0);
    SAME_AS_TRAP(ring, SYS_open, "/tmp", O_WRONLY, 0);
    SAME_AS_TRAP(ring, SYS_open, "/dev/null", O_DIRECTORY, 0);
}

static void openat_relative_and_not(void)
{
    struct ring* ring = prepare();
    int folder = open("/dev", O_RDONLY | O_DIRECTORY);
    int64_t fd = CALL(ring, SYS_openat, folder, "null", O_RDWR, 0);

    CHECK(fd >= 0);
    CHECK_EQUAL(write((int)fd, "x", 1), 1);
    CHECK(CALL(ring, SYS_openat, 999, "/dev/null", O_RDWR, 0) >= 0);
    CHECK_EQUAL(chdir("/dev"), 0);
    CHECK(CALL(ring, SYS_openat, AT_FDCWD, "null", O_RDWR, 0) >= 0);
    SAME_AS_TRAP(ring, SYS_openat, 999, "null", O_RDWR, 0);
    SAME_AS_TRAP(ring, SYS_openat, fd, "null", O_RDWR, 0);
}

static void open_follows_umask_and_limits(void)
{
    struct ring* ring = prepare();
    struct rlimit limit;
    struct stat status;
    int64_t fd;

    unlink("/tmp/ring-umask");
    umask(077);
    fd = CALL(ring, SYS_open, "/tmp/ring-umask", O_CREAT | O_RDWR, 0666);
    CHECK(fd >= 0);
    CHECK_EQUAL(fstat((int)fd, &status), 0);
    CHECK_EQUAL(status.st_mode & 0777, 0600);
    unlink("/tmp/ring-umask");
    getrlimit(RLIMIT_NOFILE, &limit);
    limit.rlim_cur = (rlim_t)fd + 1;
    CHECK_EQUAL(setrlimit(RLIMIT_NOFILE, &limit), 0);
    CHECK_EQUAL(CALL(ring, SYS_open, "/dev/null", O_RDONLY, 0), -EMFILE);
}

static void sync_calls(void)
{
    struct ring* ring = prepare();
    int fd = file_with("abc"), ends[2];

    CHECK_EQUAL(pipe(ends), 0);
    SAME_AS_TRAP(ring, SYS_fsync, fd);
    SAME_AS_TRAP(ring, SYS_fdatasync, fd);
    SAME_AS_TRAP(ring, SYS_fsync, ends[0]);
    SAME_AS_TRAP(ring, SYS_fsync, 999);
}

static void stream_sockets(void)
{
    struct ring* ring = prepare();
    int ends[2];
    char bytes[8] = {0};

    CHECK_EQUAL(socketpair(AF_UNIX, SOCK_STREAM, 0, ends), 0);
    CHECK_EQUAL(CALL(ring, SYS_sendto, ends[0], "hello", 5, MSG_NOSIGNAL, 0, 0), 5);
    CHECK_EQUAL(CALL(ring, SYS_recvfrom, ends[1], bytes, 3, MSG_PEEK, 0, 0), 3);
    CHECK_EQUAL(CALL(ring, SYS_recvfrom, ends[1], bytes, 8, 0, 0, 0), 5);
    CHECK_EQUAL(strcmp(bytes, "hello"), 0);
    SAME_AS_TRAP(ring, SYS_recvfrom, ends[1], bytes, 8, MSG_DONTWAIT, 0, 0);
    CHECK_EQUAL(fcntl(ends[1], F_SETFL, O_NONBLOCK), 0);
    SAME_AS_TRAP(ring, SYS_recvfrom, ends[1], bytes, 8, 0, 0, 0);
    close(ends[0]);
    SAME_AS_TRAP(ring, SYS_sendto, ends[1], "x", 1, MSG_NOSIGNAL, 0, 0);
    SAME_AS_TRAP(ring, SYS_sendto, 999, "x", 1, 0, 0, 0);
    SAME_AS_TRAP(ring, SYS_sendto, file_with(""), "x", 1, 0, 0, 0);
    SAME_AS_TRAP(ring, SYS_recvfrom, ends[1], 8, 1, 0, 0, 0);
}

static void datagram_addresses(void)
{
    struct ring* ring = prepare();
    struct sockaddr_in address = {.sin_family = AF_INET}, from;
    socklen_t length = sizeof(address);
    int receiver = socket(AF_INET, SOCK_DGRAM, 0), sender = socket(AF_INET, SOCK_DGRAM, 0);
    char bytes[8];

    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    CHECK_EQUAL(bind(receiver, (struct sockaddr*)&address, sizeof(address)), 0);
    CHECK_EQUAL(getsockname(receiver, (struct sockaddr*)&address, &length), 0);
    CHECK_EQUAL(CALL(ring, SYS_sendto, sender, "abc", 3, 0, &address, sizeof(address)), 3);
    length = sizeof(from);
    memset(&from, 0, sizeof(from));
    CHECK_EQUAL(CALL(ring, SYS_recvfrom, receiver, bytes, 8, 0, &from, &length), 3);
    CHECK_EQUAL(length, sizeof(from));
    CHECK_EQUAL(from.sin_addr.s_addr, htonl(INADDR_LOOPBACK));
    SAME_AS_TRAP(ring, SYS_sendto, sender, "abc", 3, 0, &address, 200);
    SAME_AS_TRAP(ring, SYS_sendto, sender, "abc", 3, 0, 8, 16);
    SAME_AS_TRAP(ring, SYS_sendto, sender, "abc", 3, 0, &address, 2);
}

static void connect_and_accept(void)
{
    struct ring* ring = prepare();
    struct sockaddr_un address = {.sun_family = AF_UNIX, .sun_path = "\0ring-suite"};
    int listening = socket(AF_UNIX, SOCK_STREAM, 0), client = socket(AF_UNIX, SOCK_STREAM, 0);
    int64_t server;

    CHECK_EQUAL(CALL(ring, SYS_bind, listening, &address, sizeof(address)), 0);
    CHECK_EQUAL(CALL(ring, SYS_listen, listening, 4), 0);
    CHECK_EQUAL(CALL(ring, SYS_connect, client, &address, sizeof(address)), 0);
    server = CALL(ring, SYS_accept4, listening, 0, 0, SOCK_CLOEXEC);
    CHECK(server >= 0);
    CHECK_EQUAL(fcntl((int)server, F_GETFD), FD_CLOEXEC);
    CHECK_EQUAL(write(client, "x", 1), 1);
}

static void poll_by_ring(void)
{
    struct ring* ring = prepare();
    struct pollfd entries[3] = {{.events = POLLIN}, {.fd = -1}, {.fd = 999, .events = POLLIN}};
    int ends[2];
    int64_t start;

    CHECK_EQUAL(pipe(ends), 0);
    entries[0].fd = ends[0];
    CHECK_EQUAL(CALL(ring, SYS_poll, entries, 2, 0), 0);
    start = now_ns();
    CHECK_EQUAL(CALL(ring, SYS_poll, entries, 2, 40), 0);
    CHECK(now_ns() - start >= 40000000);
    CHECK_EQUAL(CALL(ring, SYS_poll, entries, 3, -1), 1);
    CHECK_EQUAL(entries[2].revents, POLLNVAL);
    CHECK_EQUAL(write(ends[1], "x", 1), 1);
    CHECK_EQUAL(CALL(ring, SYS_poll, entries, 1, -1), 1);
    CHECK_EQUAL(entries[0].revents, POLLIN);
    SAME_AS_TRAP(ring, SYS_poll, 8, 1, 0);
    CHECK_EQUAL(CALL(ring, SYS_poll, 0, 0, 5), 0);
}

static void poll_sleeps(void)
{
    struct ring* ring = prepare();
    struct pollfd entry = {.events = POLLIN};
    struct ksvc_completion completion;
    int ends[2];

    CHECK_EQUAL(pipe(ends), 0);
    entry.fd = ends[0];
    PUSH(ring, 3, SYS_poll, 0, &entry, 1, -1l);
    ring_submit(ring, 1, 0, 0);
    sleep_ms(30);
    CHECK_EQUAL(ring_waiting(ring), 0);
    CHECK_EQUAL(write(ends[1], "x", 1), 1);
    completion = ring_next(ring);
    CHECK_EQUAL(completion.result, 1);
    CHECK_EQUAL(entry.revents, POLLIN);
}

static void sleeps(void)
{
    struct ring* ring = prepare();
    struct timespec pause = {0, 30000000}, bad = {0, 1000000000}, until;
    int64_t start = now_ns();

    CHECK_EQUAL(CALL(ring, SYS_nanosleep, &pause, 0), 0);
    CHECK(now_ns() - start >= 30000000);
    CHECK_EQUAL(CALL(ring, SYS_clock_nanosleep, CLOCK_REALTIME, 0, &pause, 0), 0);
    CHECK(now_ns() - start >= 60000000);
    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_sec -= 1;
    CHECK_EQUAL(CALL(ring, SYS_clock_nanosleep, CLOCK_MONOTONIC, TIMER_ABSTIME, &until, 0), 0);
    SAME_AS_TRAP(ring, SYS_nanosleep, &bad, 0);
    SAME_AS_TRAP(ring, SYS_nanosleep, 8, 0);
    SAME_AS_TRAP(ring, SYS_clock_nanosleep, 99, 0, &pause, 0);
}

static void calls_that_only_a_trap_can_make(void)
{
    struct ring* ring = prepare();
    struct stat status;
    char path[64];

    SAME_AS_TRAP(ring, SYS_getpid, 0);
    SAME_AS_TRAP(ring, SYS_getuid, 0);
    SAME_AS_TRAP(ring, SYS_stat, "/dev/null", &status);
    SAME_AS_TRAP(ring, SYS_stat, "/nonexistent", &status);
    SAME_AS_TRAP(ring, SYS_getcwd, path, sizeof(path));
    SAME_AS_TRAP(ring, SYS_ioctl, 999, 0, 0);
    rmdir("/tmp/ring-folder");
    CHECK_EQUAL(CALL(ring, SYS_mkdir, "/tmp/ring-folder", 0700), 0);
    CHECK_EQUAL(CALL(ring, SYS_rmdir, "/tmp/ring-folder", 0), 0);
}

const struct test_case call_cases[] = {
    {"call: read moves the position", read_moves_the_position},
    {"call: read, errors", read_errors},
    {"call: write, append", write_and_append},
    {"call: write, errors", write_errors},
    {"call: write past RLIMIT_FSIZE", write_past_the_file_size_limit},
    {"call: pread and pwrite take 64-bit offsets", pread_and_pwrite_take_offsets},
    {"call: pread and pwrite, errors", pread_and_pwrite_errors},
    {"call: readv, writev, preadv, pwritev", vectors},
    {"call: long and wrong vectors", long_vectors},
    {"call: files without iterators", files_without_iterators_work_too},
    {"call: open, close", open_and_close},
    {"call: open, errors", open_errors},
    {"call: openat", openat_relative_and_not},
    {"call: open follows umask and RLIMIT_NOFILE", open_follows_umask_and_limits},
    {"call: fsync, fdatasync", sync_calls},
    {"call: sendto, recvfrom on streams", stream_sockets},
    {"call: sendto, recvfrom with addresses", datagram_addresses},
    {"call: bind, listen, connect, accept4", connect_and_accept},
    {"call: poll", poll_by_ring},
    {"call: poll sleeps and wakes", poll_sleeps},
    {"call: nanosleep, clock_nanosleep", sleeps},
    {"call: what only a trap can make", calls_that_only_a_trap_can_make},
    {NULL, NULL},
};
