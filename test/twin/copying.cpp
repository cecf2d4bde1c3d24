// SPDX-License-Identifier: MIT
//
// Bytes that the kernel moves: copy_file_range(2), splice(2), tee(2), vmsplice(2), and reads and writes with flags (preadv2(2)),
// beyond what pipes.cpp asks: which error comes first, where offsets end, what an end of file or a missing partner means.
#include "twin.h"

using namespace twin;

namespace {

struct Pipe {
    int in, out;
    explicit Pipe(int flags = 0) {
        int fds[2];
        CHECK_OK(pipe2(fds, flags));
        in = fds[0], out = fds[1];
    }
};
int open_with(const char* name, const char* text, int flags = O_RDWR) {
    write_file(name, text);
    const int fd = open(name, flags);
    CHECK_OK(fd);
    return fd;
}
long copy(int in, int64_t* from, int out, int64_t* to, size_t length, unsigned flags = 0) {
    return syscall(SYS_copy_file_range, in, from, out, to, length, flags);
}
long move(int in, int64_t* from, int out, int64_t* to, size_t length, unsigned flags = 0) {
    return syscall(SYS_splice, in, from, out, to, length, flags);
}
long gather(int fd, const char* text, off_t offset, int flags) {
    const iovec piece = {const_cast<char*>(text), strlen(text)};
    return syscall(SYS_pwritev2, fd, &piece, 1, offset, 0, flags);
}
long scatter(int fd, char* buffer, size_t size, off_t offset, int flags) {
    const iovec piece = {buffer, size};
    return syscall(SYS_preadv2, fd, &piece, 1, offset, 0, flags);
}
void check_content(const char* name, const char* want) {
    char text[256];
    CHECK(read_file(name, text, sizeof text) >= 0);
    CHECK_STR(text, want);
}
constexpr int kNoWait = 8, kAppend = 16, kNoAppend = 32;

}  // namespace

// ---- copy_file_range
TEST(copying, ranges_of_one_file) {
    const int fd = open_with("f", "0123456789");
    int64_t from = 0, to = 5;
    CHECK_EQ(copy(fd, &from, fd, &to, 5), 5);  // they touch, and do not overlap
    CHECK_EQ(from, 5);
    CHECK_EQ(to, 10);
    check_content("f", "0123401234");
    from = 0, to = 4;
    CHECK_ERRNO(copy(fd, &from, fd, &to, 5), EINVAL);
    CHECK_EQ(from, 0);
    from = 8, to = 20;
    CHECK_EQ(copy(fd, &from, fd, &to, 100), 2);
    CHECK_EQ(lseek(fd, 0, SEEK_END), 22);
    from = 22;
    CHECK_EQ(copy(fd, &from, fd, &to, 100), 0);
    from = 500;
    CHECK_EQ(copy(fd, &from, fd, &to, 100), 0);
    CHECK_EQ(from, 500);
}
TEST(copying, range_uses_the_positions) {
    const int in = open_with("a", "0123456789"), out = open_with("b", "");
    CHECK_EQ(lseek(in, 3, SEEK_SET), 3);
    int64_t to = 2;
    CHECK_EQ(copy(in, nullptr, out, &to, 4), 4);
    CHECK_EQ(lseek(in, 0, SEEK_CUR), 7);
    CHECK_EQ(lseek(out, 0, SEEK_CUR), 0);
    int64_t from = 0;
    CHECK_EQ(copy(in, &from, out, nullptr, 2), 2);
    CHECK_EQ(lseek(in, 0, SEEK_CUR), 7);
    CHECK_EQ(lseek(out, 0, SEEK_CUR), 2);
    check_content("b", "013456");
}
TEST(copying, range_errors) {
    const int in = open_with("a", "0123456789", O_RDONLY), out = open_with("b", "");
    const int append = open("b", O_WRONLY | O_APPEND), directory = open(".", O_RDONLY);
    Pipe p;
    int64_t from = 0, to = 0;
    CHECK_ERRNO(copy(-1, bad<int64_t>(), out, nullptr, 1, 1), EBADF);
    CHECK_ERRNO(copy(in, bad<int64_t>(), out, nullptr, 1, 1), EFAULT);
    CHECK_ERRNO(copy(in, nullptr, out, bad<int64_t>(), 1), EFAULT);
    CHECK_ERRNO(copy(in, nullptr, in, nullptr, 1, 1), EINVAL);
    CHECK_ERRNO(copy(in, nullptr, append, nullptr, 1), EBADF);
    CHECK_ERRNO(copy(append, nullptr, out, nullptr, 1), EBADF);
    CHECK_ERRNO(copy(in, nullptr, directory, nullptr, 1), EISDIR);
    CHECK_ERRNO(copy(p.in, nullptr, out, nullptr, 1), EINVAL);
    CHECK_ERRNO(copy(open("/dev/zero", O_RDONLY), nullptr, out, nullptr, 1), EINVAL);
    CHECK_EQ(copy(in, &from, out, &to, 0), 0);
    CHECK_ERRNO(copy(in, nullptr, in, nullptr, 0), EBADF);  // asked even for nothing
    to = -1;
    CHECK_ERRNO(copy(in, &from, out, &to, 5), EOVERFLOW);
    to = INT64_MAX;
    CHECK_ERRNO(copy(in, &from, out, &to, ~size_t{0}), EOVERFLOW);
    rlimit limit = {4, RLIM_INFINITY};
    CHECK_OK(setrlimit(RLIMIT_FSIZE, &limit));
    signal(SIGXFSZ, SIG_IGN);
    to = 2;
    CHECK_EQ(copy(in, &from, out, &to, 5), 2);
    CHECK_ERRNO(copy(in, &from, out, &to, 5), EFBIG);
}

