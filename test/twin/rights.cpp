// SPDX-License-Identifier: MIT
//
// Who may do what to a file: faccessat2(2), chown(2) and the bits it takes, truncate(2), links to the files of others, and
// odds and ends of calls on files: execveat(2), memfd_create(2), getrandom(2), fsync(2), F_DUPFD_QUERY.
#include "twin.h"

#include <sys/ioctl.h>
#include <sys/vfs.h>

using namespace twin;

namespace {

mode_t mode_of(const char* path) {
    struct stat s;
    CHECK_OK(lstat(path, &s));
    return s.st_mode & 07777;
}
long access_of(int directory, const char* path, int mode, int flags) {
    return syscall(SYS_faccessat2, directory, path, mode, flags);
}
void become(uid_t uid, gid_t gid, gid_t more) {
    CHECK_OK(syscall(SYS_setgroups, 1, &more));
    CHECK_OK(syscall(SYS_setresgid, gid, gid, gid));
    CHECK_OK(syscall(SYS_setresuid, uid, uid, uid));
}

}  // namespace

TEST(rights, faccessat2) {
    write_file("f", "x", 0600);
    CHECK_OK(symlink("f", "l"));
    CHECK_OK(symlink("missing", "dangling"));
    const int fd = open("f", O_PATH);
    CHECK_OK(access_of(fd, "", R_OK, AT_EMPTY_PATH));
    CHECK_ERRNO(access_of(fd, "", X_OK, AT_EMPTY_PATH), EACCES);
    CHECK_ERRNO(access_of(fd, "", R_OK, 0), ENOENT);
    CHECK_OK(access_of(AT_FDCWD, "dangling", F_OK, AT_SYMLINK_NOFOLLOW));
    CHECK_ERRNO(access_of(AT_FDCWD, "dangling", F_OK, 0), ENOENT);
    CHECK_OK(access_of(AT_FDCWD, "l", X_OK, AT_SYMLINK_NOFOLLOW));
    CHECK_ERRNO(access_of(AT_FDCWD, "l", X_OK, 0), EACCES);
    CHECK_ERRNO(access_of(AT_FDCWD, "missing", 8, 0), EINVAL);
    CHECK_ERRNO(access_of(-1, "f", F_OK, AT_REMOVEDIR | AT_SYMLINK_FOLLOW), EINVAL);
    CHECK_ERRNO(access_of(-1, "f", F_OK, 0), EBADF);
    // By the real ids, unless one asks for the effective ones.
    CHECK_OK(syscall(SYS_setresuid, 1000, 0, 0));
    CHECK_ERRNO(access_of(AT_FDCWD, "f", R_OK, 0), EACCES);
    CHECK_OK(access_of(AT_FDCWD, "f", R_OK, AT_EACCESS));
    CHECK_ERRNO(access("f", R_OK), EACCES);
    CHECK_OK(open("f", O_RDONLY));
}
TEST(rights, chown_takes_the_bits_of_programs) {
    write_file("f", "x");
    CHECK_OK(chown("f", 1000, 1000));
    CHECK_OK(chmod("f", 06755));
    CHECK_EXITED(run([] {
                     become(1000, 1000, 2000);
                     CHECK_OK(chown("f", -1, 2000));
                 }),
                 0);
    CHECK_EQ(mode_of("f"), 0755);
    CHECK_OK(chown("f", 1000, 1000));
    CHECK_OK(chmod("f", 06755));
    CHECK_OK(chown("f", -1, -1));  // nothing changes but that
    CHECK_EQ(mode_of("f"), 0755);
    CHECK_OK(mkdir("d", 0755));
    CHECK_OK(chmod("d", 06777));
    CHECK_OK(chown("d", 5, 5));
    CHECK_EQ(mode_of("d"), 06777);
    const int fd = open("f", O_PATH);
    CHECK_ERRNO(syscall(SYS_fchown, fd, 1, 1), EBADF);  // not by the library, which tries again by path
    CHECK_OK(fchownat(fd, "", 7, 8, AT_EMPTY_PATH));
    CHECK_ERRNO(fchownat(fd, "", 7, 8, 0), ENOENT);
    struct stat s;
    CHECK_OK(stat("f", &s));
    CHECK(s.st_uid == 7 && s.st_gid == 8);
}
TEST(rights, chmod_by_owners) {
    write_file("f", "x");
    CHECK_OK(chown("f", 1000, 3000));
    CHECK_EXITED(run([] {
                     become(1000, 1000, 2000);
                     CHECK_OK(chmod("f", 06755));
                     CHECK_EQ(mode_of("f"), 04755);  // not in the group of the file
                     CHECK_OK(chmod("f", 01644));
                     CHECK_EQ(mode_of("f"), 01644);
                 }),
                 0);
    CHECK_OK(chown("f", 1000, 2000));
    CHECK_EXITED(run([] {
                     become(1000, 1000, 2000);
                     CHECK_OK(chmod("f", 02755));
                     CHECK_EQ(mode_of("f"), 02755);
                 }),
                 0);
}
TEST(rights, new_files_in_a_directory_with_a_group) {
    CHECK_OK(mkdir("d", 0777));
    CHECK_OK(chown("d", 0, 4000));
    CHECK_OK(chmod("d", 02777));
    CHECK_EXITED(run([] {
                     umask(0);
                     become(1000, 1000, 2000);
                     close(open("d/f", O_CREAT | O_WRONLY, 02770));
                     CHECK_EQ(mode_of("d/f"), 0770);  // one does not run as a group that one is not in
                     CHECK_OK(mkdir("d/sub", 0755));
                     CHECK_EQ(mode_of("d/sub"), 02755);
                     struct stat s;
                     CHECK_OK(stat("d/sub", &s));
                     CHECK_EQ(s.st_gid, 4000);
                 }),
                 0);
}
TEST(rights, truncate) {
    write_file("f", "0123456789");
    CHECK_ERRNO(truncate("f", -1), EINVAL);
    CHECK_ERRNO(truncate("missing", -1), EINVAL);
    CHECK_ERRNO(truncate("missing", 0), ENOENT);
    CHECK_ERRNO(truncate(".", 0), EISDIR);
    CHECK_ERRNO(truncate("/dev/null", 0), EINVAL);
    CHECK_ERRNO(truncate("f/x", 0), ENOTDIR);
    CHECK_ERRNO(syscall(SYS_truncate, bad<char>(), 0), EFAULT);
    CHECK_ERRNO(syscall(SYS_ftruncate, -1, -1L), EINVAL);
    CHECK_ERRNO(syscall(SYS_ftruncate, open("f", O_RDONLY), 0), EINVAL);
    CHECK_ERRNO(syscall(SYS_ftruncate, open("f", O_PATH), 0), EBADF);
    CHECK_EXITED(run([] {
                     become_user();
                     CHECK_ERRNO(truncate("f", 0), EACCES);
                 }),
                 0);
    CHECK_OK(mkfifo("p", 0600));
    CHECK_ERRNO(truncate("p", 0), EINVAL);
}
TEST(rights, execveat) {
    write_file("script", "#!/bin/sh\nexit 0\n", 0755);
    write_file("plain", "#!/bin/sh\nexit 0\n", 0644);
    CHECK_OK(symlink("script", "l"));
    char* const arguments[] = {const_cast<char*>("x"), nullptr};
    const auto exec = [&](int directory, const char* path, int flags) {
        return syscall(SYS_execveat, directory, path, arguments, arguments + 1, flags);
    };
    CHECK_ERRNO(exec(AT_FDCWD, "l", AT_SYMLINK_NOFOLLOW), ELOOP);
    CHECK_ERRNO(exec(AT_FDCWD, "l", AT_REMOVEDIR), EINVAL);
    CHECK_ERRNO(exec(-1, "script", 0), EBADF);
    CHECK_ERRNO(exec(AT_FDCWD, "", 0), ENOENT);
    CHECK_ERRNO(exec(AT_FDCWD, "plain", 0), EACCES);
    CHECK_ERRNO(exec(AT_FDCWD, ".", 0), EACCES);
    CHECK_ERRNO(exec(AT_FDCWD, "missing", 0), ENOENT);
    CHECK_ERRNO(exec(open("plain", O_RDONLY), "x", 0), ENOTDIR);
    CHECK_ERRNO(exec(open("plain", O_PATH), "", AT_EMPTY_PATH), EACCES);
    // A script's interpreter could not open a descriptor that closes at exec.
    CHECK_ERRNO(exec(open("script", O_RDONLY | O_CLOEXEC), "", AT_EMPTY_PATH), ENOENT);
    CHECK_ERRNO(exec(AT_FDCWD, bad<char>(), 0), EFAULT);
    CHECK_ERRNO(syscall(SYS_execveat, AT_FDCWD, "script", bad<char*>(), nullptr, 0), EFAULT);
    const int writer = open("script", O_WRONLY);
    CHECK_ERRNO(exec(AT_FDCWD, "script", 0), ETXTBSY);
    close(writer);
}
TEST(rights, memfd_create) {
    char name[260] = {};
    memset(name, 'm', 249);
    CHECK_OK(syscall(SYS_memfd_create, name, 0));
    name[249] = 'm';
    CHECK_ERRNO(syscall(SYS_memfd_create, name, 0), EINVAL);
    CHECK_ERRNO(syscall(SYS_memfd_create, bad<char>(), 0), EFAULT);
    CHECK_ERRNO(syscall(SYS_memfd_create, bad<char>(), 0x100), EINVAL);
    CHECK_OK(syscall(SYS_memfd_create, "", 0));
    const int fd = static_cast<int>(syscall(SYS_memfd_create, "a name", 1 /* MFD_CLOEXEC */ | 0x10 /* MFD_EXEC */));
    CHECK_OK(fd);
    CHECK_EQ(fcntl(fd, F_GETFD), FD_CLOEXEC);
    CHECK_EQ(fcntl(fd, F_GETFL) & O_ACCMODE, O_RDWR);
    struct stat s;
    CHECK_OK(fstat(fd, &s));
    CHECK_EQ(s.st_mode, S_IFREG | 0777);
    CHECK_EQ(s.st_nlink, 0);
    char path[64], target[64] = {};
    snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    CHECK(readlink(path, target, sizeof target - 1) > 0);
    CHECK_STR(target, "/memfd:a name (deleted)");
    CHECK_ERRNO(linkat(AT_FDCWD, path, AT_FDCWD, "named", AT_SYMLINK_FOLLOW), EXDEV);
    const int again = open(path, O_RDONLY);
    CHECK_OK(again);
    CHECK_EQ(write(fd, "abc", 3), 3);
    char text[8];
    CHECK_EQ(read(again, text, 8), 3);
    struct statfs fs;
    CHECK_OK(fstatfs(fd, &fs));
    CHECK_EQ(fs.f_type, 0x01021994);
}
TEST(rights, getrandom) {
    char bytes[32];
    CHECK_EQ(syscall(SYS_getrandom, bytes, sizeof bytes, 4 /* GRND_INSECURE */), 32);
    CHECK_EQ(syscall(SYS_getrandom, bytes, sizeof bytes, 1 /* GRND_NONBLOCK */ | 2 /* GRND_RANDOM */), 32);
    CHECK_ERRNO(syscall(SYS_getrandom, bytes, sizeof bytes, 2 | 4), EINVAL);
    CHECK_ERRNO(syscall(SYS_getrandom, bad<char>(), 1, 8), EINVAL);
    CHECK_EQ(syscall(SYS_getrandom, bytes, 0, 0), 0);
}
TEST(rights, synchronizing) {
    int ends[2];
    CHECK_OK(pipe(ends));
    write_file("f", "x");
    CHECK_OK(fsync(open("f", O_RDONLY)));
    CHECK_OK(fdatasync(open(".", O_RDONLY)));
    CHECK_ERRNO(fsync(ends[0]), EINVAL);
    CHECK_ERRNO(fdatasync(ends[1]), EINVAL);
    CHECK_ERRNO(fsync(-1), EBADF);
    CHECK_ERRNO(fsync(open("f", O_PATH)), EBADF);
    CHECK_OK(syscall(SYS_syncfs, open(".", O_RDONLY)));
    CHECK_OK(syscall(SYS_syncfs, ends[0]));
    CHECK_ERRNO(syscall(SYS_syncfs, -1), EBADF);
    CHECK_ERRNO(syscall(SYS_syncfs, open("f", O_PATH)), EBADF);
}
TEST(rights, descriptors_of_paths_only) {
    constexpr int kQuery = 1027;  // F_DUPFD_QUERY, since Linux 6.10
    write_file("f", "x");
    const int fd = open("f", O_PATH), other = open("f", O_RDWR), same = dup(other);
    char c;
    CHECK_EQ(fcntl(fd, F_GETFL) & (O_PATH | O_ACCMODE), O_PATH);
    CHECK_ERRNO(read(fd, &c, 1), EBADF);
    CHECK_ERRNO(write(fd, &c, 1), EBADF);
    CHECK_ERRNO(lseek(fd, 0, SEEK_SET), EBADF);
    CHECK_ERRNO(fcntl(fd, F_SETFL, O_APPEND), EBADF);
    CHECK_ERRNO(fcntl(fd, F_GETLK, &c), EBADF);
    CHECK_ERRNO(ioctl(fd, 0x541b /* FIONREAD */, &c), EBADF);
    CHECK((long)mmap(nullptr, kPage, PROT_READ, MAP_PRIVATE, fd, 0) == -1 && errno == EBADF);
    CHECK_OK(fcntl(fd, F_SETFD, FD_CLOEXEC));
    CHECK_OK(dup(fd));
    struct stat s;
    CHECK_OK(fstat(fd, &s));
    struct statfs fs;
    CHECK_OK(fstatfs(fd, &fs));
    CHECK_EQ(fcntl(other, kQuery, same), 1);
    CHECK_EQ(fcntl(other, kQuery, fd), 0);
    CHECK_ERRNO(fcntl(other, kQuery, 700), EBADF);
    CHECK_ERRNO(fcntl(700, kQuery, other), EBADF);
}
