// SPDX-License-Identifier: MIT
//
// read(2), write(2), lseek(2), pread(2), readv(2), close(2), access(2), truncate(2), fallocate(2).
#include "file_helpers.h"

using namespace twin;

TEST(files, close_bad_descriptor_is_EBADF) {
    CHECK_ERRNO(close(-1), EBADF);
    CHECK_ERRNO(close(777), EBADF);
    int fd = create("f");
    CHECK_OK(close(fd));
    CHECK_ERRNO(close(fd), EBADF);
}
TEST(files, read_returns_what_was_written) {
    int fd = create("f");
    CHECK_EQ(write(fd, "hello world", 11), 11);
    CHECK_EQ(lseek(fd, 0, SEEK_SET), 0);
    char text[32] = {};
    CHECK_EQ(read(fd, text, sizeof text), 11);
    CHECK_STR(text, "hello world");
    CHECK_EQ(read(fd, text, sizeof text), 0);
}
TEST(files, read_errors) {
    char c;
    CHECK_ERRNO(read(-1, &c, 1), EBADF);
    CHECK_ERRNO(read(500, &c, 1), EBADF);
    int fd = create("f", O_WRONLY | O_CREAT);
    CHECK_ERRNO(read(fd, &c, 1), EBADF);
    int dir = open(".", O_RDONLY);
    CHECK_ERRNO(read(dir, &c, 1), EISDIR);
    write_file("g", "x");
    int g = open("g", O_RDONLY);
    CHECK_ERRNO(read(g, bad<char>(), 1), EFAULT);
    CHECK_ERRNO(read(g, kernel_address<char>(), 1), EFAULT);
    CHECK_EQ(read(g, &c, 0), 0);
}
TEST(files, write_errors) {
    write_file("f", "x");
    int fd = open("f", O_RDONLY);
    CHECK_ERRNO(write(fd, "x", 1), EBADF);
    CHECK_ERRNO(write(-1, "x", 1), EBADF);
    int g = create("g");
    CHECK_ERRNO(write(g, bad<char>(), 1), EFAULT);
    CHECK_ERRNO(write(g, kernel_address<char>(), 1), EFAULT);
    CHECK_EQ(write(g, "x", 0), 0);
}
TEST(files, write_partly_bad_buffer_writes_the_good_part) {
    char* two = static_cast<char*>(mmap(nullptr, 2 * kPage, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
    CHECK_OK(mprotect(two + kPage, kPage, PROT_NONE));
    memset(two, 'x', kPage);
    int fds[2];
    CHECK_OK(pipe(fds));
    // Within one page before the hole, a file may write part or fail; a read into it gives the bytes before the hole.
    write_file("f", "0123456789");
    int fd = open("f", O_RDONLY);
    ssize_t got = read(fd, two + kPage - 4, 10);
    CHECK(got == 4 || (got == -1 && errno == EFAULT));
}
TEST(files, read_into_readonly_memory_is_EFAULT) {
    char* page = static_cast<char*>(mmap(nullptr, kPage, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
    write_file("f", "abc");
    int fd = open("f", O_RDONLY);
    CHECK_ERRNO(read(fd, page, 3), EFAULT);
}
TEST(files, append_always_writes_at_the_end) {
    write_file("f", "abc");
    int fd = open("f", O_WRONLY | O_APPEND);
    CHECK_EQ(lseek(fd, 0, SEEK_SET), 0);
    CHECK_EQ(write(fd, "def", 3), 3);
    CHECK_EQ(lseek(fd, 0, SEEK_CUR), 6);
    CHECK_EQ(pwrite(fd, "ghi", 3, 0), 3);  // BUGS in pwrite(2): O_APPEND wins
    char text[32];
    read_file("f", text, sizeof text);
    CHECK_STR(text, "abcdefghi");
}
TEST(files, write_beyond_the_end_leaves_zeros) {
    int fd = create("f");
    CHECK_EQ(lseek(fd, 10000, SEEK_SET), 10000);
    CHECK_EQ(write(fd, "x", 1), 1);
    static char data[10001];
    CHECK_EQ(pread(fd, data, sizeof data, 0), 10001);
    for (int i = 0; i < 10000; ++i) CHECK(data[i] == 0);
    CHECK_EQ(data[10000], 'x');
}
TEST(files, lseek_whences) {
    write_file("f", "0123456789");
    int fd = open("f", O_RDONLY);
    CHECK_EQ(lseek(fd, 4, SEEK_SET), 4);
    CHECK_EQ(lseek(fd, 3, SEEK_CUR), 7);
    CHECK_EQ(lseek(fd, -2, SEEK_END), 8);
    CHECK_EQ(lseek(fd, 100, SEEK_END), 110);
    CHECK_ERRNO(lseek(fd, -1, SEEK_SET), EINVAL);
    CHECK_ERRNO(lseek(fd, -11, SEEK_END), EINVAL);
    CHECK_ERRNO(lseek(fd, 0, 99), EINVAL);
    CHECK_ERRNO(lseek(99, 0, SEEK_SET), EBADF);
    CHECK_EQ(lseek(fd, 0, SEEK_CUR), 110);
}
TEST(files, lseek_data_and_hole) {
    int fd = create("f");
    CHECK_EQ(pwrite(fd, "x", 1, 0), 1);
    CHECK_OK(ftruncate(fd, 1 << 20));
    CHECK_EQ(lseek(fd, 0, SEEK_DATA), 0);
    off_t hole = lseek(fd, 0, SEEK_HOLE);
    CHECK(hole > 0 && hole <= 1 << 20);
    CHECK_ERRNO(lseek(fd, 2 << 20, SEEK_DATA), ENXIO);
    CHECK_ERRNO(lseek(fd, 2 << 20, SEEK_HOLE), ENXIO);
}
TEST(files, lseek_on_pipe_is_ESPIPE) {
    int fds[2];
    CHECK_OK(pipe(fds));
    CHECK_ERRNO(lseek(fds[0], 0, SEEK_CUR), ESPIPE);
}
TEST(files, pread_and_pwrite_leave_the_offset) {
    int fd = create("f");
    CHECK_EQ(write(fd, "0123456789", 10), 10);
    char text[4] = {};
    CHECK_EQ(pread(fd, text, 3, 2), 3);
    CHECK_STR(text, "234");
    CHECK_EQ(pwrite(fd, "ab", 2, 8), 2);
    CHECK_EQ(lseek(fd, 0, SEEK_CUR), 10);
    CHECK_ERRNO(pread(fd, text, 3, -1), EINVAL);
    CHECK_ERRNO(pwrite(fd, text, 3, -1), EINVAL);
    CHECK_EQ(pread(fd, text, 3, 1000), 0);
}
TEST(files, pread_on_pipe_is_ESPIPE) {
    int fds[2];
    CHECK_OK(pipe(fds));
    char c;
    CHECK_ERRNO(pread(fds[0], &c, 1, 0), ESPIPE);
    CHECK_ERRNO(pwrite(fds[1], "x", 1, 0), ESPIPE);
}
TEST(files, readv_and_writev_go_in_order) {
    int fd = create("f");
    iovec out[3] = {{(void*)"ab", 2}, {(void*)"", 0}, {(void*)"cde", 3}};
    CHECK_EQ(writev(fd, out, 3), 5);
    lseek(fd, 0, SEEK_SET);
    char a[4] = {}, b[10] = {};
    iovec in[2] = {{a, 3}, {b, 9}};
    CHECK_EQ(readv(fd, in, 2), 5);
    CHECK_STR(a, "abc");
    CHECK_STR(b, "de");
}
TEST(files, readv_errors) {
    int fd = create("f");
    char c;
    iovec one = {&c, 1};
    CHECK_ERRNO(readv(fd, &one, -1), EINVAL);
    CHECK_ERRNO(syscall(SYS_readv, fd, &one, 1025L), EINVAL);
    CHECK_ERRNO(readv(fd, bad<iovec>(), 1), EFAULT);
    CHECK_ERRNO(writev(-1, &one, 1), EBADF);
    iovec huge[2] = {{&c, (size_t)1 << 63}, {&c, 1}};
    CHECK_ERRNO(readv(fd, huge, 2), EINVAL);
    CHECK_EQ(readv(fd, &one, 0), 0);
}
TEST(files, preadv_and_pwritev) {
    int fd = create("f");
    iovec out[2] = {{(void*)"ab", 2}, {(void*)"cd", 2}};
    CHECK_EQ(pwritev(fd, out, 2, 3), 4);
    char text[8] = {};
    iovec in = {text, 7};
    CHECK_EQ(preadv(fd, &in, 1, 3), 4);
    CHECK_STR(text, "abcd");
    CHECK_ERRNO(preadv(fd, &in, 1, -5), EINVAL);
    CHECK_EQ(lseek(fd, 0, SEEK_CUR), 0);
}
TEST(files, preadv2_flags) {
    write_file("f", "abcdef");
    int fd = open("f", O_RDWR);
    char text[8] = {};
    iovec in = {text, 3};
    CHECK_EQ(syscall(SYS_preadv2, fd, &in, 1, -1L, 0L, 0), 3);  // offset -1: the file's own
    CHECK_EQ(lseek(fd, 0, SEEK_CUR), 3);
    CHECK_ERRNO(syscall(SYS_preadv2, fd, &in, 1, 0L, 0L, 0x40000000), EOPNOTSUPP);
    iovec out = {(void*)"Z", 1};
    CHECK_EQ(syscall(SYS_pwritev2, fd, &out, 1, 0L, 0L, 0x10), 1);  // RWF_APPEND
    char whole[16];
    read_file("f", whole, sizeof whole);
    CHECK_STR(whole, "abcdefZ");
}
TEST(files, access_checks) {
    write_file("f", "x", 0640);
    CHECK_OK(access("f", F_OK));
    CHECK_OK(access("f", R_OK | W_OK));
    CHECK_ERRNO(access("f", X_OK), EACCES);  // root too needs one execute bit
    CHECK_ERRNO(access("missing", F_OK), ENOENT);
    CHECK_ERRNO(access("f", 077), EINVAL);
    CHECK_ERRNO(access("f/x", F_OK), ENOTDIR);
    CHECK_ERRNO(access(bad<char>(), F_OK), EFAULT);
    CHECK_EXITED(run([] {
                     become_user();
                     CHECK_OK(access("f", F_OK));
                     CHECK_ERRNO(access("f", R_OK), EACCES);
                 }),
                 0);
}
TEST(files, access_uses_the_real_user) {
    write_file("f", "x", 0600);
    CHECK_EXITED(run([] {
                     CHECK_OK(syscall(SYS_setresuid, 1000, 0, 0));
                     CHECK_ERRNO(access("f", R_OK), EACCES);
                     CHECK_OK(syscall(SYS_faccessat2, AT_FDCWD, "f", R_OK, AT_EACCESS));
                     CHECK_ERRNO(syscall(SYS_faccessat2, AT_FDCWD, "f", R_OK, 0x40000), EINVAL);
                 }),
                 0);
}
TEST(files, truncate_grows_and_shrinks) {
    write_file("f", "0123456789");
    CHECK_OK(truncate("f", 4));
    char text[32];
    CHECK_EQ(read_file("f", text, sizeof text), 4);
    CHECK_OK(truncate("f", 8));
    CHECK_EQ(read_file("f", text, sizeof text), 8);
    CHECK(memcmp(text, "0123\0\0\0\0", 8) == 0);
}
TEST(files, truncate_errors) {
    CHECK_OK(mkdir("d", 0755));
    CHECK_ERRNO(truncate("missing", 0), ENOENT);
    CHECK_ERRNO(truncate("d", 0), EISDIR);
    write_file("f", "x");
    CHECK_ERRNO(truncate("f", -1), EINVAL);
    int fd = open("f", O_RDONLY);
    CHECK_ERRNO(ftruncate(fd, 0), EINVAL);
    CHECK_ERRNO(ftruncate(-1, 0), EBADF);
    int fds[2];
    CHECK_OK(pipe(fds));
    CHECK_ERRNO(ftruncate(fds[1], 0), EINVAL);
    CHECK_EXITED(run([] {
                     become_user();
                     CHECK_ERRNO(truncate("f", 0), EACCES);
                 }),
                 0);
}
TEST(files, truncate_beyond_FSIZE_raises_SIGXFSZ) {
    write_file("f", "x");
    CHECK_KILLED(run([] {
                     rlimit limit = {1000, 1000};
                     CHECK_OK(setrlimit(RLIMIT_FSIZE, &limit));
                     truncate("f", 2000);
                 }),
                 SIGXFSZ);
    CHECK_EXITED(run([] {
                     signal(SIGXFSZ, SIG_IGN);
                     rlimit limit = {1000, 1000};
                     CHECK_OK(setrlimit(RLIMIT_FSIZE, &limit));
                     CHECK_ERRNO(truncate("f", 2000), EFBIG);
                     int fd = open("f", O_WRONLY);
                     CHECK_EQ(lseek(fd, 998, SEEK_SET), 998);
                     CHECK_EQ(write(fd, "abcdef", 6), 2);
                     CHECK_ERRNO(write(fd, "abcdef", 6), EFBIG);
                 }),
                 0);
}
TEST(files, fallocate_extends) {
    int fd = create("f");
    CHECK_OK(fallocate(fd, 0, 0, 10000));
    struct stat s;
    CHECK_OK(fstat(fd, &s));
    CHECK_EQ(s.st_size, 10000);
    CHECK_OK(fallocate(fd, FALLOC_FL_KEEP_SIZE, 0, 50000));
    CHECK_OK(fstat(fd, &s));
    CHECK_EQ(s.st_size, 10000);
}
TEST(files, fallocate_punch_hole_zeroes) {
    int fd = create("f");
    static char data[3 * kPage];
    memset(data, 'x', sizeof data);
    CHECK_EQ(write(fd, data, sizeof data), (long)sizeof data);
    CHECK_OK(fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, kPage - 10, kPage + 20));
    CHECK_EQ(pread(fd, data, sizeof data, 0), (long)sizeof data);
    for (long i = 0; i < 3 * kPage; ++i) CHECK((data[i] == 0) == (i >= kPage - 10 && i < 2 * kPage + 10));
}
TEST(files, fallocate_errors) {
    int fd = create("f");
    CHECK_ERRNO(fallocate(fd, 0, -1, 10), EINVAL);
    CHECK_ERRNO(fallocate(fd, 0, 0, 0), EINVAL);
    CHECK_ERRNO(fallocate(-1, 0, 0, 10), EBADF);
    CHECK_ERRNO(fallocate(fd, 0x4000, 0, 10), EOPNOTSUPP);
    CHECK_ERRNO(fallocate(fd, FALLOC_FL_PUNCH_HOLE, 0, 10), EOPNOTSUPP);
    int fds[2];
    CHECK_OK(pipe(fds));
    CHECK_ERRNO(fallocate(fds[1], 0, 0, 10), ESPIPE);
    int readonly = open("f", O_RDONLY);
    CHECK_ERRNO(fallocate(readonly, 0, 0, 10), EBADF);
}
TEST(files, fsync_and_friends) {
    int fd = create("f");
    CHECK_EQ(write(fd, "x", 1), 1);
    CHECK_OK(fsync(fd));
    CHECK_OK(fdatasync(fd));
    CHECK_OK(syncfs(fd));
    sync();
    CHECK_ERRNO(fsync(-1), EBADF);
    CHECK_ERRNO(fdatasync(-1), EBADF);
    int fds[2];
    CHECK_OK(pipe(fds));
    CHECK_ERRNO(fsync(fds[0]), EINVAL);
}
TEST(files, fadvise_checks_its_arguments) {
    int fd = create("f");
    CHECK_EQ(posix_fadvise(fd, 0, 0, POSIX_FADV_SEQUENTIAL), 0);
    CHECK_EQ(posix_fadvise(fd, 0, 0, 77), EINVAL);
    CHECK_EQ(posix_fadvise(-1, 0, 0, POSIX_FADV_NORMAL), EBADF);
    int fds[2];
    CHECK_OK(pipe(fds));
    CHECK_EQ(posix_fadvise(fds[0], 0, 0, POSIX_FADV_NORMAL), ESPIPE);
}
TEST(files, open_descriptor_limit_is_EMFILE) {
    rlimit limit = {20, 20};
    CHECK_OK(setrlimit(RLIMIT_NOFILE, &limit));
    int last = -1, fd;
    while ((fd = open(".", O_RDONLY)) != -1) last = fd;
    CHECK(errno == EMFILE);
    CHECK_EQ(last, 19);
    int fds[2];
    CHECK_ERRNO(pipe(fds), EMFILE);
    CHECK_ERRNO(dup(0), EMFILE);
}
TEST(files, offset_is_shared_over_fork_and_dup) {
    write_file("f", "0123456789");
    int fd = open("f", O_RDONLY), copy = dup(fd);
    char c;
    CHECK_EQ(read(fd, &c, 1), 1);
    CHECK_EXITED(run([&] { CHECK_EQ(read(fd, &c, 1), 1); }), 0);
    CHECK_EQ(lseek(copy, 0, SEEK_CUR), 2);
    int other = open("f", O_RDONLY);
    CHECK_EQ(lseek(other, 0, SEEK_CUR), 0);
}
TEST(files, data_survives_large_writes) {
    int fd = create("f");
    const long kSize = 3 << 20;
    unsigned char* data = static_cast<unsigned char*>(malloc(kSize));
    for (long i = 0; i < kSize; ++i) data[i] = static_cast<unsigned char>(i * 7 + (i >> 12));
    CHECK_EQ(write(fd, data, kSize), kSize);
    unsigned char* back = static_cast<unsigned char*>(malloc(kSize));
    CHECK_EQ(pread(fd, back, kSize, 0), kSize);
    CHECK(memcmp(data, back, kSize) == 0);
    struct stat s;
    CHECK_OK(fstat(fd, &s));
    CHECK(s.st_blocks * 512 >= kSize);
}
TEST(files, write_to_dev_full_is_ENOSPC) {
    int fd = open("/dev/full", O_RDWR);
    CHECK_OK(fd);
    CHECK_ERRNO(write(fd, "x", 1), ENOSPC);
    char c = 'x';
    CHECK_EQ(read(fd, &c, 1), 1);
    CHECK_EQ(c, 0);
}