// ---- splice
TEST(copying, splice_checks_in_this_order) {
    const int file = open_with("a", "0123456789"), append = open("a", O_WRONLY | O_APPEND);
    Pipe p, q;
    int64_t at = 0;
    CHECK_EQ(move(-1, bad<int64_t>(), -1, nullptr, 0, ~0u), 0);  // nothing is nothing, whatever else is wrong
    CHECK_ERRNO(move(-1, nullptr, -1, nullptr, 1, 16), EINVAL);
    CHECK_ERRNO(move(file, nullptr, -1, nullptr, 1), EBADF);
    CHECK_ERRNO(move(p.in, &at, file, nullptr, 1), ESPIPE);
    CHECK_ERRNO(move(file, nullptr, p.out, &at, 1), ESPIPE);
    CHECK_ERRNO(move(file, bad<int64_t>(), p.out, nullptr, 1), EFAULT);
    CHECK_ERRNO(move(p.out, nullptr, file, nullptr, 1), EBADF);
    CHECK_ERRNO(move(file, nullptr, p.in, nullptr, 1), EBADF);
    CHECK_ERRNO(move(p.in, nullptr, p.out, nullptr, 1), EINVAL);
    CHECK_ERRNO(move(p.in, nullptr, append, nullptr, 1), EINVAL);
    CHECK_ERRNO(move(file, nullptr, file, nullptr, 1), EINVAL);
    CHECK_ERRNO(move(open(".", O_RDONLY), nullptr, p.out, nullptr, 1), EINVAL);
    at = -5;
    CHECK_ERRNO(move(file, &at, p.out, nullptr, 1), EINVAL);
    CHECK_EQ(write(p.out, "x", 1), 1);
    CHECK_ERRNO(move(p.in, nullptr, file, &at, 1), EINVAL);
}
TEST(copying, splice_between_pipes) {
    Pipe p, q;
    CHECK_EQ(write(p.out, "0123456789", 10), 10);
    CHECK_EQ(move(p.in, nullptr, q.out, nullptr, 4, SPLICE_F_MOVE | SPLICE_F_MORE | SPLICE_F_GIFT), 4);
    char text[16] = {};
    CHECK_EQ(read(q.in, text, 16), 4);
    CHECK_STR(text, "0123");
    CHECK_EQ(read(p.in, text, 16), 6);
    CHECK_ERRNO(move(p.in, nullptr, q.out, nullptr, 4, SPLICE_F_NONBLOCK), EAGAIN);
    close(p.out);
    CHECK_EQ(move(p.in, nullptr, q.out, nullptr, 4), 0);  // the end of the file
    Pipe r;
    CHECK_EQ(write(r.out, "left", 4), 4);
    close(q.in);
    signal(SIGPIPE, SIG_IGN);
    CHECK_ERRNO(move(r.in, nullptr, q.out, nullptr, 4), EPIPE);
    CHECK_EQ(read(r.in, text, 16), 4);  // nothing was lost
}
TEST(copying, splice_to_and_from_files) {
    const int file = open_with("a", "0123456789"), out = open_with("b", "");
    Pipe p;
    int64_t at = 8;
    CHECK_EQ(move(file, &at, p.out, nullptr, 100), 2);
    CHECK_EQ(at, 10);
    CHECK_EQ(lseek(file, 0, SEEK_CUR), 0);
    CHECK_EQ(move(file, &at, p.out, nullptr, 100), 0);
    at = 3;
    CHECK_EQ(move(p.in, nullptr, out, &at, 100), 2);
    CHECK_EQ(at, 5);
    CHECK_EQ(lseek(out, 0, SEEK_CUR), 0);
    CHECK_EQ(lseek(out, 0, SEEK_END), 5);
    CHECK_EQ(move(file, nullptr, p.out, nullptr, 4), 4);
    CHECK_EQ(lseek(file, 0, SEEK_CUR), 4);
    CHECK_EQ(move(p.in, nullptr, open("/dev/null", O_WRONLY), nullptr, 100), 4);
    CHECK_ERRNO(move(p.in, nullptr, out, nullptr, 1, SPLICE_F_NONBLOCK), EAGAIN);
    // A full pipe takes nothing.
    static char filler[65536];
    CHECK_EQ(write(p.out, filler, sizeof filler), sizeof filler);
    at = 0;
    CHECK_ERRNO(move(file, &at, p.out, nullptr, 1, SPLICE_F_NONBLOCK), EAGAIN);
    CHECK_EQ(at, 0);
}
TEST(copying, splice_waits_for_bytes) {
    Pipe p, q;
    const pid_t child = start([&] { CHECK_EQ(move(p.in, nullptr, q.out, nullptr, 100), 3); });
    wait_until_asleep(child);
    CHECK_EQ(write(p.out, "abc", 3), 3);
    CHECK_EXITED(status_of(child), 0);
    char text[8] = {};
    CHECK_EQ(read(q.in, text, 8), 3);
    CHECK_STR(text, "abc");
}
TEST(copying, tee) {
    const int file = open_with("a", "x");
    Pipe p, q;
    CHECK_ERRNO(syscall(SYS_tee, -1, -1, 0, 16), EINVAL);  // flags before the length, unlike splice
    CHECK_EQ(syscall(SYS_tee, -1, -1, 0, 0), 0);
    CHECK_ERRNO(syscall(SYS_tee, p.in, -1, 1, 0), EBADF);
    CHECK_ERRNO(syscall(SYS_tee, p.out, q.out, 1, 0), EBADF);
    CHECK_ERRNO(syscall(SYS_tee, file, q.out, 1, 0), EINVAL);
    CHECK_ERRNO(syscall(SYS_tee, p.in, p.out, 1, 0), EINVAL);
    CHECK_ERRNO(syscall(SYS_tee, p.in, q.out, 1, SPLICE_F_NONBLOCK), EAGAIN);
    CHECK_EQ(write(p.out, "abc", 3), 3);
    CHECK_EQ(write(p.out, "def", 3), 3);
    CHECK_EQ(syscall(SYS_tee, p.in, q.out, 4, 0), 4);
    char text[16] = {};
    CHECK_EQ(read(q.in, text, 16), 4);
    CHECK_STR(text, "abcd");
    close(p.out);
    CHECK_EQ(syscall(SYS_tee, p.in, q.out, 100, 0), 6);
    CHECK_EQ(read(p.in, text, 16), 6);
    CHECK_EQ(syscall(SYS_tee, p.in, q.out, 1, 0), 0);
    close(q.in);
    signal(SIGPIPE, SIG_IGN);
    Pipe r;
    CHECK_EQ(write(r.out, "x", 1), 1);
    CHECK_ERRNO(syscall(SYS_tee, r.in, q.out, 1, 0), EPIPE);
}
TEST(copying, vmsplice) {
    Pipe p(O_NONBLOCK);
    char a[4] = "abc", b[8] = {};
    iovec pieces[2] = {{a, 3}, {b, 8}};
    CHECK_ERRNO(syscall(SYS_vmsplice, -1, pieces, 1, 16), EINVAL);
    CHECK_ERRNO(syscall(SYS_vmsplice, -1, pieces, 1, 0), EBADF);
    CHECK_ERRNO(syscall(SYS_vmsplice, open_with("f", "x"), pieces, 1, 0), EBADF);
    CHECK_ERRNO(syscall(SYS_vmsplice, p.out, bad<iovec>(), 1, 0), EFAULT);
    CHECK_ERRNO(syscall(SYS_vmsplice, p.out, pieces, 1025, 0), EINVAL);
    CHECK_EQ(syscall(SYS_vmsplice, p.out, bad<iovec>(), 0, 0), 0);
    iovec nowhere = {bad<char>(), 4};
    CHECK_ERRNO(syscall(SYS_vmsplice, p.out, &nowhere, 1, 0), EFAULT);
    CHECK_EQ(syscall(SYS_vmsplice, p.out, pieces, 1, 0), 3);
    CHECK_EQ(syscall(SYS_vmsplice, p.in, pieces + 1, 1, 0), 3);  // from the reading end: into memory
    CHECK_STR(b, "abc");
    CHECK_ERRNO(syscall(SYS_vmsplice, p.in, pieces + 1, 1, SPLICE_F_NONBLOCK), EAGAIN);
    close(p.in);
    signal(SIGPIPE, SIG_IGN);
    CHECK_ERRNO(syscall(SYS_vmsplice, p.out, pieces, 1, 0), EPIPE);
}

