// SPDX-License-Identifier: MIT
//
// Coroutines over a ring: results, errors, time limits, cancellation, groups, many tasks, a ring
// per thread. And Tier 0: the loads agree with the calls, after fork and after setuid too.
#include "ksvc/async.h"

#include <fcntl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>

#include "ksvc/calls.h"
#include "ksvc/test/test_ring.h"
#include "ksvc/tier0.h"

namespace ksvc::test {
namespace {

using namespace std::chrono_literals;

void run_task(Task<void> task) {
    Executor executor(64);
    ASSERT_TRUE(executor.open());
    executor.spawn(std::move(task));
    ASSERT_TRUE(executor.run());
}

Task<int> read_all(const char* path, std::string& into) {
    const auto fd = co_await calls::open(path, O_RDONLY, 0);
    if (!fd) co_return static_cast<int>(fd.error());
    std::byte buffer[16];
    while (true) {
        const auto count = co_await calls::read(*fd, buffer);
        if (!count) co_return static_cast<int>(count.error());
        if (*count == 0) break;
        into.append(reinterpret_cast<const char*>(buffer), static_cast<size_t>(*count));
    }
    const auto closed = co_await calls::close(*fd);
    co_return closed ? 0 : -1;
}

TEST(Async, ReadsAFile) {
    std::string content;
    int error = -1;
    run_task([](std::string& into, int& result) -> Task<> { result = co_await read_all("/proc/self/stat", into); }(content, error));
    EXPECT_EQ(error, 0);
    EXPECT_TRUE(content.starts_with(std::to_string(::getpid())));
}

TEST(Async, EachWayDown) {
    for (const Way way : {Way::Device, Way::Uring, Way::Pool}) {
        Executor executor(64);
        if (auto opened = executor.open(way); !opened) {
            ASSERT_EQ(way, Way::Device);  // the others are everywhere
            EXPECT_NE(::access(KSVC_DEVICE_PATH, F_OK), 0);
            continue;
        }
        EXPECT_EQ(executor.way(), way);
        std::string content;
        int error = -1;
        executor.spawn([](std::string& into, int& result) -> Task<> { result = co_await read_all("/proc/self/stat", into); }(content, error));
        ASSERT_TRUE(executor.run());
        EXPECT_EQ(error, 0);
        EXPECT_TRUE(content.starts_with(std::to_string(::getpid())));
    }
}

// More tasks than the ring has room for, and one is stopped while its call waits for room.
TEST(Async, StoppedBeforeThereWasRoom) {
    Executor executor(16);
    ASSERT_TRUE(executor.open(Way::Uring));
    StopSource stop;
    int finished = 0;
    std::errc error{};
    for (int i = 0; i < 16; ++i)
        executor.spawn([](int& count) -> Task<> {
            const timespec brief{.tv_sec = 0, .tv_nsec = 20'000'000};
            if (co_await calls::nanosleep(&brief, nullptr)) ++count;
        }(finished));
    executor.spawn([](StopSource& source, std::errc& result) -> Task<> {
        const timespec day{.tv_sec = 86400, .tv_nsec = 0};
        if (auto slept = co_await calls::nanosleep(&day, nullptr).stoppable_by(source); !slept) result = slept.error();
    }(stop, error));
    executor.spawn([](StopSource& source) -> Task<> {
        source.request_stop();
        co_return;
    }(stop));
    ASSERT_TRUE(executor.run());
    EXPECT_EQ(finished, 16);
    EXPECT_EQ(error, std::errc::operation_canceled);
}

TEST(Async, ErrorsAreValues) {
    int error = 0;
    std::string nothing;
    run_task([](std::string& into, int& result) -> Task<> { result = co_await read_all("/absent", into); }(nothing, error));
    EXPECT_EQ(error, ENOENT);
}

TEST(Async, TimeLimit) {
    std::errc error{};
    std::chrono::steady_clock::duration took{};
    run_task([](std::errc& result, std::chrono::steady_clock::duration& time) -> Task<> {
        int fds[2];
        if (::pipe(fds) != 0) co_return;
        std::byte one[1];
        const auto before = std::chrono::steady_clock::now();
        const auto count = co_await with_timeout(calls::read(fds[0], one), 30ms);
        time = std::chrono::steady_clock::now() - before;
        result = count ? std::errc{} : count.error();
        ::close(fds[0]);
        ::close(fds[1]);
    }(error, took));
    EXPECT_EQ(error, std::errc::timed_out);
    EXPECT_GE(took, 30ms);
    EXPECT_LT(took, 10s);
}

TEST(Async, TimeLimitNotReached) {
    bool is_good = false;
    run_task([](bool& good) -> Task<> {
        std::byte zeros[4];
        const int fd = ::open("/dev/zero", O_RDONLY);
        const auto count = co_await calls::read(fd, zeros).within(20s);
        good = count && *count == 4;
        ::close(fd);
    }(is_good));
    EXPECT_TRUE(is_good);
}

TEST(Async, StopEndsACall) {
    Executor executor(16);
    ASSERT_TRUE(executor.open());
    StopSource stop;
    int fds[2];
    ASSERT_EQ(::pipe(fds), 0);
    std::errc first{};
    std::errc second{};
    executor.spawn([](int fd, StopSource& source, std::errc& one, std::errc& two) -> Task<> {
        std::byte byte[1];
        one = (co_await calls::read(fd, byte).stoppable_by(source)).error();
        two = (co_await calls::read(fd, byte).stoppable_by(source)).error();
    }(fds[0], stop, first, second));
    executor.spawn([](StopSource& source) -> Task<> {
        timespec pause{.tv_sec = 0, .tv_nsec = 10'000'000};
        (void)co_await calls::nanosleep(&pause, nullptr);
        source.request_stop();
    }(stop));
    ASSERT_TRUE(executor.run());
    EXPECT_EQ(first, std::errc::operation_canceled);
    EXPECT_EQ(second, std::errc::operation_canceled);
    ::close(fds[0]);
    ::close(fds[1]);
}

TEST(Async, LinkedGroup) {
    std::array<int64_t, 3> good{};
    std::array<int64_t, 3> broken{};
    run_task([](auto& one, auto& two) -> Task<> {
        int fds[2];
        if (::pipe(fds) != 0) co_return;
        std::byte got[2];
        const std::byte sent[2]{std::byte{'o'}, std::byte{'k'}};
        one = co_await in_order(calls::write(fds[1], sent), calls::read(fds[0], got), calls::close(fds[0]));
        two = co_await drained(calls::write(-1, sent), calls::fsync(fds[1]), calls::close(fds[1]));
        ::close(fds[1]);
    }(good, broken));
    EXPECT_EQ(good, (std::array<int64_t, 3>{2, 2, 0}));
    EXPECT_EQ(broken, (std::array<int64_t, 3>{-EBADF, -ECANCELED, -ECANCELED}));
}

// A thousand tasks over a ring of sixteen entries: who finds it full waits in line.
TEST(Async, MoreTasksThanEntries) {
    Executor executor(16);
    ASSERT_TRUE(executor.open());
    int done = 0;
    for (int i = 0; i < 1000; ++i) {
        executor.spawn([](int& count) -> Task<> {
            timespec pause{.tv_sec = 0, .tv_nsec = 1000};
            for (int round = 0; round < 3; ++round)
                if (co_await calls::nanosleep(&pause, nullptr)) ++count;
        }(done));
    }
    ASSERT_TRUE(executor.run());
    EXPECT_EQ(done, 3000);
}

TEST(Async, ARingPerThread) {
    std::atomic<int> done{0};
    const auto outcome = run_on_threads(3, [&](Executor& executor) {
        for (int i = 0; i < 50; ++i) {
            executor.spawn([](std::atomic<int>& count) -> Task<> {
                if (const auto tid = co_await calls::gettid(); tid && *tid == ::gettid()) ++count;
            }(done));
        }
    }, 32);
    ASSERT_TRUE(outcome);
    EXPECT_EQ(done, 150);
}

TEST(Tier0, AgreesWithTheCalls) {
    EXPECT_EQ(ksvc::getpid(), ::getpid());
    EXPECT_EQ(ksvc::getppid(), ::getppid());
    EXPECT_EQ(ksvc::getpgrp(), ::getpgrp());
    EXPECT_EQ(ksvc::getsid(), ::getsid(0));
    EXPECT_EQ(ksvc::getuid(), ::getuid());
    EXPECT_EQ(ksvc::getegid(), ::getegid());
    utsname names{};
    utsname plain{};
    ASSERT_TRUE(ksvc::uname(names));
    ::uname(&plain);
    EXPECT_STREQ(names.nodename, plain.nodename);
    EXPECT_FALSE(ksvc::getrlimit(9999));
    timespec before{};
    ::clock_gettime(CLOCK_MONOTONIC, &before);
    const auto now = ksvc::clock_gettime(CLOCK_MONOTONIC);
    ASSERT_TRUE(now);
    EXPECT_GE(now->tv_sec * 1'000'000'000 + now->tv_nsec, before.tv_sec * 1'000'000'000 + before.tv_nsec);
}

// In a child of its own, so that the test's process keeps its identity. Exit status 0: all agreed.
int in_child(int (*body)()) {
    const pid_t child = ::fork();
    if (child == 0) ::_exit(body());
    int status = -1;
    ::waitpid(child, &status, 0);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

TEST(Tier0, RightAfterFork) {
    (void)ksvc::getpid();
    EXPECT_EQ(in_child([] {
        if (ksvc::getpid() != static_cast<pid_t>(trap(SYS_getpid))) return 1;
        if (ksvc::getppid() != static_cast<pid_t>(trap(SYS_getppid))) return 2;
        return in_child([] { return ksvc::getpid() == static_cast<pid_t>(trap(SYS_getpid)) ? 0 : 1; }) == 0 ? 0 : 3;
    }), 0);
}

TEST(Tier0, NeverStaleAfterSetuid) {
    if (::getuid() != 0) GTEST_SKIP() << "changing the user id takes root";
    EXPECT_EQ(in_child([] {
        (void)ksvc::getuid();
        if (::setuid(65534) != 0) return 1;
        return ksvc::getuid() == 65534 && ksvc::geteuid() == 65534 ? 0 : 2;
    }), 0);
}

TEST(Tier0, CachedPageIsRefreshedByForkAndByHand) {
    EXPECT_EQ(in_child([] {
        cache_identity();
        if (ksvc::getuid() != ::getuid() || ksvc::getppid() != ::getppid()) return 1;
        if (::setsid() < 0) return 2;
        refresh_identity();
        if (ksvc::getsid() != ::getsid(0) || ksvc::getpgrp() != ::getpgrp()) return 3;
        return in_child([] { return ksvc::getppid() == ::getppid() && ksvc::getuid() == ::getuid() ? 0 : 4; });
    }), 0);
}

}  // namespace
}  // namespace ksvc::test
