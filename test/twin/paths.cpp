// SPDX-License-Identifier: MIT
//
// How names are read: openat2(2) with its growing structure and its limits on resolution, what statx(2) gives for which mask,
// names and paths that are too long for each call that takes one.
#include "twin.h"

#include <sys/mount.h>
#include <sys/sysmacros.h>
#include <sys/vfs.h>
#include <sys/xattr.h>

using namespace twin;

namespace {

struct How {
    uint64_t flags, mode, resolve;
};
constexpr uint64_t kNoMounts = 1, kNoMagicLinks = 2, kNoLinks = 4, kBeneath = 8, kInRoot = 16, kCached = 32;

long open_as(int directory, const char* path, How how, size_t size = sizeof(How)) {
    return syscall(SYS_openat2, directory, path, &how, size);
}
long open_in(int directory, const char* path, uint64_t resolve) { return open_as(directory, path, {O_RDONLY, 0, resolve}); }

// struct statx as statx(2) lays it out; musl 1.2.3 has none.
struct Statx {
    uint32_t mask, block_size;
    uint64_t attributes;
    uint32_t nlink, uid, gid;
    uint16_t mode, pad1;
    uint64_t ino, size, blocks, attributes_mask;
    struct {
        int64_t seconds;
        uint32_t nanoseconds;
        int32_t pad;
    } atime, btime, ctime, mtime;
    uint32_t rdev_major, rdev_minor, dev_major, dev_minor;
    uint64_t mount;
    uint64_t spare[13];
};
static_assert(sizeof(Statx) == 256);
Statx statx_of(int directory, const char* path, int flags, unsigned mask) {
    Statx s;
    memset(&s, 0xee, sizeof s);
    CHECK_OK(syscall(SYS_statx, directory, path, flags, mask, &s));
    return s;
}

}  // namespace

