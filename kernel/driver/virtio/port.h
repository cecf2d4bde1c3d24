// SPDX-License-Identifier: MIT
//
// A port of a virtio console (VIRTIO 1.2, 5.3): two queues and what waits in them. What a program or a terminal sees of it
// is a PortClient: a PortFile (port_file.h) or the hvc terminal (hvc.h).
// Input arrives in pages, which are read in place and go back to the device; output goes in pages of its own, which
// come back when the host has taken them. Both directions hold a bounded amount, so either side can make the other wait.
#pragma once

#include <array>
#include <cstdint>
#include <span>

#include "kernel/driver/virtio/virtqueue.h"
#include "kernel/memory/page.h"
#include "kernel/schedule/wait_queue.h"
#include "kernel/sync/spin_lock.h"

namespace gyre::driver::virtio {

class ConsoleDevice;
class PortStream;

class PortClient {
public:
    // Context: any, under Port::client_lock_.
    virtual void port_has_input() = 0;
    virtual void port_has_room() = 0;
    virtual void port_host_changed() = 0;   // the host opened or closed its side, or the port is gone

protected:
    ~PortClient() = default;
};

class Port {
public:
    static constexpr uint32_t kInputPages = 16;
    static constexpr uint32_t kMostOutputBytes = 256 * 1024;  // on their way to the host
    static constexpr uint8_t kOutputOrder = 3;                // of pages in one large buffer

    Port(ConsoleDevice& device, uint32_t number) : device_(device), number_(number) {}

    uint32_t number() const { return number_; }
    ConsoleDevice& device() const { return device_; }
    PortStream* stream = nullptr;   // of its files; made with the first name
    Status set_up_queues(Transport& transport);

    // ---- the client. attach() is Busy while there is one; it tells the host. Context: thread.
    Status attach(PortClient& client);
    // Somebody is going to read: gives the device pages for input, once. Errors: NoMemory.
    Status start_input();
    void detach(PortClient& client);   // input that was not read is dropped

    // ---- input. One reader at a time (the client sees to it).
    // The oldest bytes that are in one piece; they stay until consume().
    std::span<const uint8_t> front();
    void consume(size_t count);
    void return_pages();               // what was consumed goes back to the device
    bool has_input() const { return input_count_.load(std::memory_order_acquire) > 0; }

    // ---- output
    struct OutputBuffer {
        Page* page = nullptr;
        size_t size = 0;
        std::span<uint8_t> bytes() const { return {reinterpret_cast<uint8_t*>(page->bytes()), size}; }
    };
    bool has_room() const { return has_room_.load(std::memory_order_acquire); }
    // Memory for about `wanted` bytes. Errors: NoMemory.
    static Result<OutputBuffer> allocate_output(size_t wanted);
    static void free_output(const OutputBuffer& buffer) { page_allocator::free(buffer.page); }
    // Sends the first `length` bytes; the buffer is the port's then. False when there is no room: it stays the caller's.
    bool send(const OutputBuffer& buffer, size_t length);
    size_t output_pending() const { return output_bytes_.load(std::memory_order_acquire); }
    // port_has_room() is to come when there is room, and again when all is sent.
    void want_progress();

    // ---- the host's side
    bool is_host_open() const { return is_host_open_.load(std::memory_order_acquire); }
    bool was_host_open() const { return was_host_open_.load(std::memory_order_acquire); }
    bool is_removed() const { return is_removed_.load(std::memory_order_acquire); }
    void set_host_open(bool is_open);
    void set_removed();

    // Context: interrupt.
    void on_interrupt();
    // Takes back what the host is done with, without an interrupt. The result is what is still pending.
    size_t poll_output();

private:
    struct Input {
        Page* page = nullptr;
        uint32_t length = 0;
    };
    void collect_input_locked() GYRE_REQUIRES(lock_);
    bool collect_output_locked() GYRE_REQUIRES(lock_);   // true: news for who waits
    template <class Body>
    void with_client(Body&& body) {
        SpinGuard guard(client_lock_);
        if (client_) body(*client_);
    }

    ConsoleDevice& device_;
    const uint32_t number_;
    SpinLock client_lock_{LockRank::DriverClient};
    PortClient* client_ GYRE_GUARDED_BY(client_lock_) = nullptr;

    SpinLock lock_{LockRank::DriverQueue};
    Virtqueue input_queue_ GYRE_GUARDED_BY(lock_);
    Virtqueue output_queue_ GYRE_GUARDED_BY(lock_);
    // Pages that arrived, oldest first; a ring. What the reader is in is the first, read up to consumed_.
    std::array<Input, kInputPages> arrived_ GYRE_GUARDED_BY(lock_){};
    uint32_t arrived_tail_ GYRE_GUARDED_BY(lock_) = 0;
    uint32_t arrived_head_ GYRE_GUARDED_BY(lock_) = 0;
    uint32_t consumed_ GYRE_GUARDED_BY(lock_) = 0;
    bool has_posted_ GYRE_GUARDED_BY(lock_) = false;
    bool drops_input_ GYRE_GUARDED_BY(lock_) = true;   // nobody reads
    bool is_progress_wanted_ GYRE_GUARDED_BY(lock_) = false;

    std::atomic<uint32_t> input_count_{0};    // pages in arrived_
    std::atomic<size_t> output_bytes_{0};
    std::atomic<bool> has_room_{true};
    std::atomic<bool> is_host_open_{false}, was_host_open_{false}, is_removed_{false};
};

}  // namespace gyre::driver::virtio
