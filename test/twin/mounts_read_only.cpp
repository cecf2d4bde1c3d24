// SPDX-License-Identifier: MIT
//
// What the flags of a mount forbid: MS_RDONLY (of one mount, of the file system), MS_NOEXEC, MS_NODEV, MS_NOSUID.
#include "mount_helpers.h"

#include <sys/statvfs.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>

using namespace twin;

namespace {

void copy_self_to(const char* path) {
    const int from = open(self_path(), O_RDONLY), to = open(path, O_CREAT | O_WRONLY, 0755);
    static char buffer[65536];
    for (ssize_t got; (got = read(from, buffer, sizeof buffer)) > 0;) CHECK_EQ(write(to, buffer, got), got);
    close(from);
    close(to);
}
// Everything that would change the file system at `d` (a working directory) is refused.
void check_nothing_can_be_written() {
    const timespec times[2] = {{1, 0}, {2, 0}};
    CHECK_ERRNO(open("new", O_CREAT | O_WRONLY, 0644), EROFS);
    CHECK_ERRNO(open("f", O_WRONLY), EROFS);
    CHECK_ERRNO(open("f", O_RDWR), EROFS);
    CHECK_ERRNO(open("f", O_RDONLY | O_TRUNC), EROFS);
    CHECK_ERRNO(open(".", O_TMPFILE | O_RDWR, 0600), EROFS);
    CHECK_OK(open("f", O_RDONLY | O_CREAT, 0644));  // it is there already
    CHECK_ERRNO(open("f", O_RDONLY | O_CREAT | O_EXCL, 0644), EEXIST);
    CHECK_ERRNO(mkdir("new", 0755), EROFS);
    CHECK_ERRNO(mkdir("f", 0755), EEXIST);
    CHECK_ERRNO(mknod("new", S_IFIFO | 0644, 0), EROFS);
    CHECK_ERRNO(symlink("x", "new"), EROFS);
    CHECK_ERRNO(link("f", "new"), EROFS);
    CHECK_ERRNO(rename("f", "new"), EROFS);
    CHECK_ERRNO(unlink("f"), EROFS);
    CHECK_ERRNO(rmdir("sub"), EROFS);
    CHECK_ERRNO(chmod("f", 0600), EROFS);
    CHECK_ERRNO(chown("f", 1, 1), EROFS);
    CHECK_ERRNO(utimensat(AT_FDCWD, "f", times, 0), EROFS);
    CHECK_ERRNO(truncate("f", 0), EROFS);
    CHECK_ERRNO(setxattr("f", "trusted.x", "v", 1, 0), EROFS);
    CHECK_ERRNO(removexattr("f", "trusted.x"), EROFS);
    CHECK_ERRNO(access("f", W_OK), EROFS);
    CHECK_OK(access("f", R_OK));
    const int fd = open("f", O_RDONLY);
    CHECK_ERRNO(fchmod(fd, 0600), EROFS);
    CHECK_ERRNO(fchown(fd, 1, 1), EROFS);
    CHECK_ERRNO(futimens(fd, times), EROFS);
    // Pipes and devices keep nothing on the file system.
    const int pipe_fd = open("pipe", O_RDWR);
    CHECK_OK(pipe_fd);
    CHECK_EQ(write(pipe_fd, "x", 1), 1);
    CHECK_OK(access("pipe", W_OK));
    CHECK_OK(open("null", O_WRONLY));
}
void fill(const char* directory) {
    CHECK_OK(chdir(directory));
    write_file("f", "text");
    CHECK_OK(mkdir("sub", 0755));
    CHECK_OK(mkfifo("pipe", 0600));
    CHECK_OK(mknod("null", S_IFCHR | 0666, makedev(1, 3)));
    CHECK_OK(chdir(".."));
}

}  // namespace