// ---- openat2
TEST(paths, openat2_structure) {
    write_file("f", "x");
    struct {
        How how;
        char more[5000];
    } big = {};
    CHECK_OK(syscall(SYS_openat2, AT_FDCWD, "f", &big, sizeof(How) + 8));
    CHECK_OK(syscall(SYS_openat2, AT_FDCWD, "f", &big, 4096));
    big.more[100] = 1;
    CHECK_ERRNO(syscall(SYS_openat2, AT_FDCWD, "f", &big, 4096), E2BIG);
    CHECK_OK(syscall(SYS_openat2, AT_FDCWD, "f", &big, sizeof(How) + 100));
    CHECK_ERRNO(syscall(SYS_openat2, AT_FDCWD, "f", &big, 4097), E2BIG);
    CHECK_ERRNO(syscall(SYS_openat2, AT_FDCWD, "f", &big, sizeof(How) - 1), EINVAL);
    CHECK_ERRNO(syscall(SYS_openat2, AT_FDCWD, "f", &big, 0), EINVAL);
    CHECK_ERRNO(syscall(SYS_openat2, AT_FDCWD, "f", bad<How>(), 4097), E2BIG);
    CHECK_ERRNO(syscall(SYS_openat2, AT_FDCWD, "f", bad<How>(), sizeof(How)), EFAULT);
    CHECK_ERRNO(syscall(SYS_openat2, AT_FDCWD, bad<char>(), bad<How>(), 8), EINVAL);
}
TEST(paths, openat2_is_strict_about_flags) {
    write_file("f", "x");
    CHECK_ERRNO(open_as(AT_FDCWD, "f", {1 << 30, 0, 0}), EINVAL);
    CHECK_OK(open("f", 1 << 30));  // open forgives
    CHECK_ERRNO(open_as(AT_FDCWD, "f", {O_RDONLY, 0600, 0}), EINVAL);
    CHECK_ERRNO(open_as(AT_FDCWD, "f", {O_CREAT | O_WRONLY, 010644, 0}), EINVAL);
    CHECK_ERRNO(open_as(AT_FDCWD, "f", {O_PATH | O_RDWR, 0, 0}), EINVAL);
    CHECK_ERRNO(open_as(AT_FDCWD, "f", {O_PATH | O_TRUNC, 0, 0}), EINVAL);
    CHECK_OK(open("f", O_PATH | O_RDWR | O_TRUNC));
    CHECK_OK(open_as(AT_FDCWD, "f", {O_PATH | O_CLOEXEC | O_NOFOLLOW, 0, 0}));
    CHECK_ERRNO(open_as(AT_FDCWD, "missing", {O_RDONLY, 0, 1 << 10}), EINVAL);
    CHECK_ERRNO(open_as(AT_FDCWD, "f", {O_RDONLY, 0, kBeneath | kInRoot}), EINVAL);
    CHECK_ERRNO(open_as(AT_FDCWD, "new", {O_CREAT | O_DIRECTORY, 0644, 0}), EINVAL);
    CHECK_ERRNO(open("new", O_CREAT | O_DIRECTORY, 0644), EINVAL);
    CHECK_ERRNO(open_as(AT_FDCWD, ".", {O_TMPFILE | O_RDONLY, 0600, 0}), EINVAL);
    CHECK_ERRNO(open_as(AT_FDCWD, "new", {O_CREAT | O_WRONLY, 0644, kCached}), EAGAIN);
    CHECK_ERRNO(open_as(AT_FDCWD, "f", {O_TRUNC | O_WRONLY, 0, kCached}), EAGAIN);
    const int fd = static_cast<int>(open_as(AT_FDCWD, "new", {O_CREAT | O_RDWR | O_EXCL | O_APPEND | O_CLOEXEC, 0604, 0}));
    CHECK_OK(fd);
    struct stat s;
    CHECK_OK(fstat(fd, &s));
    CHECK_EQ(s.st_mode & 07777, 0604);
    CHECK_EQ(fcntl(fd, F_GETFL) & (O_ACCMODE | O_APPEND), O_RDWR | O_APPEND);
    CHECK_EQ(fcntl(fd, F_GETFD), FD_CLOEXEC);
    CHECK_ERRNO(open_as(555, "f", {O_RDONLY, 0, 0}), EBADF);
    CHECK_ERRNO(open_as(AT_FDCWD, "", {O_RDONLY, 0, 0}), ENOENT);
}
TEST(paths, openat2_beneath) {
    CHECK_OK(mkdir("d", 0755));
    CHECK_OK(mkdir("d/sub", 0755));
    write_file("outside", "x");
    write_file("d/f", "x");
    CHECK_OK(symlink("../f", "d/sub/up"));
    CHECK_OK(symlink("../outside", "d/out"));
    CHECK_OK(symlink("/d/f", "d/absolute"));
    const int d = open("d", O_PATH);
    CHECK_OK(open_in(d, "f", kBeneath));
    CHECK_OK(open_in(d, "sub/../f", kBeneath));
    CHECK_OK(open_in(d, "sub/up", kBeneath));
    CHECK_OK(open_in(d, ".", kBeneath));
    CHECK_ERRNO(open_in(d, "..", kBeneath), EXDEV);
    CHECK_ERRNO(open_in(d, "out", kBeneath), EXDEV);
    CHECK_ERRNO(open_in(d, "absolute", kBeneath), EXDEV);
    CHECK_ERRNO(open_in(d, "/", kBeneath), EXDEV);
    CHECK_ERRNO(open_in(d, "sub/../../d/f", kBeneath), EXDEV);
    CHECK_ERRNO(open_in(d, "missing", kBeneath), ENOENT);
    CHECK_OK(open_as(d, "out", {O_PATH | O_NOFOLLOW, 0, kBeneath}));
}
TEST(paths, openat2_in_root) {
    CHECK_OK(mkdir("d", 0755));
    CHECK_OK(mkdir("d/sub", 0755));
    write_file("f", "outside");
    write_file("d/f", "in");
    CHECK_OK(symlink("/f", "d/sub/absolute"));
    CHECK_OK(symlink("../../../f", "d/sub/up"));
    const int d = open("d", O_PATH);
    for (const char* const kAll[] = {"f", "/f", "../f", "sub/absolute", "sub/up", "/../../sub/../f"}; const char* path : kAll) {
        const int fd = static_cast<int>(open_in(d, path, kInRoot));
        CHECK_OK(fd);
        char text[8] = {};
        CHECK_EQ(read(fd, text, sizeof text), 2);
        close(fd);
    }
    CHECK_OK(open_as(d, "/new", {O_CREAT | O_WRONLY, 0644, kInRoot}));
    CHECK_OK(access("d/new", F_OK));
    CHECK_ERRNO(open_in(d, "/d/f", kInRoot), ENOENT);
}
TEST(paths, openat2_links_and_mounts) {
    write_file("f", "x");
    CHECK_OK(mkdir("d", 0755));
    CHECK_OK(symlink("f", "l"));
    CHECK_OK(symlink("d", "dl"));
    write_file("d/f", "x");
    CHECK_ERRNO(open_in(AT_FDCWD, "l", kNoLinks), ELOOP);
    CHECK_ERRNO(open_in(AT_FDCWD, "dl/f", kNoLinks), ELOOP);
    CHECK_OK(open_as(AT_FDCWD, "l", {O_PATH | O_NOFOLLOW, 0, kNoLinks}));
    CHECK_ERRNO(open_as(AT_FDCWD, "l", {O_RDONLY | O_NOFOLLOW, 0, 0}), ELOOP);
    CHECK_OK(open_in(AT_FDCWD, "dl/f", kNoMagicLinks));
    char path[64];
    snprintf(path, sizeof path, "/proc/self/fd/%d", open("f", O_RDONLY));
    CHECK_OK(open_in(AT_FDCWD, path, 0));
    CHECK_ERRNO(open_in(AT_FDCWD, path, kNoMagicLinks), ELOOP);
    CHECK_ERRNO(open_in(AT_FDCWD, path, kNoLinks), ELOOP);
    CHECK_OK(open_in(AT_FDCWD, "/proc/self/stat", kNoMagicLinks));
    CHECK_ERRNO(open_in(open("/proc", O_PATH), path + strlen("/proc/"), kBeneath), EXDEV);
    CHECK_ERRNO(open_in(AT_FDCWD, "/proc/stat", kNoMounts), EXDEV);
    CHECK_ERRNO(open_in(open("/proc", O_PATH), "..", kNoMounts), EXDEV);
    CHECK_OK(open_in(open("/proc", O_PATH), "stat", kNoMounts));
    CHECK_OK(open_in(AT_FDCWD, "d/../f", kNoMounts));
    CHECK_OK(open_in(AT_FDCWD, "f", kCached));  // it was just looked up
}

