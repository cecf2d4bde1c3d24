// SPDX-License-Identifier: MIT
//
// sendfile(2), readv(2) and its relatives, fallocate(2), lseek(2): order of errors and the edges of their arguments.
#include "twin.h"

#include <sys/sendfile.h>

using namespace twin;

namespace {

int open_with(const char* name, const char* text, int flags = O_RDWR) {
    write_file(name, text);
    const int fd = open(name, flags);
    CHECK_OK(fd);
    return fd;
}
long send(int out, int in, int64_t* offset, size_t count) { return syscall(SYS_sendfile, out, in, offset, count); }

}  // namespace

TEST(transfers, sendfile) {
    const int in = open_with("a", "0123456789", O_RDONLY), out = open_with("b", "");
    const int append = open("b", O_WRONLY | O_APPEND), directory = open(".", O_RDONLY);
    int ends[2];
    CHECK_OK(pipe(ends));
    int64_t at = 2;
    CHECK_ERRNO(send(-1, -1, bad<int64_t>(), 1), EFAULT);  // the offset is read before anything
    CHECK_ERRNO(send(-1, in, &at, 1), EBADF);
    CHECK_ERRNO(send(out, directory, nullptr, 1), EINVAL);
    CHECK_ERRNO(send(append, in, nullptr, 1), EINVAL);
    CHECK_ERRNO(send(directory, in, nullptr, 1), EBADF);
    CHECK_ERRNO(send(out, ends[0], &at, 1), ESPIPE);
    CHECK_ERRNO(send(out, in, nullptr, size_t{1} << 63), EINVAL);
    CHECK_EQ(send(out, in, &at, 0), 0);
    CHECK_EQ(send(out, in, &at, 3), 3);
    CHECK_EQ(at, 5);
    at = 10;
    CHECK_EQ(send(out, in, &at, 3), 0);
    CHECK_EQ(lseek(out, 0, SEEK_CUR), 3);
    at = -1;
    CHECK_ERRNO(send(out, in, &at, 1), EINVAL);
}
TEST(transfers, vectors) {
    const int fd = open_with("f", "0123456789");
    char a[4] = {}, b[8] = {};
    iovec pieces[3] = {{a, 3}, {bad<char>(), 0}, {b, 4}};
    CHECK_EQ(readv(fd, pieces, 3), 7);
    CHECK_STR(a, "012");
    CHECK_STR(b, "3456");
    CHECK_EQ(syscall(SYS_readv, fd, bad<iovec>(), 0), 0);
    CHECK_ERRNO(syscall(SYS_readv, -1, bad<iovec>(), 1025), EBADF);
    CHECK_ERRNO(syscall(SYS_readv, fd, bad<iovec>(), 1025), EINVAL);
    CHECK_ERRNO(syscall(SYS_readv, fd, pieces, -1L), EINVAL);
    CHECK_ERRNO(syscall(SYS_readv, fd, bad<iovec>(), 1), EFAULT);
    pieces[0].iov_len = size_t{1} << 63;
    CHECK_ERRNO(readv(fd, pieces, 3), EINVAL);
    pieces[0] = {a, 2};
    pieces[1] = {bad<char>(), 4};
    CHECK_OK(lseek(fd, 0, SEEK_SET));
    CHECK_EQ(readv(fd, pieces, 2), 2);  // what came before the bad piece
    CHECK_EQ(lseek(fd, 0, SEEK_CUR), 2);
    CHECK_EQ(writev(fd, pieces, 2), 2);
    CHECK_ERRNO(preadv(fd, pieces, 1, -1), EINVAL);
    int ends[2];
    CHECK_OK(pipe(ends));
    CHECK_ERRNO(preadv(ends[0], pieces, 1, 0), ESPIPE);
    CHECK_ERRNO(pwritev(ends[1], pieces, 1, 0), ESPIPE);
    CHECK_ERRNO(preadv(ends[0], pieces, 1, -1), EINVAL);
    CHECK_ERRNO(pread(ends[0], a, 1, -1), EINVAL);
    CHECK_ERRNO(pread(ends[0], a, 1, 0), ESPIPE);
    CHECK_ERRNO(pread(fd, a, 1, -1), EINVAL);
    CHECK_ERRNO(pwrite(-1, a, 1, -1), EINVAL);
    CHECK_ERRNO(read(open("f", O_WRONLY), bad<char>(), 1), EBADF);
    CHECK_ERRNO(read(open(".", O_RDONLY), a, 1), EISDIR);
    CHECK_ERRNO(write(fd, kernel_address<char>(), 1), EFAULT);
}
TEST(transfers, fallocate) {
    const int fd = open_with("f", "0123456789");
    int ends[2];
    CHECK_OK(pipe(ends));
    CHECK_ERRNO(syscall(SYS_fallocate, fd, 0, -1L, 1), EINVAL);
    CHECK_ERRNO(syscall(SYS_fallocate, fd, 0, 0, 0), EINVAL);
    CHECK_ERRNO(syscall(SYS_fallocate, fd, 0, 0, -1L), EINVAL);
    CHECK_ERRNO(syscall(SYS_fallocate, -1, 1 << 20, -1L, 1), EBADF);
    CHECK_ERRNO(syscall(SYS_fallocate, fd, 1 << 20, 0, 1), EOPNOTSUPP);
    CHECK_ERRNO(syscall(SYS_fallocate, fd, 2 /* PUNCH_HOLE without KEEP_SIZE */, 0, 1), EOPNOTSUPP);
    CHECK_ERRNO(syscall(SYS_fallocate, open("f", O_RDONLY), 0, 0, 1), EBADF);
    CHECK_ERRNO(syscall(SYS_fallocate, ends[1], 0, 0, 1), ESPIPE);
    CHECK_ERRNO(syscall(SYS_fallocate, open("/dev/null", O_WRONLY), 0, 0, 1), ENODEV);
    CHECK_ERRNO(syscall(SYS_fallocate, fd, 0, INT64_MAX, 1), EFBIG);
    CHECK_OK(syscall(SYS_fallocate, fd, 0, 0, 20));
    struct stat s;
    CHECK_OK(fstat(fd, &s));
    CHECK_EQ(s.st_size, 20);
    CHECK_OK(syscall(SYS_fallocate, fd, 3, 2, 4));
    char text[21] = {};
    CHECK_EQ(pread(fd, text, 20, 0), 20);
    CHECK(memcmp(text, "01\0\0\0\0006789\0\0", 12) == 0);
}
TEST(transfers, lseek) {
    const int fd = open_with("f", "0123456789");
    int ends[2];
    CHECK_OK(pipe(ends));
    CHECK_ERRNO(lseek(fd, 0, 5), EINVAL);
    CHECK_ERRNO(lseek(fd, 0, -1), EINVAL);
    CHECK_ERRNO(lseek(-1, 0, 99), EBADF);
    CHECK_ERRNO(lseek(ends[0], 0, 99), EINVAL);
    CHECK_ERRNO(lseek(ends[0], 0, SEEK_CUR), ESPIPE);
    CHECK_ERRNO(lseek(fd, -1, SEEK_SET), EINVAL);
    CHECK_ERRNO(lseek(fd, -11, SEEK_END), EINVAL);
    CHECK_EQ(lseek(fd, 5, SEEK_END), 15);
    CHECK_ERRNO(lseek(fd, INT64_MAX, SEEK_CUR), EINVAL);  // EOVERFLOW to other systems
    CHECK_EQ(lseek(fd, 0, SEEK_CUR), 15);
    CHECK_EQ(lseek(fd, 3, SEEK_DATA), 3);
    CHECK_EQ(lseek(fd, 3, SEEK_HOLE), 10);
    CHECK_ERRNO(lseek(fd, 10, SEEK_DATA), ENXIO);
    CHECK_ERRNO(lseek(fd, 10, SEEK_HOLE), ENXIO);
    CHECK_ERRNO(lseek(fd, -1, SEEK_DATA), ENXIO);
}