TEST(mounts, read_only_file_system) {
    own_mounts();
    make_tmpfs("d");
    fill("d");
    const int writer = open("d/f", O_WRONLY);
    CHECK_ERRNO(mount(nullptr, "d", nullptr, MS_REMOUNT | MS_RDONLY, nullptr), EBUSY);
    close(writer);
    const int orphan = open("d/gone", O_CREAT | O_RDONLY, 0600);
    CHECK_OK(orphan);
    CHECK_OK(mount(nullptr, "d", nullptr, MS_REMOUNT | MS_RDONLY, nullptr));
    CHECK_EXITED(run([] {
                     CHECK_OK(chdir("d"));
                     check_nothing_can_be_written();
                 }),
                 0);
    struct statvfs fs;
    CHECK_OK(statvfs("d", &fs));
    CHECK(fs.f_flag & ST_RDONLY);
    CHECK_OK(mount(nullptr, "d", nullptr, MS_REMOUNT, nullptr));
    write_file("d/new", "x");
    close(orphan);
    CHECK_OK(umount2("d", 0));
}
TEST(mounts, a_file_without_a_name_keeps_the_file_system_writable) {
    own_mounts();
    make_tmpfs("d");
    const auto make_read_only = [] { return mount(nullptr, "d", nullptr, MS_REMOUNT | MS_RDONLY, nullptr); };
    const auto make_writable = [] { CHECK_OK(mount(nullptr, "d", nullptr, MS_REMOUNT, nullptr)); };
    // Open for reading only, and its last name gone.
    write_file("d/f", "x");
    CHECK_OK(link("d/f", "d/g"));
    int fd = open("d/f", O_RDONLY);
    CHECK_OK(unlink("d/f"));
    CHECK_OK(make_read_only());  // there is another name
    make_writable();
    CHECK_OK(unlink("d/g"));
    CHECK_ERRNO(make_read_only(), EBUSY);
    write_file("d/h", "still writable");
    close(fd);
    CHECK_OK(make_read_only());
    make_writable();
    // Replaced by a rename.
    write_file("d/i", "y");
    fd = open("d/i", O_RDONLY);
    CHECK_OK(rename("d/h", "d/i"));
    CHECK_ERRNO(make_read_only(), EBUSY);
    close(fd);
    CHECK_OK(make_read_only());
    make_writable();
    // A directory.
    CHECK_OK(mkdir("d/sub", 0755));
    fd = open("d/sub", O_RDONLY | O_DIRECTORY);
    CHECK_OK(rmdir("d/sub"));
    CHECK_ERRNO(make_read_only(), EBUSY);
    close(fd);
    CHECK_OK(make_read_only());
    make_writable();
    // One that never had a name, until it gets one.
    fd = open("d", O_TMPFILE | O_RDWR, 0600);
    CHECK_OK(fd);
    char own[64];
    snprintf(own, sizeof own, "/proc/self/fd/%d", fd);
    const int reader = open(own, O_RDONLY);
    CHECK_OK(reader);
    CHECK_OK(linkat(AT_FDCWD, own, AT_FDCWD, "d/named", AT_SYMLINK_FOLLOW));
    CHECK_ERRNO(make_read_only(), EBUSY);  // the writer
    close(fd);
    CHECK_OK(make_read_only());
    make_writable();
    CHECK_OK(unlink("d/named"));
    CHECK_ERRNO(make_read_only(), EBUSY);
    // One mount made read-only asks for writers only.
    CHECK_OK(mount(nullptr, "d", nullptr, MS_REMOUNT | MS_BIND | MS_RDONLY, nullptr));
    close(reader);
    CHECK_OK(umount2("d", 0));
}
TEST(mounts, read_only_from_the_start) {
    own_mounts();
    make_tmpfs("d", nullptr, MS_RDONLY);
    CHECK_ERRNO(open("d/new", O_CREAT | O_WRONLY, 0644), EROFS);
    CHECK_ERRNO(mkdir("d/new", 0755), EROFS);
    CHECK_OK(umount2("d", 0));
}
TEST(mounts, read_only_bind) {
    own_mounts();
    make_tmpfs("d");
    fill("d");
    CHECK_OK(mkdir("b", 0755));
    CHECK_OK(mount("d", "b", nullptr, MS_BIND | MS_RDONLY, nullptr));  // MS_RDONLY counts at the remount only
    write_file("b/f", "again");
    CHECK_OK(mount(nullptr, "b", nullptr, MS_REMOUNT | MS_BIND | MS_RDONLY, nullptr));
    CHECK_EXITED(run([] {
                     CHECK_OK(chdir("b"));
                     check_nothing_can_be_written();
                 }),
                 0);
    write_file("d/f", "the other mount is as it was");
    const int writer = open("d/f", O_WRONLY);  // by the other mount: no hindrance here
    CHECK_OK(mount(nullptr, "b", nullptr, MS_REMOUNT | MS_BIND, nullptr));
    CHECK_OK(mount(nullptr, "b", nullptr, MS_REMOUNT | MS_BIND | MS_RDONLY, nullptr));
    close(writer);
    CHECK_OK(mount(nullptr, "b", nullptr, MS_REMOUNT | MS_BIND, nullptr));
    const int own_writer = open("b/f", O_WRONLY);
    CHECK_ERRNO(mount(nullptr, "b", nullptr, MS_REMOUNT | MS_BIND | MS_RDONLY, nullptr), EBUSY);
    close(own_writer);
    // A read-only file system is so through each of its mounts.
    CHECK_OK(mount(nullptr, "d", nullptr, MS_REMOUNT | MS_RDONLY, nullptr));
    CHECK_ERRNO(open("b/f", O_WRONLY), EROFS);
    CHECK_ERRNO(unlink("b/f"), EROFS);
    CHECK_OK(umount2("b", 0));
    CHECK_OK(umount2("d", 0));
}
TEST(mounts, remount_needs_the_root_of_a_mount) {
    own_mounts();
    make_tmpfs("d");
    CHECK_OK(mkdir("d/sub", 0755));
    CHECK_ERRNO(mount(nullptr, "d/sub", nullptr, MS_REMOUNT | MS_RDONLY, nullptr), EINVAL);
    CHECK_ERRNO(mount(nullptr, "d/sub", nullptr, MS_REMOUNT | MS_BIND | MS_RDONLY, nullptr), EINVAL);
    CHECK_ERRNO(mount(nullptr, "missing", nullptr, MS_REMOUNT, nullptr), ENOENT);
    CHECK_ERRNO(mount(nullptr, "d", nullptr, MS_REMOUNT, "nonsense"), EINVAL);
    CHECK_OK(umount2("d", 0));
}
TEST(mounts, remount_changes_the_size) {
    own_mounts();
    make_tmpfs("d");
    static char block[65536];
    const int fd = open("d/f", O_CREAT | O_WRONLY, 0644);
    CHECK_EQ(write(fd, block, sizeof block), sizeof block);
    CHECK_ERRNO(mount(nullptr, "d", nullptr, MS_REMOUNT, "size=8k"), EINVAL);  // less than is in use
    CHECK_OK(mount(nullptr, "d", nullptr, MS_REMOUNT, "size=68k"));
    CHECK_EQ(write(fd, block, sizeof block), 4096);
    CHECK_ERRNO(write(fd, block, 1), ENOSPC);
    close(fd);
    CHECK_OK(umount2("d", 0));
}
TEST(mounts, noexec) {
    own_mounts();
    make_tmpfs("d", nullptr, MS_NOEXEC);
    write_file("d/script", "#!/bin/sh\nexit 0\n", 0755);
    char* const arguments[] = {const_cast<char*>("x"), nullptr};
    CHECK_ERRNO(execve("d/script", arguments, arguments + 1), EACCES);
    const int fd = open("d/script", O_RDONLY);
    CHECK_ERRNO((long)mmap(nullptr, kPage, PROT_READ | PROT_EXEC, MAP_PRIVATE, fd, 0), EPERM);
    void* mapped = mmap(nullptr, kPage, PROT_READ, MAP_PRIVATE, fd, 0);
    CHECK(mapped != MAP_FAILED);
    CHECK_ERRNO(mprotect(mapped, kPage, PROT_READ | PROT_EXEC), EACCES);
    CHECK_ERRNO(access("d/script", X_OK), EACCES);
    CHECK_OK(access("d", X_OK));
    CHECK_OK(munmap(mapped, kPage));
    close(fd);
    CHECK_OK(umount2("d", 0));
}
TEST(mounts, nodev) {
    own_mounts();
    make_tmpfs("d", nullptr, MS_NODEV);
    CHECK_OK(mknod("d/null", S_IFCHR | 0666, makedev(1, 3)));
    CHECK_OK(mkfifo("d/pipe", 0600));
    CHECK_ERRNO(open("d/null", O_RDONLY), EACCES);
    const int fd = open("d/pipe", O_RDWR);
    CHECK_OK(fd);
    close(fd);
    struct statvfs fs;
    CHECK_OK(statvfs("d", &fs));
    CHECK_EQ(fs.f_flag & 7, 4 /* ST_NODEV */);
    CHECK_OK(mount(nullptr, "d", nullptr, MS_REMOUNT, nullptr));
    const int device = open("d/null", O_RDONLY);
    CHECK_OK(device);
    close(device);
    CHECK_OK(umount2("d", 0));
}
HELPER(effective_user) { return geteuid() == 1234 ? 0 : 1; }
TEST(mounts, nosuid) {
    own_mounts();
    make_tmpfs("d");
    copy_self_to("d/program");
    CHECK_OK(chown("d/program", 1234, 0));
    CHECK_OK(chmod("d/program", 04755));
    const auto program = [] {
        execl("d/program", "x", "--helper", "effective_user", nullptr);
        _exit(99);
    };
    CHECK_EXITED(run(program), 0);
    CHECK_OK(mount(nullptr, "d", nullptr, MS_REMOUNT | MS_BIND | MS_NOSUID, nullptr));
    CHECK_EXITED(run(program), 1);
    CHECK_OK(umount2("d", 0));
}
