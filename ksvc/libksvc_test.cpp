// SPDX-License-Identifier: MIT
//
// The C API over each way that this machine has: entries, waiting, peeking, cancelling, the event
// descriptor, probing and forcing, and its errors.
#include "ksvc/libksvc.h"

#include <gtest/gtest.h>
#include <poll.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>

namespace {

class LibksvcTest : public testing::TestWithParam<ksvc_way> {
protected:
    void SetUp() override { ASSERT_EQ(ksvc_open(&ring, 16, GetParam()), 0); }
    void TearDown() override { ksvc_close(ring); }
    void put(ksvc_u64 corr_id, unsigned nr, ksvc_u64 a0 = 0, ksvc_u64 a1 = 0, ksvc_u64 a2 = 0) {
        ksvc_entry* entry = ksvc_get_entry(ring);
        ASSERT_NE(entry, nullptr);
        ksvc_prepare(entry, corr_id, nr, a0, a1, a2, 0, 0, 0);
    }
    ksvc_ring* ring = nullptr;
};
INSTANTIATE_TEST_SUITE_P(Ways, LibksvcTest, testing::Values(KSVC_WAY_URING, KSVC_WAY_POOL));

TEST_P(LibksvcTest, TheWayIsTheOneAskedFor) { EXPECT_EQ(ksvc_way_of(ring), GetParam()); }

TEST_P(LibksvcTest, EntriesComeBack) {
    for (ksvc_u64 id = 0; id < 16; ++id) put(id, id % 2 ? SYS_getpid : KSVC_NR_NOP);
    EXPECT_EQ(ksvc_get_entry(ring), nullptr);
    EXPECT_EQ(ksvc_submit_and_wait(ring, 16), 16);
    ksvc_completion done[20];
    ASSERT_EQ(ksvc_peek(ring, done, 20), 16u);
    ksvc_u64 sum = 0;
    for (int i = 0; i < 16; ++i) {
        sum += done[i].corr_id;
        EXPECT_EQ(done[i].result, done[i].corr_id % 2 ? getpid() : 0);
    }
    EXPECT_EQ(sum, 120u);
    EXPECT_EQ(ksvc_get_entry(ring), nullptr);
    ksvc_advance(ring, 16);
    EXPECT_EQ(ksvc_next(ring), nullptr);
    EXPECT_NE(ksvc_get_entry(ring), nullptr);
}

TEST_P(LibksvcTest, TimeIsUp) {
    int fds[2];
    ASSERT_EQ(pipe(fds), 0);
    char byte = 0;
    put(1, SYS_read, static_cast<ksvc_u64>(fds[0]), reinterpret_cast<ksvc_u64>(&byte), 1);
    EXPECT_EQ(ksvc_wait(ring, 1, 10'000'000), -ETIME);
    EXPECT_EQ(ksvc_wait(ring, 2, -1), -EDEADLK);
    ASSERT_EQ(write(fds[1], "b", 1), 1);
    EXPECT_EQ(ksvc_wait(ring, 1, -1), 0);
    EXPECT_EQ(ksvc_next(ring)->result, 1);
    EXPECT_EQ(byte, 'b');
    close(fds[0]);
    close(fds[1]);
}

TEST_P(LibksvcTest, ProbeAndForce) {
    EXPECT_EQ(ksvc_probe_call(ring, SYS_read), GetParam() == KSVC_WAY_URING ? KSVC_ROUTE_KERNEL : KSVC_ROUTE_POOL);
    EXPECT_EQ(ksvc_probe_call(ring, SYS_getpid), KSVC_ROUTE_SHARED_PAGE);
    EXPECT_EQ(ksvc_probe_call(ring, SYS_gettid), KSVC_ROUTE_TRAP);
    EXPECT_EQ(ksvc_probe_call(ring, SYS_fork), KSVC_ROUTE_NONE);
    EXPECT_EQ(ksvc_force_route(ring, SYS_read, KSVC_ROUTE_TRAP), 0);
    EXPECT_EQ(ksvc_probe_call(ring, SYS_read), KSVC_ROUTE_TRAP);
    EXPECT_EQ(ksvc_force_route(ring, SYS_fork, KSVC_ROUTE_TRAP), -EINVAL);
    EXPECT_EQ(ksvc_force_route(ring, SYS_read, static_cast<ksvc_route>(4)), -EINVAL);
    EXPECT_EQ(ksvc_force_route(ring, SYS_read, static_cast<ksvc_route>(200)), -EINVAL);
    EXPECT_EQ(ksvc_probe_call(ring, SYS_read), KSVC_ROUTE_TRAP);
}

TEST_P(LibksvcTest, EventDescriptor) {
    const int fd = ksvc_event_fd(ring);
    if (GetParam() == KSVC_WAY_POOL) {
        EXPECT_EQ(fd, -EOPNOTSUPP);
        return;
    }
    ASSERT_GE(fd, 0);
    put(1, KSVC_NR_NOP);
    EXPECT_EQ(ksvc_submit(ring), 1);
    pollfd descriptor{.fd = fd, .events = POLLIN, .revents = 0};
    EXPECT_EQ(poll(&descriptor, 1, 20000), 1);
    EXPECT_NE(ksvc_next(ring), nullptr);
}

TEST_P(LibksvcTest, CancelOfNothing) { EXPECT_EQ(ksvc_cancel_entry(ring, 77), -ENOENT); }

TEST(Libksvc, OpenRefuses) {
    ksvc_ring* ring = nullptr;
    EXPECT_EQ(ksvc_open(&ring, 0, KSVC_WAY_AUTO), -EINVAL);
    EXPECT_EQ(ksvc_open(&ring, 4097, KSVC_WAY_AUTO), -EINVAL);
    EXPECT_EQ(ksvc_open(nullptr, 16, KSVC_WAY_AUTO), -EINVAL);
    if (access(KSVC_DEVICE_PATH, F_OK) != 0) EXPECT_EQ(ksvc_open(&ring, 16, KSVC_WAY_DEVICE), -ENOENT);
    EXPECT_EQ(ring, nullptr);
}

TEST(Libksvc, Identity) {
    EXPECT_EQ(ksvc_getpid(), getpid());
    EXPECT_EQ(ksvc_getppid(), getppid());
    EXPECT_EQ(ksvc_getuid(), getuid());
    EXPECT_EQ(ksvc_getegid(), getegid());
}

}  // namespace
