// SPDX-License-Identifier: MIT
//
// Older and rarer calls on files: creat(2), utime(2) and its relatives, fchmodat2(2), readahead(2), sync_file_range(2),
// fadvise64(2), close_range(2), cookies of getdents64(2), O_TMPFILE with linkat(2), who is told of input (F_SETOWN_EX, F_SETSIG).
#include "twin.h"

#include <dirent.h>
#include <sched.h>
#include <utime.h>

using namespace twin;

namespace {

constexpr long kFchmodat2 = 452;

struct stat stat_of(const char* path) {
    struct stat s;
    CHECK_OK(lstat(path, &s));
    return s;
}
mode_t mode_of(const char* path) { return stat_of(path).st_mode & 07777; }
bool is_recent(const timespec& time) { return labs(time.tv_sec - now_ns(CLOCK_REALTIME) / 1000000000) < 60; }
struct Entry {
    uint64_t ino;
    int64_t next;
    unsigned short length;
    unsigned char type;
    char name[];
};
// What /usr/include calls f_owner_ex, and its types.
struct Owner {
    int type, pid;
};
constexpr int kSetSig = 10, kGetSig = 11, kSetOwnEx = 15, kGetOwnEx = 16;
constexpr int kThread = 0, kProcess = 1, kGroup = 2;

}  // namespace

TEST(file_calls, creat) {
    umask(027);
    const int fd = static_cast<int>(syscall(SYS_creat, "f", 0777));
    CHECK_OK(fd);
    CHECK_EQ(mode_of("f"), 0750);
    CHECK_EQ(fcntl(fd, F_GETFL) & O_ACCMODE, O_WRONLY);
    char c;
    CHECK_ERRNO(read(fd, &c, 1), EBADF);
    CHECK_EQ(write(fd, "text", 4), 4);
    CHECK_OK(syscall(SYS_creat, "f", 0600));
    CHECK_EQ(stat_of("f").st_size, 0);
    CHECK_EQ(mode_of("f"), 0750);  // an old file keeps its mode
    CHECK_OK(symlink("target", "l"));
    CHECK_OK(syscall(SYS_creat, "l", 0600));
    CHECK_OK(access("target", F_OK));
    CHECK_ERRNO(syscall(SYS_creat, ".", 0600), EISDIR);
    CHECK_ERRNO(syscall(SYS_creat, "missing/f", 0600), ENOENT);
    CHECK_ERRNO(syscall(SYS_creat, "", 0600), ENOENT);
    CHECK_ERRNO(syscall(SYS_creat, "new/", 0600), EISDIR);
    CHECK_ERRNO(syscall(SYS_creat, bad<char>(), 0600), EFAULT);
    CHECK_OK(chmod(".", 0755));
    become_user();
    CHECK_ERRNO(syscall(SYS_creat, "g", 0600), EACCES);
    CHECK_ERRNO(syscall(SYS_creat, "f", 0600), EACCES);
}

