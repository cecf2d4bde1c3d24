// SPDX-License-Identifier: MIT
//
// A virtqueue with a device that behaves, and with devices that do not.
#include "kernel/driver/virtio/virtqueue.h"

#include "kernel/driver/virtio/fake_transport_test.h"
#include "kernel/test/test.h"

namespace gyre::driver::virtio {
namespace {

using Direction = Virtqueue::Direction;

struct Fixture {
    FakeTransport device;
    Virtqueue queue;
    int tokens[FakeTransport::kQueueSize] = {};
    bool set_up() { return queue.set_up(device, 0).has_value(); }
    bool add(int i, uint32_t length = 64) {
        return queue.add(PhysicalAddress{0x1000u * unsigned(i + 1)}, length, Direction::FromDevice, &tokens[i]);
    }
};

KERNEL_TEST(virtqueue_carries_buffers_both_ways) {
    Fixture f;
    REQUIRE(f.set_up());
    REQUIRE(f.add(0));
    EXPECT(f.device.available_index() == 0);  // not before publish
    f.queue.publish();
    EXPECT(f.device.available_index() == 1);
    EXPECT(f.device.notifications == 1);
    const uint16_t id = f.device.available(0);
    EXPECT(f.device.descriptor(id).address == 0x1000);
    EXPECT(f.device.descriptor(id).length == 64);
    EXPECT(f.device.descriptor(id).flags == 2);
    EXPECT(!f.queue.take_used());
    f.device.give_back(id, 40);
    const auto used = f.queue.take_used();
    REQUIRE(used.has_value());
    EXPECT(used->token == &f.tokens[0]);
    EXPECT(used->length == 40);
    EXPECT(f.queue.in_flight() == 0);
}

KERNEL_TEST(virtqueue_goes_round_for_ever) {
    Fixture f;
    REQUIRE(f.set_up());
    for (uint32_t i = 0; i < 70'000; ++i) {  // the 16-bit indices wrap
        REQUIRE(f.add(0));
        f.queue.publish();
        f.device.give_back(f.device.available(uint16_t(i)), i & 63);
        const auto used = f.queue.take_used();
        REQUIRE(used.has_value() && used->length == (i & 63));
    }
}

KERNEL_TEST(virtqueue_is_bounded) {
    Fixture f;
    REQUIRE(f.set_up());
    for (int i = 0; i < FakeTransport::kQueueSize; ++i) REQUIRE(f.add(i));
    EXPECT(f.queue.is_full());
    EXPECT(!f.add(0));
}

KERNEL_TEST(virtqueue_says_when_not_to_notify_and_not_to_interrupt) {
    Fixture f;
    REQUIRE(f.set_up());
    f.device.set_used_flags(1);
    REQUIRE(f.add(0));
    f.queue.publish();
    EXPECT(f.device.notifications == 0);
    f.queue.want_interrupts(false);
    EXPECT(f.device.available_flags() == 1);
    f.queue.want_interrupts(true);
    EXPECT(f.device.available_flags() == 0);
}

KERNEL_TEST(virtqueue_cuts_lengths_that_are_lies) {
    Fixture f;
    REQUIRE(f.set_up());
    REQUIRE(f.add(0, 64));
    f.queue.publish();
    f.device.give_back(f.device.available(0), 0xffff'ffff);
    const auto used = f.queue.take_used();
    REQUIRE(used.has_value());
    EXPECT(used->length == 64);
}

KERNEL_TEST(virtqueue_breaks_on_buffers_the_device_does_not_have) {
    for (const uint32_t id : {7u, 8u, 0xffffu, 0xffff'ffffu}) {
        Fixture f;
        REQUIRE(f.set_up());
        REQUIRE(f.add(0));
        f.queue.publish();
        const uint16_t given = f.device.available(0);
        f.device.give_back(id == given ? id - 1 : id, 1);
        EXPECT(!f.queue.take_used());
        EXPECT(f.queue.is_broken());
        EXPECT(!f.add(1));
    }
}

KERNEL_TEST(virtqueue_gives_a_buffer_back_once) {
    Fixture f;
    REQUIRE(f.set_up());
    REQUIRE(f.add(0));
    f.queue.publish();
    const uint16_t id = f.device.available(0);
    f.device.give_back(id, 1);
    f.device.give_back(id, 1);
    EXPECT(f.queue.take_used().has_value());
    EXPECT(!f.queue.take_used());
    EXPECT(f.queue.is_broken());
}

KERNEL_TEST(virtqueue_survives_an_index_out_of_nowhere) {
    Fixture f;
    REQUIRE(f.set_up());
    REQUIRE(f.add(0));
    f.queue.publish();
    f.device.set_used_index(30'000);
    int taken = 0;
    while (f.queue.take_used()) ++taken;
    EXPECT(taken <= 1);  // what is in flight at most
    EXPECT(f.queue.is_broken());
}

}  // namespace
}  // namespace gyre::driver::virtio
