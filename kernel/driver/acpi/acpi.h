// SPDX-License-Identifier: MIT
//
// The ACPI tables that Gyre reads (ACPI 6.5): MADT (CPUs, interrupt controllers), FADT and the _S5_ package (power). No AML
// interpreter: the package and the resources that are needed are found by their bytes. Tables are data of the firmware: lengths and checksums are checked.
#pragma once

#include <array>
#include <cstdint>

#include "kernel/memory/types.h"

namespace gyre::acpi {

struct IoApic {
    uint64_t address;
    uint32_t first_gsi;
};
struct SourceOverride {  // an ISA line that is wired differently
    uint8_t isa_line;
    uint32_t gsi;
    bool is_level_triggered, is_active_low;
};

struct Register {
    enum class Space : uint8_t { None, Memory, Port } space = Space::None;
    uint64_t address = 0;
};

// A virtio device over MMIO (_HID "LNRO0005"), as QEMU's microvm lists them.
struct VirtioDevice {
    uint64_t address;
    uint32_t gsi;
};

struct Facts {
    static constexpr size_t kMaxCpus = 64, kMaxIoApics = 8, kMaxOverrides = 24, kMaxVirtioDevices = 32;
    bool is_present = false;
    uint64_t local_apic = 0xfee00000;
    std::array<uint32_t, kMaxCpus> apic_ids{};
    size_t cpu_count = 0;
    std::array<IoApic, kMaxIoApics> io_apics{};
    size_t io_apic_count = 0;
    std::array<SourceOverride, kMaxOverrides> overrides{};
    size_t override_count = 0;
    std::array<VirtioDevice, kMaxVirtioDevices> virtio_devices{};
    size_t virtio_device_count = 0;
    // Power. Soft off: full hardware writes sleep_type to pm1 control; reduced hardware to the sleep control register.
    uint16_t pm1a_control = 0, pm1b_control = 0;
    Register sleep_control;
    uint8_t soft_off_type = 0;
    bool can_soft_off = false;
    Register reset;
    uint8_t reset_value = 0;
    // PCI's memory-mapped configuration space (MCFG), 0 when there is none.
    uint64_t pci_configuration = 0;
};

// `root`: physical address of the RSDP; 0: look for it where BIOSes put it. Called once.
void initialize(PhysicalAddress root);
const Facts& facts();

}  // namespace gyre::acpi
