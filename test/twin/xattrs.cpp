// SPDX-License-Identifier: MIT
//
// The twelve calls for extended attributes (xattr(7)): sizes, flags, errors, namespaces, and who may. Left out: ACLs, and values
// beyond what a block of any file system holds.
#include "twin.h"

#include <sys/xattr.h>

using namespace twin;

namespace {

// The number of times `name` stands in a list of names.
int count_in(const char* list, ssize_t length, const char* name) {
    int found = 0;
    for (ssize_t at = 0; at < length; at += static_cast<ssize_t>(strlen(list + at)) + 1) found += !strcmp(list + at, name);
    return found;
}
void check_value(const char* path, const char* name, const char* want) {
    char text[256];
    const ssize_t length = lgetxattr(path, name, text, sizeof text - 1);
    CHECK_OK(length);
    text[length] = 0;
    CHECK_STR(text, want);
}
int make(const char* name, int flags = O_RDWR) {
    const int fd = open(name, O_CREAT | flags, 0644);
    CHECK_OK(fd);
    return fd;
}

}  // namespace

TEST(xattrs, by_path_link_and_descriptor) {
    const int fd = make("f");
    CHECK_OK(symlink("f", "l"));
    CHECK_OK(setxattr("l", "user.a", "one", 3, 0));
    check_value("f", "user.a", "one");
    CHECK_OK(fsetxattr(fd, "user.a", "two!", 4, 0));
    char value[16] = {};
    CHECK_EQ(getxattr("l", "user.a", value, sizeof value), 4);
    CHECK_EQ(fgetxattr(fd, "user.a", value, sizeof value), 4);
    CHECK_STR(value, "two!");
    CHECK_OK(lsetxattr("f", "user.b", "", 0, 0));
    char list[128];
    for (int way = 0; way < 3; ++way) {
        const ssize_t length = way == 0 ? listxattr("l", list, sizeof list)
                             : way == 1 ? llistxattr("f", list, sizeof list)
                                        : flistxattr(fd, list, sizeof list);
        CHECK_EQ(length, 14);
        CHECK_EQ(count_in(list, length, "user.a"), 1);
        CHECK_EQ(count_in(list, length, "user.b"), 1);
    }
    CHECK_OK(removexattr("l", "user.a"));
    CHECK_OK(fremovexattr(fd, "user.b"));
    CHECK_ERRNO(lremovexattr("f", "user.a"), ENODATA);
    CHECK_EQ(flistxattr(fd, list, sizeof list), 0);
}
TEST(xattrs, of_a_link_itself) {
    make("f");
    CHECK_OK(symlink("f", "l"));
    char value[8];
    CHECK_ERRNO(lsetxattr("l", "user.a", "v", 1, 0), EPERM);  // xattr(7): user attributes are for files and directories
    CHECK_ERRNO(lgetxattr("l", "user.a", value, 8), ENODATA);
    CHECK_ERRNO(lremovexattr("l", "user.a"), EPERM);
    CHECK_OK(lsetxattr("l", "trusted.a", "of l", 4, 0));
    CHECK_ERRNO(getxattr("l", "trusted.a", value, 8), ENODATA);
    check_value("l", "trusted.a", "of l");
    CHECK_EQ(listxattr("l", value, 8), 0);
    CHECK_EQ(llistxattr("l", nullptr, 0), 10);
    CHECK_OK(lremovexattr("l", "trusted.a"));
    // A link that leads nowhere.
    CHECK_OK(symlink("missing", "dangling"));
    CHECK_ERRNO(listxattr("dangling", nullptr, 0), ENOENT);
    CHECK_EQ(llistxattr("dangling", nullptr, 0), 0);
}
TEST(xattrs, kinds_of_files) {
    CHECK_OK(mkdir("d", 0755));
    CHECK_OK(setxattr("d", "user.a", "v", 1, 0));
    check_value("d", "user.a", "v");
    CHECK_OK(mkfifo("p", 0666));
    CHECK_ERRNO(setxattr("p", "user.a", "v", 1, 0), EPERM);
    CHECK_ERRNO(getxattr("p", "user.a", nullptr, 0), ENODATA);
    CHECK_OK(setxattr("p", "trusted.a", "v", 1, 0));
    make("f");
    const int path = open("f", O_PATH), reader = open("f", O_RDONLY);
    char value[8];
    CHECK_ERRNO(fsetxattr(path, "user.a", "v", 1, 0), EBADF);
    CHECK_ERRNO(fgetxattr(path, "user.a", value, 8), EBADF);
    CHECK_ERRNO(flistxattr(path, value, 8), EBADF);
    CHECK_ERRNO(fremovexattr(path, "user.a"), EBADF);
    CHECK_OK(fsetxattr(reader, "user.a", "v", 1, 0));  // the inode's mode counts, not the descriptor's
    CHECK_OK(fremovexattr(reader, "user.a"));
}
TEST(xattrs, sizes) {
    make("f");
    char value[16];
    CHECK_OK(setxattr("f", "user.a", "12345678", 8, 0));
    CHECK_EQ(getxattr("f", "user.a", bad<char>(), 0), 8);
    CHECK_EQ(getxattr("f", "user.a", value, 8), 8);
    CHECK_ERRNO(getxattr("f", "user.a", value, 7), ERANGE);
    CHECK_EQ(listxattr("f", bad<char>(), 0), 7);
    CHECK_EQ(listxattr("f", value, 7), 7);
    CHECK_ERRNO(listxattr("f", value, 6), ERANGE);
    CHECK_OK(setxattr("f", "user.a", "123", 3, 0));
    CHECK_EQ(getxattr("f", "user.a", nullptr, 0), 3);
    CHECK_OK(setxattr("f", "user.a", bad<char>(), 0, 0));
    CHECK_EQ(getxattr("f", "user.a", value, 16), 0);
    CHECK_ERRNO(removexattr("f", "user.missing"), ENODATA);
    static char big[65537];
    CHECK_ERRNO(setxattr("f", "user.big", big, 65537, 0), E2BIG);
    memset(big, 'b', 2000);
    CHECK_OK(setxattr("f", "user.big", big, 2000, 0));
    CHECK_EQ(getxattr("f", "user.big", big, 65537), 2000);
    CHECK(big[1999] == 'b' && big[2000] == 0);
}
TEST(xattrs, flags) {
    make("f");
    CHECK_ERRNO(setxattr("f", "user.a", "v", 1, XATTR_REPLACE), ENODATA);
    CHECK_OK(setxattr("f", "user.a", "v", 1, XATTR_CREATE));
    CHECK_ERRNO(setxattr("f", "user.a", "w", 1, XATTR_CREATE), EEXIST);
    CHECK_OK(setxattr("f", "user.a", "x", 1, XATTR_REPLACE));
    check_value("f", "user.a", "x");
    CHECK_ERRNO(setxattr("f", "user.a", "v", 1, XATTR_CREATE | XATTR_REPLACE), EEXIST);
    CHECK_ERRNO(setxattr("f", "user.b", "v", 1, XATTR_CREATE | XATTR_REPLACE), ENODATA);
    CHECK_ERRNO(setxattr("f", "user.a", "v", 1, 4), EINVAL);
    CHECK_ERRNO(setxattr("f", bad<char>(), bad<char>(), 1, 4), EINVAL);
}
TEST(xattrs, names) {
    make("f");
    char name[300];
    memset(name, 'n', sizeof name);
    memcpy(name, "user.", 5);
    name[255] = 0;
    CHECK_OK(setxattr("f", name, "v", 1, 0));
    CHECK_OK(removexattr("f", name));
    name[255] = 'n';
    name[256] = 0;
    CHECK_ERRNO(setxattr("f", name, "v", 1, 0), ERANGE);
    CHECK_ERRNO(getxattr("f", name, nullptr, 0), ERANGE);
    CHECK_ERRNO(removexattr("f", name), ERANGE);
    CHECK_ERRNO(setxattr("f", "", "v", 1, 0), ERANGE);
    CHECK_ERRNO(removexattr("f", ""), ERANGE);
    CHECK_ERRNO(setxattr("f", "user.", "v", 1, 0), EINVAL);
    CHECK_ERRNO(getxattr("f", "user.", nullptr, 0), EINVAL);
    CHECK_ERRNO(setxattr("f", "user", "v", 1, 0), EOPNOTSUPP);
    CHECK_ERRNO(setxattr("f", "nobody.a", "v", 1, 0), EOPNOTSUPP);
    CHECK_ERRNO(getxattr("f", "nobody.a", nullptr, 0), EOPNOTSUPP);
    CHECK_ERRNO(removexattr("f", "nobody.a"), EOPNOTSUPP);
    CHECK_ERRNO(setxattr("f", "system.nothing", "v", 1, 0), EOPNOTSUPP);
    CHECK_ERRNO(setxattr("f", "USER.a", "v", 1, 0), EOPNOTSUPP);
}
TEST(xattrs, bad_addresses_and_descriptors) {
    make("f");
    char value[8];
    CHECK_OK(setxattr("f", "user.a", "v", 1, 0));
    CHECK_ERRNO(setxattr(bad<char>(), "user.a", "v", 1, 0), EFAULT);
    CHECK_ERRNO(setxattr("f", bad<char>(), "v", 1, 0), EFAULT);
    CHECK_ERRNO(setxattr("f", "user.a", bad<char>(), 1, 0), EFAULT);
    CHECK_ERRNO(setxattr("f", "user.a", bad<char>(), 65537, 0), E2BIG);
    CHECK_ERRNO(getxattr("f", "user.a", bad<char>(), 8), EFAULT);
    CHECK_ERRNO(getxattr("f", bad<char>(), value, 8), EFAULT);
    CHECK_ERRNO(listxattr("f", bad<char>(), 16), EFAULT);
    CHECK_ERRNO(removexattr("f", bad<char>()), EFAULT);
    CHECK_ERRNO(setxattr("missing", "user.a", "v", 1, 0), ENOENT);
    CHECK_ERRNO(setxattr("f/x", "user.a", "v", 1, 0), ENOTDIR);
    CHECK_ERRNO(removexattr("missing", "user.a"), ENOENT);
    CHECK_ERRNO(listxattr("missing", value, 8), ENOENT);
    CHECK_ERRNO(fsetxattr(-1, "user.a", "v", 1, 0), EBADF);
    CHECK_ERRNO(fremovexattr(-1, "user.a"), EBADF);
    CHECK_ERRNO(flistxattr(-1, value, 8), EBADF);
}
TEST(xattrs, who_may_touch_user_attributes) {
    make("f");
    CHECK_OK(setxattr("f", "user.a", "v", 1, 0));
    CHECK_OK(chmod("f", 0600));
    CHECK_OK(mkdir("sticky", 01777));
    CHECK_OK(chmod("sticky", 01777));
    CHECK_EXITED(run([] {
                     become_user();
                     char value[8];
                     CHECK_ERRNO(getxattr("f", "user.a", value, 8), EACCES);
                     CHECK_ERRNO(setxattr("f", "user.a", "v", 1, 0), EACCES);
                     CHECK_ERRNO(setxattr("f", "user.a", "v", 1, XATTR_CREATE), EACCES);
                     CHECK_ERRNO(removexattr("f", "user.a"), EACCES);
                     CHECK_EQ(listxattr("f", value, 8), 7);  // names may be seen
                     CHECK_ERRNO(setxattr("sticky", "user.a", "v", 1, 0), EPERM);  // its owner's only
                 }),
                 0);
    CHECK_OK(chmod("f", 0644));
    CHECK_EXITED(run([] {
                     become_user();
                     char value[8];
                     CHECK_EQ(getxattr("f", "user.a", value, 8), 1);
                     CHECK_ERRNO(setxattr("f", "user.b", "v", 1, 0), EACCES);
                 }),
                 0);
    CHECK_OK(chmod("f", 0666));
    CHECK_EXITED(run([] {
                     become_user();
                     CHECK_OK(setxattr("f", "user.b", "v", 1, 0));
                     CHECK_OK(removexattr("f", "user.a"));
                 }),
                 0);
}
TEST(xattrs, trusted_is_for_administrators) {
    make("f");
    CHECK_OK(chown("f", 1000, 1000));
    CHECK_OK(setxattr("f", "trusted.a", "v", 1, 0));
    CHECK_OK(setxattr("f", "user.a", "v", 1, 0));
    CHECK_EQ(listxattr("f", nullptr, 0), 17);
    CHECK_EXITED(run([] {
                     become_user();
                     char list[64];
                     CHECK_ERRNO(getxattr("f", "trusted.a", nullptr, 0), ENODATA);
                     CHECK_ERRNO(setxattr("f", "trusted.a", "v", 1, 0), EPERM);
                     CHECK_ERRNO(removexattr("f", "trusted.a"), EPERM);
                     CHECK_ERRNO(removexattr("f", "trusted.none"), EPERM);
                     CHECK_EQ(listxattr("f", list, sizeof list), 7);
                     CHECK_STR(list, "user.a");
                 }),
                 0);
}
TEST(xattrs, security_may_be_read_by_all) {
    make("f");
    CHECK_OK(setxattr("f", "security.twin", "label", 5, 0));
    CHECK_OK(chmod("f", 0600));
    // vfs_cap_data of version 2: CAP_NET_BIND_SERVICE permitted.
    const uint32_t capabilities[5] = {0x02000000, 1 << 10, 0, 0, 0};
    CHECK_ERRNO(setxattr("f", "security.capability", "short", 5, 0), EINVAL);
    CHECK_OK(setxattr("f", "security.capability", capabilities, sizeof capabilities, 0));
    uint32_t back[6] = {};
    CHECK_EQ(getxattr("f", "security.capability", back, sizeof back), sizeof capabilities);
    CHECK(memcmp(back, capabilities, sizeof capabilities) == 0);
    CHECK_EXITED(run([&] {
                     become_user();
                     char value[8] = {};
                     CHECK_EQ(getxattr("f", "security.twin", value, 8), 5);
                     CHECK_STR(value, "label");
                     CHECK_ERRNO(setxattr("f", "security.twin", "v", 1, 0), EPERM);
                     CHECK_ERRNO(removexattr("f", "security.twin"), EPERM);
                     CHECK_ERRNO(setxattr("f", "security.capability", capabilities, sizeof capabilities, 0), EPERM);
                 }),
                 0);
    CHECK_OK(removexattr("f", "security.capability"));
}
TEST(xattrs, writing_takes_the_capabilities_of_a_program) {
    const int fd = make("f");
    const uint32_t capabilities[5] = {0x02000000, 1 << 10, 0, 0, 0};
    CHECK_OK(setxattr("f", "security.capability", capabilities, sizeof capabilities, 0));
    CHECK_EQ(write(fd, "x", 1), 1);
    CHECK_ERRNO(getxattr("f", "security.capability", nullptr, 0), ENODATA);
    CHECK_OK(setxattr("f", "security.capability", capabilities, sizeof capabilities, 0));
    CHECK_OK(chown("f", 5, 5));
    CHECK_ERRNO(getxattr("f", "security.capability", nullptr, 0), ENODATA);
}
TEST(xattrs, belong_to_the_inode) {
    make("f");
    CHECK_OK(setxattr("f", "user.a", "v", 1, 0));
    CHECK_OK(link("f", "g"));
    CHECK_OK(rename("f", "h"));
    check_value("g", "user.a", "v");
    CHECK_OK(setxattr("h", "user.a", "w", 1, 0));
    check_value("g", "user.a", "w");
    struct stat before, after;
    CHECK_OK(stat("g", &before));
    sleep_ms(20);
    CHECK_OK(setxattr("g", "user.a", "x", 1, 0));
    CHECK_OK(stat("g", &after));
    CHECK(after.st_ctim.tv_sec > before.st_ctim.tv_sec || after.st_ctim.tv_nsec > before.st_ctim.tv_nsec);
    CHECK_EQ(after.st_mtim.tv_nsec, before.st_mtim.tv_nsec);
    sleep_ms(20);
    CHECK_OK(removexattr("g", "user.a"));
    CHECK_OK(stat("g", &before));
    CHECK(after.st_ctim.tv_sec < before.st_ctim.tv_sec || after.st_ctim.tv_nsec < before.st_ctim.tv_nsec);
}
TEST(xattrs, many_of_them) {
    make("f");
    char name[16], value[16], list[1024];
    for (int i = 0; i < 60; ++i) {
        snprintf(name, sizeof name, "user.n%02d", i);
        CHECK_OK(setxattr("f", name, name, strlen(name), XATTR_CREATE));
    }
    CHECK_EQ(listxattr("f", nullptr, 0), 60 * 9);
    const ssize_t length = listxattr("f", list, sizeof list);
    for (int i = 59; i >= 0; --i) {
        snprintf(name, sizeof name, "user.n%02d", i);
        CHECK_EQ(count_in(list, length, name), 1);
        CHECK_EQ(getxattr("f", name, value, sizeof value), 8);
        CHECK(memcmp(name, value, 8) == 0);
        CHECK_OK(removexattr("f", name));
    }
    CHECK_EQ(listxattr("f", list, sizeof list), 0);
}
