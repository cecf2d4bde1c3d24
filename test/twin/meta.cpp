// SPDX-License-Identifier: MIT
//
// chmod(2), chown(2), umask(2), utimensat(2), extended attributes, and when which time stamp changes.
#include "twin.h"

#include <sys/xattr.h>

using namespace twin;

namespace {

struct stat stat_of(const char* path) {
    struct stat s;
    CHECK_OK(lstat(path, &s));
    return s;
}
mode_t mode_of(const char* path) { return stat_of(path).st_mode & 07777; }
bool is_later(const timespec& a, const timespec& b) {
    return a.tv_sec > b.tv_sec || (a.tv_sec == b.tv_sec && a.tv_nsec > b.tv_nsec);
}

}  // namespace

TEST(meta, chmod_sets_all_bits) {
    write_file("f", "x");
    CHECK_OK(chmod("f", 07777));
    CHECK_EQ(mode_of("f"), 07777);
    CHECK_OK(chmod("f", 0));
    CHECK_EQ(mode_of("f"), 0);
    int fd = open("f", O_RDONLY);
    CHECK_OK(fchmod(fd, 0123));
    CHECK_EQ(mode_of("f"), 0123);
}
TEST(meta, chmod_follows_symlinks) {
    write_file("f", "x", 0600);
    CHECK_OK(symlink("f", "l"));
    CHECK_OK(chmod("l", 0640));
    CHECK_EQ(mode_of("f"), 0640);
}
TEST(meta, chmod_errors) {
    write_file("f", "x");
    CHECK_ERRNO(chmod("missing", 0644), ENOENT);
    CHECK_ERRNO(chmod("f/x", 0644), ENOTDIR);
    CHECK_ERRNO(chmod(bad<char>(), 0644), EFAULT);
    CHECK_ERRNO(fchmod(-1, 0644), EBADF);
    CHECK_ERRNO(syscall(SYS_fchmodat, 555, "f", 0644), EBADF);
    CHECK_EXITED(run([] {
                     become_user();
                     CHECK_ERRNO(chmod("f", 0666), EPERM);
                 }),
                 0);
}
TEST(meta, fchmodat2_flags) {
    write_file("f", "x");
    long result = syscall(452, AT_FDCWD, "f", 0600, 0);
    if (result == -1 && errno == ENOSYS) SKIP("this kernel has no fchmodat2");
    CHECK_EQ(mode_of("f"), 0600);
    CHECK_ERRNO(syscall(452, AT_FDCWD, "f", 0600, 0x40000), EINVAL);
    int fd = open("f", O_PATH);
    CHECK_OK(syscall(452, fd, "", 0640, AT_EMPTY_PATH));
    CHECK_EQ(mode_of("f"), 0640);
}
TEST(meta, chmod_by_a_nonmember_clears_setgid) {
    write_file("f", "x");
    CHECK_OK(chown("f", 1000, 5555));
    CHECK_EXITED(run([] {
                     become_user();
                     CHECK_OK(chmod("f", 02755));
                 }),
                 0);
    CHECK_EQ(mode_of("f"), 0755);
}
TEST(meta, chown_changes_owner_and_group) {
    write_file("f", "x");
    CHECK_OK(chown("f", 12, 34));
    CHECK_EQ(stat_of("f").st_uid, 12);
    CHECK_EQ(stat_of("f").st_gid, 34);
    CHECK_OK(chown("f", -1, 56));
    CHECK_EQ(stat_of("f").st_uid, 12);
    CHECK_EQ(stat_of("f").st_gid, 56);
    CHECK_OK(chown("f", 7, -1));
    CHECK_EQ(stat_of("f").st_uid, 7);
    int fd = open("f", O_RDONLY);
    CHECK_OK(fchown(fd, 1, 2));
    CHECK_EQ(stat_of("f").st_gid, 2);
}
TEST(meta, chown_clears_setuid_bits) {
    write_file("f", "x");
    CHECK_OK(chmod("f", 06755));
    CHECK_OK(chown("f", 1000, 1000));
    CHECK_EQ(mode_of("f"), 0755);
    CHECK_OK(chmod("f", 02644));  // setgid without group execute is not a privilege; root keeps it
    CHECK_OK(chown("f", 1001, -1));
    CHECK_EQ(mode_of("f"), 02644);
}
TEST(meta, lchown_changes_the_symlink) {
    write_file("f", "x");
    CHECK_OK(symlink("f", "l"));
    CHECK_OK(lchown("l", 9, 9));
    CHECK_EQ(stat_of("l").st_uid, 9);
    CHECK_EQ(stat_of("f").st_uid, 0);
    CHECK_OK(fchownat(AT_FDCWD, "l", 8, 8, AT_SYMLINK_NOFOLLOW));
    CHECK_EQ(stat_of("l").st_uid, 8);
    CHECK_OK(fchownat(AT_FDCWD, "l", 7, 7, 0));
    CHECK_EQ(stat_of("f").st_uid, 7);
    CHECK_ERRNO(fchownat(AT_FDCWD, "l", 7, 7, 0x40000), EINVAL);
}
TEST(meta, chown_by_the_owner_may_only_change_the_group_to_his_own) {
    write_file("f", "x");
    CHECK_OK(chown("f", 1000, 1000));
    CHECK_EXITED(run([] {
                     gid_t groups[] = {2000};
                     CHECK_OK(syscall(SYS_setgroups, 1, groups));
                     CHECK_OK(syscall(SYS_setresgid, 1000, 1000, 1000));
                     CHECK_OK(syscall(SYS_setresuid, 1000, 1000, 1000));
                     CHECK_ERRNO(chown("f", 0, -1), EPERM);
                     CHECK_ERRNO(chown("f", -1, 3000), EPERM);
                     CHECK_OK(chown("f", -1, 2000));
                     CHECK_OK(chown("f", 1000, 1000));
                 }),
                 0);
}
TEST(meta, chown_errors) {
    write_file("f", "x");
    CHECK_ERRNO(chown("missing", 0, 0), ENOENT);
    CHECK_ERRNO(chown(bad<char>(), 0, 0), EFAULT);
    CHECK_ERRNO(fchown(-1, 0, 0), EBADF);
    CHECK_EXITED(run([] {
                     become_user();
                     CHECK_ERRNO(chown("f", 1000, 1000), EPERM);
                 }),
                 0);
}
TEST(meta, umask_returns_the_old_one) {
    umask(0);
    CHECK_EQ(umask(077), 0);
    CHECK_EQ(umask(012345), 077);
    CHECK_EQ(umask(0), 0345);
}
TEST(meta, umask_is_inherited_and_private) {
    umask(027);
    CHECK_EXITED(run([] {
                     CHECK_EQ(umask(0), 027);
                 }),
                 0);
    CHECK_EQ(umask(0), 027);
}
TEST(meta, write_by_a_user_clears_setuid) {
    write_file("f", "x", 0666);
    CHECK_OK(chmod("f", 06777));
    CHECK_EXITED(run([] {
                     become_user();
                     int fd = open("f", O_WRONLY);
                     CHECK_EQ(write(fd, "y", 1), 1);
                 }),
                 0);
    CHECK_EQ(mode_of("f"), 0777);
}
TEST(meta, utimensat_sets_times) {
    write_file("f", "x");
    timespec times[2] = {{1000000000, 123456789}, {1100000000, 987654321}};
    CHECK_OK(utimensat(AT_FDCWD, "f", times, 0));
    struct stat s = stat_of("f");
    CHECK_EQ(s.st_atim.tv_sec, 1000000000);
    CHECK_EQ(s.st_atim.tv_nsec, 123456789);
    CHECK_EQ(s.st_mtim.tv_sec, 1100000000);
    CHECK_EQ(s.st_mtim.tv_nsec, 987654321);
}
TEST(meta, utimensat_now_and_omit) {
    write_file("f", "x");
    timespec times[2] = {{5, 5}, {6, 6}};
    CHECK_OK(utimensat(AT_FDCWD, "f", times, 0));
    timespec half[2] = {{0, UTIME_NOW}, {0, UTIME_OMIT}};
    CHECK_OK(utimensat(AT_FDCWD, "f", half, 0));
    struct stat s = stat_of("f");
    CHECK(s.st_atim.tv_sec > 1000000);
    CHECK_EQ(s.st_mtim.tv_sec, 6);
    CHECK_OK(utimensat(AT_FDCWD, "f", nullptr, 0));
    CHECK(stat_of("f").st_mtim.tv_sec > 1000000);
}
TEST(meta, utimensat_of_symlinks_and_descriptors) {
    write_file("f", "x");
    CHECK_OK(symlink("f", "l"));
    timespec times[2] = {{5, 0}, {6, 0}};
    CHECK_OK(utimensat(AT_FDCWD, "l", times, AT_SYMLINK_NOFOLLOW));
    CHECK_EQ(stat_of("l").st_mtim.tv_sec, 6);
    CHECK(stat_of("f").st_mtim.tv_sec > 1000000);
    int fd = open("f", O_RDONLY);
    CHECK_OK(futimens(fd, times));
    CHECK_EQ(stat_of("f").st_mtim.tv_sec, 6);
}
TEST(meta, utimensat_errors) {
    write_file("f", "x");
    timespec wrong[2] = {{5, 2000000000}, {6, 0}};
    CHECK_ERRNO(utimensat(AT_FDCWD, "f", wrong, 0), EINVAL);
    timespec good[2] = {{5, 0}, {6, 0}};
    CHECK_ERRNO(utimensat(AT_FDCWD, "missing", good, 0), ENOENT);
    CHECK_ERRNO(utimensat(AT_FDCWD, "f", good, 0x40000), EINVAL);
    CHECK_ERRNO(syscall(SYS_utimensat, AT_FDCWD, "f", bad<timespec>(), 0), EFAULT);
    CHECK_EXITED(run([&] {
                     become_user();
                     CHECK_ERRNO(utimensat(AT_FDCWD, "f", good, 0), EPERM);
                     CHECK_ERRNO(utimensat(AT_FDCWD, "f", nullptr, 0), EACCES);
                 }),
                 0);
}
TEST(meta, utimes_and_utime_set_times) {
    write_file("f", "x");
    timeval times[2] = {{7, 500000}, {8, 250000}};
    CHECK_OK(syscall(SYS_utimes, "f", times));
    CHECK_EQ(stat_of("f").st_mtim.tv_nsec, 250000000);
    int64_t pair[2] = {11, 12};
    CHECK_OK(syscall(SYS_utime, "f", pair));
    CHECK_EQ(stat_of("f").st_atim.tv_sec, 11);
    CHECK_EQ(stat_of("f").st_mtim.tv_sec, 12);
}
TEST(meta, write_changes_mtime_and_ctime) {
    write_file("f", "x");
    struct stat before = stat_of("f");
    sleep_ms(20);
    int fd = open("f", O_WRONLY);
    CHECK_EQ(write(fd, "y", 1), 1);
    struct stat after = stat_of("f");
    CHECK(is_later(after.st_mtim, before.st_mtim));
    CHECK(is_later(after.st_ctim, before.st_ctim));
}
TEST(meta, chmod_and_link_change_ctime_only) {
    write_file("f", "x");
    struct stat before = stat_of("f");
    sleep_ms(20);
    CHECK_OK(chmod("f", 0600));
    struct stat after = stat_of("f");
    CHECK(is_later(after.st_ctim, before.st_ctim));
    CHECK(!is_later(after.st_mtim, before.st_mtim));
    sleep_ms(20);
    CHECK_OK(link("f", "g"));
    CHECK(is_later(stat_of("f").st_ctim, after.st_ctim));
}
TEST(meta, truncate_to_the_same_size_changes_mtime) {
    write_file("f", "x");
    struct stat before = stat_of("f");
    sleep_ms(20);
    int fd = open("f", O_WRONLY);
    CHECK_OK(ftruncate(fd, 1));
    CHECK(is_later(stat_of("f").st_mtim, before.st_mtim));
}
TEST(meta, xattr_round_trip) {
    write_file("f", "x");
    int result = setxattr("f", "user.colour", "blue", 4, 0);
    if (result == -1 && errno == EOPNOTSUPP) SKIP("no user extended attributes on this file system");
    CHECK_EQ(result, 0);
    char value[16] = {};
    CHECK_EQ(getxattr("f", "user.colour", value, sizeof value), 4);
    CHECK_STR(value, "blue");
    CHECK_EQ(getxattr("f", "user.colour", nullptr, 0), 4);
    CHECK_ERRNO(getxattr("f", "user.colour", value, 2), ERANGE);
    CHECK_ERRNO(setxattr("f", "user.colour", "x", 1, XATTR_CREATE), EEXIST);
    CHECK_ERRNO(setxattr("f", "user.other", "x", 1, XATTR_REPLACE), ENODATA);
    char list[256];
    ssize_t length = listxattr("f", list, sizeof list);
    CHECK(length > 0 && memmem(list, length, "user.colour", 12));
    CHECK_OK(removexattr("f", "user.colour"));
    CHECK_ERRNO(getxattr("f", "user.colour", value, sizeof value), ENODATA);
}
TEST(meta, xattr_errors) {
    write_file("f", "x");
    char value[16];
    CHECK_ERRNO(getxattr("missing", "user.x", value, 1), ENOENT);
    CHECK_ERRNO(getxattr("f", "nonsense", value, 1), EOPNOTSUPP);
    CHECK_ERRNO(getxattr("f", "", value, 1), ERANGE);
    CHECK_ERRNO(setxattr("f", "user.x", "v", 1, 0x100), EINVAL);
    CHECK_ERRNO(fgetxattr(-1, "user.x", value, 1), EBADF);
    CHECK_EXITED(run([&] {
                     become_user();
                     CHECK_ERRNO(setxattr("f", "trusted.x", "v", 1, 0), EPERM);
                 }),
                 0);
}
TEST(meta, directory_search_permission) {
    CHECK_OK(mkdir("d", 0755));
    write_file("d/f", "x", 0644);
    CHECK_EXITED(run([] {
                     become_user();
                     CHECK_OK(access("d/f", R_OK));
                 }),
                 0);
    CHECK_OK(chmod("d", 0744));  // readable, not searchable
    CHECK_EXITED(run([] {
                     become_user();
                     int fd = open("d", O_RDONLY | O_DIRECTORY);
                     CHECK_OK(fd);
                     CHECK_ERRNO(open("d/f", O_RDONLY), EACCES);
                     CHECK_ERRNO(openat(fd, "f", O_RDONLY), EACCES);
                 }),
                 0);
}
TEST(meta, group_permission_goes_by_membership) {
    write_file("f", "x", 0640);
    CHECK_OK(chown("f", 0, 4000));
    CHECK_EXITED(run([] {
                     gid_t groups[] = {4000};
                     CHECK_OK(syscall(SYS_setgroups, 1, groups));
                     CHECK_OK(syscall(SYS_setresuid, 1000, 1000, 1000));
                     CHECK_OK(open("f", O_RDONLY));
                     CHECK_ERRNO(open("f", O_WRONLY), EACCES);
                 }),
                 0);
}
TEST(meta, owner_class_wins_over_group_and_other) {
    write_file("f", "x", 0644);
    CHECK_OK(chmod("f", 0077));
    CHECK_OK(chown("f", 1000, 1000));
    CHECK_EXITED(run([] {
                     become_user();
                     CHECK_ERRNO(open("f", O_RDONLY), EACCES);
                 }),
                 0);
}
