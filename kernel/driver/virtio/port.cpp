// SPDX-License-Identifier: MIT
//
// Ports; see port.h.
#include "kernel/driver/virtio/port.h"

#include "kernel/driver/virtio/console.h"

namespace gyre::driver::virtio {

namespace {
constexpr size_t kIdleOutputBytes = 4 * kPageSize;
constexpr uint16_t kIdleOutputBuffers = 4;
}  // namespace

Status Port::set_up_queues(Transport& transport) {
    // Port 0 has the queues 0 and 1; 2 and 3 are control; then two for each port (5.3.2).
    const auto first = uint16_t(number_ == 0 ? 0 : 2 * number_ + 2);
    SpinGuard guard(lock_);
    TRY_VOID(input_queue_.set_up(transport, first));
    TRY_VOID(output_queue_.set_up(transport, uint16_t(first + 1)));
    output_queue_.want_interrupts(false);
    return {};
}

// ---- the client

Status Port::attach(PortClient& client) {
    if (is_removed()) return fail(Error::NoDevice);
    {
        SpinGuard guard(client_lock_);
        if (client_) return fail(Error::Busy);
        client_ = &client;
    }
    device_.send_control(number_, ControlEvent::PortOpen, 1);
    return {};
}

void Port::detach(PortClient& client) {
    {
        SpinGuard guard(client_lock_);
        if (client_ != &client) return;
        client_ = nullptr;
    }
    {
        SpinGuard guard(lock_);
        drops_input_ = true;
        consumed_ = 0;
        while (arrived_tail_ != arrived_head_) {
            Page* page = arrived_[arrived_tail_++ % kInputPages].page;
            input_queue_.add(page->address(), kPageSize, Virtqueue::Direction::FromDevice, page);
        }
        input_count_.store(0, std::memory_order_release);
        input_queue_.publish();
        collect_output_locked();
    }
    if (!is_removed()) device_.send_control(number_, ControlEvent::PortOpen, 0);
}

// The pages are allocated when somebody opens the port for reading for the first time, and stay with the device.
Status Port::start_input() {
    {
        SpinGuard guard(lock_);
        drops_input_ = false;
        input_queue_.publish();  // what was dropped went back quietly
        if (has_posted_) return {};
        has_posted_ = true;
    }
    for (uint32_t i = 0; i < kInputPages; ++i) {
        const auto page = page_allocator::allocate(PageUse::Kernel);
        if (!page && i == 0) {
            SpinGuard guard(lock_);
            has_posted_ = false;
            return fail(page.error());
        }
        if (!page) break;  // fewer will do
        SpinGuard guard(lock_);
        if (input_queue_.add((*page)->address(), kPageSize, Virtqueue::Direction::FromDevice, *page)) continue;
        page_allocator::free(*page);
        break;
    }
    SpinGuard guard(lock_);
    input_queue_.publish();
    return {};
}

// ---- input

void Port::collect_input_locked() {
    while (const auto used = input_queue_.take_used()) {
        auto* page = static_cast<Page*>(used->token);
        if (used->length == 0 || drops_input_) {
            input_queue_.add(page->address(), kPageSize, Virtqueue::Direction::FromDevice, page);
            continue;
        }
        arrived_[arrived_head_++ % kInputPages] = {page, used->length};
    }
    input_count_.store(arrived_head_ - arrived_tail_, std::memory_order_release);
}

std::span<const uint8_t> Port::front() {
    SpinGuard guard(lock_);
    if (arrived_tail_ == arrived_head_) return {};
    const Input& input = arrived_[arrived_tail_ % kInputPages];
    return {reinterpret_cast<const uint8_t*>(input.page->bytes()) + consumed_, input.length - consumed_};
}

void Port::consume(size_t count) {
    SpinGuard guard(lock_);
    if (arrived_tail_ == arrived_head_) return;
    const Input& input = arrived_[arrived_tail_ % kInputPages];
    consumed_ += uint32_t(count);
    if (consumed_ < input.length) return;
    consumed_ = 0;
    ++arrived_tail_;
    input_queue_.add(input.page->address(), kPageSize, Virtqueue::Direction::FromDevice, input.page);
    input_count_.store(arrived_head_ - arrived_tail_, std::memory_order_release);
}

void Port::return_pages() {
    SpinGuard guard(lock_);
    input_queue_.publish();
}

// ---- output

Result<Port::OutputBuffer> Port::allocate_output(size_t wanted) {
    uint8_t order = 0;
    while (order < kOutputOrder && (kPageSize << order) < wanted) ++order;
    auto page = page_allocator::allocate(PageUse::Kernel, Zeroing::No, order);
    if (!page && order > 0) {
        order = 0;
        page = page_allocator::allocate(PageUse::Kernel);
    }
    if (!page) return fail(page.error());
    return OutputBuffer{*page, kPageSize << order};
}

bool Port::send(const OutputBuffer& buffer, size_t length) {
    SpinGuard guard(lock_);
    collect_output_locked();
    if (!has_room()) return false;
    buffer.page->owner = reinterpret_cast<void*>(length);
    if (!output_queue_.add(buffer.page->address(), uint32_t(length), Virtqueue::Direction::ToDevice, buffer.page))
        return false;
    const size_t pending = output_bytes_.load(std::memory_order_relaxed) + length;
    output_bytes_.store(pending, std::memory_order_release);
    // A few buffers may lie with the device unnoticed until the next write; more are fetched when it is done with them.
    if (pending > kIdleOutputBytes || output_queue_.in_flight() > kIdleOutputBuffers) output_queue_.want_interrupts(true);
    output_queue_.publish();
    if (pending < kMostOutputBytes && !output_queue_.is_full()) return true;
    // Full: who polls or waits is told when there is room again.
    has_room_.store(false, std::memory_order_release);
    is_progress_wanted_ = true;
    output_queue_.want_interrupts(true);
    collect_output_locked();
    return true;
}

bool Port::collect_output_locked() {
    size_t pending = output_bytes_.load(std::memory_order_relaxed);
    while (const auto used = output_queue_.take_used()) {
        auto* page = static_cast<Page*>(used->token);
        pending -= reinterpret_cast<size_t>(page->owner);
        page_allocator::free(page);
    }
    output_bytes_.store(pending, std::memory_order_release);
    const bool has_room = pending < kMostOutputBytes && !output_queue_.is_full();
    has_room_.store(has_room, std::memory_order_release);
    if (pending == 0 && !is_progress_wanted_) output_queue_.want_interrupts(false);
    const bool is_half_empty = pending <= kMostOutputBytes / 2 && output_queue_.in_flight() <= Virtqueue::kMostBuffers / 2;
    if (!is_progress_wanted_ || !has_room || !is_half_empty) return false;
    if (pending == 0) {
        is_progress_wanted_ = false;
        output_queue_.want_interrupts(false);
    }
    return true;
}

void Port::want_progress() {
    bool has_news;
    {
        SpinGuard guard(lock_);
        is_progress_wanted_ = true;
        output_queue_.want_interrupts(true);
        has_news = collect_output_locked();  // some may have come back before interrupts were on
    }
    if (has_news) with_client([](PortClient& client) { client.port_has_room(); });
}

size_t Port::poll_output() {
    SpinGuard guard(lock_);
    collect_output_locked();
    return output_queue_.is_broken() ? 0 : output_pending();
}

void Port::on_interrupt() {
    bool has_input, has_room;
    {
        SpinGuard guard(lock_);
        const uint32_t before = arrived_head_;
        collect_input_locked();
        has_input = arrived_head_ != before;
        has_room = collect_output_locked();
    }
    if (!has_input && !has_room) return;
    with_client([&](PortClient& client) {
        if (has_input) client.port_has_input();
        if (has_room) client.port_has_room();
    });
}

// ---- the host's side

void Port::set_host_open(bool is_open) {
    {
        // What the host sent before it closed has arrived, though perhaps not its interrupt: it is read before the end.
        SpinGuard guard(lock_);
        collect_input_locked();
    }
    is_host_open_.store(is_open, std::memory_order_release);
    if (is_open) was_host_open_.store(true, std::memory_order_release);
    with_client([](PortClient& client) { client.port_host_changed(); });
}

void Port::set_removed() {
    is_removed_.store(true, std::memory_order_release);
    is_host_open_.store(false, std::memory_order_release);
    with_client([](PortClient& client) { client.port_host_changed(); });
}

}  // namespace gyre::driver::virtio