// ---- times
TEST(file_calls, times_in_whole_seconds_and_microseconds) {
    write_file("f", "x");
    CHECK_OK(symlink("f", "l"));
    utimbuf seconds = {11, 12};
    CHECK_OK(syscall(SYS_utime, "l", &seconds));
    CHECK_EQ(stat_of("f").st_atim.tv_sec, 11);
    CHECK_EQ(stat_of("f").st_mtim.tv_sec, 12);
    CHECK(is_recent(stat_of("f").st_ctim));
    CHECK_OK(syscall(SYS_utime, "f", nullptr));
    CHECK(is_recent(stat_of("f").st_mtim));
    timeval times[2] = {{-5, 999999}, {8, 1}};
    CHECK_OK(syscall(SYS_utimes, "l", times));
    CHECK_EQ(stat_of("f").st_atim.tv_sec, -5);
    CHECK_EQ(stat_of("f").st_atim.tv_nsec, 999999000);
    CHECK_EQ(stat_of("f").st_mtim.tv_nsec, 1000);
    CHECK(is_recent(stat_of("l").st_mtim));
    CHECK_OK(syscall(SYS_utimes, "f", nullptr));
    CHECK(is_recent(stat_of("f").st_atim));
    const int here = open(".", O_RDONLY), file = open("f", O_RDONLY);
    times[0] = {21, 0};
    CHECK_OK(syscall(SYS_futimesat, here, "f", times));
    CHECK_EQ(stat_of("f").st_atim.tv_sec, 21);
    times[0] = {22, 0};
    CHECK_OK(syscall(SYS_futimesat, file, nullptr, times));  // of the descriptor itself
    CHECK_EQ(stat_of("f").st_atim.tv_sec, 22);
    CHECK_OK(syscall(SYS_futimesat, AT_FDCWD, "f", nullptr));
    CHECK(is_recent(stat_of("f").st_atim));
}
TEST(file_calls, times_errors) {
    write_file("f", "x");
    const timeval wrong[2] = {{5, 0}, {6, 1000000}}, negative[2] = {{5, -1}, {6, 0}}, good[2] = {{5, 0}, {6, 0}};
    for (const timeval* const kAll[] = {wrong, negative}; const timeval* times : kAll) {
        CHECK_ERRNO(syscall(SYS_utimes, "f", times), EINVAL);
        CHECK_ERRNO(syscall(SYS_utimes, "missing", times), EINVAL);
        CHECK_ERRNO(syscall(SYS_futimesat, -1, "f", times), EINVAL);
    }
    CHECK_ERRNO(syscall(SYS_utimes, "missing", bad<timeval>()), EFAULT);
    CHECK_ERRNO(syscall(SYS_utimes, "missing", good), ENOENT);
    CHECK_ERRNO(syscall(SYS_utimes, nullptr, good), EFAULT);
    CHECK_ERRNO(syscall(SYS_utimes, "", good), ENOENT);
    CHECK_ERRNO(syscall(SYS_utime, "missing", bad<utimbuf>()), EFAULT);
    CHECK_ERRNO(syscall(SYS_utime, "missing", nullptr), ENOENT);
    CHECK_ERRNO(syscall(SYS_utime, bad<char>(), nullptr), EFAULT);
    CHECK_ERRNO(syscall(SYS_futimesat, 555, "f", good), EBADF);
    CHECK_ERRNO(syscall(SYS_futimesat, 555, nullptr, good), EBADF);
    CHECK_ERRNO(syscall(SYS_futimesat, AT_FDCWD, nullptr, good), EFAULT);
    CHECK_ERRNO(syscall(SYS_futimesat, open("f", O_RDONLY), "g", good), ENOTDIR);
    CHECK_ERRNO(syscall(SYS_futimesat, open("f", O_PATH), nullptr, good), EBADF);
    // Two times to be left alone: nobody looks further.
    const timespec omit[2] = {{0, UTIME_OMIT}, {0, UTIME_OMIT}};
    CHECK_OK(syscall(SYS_utimensat, AT_FDCWD, "missing", omit, 0));
    CHECK_OK(syscall(SYS_utimensat, -7, bad<char>(), omit, 0x40000));
    const timespec some[2] = {{0, UTIME_OMIT}, {1, 0}}, beyond[2] = {{0, UTIME_OMIT}, {1, 1000000000}};
    CHECK_ERRNO(syscall(SYS_utimensat, AT_FDCWD, "missing", beyond, 0), ENOENT);  // unlike the older calls
    CHECK_ERRNO(syscall(SYS_utimensat, AT_FDCWD, "f", beyond, 0), EINVAL);
    CHECK_ERRNO(syscall(SYS_utimensat, open("f", O_RDONLY), nullptr, some, AT_SYMLINK_NOFOLLOW), EINVAL);
    CHECK_OK(syscall(SYS_utimensat, open("f", O_PATH), "", some, AT_EMPTY_PATH));
    CHECK_EQ(stat_of("f").st_mtim.tv_sec, 1);
}
TEST(file_calls, times_by_whom) {
    write_file("f", "x");
    CHECK_OK(chmod("f", 0666));
    CHECK_EXITED(run([] {
                     become_user();
                     const timespec now[2] = {{0, UTIME_NOW}, {0, UTIME_NOW}}, half[2] = {{0, UTIME_NOW}, {0, UTIME_OMIT}};
                     const utimbuf seconds = {11, 12};
                     CHECK_OK(syscall(SYS_utime, "f", nullptr));  // whoever may write may say "now"
                     CHECK_OK(syscall(SYS_utimensat, AT_FDCWD, "f", now, 0));
                     CHECK_ERRNO(syscall(SYS_utime, "f", &seconds), EPERM);
                     CHECK_ERRNO(syscall(SYS_utimensat, AT_FDCWD, "f", half, 0), EPERM);
                 }),
                 0);
    CHECK_OK(chmod("f", 0600));
    CHECK_EXITED(run([] {
                     become_user();
                     CHECK_ERRNO(syscall(SYS_utime, "f", nullptr), EACCES);
                 }),
                 0);
}

