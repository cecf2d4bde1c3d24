// SPDX-License-Identifier: MIT
//
// open(2), openat2(2): errors, flags, modes.
#include "file_helpers.h"

using namespace twin;

TEST(files, open_missing_is_ENOENT) { CHECK_ERRNO(open("missing", O_RDONLY), ENOENT); }
TEST(files, open_empty_path_is_ENOENT) { CHECK_ERRNO(open("", O_RDONLY), ENOENT); }
TEST(files, open_bad_path_pointer_is_EFAULT) {
    CHECK_ERRNO(open(bad<char>(), O_RDONLY), EFAULT);
    CHECK_ERRNO(open(kernel_address<char>(), O_RDONLY), EFAULT);
}
TEST(files, open_through_a_file_is_ENOTDIR) {
    write_file("f", "x");
    CHECK_ERRNO(open("f/x", O_RDONLY), ENOTDIR);
    CHECK_ERRNO(open("f/", O_RDONLY), ENOTDIR);
    CHECK_ERRNO(open("f", O_RDONLY | O_DIRECTORY), ENOTDIR);
}
TEST(files, open_long_name_is_ENAMETOOLONG) {
    char name[300];
    memset(name, 'a', sizeof name);
    name[255] = 0;
    int fd = create(name);
    close(fd);
    name[255] = 'a';
    name[256] = 0;
    CHECK_ERRNO(open(name, O_RDWR | O_CREAT, 0644), ENAMETOOLONG);
}
TEST(files, open_long_path_is_ENAMETOOLONG) {
    static char path[5000];
    for (int i = 0; i < 4999; i += 2) memcpy(path + i, "./", 2);
    path[4095] = 0;  // PATH_MAX counts the zero: 4095 characters are allowed
    int fd = open(path, O_RDONLY);
    CHECK_OK(fd);
    path[4095] = '.';
    path[4096] = 0;
    CHECK_ERRNO(open(path, O_RDONLY), ENAMETOOLONG);
}
TEST(files, open_exclusive_existing_is_EEXIST) {
    write_file("f", "x");
    CHECK_ERRNO(open("f", O_RDWR | O_CREAT | O_EXCL, 0644), EEXIST);
    CHECK_OK(symlink("nowhere", "l"));
    CHECK_ERRNO(open("l", O_RDWR | O_CREAT | O_EXCL, 0644), EEXIST);
}
TEST(files, open_directory_for_writing_is_EISDIR) {
    CHECK_OK(mkdir("d", 0755));
    CHECK_ERRNO(open("d", O_WRONLY), EISDIR);
    CHECK_ERRNO(open("d", O_RDWR), EISDIR);
    CHECK_ERRNO(open("d", O_RDONLY | O_CREAT, 0644), EISDIR);
    CHECK_ERRNO(open("new/", O_WRONLY | O_CREAT, 0644), EISDIR);
}
TEST(files, open_creates_through_a_dangling_symlink) {
    CHECK_OK(symlink("target", "l"));
    close(create("l"));
    struct stat s;
    CHECK_OK(lstat("target", &s));
    CHECK(S_ISREG(s.st_mode));
}
TEST(files, open_NOFOLLOW_symlink_is_ELOOP) {
    write_file("f", "x");
    CHECK_OK(symlink("f", "l"));
    CHECK_ERRNO(open("l", O_RDONLY | O_NOFOLLOW), ELOOP);
}
TEST(files, open_takes_the_lowest_descriptor) {
    int a = create("a"), b = create("b"), c = create("c");
    CHECK_EQ(b, a + 1);
    close(a);
    close(b);
    CHECK_EQ(open("a", O_RDONLY), a);
    CHECK_EQ(open("b", O_RDONLY), b);
    close(c);
}
TEST(files, open_trunc_empties_the_file) {
    write_file("f", "hello");
    int fd = open("f", O_WRONLY | O_TRUNC);
    struct stat s;
    CHECK_OK(fstat(fd, &s));
    CHECK_EQ(s.st_size, 0);
}
TEST(files, open_mode_obeys_umask) {
    umask(027);
    close(create("f", O_RDWR | O_CREAT, 0666));
    struct stat s;
    CHECK_OK(stat("f", &s));
    CHECK_EQ(s.st_mode & 07777, 0640);
}
TEST(files, open_created_readonly_still_writes) {
    int fd = create("f", O_RDWR | O_CREAT, 0);
    CHECK_EQ(write(fd, "abc", 3), 3);
}
TEST(files, open_permission_denied_is_EACCES) {
    write_file("f", "x", 0600);
    CHECK_OK(mkdir("closed", 0700));
    write_file("closed/f", "x", 0666);
    CHECK_EXITED(run([] {
                     become_user();
                     CHECK_ERRNO(open("f", O_RDONLY), EACCES);
                     CHECK_ERRNO(open("closed/f", O_RDONLY), EACCES);
                     CHECK_ERRNO(open("new", O_RDWR | O_CREAT, 0644), EACCES);
                     CHECK_ERRNO(open("closed/missing", O_RDONLY), EACCES);
                 }),
                 0);
}
TEST(files, open_unknown_flags_are_ignored) {
    write_file("f", "x");
    int fd = open("f", O_RDONLY | 0x40000000);
    CHECK_OK(fd);
}
TEST(files, open_PATH_gives_no_data) {
    write_file("f", "x", 0);
    int fd = open("f", O_PATH);
    CHECK_OK(fd);
    char c;
    CHECK_ERRNO(read(fd, &c, 1), EBADF);
    CHECK_ERRNO(write(fd, &c, 1), EBADF);
    CHECK_ERRNO(syscall(SYS_fchmod, fd, 0644), EBADF);
    CHECK_ERRNO(lseek(fd, 0, SEEK_SET), EBADF);
    struct stat s;
    CHECK_OK(fstat(fd, &s));
    CHECK(S_ISREG(s.st_mode));
    CHECK_EQ(fcntl(fd, F_GETFL) & O_PATH, O_PATH);
}
TEST(files, open_PATH_NOFOLLOW_opens_the_symlink) {
    CHECK_OK(symlink("nowhere", "l"));
    int fd = open("l", O_PATH | O_NOFOLLOW);
    CHECK_OK(fd);
    struct stat s;
    CHECK_OK(fstat(fd, &s));
    CHECK(S_ISLNK(s.st_mode));
    char target[16] = {};
    CHECK_EQ(readlinkat(fd, "", target, sizeof target), 7);
    CHECK_STR(target, "nowhere");
}
TEST(files, open_TMPFILE_has_no_name) {
    int fd = open(".", O_TMPFILE | O_RDWR, 0600);
    CHECK_OK(fd);
    struct stat s;
    CHECK_OK(fstat(fd, &s));
    CHECK_EQ(s.st_nlink, 0);
    CHECK_EQ(write(fd, "abc", 3), 3);
    CHECK_ERRNO(open(".", O_TMPFILE | O_RDONLY, 0600), EINVAL);
}
TEST(files, openat2_resolve_flags) {
    struct {
        uint64_t flags, mode, resolve;
    } how = {O_RDONLY, 0, 0x08};  // RESOLVE_BENEATH
    CHECK_OK(mkdir("d", 0755));
    write_file("d/f", "x");
    int dir = open("d", O_RDONLY | O_DIRECTORY);
    CHECK_OK(syscall(SYS_openat2, dir, "f", &how, sizeof how));
    CHECK_ERRNO(syscall(SYS_openat2, dir, "../d/f", &how, sizeof how), EXDEV);
    CHECK_ERRNO(syscall(SYS_openat2, dir, "/etc", &how, sizeof how), EXDEV);
    how.resolve = 0x04;  // RESOLVE_NO_SYMLINKS
    CHECK_OK(symlink("f", "d/l"));
    CHECK_ERRNO(syscall(SYS_openat2, dir, "l", &how, sizeof how), ELOOP);
    how.resolve = 1UL << 40;
    CHECK_ERRNO(syscall(SYS_openat2, dir, "f", &how, sizeof how), EINVAL);
    how = {1UL << 40, 0, 0};
    CHECK_ERRNO(syscall(SYS_openat2, dir, "f", &how, sizeof how), EINVAL);
    how = {O_RDONLY, 0644, 0};
    CHECK_ERRNO(syscall(SYS_openat2, dir, "f", &how, sizeof how), EINVAL);
    CHECK_ERRNO(syscall(SYS_openat2, dir, "f", &how, 8), EINVAL);
}
