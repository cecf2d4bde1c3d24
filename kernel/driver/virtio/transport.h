// SPDX-License-Identifier: MIT
//
// How a virtio device is reached (VIRTIO 1.2, chapter 4): by registers in memory (MMIO) or as a PCI function. The devices'
// drivers know only this interface. Modern devices only (VIRTIO_F_VERSION_1).
#pragma once

#include <cstddef>
#include <cstdint>

#include "kernel/arch/contract.h"
#include "kernel/memory/types.h"
#include "lib/base/result.h"

namespace gyre::driver::virtio {

enum class DeviceKind : uint32_t { None = 0, Network = 1, Block = 2, Console = 3, Entropy = 4 };

// Status bits (2.1).
namespace device_status {
constexpr uint8_t kAcknowledge = 1, kDriver = 2, kDriverOk = 4, kFeaturesOk = 8, kNeedsReset = 64, kFailed = 128;
}
constexpr uint64_t kFeatureVersion1 = uint64_t{1} << 32;

struct QueueAddresses {
    uint16_t size;
    PhysicalAddress descriptors, available, used;
};

class Transport {
public:
    virtual ~Transport() = default;
    virtual DeviceKind kind() const = 0;
    virtual uint8_t status() = 0;
    virtual void set_status(uint8_t status) = 0;  // 0 resets
    virtual uint64_t features() = 0;
    virtual void set_features(uint64_t features) = 0;
    virtual void read_config(size_t offset, void* to, size_t length) = 0;
    // The largest size of a queue, 0 when there is no such queue.
    virtual uint16_t most_queue_size(uint16_t queue) = 0;
    virtual Status set_up_queue(uint16_t queue, const QueueAddresses& addresses) = 0;
    // Context: any.
    virtual void notify(uint16_t queue) = 0;
    // From now on `handler` runs at each interrupt of the device: first it calls acknowledge_interrupt().
    virtual Status connect_interrupt(arch::InterruptHandler handler, void* argument) = 0;
    struct Reasons {
        bool queues, configuration;
    };
    virtual Reasons acknowledge_interrupt() = 0;

    // Reset, acknowledge, agree on features (3.1.1): what the device offers of `wanted`, version 1 always.
    // Errors: NotSupported.
    Result<uint64_t> start(uint64_t wanted);
    void finish_start() { set_status(status() | device_status::kDriverOk); }
    void give_up() { set_status(device_status::kFailed); }
};

}  // namespace gyre::driver::virtio