// ---- modes
TEST(file_calls, fchmodat2) {
    write_file("f", "x", 0600);
    CHECK_OK(symlink("f", "l"));
    CHECK_ERRNO(syscall(kFchmodat2, AT_FDCWD, "l", 0777, AT_SYMLINK_NOFOLLOW), EOPNOTSUPP);
    CHECK_EQ(mode_of("l"), 0777);
    CHECK_OK(syscall(kFchmodat2, AT_FDCWD, "f", 0640, AT_SYMLINK_NOFOLLOW));
    CHECK_OK(syscall(kFchmodat2, AT_FDCWD, "l", 0644, 0));
    CHECK_EQ(mode_of("f"), 0644);
    CHECK_ERRNO(syscall(kFchmodat2, -1, "missing", 0644, AT_REMOVEDIR), EINVAL);
    CHECK_ERRNO(syscall(kFchmodat2, -1, "f", 0644, 0), EBADF);
    CHECK_ERRNO(syscall(kFchmodat2, AT_FDCWD, "", 0644, 0), ENOENT);
    CHECK_ERRNO(syscall(kFchmodat2, AT_FDCWD, bad<char>(), 0644, 0), EFAULT);
    CHECK_ERRNO(syscall(kFchmodat2, open("f", O_RDONLY), "x", 0644, 0), ENOTDIR);
    CHECK_OK(mkdir("d", 0755));
    CHECK_OK(chdir("d"));
    CHECK_OK(syscall(kFchmodat2, AT_FDCWD, "", 0711, AT_EMPTY_PATH));
    CHECK_EQ(mode_of("."), 0711);
    CHECK_OK(syscall(kFchmodat2, AT_FDCWD, "../f", 0177777, 0));  // bits beyond are forgotten
    CHECK_EQ(mode_of("../f"), 07777);
    CHECK_ERRNO(syscall(SYS_fchmod, open("../f", O_PATH), 0600), EBADF);
    become_user();
    CHECK_ERRNO(syscall(kFchmodat2, AT_FDCWD, "../f", 0600, 0), EPERM);
}

TEST(file_calls, an_administrator_keeps_the_bits_that_run_as_others) {
    const int fd = open("f", O_CREAT | O_RDWR, 0755);
    CHECK_OK(fchmod(fd, 06777));
    CHECK_EQ(write(fd, "x", 1), 1);
    CHECK_OK(ftruncate(fd, 0));
    CHECK_EQ(mode_of("f"), 06777);  // CAP_FSETID
    CHECK_EXITED(run([=] {
                     become_user();
                     CHECK_EQ(write(fd, "x", 1), 1);
                 }),
                 0);
    CHECK_EQ(mode_of("f"), 0777);
    CHECK_OK(fchmod(fd, 06777));
    CHECK_EXITED(run([=] {
                     become_user();
                     CHECK_OK(truncate("f", 0));
                 }),
                 0);
    CHECK_EQ(mode_of("f"), 0777);
}

