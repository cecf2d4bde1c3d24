// SPDX-License-Identifier: MIT
//
// Virtio over MMIO (VIRTIO 1.2, 4.2): a page of registers for each device.
#pragma once

#include "kernel/driver/virtio/transport.h"

namespace gyre::driver::virtio {

class MmioTransport final : public Transport {
public:
    // Errors: NotFound (no device there, or a legacy one), NoMemory.
    static Result<MmioTransport*> probe(PhysicalAddress registers, uint32_t interrupt);

    DeviceKind kind() const override;
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
    MmioTransport(volatile uint32_t* registers, uint32_t interrupt) : registers_(registers), interrupt_(interrupt) {}
    uint32_t read(size_t offset) const { return registers_[offset / 4]; }
    void write(size_t offset, uint32_t value) const { registers_[offset / 4] = value; }
    void write_address(size_t offset, PhysicalAddress address) const {
        write(offset, uint32_t(address.value));
        write(offset + 4, uint32_t(address.value >> 32));
    }

    volatile uint32_t* const registers_;
    const uint32_t interrupt_;
};

// Calls `found` for each device that the command line names (virtio_mmio.device=SIZE@ADDRESS:INTERRUPT, which QEMU's microvm
// appends when it has no ACPI) or ACPI lists.
void for_each_mmio_device(void (*found)(MmioTransport& transport, void* argument), void* argument);

}  // namespace gyre::driver::virtio