// ---- statx
TEST(paths, statx_masks) {
    write_file("f", "hello", 0600);
    constexpr unsigned kBasic = 0x7ff, kCheap = 0x73f, kBirth = 0x800, kMount = 0x1000, kUniqueMount = 0x4000;
    const Statx none = statx_of(AT_FDCWD, "f", 0, 0);
    CHECK_EQ(none.mask & kCheap, kCheap);  // what costs nothing is given unasked
    CHECK_EQ(none.size, 5);
    CHECK_EQ(none.mask & kMount, kMount);
    CHECK_EQ(none.attributes & ~none.attributes_mask, 0);
    const Statx all = statx_of(AT_FDCWD, "f", 0, 0x7fffffff);  // bits not known yet are no mistake
    CHECK_EQ(all.mask & (kBasic | kBirth), kBasic | kBirth);
    CHECK(labs(all.btime.seconds - now_ns(CLOCK_REALTIME) / 1000000000) < 60);
    CHECK_EQ(all.mask & 0x80000000, 0);
    CHECK_EQ(all.rdev_major, 0);
    const Statx unique = statx_of(AT_FDCWD, "f", 0, kUniqueMount);
    CHECK_EQ(unique.mask & kUniqueMount, kUniqueMount);
    CHECK(unique.mount >= uint64_t{1} << 31);
    CHECK_EQ(statx_of(AT_FDCWD, ".", 0, kMount).mount, none.mount);
    CHECK(statx_of(AT_FDCWD, "/proc", 0, kMount).mount != none.mount);
    char text[64], want[32];
    snprintf(want, sizeof want, "%lu ", (unsigned long)statx_of(AT_FDCWD, "/proc", 0, kMount).mount);
    static char mounts[65536];
    CHECK(read_file("/proc/self/mountinfo", mounts, sizeof mounts) > 0);
    bool is_found = false;
    for (char* line = strtok(mounts, "\n"); line; line = strtok(nullptr, "\n"))
        is_found |= !strncmp(line, want, strlen(want)) && strstr(line, " /proc ");
    CHECK(is_found);
    CHECK(readlink("/proc/self", text, sizeof text) > 0);
}
TEST(paths, statx_attributes_and_flags) {
    constexpr uint64_t kMountRoot = 0x2000;
    write_file("f", "x");
    CHECK_OK(symlink("f", "l"));
    CHECK_EQ(statx_of(AT_FDCWD, "/proc", 0, 0).attributes & kMountRoot, kMountRoot);
    CHECK_EQ(statx_of(AT_FDCWD, "f", 0, 0).attributes & kMountRoot, 0);
    CHECK_EQ(statx_of(AT_FDCWD, "f", 0, 0).attributes_mask & kMountRoot, kMountRoot);
    CHECK(S_ISLNK(statx_of(AT_FDCWD, "l", AT_SYMLINK_NOFOLLOW, 0).mode));
    CHECK(S_ISREG(statx_of(AT_FDCWD, "l", 0x2000 /* AT_STATX_FORCE_SYNC */, 0).mode));
    CHECK(S_ISREG(statx_of(AT_FDCWD, "l", 0x4000 /* AT_STATX_DONT_SYNC */ | 0x800 /* AT_NO_AUTOMOUNT */, 0).mode));
    CHECK(S_ISDIR(statx_of(AT_FDCWD, "", AT_EMPTY_PATH, 0).mode));
    const int fd = open("f", O_PATH);
    CHECK(S_ISREG(statx_of(fd, "", AT_EMPTY_PATH, 0).mode));
    CHECK(S_ISREG(statx_of(fd, nullptr, AT_EMPTY_PATH, 0).mode));  // since Linux 6.11
    struct stat s;
    CHECK_OK(syscall(SYS_newfstatat, fd, nullptr, &s, AT_EMPTY_PATH));
    Statx x;
    CHECK_ERRNO(syscall(SYS_statx, fd, nullptr, 0, 0, &x), EFAULT);
    CHECK_ERRNO(syscall(SYS_statx, fd, "", 0, 0, &x), ENOENT);
    CHECK_ERRNO(syscall(SYS_statx, -1, "", AT_EMPTY_PATH, 0, &x), EBADF);
    CHECK_ERRNO(syscall(SYS_statx, -1, bad<char>(), AT_SYMLINK_FOLLOW, 0, &x), EINVAL);
    CHECK_ERRNO(syscall(SYS_statx, -1, bad<char>(), 0, 0x80000000, &x), EINVAL);
    CHECK_EQ(makedev(statx_of(AT_FDCWD, "/dev/null", 0, 0).rdev_major, statx_of(AT_FDCWD, "/dev/null", 0, 0).rdev_minor),
             makedev(1, 3));
}

