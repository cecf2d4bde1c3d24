// SPDX-License-Identifier: MIT
//
// Every call that goes by io_uring, on bad arguments: the errno is that of the plain call. The table
// must name every call of Tier 1, so that a new one cannot come without. And what translate_test.cpp
// has no room for: openat2, madvise, time limits of sockets, signals of a worker's call.
#include <fcntl.h>
#include <linux/openat2.h>
#include <poll.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>
#include <set>

#include "ksvc/test/test_ring.h"
#include "ksvc/uring_translate.h"

namespace ksvc::test {
namespace {

class TranslateErrorsTest : public testing::Test {
protected:
    void SetUp() override {
        ASSERT_TRUE(ring_.open());
        char pattern[] = "/tmp/ksvc-test-XXXXXX";
        directory_ = mkdtemp(pattern);
        ASSERT_EQ(chdir(directory_.c_str()), 0);
        file_ = ::open("f", O_RDWR | O_CREAT, 0644);
        ASSERT_EQ(::pwrite(file_, "hello", 5, 0), 5);
        folder_ = ::open(".", O_RDONLY | O_DIRECTORY);
        ASSERT_EQ(::pipe2(pipe_, O_NONBLOCK), 0);
        socket_ = ::socket(AF_INET, SOCK_STREAM, 0);
    }
    void TearDown() override {
        for (int fd : {file_, folder_, pipe_[0], pipe_[1], socket_}) ::close(fd);
        ASSERT_EQ(chdir("/"), 0);
        std::filesystem::remove_all(directory_);
    }
    Default ring_{32};
    std::string directory_;
    int file_ = -1;
    int folder_ = -1;
    int pipe_[2] = {-1, -1};
    int socket_ = -1;
};

constexpr int kNoSuch = 9999;     // no descriptor
constexpr int64_t kNowhere = 16;  // no memory

TEST_F(TranslateErrorsTest, EveryCallFailsAsByTrap) {
    char bytes[64] = {};
    iovec piece{bytes, 8};
    msghdr message{};
    sockaddr address{};
    struct stat status;
    struct statx status_x;
    epoll_event event{.events = EPOLLIN, .data = {.u64 = 0}};
    siginfo_t info;
    open_how how{.flags = O_RDONLY, .mode = 0, .resolve = 0};
    open_how bad_how{.flags = O_RDONLY, .mode = 0, .resolve = 1 << 20};
    const timespec bad_time{.tv_sec = -1, .tv_nsec = 0};
    void* const page = ::mmap(nullptr, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    ASSERT_NE(page, MAP_FAILED);
    const Entry rows[] = {
        make(1, SYS_read, kNoSuch, bytes, 8), make(1, SYS_read, file_, kNowhere, 5), make(1, SYS_read, folder_, bytes, 8),
        make(1, SYS_write, kNoSuch, bytes, 8), make(1, SYS_write, file_, kNowhere, 5), make(1, SYS_write, folder_, bytes, 8),
        make(1, SYS_pread64, kNoSuch, bytes, 8, 0), make(1, SYS_pread64, file_, bytes, 8, -2), make(1, SYS_pread64, pipe_[0], bytes, 8, 0),
        make(1, SYS_pwrite64, kNoSuch, bytes, 8, 0), make(1, SYS_pwrite64, file_, bytes, 8, -2), make(1, SYS_pwrite64, pipe_[1], bytes, 8, 0),
        make(1, SYS_readv, kNoSuch, &piece, 1), make(1, SYS_readv, file_, kNowhere, 1), make(1, SYS_readv, file_, &piece, -1),
        make(1, SYS_writev, kNoSuch, &piece, 1), make(1, SYS_writev, file_, kNowhere, 1), make(1, SYS_writev, file_, &piece, 2000),
        make(1, SYS_preadv, pipe_[0], &piece, 1, 0, 0), make(1, SYS_preadv, file_, &piece, 1, -3, -1),
        make(1, SYS_pwritev, pipe_[1], &piece, 1, 0, 0), make(1, SYS_pwritev, kNoSuch, &piece, 1, 0, 0),
        make(1, SYS_preadv2, file_, &piece, 1, 0, 0, 1 << 30), make(1, SYS_preadv2, kNoSuch, &piece, 1, -1, -1, 0),
        make(1, SYS_pwritev2, file_, &piece, 1, 0, 0, 1 << 30), make(1, SYS_pwritev2, pipe_[1], &piece, 1, 0, 0, 0),
        make(1, SYS_fsync, kNoSuch), make(1, SYS_fsync, pipe_[0]), make(1, SYS_fdatasync, kNoSuch), make(1, SYS_fdatasync, socket_),
        make(1, SYS_sync_file_range, kNoSuch, 0, 1, 2), make(1, SYS_sync_file_range, pipe_[0], 0, 1, 2),
        make(1, SYS_sync_file_range, file_, -1, 1, 2), make(1, SYS_sync_file_range, file_, 0, -5, 2),
        make(1, SYS_fallocate, kNoSuch, 0, 0, 1), make(1, SYS_fallocate, pipe_[1], 0, 0, 1), make(1, SYS_fallocate, file_, 0, 0, 0),
        make(1, SYS_ftruncate, kNoSuch, 0), make(1, SYS_ftruncate, folder_, 0), make(1, SYS_ftruncate, file_, -7),
        make(1, SYS_fadvise64, kNoSuch, 0, 0, 0), make(1, SYS_fadvise64, pipe_[0], 0, 0, 0), make(1, SYS_fadvise64, file_, 0, 0, 50),
        make(1, SYS_madvise, page, 4096, 9999), make(1, SYS_madvise, 1, 4096, MADV_NORMAL),
        make(1, SYS_madvise, kNowhere << 12, 4096, MADV_WILLNEED), make(1, SYS_madvise, page, 1ll << 40, MADV_NORMAL),
        make(1, SYS_splice, kNoSuch, 0, pipe_[1], 0, 1, 0), make(1, SYS_splice, file_, 0, folder_, 0, 1, 0),
        make(1, SYS_splice, pipe_[0], 0, pipe_[1], 0, 1, 0), make(1, SYS_splice, file_, 0, pipe_[1], 0, 1, 1 << 20),
        make(1, SYS_tee, kNoSuch, pipe_[1], 1, 0), make(1, SYS_tee, pipe_[0], file_, 1, 0), make(1, SYS_tee, pipe_[0], pipe_[1], 1, 1 << 20),
        make(1, SYS_close, kNoSuch), make(1, SYS_close, -1), make(1, SYS_pipe2, kNowhere, 0), make(1, SYS_pipe2, bytes, 1 << 30),
        make(1, SYS_epoll_ctl, kNoSuch, EPOLL_CTL_ADD, pipe_[0], &event), make(1, SYS_epoll_ctl, file_, EPOLL_CTL_ADD, pipe_[0], &event),
        make(1, SYS_epoll_ctl, kNoSuch, EPOLL_CTL_ADD, pipe_[0], kNowhere),
        make(1, SYS_open, "absent/x", O_RDONLY), make(1, SYS_open, kNowhere, O_RDONLY), make(1, SYS_open, "f/x", O_RDONLY),
        make(1, SYS_creat, "absent/x", 0600), make(1, SYS_creat, ".", 0600), make(1, SYS_openat, kNoSuch, "f", O_RDONLY),
        make(1, SYS_openat, file_, "f", O_RDONLY), make(1, SYS_openat, folder_, "f", O_CREAT | O_EXCL, 0600),
        make(1, SYS_openat2, folder_, "f", &how, 8), make(1, SYS_openat2, folder_, "f", &bad_how, sizeof bad_how),
        make(1, SYS_openat2, kNoSuch, "f", &how, sizeof how), make(1, SYS_openat2, folder_, "f", kNowhere, sizeof how),
        make(1, SYS_openat2, folder_, "f", &how, 1ll << 33),
        make(1, SYS_stat, "absent", &status), make(1, SYS_stat, "f/x", &status), make(1, SYS_stat, "f", nullptr),
        make(1, SYS_lstat, "absent", &status), make(1, SYS_lstat, kNowhere, &status), make(1, SYS_fstat, kNoSuch, &status),
        make(1, SYS_newfstatat, folder_, "f", &status, 1 << 30), make(1, SYS_newfstatat, kNoSuch, "f", &status, 0),
        make(1, SYS_newfstatat, folder_, "", &status, 0),
        make(1, SYS_statx, folder_, "absent", 0, STATX_BASIC_STATS, &status_x), make(1, SYS_statx, folder_, "f", 0, 0x80000000, &status_x),
        make(1, SYS_statx, folder_, "f", 0, STATX_BASIC_STATS, kNowhere),
        make(1, SYS_rename, "absent", "g"), make(1, SYS_rename, "f", kNowhere), make(1, SYS_renameat, kNoSuch, "f", folder_, "g"),
        make(1, SYS_renameat2, folder_, "f", folder_, "g", 1 << 20), make(1, SYS_renameat2, folder_, "f", folder_, "g", 3),
        make(1, SYS_unlink, "absent"), make(1, SYS_unlink, "."), make(1, SYS_rmdir, "f"), make(1, SYS_rmdir, "."),
        make(1, SYS_unlinkat, folder_, "f", 1), make(1, SYS_unlinkat, kNoSuch, "f", 0),
        make(1, SYS_mkdir, "f", 0700), make(1, SYS_mkdir, "absent/d", 0700), make(1, SYS_mkdirat, kNoSuch, "d", 0700),
        make(1, SYS_mkdirat, folder_, kNowhere, 0700),
        make(1, SYS_symlink, "x", "f"), make(1, SYS_symlink, "", "s"), make(1, SYS_symlinkat, "x", kNoSuch, "s"),
        make(1, SYS_link, "absent", "l"), make(1, SYS_link, "f", "f"), make(1, SYS_linkat, folder_, "f", kNoSuch, "l", 0),
        make(1, SYS_linkat, folder_, "f", folder_, "l", 1 << 20),
        make(1, SYS_socket, AF_INET, 77, 0), make(1, SYS_socket, AF_INET, SOCK_STREAM, 999), make(1, SYS_socket, -1, SOCK_STREAM, 0),
        make(1, SYS_bind, file_, &address, sizeof address), make(1, SYS_bind, socket_, kNowhere, 16), make(1, SYS_bind, socket_, &address, -1),
        make(1, SYS_listen, file_, 1), make(1, SYS_listen, kNoSuch, 1),
        make(1, SYS_connect, file_, &address, sizeof address), make(1, SYS_connect, socket_, kNowhere, 16),
        make(1, SYS_connect, socket_, &address, 1000), make(1, SYS_accept, file_, nullptr, nullptr), make(1, SYS_accept, socket_, nullptr, nullptr),
        make(1, SYS_accept4, socket_, nullptr, nullptr, 1 << 20), make(1, SYS_accept4, kNoSuch, nullptr, nullptr, 0),
        make(1, SYS_sendto, socket_, bytes, 1, MSG_NOSIGNAL, nullptr, 0), make(1, SYS_sendto, kNoSuch, bytes, 1, 0, nullptr, 0),
        make(1, SYS_sendto, socket_, bytes, 1, MSG_NOSIGNAL, kNowhere, 16), make(1, SYS_recvfrom, socket_, bytes, 1, 0, nullptr, nullptr),
        make(1, SYS_recvfrom, file_, bytes, 1, 0, nullptr, nullptr), make(1, SYS_recvfrom, socket_, bytes, 1, MSG_OOB, nullptr, nullptr),
        make(1, SYS_sendmsg, socket_, kNowhere, 0), make(1, SYS_sendmsg, kNoSuch, &message, 0), make(1, SYS_sendmsg, socket_, &message, 0x80000000 | MSG_NOSIGNAL),
        make(1, SYS_recvmsg, socket_, kNowhere, 0), make(1, SYS_recvmsg, file_, &message, 0), make(1, SYS_recvmsg, socket_, &message, 0x80000000),
        make(1, SYS_setxattr, "f", "nonsense", "v", 1, 0), make(1, SYS_setxattr, "f", "user.k", "v", 1, 77), make(1, SYS_setxattr, "absent", "user.k", "v", 1, 0),
        make(1, SYS_setxattr, "f", "user.k", "v", 1 << 20, 0), make(1, SYS_fsetxattr, kNoSuch, "user.k", "v", 1, 0),
        make(1, SYS_fsetxattr, file_, "user.k", kNowhere, 1, 0), make(1, SYS_getxattr, "f", "user.none", bytes, 8), make(1, SYS_getxattr, "f", kNowhere, bytes, 8),
        make(1, SYS_fgetxattr, kNoSuch, "user.k", bytes, 8), make(1, SYS_fgetxattr, file_, "", bytes, 8),
        make(1, SYS_nanosleep, &bad_time, nullptr), make(1, SYS_nanosleep, kNowhere, nullptr),
        make(1, SYS_clock_nanosleep, CLOCK_MONOTONIC, 0, &bad_time, nullptr), make(1, SYS_clock_nanosleep, 77, 0, &bad_time, nullptr),
        make(1, SYS_poll, kNowhere, 1, -1), make(1, SYS_waitid, P_PID, ::getpid(), &info, WEXITED, nullptr),
        make(1, SYS_waitid, 77, 0, &info, WEXITED, nullptr), make(1, SYS_waitid, P_ALL, 0, &info, 0, nullptr),
        // Last, for it marks the socket although it fails.
        make(1, SYS_shutdown, socket_, SHUT_RD), make(1, SYS_shutdown, file_, SHUT_RD), make(1, SYS_shutdown, kNoSuch, 0),
    };
    std::set<uint32_t> seen;
    for (const Entry& row : rows) {
        seen.insert(row.syscall_nr);
        const int64_t plain = trap(row);
        const int64_t by_ring = run(ring_, row);
        EXPECT_LT(plain, 0) << "not an error: call " << row.syscall_nr << " of " << row.args[0];
        EXPECT_EQ(plain, by_ring) << "call " << row.syscall_nr << " with " << static_cast<int64_t>(row.args[0]) << ", "
                                  << static_cast<int64_t>(row.args[1]) << ", " << static_cast<int64_t>(row.args[2]) << ", "
                                  << static_cast<int64_t>(row.args[3]) << ", " << static_cast<int64_t>(row.args[4]);
    }
    for (uint32_t nr = 0; nr < kCallLimit; ++nr)
        if (uring_operation(nr) >= 0) EXPECT_TRUE(seen.contains(nr)) << "no error of call " << nr << " is compared";
    ::munmap(page, 4096);
}

TEST_F(TranslateErrorsTest, Openat2) {
    for (const uint64_t resolve : {0, RESOLVE_BENEATH, RESOLVE_NO_SYMLINKS, RESOLVE_IN_ROOT}) {
        for (const char* path : {"f", "to-f", "../f", "/etc/hostname", "absent"}) {
            (void)::symlink("f", "to-f");
            open_how how{.flags = O_RDONLY | O_CLOEXEC, .mode = 0, .resolve = resolve};
            const Entry entry = make(1, SYS_openat2, folder_, path, &how, sizeof how);
            const auto fds = std::pair(static_cast<int>(trap(entry)), static_cast<int>(run(ring_, entry)));
            EXPECT_EQ(fds.first < 0 ? fds.first : 0, fds.second < 0 ? fds.second : 0) << path << " " << resolve;
            if (fds.first < 0 || fds.second < 0) continue;
            struct stat status[2];
            ASSERT_EQ(::fstat(fds.first, &status[0]) | ::fstat(fds.second, &status[1]), 0);
            EXPECT_EQ(status[0].st_ino, status[1].st_ino);
            EXPECT_EQ(::fcntl(fds.second, F_GETFD), FD_CLOEXEC);
            ::close(fds.first);
            ::close(fds.second);
        }
    }
}

TEST_F(TranslateErrorsTest, MadviseDropsThePages) {
    auto* const page = static_cast<char*>(::mmap(nullptr, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
    ASSERT_NE(page, MAP_FAILED);
    page[5] = 'x';
    EXPECT_EQ(run(ring_, make(1, SYS_madvise, page, 4096, MADV_WILLNEED)), 0);
    EXPECT_EQ(page[5], 'x');
    EXPECT_EQ(run(ring_, make(1, SYS_madvise, page, 4096, MADV_DONTNEED)), 0);
    EXPECT_EQ(page[5], 0);
    ::munmap(page, 4096);
}

// io_uring does not know SO_RCVTIMEO; a ring that trusts does not look for it.
TEST_F(TranslateErrorsTest, TimeLimitsOfSocketsEndTheCall) {
    int ends[2];
    ASSERT_EQ(::socketpair(AF_UNIX, SOCK_STREAM, 0, ends), 0);
    const timeval limit{.tv_sec = 0, .tv_usec = 30'000};
    ASSERT_EQ(::setsockopt(ends[0], SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit), 0);
    char byte;
    iovec piece{&byte, 1};
    msghdr message{};
    message.msg_iov = &piece;
    message.msg_iovlen = 1;
    for (const Entry& entry : {make(1, SYS_recvfrom, ends[0], &byte, 1, 0, nullptr, nullptr), make(1, SYS_recvmsg, ends[0], &message, 0),
                               make(1, SYS_read, ends[0], &byte, 1), make(1, SYS_readv, ends[0], &piece, 1)})
        EXPECT_EQ(run(ring_, entry), -EAGAIN) << entry.syscall_nr;
    ring_.backend().set_trusting(true);
    ASSERT_TRUE(ring_.submit(make(9, SYS_recvfrom, ends[0], &byte, 1, 0, nullptr, nullptr)));
    EXPECT_EQ(ring_.wait(1, std::chrono::milliseconds{80}).error(), kTimeIsUp);
    ASSERT_EQ(::write(ends[1], "y", 1), 1);
    ASSERT_TRUE(ring_.wait(1, std::chrono::seconds{20}));
    EXPECT_EQ(ring_.peek()->result, 1);
    ring_.advance(1);
    ::close(ends[0]);
    ::close(ends[1]);
}

volatile sig_atomic_t caught;
volatile sig_atomic_t caught_by;

// A worker blocks signals; what its call sent to it comes to the ring's owner with the result.
TEST(WorkerSignals, ComeToTheOwner) {
    Pooled ring(16);
    ASSERT_TRUE(ring.open());
    int fds[2];
    ASSERT_EQ(::pipe(fds), 0);
    ::close(fds[0]);
    struct sigaction action{};
    struct sigaction before{};
    action.sa_handler = [](int number) {
        caught = number;
        caught_by = ::gettid();
    };
    ::sigaction(SIGPIPE, &action, &before);
    caught = 0;
    EXPECT_EQ(call(ring, SYS_write, fds[1], "x", 1), -EPIPE);
    EXPECT_EQ(caught, SIGPIPE);
    EXPECT_EQ(caught_by, ::gettid());
    ::sigaction(SIGPIPE, &before, nullptr);
    ::close(fds[1]);
}

}  // namespace
}  // namespace ksvc::test
