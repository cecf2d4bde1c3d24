// SPDX-License-Identifier: MIT
//
// mount(2), umount2(2), pivot_root(2): what a mounted file system hides and shows, what can be moved and taken
// off. Left out: propagation between namespaces.
#include "mount_helpers.h"

#include <sys/vfs.h>

using namespace twin;

namespace {

constexpr long kTmpfsMagic = 0x01021994;

struct stat stat_of(const char* path) {
    struct stat s;
    CHECK_OK(stat(path, &s));
    return s;
}
bool is_same_place(const char* a, const char* b) {
    const struct stat left = stat_of(a), right = stat_of(b);
    return left.st_ino == right.st_ino && left.st_dev == right.st_dev;
}

}  // namespace

TEST(mounts, tmpfs_hides_what_was_there) {
    own_mounts();
    CHECK_OK(mkdir("d", 0700));
    write_file("d/under", "x");
    const struct stat before = stat_of("d");
    CHECK_OK(mount("none", "d", "tmpfs", 0, nullptr));
    CHECK_ERRNO(access("d/under", F_OK), ENOENT);
    CHECK(stat_of("d").st_dev != before.st_dev);
    CHECK_EQ(stat_of("d").st_mode & 07777, 01777);
    struct statfs fs;
    CHECK_OK(statfs("d", &fs));
    CHECK_EQ(fs.f_type, kTmpfsMagic);
    write_file("d/over", "y");
    CHECK(is_same_place("d/..", "."));
    CHECK_OK(umount2("d", 0));
    CHECK_OK(access("d/under", F_OK));
    CHECK_ERRNO(access("d/over", F_OK), ENOENT);
    CHECK_EQ(stat_of("d").st_ino, before.st_ino);
}
TEST(mounts, tmpfs_options) {
    own_mounts();
    make_tmpfs("d", "size=64k,mode=0710,uid=12,gid=34");
    const struct stat root = stat_of("d");
    CHECK_EQ(root.st_mode & 07777, 0710);
    CHECK_EQ(root.st_uid, 12);
    CHECK_EQ(root.st_gid, 34);
    const int fd = open("d/f", O_CREAT | O_WRONLY, 0644);
    static char block[65536];
    CHECK_EQ(write(fd, block, sizeof block), sizeof block);
    CHECK_ERRNO(write(fd, block, 1), ENOSPC);
    close(fd);
    struct statfs fs;
    CHECK_OK(statfs("d", &fs));
    CHECK_EQ(fs.f_blocks * fs.f_bsize, 65536);
    CHECK_EQ(fs.f_bfree, 0);
    CHECK_OK(umount2("d", 0));
    CHECK_OK(mount("none", "d", "tmpfs", 0, "nr_inodes=3"));
    write_file("d/a", "");
    write_file("d/b", "");
    CHECK_ERRNO(open("d/c", O_CREAT | O_WRONLY, 0644), ENOSPC);
    CHECK_OK(unlink("d/a"));
    write_file("d/c", "");
    CHECK_OK(umount2("d", 0));
    CHECK_ERRNO(mount("none", "d", "tmpfs", 0, "nonsense"), EINVAL);
    CHECK_ERRNO(mount("none", "d", "tmpfs", 0, "size=much"), EINVAL);
    CHECK_ERRNO(mount("none", "d", "tmpfs", 0, "mode=99"), EINVAL);
}
TEST(mounts, mount_errors) {
    own_mounts();
    CHECK_OK(mkdir("d", 0755));
    write_file("f", "x");
    CHECK_ERRNO(mount("none", "d", "no-such-type", 0, nullptr), ENODEV);
    CHECK_ERRNO(mount("none", "d", nullptr, 0, nullptr), EINVAL);
    CHECK_ERRNO(mount("none", "missing", "tmpfs", 0, nullptr), ENOENT);
    CHECK_ERRNO(mount("none", "f/d", "tmpfs", 0, nullptr), ENOTDIR);
    CHECK_ERRNO(mount("none", "f", "tmpfs", 0, nullptr), ENOTDIR);
    CHECK_ERRNO(mount("none", "d", bad<char>(), 0, nullptr), EFAULT);
    CHECK_ERRNO(mount(bad<char>(), "d", "tmpfs", 0, nullptr), EFAULT);
    CHECK_ERRNO(mount("none", bad<char>(), "tmpfs", 0, nullptr), EFAULT);
    CHECK_ERRNO(mount("none", "d", "tmpfs", 0, bad<char>()), EFAULT);
    // Strings are copied before anybody looks for the place.
    CHECK_ERRNO(mount("none", "missing", bad<char>(), 0, nullptr), EFAULT);
    CHECK_ERRNO(mount(nullptr, "d", nullptr, MS_BIND, nullptr), EINVAL);
    CHECK_ERRNO(mount("", "d", nullptr, MS_BIND, nullptr), EINVAL);
    CHECK_ERRNO(mount("missing", "d", nullptr, MS_BIND, nullptr), ENOENT);
    CHECK_ERRNO(mount("f", "d", nullptr, MS_BIND, nullptr), ENOTDIR);
    CHECK_ERRNO(mount("d", "f", nullptr, MS_BIND, nullptr), ENOTDIR);
    CHECK_ERRNO(mount(nullptr, "d", nullptr, MS_REMOUNT, nullptr), EINVAL);
    CHECK_ERRNO(mount(nullptr, "d", nullptr, MS_PRIVATE, nullptr), EINVAL);
    CHECK_ERRNO(mount("d", "d", nullptr, MS_MOVE, nullptr), EINVAL);
    become_user();
    CHECK_ERRNO(mount("none", "d", "tmpfs", 0, nullptr), EPERM);
    CHECK_ERRNO(mount("none", "missing", "tmpfs", 0, nullptr), ENOENT);
    CHECK_ERRNO(mount("none", "d", "no-such-type", 0, nullptr), EPERM);
    CHECK_ERRNO(umount2("d", 0), EPERM);
    CHECK_ERRNO(umount2("missing", 0), ENOENT);
}
TEST(mounts, umount_errors) {
    own_mounts();
    make_tmpfs("d");
    CHECK_OK(symlink("d", "l"));
    CHECK_OK(mkdir("d/inner", 0755));
    CHECK_ERRNO(umount2("d", 0x100), EINVAL);
    CHECK_ERRNO(umount2("missing", 0x100), EINVAL);
    CHECK_ERRNO(umount2("d/inner", 0), EINVAL);
    CHECK_ERRNO(umount2("missing", 0), ENOENT);
    CHECK_ERRNO(umount2(bad<char>(), 0), EFAULT);
    CHECK_ERRNO(umount2("l", UMOUNT_NOFOLLOW), EINVAL);
    CHECK_OK(umount2("l", 0));
    CHECK_ERRNO(umount2("d", 0), EINVAL);
}
TEST(mounts, umount_of_what_is_in_use) {
    own_mounts();
    make_tmpfs("d");
    write_file("d/f", "text");
    int fd = open("d/f", O_RDONLY);
    CHECK_ERRNO(umount2("d", 0), EBUSY);
    close(fd);
    CHECK_OK(chdir("d"));
    CHECK_ERRNO(umount2("../d", 0), EBUSY);
    CHECK_OK(chdir(".."));
    fd = open("d", O_PATH);
    CHECK_ERRNO(umount2("d", 0), EBUSY);
    close(fd);
    fd = open("d/f", O_RDONLY);
    void* mapped = mmap(nullptr, kPage, PROT_READ, MAP_PRIVATE, fd, 0);
    close(fd);
    CHECK_ERRNO(umount2("d", 0), EBUSY);
    CHECK_OK(munmap(mapped, kPage));
    CHECK_OK(mkdir("d/inner", 0755));
    CHECK_OK(mount("none", "d/inner", "tmpfs", 0, nullptr));
    CHECK_ERRNO(umount2("d", 0), EBUSY);
    CHECK_OK(umount2("d/inner", 0));
    CHECK_OK(umount2("d", 0));
}
TEST(mounts, detached_mount_lives_while_it_is_used) {
    own_mounts();
    make_tmpfs("d");
    CHECK_OK(mkdir("d/inner", 0755));
    CHECK_OK(mount("none", "d/inner", "tmpfs", 0, nullptr));
    write_file("d/f", "text");
    const int dir = open("d", O_PATH), fd = open("d/f", O_RDONLY);
    CHECK_OK(umount2("d", MNT_DETACH));
    CHECK_ERRNO(access("d/f", F_OK), ENOENT);
    char text[8] = {};
    CHECK_EQ(read(fd, text, sizeof text), 4);
    const int again = openat(dir, "f", O_RDONLY);
    CHECK_OK(again);
    CHECK_OK(mkdirat(dir, "more", 0755));
    CHECK_ERRNO(umount2("d", 0), EINVAL);
    struct stat above, itself;
    CHECK_OK(fstatat(dir, "..", &above, 0));
    CHECK_OK(fstat(dir, &itself));
    CHECK_EQ(above.st_ino, itself.st_ino);  // there is nothing above it any more
    CHECK_OK(rmdir("d"));
}
TEST(mounts, stacked_mounts_come_off_one_by_one) {
    own_mounts();
    make_tmpfs("d");
    write_file("d/first", "");
    CHECK_OK(mount("none", "d", "tmpfs", 0, nullptr));
    write_file("d/second", "");
    CHECK_ERRNO(access("d/first", F_OK), ENOENT);
    CHECK_OK(umount2("d", 0));
    CHECK_OK(access("d/first", F_OK));
    CHECK_OK(umount2("d", 0));
    CHECK_ERRNO(access("d/first", F_OK), ENOENT);
}
TEST(mounts, mount_points_stay_where_they_are) {
    own_mounts();
    make_tmpfs("d");
    CHECK_ERRNO(rmdir("d"), EBUSY);
    CHECK_ERRNO(rename("d", "e"), EBUSY);
    CHECK_OK(mkdir("e", 0755));
    CHECK_ERRNO(rename("e", "d"), EBUSY);
    write_file("f", "x");
    write_file("g", "y");
    CHECK_OK(mount("f", "g", nullptr, MS_BIND, nullptr));
    CHECK_ERRNO(unlink("g"), EBUSY);
    CHECK_ERRNO(rename("f", "g"), EBUSY);
    CHECK_OK(unlink("f"));  // only the mount point is held
    char text[8];
    CHECK_EQ(read_file("g", text, sizeof text), 1);
    CHECK_STR(text, "x");
    CHECK_OK(umount2("g", 0));
    CHECK_OK(umount2("d", 0));
}
TEST(mounts, bind_shows_the_same_files) {
    own_mounts();
    CHECK_OK(mkdir("a", 0755));
    CHECK_OK(mkdir("a/sub", 0755));
    CHECK_OK(mkdir("b", 0755));
    CHECK_OK(mount("none", "a/sub", "tmpfs", 0, nullptr));
    write_file("a/sub/deep", "");
    CHECK_OK(mount("a", "b", nullptr, MS_BIND, nullptr));
    write_file("a/f", "x");
    CHECK(is_same_place("a", "b"));
    CHECK(is_same_place("a/f", "b/f"));
    CHECK_ERRNO(access("b/sub/deep", F_OK), ENOENT);  // what is mounted below does not come along
    CHECK_ERRNO(link("a/f", "b/g"), EXDEV);
    CHECK_ERRNO(rename("a/f", "b/g"), EXDEV);
    // The same file system by two ways, and two of one kind.
    const int in = open("b/f", O_RDONLY), out = open("a/copy", O_CREAT | O_WRONLY, 0644);
    const int other = open("a/sub/copy", O_CREAT | O_WRONLY, 0644);
    CHECK_EQ(syscall(SYS_copy_file_range, in, nullptr, out, nullptr, 1, 0), 1);
    CHECK_ERRNO(syscall(SYS_copy_file_range, in, nullptr, other, nullptr, 1, 0), EXDEV);
    for (const int kAll[] = {in, out, other}; int fd : kAll) close(fd);
    CHECK_OK(umount2("b", 0));
    CHECK_OK(mount("a", "b", "ignored", MS_BIND | MS_REC, "ignored"));
    CHECK_OK(access("b/sub/deep", F_OK));
    CHECK_ERRNO(umount2("b", 0), EBUSY);
    CHECK_OK(umount2("b", MNT_DETACH));
    CHECK_OK(access("a/sub/deep", F_OK));
    CHECK_OK(umount2("a/sub", 0));
}
TEST(mounts, move) {
    own_mounts();
    make_tmpfs("a");
    CHECK_OK(mkdir("b", 0755));
    CHECK_OK(mkdir("a/inner", 0755));
    write_file("a/f", "x");
    write_file("file", "x");
    CHECK_ERRNO(mount("a", "file", nullptr, MS_MOVE, nullptr), EINVAL);
    CHECK_ERRNO(mount("a", "a/inner", nullptr, MS_MOVE, nullptr), ELOOP);
    CHECK_ERRNO(mount("a/inner", "b", nullptr, MS_MOVE, nullptr), EINVAL);
    CHECK_ERRNO(mount("missing", "b", nullptr, MS_MOVE, nullptr), ENOENT);
    CHECK_OK(mount("a", "b", nullptr, MS_MOVE, nullptr));
    CHECK_OK(access("b/f", F_OK));
    CHECK_ERRNO(access("a/f", F_OK), ENOENT);
    CHECK(is_same_place("b/..", "."));
    CHECK_OK(umount2("b", 0));
}
TEST(mounts, proc_can_be_mounted_again) {
    own_mounts();
    CHECK_OK(mkdir("p", 0755));
    CHECK_OK(mount("proc", "p", "proc", MS_NOSUID | MS_NODEV | MS_NOEXEC, nullptr));
    char text[64], path[64];
    CHECK_OK(readlink("p/self", text, sizeof text));
    CHECK_EQ(atoi(text), getpid());
    snprintf(path, sizeof path, "p/%d/comm", getpid());
    CHECK(read_file(path, text, sizeof text) > 0);
    CHECK_OK(umount2("p", 0));
}
TEST(mounts, proc_tells_of_them) {
    own_mounts();
    make_tmpfs("d with blank", "size=1M", MS_NOSUID | MS_NODEV);
    char here[256], want[400];
    CHECK(getcwd(here, sizeof here) != nullptr);
    static char text[65536];
    CHECK(read_file("/proc/self/mounts", text, sizeof text) > 0);
    snprintf(want, sizeof want, "twin %s/d\\040with\\040blank tmpfs rw,nosuid,nodev", here);
    CHECK(strstr(text, want) != nullptr);
    CHECK(read_file("/proc/self/mountinfo", text, sizeof text) > 0);
    snprintf(want, sizeof want, " / %s/d\\040with\\040blank rw,nosuid,nodev", here);
    CHECK(strstr(text, want) != nullptr);
    CHECK_OK(umount2("d with blank", 0));
    CHECK(read_file("/proc/self/mounts", text, sizeof text) > 0);
    CHECK(strstr(text, want) == nullptr);
}

