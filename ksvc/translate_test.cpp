// SPDX-License-Identifier: MIT
//
// Each call that goes by io_uring gives what the plain call gives: the same result or errno, the
// same bytes, on good and on bad arguments. Every case is made twice on equal ground, once by trap
// and once by the ring with the tier forced to the kernel, and both outcomes are compared.
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <cstring>
#include <filesystem>
#include <functional>
#include <string>

#include <netinet/in.h>

#include "ksvc/test/test_ring.h"

namespace ksvc::test {
namespace {

// What makes a call: by trap or by the ring.
using Caller = std::function<int64_t(const Entry&)>;

class TranslateTest : public testing::Test {
protected:
    void SetUp() override {
        ASSERT_TRUE(ring_.open());
        char pattern[] = "/tmp/ksvc-test-XXXXXX";
        directory_ = mkdtemp(pattern);
        ASSERT_EQ(chdir(directory_.c_str()), 0);
    }
    void TearDown() override {
        ASSERT_EQ(chdir("/"), 0);
        std::filesystem::remove_all(directory_);
    }
    // The scene gets a caller and returns everything that it saw, as text; both must be equal.
    void same(const char* what, const std::function<std::string(const Caller&)>& scene) {
        const std::string plain = scene([](const Entry& entry) { return trap(entry); });
        const std::string by_ring = scene([this](const Entry& entry) { return run(ring_, entry); });
        EXPECT_EQ(plain, by_ring) << what;
        EXPECT_FALSE(plain.empty()) << what;
    }
    // The same for one call without a scene.
    template <class... A>
    void same_call(const char* what, uint32_t nr, A... arguments) {
        same(what, [&](const Caller& caller) { return std::to_string(caller(make(1, nr, arguments...))); });
    }
    std::string path(const char* name) const { return directory_ + "/" + name; }

