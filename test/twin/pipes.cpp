// SPDX-License-Identifier: MIT
//
// pipe(7), fifo(7), SIGPIPE, F_SETPIPE_SZ; sendfile(2), splice(2), tee(2), vmsplice(2), copy_file_range(2).
#include "twin.h"

#include <sys/ioctl.h>
#include <sys/sendfile.h>
#include <limits.h>

using namespace twin;

namespace {

struct Pipe {
    int in, out;  // the end to read, the end to write
    explicit Pipe(int flags = 0) {
        int fds[2];
        CHECK_OK(pipe2(fds, flags));
        in = fds[0];
        out = fds[1];
    }
};
constexpr int kSetPipeSize = 1031, kGetPipeSize = 1032;

}  // namespace

TEST(pipes, bytes_come_out_in_order) {
    Pipe p;
    CHECK_EQ(write(p.out, "hello", 5), 5);
    CHECK_EQ(write(p.out, "world", 5), 5);
    char text[16] = {};
    CHECK_EQ(read(p.in, text, 7), 7);
    CHECK_STR(text, "hellowo");
    CHECK_EQ(read(p.in, text, 16), 3);
}
TEST(pipes, ends_have_one_direction) {
    Pipe p;
    char c = 0;
    CHECK_ERRNO(read(p.out, &c, 1), EBADF);
    CHECK_ERRNO(write(p.in, &c, 1), EBADF);
    CHECK_EQ(fcntl(p.in, F_GETFL) & O_ACCMODE, O_RDONLY);
    CHECK_EQ(fcntl(p.out, F_GETFL) & O_ACCMODE, O_WRONLY);
}
TEST(pipes, pipe2_flags_and_errors) {
    Pipe p(O_CLOEXEC | O_NONBLOCK);
    CHECK_EQ(fcntl(p.in, F_GETFD), FD_CLOEXEC);
    CHECK_EQ(fcntl(p.out, F_GETFL) & O_NONBLOCK, O_NONBLOCK);
    int fds[2];
    CHECK_ERRNO(syscall(SYS_pipe2, fds, O_APPEND), EINVAL);
    CHECK_ERRNO(syscall(SYS_pipe2, bad<int>(), 0), EFAULT);
    CHECK_ERRNO(syscall(SYS_pipe, bad<int>()), EFAULT);
    int next = dup(0);
    CHECK_EQ(next, p.out + 1);  // the failed calls leaked no descriptor
}
TEST(pipes, end_of_file_when_all_writers_are_gone) {
    Pipe p;
    int copy = dup(p.out);
    close(p.out);
    pid_t child = start([&] {
        close(copy);
        char c;
        CHECK_EQ(read(p.in, &c, 1), 0);
    });
    wait_until_asleep(child);
    close(copy);
    CHECK_EXITED(status_of(child), 0);
}
TEST(pipes, write_without_readers_is_EPIPE) {
    Pipe p;
    close(p.in);
    signal(SIGPIPE, SIG_IGN);
    CHECK_ERRNO(write(p.out, "x", 1), EPIPE);
}
TEST(pipes, write_without_readers_raises_SIGPIPE) {
    CHECK_KILLED(run([] {
                     Pipe p;
                     close(p.in);
                     write(p.out, "x", 1);
                 }),
                 SIGPIPE);
}
TEST(pipes, blocked_writer_gets_EPIPE_when_the_reader_leaves) {
    Pipe p;
    pid_t child = start([&] {
        close(p.in);
        signal(SIGPIPE, SIG_IGN);
        static char data[200000];
        ssize_t n = write(p.out, data, sizeof data);
        CHECK(n > 0 && n < (ssize_t)sizeof data);
        CHECK_ERRNO(write(p.out, data, 1), EPIPE);
    });
    wait_until_asleep(child);
    close(p.in);
    CHECK_EXITED(status_of(child), 0);
}
TEST(pipes, nonblocking_is_EAGAIN) {
    Pipe p(O_NONBLOCK);
    char c;
    CHECK_ERRNO(read(p.in, &c, 1), EAGAIN);
    static char data[65536];
    CHECK_EQ(write(p.out, data, sizeof data), 65536);
    CHECK_ERRNO(write(p.out, data, 1), EAGAIN);
    CHECK_EQ(read(p.in, data, 4096), 4096);
    CHECK_EQ(write(p.out, data, 4096), 4096);
}
TEST(pipes, nonblocking_big_write_is_partial) {
    Pipe p(O_NONBLOCK);
    static char data[100000];
    CHECK_EQ(write(p.out, data, sizeof data), 65536);
}
TEST(pipes, nonblocking_small_write_is_all_or_nothing) {
    Pipe p(O_NONBLOCK);
    static char data[65536];
    CHECK_EQ(write(p.out, data, 65536 - 4096 + 1), 65536 - 4096 + 1);
    CHECK_EQ(read(p.in, data, 10), 10);
    ssize_t n = write(p.out, data, PIPE_BUF);
    CHECK(n == PIPE_BUF || (n == -1 && errno == EAGAIN));
}
TEST(pipes, nonblocking_end_of_file_is_zero) {
    Pipe p(O_NONBLOCK);
    close(p.out);
    char c;
    CHECK_EQ(read(p.in, &c, 1), 0);
}
TEST(pipes, writes_up_to_PIPE_BUF_are_atomic) {
    Pipe p;
    pid_t children[4];
    for (int i = 0; i < 4; ++i) {
        children[i] = start([&] {
            char data[PIPE_BUF];
            memset(data, 'a' + i, sizeof data);
            for (int n = 0; n < 50; ++n) CHECK_EQ(write(p.out, data, sizeof data), PIPE_BUF);
        });
    }
    close(p.out);
    char data[PIPE_BUF];
    int blocks = 0;
    for (;;) {
        size_t have = 0;
        ssize_t n;
        while (have < sizeof data && (n = read(p.in, data + have, sizeof data - have)) > 0) have += n;
        if (have == 0) break;
        CHECK_EQ(have, PIPE_BUF);
        for (char c : data) CHECK_EQ(c, data[0]);
        ++blocks;
    }
    CHECK_EQ(blocks, 200);
    for (pid_t child : children) CHECK_EXITED(status_of(child), 0);
}
TEST(pipes, big_transfer_arrives_whole) {
    Pipe p;
    pid_t child = start([&] {
        close(p.in);
        unsigned char data[5000];
        unsigned n = 0;
        for (int i = 0; i < 300; ++i) {
            for (unsigned char& c : data) c = static_cast<unsigned char>(n++ * 31 >> 3);
            CHECK_EQ(write(p.out, data, sizeof data), 5000);
        }
    });
    close(p.out);
    unsigned char data[3333];
    unsigned n = 0;
    ssize_t got;
    while ((got = read(p.in, data, sizeof data)) > 0)
        for (ssize_t i = 0; i < got; ++i) CHECK(data[i] == static_cast<unsigned char>(n++ * 31 >> 3));
    CHECK_EQ(n, 1500000);
    CHECK_EXITED(status_of(child), 0);
}
TEST(pipes, FIONREAD_counts) {
    Pipe p;
    int n = -1;
    CHECK_OK(ioctl(p.in, FIONREAD, &n));
    CHECK_EQ(n, 0);
    CHECK_EQ(write(p.out, "12345", 5), 5);
    CHECK_OK(ioctl(p.in, FIONREAD, &n));
    CHECK_EQ(n, 5);
}
TEST(pipes, size_can_be_changed) {
    Pipe p(O_NONBLOCK);
    CHECK_EQ(fcntl(p.in, kGetPipeSize), 65536);
    CHECK_EQ(fcntl(p.in, kSetPipeSize, 4096), 4096);
    static char data[8192];
    CHECK_EQ(write(p.out, data, sizeof data), 4096);
    CHECK_ERRNO(write(p.out, data, 1), EAGAIN);
    CHECK_EQ(fcntl(p.in, kSetPipeSize, 10000), 16384);
    CHECK_EQ(write(p.out, data, sizeof data), 8192);
    CHECK_ERRNO(fcntl(p.in, kSetPipeSize, 4096), EBUSY);
}
TEST(pipes, stat_of_a_pipe) {
    Pipe p;
    struct stat s;
    CHECK_OK(fstat(p.in, &s));
    CHECK(S_ISFIFO(s.st_mode));
}
TEST(pipes, zero_length_write_is_no_end_of_file) {
    Pipe p(O_NONBLOCK);
    CHECK_EQ(write(p.out, "", 0), 0);
    char c;
    CHECK_ERRNO(read(p.in, &c, 1), EAGAIN);
}
TEST(pipes, write_from_a_bad_pointer_is_EFAULT) {
    Pipe p;
    CHECK_ERRNO(write(p.out, bad<char>(), 10), EFAULT);
    CHECK_EQ(write(p.out, "x", 1), 1);
    CHECK_ERRNO(read(p.in, bad<char>(), 1), EFAULT);
}
TEST(pipes, fifo_open_waits_for_the_other_end) {
    CHECK_OK(mkfifo("p", 0600));
    pid_t child = start([] {
        int fd = open("p", O_WRONLY);
        CHECK_OK(fd);
        CHECK_EQ(write(fd, "hi", 2), 2);
    });
    wait_until_asleep(child);
    int fd = open("p", O_RDONLY);
    CHECK_OK(fd);
    char text[4] = {};
    CHECK_EQ(read(fd, text, 4), 2);
    CHECK_STR(text, "hi");
    CHECK_EXITED(status_of(child), 0);
    CHECK_EQ(read(fd, text, 4), 0);
}
TEST(pipes, fifo_nonblocking_open) {
    CHECK_OK(mkfifo("p", 0600));
    CHECK_ERRNO(open("p", O_WRONLY | O_NONBLOCK), ENXIO);
    int in = open("p", O_RDONLY | O_NONBLOCK);
    CHECK_OK(in);
    char c;
    CHECK_EQ(read(in, &c, 1), 0);  // no writer yet: end of file
    int out = open("p", O_WRONLY | O_NONBLOCK);
    CHECK_OK(out);
    CHECK_ERRNO(read(in, &c, 1), EAGAIN);
    CHECK_EQ(write(out, "x", 1), 1);
    CHECK_EQ(read(in, &c, 1), 1);
}
TEST(pipes, fifo_read_write_open_does_not_wait) {
    CHECK_OK(mkfifo("p", 0600));
    int fd = open("p", O_RDWR);
    CHECK_OK(fd);
    CHECK_EQ(write(fd, "x", 1), 1);
    char c;
    CHECK_EQ(read(fd, &c, 1), 1);
}
TEST(pipes, fifo_open_is_interrupted) {
    CHECK_OK(mkfifo("p", 0600));
    pid_t child = start([] {
        struct sigaction action = {};
        action.sa_handler = [](int) {};
        sigaction(SIGUSR1, &action, nullptr);
        CHECK_ERRNO(open("p", O_RDONLY), EINTR);
    });
    wait_until_asleep(child);
    kill(child, SIGUSR1);
    CHECK_EXITED(status_of(child), 0);
}
TEST(pipes, reopening_through_proc_works) {
    Pipe p;
    char path[64];
    snprintf(path, sizeof path, "/proc/self/fd/%d", p.out);
    int again = open(path, O_WRONLY);
    CHECK_OK(again);
    CHECK_EQ(write(again, "x", 1), 1);
    char c;
    CHECK_EQ(read(p.in, &c, 1), 1);
}
TEST(pipes, sendfile_from_file_to_pipe) {
    write_file("f", "0123456789");
    int fd = open("f", O_RDONLY);
    Pipe p;
    CHECK_EQ(sendfile(p.out, fd, nullptr, 4), 4);
    CHECK_EQ(lseek(fd, 0, SEEK_CUR), 4);
    off_t at = 6;
    CHECK_EQ(sendfile(p.out, fd, &at, 100), 4);
    CHECK_EQ(at, 10);
    CHECK_EQ(lseek(fd, 0, SEEK_CUR), 4);
    char text[16] = {};
    CHECK_EQ(read(p.in, text, 16), 8);
    CHECK_STR(text, "01236789");
}
TEST(pipes, sendfile_between_files) {
    static char data[100000], back[100000];
    for (unsigned i = 0; i < sizeof data; ++i) data[i] = static_cast<char>(i % 251);
    int in = open("a", O_RDWR | O_CREAT, 0644), out = open("b", O_RDWR | O_CREAT, 0644);
    CHECK_EQ(write(in, data, sizeof data), 100000);
    lseek(in, 0, SEEK_SET);
    long total = 0, n;
    while ((n = sendfile(out, in, nullptr, 200000)) > 0) total += n;
    CHECK_EQ(total, 100000);
    CHECK_EQ(pread(out, back, sizeof back, 0), 100000);
    CHECK(memcmp(data, back, sizeof data) == 0);
}
TEST(pipes, sendfile_errors) {
    write_file("f", "0123456789");
    int ro = open("f", O_RDONLY), wo = open("g", O_WRONLY | O_CREAT, 0644);
    Pipe p;
    CHECK_ERRNO(sendfile(-1, ro, nullptr, 1), EBADF);
    CHECK_ERRNO(sendfile(wo, -1, nullptr, 1), EBADF);
    CHECK_ERRNO(sendfile(ro, ro, nullptr, 1), EBADF);
    CHECK_ERRNO(sendfile(wo, wo, nullptr, 1), EBADF);
    CHECK_ERRNO(sendfile(wo, ro, bad<off_t>(), 1), EFAULT);
    off_t negative = -1;
    CHECK_ERRNO(sendfile(wo, ro, &negative, 1), EINVAL);
    int append = open("h", O_WRONLY | O_CREAT | O_APPEND, 0644);
    CHECK_ERRNO(sendfile(append, ro, nullptr, 1), EINVAL);
}
TEST(pipes, copy_file_range_copies) {
    write_file("a", "0123456789");
    int in = open("a", O_RDONLY), out = open("b", O_RDWR | O_CREAT, 0644);
    off_t from = 2, to = 5;
    CHECK_EQ(syscall(SYS_copy_file_range, in, &from, out, &to, 4, 0), 4);
    CHECK_EQ(from, 6);
    CHECK_EQ(to, 9);
    char text[16] = {};
    CHECK_EQ(pread(out, text, 16, 0), 9);
    CHECK(memcmp(text, "\0\0\0\0\0002345", 9) == 0);
    CHECK_EQ(syscall(SYS_copy_file_range, in, nullptr, out, nullptr, 100, 0), 10);
    CHECK_EQ(syscall(SYS_copy_file_range, in, nullptr, out, nullptr, 100, 0), 0);
}
TEST(pipes, copy_file_range_errors) {
    write_file("a", "0123456789");
    int in = open("a", O_RDONLY), out = open("b", O_RDWR | O_CREAT, 0644);
    Pipe p;
    CHECK_ERRNO(syscall(SYS_copy_file_range, in, nullptr, out, nullptr, 1, 1), EINVAL);
    CHECK_ERRNO(syscall(SYS_copy_file_range, -1, nullptr, out, nullptr, 1, 0), EBADF);
    CHECK_ERRNO(syscall(SYS_copy_file_range, in, nullptr, in, nullptr, 1, 0), EBADF);
    CHECK_ERRNO(syscall(SYS_copy_file_range, in, nullptr, p.out, nullptr, 1, 0), EINVAL);
    CHECK_ERRNO(syscall(SYS_copy_file_range, open(".", O_RDONLY), nullptr, out, nullptr, 1, 0), EISDIR);
    int both = open("a", O_RDWR);
    off_t from = 0, to = 5;
    CHECK_ERRNO(syscall(SYS_copy_file_range, both, &from, both, &to, 8, 0), EINVAL);  // the ranges overlap
}
TEST(pipes, splice_file_to_pipe_and_back) {
    write_file("a", "0123456789");
    int in = open("a", O_RDONLY), out = open("b", O_RDWR | O_CREAT, 0644);
    Pipe p;
    off_t from = 3;
    CHECK_EQ(splice(in, &from, p.out, nullptr, 5, 0), 5);
    CHECK_EQ(from, 8);
    CHECK_EQ(splice(p.in, nullptr, out, nullptr, 100, 0), 5);
    char text[16] = {};
    CHECK_EQ(pread(out, text, 16, 0), 5);
    CHECK_STR(text, "34567");
}
TEST(pipes, splice_errors) {
    write_file("a", "0123456789");
    int in = open("a", O_RDONLY), out = open("b", O_RDWR | O_CREAT, 0644);
    Pipe p;
    off_t at = 0;
    CHECK_ERRNO(splice(in, nullptr, out, nullptr, 1, 0), EINVAL);  // no pipe
    CHECK_ERRNO(splice(in, nullptr, p.out, &at, 1, 0), ESPIPE);
    CHECK_ERRNO(splice(-1, nullptr, p.out, nullptr, 1, 0), EBADF);
    CHECK_ERRNO(splice(in, nullptr, p.out, nullptr, 1, 0x1000), EINVAL);
    CHECK_ERRNO(splice(p.in, nullptr, out, nullptr, 1, SPLICE_F_NONBLOCK), EAGAIN);
}
TEST(pipes, tee_duplicates) {
    Pipe a, b;
    CHECK_EQ(write(a.out, "hello", 5), 5);
    CHECK_EQ(tee(a.in, b.out, 100, 0), 5);
    char text[8] = {};
    CHECK_EQ(read(b.in, text, 8), 5);
    CHECK_EQ(read(a.in, text, 8), 5);
    CHECK_STR(text, "hello");
    CHECK_ERRNO(tee(a.in, open("/dev/null", O_WRONLY), 1, 0), EINVAL);
    CHECK_ERRNO(tee(a.in, a.out, 1, 0), EINVAL);
}
TEST(pipes, vmsplice_gives_memory) {
    Pipe p;
    iovec pieces[2] = {{(void*)"abc", 3}, {(void*)"def", 3}};
    CHECK_EQ(vmsplice(p.out, pieces, 2, 0), 6);
    char text[8] = {};
    CHECK_EQ(read(p.in, text, 8), 6);
    CHECK_STR(text, "abcdef");
}
