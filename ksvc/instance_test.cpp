// SPDX-License-Identifier: MIT
//
// The instance, over every composition that runs on the host: completions are neither lost nor
// doubled, LINKED and DRAIN hold across tiers, back pressure, cancellation, time limits.
#include "ksvc/instance.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <map>

#include "ksvc/test/test_ring.h"

namespace ksvc::test {
namespace {

using Inline = Instance<ProbingRouter, NoBackend, InlinePool, FutexNotifier, RingSink, HeapBuffers, NoPage>;
using FixedOnly = Instance<ProbingRouter, NoBackend, FixedPool, EventfdNotifier, RingSink, HeapBuffers, FilledPage>;
using Polling = Instance<ProbingRouter, PollingUring, GrowingPool, EventfdNotifier, RingSink, HeapBuffers, FilledPage>;
using Full = Instance<ProbingRouter, FullUring, GrowingPool, EventfdNotifier, RingSink, HeapBuffers, FilledPage>;
using Issuer = Instance<ProbingRouter, ServerUring, FixedPool, EventfdNotifier, RingSink, HeapBuffers, CachedPage>;
using Static = Instance<StaticRouter, BasicUring, GrowingPool, EventfdNotifier, RingSink, HeapBuffers, NoPage>;

template <class I>
class InstanceTest : public testing::Test {
protected:
    void SetUp() override {
        ring = std::make_unique<I>(64);
        const auto opened = ring->open();
        ASSERT_TRUE(opened) << "errno " << static_cast<int>(opened.error());
    }
    std::unique_ptr<I> ring;
};
using Compositions = testing::Types<Default, Pooled, Inline, FixedOnly, Polling, Full, Issuer, Static>;
TYPED_TEST_SUITE(InstanceTest, Compositions);

TYPED_TEST(InstanceTest, NopReturnsZero) {
    EXPECT_EQ(call(*this->ring, KSVC_NR_NOP), 0);
}

TYPED_TEST(InstanceTest, GetpidIsOurs) { EXPECT_EQ(call(*this->ring, SYS_getpid), ::getpid()); }

TYPED_TEST(InstanceTest, UnknownCallIsEnosys) {
    EXPECT_EQ(call(*this->ring, 500), -ENOSYS);
    EXPECT_EQ(call(*this->ring, 100000), -ENOSYS);
}

TYPED_TEST(InstanceTest, ForkIsRefused) { EXPECT_EQ(call(*this->ring, SYS_fork), -ENOSYS); }

TYPED_TEST(InstanceTest, UnknownFlagIsEinval) {
    Entry entry = make(1, KSVC_NR_NOP);
    entry.flags = 1u << 20;
    EXPECT_EQ(run(*this->ring, entry), -EINVAL);
}

TYPED_TEST(InstanceTest, EveryCorrIdComesBack) {
    for (uint64_t id : std::initializer_list<uint64_t>{0, 1, (1ull << 62) - 1, 1ull << 62, 1ull << 63, ~0ull})
        EXPECT_EQ(run(*this->ring, make(id, KSVC_NR_NOP)), 0) << id;
}

TYPED_TEST(InstanceTest, NothingIsLostOrDoubled) {
    std::map<uint64_t, int> seen;
    uint64_t next = 0;
    constexpr uint64_t kCount = 5000;
    constexpr uint32_t kCalls[] = {KSVC_NR_NOP, SYS_getpid, SYS_getuid, SYS_sched_yield, SYS_umask};
    const int64_t mask = trap(SYS_umask, 022);
    while (seen.size() < kCount) {
        while (next < kCount && this->ring->submit(make(next, kCalls[next % 5], 022))) ++next;
        ASSERT_TRUE(this->ring->wait(1, std::chrono::seconds{20}));
        while (const Completion* done = this->ring->peek()) {
            ++seen[done->corr_id];
            ASSERT_GE(done->result, 0);
            this->ring->advance(1);
        }
    }
    for (const auto& [id, count] : seen) ASSERT_EQ(count, 1) << id;
    EXPECT_EQ(this->ring->running(), 0u);
    EXPECT_EQ(this->ring->accepted(), 0u);
    trap(SYS_umask, static_cast<uint64_t>(mask));
}

TYPED_TEST(InstanceTest, FullRingPushesBack) {
    for (int i = 0; i < 64; ++i) ASSERT_TRUE(this->ring->submit(make(1, KSVC_NR_NOP)));
    EXPECT_FALSE(this->ring->submit(make(1, KSVC_NR_NOP)));
    ASSERT_TRUE(this->ring->wait(64, std::chrono::seconds{20}));
    EXPECT_FALSE(this->ring->submit(make(1, KSVC_NR_NOP)));
    this->ring->advance(1);
    EXPECT_TRUE(this->ring->submit(make(1, KSVC_NR_NOP)));
    ASSERT_TRUE(this->ring->wait(64, std::chrono::seconds{20}));
}

TYPED_TEST(InstanceTest, LinkedRunsInOrder) {
    int fds[2];
    ASSERT_EQ(pipe(fds), 0);
    char letters[4] = "abc";
    for (int i = 0; i < 3; ++i) {
        Entry entry = make(static_cast<uint64_t>(i), SYS_write, fds[1], letters + i, 1);
        if (i < 2) entry.flags = KSVC_ENTRY_LINKED;
        ASSERT_TRUE(this->ring->submit(entry));
    }
    ASSERT_TRUE(this->ring->wait(3, std::chrono::seconds{20}));
    char got[4] = {};
    EXPECT_EQ(::read(fds[0], got, 3), 3);
    EXPECT_STREQ(got, "abc");
    close(fds[0]);
    close(fds[1]);
}

TYPED_TEST(InstanceTest, LinkedBreaksAtAnError) {
    char letter = 'x';
    Entry first = make(1, SYS_write, -1, &letter, 1);
    first.flags = KSVC_ENTRY_LINKED;
    Entry second = make(2, KSVC_NR_NOP);
    second.flags = KSVC_ENTRY_LINKED;
    ASSERT_TRUE(this->ring->submit(first));
    ASSERT_TRUE(this->ring->submit(second));
    ASSERT_TRUE(this->ring->submit(make(3, KSVC_NR_NOP)));
    ASSERT_TRUE(this->ring->submit(make(4, KSVC_NR_NOP)));
    ASSERT_TRUE(this->ring->wait(4, std::chrono::seconds{20}));
    std::map<uint64_t, int64_t> results;
    while (const Completion* done = this->ring->peek()) {
        results[done->corr_id] = done->result;
        this->ring->advance(1);
    }
    EXPECT_EQ(results, (std::map<uint64_t, int64_t>{{1, -EBADF}, {2, -ECANCELED}, {3, -ECANCELED}, {4, 0}}));
}

TYPED_TEST(InstanceTest, ShortReadKeepsTheChain) {
    int fds[2];
    ASSERT_EQ(pipe(fds), 0);
    ASSERT_EQ(::write(fds[1], "ab", 2), 2);
    char got[8];
    Entry first = make(1, SYS_read, fds[0], got, 8);
    first.flags = KSVC_ENTRY_LINKED;
    ASSERT_TRUE(this->ring->submit(first));
    ASSERT_TRUE(this->ring->submit(make(2, SYS_getpid)));
    ASSERT_TRUE(this->ring->wait(2, std::chrono::seconds{20}));
    EXPECT_EQ(this->ring->peek(0)->result, 2);
    EXPECT_EQ(this->ring->peek(1)->result, ::getpid());
    close(fds[0]);
    close(fds[1]);
}

TYPED_TEST(InstanceTest, DrainIsABarrier) {
    int fds[2];
    ASSERT_EQ(pipe(fds), 0);
    timespec pause{.tv_sec = 0, .tv_nsec = 20'000'000};
    ASSERT_TRUE(this->ring->submit(make(1, SYS_nanosleep, &pause, nullptr)));
    Entry barrier = make(2, KSVC_NR_NOP);
    barrier.flags = KSVC_ENTRY_DRAIN;
    ASSERT_TRUE(this->ring->submit(barrier));
    ASSERT_TRUE(this->ring->submit(make(3, KSVC_NR_NOP)));
    ASSERT_TRUE(this->ring->wait(3, std::chrono::seconds{20}));
    for (uint64_t id = 1; id <= 3; ++id) EXPECT_EQ(this->ring->peek(static_cast<uint32_t>(id - 1))->corr_id, id);
    close(fds[0]);
    close(fds[1]);
}

TYPED_TEST(InstanceTest, WaitForMoreThanCanComeIsEdeadlk) {
    ASSERT_TRUE(this->ring->submit(make(1, KSVC_NR_NOP)));
    const auto waited = this->ring->wait(2, std::chrono::seconds{20});
    ASSERT_FALSE(waited);
    EXPECT_EQ(waited.error(), std::errc::resource_deadlock_would_occur);
}

// The rest needs calls that block while the submitter goes on.
template <class I>
class BlockingTest : public InstanceTest<I> {};
using Blocking = testing::Types<Default, Pooled, FixedOnly, Polling, Full, Issuer>;
TYPED_TEST_SUITE(BlockingTest, Blocking);

TYPED_TEST(BlockingTest, TimeLimitOfWait) {
    int fds[2];
    ASSERT_EQ(pipe(fds), 0);
    char got;
    ASSERT_TRUE(this->ring->submit(make(1, SYS_read, fds[0], &got, 1)));
    const auto waited = this->ring->wait(1, std::chrono::milliseconds{20});
    ASSERT_FALSE(waited);
    EXPECT_EQ(waited.error(), kTimeIsUp);
    ASSERT_EQ(::write(fds[1], "z", 1), 1);
    ASSERT_TRUE(this->ring->wait(1, std::chrono::seconds{20}));
    EXPECT_EQ(this->ring->peek()->result, 1);
    EXPECT_EQ(got, 'z');
    close(fds[0]);
    close(fds[1]);
}

// One call with a worker, one in the kernel: either ends the wait.
TYPED_TEST(BlockingTest, WaitsOnBothAtOnce) {
    int fds[2];
    ASSERT_EQ(pipe(fds), 0);
    for (bool kernel_first : {true, false}) {
        char got = 0;
        Entry in_kernel = make(1, SYS_read, fds[0], &got, 1);
        pollfd many[2] = {{.fd = -1, .events = 0, .revents = 0}, {.fd = -1, .events = 0, .revents = 0}};
        const Entry with_worker = make(2, SYS_poll, many, 2, kernel_first ? 100 : 20);
        ASSERT_TRUE(this->ring->submit(in_kernel));
        ASSERT_TRUE(this->ring->submit(with_worker));
        ASSERT_TRUE(this->ring->flush());
        if (kernel_first) ASSERT_EQ(::write(fds[1], "k", 1), 1);
        ASSERT_TRUE(this->ring->wait(1, std::chrono::seconds{20}));
        EXPECT_EQ(this->ring->peek()->corr_id, kernel_first ? 1u : 2u);
        if (!kernel_first) ASSERT_EQ(::write(fds[1], "k", 1), 1);
        ASSERT_TRUE(this->ring->wait(2, std::chrono::seconds{20}));
        this->ring->advance(2);
    }
    close(fds[0]);
    close(fds[1]);
}

TYPED_TEST(BlockingTest, CancelOfNothingIsEnoent) {
    EXPECT_EQ(this->ring->cancel(99).error(), std::errc::no_such_file_or_directory);
}

TYPED_TEST(BlockingTest, CancelledBehindABarrier) {
    timespec pause{.tv_sec = 0, .tv_nsec = 30'000'000};
    ASSERT_TRUE(this->ring->submit(make(1, SYS_nanosleep, &pause, nullptr)));
    Entry barrier = make(2, KSVC_NR_NOP);
    barrier.flags = KSVC_ENTRY_DRAIN;
    ASSERT_TRUE(this->ring->submit(barrier));
    EXPECT_EQ(this->ring->cancel(2).value_or(0), 1u);
    ASSERT_TRUE(this->ring->wait(2, std::chrono::seconds{20}));
    EXPECT_EQ(this->ring->peek(1)->result, -ECANCELED);
}

TYPED_TEST(BlockingTest, ManyShots) {
    const int listener = socket(AF_UNIX, SOCK_STREAM, 0);
    struct { sa_family_t family = AF_UNIX; char path[108] = {}; } address;
    snprintf(address.path + 1, 100, "ksvc-multi-%d", ::getpid());
    ASSERT_EQ(bind(listener, reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
    ASSERT_EQ(listen(listener, 8), 0);
    Entry entry = make(5, SYS_accept, listener, nullptr, nullptr);
    entry.flags = KSVC_ENTRY_MULTI;
    ASSERT_TRUE(this->ring->submit(entry));
    ASSERT_TRUE(this->ring->flush());
    int clients[3];
    for (int& client : clients) {
        client = socket(AF_UNIX, SOCK_STREAM, 0);
        ASSERT_EQ(connect(client, reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
        ASSERT_TRUE(this->ring->wait(1, std::chrono::seconds{20}));
        const Completion* done = this->ring->peek();
        EXPECT_GE(done->result, 0);
        EXPECT_EQ(done->flags, KSVC_COMPLETION_MORE);
        close(static_cast<int>(done->result));
        this->ring->advance(1);
    }
    shutdown(listener, SHUT_RDWR);  // ends a worker's accept; io_uring's ends by cancel too
    (void)this->ring->cancel(5);
    ASSERT_TRUE(this->ring->wait(1, std::chrono::seconds{20}));
    EXPECT_LT(this->ring->peek()->result, 0);
    EXPECT_EQ(this->ring->peek()->flags, 0u);
    for (int client : clients) close(client);
    close(listener);
}

TEST(Uring, CancelReachesTheKernel) {
    Default ring(16);
    ASSERT_TRUE(ring.open());
    int fds[2];
    ASSERT_EQ(pipe(fds), 0);
    char got;
    ASSERT_TRUE(ring.submit(make(3, SYS_read, fds[0], &got, 1)));
    EXPECT_EQ(ring.cancel(3).value_or(0), 1u);
    ASSERT_TRUE(ring.wait(1, std::chrono::seconds{20}));
    EXPECT_EQ(ring.peek()->result, -ECANCELED);
    close(fds[0]);
    close(fds[1]);
}

TEST(Uring, ForcedTiersGiveTheSame) {
    Default ring(16);
    ASSERT_TRUE(ring.open());
    const int fd = ::open("/dev/zero", O_RDONLY);
    char got[10];
    EXPECT_EQ(ring.tier(SYS_read), Tier::Kernel);
    for (Tier tier : {Tier::Kernel, Tier::Pool, Tier::Trap}) {
        ASSERT_TRUE(ring.force(SYS_read, tier));
        EXPECT_EQ(ring.tier(SYS_read), tier);
        EXPECT_EQ(call(ring, SYS_read, fd, got, sizeof got), 10);
    }
    EXPECT_FALSE(ring.force(SYS_read, Tier::SharedPage));
    EXPECT_FALSE(ring.force(SYS_gettid, Tier::Pool));
    EXPECT_EQ(call(ring, SYS_gettid), ::gettid());
    close(fd);
}

TEST(Uring, EventFdTellsOfBothTiers) {
    Default ring(16);
    ASSERT_TRUE(ring.open());
    const auto fd = ring.event_fd();
    ASSERT_TRUE(fd);
    for (Tier tier : {Tier::Kernel, Tier::Pool}) {
        ASSERT_TRUE(ring.force(KSVC_NR_NOP, tier));
        ASSERT_TRUE(ring.submit(make(1, KSVC_NR_NOP)));
        ASSERT_TRUE(ring.flush());
        pollfd descriptor{.fd = *fd, .events = POLLIN, .revents = 0};
        ASSERT_EQ(::poll(&descriptor, 1, 20000), 1);
        uint64_t count;
        ASSERT_EQ(::read(*fd, &count, sizeof count), 8);
        ASSERT_NE(ring.peek(), nullptr);
        ring.advance(1);
    }
}

TEST(Uring, RegisteredFilesAndBuffers) {
    Full ring(16);
    ASSERT_TRUE(ring.open());
    const int fd = ::memfd_create("registered", 0);
    RegisteredBuffers buffers;
    ASSERT_TRUE(buffers.create(ring.backend(), 4096, 4));
    ASSERT_TRUE(ring.backend().register_file(fd));
    EXPECT_TRUE(ring.backend().is_registered(fd));
    const auto view = buffers.take(100);
    ASSERT_TRUE(view);
    std::fill(view->bytes.begin(), view->bytes.end(), std::byte{'r'});
    EXPECT_EQ(call(ring, SYS_pwrite64, fd, view->bytes.data(), 100, 5), 100);
    char got[105];
    EXPECT_EQ(::pread(fd, got, 105, 0), 105);
    EXPECT_EQ(got[104], 'r');
    EXPECT_EQ(got[4], 0);
    ASSERT_TRUE(ring.backend().forget_file(fd));
    EXPECT_EQ(call(ring, SYS_read, fd, view->bytes.data(), 3), 3);
    buffers.give_back(*view);
    close(fd);
}

}  // namespace
}  // namespace ksvc::test
