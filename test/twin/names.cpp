// SPDX-License-Identifier: MIT
//
// link(2), unlink(2), rename(2), renameat2(2), symlink(2), mkdir(2), rmdir(2), getdents(2).
#include "twin.h"

#include <dirent.h>

using namespace twin;

namespace {

int rename2(const char* from, const char* to, unsigned flags) {
    return static_cast<int>(syscall(SYS_renameat2, AT_FDCWD, from, AT_FDCWD, to, flags));
}
constexpr unsigned kNoReplace = 1, kExchange = 2;

ino_t inode(const char* path) {
    struct stat s;
    CHECK_OK(lstat(path, &s));
    return s.st_ino;
}
bool exists(const char* path) {
    struct stat s;
    return lstat(path, &s) == 0;
}

struct Entry {
    uint64_t ino;
    int64_t offset;
    unsigned short length;
    unsigned char type;
    char name[];
};

}  // namespace

TEST(names, link_shares_the_inode) {
    write_file("a", "x");
    CHECK_OK(link("a", "b"));
    struct stat s;
    CHECK_OK(stat("b", &s));
    CHECK_EQ(s.st_nlink, 2);
    CHECK_EQ(inode("a"), inode("b"));
    CHECK_OK(unlink("a"));
    CHECK_OK(stat("b", &s));
    CHECK_EQ(s.st_nlink, 1);
}
TEST(names, link_errors) {
    write_file("a", "x");
    write_file("b", "x");
    CHECK_OK(mkdir("d", 0755));
    CHECK_ERRNO(link("a", "b"), EEXIST);
    CHECK_ERRNO(link("missing", "c"), ENOENT);
    CHECK_ERRNO(link("d", "e"), EPERM);
    CHECK_ERRNO(link("a", "missing/c"), ENOENT);
    CHECK_ERRNO(link("a", "b/c"), ENOTDIR);
    CHECK_ERRNO(link("a", ""), ENOENT);
    CHECK_ERRNO(link("a", bad<char>()), EFAULT);
}
TEST(names, link_across_mounts_is_EXDEV) {
    write_file("a", "x");
    CHECK_ERRNO(link("a", "/dev/twin-x"), EXDEV);
    CHECK_ERRNO(rename("a", "/dev/twin-x"), EXDEV);
}
TEST(names, unlink_open_file_keeps_its_data) {
    write_file("f", "hello");
    int fd = open("f", O_RDWR);
    CHECK_OK(unlink("f"));
    CHECK(!exists("f"));
    struct stat s;
    CHECK_OK(fstat(fd, &s));
    CHECK_EQ(s.st_nlink, 0);
    char text[8] = {};
    CHECK_EQ(read(fd, text, 5), 5);
    CHECK_STR(text, "hello");
    CHECK_EQ(write(fd, "more", 4), 4);
}
TEST(names, unlink_errors) {
    CHECK_OK(mkdir("d", 0755));
    write_file("f", "x");
    CHECK_ERRNO(unlink("missing"), ENOENT);
    CHECK_ERRNO(unlink("d"), EISDIR);
    CHECK_ERRNO(unlink("f/x"), ENOTDIR);
    CHECK_ERRNO(unlink("f/"), ENOTDIR);
    CHECK_ERRNO(unlink(""), ENOENT);
    CHECK_ERRNO(unlink(bad<char>()), EFAULT);
    CHECK_EXITED(run([] {
                     become_user();
                     CHECK_ERRNO(unlink("f"), EACCES);
                 }),
                 0);
}
TEST(names, sticky_directory_protects_others_files) {
    CHECK_OK(mkdir("t", 0755));
    CHECK_OK(chmod("t", 01777));
    write_file("t/f", "x", 0666);
    CHECK_EXITED(run([] {
                     become_user();
                     CHECK_ERRNO(unlink("t/f"), EPERM);
                     CHECK_ERRNO(rename("t/f", "t/g"), EPERM);
                     write_file("t/mine", "x");
                     CHECK_OK(unlink("t/mine"));
                 }),
                 0);
}
TEST(names, symlink_itself_is_unlinked) {
    write_file("f", "x");
    CHECK_OK(symlink("f", "l"));
    CHECK_OK(unlink("l"));
    CHECK(exists("f"));
}
TEST(names, symlink_errors) {
    write_file("f", "x");
    CHECK_ERRNO(symlink("x", "f"), EEXIST);
    CHECK_ERRNO(symlink("", "l"), ENOENT);
    CHECK_ERRNO(symlink("x", ""), ENOENT);
    CHECK_ERRNO(symlink("x", "missing/l"), ENOENT);
    CHECK_ERRNO(symlink(bad<char>(), "l"), EFAULT);
}
TEST(names, symlink_loop_is_ELOOP) {
    CHECK_OK(symlink("b", "a"));
    CHECK_OK(symlink("a", "b"));
    CHECK_ERRNO(open("a", O_RDONLY), ELOOP);
    struct stat s;
    CHECK_ERRNO(stat("a/x", &s), ELOOP);
    CHECK_OK(symlink("self", "self"));
    CHECK_ERRNO(chdir("self"), ELOOP);
}
TEST(names, symlink_chain_of_40_works_and_41_does_not) {
    write_file("s0", "end");
    char from[16], to[16];
    for (int i = 1; i <= 41; ++i) {
        snprintf(from, sizeof from, "s%d", i - 1);
        snprintf(to, sizeof to, "s%d", i);
        CHECK_OK(symlink(from, to));
    }
    CHECK_OK(access("s40", F_OK));
    CHECK_ERRNO(access("s41", F_OK), ELOOP);
}
TEST(names, symlink_absolute_and_relative_resolution) {
    char here[512], path[600];
    CHECK(getcwd(here, sizeof here));
    write_file("f", "data");
    snprintf(path, sizeof path, "%s/f", here);
    CHECK_OK(symlink(path, "absolute"));
    CHECK_OK(mkdir("d", 0755));
    CHECK_OK(symlink("../f", "d/relative"));
    char text[16];
    CHECK_EQ(read_file("absolute", text, sizeof text), 4);
    CHECK_EQ(read_file("d/relative", text, sizeof text), 4);
}
TEST(names, rename_moves_and_replaces) {
    write_file("a", "new");
    write_file("b", "old");
    int old_fd = open("b", O_RDONLY);
    ino_t a = inode("a");
    CHECK_OK(rename("a", "b"));
    CHECK(!exists("a"));
    CHECK_EQ(inode("b"), a);
    char text[8] = {};
    CHECK_EQ(read(old_fd, text, 3), 3);
    CHECK_STR(text, "old");
}
TEST(names, rename_same_inode_does_nothing) {
    write_file("a", "x");
    CHECK_OK(link("a", "b"));
    CHECK_OK(rename("a", "b"));
    CHECK(exists("a") && exists("b"));
    CHECK_OK(rename("a", "a"));
}
TEST(names, rename_directory_over_an_empty_one) {
    CHECK_OK(mkdir("a", 0755));
    write_file("a/f", "x");
    CHECK_OK(mkdir("b", 0755));
    CHECK_OK(rename("a", "b"));
    CHECK(exists("b/f"));
    CHECK_OK(mkdir("c", 0755));
    CHECK_ERRNO(rename("c", "b"), ENOTEMPTY);
}
TEST(names, rename_kinds_must_agree) {
    CHECK_OK(mkdir("d", 0755));
    write_file("f", "x");
    CHECK_ERRNO(rename("f", "d"), EISDIR);
    CHECK_ERRNO(rename("d", "f"), ENOTDIR);
}
TEST(names, rename_into_itself_is_EINVAL) {
    CHECK_OK(mkdir("d", 0755));
    CHECK_OK(mkdir("d/e", 0755));
    CHECK_ERRNO(rename("d", "d/x"), EINVAL);
    CHECK_ERRNO(rename("d", "d/e/x"), EINVAL);
    CHECK_ERRNO(rename("d/e", "d"), ENOTEMPTY);
}
TEST(names, rename_of_dot_is_EBUSY) {
    CHECK_OK(mkdir("d", 0755));
    CHECK_ERRNO(rename(".", "x"), EBUSY);
    CHECK_ERRNO(rename("d", "d/."), EBUSY);
    CHECK_ERRNO(rename("d/..", "x"), EBUSY);
}
TEST(names, rename_errors) {
    write_file("f", "x");
    CHECK_ERRNO(rename("missing", "x"), ENOENT);
    CHECK_ERRNO(rename("f", "missing/x"), ENOENT);
    CHECK_ERRNO(rename("f", "f/x"), ENOTDIR);
    CHECK_ERRNO(rename("f", ""), ENOENT);
    CHECK_ERRNO(rename("f", "new/"), ENOTDIR);
    CHECK_ERRNO(rename(bad<char>(), "x"), EFAULT);
}
TEST(names, rename_moves_a_symlink_not_its_target) {
    write_file("f", "x");
    CHECK_OK(symlink("f", "l"));
    CHECK_OK(rename("l", "m"));
    struct stat s;
    CHECK_OK(lstat("m", &s));
    CHECK(S_ISLNK(s.st_mode));
    CHECK(exists("f"));
}
TEST(names, rename_updates_dotdot_and_counts) {
    CHECK_OK(mkdir("a", 0755));
    CHECK_OK(mkdir("b", 0755));
    CHECK_OK(mkdir("a/d", 0755));
    CHECK_OK(rename("a/d", "b/d"));
    CHECK_EQ(inode("b/d/.."), inode("b"));
    struct stat s;
    CHECK_OK(stat("a", &s));
    CHECK_EQ(s.st_nlink, 2);
    CHECK_OK(stat("b", &s));
    CHECK_EQ(s.st_nlink, 3);
}
TEST(names, renameat2_noreplace) {
    write_file("a", "x");
    write_file("b", "y");
    CHECK_ERRNO(rename2("a", "b", kNoReplace), EEXIST);
    CHECK_OK(rename2("a", "c", kNoReplace));
    CHECK(exists("c") && !exists("a"));
}
TEST(names, renameat2_exchange) {
    write_file("a", "x");
    CHECK_OK(mkdir("d", 0755));
    ino_t a = inode("a"), d = inode("d");
    CHECK_OK(rename2("a", "d", kExchange));
    CHECK_EQ(inode("a"), d);
    CHECK_EQ(inode("d"), a);
    CHECK_ERRNO(rename2("a", "missing", kExchange), ENOENT);
}
TEST(names, renameat2_bad_flags_are_EINVAL) {
    write_file("a", "x");
    CHECK_ERRNO(rename2("a", "b", 0x100), EINVAL);
    CHECK_ERRNO(rename2("a", "b", kNoReplace | kExchange), EINVAL);
}
TEST(names, mkdir_mode_and_errors) {
    umask(022);
    CHECK_OK(mkdir("d", 0777));
    struct stat s;
    CHECK_OK(stat("d", &s));
    CHECK_EQ(s.st_mode, S_IFDIR | 0755);
    CHECK_ERRNO(mkdir("d", 0755), EEXIST);
    CHECK_ERRNO(mkdir("missing/d", 0755), ENOENT);
    write_file("f", "x");
    CHECK_ERRNO(mkdir("f", 0755), EEXIST);
    CHECK_ERRNO(mkdir("f/d", 0755), ENOTDIR);
    CHECK_ERRNO(mkdir(".", 0755), EEXIST);
    CHECK_ERRNO(mkdir("/", 0755), EEXIST);
    CHECK_OK(mkdir("slash/", 0755));
    CHECK_OK(symlink("nowhere", "l"));
    CHECK_ERRNO(mkdir("l", 0755), EEXIST);
    CHECK_ERRNO(mkdir(bad<char>(), 0755), EFAULT);
}
TEST(names, mkdir_in_setgid_directory_inherits) {
    CHECK_OK(mkdir("d", 0755));
    CHECK_OK(chown("d", 0, 1234));
    CHECK_OK(chmod("d", 02755));
    CHECK_OK(mkdir("d/sub", 0755));
    write_file("d/f", "x");
    struct stat s;
    CHECK_OK(stat("d/sub", &s));
    CHECK_EQ(s.st_gid, 1234);
    CHECK_EQ(s.st_mode & 07777, 02755);
    CHECK_OK(stat("d/f", &s));
    CHECK_EQ(s.st_gid, 1234);
}
TEST(names, rmdir_errors) {
    CHECK_OK(mkdir("d", 0755));
    CHECK_OK(mkdir("d/e", 0755));
    write_file("f", "x");
    CHECK_ERRNO(rmdir("d"), ENOTEMPTY);
    CHECK_ERRNO(rmdir("f"), ENOTDIR);
    CHECK_ERRNO(rmdir("missing"), ENOENT);
    CHECK_ERRNO(rmdir("d/e/."), EINVAL);
    CHECK_ERRNO(rmdir("d/e/.."), ENOTEMPTY);
    CHECK_OK(symlink("d/e", "l"));
    CHECK_ERRNO(rmdir("l"), ENOTDIR);
    CHECK_OK(rmdir("d/e/"));
}
TEST(names, rmdir_of_a_mount_point_is_EBUSY) { CHECK_ERRNO(rmdir("/proc"), EBUSY); }
TEST(names, readdir_lists_everything_once) {
    CHECK_OK(mkdir("d", 0755));
    char name[32];
    for (int i = 0; i < 300; ++i) {
        snprintf(name, sizeof name, "d/file-number-%d", i);
        write_file(name, "");
    }
    bool seen[300] = {}, dot = false, dotdot = false;
    DIR* dir = opendir("d");
    while (dirent* entry = readdir(dir)) {
        int n = -1;
        if (!strcmp(entry->d_name, ".")) dot = true;
        else if (!strcmp(entry->d_name, "..")) dotdot = true;
        else {
            CHECK_EQ(sscanf(entry->d_name, "file-number-%d", &n), 1);
            CHECK(n >= 0 && n < 300 && !seen[n]);
            seen[n] = true;
        }
    }
    CHECK(dot && dotdot);
    for (bool s : seen) CHECK(s);
}
TEST(names, readdir_while_deleting_deletes_all) {
    CHECK_OK(mkdir("d", 0755));
    char name[32];
    for (int i = 0; i < 200; ++i) {
        snprintf(name, sizeof name, "d/%d", i);
        write_file(name, "");
    }
    DIR* dir = opendir("d");
    while (dirent* entry = readdir(dir)) {
        if (entry->d_name[0] != '.') CHECK_OK(unlinkat(dirfd(dir), entry->d_name, 0));
    }
    CHECK_OK(rmdir("d"));
}
TEST(names, getdents_types_and_inodes) {
    CHECK_OK(mkdir("d", 0755));
    write_file("d/f", "x");
    CHECK_OK(symlink("f", "d/l"));
    CHECK_OK(mkfifo("d/p", 0600));
    CHECK_OK(mkdir("d/s", 0755));
    char buffer[2048];
    int fd = open("d", O_RDONLY | O_DIRECTORY);
    long length = syscall(SYS_getdents64, fd, buffer, sizeof buffer), at = 0;
    CHECK(length > 0);
    int found = 0;
    while (at < length) {
        Entry* entry = reinterpret_cast<Entry*>(buffer + at);
        CHECK_EQ(entry->length % 8, 0);
        unsigned want = !strcmp(entry->name, "f") ? DT_REG : !strcmp(entry->name, "l") ? DT_LNK
                      : !strcmp(entry->name, "p") ? DT_FIFO : DT_DIR;
        CHECK_EQ(entry->type, want);
        if (entry->name[0] != '.') {
            char path[32];
            snprintf(path, sizeof path, "d/%s", entry->name);
            CHECK_EQ(entry->ino, inode(path));
        }
        ++found;
        at += entry->length;
    }
    CHECK_EQ(found, 6);
    CHECK_EQ(syscall(SYS_getdents64, fd, buffer, sizeof buffer), 0);
    CHECK_EQ(lseek(fd, 0, SEEK_SET), 0);
    CHECK_EQ(syscall(SYS_getdents64, fd, buffer, sizeof buffer), length);
}
TEST(names, getdents_errors) {
    char buffer[1024];
    int fd = open(".", O_RDONLY);
    CHECK_ERRNO(syscall(SYS_getdents64, fd, buffer, 5), EINVAL);
    CHECK_ERRNO(syscall(SYS_getdents64, fd, bad<char>(), 1024), EFAULT);
    CHECK_ERRNO(syscall(SYS_getdents64, -1, buffer, 1024), EBADF);
    write_file("f", "x");
    int f = open("f", O_RDONLY);
    CHECK_ERRNO(syscall(SYS_getdents64, f, buffer, 1024), ENOTDIR);
}
TEST(names, getdents_small_buffer_continues) {
    CHECK_OK(mkdir("d", 0755));
    char name[32], buffer[64];
    for (int i = 0; i < 20; ++i) {
        snprintf(name, sizeof name, "d/entry%02d", i);
        write_file(name, "");
    }
    int fd = open("d", O_RDONLY), found = 0;
    long length;
    while ((length = syscall(SYS_getdents64, fd, buffer, sizeof buffer)) > 0) {
        for (long at = 0; at < length; at += reinterpret_cast<Entry*>(buffer + at)->length) ++found;
    }
    CHECK_EQ(length, 0);
    CHECK_EQ(found, 22);
}
TEST(names, getdents_old_call_puts_the_type_last) {
    CHECK_OK(mkdir("d", 0755));
    write_file("d/f", "x");
    char buffer[512];
    int fd = open("d", O_RDONLY);
    long length = syscall(SYS_getdents, fd, buffer, sizeof buffer), at = 0;
    CHECK(length > 0);
    bool is_seen = false;
    while (at < length) {
        unsigned short size;
        memcpy(&size, buffer + at + 16, 2);
        if (!strcmp(buffer + at + 18, "f")) {
            is_seen = true;
            CHECK_EQ(buffer[at + size - 1], DT_REG);
        }
        at += size;
    }
    CHECK(is_seen);
}
TEST(names, telldir_and_seekdir) {
    CHECK_OK(mkdir("d", 0755));
    static const char* const kNames[] = {"d/a", "d/b", "d/c", "d/e"};
    for (const char* name : kNames) write_file(name, "");
    DIR* dir = opendir("d");
    readdir(dir);
    readdir(dir);
    long place = telldir(dir);
    char third[256];
    strcpy(third, readdir(dir)->d_name);
    readdir(dir);
    seekdir(dir, place);
    CHECK_STR(readdir(dir)->d_name, third);
}
TEST(names, times_change_with_the_directory) {
    CHECK_OK(mkdir("d", 0755));
    struct stat before, after;
    CHECK_OK(stat("d", &before));
    sleep_ms(20);
    write_file("d/f", "x");
    CHECK_OK(stat("d", &after));
    CHECK(after.st_mtim.tv_sec > before.st_mtim.tv_sec || after.st_mtim.tv_nsec > before.st_mtim.tv_nsec);
}
TEST(names, many_names_in_one_directory) {
    CHECK_OK(mkdir("d", 0755));
    CHECK_OK(chdir("d"));
    char name[32];
    for (int i = 0; i < 2000; ++i) {
        snprintf(name, sizeof name, "n%d", i);
        int fd = open(name, O_WRONLY | O_CREAT | O_EXCL, 0644);
        CHECK_OK(fd);
        close(fd);
    }
    for (int i = 0; i < 2000; ++i) {
        snprintf(name, sizeof name, "n%d", i);
        CHECK_OK(unlink(name));
    }
}