    Default ring_{32};
    std::string directory_;
};

std::string text(int64_t number) { return std::to_string(number) + ";"; }

int file_with(const char* name, const char* content) {
    const int fd = ::open(name, O_RDWR | O_CREAT | O_TRUNC, 0644);
    if (::write(fd, content, strlen(content)) < 0) return -1;
    ::lseek(fd, 0, SEEK_SET);
    return fd;
}

TEST_F(TranslateTest, ReadsAndWrites) {
    same("read and position", [](const Caller& c) {
        const int fd = file_with("f", "hello world");
        char got[32] = {};
        std::string saw = text(c(make(1, SYS_read, fd, got, 5)));
        saw += text(c(make(1, SYS_read, fd, got + 5, 20))) + got + text(::lseek(fd, 0, SEEK_CUR));
        saw += text(c(make(1, SYS_write, fd, "!", 1))) + text(::lseek(fd, 0, SEEK_CUR));
        close(fd);
        return saw;
    });
    same("pread and pwrite leave the position", [](const Caller& c) {
        const int fd = file_with("f", "hello world");
        char got[32] = {};
        std::string saw = text(c(make(1, SYS_pread64, fd, got, 5, 6))) + got;
        saw += text(c(make(1, SYS_pwrite64, fd, "WORLD", 5, 6))) + text(::lseek(fd, 0, SEEK_CUR));
        saw += text(c(make(1, SYS_pread64, fd, got, 5, 1 << 20)));
        saw += text(c(make(1, SYS_pread64, fd, got, 5, -1))) + text(c(make(1, SYS_pwrite64, fd, got, 5, -1)));
        saw += text(c(make(1, SYS_pread64, fd, got, 5, INT64_MIN)));
        close(fd);
        return saw;
    });
    same("vectors", [](const Caller& c) {
        const int fd = file_with("f", "hello world");
        char a[4] = {};
        char b[8] = {};
        iovec pieces[2] = {{a, 3}, {b, 7}};
        std::string saw = text(c(make(1, SYS_readv, fd, pieces, 2))) + a + b;
        saw += text(c(make(1, SYS_preadv, fd, pieces, 2, 2, 0))) + a + b + text(::lseek(fd, 0, SEEK_CUR));
        saw += text(c(make(1, SYS_preadv2, fd, pieces, 2, -1, -1, 0))) + text(::lseek(fd, 0, SEEK_CUR));
        saw += text(c(make(1, SYS_writev, fd, pieces, 2))) + text(c(make(1, SYS_pwritev, fd, pieces, 2, 1, 0)));
        saw += text(c(make(1, SYS_pwritev2, fd, pieces, 2, 1, 0, 1 << 30))) + text(c(make(1, SYS_readv, fd, pieces, 5000)));
        saw += text(c(make(1, SYS_preadv, fd, pieces, 2, -5, 0))) + text(c(make(1, SYS_readv, fd, nullptr, 1)));
        close(fd);
        return saw;
    });
}

TEST_F(TranslateTest, ReadErrors) {
    char got[8];
    same_call("bad descriptor", SYS_read, -1, got, 8);
    same_call("bad descriptor, pread", SYS_pread64, 9999, got, 8, 0);
    const int fd = file_with("f", "hello");
    same_call("bad memory", SYS_pread64, fd, 16, 5, 0);
    same_call("nothing", SYS_pread64, fd, got, 0, 0);
    same_call("a length with its top bit", SYS_pread64, fd, got, INT64_MIN, 0);
    same_call("a length above 32 bit", SYS_pread64, fd, got, (1ll << 32) + 4, 4);
    close(fd);
    const int write_only = ::open("f", O_WRONLY);
    same_call("write only", SYS_read, write_only, got, 8);
    close(write_only);
    const int folder = ::open(".", O_RDONLY);
    same_call("a directory", SYS_read, folder, got, 8);
    close(folder);
    int fds[2];
    ASSERT_EQ(pipe2(fds, O_NONBLOCK), 0);
    same_call("empty pipe", SYS_read, fds[0], got, 8);
    same_call("pread of a pipe", SYS_pread64, fds[0], got, 8, 0);
    same_call("pwrite of a pipe", SYS_pwrite64, fds[1], got, 8, 0);
    iovec piece{got, 8};
    same_call("preadv of a pipe", SYS_preadv, fds[0], &piece, 1, 0, 0);
    close(fds[1]);
    same_call("end of a pipe", SYS_read, fds[0], got, 8);
    close(fds[0]);
}

TEST_F(TranslateTest, OpenCloseStat) {
    same("open and its flags", [](const Caller& c) {
        ::unlink("new");
        std::string saw;
        for (const Entry& entry : {make(1, SYS_open, "absent", O_RDONLY), make(1, SYS_open, "new", O_CREAT | O_EXCL | O_RDWR, 0640),
                                   make(1, SYS_open, "new", O_CREAT | O_EXCL, 0640), make(1, SYS_creat, "new", 0600),
                                   make(1, SYS_openat, AT_FDCWD, "new", O_RDONLY | O_CLOEXEC), make(1, SYS_openat, -5, "new", O_RDONLY),
                                   make(1, SYS_open, "", O_RDONLY), make(1, SYS_open, nullptr, O_RDONLY),
                                   make(1, SYS_open, ".", O_WRONLY), make(1, SYS_open, "new", O_DIRECTORY)}) {
            const int64_t fd = c(entry);
            saw += text(fd < 0 ? fd : fcntl(static_cast<int>(fd), F_GETFL) * 2 + fcntl(static_cast<int>(fd), F_GETFD));
            if (fd >= 0) saw += text(c(make(1, SYS_close, fd)));
        }
        struct stat status;
        ::stat("new", &status);
        return saw + text(status.st_mode);
    });
    same_call("close of nothing", SYS_close, -1);
    same_call("close of nothing", SYS_close, 9999);
    const int fd = file_with("f", "hello");
    ASSERT_EQ(::symlink("f", "to-f"), 0);
    ::usleep(20'000);  // a clock tick later than its making
    struct stat followed;  // once before, so that the link's access time is settled
    ASSERT_EQ(::stat("to-f", &followed), 0);
    same("stat and its kin", [fd](const Caller& c) {
        std::string saw;
        struct stat s;
        const auto see = [&](const Entry& entry) {
            memset(&s, 0xAA, sizeof s);
            const int64_t result = c(entry);
            saw += text(result);
            if (result == 0) saw.append(reinterpret_cast<const char*>(&s), sizeof s);
        };
        see(make(1, SYS_stat, "f", &s));
        see(make(1, SYS_stat, "to-f", &s));
        see(make(1, SYS_lstat, "to-f", &s));
        see(make(1, SYS_stat, "absent", &s));
        see(make(1, SYS_stat, "/dev/full", &s));
        see(make(1, SYS_fstat, fd, &s));
        see(make(1, SYS_fstat, -1, &s));
        see(make(1, SYS_fstat, AT_FDCWD, &s));
        see(make(1, SYS_newfstatat, AT_FDCWD, "to-f", &s, AT_SYMLINK_NOFOLLOW));
        see(make(1, SYS_newfstatat, fd, "", &s, AT_EMPTY_PATH));
        see(make(1, SYS_newfstatat, AT_FDCWD, "f", &s, 0x40000));
        saw += text(c(make(1, SYS_stat, "f", nullptr)));
        return saw;
    });
    same("statx", [](const Caller& c) {
        struct statx s {};
        std::string saw = text(c(make(1, SYS_statx, AT_FDCWD, "f", 0, STATX_BASIC_STATS, &s))) + text(static_cast<int64_t>(s.stx_size));
        return saw + text(c(make(1, SYS_statx, AT_FDCWD, "f", 0x6000, STATX_BASIC_STATS, &s)));
    });
    close(fd);
}

TEST_F(TranslateTest, Paths) {
    same("names come and go", [](const Caller& c) {
        std::string saw;
        close(file_with("a", "x"));
        for (const Entry& entry :
             {make(1, SYS_mkdir, "d", 0755), make(1, SYS_mkdir, "d", 0755), make(1, SYS_mkdirat, AT_FDCWD, "d/e", 0700),
              make(1, SYS_link, "a", "b"), make(1, SYS_link, "a", "b"), make(1, SYS_linkat, AT_FDCWD, "a", AT_FDCWD, "c", 0),
              make(1, SYS_symlink, "a", "s"), make(1, SYS_symlinkat, "a", AT_FDCWD, "s"), make(1, SYS_rename, "b", "b2"),
              make(1, SYS_rename, "absent", "b2"), make(1, SYS_renameat, AT_FDCWD, "b2", AT_FDCWD, "d/b3"),
              make(1, SYS_renameat2, AT_FDCWD, "a", AT_FDCWD, "c", 1), make(1, SYS_rmdir, "d"), make(1, SYS_unlink, "d"),
              make(1, SYS_unlinkat, AT_FDCWD, "d/b3", 0), make(1, SYS_unlinkat, AT_FDCWD, "d/e", AT_REMOVEDIR),
              make(1, SYS_unlinkat, AT_FDCWD, "d", 0x40), make(1, SYS_rmdir, "d"), make(1, SYS_unlink, "s"),
              make(1, SYS_unlink, "c"), make(1, SYS_unlink, "a"), make(1, SYS_unlink, "a"), make(1, SYS_unlink, nullptr)})
            saw += text(c(entry));
        return saw;
    });
}

TEST_F(TranslateTest, FileSpace) {
    same("space and syncing", [](const Caller& c) {
        const int fd = file_with("f", "hello");
        int fds[2];
        if (::pipe(fds) != 0) return std::string{};
        std::string saw;
        for (const Entry& entry :
             {make(1, SYS_fsync, fd), make(1, SYS_fdatasync, fd), make(1, SYS_fsync, -1), make(1, SYS_fsync, fds[0]),
              make(1, SYS_ftruncate, fd, 100), make(1, SYS_ftruncate, fd, -1), make(1, SYS_ftruncate, fds[0], 1),
              make(1, SYS_fallocate, fd, 0, 0, 4096), make(1, SYS_fallocate, fd, 0, -1, 4096),
              make(1, SYS_fallocate, fd, 0x4000, 0, 1), make(1, SYS_sync_file_range, fd, 0, 4096, 2),
              make(1, SYS_sync_file_range, fd, 0, 4096, 0x80), make(1, SYS_fadvise64, fd, 0, 0, 1),
              make(1, SYS_fadvise64, fd, 0, 0, 99), make(1, SYS_fadvise64, fds[0], 0, 0, 1)})
            saw += text(c(entry));
        saw += text(::lseek(fd, 0, SEEK_END));
        for (int one : {fd, fds[0], fds[1]}) close(one);
        return saw;
    });
    same("splice and tee", [](const Caller& c) {
        int a[2];
        int b[2];
        if (::pipe(a) != 0 || ::pipe(b) != 0 || ::write(a[1], "splice", 6) != 6) return std::string{};
        std::string saw = text(c(make(1, SYS_tee, a[0], b[1], 100, 0)));
        saw += text(c(make(1, SYS_splice, a[0], nullptr, b[1], nullptr, 3, 0)));
        off_t offset = 0;
        saw += text(c(make(1, SYS_splice, a[0], &offset, b[1], nullptr, 3, 0)));
        saw += text(c(make(1, SYS_splice, a[0], nullptr, b[1], nullptr, 3, 1 << 31)));
        char got[16] = {};
        saw += text(::read(b[0], got, 16)) + got;
        for (int one : {a[0], a[1], b[0], b[1]}) close(one);
        return saw;
    });
    same("pipe2", [](const Caller& c) {
        int fds[2] = {-1, -1};
        std::string saw = text(c(make(1, SYS_pipe2, fds, O_CLOEXEC | O_NONBLOCK)));
        saw += text(fcntl(fds[0], F_GETFD)) + text(fcntl(fds[0], F_GETFL));
        close(fds[0]);
        close(fds[1]);
        return saw + text(c(make(1, SYS_pipe2, fds, 1))) + text(c(make(1, SYS_pipe2, nullptr, 0)));
    });
    same("attributes", [](const Caller& c) {
        ::unlink("f");
        close(file_with("f", "hello"));
        char got[16] = {};
        std::string saw = text(c(make(1, SYS_setxattr, "f", "user.k", "value", 5, XATTR_CREATE)));
        saw += text(c(make(1, SYS_setxattr, "f", "user.k", "value", 5, XATTR_CREATE)));
        saw += text(c(make(1, SYS_getxattr, "f", "user.k", got, 16))) + got + text(c(make(1, SYS_getxattr, "f", "user.none", got, 16)));
        saw += text(c(make(1, SYS_getxattr, "f", "user.k", got, 2))) + text(c(make(1, SYS_getxattr, "f", "user.k", nullptr, 0)));
        const int fd = ::open("f", O_RDWR);
        saw += text(c(make(1, SYS_fsetxattr, fd, "user.m", "w", 1, 0))) + text(c(make(1, SYS_fgetxattr, fd, "user.m", got, 16)));
        saw += text(c(make(1, SYS_fgetxattr, -1, "user.m", got, 16)));
        close(fd);
        return saw;
    });
}

TEST_F(TranslateTest, StreamSockets) {
    same("a connection", [](const Caller& c) {
        sockaddr_in here{};
        here.sin_family = AF_INET;
        here.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        socklen_t length = sizeof here;
        const auto listener = static_cast<int>(c(make(1, SYS_socket, AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)));
        std::string saw = text(fcntl(listener, F_GETFD)) + text(c(make(1, SYS_bind, listener, &here, sizeof here)));
        saw += text(c(make(1, SYS_bind, listener, &here, sizeof here))) + text(c(make(1, SYS_bind, listener, &here, 2)));
        saw += text(c(make(1, SYS_listen, listener, 5)));
        ::getsockname(listener, reinterpret_cast<sockaddr*>(&here), &length);
        const auto client = static_cast<int>(c(make(1, SYS_socket, AF_INET, SOCK_STREAM, 0)));
        saw += text(c(make(1, SYS_connect, client, &here, sizeof here))) + text(c(make(1, SYS_connect, client, &here, sizeof here)));
        sockaddr_in peer{};
        length = sizeof peer;
        const auto server = static_cast<int>(c(make(1, SYS_accept4, listener, &peer, &length, SOCK_NONBLOCK)));
        saw += text(server >= 0) + text(length) + text(peer.sin_family) + text(fcntl(server, F_GETFL));
        char got[16] = {};
        saw += text(c(make(1, SYS_recvfrom, server, got, 16, 0, nullptr, nullptr)));  // O_NONBLOCK: EAGAIN
        saw += text(c(make(1, SYS_sendto, client, "hello", 5, 0, nullptr, 0)));
        saw += text(c(make(1, SYS_recvfrom, server, got, 16, MSG_PEEK, nullptr, nullptr)));
        saw += text(c(make(1, SYS_recvfrom, server, got, 3, 0, nullptr, nullptr))) + got;
        saw += text(c(make(1, SYS_recvfrom, server, got, 16, MSG_DONTWAIT, nullptr, nullptr)));
        saw += text(c(make(1, SYS_shutdown, client, SHUT_WR))) + text(c(make(1, SYS_shutdown, client, 77)));
        saw += text(c(make(1, SYS_recvfrom, server, got, 16, 0, nullptr, nullptr)));
        saw += text(c(make(1, SYS_sendto, client, "x", 1, MSG_NOSIGNAL, nullptr, 0)));
        fcntl(listener, F_SETFL, O_NONBLOCK);
        saw += text(c(make(1, SYS_accept, listener, nullptr, nullptr)));
        for (int one : {listener, client, server}) close(one);
        return saw;
    });
    same_call("socket of no family", SYS_socket, 999, SOCK_STREAM, 0);
    same_call("socket of no type", SYS_socket, AF_INET, 99, 0);
    same_call("accept on nothing", SYS_accept, -1, nullptr, nullptr);
    same_call("send on a file", SYS_sendto, 0, "x", 1, 0, nullptr, 0);
}

TEST_F(TranslateTest, ConnectWithoutWaiting) {
    same("EINPROGRESS, refusal", [](const Caller& c) {
        sockaddr_in nobody{};
        nobody.sin_family = AF_INET;
        nobody.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        nobody.sin_port = htons(1);
        const int blocking = ::socket(AF_INET, SOCK_STREAM, 0);
        std::string saw = text(c(make(1, SYS_connect, blocking, &nobody, sizeof nobody)));
        const int eager = ::socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
        saw += text(c(make(1, SYS_connect, eager, &nobody, sizeof nobody)));
        saw += text(c(make(1, SYS_connect, -1, &nobody, sizeof nobody))) + text(c(make(1, SYS_connect, eager, nullptr, 16)));
        close(blocking);
        close(eager);
        return saw;
    });
}

TEST_F(TranslateTest, SigpipeIsRaised) {
    static volatile sig_atomic_t raised;
    signal(SIGPIPE, [](int) { raised = raised + 1; });
    same("send to who is gone", [](const Caller& c) {
        int fds[2];
        if (::socketpair(AF_UNIX, SOCK_STREAM, 0, fds) != 0) return std::string{};
        close(fds[1]);
        raised = 0;
        std::string saw = text(c(make(1, SYS_sendto, fds[0], "x", 1, 0, nullptr, 0))) + text(raised);
        saw += text(c(make(1, SYS_sendto, fds[0], "x", 1, MSG_NOSIGNAL, nullptr, 0))) + text(raised);
        saw += text(c(make(1, SYS_write, fds[0], "x", 1))) + text(raised);
        close(fds[0]);
        return saw;
    });
    signal(SIGPIPE, SIG_DFL);
}

TEST_F(TranslateTest, DatagramAddresses) {
    same("sendto and recvfrom", [](const Caller& c) {
        sockaddr_in a{};
        a.sin_family = AF_INET;
        a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        sockaddr_in b = a;
        const int left = ::socket(AF_INET, SOCK_DGRAM, 0);
        const int right = ::socket(AF_INET, SOCK_DGRAM, 0);
        ::bind(left, reinterpret_cast<sockaddr*>(&a), sizeof a);
        ::bind(right, reinterpret_cast<sockaddr*>(&b), sizeof b);
        socklen_t length = sizeof a;
        ::getsockname(left, reinterpret_cast<sockaddr*>(&a), &length);
        ::getsockname(right, reinterpret_cast<sockaddr*>(&b), &length);
        std::string saw = text(c(make(1, SYS_sendto, left, "to you", 6, 0, &b, sizeof b)));
        saw += text(c(make(1, SYS_sendto, left, "to you", 6, 0, &b, 3))) + text(c(make(1, SYS_sendto, left, "to you", 6, 0, &b, 500)));
        saw += text(c(make(1, SYS_sendto, left, "to you", 6, 0, nullptr, 0)));
        sockaddr_in from{};
        length = sizeof from;
        char got[16] = {};
        saw += text(c(make(1, SYS_recvfrom, right, got, 16, 0, &from, &length))) + got + text(length);
        saw += text(from.sin_port == a.sin_port) + text(from.sin_addr.s_addr);
        ::sendto(left, "again", 5, 0, reinterpret_cast<sockaddr*>(&b), sizeof b);
        length = 4;  // the address is cut, the length tells the whole
        saw += text(c(make(1, SYS_recvfrom, right, got, 2, MSG_TRUNC, &from, &length))) + text(length);
        msghdr message{};
        iovec piece{got, 16};
        message.msg_iov = &piece;
        message.msg_iovlen = 1;
        message.msg_name = &from;
        message.msg_namelen = sizeof from;
        ::sendto(left, "third", 5, 0, reinterpret_cast<sockaddr*>(&b), sizeof b);
        saw += text(c(make(1, SYS_recvmsg, right, &message, 0))) + text(message.msg_namelen);
        piece.iov_len = 5;
        message.msg_name = &b;
        message.msg_namelen = sizeof b;
        saw += text(c(make(1, SYS_sendmsg, left, &message, 0)));
        saw += text(c(make(1, SYS_recvmsg, right, nullptr, 0)));
        length = static_cast<socklen_t>(-1);
        saw += text(c(make(1, SYS_recvfrom, right, got, 2, 0, &from, &length)));
        close(left);
        close(right);
        return saw;
    });
}

TEST_F(TranslateTest, TimeAndWaiting) {
    same("sleeping", [](const Caller& c) {
        timespec brief{.tv_sec = 0, .tv_nsec = 1'000'000};
        timespec bad{.tv_sec = 0, .tv_nsec = 1'000'000'000};
        timespec past{.tv_sec = 1, .tv_nsec = 0};
        return text(c(make(1, SYS_nanosleep, &brief, nullptr))) + text(c(make(1, SYS_nanosleep, &bad, nullptr))) +
               text(c(make(1, SYS_nanosleep, nullptr, nullptr))) +
               text(c(make(1, SYS_clock_nanosleep, CLOCK_REALTIME, TIMER_ABSTIME, &past, nullptr))) +
               text(c(make(1, SYS_clock_nanosleep, CLOCK_MONOTONIC, 0, &brief, nullptr))) +
               text(c(make(1, SYS_clock_nanosleep, 99, 0, &brief, nullptr)));
    });
    same("poll", [](const Caller& c) {
        int fds[2];
        if (::pipe(fds) != 0 || ::write(fds[1], "x", 1) != 1) return std::string{};
        pollfd one{.fd = fds[0], .events = POLLIN, .revents = 0};
        std::string saw = text(c(make(1, SYS_poll, &one, 1, -1))) + text(one.revents);
        one.fd = 9999;
        saw += text(c(make(1, SYS_poll, &one, 1, -1))) + text(one.revents);
        one = {.fd = fds[0], .events = POLLOUT, .revents = 0};
        close(fds[1]);
        saw += text(c(make(1, SYS_poll, &one, 1, -1))) + text(one.revents);
        close(fds[0]);
        return saw + text(c(make(1, SYS_poll, nullptr, 0, 1)));
    });
    same("waitid", [](const Caller& c) {
        const pid_t child = ::fork();
        if (child == 0) ::_exit(7);
        siginfo_t info{};
        std::string saw = text(c(make(1, SYS_waitid, P_PID, child, &info, WEXITED, nullptr)));
        saw += text(info.si_status) + text(info.si_code) + text(info.si_pid == child);
        return saw + text(c(make(1, SYS_waitid, P_PID, child, &info, WEXITED, nullptr)));
    });
    same("epoll_ctl", [](const Caller& c) {
        const int set = ::epoll_create1(0);
        int fds[2];
        if (::pipe(fds) != 0) return std::string{};
        epoll_event event{.events = EPOLLIN, .data = {.u64 = 1}};
        std::string saw = text(c(make(1, SYS_epoll_ctl, set, EPOLL_CTL_ADD, fds[0], &event)));
        saw += text(c(make(1, SYS_epoll_ctl, set, EPOLL_CTL_ADD, fds[0], &event)));
        saw += text(c(make(1, SYS_epoll_ctl, set, 99, fds[0], &event))) + text(c(make(1, SYS_epoll_ctl, set, EPOLL_CTL_DEL, fds[0], nullptr)));
        for (int one : {set, fds[0], fds[1]}) close(one);
        return saw;
    });
    same("64-bit results", [](const Caller& c) {
        const int fd = file_with("f", "");
        const std::string saw = text(c(make(1, SYS_lseek, fd, 1ll << 40, SEEK_SET)));
        close(fd);
        return saw;
    });
}

}  // namespace
}  // namespace ksvc::test
