// SPDX-License-Identifier: MIT
//
// A split virtqueue (VIRTIO 1.2, 2.7) whose buffers are single pieces of memory. Everything that is believed about a buffer
// is kept here and not in the memory shared with the device, so a device that lies can spoil its own data but nothing
// else; after its first lie the queue is broken and takes no more. Not locked: the owner's lock guards it.
// Leaves out chains, indirect descriptors, packed rings and event indices.
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <optional>

#include "kernel/driver/virtio/transport.h"

namespace gyre::driver::virtio {

class Virtqueue {
public:
    static constexpr uint16_t kMostBuffers = 32;

    Virtqueue() = default;
    Virtqueue(const Virtqueue&) = delete;
    Virtqueue& operator=(const Virtqueue&) = delete;

    // The memory is for good: a device may hold on to it. Errors: NotFound (the device has no such queue), NoMemory.
    Status set_up(Transport& transport, uint16_t index);
    bool is_set_up() const { return shared_ != nullptr; }

    enum class Direction : uint8_t { ToDevice, FromDevice };
    // Offers a buffer; it goes to the device with publish(). False when the queue is full or broken.
    bool add(PhysicalAddress address, uint32_t length, Direction direction, void* token);
    // Makes what was added visible and tells the device unless it asked not to be told.
    void publish();

    struct Used {
        void* token;
        uint32_t length;   // written by the device, never more than the buffer's
    };
    // The next buffer that the device is done with.
    std::optional<Used> take_used();
    bool has_used() const;

    // Whether used buffers interrupt. After turning it on look again: some may have come in between.
    void want_interrupts(bool is_wanted);

    uint16_t in_flight() const { return uint16_t(size_ - free_count_); }
    bool is_full() const { return free_count_ == 0 || is_broken_; }
    bool is_broken() const { return is_broken_; }

private:
    struct Descriptor {
        uint64_t address;
        uint32_t length;
        uint16_t flags, next;
    };
    static_assert(sizeof(Descriptor) == 16);
    struct Available {
        uint16_t flags, index;
        uint16_t ring[kMostBuffers];
    };
    struct UsedElement {
        uint32_t id, length;
    };
    struct UsedRing {
        uint16_t flags, index;
        UsedElement ring[kMostBuffers];
    };
    struct Shared {
        Descriptor descriptors[kMostBuffers];
        volatile Available available;
        alignas(4) volatile UsedRing used;
    };
    static_assert(sizeof(Shared) <= 1024);
    struct Slot {
        void* token = nullptr;
        uint32_t length = 0;     // of the buffer
        bool is_in_flight = false;
    };

    Transport* transport_ = nullptr;
    Shared* shared_ = nullptr;
    uint16_t index_ = 0;
    uint16_t size_ = 0;
    uint16_t free_count_ = 0;
    uint16_t next_available_ = 0;   // what available.index will be
    uint16_t published_ = 0;        // what it is
    uint16_t next_used_ = 0;
    bool is_broken_ = false;
    std::array<uint16_t, kMostBuffers> free_{};
    std::array<Slot, kMostBuffers> slots_{};
};

}  // namespace gyre::driver::virtio