// ---- lengths
namespace {
// Every call that takes a name, on this one.
void check_all(const char* name, int error) {
    struct stat s;
    struct statfs fs;
    char text[8];
    CHECK_ERRNO(open(name, O_RDONLY), error);
    CHECK_ERRNO(open(name, O_CREAT | O_RDWR, 0600), error);
    CHECK_ERRNO(stat(name, &s), error);
    CHECK_ERRNO(lstat(name, &s), error);
    CHECK_ERRNO(access(name, F_OK), error);
    CHECK_ERRNO(mkdir(name, 0755), error);
    CHECK_ERRNO(rmdir(name), error);
    CHECK_ERRNO(mknod(name, S_IFREG | 0600, 0), error);
    CHECK_ERRNO(unlink(name), error);
    CHECK_ERRNO(link("f", name), error);
    CHECK_ERRNO(link(name, "g"), error);
    CHECK_ERRNO(symlink("f", name), error);
    CHECK_ERRNO(rename("f", name), error);
    CHECK_ERRNO(rename(name, "g"), error);
    CHECK_ERRNO(readlink(name, text, sizeof text), error);
    CHECK_ERRNO(chdir(name), error);
    CHECK_ERRNO(chroot(name), error);
    CHECK_ERRNO(chmod(name, 0600), error);
    CHECK_ERRNO(chown(name, 0, 0), error);
    CHECK_ERRNO(truncate(name, 0), error);
    CHECK_ERRNO(statfs(name, &fs), error);
    CHECK_ERRNO(utimensat(AT_FDCWD, name, nullptr, 0), error);
    CHECK_ERRNO(getxattr(name, "user.a", nullptr, 0), error);
    CHECK_ERRNO(setxattr(name, "user.a", "v", 1, 0), error);
    CHECK_ERRNO(execl(name, name, nullptr), error);
    CHECK_ERRNO(mount("none", name, "tmpfs", 0, nullptr), error);
    CHECK_ERRNO(umount2(name, 0), error);
}
}  // namespace

