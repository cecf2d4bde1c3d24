// SPDX-License-Identifier: MIT
#include <array>
#include <cstring>

#include "kernel/object/channel.h"
#include "kernel/object/event.h"
#include "kernel/object/event_pair.h"
#include "kernel/object/handle_table.h"
#include "kernel/object/port.h"
#include "kernel/object/timer_object.h"
#include "kernel/schedule/thread.h"
#include "kernel/test/test.h"

namespace gyre {
namespace {

std::span<const std::byte> bytes_of(const char* text) { return {reinterpret_cast<const std::byte*>(text), strlen(text)}; }

}  // namespace

KERNEL_TEST(handle_rights_never_grow) {
    const Handle handle(TEST_TRY(make_ref<Event>()), kEventRights);
    EXPECT(handle.duplicate(Rights::Wait).has_value());
    EXPECT(handle.duplicate(kEventRights | Rights::Manage).error() == Error::InvalidArgument);
    const Handle weak = TEST_TRY(handle.duplicate(Rights::Wait));
    EXPECT(weak.duplicate(Rights::Wait).error() == Error::AccessDenied);
    EXPECT(weak.as<Event>(Rights::Signal).error() == Error::AccessDenied);
    EXPECT(weak.as<Port>(Rights::Wait).error() == Error::InvalidArgument);
    EXPECT(weak.as<Event>(Rights::Wait).has_value());
}

KERNEL_TEST(handle_table_checks_values) {
    const uint64_t before = live_handle_count();
    {
        HandleTable table;
        const HandleValue event = TEST_TRY(table.add(Handle(TEST_TRY(make_ref<Event>()), kEventRights)));
        EXPECT(table.get<Event>(event, Rights::Signal).has_value());
        EXPECT(table.get(event + 1).error() == Error::BadDescriptor);
        EXPECT(table.get(event + 4).error() == Error::BadDescriptor);
        EXPECT(table.get(HandleTable::kInvalid).error() == Error::BadDescriptor);
        const HandleValue copy = TEST_TRY(table.duplicate(event, Rights::Wait | Rights::Duplicate));
        EXPECT(table.get<Event>(copy, Rights::Signal).error() == Error::AccessDenied);
        EXPECT(live_handle_count() == before + 2);
        EXPECT(table.close(event).has_value());
        EXPECT(table.close(event).error() == Error::BadDescriptor);
    }
    EXPECT(live_handle_count() == before);
}

KERNEL_TEST(event_pair_tells_of_the_end) {
    auto [first, second] = TEST_TRY(EventPair::create());
    REQUIRE(first->signal_peer(Signals::None, Signals::Signaled).has_value());
    EXPECT(any(second->signals() & Signals::Signaled));
    EXPECT(!any(first->signals() & Signals::Signaled));
    second.reset();
    EXPECT(any(first->signals() & Signals::PeerClosed));
    EXPECT(first->signal_peer(Signals::None, Signals::Signaled).error() == Error::BrokenPipe);
}

KERNEL_TEST(channel_carries_bytes_and_handles) {
    auto [first, second] = TEST_TRY(Channel::create());
    std::array handles{Handle(TEST_TRY(make_ref<Event>()), kEventRights)};
    REQUIRE(first->write(bytes_of("hello"), handles, Patience::none()).has_value());
    EXPECT(handles[0].is_empty());
    EXPECT(any(second->signals() & Signals::Readable));

    std::array<std::byte, 16> bytes{};
    std::array<Handle, 2> got;
    Channel::Sizes sizes{};
    EXPECT(second->read(std::span(bytes).first(2), got, sizes, Patience::none()).error() == Error::Overflow);
    EXPECT(sizes.bytes == 5 && sizes.handles == 1);
    REQUIRE(second->read(bytes, got, sizes, Patience::none()).has_value());
    EXPECT(memcmp(bytes.data(), "hello", 5) == 0);
    EXPECT(got[0].as<Event>(Rights::Signal).has_value());
    EXPECT(!any(second->signals() & Signals::Readable));
    EXPECT(second->read(bytes, got, sizes, Patience::none()).error() == Error::WouldBlock);
}

KERNEL_TEST(channel_refuses_what_may_not_travel) {
    auto [first, second] = TEST_TRY(Channel::create());
    std::array handles{Handle(TEST_TRY(make_ref<Event>()), Rights::Wait)};
    EXPECT(first->write(bytes_of("x"), handles, Patience::none()).error() == Error::AccessDenied);
    EXPECT(!handles[0].is_empty());
}

KERNEL_TEST(channel_pushes_back_and_loses_nothing) {
    auto [first, second] = TEST_TRY(Channel::create());
    size_t sent = 0;
    while (first->write(bytes_of("m"), {}, Patience::none())) ++sent;
    EXPECT(sent == Channel::kMostMessages);
    EXPECT(!any(first->signals() & Signals::Writable));
    std::array<std::byte, 4> bytes{};
    Channel::Sizes sizes{};
    REQUIRE(second->read(bytes, {}, sizes, Patience::none()).has_value());
    EXPECT(any(first->signals() & Signals::Writable));
    first.reset();
    size_t received = 1;
    while (second->read(bytes, {}, sizes, Patience::none())) ++received;
    EXPECT(received == sent);
    EXPECT(second->read(bytes, {}, sizes, Patience::forever()).error() == Error::BrokenPipe);
}

KERNEL_TEST(port_hears_signals_once) {
    auto port = TEST_TRY(make_ref<Port>());
    auto event = TEST_TRY(make_ref<Event>());
    REQUIRE(port->wait_for(event, Signals::Signaled, 7).has_value());
    EXPECT(port->wait(Patience::none()).error() == Error::WouldBlock);
    event->update_signals(Signals::None, Signals::Readable);
    EXPECT(port->wait(Patience::none()).error() == Error::WouldBlock);
    event->update_signals(Signals::None, Signals::Signaled);
    event->update_signals(Signals::None, Signals::Signaled);
    const PortPacket packet = TEST_TRY(port->wait(Patience::none()));
    EXPECT(packet.key == 7 && packet.signals == Signals::Signaled);
    EXPECT(port->wait(Patience::none()).error() == Error::WouldBlock);
    // True already: at once.
    REQUIRE(port->wait_for(event, Signals::Signaled, 8).has_value());
    EXPECT(TEST_TRY(port->wait(Patience::none())).key == 8);
}

KERNEL_TEST(port_cancels_and_queues) {
    auto port = TEST_TRY(make_ref<Port>());
    auto event = TEST_TRY(make_ref<Event>());
    REQUIRE(port->wait_for(event, Signals::Signaled, 1).has_value());
    EXPECT(port->cancel(*event, 1));
    EXPECT(!port->cancel(*event, 1));
    event->update_signals(Signals::None, Signals::Signaled);
    EXPECT(port->wait(Patience::none()).error() == Error::WouldBlock);
    REQUIRE(port->queue(3, 99).has_value());
    EXPECT(TEST_TRY(port->wait(Patience::none())).payload == 99);
    // What is left goes with the port.
    REQUIRE(port->wait_for(event, Signals::Readable, 2).has_value());
    REQUIRE(port->queue(4, 0).has_value());
    port.reset();
    event->update_signals(Signals::None, Signals::Readable);
    EXPECT(event->reference_count() == 1);
}

KERNEL_TEST(timer_object_signals_at_its_deadline) {
    auto timer = TEST_TRY(make_ref<TimerObject>());
    auto port = TEST_TRY(make_ref<Port>());
    REQUIRE(port->wait_for(timer, Signals::Signaled, 1).has_value());
    const int64_t start = arch::clock_now_ns();
    timer->set(start + 5'000'000);
    EXPECT(TEST_TRY(port->wait(Patience::until_ns(start + 2'000'000'000))).key == 1);
    EXPECT(arch::clock_now_ns() >= start + 5'000'000);
    timer->cancel();
    EXPECT(!any(timer->signals() & Signals::Signaled));
}

KERNEL_TEST(port_wakes_a_waiter_of_another_thread) {
    struct Shared {
        Ref<Port> port;
        std::atomic<uint64_t> got{0};
    } shared{TEST_TRY(make_ref<Port>()), 0};
    auto thread = TEST_TRY(Thread::create({.name = "port", .entry = [](void* argument) {
        auto& s = *static_cast<Shared*>(argument);
        if (auto packet = s.port->wait(Patience::forever())) s.got = packet->payload;
        Thread::exit();
    }, .argument = &shared}));
    thread->start();
    (void)Thread::sleep_until(Patience::until_ns(arch::clock_now_ns() + 3'000'000));
    REQUIRE(shared.port->queue(1, 42).has_value());
    for (int i = 0; i < 1000 && shared.got == 0; ++i)
        (void)Thread::sleep_until(Patience::until_ns(arch::clock_now_ns() + 1'000'000));
    EXPECT(shared.got == 42);
    while (thread->state() != ThreadState::Dead) Thread::yield();
}

}  // namespace gyre
