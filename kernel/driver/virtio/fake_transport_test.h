// SPDX-License-Identifier: MIT
//
// A virtio device for tests, played by the test itself: it sees the queues as a device does and may lie.
#pragma once

#include <array>

#include "kernel/driver/virtio/transport.h"

namespace gyre::driver::virtio {

class FakeTransport final : public Transport {
public:
    static constexpr uint16_t kQueueSize = 8;

    int notifications = 0;
    QueueAddresses queue{};

    DeviceKind kind() const override { return DeviceKind::Console; }
    uint8_t status() override { return status_; }
    void set_status(uint8_t status) override { status_ = status; }
    uint64_t features() override { return kFeatureVersion1 | 1; }
    void set_features(uint64_t) override {}
    void read_config(size_t, void*, size_t) override {}
    uint16_t most_queue_size(uint16_t index) override { return index == 0 ? kQueueSize : 0; }
    Status set_up_queue(uint16_t, const QueueAddresses& addresses) override {
        queue = addresses;
        return {};
    }
    void notify(uint16_t) override { ++notifications; }
    Status connect_interrupt(arch::InterruptHandler, void*) override { return {}; }
    Reasons acknowledge_interrupt() override { return {true, false}; }

    // ---- the device's view
    struct Descriptor {
        uint64_t address;
        uint32_t length;
        uint16_t flags, next;
    };
    uint16_t available_index() const { return words(queue.available)[1]; }
    uint16_t available(uint16_t i) const { return words(queue.available)[2 + i % kQueueSize]; }
    uint16_t available_flags() const { return words(queue.available)[0]; }
    Descriptor descriptor(uint16_t id) const { return queue.descriptors.direct<Descriptor>()[id]; }
    // Gives a buffer back, whichever it is.
    void give_back(uint32_t id, uint32_t length) {
        struct Element {
            uint32_t id, length;
        };
        auto* ring = reinterpret_cast<volatile Element*>((queue.used + 4).direct());
        ring[used_ % kQueueSize].id = id;
        ring[used_ % kQueueSize].length = length;
        set_used_index(++used_);
    }
    void set_used_index(uint16_t index) { words(queue.used)[1] = index; }
    void set_used_flags(uint16_t flags) { words(queue.used)[0] = flags; }

private:
    static volatile uint16_t* words(PhysicalAddress at) { return at.direct<uint16_t>(); }
    uint8_t status_ = 0;
    uint16_t used_ = 0;
};

}  // namespace gyre::driver::virtio