// ---- advice, and waiting for the disk
TEST(file_calls, readahead) {
    write_file("f", "text");
    const int fd = open("f", O_RDONLY);
    int ends[2];
    CHECK_OK(pipe(ends));
    CHECK_OK(syscall(SYS_readahead, fd, 0, 4));
    CHECK_OK(syscall(SYS_readahead, fd, 100000, 0));
    CHECK_ERRNO(syscall(SYS_readahead, -1, 0, 4), EBADF);
    CHECK_ERRNO(syscall(SYS_readahead, open("f", O_WRONLY), 0, 4), EBADF);
    CHECK_ERRNO(syscall(SYS_readahead, open("f", O_PATH), 0, 4), EBADF);
    CHECK_ERRNO(syscall(SYS_readahead, ends[0], 0, 4), EINVAL);
    CHECK_ERRNO(syscall(SYS_readahead, open(".", O_RDONLY), 0, 4), EINVAL);
    CHECK_ERRNO(syscall(SYS_readahead, open("/dev/null", O_RDONLY), 0, 4), EINVAL);
    CHECK_ERRNO(syscall(SYS_readahead, fd, 0, -1L), EINVAL);
}
TEST(file_calls, fadvise64) {
    write_file("f", "text");
    const int fd = open("f", O_RDWR);
    int ends[2];
    CHECK_OK(pipe(ends));
    for (int advice = 0; advice <= 5; ++advice) CHECK_OK(syscall(SYS_fadvise64, fd, 0, 0, advice));
    CHECK_OK(syscall(SYS_fadvise64, open("f", O_WRONLY), 1 << 20, 5, POSIX_FADV_WILLNEED));
    for (const int kAll[] = {-1, 6, 77}; int advice : kAll) CHECK_ERRNO(syscall(SYS_fadvise64, fd, 0, 0, advice), EINVAL);
    CHECK_ERRNO(syscall(SYS_fadvise64, fd, 0, -1L, POSIX_FADV_NORMAL), EINVAL);
    CHECK_ERRNO(syscall(SYS_fadvise64, -1, 0, -1L, 77), EBADF);
    CHECK_ERRNO(syscall(SYS_fadvise64, open("f", O_PATH), 0, 0, 0), EBADF);
    CHECK_ERRNO(syscall(SYS_fadvise64, ends[0], 0, -1L, 77), ESPIPE);
    char text[8];
    CHECK_EQ(pread(fd, text, 8, 0), 4);  // advice changes nothing that is there
}
TEST(file_calls, sync_file_range) {
    write_file("f", "text");
    const int fd = open("f", O_RDONLY);
    int ends[2];
    CHECK_OK(pipe(ends));
    for (unsigned flags = 0; flags < 8; ++flags) CHECK_OK(syscall(SYS_sync_file_range, fd, 0, 0, flags));
    CHECK_OK(syscall(SYS_sync_file_range, fd, 1 << 20, 4096, 7));
    CHECK_OK(syscall(SYS_sync_file_range, open(".", O_RDONLY), 0, 0, 0));
    CHECK_ERRNO(syscall(SYS_sync_file_range, fd, 0, 0, 8), EINVAL);
    CHECK_ERRNO(syscall(SYS_sync_file_range, fd, -1L, 0, 0), EINVAL);
    CHECK_ERRNO(syscall(SYS_sync_file_range, fd, 10, -5L, 0), EINVAL);
    CHECK_ERRNO(syscall(SYS_sync_file_range, fd, INT64_MAX, 5, 0), EINVAL);
    CHECK_ERRNO(syscall(SYS_sync_file_range, -1, 0, 0, 8), EBADF);
    CHECK_ERRNO(syscall(SYS_sync_file_range, open("f", O_PATH), 0, 0, 0), EBADF);
    CHECK_ERRNO(syscall(SYS_sync_file_range, ends[0], 0, 0, 0), ESPIPE);
    CHECK_ERRNO(syscall(SYS_sync_file_range, ends[0], 0, 0, 8), EINVAL);
}