TEST(paths, names_of_256_bytes_are_too_long) {
    write_file("f", "x");
    char name[300] = {};
    memset(name, 'n', 256);
    check_all(name, ENAMETOOLONG);
    name[255] = 0;
    write_file(name, "x");
    CHECK_OK(rename(name, "short"));
    CHECK_OK(symlink("short", name));
    CHECK_OK(access(name, F_OK));
    CHECK_OK(unlink(name));
    // A component in the middle, and one behind something missing: what comes first counts.
    char path[600];
    snprintf(path, sizeof path, "missing/%s%s", name, "n");
    CHECK_ERRNO(open(path, O_RDONLY), ENOENT);
    snprintf(path, sizeof path, "%s%s/missing", name, "n");
    CHECK_ERRNO(open(path, O_RDONLY), ENAMETOOLONG);
    snprintf(path, sizeof path, "f/%s%s", name, "n");
    CHECK_ERRNO(open(path, O_RDONLY), ENOTDIR);
}
TEST(paths, paths_of_4096_bytes_are_too_long) {
    write_file("f", "x");
    static char path[5000];
    for (int i = 0; i < 4096; i += 2) memcpy(path + i, "./", 2);
    check_all(path, ENAMETOOLONG);
    strcpy(path + 4094, "f");  // 4095 bytes and the zero
    CHECK_OK(access(path, F_OK));
    // What a symbolic link may hold.
    memset(path, 'x', 4096);
    path[4096] = 0;
    CHECK_ERRNO(symlink(path, "l"), ENAMETOOLONG);
    path[4095] = 0;
    CHECK_OK(symlink(path, "l"));
    CHECK_EQ(readlink("l", path, sizeof path), 4095);
    CHECK_ERRNO(open("l", O_RDONLY), ENAMETOOLONG);
    CHECK_ERRNO(symlink("", "m"), ENOENT);
}
TEST(paths, working_directory_may_be_longer_than_any_path) {
    char name[201] = {};
    memset(name, 'd', 200);
    static char buffer[8192];
    for (int i = 0; i < 25; ++i) {
        CHECK_OK(mkdir(name, 0755));
        CHECK_OK(chdir(name));
    }
    CHECK_ERRNO(syscall(SYS_getcwd, buffer, sizeof buffer), ENAMETOOLONG);
    write_file("f", "x");
    CHECK_OK(access("f", F_OK));
    for (int i = 0; i < 25; ++i) {
        CHECK_OK(unlink("f") == 0 || errno == ENOENT ? 0 : -1);
        CHECK_OK(chdir(".."));
        CHECK_OK(rmdir(name));
    }
}
