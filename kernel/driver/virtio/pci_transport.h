// SPDX-License-Identifier: MIT
//
// Virtio over PCI, modern (VIRTIO 1.2, 4.1): register blocks in memory BARs, found through vendor capabilities; one MSI-X
// message for everything.
#pragma once

#include "kernel/driver/pci/pci.h"
#include "kernel/driver/virtio/transport.h"

namespace gyre::driver::virtio {

class PciTransport final : public Transport {
public:
    // Errors: NotFound (not a modern virtio function), NoMemory.
    static Result<PciTransport*> probe(const pci::Function& function);

    DeviceKind kind() const override { return kind_; }
    uint8_t status() override;
    void set_status(uint8_t status) override;
    uint64_t features() override;
    void set_features(uint64_t features) override;
    void read_config(size_t offset, void* to, size_t length) override;
    uint16_t most_queue_size(uint16_t queue) override;
    Status set_up_queue(uint16_t queue, const QueueAddresses& addresses) override;
    void notify(uint16_t queue) override;
    Status connect_interrupt(arch::InterruptHandler handler, void* argument) override;
    Reasons acknowledge_interrupt() override;

private:
    // A piece of a BAR that a capability describes.
    struct Region {
        volatile uint8_t* bytes = nullptr;
        uint32_t length = 0;
        uint32_t notify_multiplier = 0;
    };
    explicit PciTransport(const pci::Function& function) : function_(function) {}
    Status map_regions();
    static Result<Region> map_region(const pci::Function& function, uint8_t capability);
    template <class T>
    volatile T& common(size_t offset) const {
        return *reinterpret_cast<volatile T*>(common_.bytes + offset);
    }

    static constexpr uint16_t kMostQueues = 128;
    const pci::Function function_;
    DeviceKind kind_ = DeviceKind::None;
    Region common_, notify_, device_;
    uint16_t notify_offsets_[kMostQueues] = {};
};

// Calls `found` for each modern virtio function.
void for_each_pci_device(void (*found)(PciTransport& transport, void* argument), void* argument);

}  // namespace gyre::driver::virtio
