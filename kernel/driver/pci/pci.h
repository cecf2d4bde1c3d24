// SPDX-License-Identifier: MIT
//
// PCI: finding functions and reading their configuration (PCI Local Bus 3.0, chapter 6), through configuration mechanism 1,
// which every PC with PCI has. Leaves out what firmware does (resources are assigned already), hot plug, and extended
// configuration space.
#pragma once

#include <cstdint>

#include "kernel/arch/contract.h"
#include "kernel/memory/types.h"
#include "lib/base/result.h"

namespace gyre::driver::pci {

struct Address {
    uint8_t bus = 0, device = 0, function = 0;
};

class Function {
public:
    explicit Function(Address address) : address_(address) {}

    Address address() const { return address_; }
    uint8_t read8(uint8_t offset) const;
    uint16_t read16(uint8_t offset) const;
    uint32_t read32(uint8_t offset) const;
    void write16(uint8_t offset, uint16_t value) const;
    void write32(uint8_t offset, uint32_t value) const;

    uint16_t vendor() const { return read16(0); }
    uint16_t device() const { return read16(2); }
    // Memory access and bus mastering on, the pin interrupt off.
    void enable() const;

    // The offset of the next capability of this kind after `after` (0: the first); 0 when there is none.
    uint8_t find_capability(uint8_t kind, uint8_t after = 0) const;
    // Where a memory base address register points to. Errors: NotFound (absent, or an I/O one).
    Result<PhysicalAddress> memory_bar(uint8_t index) const;
    // Maps the MSI-X table, writes entry 0 and masks all others; then the function sends this message. Errors: NotFound
    // (no MSI-X), NoMemory.
    Status enable_message_interrupt(const arch::MessageInterrupt& message) const;

private:
    Address address_;
};

// Calls `found` for every function behind the host bridge, bridges followed. Context: bring-up thread.
void for_each_function(void (*found)(const Function& function, void* argument), void* argument);

}  // namespace gyre::driver::pci
