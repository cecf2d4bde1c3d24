// SPDX-License-Identifier: MIT
//
// The *at calls: paths relative to a directory descriptor, and stat(2), statx(2), readlink(2), `..`.
#include "twin.h"

#include <sys/sysmacros.h>
#include <sys/vfs.h>

using namespace twin;

namespace {

int make_dir(const char* name) {
    CHECK_OK(mkdir(name, 0755));
    int fd = open(name, O_RDONLY | O_DIRECTORY);
    CHECK_OK(fd);
    return fd;
}

struct StatxTime {
    int64_t seconds;
    uint32_t nanoseconds;
    int32_t pad;
};
// struct statx as statx(2) lays it out; musl 1.2.3 has none.
struct Statx {
    uint32_t mask, block_size;
    uint64_t attributes;
    uint32_t nlink, uid, gid;
    uint16_t mode, pad1;
    uint64_t ino, size, blocks, attributes_mask;
    StatxTime atime, btime, ctime, mtime;
    uint32_t rdev_major, rdev_minor, dev_major, dev_minor;
    uint64_t spare[14];
};
static_assert(sizeof(Statx) == 256);
constexpr unsigned kBasicStats = 0x7ff;

}  // namespace

TEST(at, openat_is_relative_to_the_descriptor) {
    int d = make_dir("d");
    int fd = openat(d, "f", O_RDWR | O_CREAT, 0644);
    CHECK_OK(fd);
    CHECK_OK(access("d/f", F_OK));
}
TEST(at, openat_absolute_ignores_the_descriptor) {
    CHECK_OK(openat(-5, "/", O_RDONLY));
}
TEST(at, bad_descriptor_is_EBADF) {
    struct stat s;
    CHECK_ERRNO(openat(-5, "f", O_RDONLY), EBADF);
    CHECK_ERRNO(mkdirat(555, "f", 0755), EBADF);
    CHECK_ERRNO(unlinkat(555, "f", 0), EBADF);
    CHECK_ERRNO(fstatat(555, "f", &s, 0), EBADF);
    CHECK_ERRNO(symlinkat("x", 555, "f"), EBADF);
    CHECK_ERRNO(renameat(555, "a", AT_FDCWD, "b"), EBADF);
    CHECK_ERRNO(faccessat(555, "a", F_OK, 0), EBADF);
    CHECK_ERRNO(mknodat(555, "a", S_IFREG | 0644, 0), EBADF);
}
TEST(at, file_descriptor_is_ENOTDIR) {
    write_file("f", "x");
    int fd = open("f", O_RDONLY);
    struct stat s;
    CHECK_ERRNO(openat(fd, "g", O_RDONLY), ENOTDIR);
    CHECK_ERRNO(mkdirat(fd, "g", 0755), ENOTDIR);
    CHECK_ERRNO(fstatat(fd, "g", &s, 0), ENOTDIR);
    CHECK_ERRNO(unlinkat(fd, "g", 0), ENOTDIR);
}
TEST(at, descriptor_survives_the_rename_of_its_directory) {
    int d = make_dir("d");
    CHECK_OK(rename("d", "e"));
    int fd = openat(d, "f", O_RDWR | O_CREAT, 0644);
    CHECK_OK(fd);
    CHECK_OK(access("e/f", F_OK));
}
TEST(at, removed_directory_takes_no_files) {
    int d = make_dir("d");
    CHECK_OK(rmdir("d"));
    CHECK_ERRNO(openat(d, "f", O_RDWR | O_CREAT, 0644), ENOENT);
    CHECK_ERRNO(mkdirat(d, "f", 0755), ENOENT);
    struct stat s;
    CHECK_OK(fstat(d, &s));
    CHECK_EQ(s.st_nlink, 0);
}
TEST(at, unlinkat_flags) {
    make_dir("d");
    write_file("f", "x");
    CHECK_ERRNO(unlinkat(AT_FDCWD, "d", 0), EISDIR);
    CHECK_ERRNO(unlinkat(AT_FDCWD, "f", AT_REMOVEDIR), ENOTDIR);
    CHECK_ERRNO(unlinkat(AT_FDCWD, "f", 0x1000000), EINVAL);
    CHECK_OK(unlinkat(AT_FDCWD, "d", AT_REMOVEDIR));
    CHECK_OK(unlinkat(AT_FDCWD, "f", 0));
}
TEST(at, fstatat_empty_path) {
    write_file("f", "abc");
    int fd = open("f", O_RDONLY);
    struct stat s;
    CHECK_OK(fstatat(fd, "", &s, AT_EMPTY_PATH));
    CHECK_EQ(s.st_size, 3);
    CHECK_ERRNO(fstatat(fd, "", &s, 0), ENOENT);
    CHECK_OK(fstatat(AT_FDCWD, "", &s, AT_EMPTY_PATH));
    CHECK(S_ISDIR(s.st_mode));
}
TEST(at, fstatat_unknown_flag_is_EINVAL) {
    struct stat s;
    CHECK_ERRNO(syscall(SYS_newfstatat, AT_FDCWD, ".", &s, 0x40000000), EINVAL);
}
TEST(at, stat_describes_a_file) {
    write_file("f", "hello", 0640);
    struct stat s;
    CHECK_OK(stat("f", &s));
    CHECK(S_ISREG(s.st_mode));
    CHECK_EQ(s.st_mode & 07777, 0640);
    CHECK_EQ(s.st_nlink, 1);
    CHECK_EQ(s.st_size, 5);
    CHECK_EQ(s.st_uid, 0);
    CHECK_EQ(s.st_gid, 0);
    CHECK(s.st_ino != 0);
    CHECK(s.st_blksize >= 512);
    CHECK(s.st_blocks > 0);
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    CHECK(labs(now.tv_sec - s.st_mtime) < 60);
}
TEST(at, stat_errors) {
    struct stat s;
    CHECK_ERRNO(stat("missing", &s), ENOENT);
    CHECK_ERRNO(stat("", &s), ENOENT);
    CHECK_ERRNO(syscall(SYS_stat, ".", bad<struct stat>()), EFAULT);
    CHECK_ERRNO(syscall(SYS_stat, bad<char>(), &s), EFAULT);
    CHECK_ERRNO(syscall(SYS_fstat, -1, &s), EBADF);
    CHECK_ERRNO(syscall(SYS_fstat, 0, bad<struct stat>()), EFAULT);
}
TEST(at, stat_of_devices) {
    struct stat s;
    CHECK_OK(stat("/dev/null", &s));
    CHECK(S_ISCHR(s.st_mode));
    CHECK_EQ(major(s.st_rdev), 1);
    CHECK_EQ(minor(s.st_rdev), 3);
}
TEST(at, lstat_does_not_follow) {
    CHECK_OK(symlink("somewhere", "l"));
    struct stat s;
    CHECK_OK(lstat("l", &s));
    CHECK(S_ISLNK(s.st_mode));
    CHECK_EQ(s.st_size, 9);
    CHECK_ERRNO(stat("l", &s), ENOENT);
}
TEST(at, stat_of_dot_and_dotdot) {
    make_dir("d");
    struct stat here, up;
    CHECK_OK(stat(".", &here));
    CHECK_OK(stat("d/..", &up));
    CHECK_EQ(here.st_ino, up.st_ino);
    CHECK_OK(stat("d/./.././d/..", &up));
    CHECK_EQ(here.st_ino, up.st_ino);
}
TEST(at, directory_link_counts) {
    make_dir("d");
    struct stat s;
    CHECK_OK(stat("d", &s));
    CHECK_EQ(s.st_nlink, 2);
    CHECK_OK(mkdir("d/a", 0755));
    CHECK_OK(mkdir("d/b", 0755));
    CHECK_OK(stat("d", &s));
    CHECK_EQ(s.st_nlink, 4);
    CHECK_OK(rmdir("d/a"));
    CHECK_OK(stat("d", &s));
    CHECK_EQ(s.st_nlink, 3);
}
TEST(at, statx_describes_a_file) {
    write_file("f", "hello", 0600);
    Statx s = {};
    CHECK_OK(syscall(SYS_statx, AT_FDCWD, "f", 0, kBasicStats, &s));
    CHECK_EQ(s.mask & kBasicStats, kBasicStats);
    CHECK_EQ(s.size, 5);
    CHECK_EQ(s.mode, S_IFREG | 0600);
    CHECK_EQ(s.nlink, 1);
    struct stat old;
    CHECK_OK(stat("f", &old));
    CHECK_EQ(s.ino, old.st_ino);
    CHECK_EQ(s.mtime.seconds, old.st_mtim.tv_sec);
    CHECK_EQ(s.mtime.nanoseconds, old.st_mtim.tv_nsec);
    CHECK_EQ(makedev(s.dev_major, s.dev_minor), old.st_dev);
}
TEST(at, statx_errors) {
    Statx s;
    CHECK_ERRNO(syscall(SYS_statx, AT_FDCWD, "missing", 0, kBasicStats, &s), ENOENT);
    CHECK_ERRNO(syscall(SYS_statx, AT_FDCWD, ".", 0x40000000, kBasicStats, &s), EINVAL);
    CHECK_ERRNO(syscall(SYS_statx, AT_FDCWD, ".", 0, 0x80000000, &s), EINVAL);
    CHECK_ERRNO(syscall(SYS_statx, AT_FDCWD, ".", 0x6000, kBasicStats, &s), EINVAL);  // both SYNC flags
    CHECK_ERRNO(syscall(SYS_statx, AT_FDCWD, ".", 0, kBasicStats, bad<Statx>()), EFAULT);
    CHECK_ERRNO(syscall(SYS_statx, 555, "x", 0, kBasicStats, &s), EBADF);
    CHECK_OK(syscall(SYS_statx, AT_FDCWD, ".", 0x6000 & 0x2000, kBasicStats, &s));
}
TEST(at, statx_of_a_descriptor) {
    write_file("f", "hello");
    int fd = open("f", O_RDONLY);
    Statx s = {};
    CHECK_OK(syscall(SYS_statx, fd, "", AT_EMPTY_PATH, kBasicStats, &s));
    CHECK_EQ(s.size, 5);
}
TEST(at, statfs_of_tmpfs) {
    struct statfs s;
    CHECK_OK(statfs(".", &s));
    CHECK(s.f_bsize > 0);
    CHECK_EQ(s.f_namelen, 255);
    CHECK_ERRNO(statfs("missing", &s), ENOENT);
    CHECK_ERRNO(fstatfs(-1, &s), EBADF);
    CHECK_ERRNO(syscall(SYS_statfs, ".", bad<char>()), EFAULT);
    CHECK_OK(statfs("/proc", &s));
    CHECK_EQ(s.f_type, 0x9fa0);
}
TEST(at, readlink_truncates_without_a_zero) {
    CHECK_OK(symlink("0123456789", "l"));
    char text[16];
    memset(text, '#', sizeof text);
    CHECK_EQ(readlink("l", text, 4), 4);
    CHECK(memcmp(text, "0123#", 5) == 0);
    CHECK_EQ(readlink("l", text, sizeof text), 10);
}
TEST(at, readlink_errors) {
    char text[16];
    write_file("f", "x");
    CHECK_OK(symlink("f", "l"));
    CHECK_ERRNO(readlink("f", text, sizeof text), EINVAL);
    CHECK_ERRNO(readlink("missing", text, sizeof text), ENOENT);
    CHECK_ERRNO(syscall(SYS_readlink, "l", text, 0), EINVAL);
    CHECK_ERRNO(syscall(SYS_readlink, "l", text, -1), EINVAL);
    CHECK_ERRNO(syscall(SYS_readlink, "l", bad<char>(), 5), EFAULT);
    CHECK_ERRNO(readlinkat(555, "l", text, 5), EBADF);
}
TEST(at, dotdot_of_root_is_root) {
    struct stat a, b;
    CHECK_OK(stat("/", &a));
    CHECK_OK(stat("/../..", &b));
    CHECK_EQ(a.st_ino, b.st_ino);
}
TEST(at, dotdot_after_symlink_is_physical) {
    CHECK_OK(mkdir("a", 0755));
    CHECK_OK(mkdir("a/b", 0755));
    CHECK_OK(symlink("a/b", "l"));
    write_file("a/f", "inside");
    write_file("f", "outside");
    char text[16];
    read_file("l/../f", text, sizeof text);
    CHECK_STR(text, "inside");
}
TEST(at, dotdot_needs_an_existing_prefix) {
    struct stat s;
    CHECK_ERRNO(stat("missing/..", &s), ENOENT);
    write_file("f", "x");
    CHECK_ERRNO(stat("f/..", &s), ENOTDIR);
    CHECK_ERRNO(stat("f/.", &s), ENOTDIR);
}
TEST(at, getcwd_follows_renames) {
    CHECK_OK(mkdir("d", 0755));
    char before[512], after[512], want[600];
    CHECK(getcwd(before, sizeof before) != nullptr);
    CHECK_OK(chdir("d"));
    CHECK_OK(rename("../d", "../e"));
    CHECK(getcwd(after, sizeof after) != nullptr);
    snprintf(want, sizeof want, "%s/e", before);
    CHECK_STR(after, want);
}
TEST(at, getcwd_errors) {
    char small[4];
    CHECK_ERRNO(syscall(SYS_getcwd, small, 2), ERANGE);
    CHECK_ERRNO(syscall(SYS_getcwd, bad<char>(), 4096), EFAULT);
    CHECK_OK(mkdir("d", 0755));
    CHECK_OK(chdir("d"));
    CHECK_OK(rmdir("../d"));
    char text[512];
    CHECK_ERRNO(syscall(SYS_getcwd, text, sizeof text), ENOENT);
    CHECK_ERRNO(open("x", O_CREAT | O_RDWR, 0644), ENOENT);
    CHECK_OK(chdir(".."));
}
TEST(at, getcwd_returns_the_length_with_its_zero) {
    char text[512];
    long length = syscall(SYS_getcwd, text, sizeof text);
    CHECK_EQ(length, (long)strlen(text) + 1);
}
TEST(at, chdir_errors) {
    write_file("f", "x");
    CHECK_ERRNO(chdir("missing"), ENOENT);
    CHECK_ERRNO(chdir("f"), ENOTDIR);
    CHECK_ERRNO(chdir(bad<char>()), EFAULT);
    int fd = open("f", O_RDONLY);
    CHECK_ERRNO(fchdir(fd), ENOTDIR);
    CHECK_ERRNO(fchdir(-1), EBADF);
    CHECK_OK(mkdir("closed", 0600));
    CHECK_EXITED(run([] {
                     become_user();
                     CHECK_ERRNO(chdir("closed"), EACCES);
                 }),
                 0);
}
TEST(at, fchdir_goes_there) {
    int d = make_dir("d");
    CHECK_OK(fchdir(d));
    write_file("f", "x");
    CHECK_OK(access("../d/f", F_OK));
}
TEST(at, chroot_confines) {
    CHECK_OK(mkdir("root", 0755));
    write_file("root/f", "inner");
    CHECK_EXITED(run([] {
                     CHECK_OK(chroot("root"));
                     CHECK_OK(chdir("/"));
                     char text[16];
                     CHECK(read_file("/../../f", text, sizeof text) == 5);
                     CHECK(getcwd(text, sizeof text));
                     CHECK_STR(text, "/");
                 }),
                 0);
    CHECK_ERRNO(chroot("missing"), ENOENT);
    CHECK_EXITED(run([] {
                     become_user();
                     CHECK_ERRNO(chroot("root"), EPERM);
                 }),
                 0);
}
TEST(at, linkat_through_a_symlink_needs_FOLLOW) {
    write_file("f", "x");
    CHECK_OK(symlink("f", "l"));
    CHECK_OK(linkat(AT_FDCWD, "l", AT_FDCWD, "hard", 0));
    CHECK_OK(linkat(AT_FDCWD, "l", AT_FDCWD, "hard2", AT_SYMLINK_FOLLOW));
    struct stat s;
    CHECK_OK(lstat("hard", &s));
    CHECK(S_ISLNK(s.st_mode));
    CHECK_OK(lstat("hard2", &s));
    CHECK(S_ISREG(s.st_mode));
    CHECK_ERRNO(linkat(AT_FDCWD, "f", AT_FDCWD, "g", 0x40000), EINVAL);
}
TEST(at, linkat_names_a_tmpfile) {
    int fd = open(".", O_TMPFILE | O_RDWR, 0600);
    CHECK_OK(fd);
    CHECK_EQ(write(fd, "abc", 3), 3);
    char path[64];
    snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    CHECK_OK(linkat(AT_FDCWD, path, AT_FDCWD, "named", AT_SYMLINK_FOLLOW));
    char text[8];
    CHECK_EQ(read_file("named", text, sizeof text), 3);
}
TEST(at, mknod_makes_regular_files_and_fifos) {
    struct stat s;
    CHECK_OK(mknod("f", S_IFREG | 0600, 0));
    CHECK_OK(mknod("z", 0600, 0));
    CHECK_OK(mknod("p", S_IFIFO | 0600, 0));
    CHECK_OK(stat("f", &s));
    CHECK(S_ISREG(s.st_mode));
    CHECK_OK(stat("z", &s));
    CHECK(S_ISREG(s.st_mode));
    CHECK_OK(stat("p", &s));
    CHECK(S_ISFIFO(s.st_mode));
    CHECK_ERRNO(mknod("f", S_IFREG | 0600, 0), EEXIST);
    CHECK_ERRNO(mknod("d", S_IFDIR | 0700, 0), EPERM);
    CHECK_ERRNO(mknod("q", 0030000, 0), EINVAL);
}
TEST(at, mknod_device_works_and_needs_root) {
    CHECK_OK(mknod("null", S_IFCHR | 0666, makedev(1, 3)));
    struct stat s;
    CHECK_OK(stat("null", &s));
    CHECK(S_ISCHR(s.st_mode));
    CHECK_EQ(s.st_rdev, makedev(1, 3));
    CHECK_OK(chmod(".", 0777));
    CHECK_EXITED(run([] {
                     become_user();
                     CHECK_ERRNO(mknod("x", S_IFCHR | 0666, makedev(1, 3)), EPERM);
                     CHECK_OK(mknod("fifo", S_IFIFO | 0666, 0));
                 }),
                 0);
}