// ---- pivot_root, in a place that looks like a root to the case's process alone
namespace {
void enter_root_of_ones_own() {
    own_mounts();
    make_tmpfs("root");
    CHECK_OK(chroot("root"));
    CHECK_OK(chdir("/"));
}
long pivot(const char* new_root, const char* put_old) { return syscall(SYS_pivot_root, new_root, put_old); }
}  // namespace

TEST(pivot_root, changes_root_and_working_directory) {
    CHECK_EXITED(run([] {
                     enter_root_of_ones_own();
                     write_file("/old-file", "x");
                     make_tmpfs("/new");
                     CHECK_OK(mkdir("/new/old", 0755));
                     const pid_t other = start([] {
                         while (access("/old/old-file", F_OK)) sleep_ms(2);
                         CHECK(is_same_place("/", "."));
                     });
                     CHECK_OK(pivot("/new", "/new/old"));
                     CHECK_OK(access("/old/old-file", F_OK));
                     CHECK_OK(access("old", F_OK));  // the working directory was the old root
                     CHECK(is_same_place("/..", "/"));
                     CHECK_EXITED(status_of(other), 0);
                     CHECK_OK(umount2("/old", MNT_DETACH));
                     CHECK_ERRNO(access("/old/old-file", F_OK), ENOENT);
                     char place[16];
                     CHECK(getcwd(place, sizeof place) != nullptr);
                     CHECK_STR(place, "/");
                 }),
                 0);
    umount2("root", MNT_DETACH);
}
TEST(pivot_root, onto_itself) {
    CHECK_EXITED(run([] {
                     enter_root_of_ones_own();
                     make_tmpfs("/new");
                     CHECK_OK(chdir("/new"));
                     write_file("here", "x");
                     CHECK_OK(pivot(".", "."));
                     CHECK_OK(umount2(".", MNT_DETACH));
                     CHECK_OK(access("/here", F_OK));
                 }),
                 0);
    umount2("root", MNT_DETACH);
}
TEST(pivot_root, errors) {
    CHECK_EXITED(run([] {
                     enter_root_of_ones_own();
                     make_tmpfs("/new");
                     CHECK_OK(mkdir("/new/old", 0755));
                     CHECK_OK(mkdir("/plain", 0755));
                     write_file("/file", "x");
                     CHECK_ERRNO(pivot("/missing", "/new/old"), ENOENT);
                     CHECK_ERRNO(pivot("/new", "/new/missing"), ENOENT);
                     CHECK_ERRNO(pivot("/file", "/new/old"), ENOTDIR);
                     CHECK_ERRNO(pivot("/new", "/file"), ENOTDIR);
                     CHECK_ERRNO(pivot(bad<char>(), "/new/old"), EFAULT);
                     CHECK_ERRNO(pivot("/new", bad<char>()), EFAULT);
                     CHECK_ERRNO(pivot("/plain", "/plain"), EBUSY);
                     CHECK_ERRNO(pivot("/new", "/plain"), EBUSY);
                     CHECK_ERRNO(pivot("/", "/"), EBUSY);
                     CHECK_ERRNO(pivot("/new/old", "/new/old"), EINVAL);  // no mount point
                     make_tmpfs("/other");
                     CHECK_ERRNO(pivot("/new", "/other"), EINVAL);  // not below the new root
                     CHECK_EXITED(run([] {
                                      CHECK_OK(chroot("/plain"));
                                      CHECK_ERRNO(pivot("/", "/"), EBUSY);
                                  }),
                                  0);
                     become_user();
                     CHECK_ERRNO(pivot("/missing", "/new/old"), EPERM);
                 }),
                 0);
    umount2("root", MNT_DETACH);
}