// ---- descriptors
TEST(file_calls, close_range_of_a_shared_table) {
    CHECK_EQ(dup2(open(".", O_RDONLY), 100), 100);
    CHECK_EQ(dup2(100, 101), 101);
    static char stack[65536] __attribute__((aligned(16)));
    const auto child = [](void*) {
        CHECK_OK(syscall(SYS_close_range, 101, ~0u, 2 | 4));  // one's own table, close-on-exec: nothing is closed
        CHECK_EQ(fcntl(101, F_GETFD), FD_CLOEXEC);
        CHECK_EQ(fcntl(100, F_GETFD), 0);
        CHECK_OK(syscall(SYS_close_range, 100, 800, 0));
        CHECK_ERRNO(fcntl(100, F_GETFD), EBADF);
        return 0;
    };
    CHECK_EXITED(status_of(clone(child, stack + sizeof stack, CLONE_FILES | CLONE_VFORK | SIGCHLD, nullptr)), 0);
    CHECK_EQ(fcntl(100, F_GETFD), 0);
    CHECK_EQ(fcntl(101, F_GETFD), 0);
    CHECK_ERRNO(syscall(SYS_close_range, 5, 4, 1), EINVAL);
    CHECK_ERRNO(syscall(SYS_close_range, 100, 101, 1), EINVAL);
    CHECK_OK(syscall(SYS_close_range, 5000, ~0u, 0));
    CHECK_OK(syscall(SYS_close_range, 101, 101, 2));
    CHECK_ERRNO(fcntl(101, F_GETFD), EBADF);
    CHECK_OK(fcntl(100, F_GETFD));
}
TEST(file_calls, owners_of_a_descriptor) {
    int fds[2];
    CHECK_OK(pipe(fds));
    CHECK_EQ(fcntl(fds[0], F_GETOWN), 0);
    CHECK_ERRNO(fcntl(fds[0], F_SETOWN, 4194303), ESRCH);
    CHECK_ERRNO(fcntl(fds[0], F_SETOWN, INT32_MIN), EINVAL);
    Owner owner = {};
    CHECK_OK(fcntl(fds[0], F_SETOWN, -getpgrp()));
    CHECK_OK(fcntl(fds[0], kGetOwnEx, &owner));
    CHECK_EQ(owner.type, kGroup);
    CHECK_EQ(owner.pid, getpgrp());
    owner = {kThread, getpid()};
    CHECK_OK(fcntl(fds[0], kSetOwnEx, &owner));
    CHECK_EQ(fcntl(fds[0], F_GETOWN), getpid());
    CHECK_OK(fcntl(fds[0], kGetOwnEx, &owner));
    CHECK_EQ(owner.type, kThread);
    owner = {kProcess, 4194303};
    CHECK_ERRNO(fcntl(fds[0], kSetOwnEx, &owner), ESRCH);
    owner = {7, getpid()};
    CHECK_ERRNO(fcntl(fds[0], kSetOwnEx, &owner), EINVAL);
    CHECK_ERRNO(fcntl(fds[0], kSetOwnEx, bad<Owner>()), EFAULT);
    CHECK_ERRNO(fcntl(fds[0], kGetOwnEx, bad<Owner>()), EFAULT);
    CHECK_OK(fcntl(fds[0], F_SETOWN, 0));
    CHECK_EQ(fcntl(fds[0], F_GETOWN), 0);
    CHECK_EQ(fcntl(fds[0], kGetSig), 0);
    CHECK_OK(fcntl(fds[0], kSetSig, SIGRTMIN));
    CHECK_EQ(fcntl(fds[0], kGetSig), SIGRTMIN);
    CHECK_ERRNO(fcntl(fds[0], kSetSig, 65), EINVAL);
    CHECK_ERRNO(fcntl(fds[0], kSetSig, -1), EINVAL);
    CHECK_OK(fcntl(fds[0], kSetSig, 0));
}