// ---- preadv2 and pwritev2
TEST(copying, offset_of_minus_one_is_the_position) {
    const int fd = open_with("f", "0123456789");
    char text[8] = {};
    CHECK_EQ(scatter(fd, text, 3, -1, 0), 3);
    CHECK_EQ(scatter(fd, text + 3, 2, -1, 0), 2);
    CHECK_STR(text, "01234");
    CHECK_EQ(scatter(fd, text, 3, 7, 0), 3);
    CHECK_EQ(lseek(fd, 0, SEEK_CUR), 5);
    CHECK_EQ(gather(fd, "ab", -1, 0), 2);
    CHECK_EQ(gather(fd, "cd", 1, 0), 2);
    CHECK_EQ(lseek(fd, 0, SEEK_CUR), 7);
    check_content("f", "0cd34ab789");
    CHECK_ERRNO(scatter(fd, text, 3, -2, 0), EINVAL);
    CHECK_ERRNO(gather(fd, "x", -2, 0), EINVAL);
    const iovec piece = {text, 1};
    CHECK_ERRNO(syscall(SYS_preadv, fd, &piece, 1, -1L, -1L), EINVAL);
    Pipe p;
    CHECK_EQ(gather(p.out, "x", -1, 0), 1);
    CHECK_EQ(scatter(p.in, text, 1, -1, 0), 1);
    CHECK_ERRNO(gather(p.out, "x", 0, 0), ESPIPE);
    CHECK_ERRNO(scatter(p.in, text, 1, 0, 0), ESPIPE);
}
TEST(copying, flags_of_a_write) {
    const int fd = open_with("f", "0123456789");
    CHECK_EQ(gather(fd, "ab", 0, kAppend), 2);
    CHECK_EQ(lseek(fd, 0, SEEK_CUR), 0);
    CHECK_EQ(gather(fd, "cd", -1, kAppend), 2);
    CHECK_EQ(lseek(fd, 0, SEEK_CUR), 14);
    CHECK_EQ(gather(fd, "ef", 2, 2 | 4), 2);  // RWF_DSYNC, RWF_SYNC
    CHECK_ERRNO(gather(fd, "x", 0, 1 << 20), EOPNOTSUPP);
    CHECK_ERRNO(gather(fd, "x", 0, kAppend | kNoAppend), EINVAL);
    const int append = open("f", O_WRONLY | O_APPEND);
    CHECK_EQ(gather(append, "gh", 0, 0), 2);
    CHECK_EQ(gather(append, "ij", 0, kNoAppend), 2);
    check_content("f", "ijef456789abcdgh");
    char text[4];
    CHECK_ERRNO(scatter(fd, text, 1, 0, 1 << 20), EOPNOTSUPP);
    CHECK_EQ(scatter(fd, text, 4, 0, 1 /* RWF_HIPRI */), 4);
    CHECK_ERRNO(scatter(append, text, 1, 0, 0), EBADF);
    CHECK_ERRNO(scatter(-1, text, 1, 0, 1 << 20), EBADF);
    const iovec huge = {text, size_t{1} << 63};
    CHECK_ERRNO(syscall(SYS_preadv2, fd, &huge, 1, 0, 0, 0), EINVAL);
    CHECK_ERRNO(syscall(SYS_preadv2, fd, &huge, 1025, 0, 0, 0), EINVAL);
    CHECK_EQ(syscall(SYS_preadv2, fd, bad<iovec>(), 0, 0, 0, 0), 0);
    CHECK_ERRNO(syscall(SYS_preadv2, fd, bad<iovec>(), 1, 0, 0, 0), EFAULT);
}
TEST(copying, no_waiting_at_a_pipe) {
    Pipe p;
    char text[8];
    CHECK_ERRNO(scatter(p.in, text, 8, -1, kNoWait), EAGAIN);
    CHECK_EQ(gather(p.out, "abc", -1, kNoWait), 3);
    CHECK_EQ(scatter(p.in, text, 8, -1, kNoWait), 3);
    static char filler[65536];
    CHECK_EQ(write(p.out, filler, sizeof filler), sizeof filler);
    CHECK_ERRNO(gather(p.out, "x", -1, kNoWait), EAGAIN);
}
