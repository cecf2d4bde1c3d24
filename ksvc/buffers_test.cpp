// SPDX-License-Identifier: MIT
//
// Buffers out of which the kernel chooses when data has come: contents, running out, giving back,
// chains. The other providers are tested with the backends that know them (instance_test.cpp).
#include <sys/socket.h>
#include <unistd.h>

#include <cstring>
#include <string_view>

#include "ksvc/test/test_ring.h"

namespace ksvc::test {
namespace {

using Choosing = Instance<ProbingRouter, BasicUring, GrowingPool, EventfdNotifier, RingSink, ProvidedBuffers, NoPage>;

constexpr uint16_t kGroup = 3;
constexpr size_t kBlockBytes = 64;
constexpr uint32_t kBlocks = 4;

class ProvidedBuffersTest : public testing::Test {
protected:
    void SetUp() override {
        ASSERT_TRUE(ring_.open());
        ASSERT_TRUE(ring_.buffers().create(ring_.backend(), kGroup, kBlockBytes, kBlocks));
        ASSERT_EQ(::socketpair(AF_UNIX, SOCK_SEQPACKET, 0, ends_), 0);
    }
    void TearDown() override {
        ::close(ends_[0]);
        ::close(ends_[1]);
    }
    void receive(uint64_t corr_id, uint32_t flags = 0) {
        Entry entry = ring_.buffers().receive(corr_id, ends_[0]);
        entry.flags = flags;
        ASSERT_TRUE(ring_.submit(entry));
    }
    void send(std::string_view text) { ASSERT_EQ(::send(ends_[1], text.data(), text.size(), 0), static_cast<ssize_t>(text.size())); }
    Completion next() {
        EXPECT_TRUE(ring_.wait(1, std::chrono::seconds{20}));
        const Completion* done = ring_.peek();
        const Completion copy = done != nullptr ? *done : Completion{.corr_id = 0, .result = -EPROTO, .flags = 0, .pad = 0};
        if (done != nullptr) ring_.advance(1);
        return copy;
    }
    static std::string_view text_of(const BufferView& view) {
        return {reinterpret_cast<const char*>(view.bytes.data()), view.bytes.size()};
    }

    Choosing ring_{16};
    int ends_[2] = {-1, -1};
};

TEST_F(ProvidedBuffersTest, TheKernelChoosesWhenDataHasCome) {
    receive(1);
    receive(2);
    ASSERT_TRUE(ring_.flush());
    send("first");
    send("second, longer");
    std::vector<uint32_t> ids;
    for (const std::string_view wanted : {"first", "second, longer"}) {
        const Completion done = next();
        ASSERT_EQ(done.result, static_cast<int64_t>(wanted.size()));
        const auto view = ring_.buffers().chosen(done);
        ASSERT_TRUE(view);
        EXPECT_EQ(text_of(*view), wanted);
        ids.push_back(view->id);
    }
    EXPECT_NE(ids[0], ids[1]);
}

TEST_F(ProvidedBuffersTest, RunsOutAndComesBack) {
    std::vector<BufferView> lent;
    for (uint32_t i = 0; i < kBlocks; ++i) {
        send("x");
        receive(i);
        const Completion done = next();
        ASSERT_EQ(done.result, 1);
        lent.push_back(*ring_.buffers().chosen(done));
    }
    send("y");
    receive(10);
    const Completion none = next();
    EXPECT_EQ(none.result, -ENOBUFS);
    EXPECT_FALSE(ring_.buffers().chosen(none));
    ring_.buffers().give_back(lent[2]);
    receive(11);
    const Completion done = next();
    ASSERT_EQ(done.result, 1);
    EXPECT_EQ(ring_.buffers().chosen(done)->id, lent[2].id);
    EXPECT_EQ(text_of(*ring_.buffers().chosen(done)), "y");
}

TEST_F(ProvidedBuffersTest, ManyRoundsUseEveryBuffer) {
    uint32_t used = 0;
    for (uint64_t i = 0; i < 100; ++i) {
        const std::string text = "message " + std::to_string(i);
        receive(i);
        send(text);
        const Completion done = next();
        ASSERT_EQ(done.corr_id, i);
        const auto view = ring_.buffers().chosen(done);
        ASSERT_TRUE(view);
        ASSERT_EQ(text_of(*view), text);
        used |= 1u << view->id;
        ring_.buffers().give_back(*view);
    }
    EXPECT_EQ(used, (1u << kBlocks) - 1);
}

TEST_F(ProvidedBuffersTest, InAChainTheCompletionStillNamesIt) {
    send("linked");
    receive(1, KSVC_ENTRY_LINKED);
    ASSERT_TRUE(ring_.submit(make(2, KSVC_NR_NOP)));
    const Completion done = next();
    EXPECT_EQ(done.corr_id, 1u);
    ASSERT_TRUE(ring_.buffers().chosen(done));
    EXPECT_EQ(text_of(*ring_.buffers().chosen(done)), "linked");
    EXPECT_EQ(next().corr_id, 2u);
}

TEST_F(ProvidedBuffersTest, ErrorsNameNoBuffer) {
    Entry entry = ring_.buffers().receive(1, -1);
    EXPECT_EQ(run(ring_, entry), -EBADF);
    entry.args[1] = kGroup + 1;  // a group that nobody made
    entry.args[0] = static_cast<uint64_t>(ends_[0]);
    send("z");
    EXPECT_EQ(run(ring_, entry), -ENOBUFS);
}

TEST_F(ProvidedBuffersTest, CreateRefuses) {
    EXPECT_FALSE(ring_.buffers().create(ring_.backend(), kGroup, kBlockBytes, kBlocks));  // it has been made
    ProvidedBuffers odd;
    EXPECT_EQ(odd.create(ring_.backend(), 9, 64, 3).error(), std::errc::invalid_argument);
}

// Where no io_uring is, there is no such call.
TEST(ProvidedBuffers, OtherWaysSayEnosys) {
    Pooled ring(16);
    ASSERT_TRUE(ring.open());
    EXPECT_EQ(run(ring, make(1, kReceiveChosen, 0, 0, 0, 0)), -ENOSYS);
}

}  // namespace
}  // namespace ksvc::test