// ---- directories
TEST(file_calls, cookies_lead_back) {
    CHECK_OK(mkdir("d", 0755));
    char name[32];
    for (int i = 0; i < 20; ++i) {
        snprintf(name, sizeof name, "d/entry%02d", i);
        write_file(name, "");
    }
    const int fd = open("d", O_RDONLY);
    char buffer[2048], again[2048];
    const long length = syscall(SYS_getdents64, fd, buffer, sizeof buffer);
    int64_t last = 0;
    int index = 0;
    for (long at = 0; at < length; ++index) {
        const Entry* entry = reinterpret_cast<Entry*>(buffer + at);
        at += entry->length;
        last = entry->next;
        if (at == length) break;
        CHECK_EQ(lseek(fd, entry->next, SEEK_SET), entry->next);
        CHECK(syscall(SYS_getdents64, fd, again, 40) > 0);
        CHECK_STR(reinterpret_cast<Entry*>(again)->name, reinterpret_cast<Entry*>(buffer + at)->name);
    }
    CHECK_EQ(index, 21);
    CHECK_EQ(lseek(fd, last, SEEK_SET), last);
    CHECK_EQ(syscall(SYS_getdents64, fd, again, sizeof again), 0);
    CHECK_ERRNO(lseek(fd, -1, SEEK_SET), EINVAL);
    // A cookie holds although the entry it was given with has gone.
    const Entry* fifth = reinterpret_cast<Entry*>(buffer);
    for (int i = 0; i < 4; ++i)
        fifth = reinterpret_cast<const Entry*>(reinterpret_cast<const char*>(fifth) + fifth->length);
    const Entry* sixth = reinterpret_cast<const Entry*>(reinterpret_cast<const char*>(fifth) + fifth->length);
    if (fifth->name[0] != '.') CHECK_OK(unlinkat(fd, fifth->name, 0));
    CHECK_EQ(lseek(fd, fifth->next, SEEK_SET), fifth->next);
    CHECK(syscall(SYS_getdents64, fd, again, sizeof again) > 0);
    CHECK_STR(reinterpret_cast<Entry*>(again)->name, sixth->name);
    // From the beginning again: what came meanwhile is there.
    write_file("d/late", "");
    CHECK_EQ(lseek(fd, 0, SEEK_SET), 0);
    const long whole = syscall(SYS_getdents64, fd, again, sizeof again);
    CHECK(memmem(again, whole, "late", 5) != nullptr);
}
TEST(file_calls, directory_that_has_gone) {
    CHECK_OK(mkdir("d", 0755));
    const int fd = open("d", O_RDONLY);
    CHECK_OK(rmdir("d"));
    char buffer[256];
    CHECK_ERRNO(syscall(SYS_getdents64, fd, buffer, sizeof buffer), ENOENT);
    CHECK_OK(mkdir("e", 0755));
    CHECK_ERRNO(syscall(SYS_getdents64, open("e", O_PATH), buffer, sizeof buffer), EBADF);
    CHECK_ERRNO(syscall(SYS_getdents64, open("e", O_RDONLY), buffer, 0), EINVAL);
}

// ---- files without a name
TEST(file_calls, nameless_files_get_names) {
    umask(027);
    const int fd = open(".", O_TMPFILE | O_RDWR, 0666);
    CHECK_OK(fd);
    struct stat s;
    CHECK_OK(fstat(fd, &s));
    CHECK_EQ(s.st_mode, S_IFREG | 0640);
    CHECK_OK(linkat(fd, "", AT_FDCWD, "named", AT_EMPTY_PATH));
    CHECK_OK(fstat(fd, &s));
    CHECK_EQ(s.st_nlink, 1);
    CHECK_EQ(stat_of("named").st_ino, s.st_ino);
    CHECK_ERRNO(linkat(fd, "", AT_FDCWD, "named", AT_EMPTY_PATH), EEXIST);
    CHECK_ERRNO(linkat(fd, "", AT_FDCWD, "other", 0), ENOENT);
    const int exclusive = open(".", O_TMPFILE | O_WRONLY | O_EXCL, 0600);
    CHECK_OK(exclusive);
    CHECK_ERRNO(linkat(exclusive, "", AT_FDCWD, "never", AT_EMPTY_PATH), ENOENT);
    CHECK_OK(unlink("named"));
    CHECK_ERRNO(linkat(fd, "", AT_FDCWD, "again", AT_EMPTY_PATH), ENOENT);  // what was deleted stays so
    CHECK_ERRNO(linkat(open(".", O_RDONLY), "", AT_FDCWD, "directory", AT_EMPTY_PATH), EPERM);
    write_file("f", "");
    CHECK_ERRNO(open("f", O_TMPFILE | O_RDWR, 0600), ENOTDIR);
    CHECK_ERRNO(open("missing", O_TMPFILE | O_RDWR, 0600), ENOENT);
    CHECK_ERRNO(open(".", O_TMPFILE | O_RDWR | O_CREAT, 0600), EINVAL);
    CHECK_ERRNO(open(".", (O_TMPFILE & ~O_DIRECTORY) | O_RDWR, 0600), EINVAL);
    CHECK_OK(chmod(".", 0755));
    become_user();
    CHECK_ERRNO(open(".", O_TMPFILE | O_RDWR, 0600), EACCES);
}
