// SPDX-License-Identifier: MIT
//
// Virtio over MMIO; see mmio.h. Leaves out legacy devices (version 1 of the register layout).
#include "kernel/driver/virtio/mmio.h"

#include <new>
#include <optional>
#include <string_view>

#include "kernel/command_line.h"
#include "kernel/driver/acpi/acpi.h"
#include "kernel/log/log.h"
#include "kernel/memory/memory.h"

namespace gyre::driver::virtio {

namespace {
constexpr uint32_t kMagic = 0x74726976;  // "virt"
constexpr uint32_t kModernVersion = 2;
constexpr size_t kMagicValue = 0x00, kVersion = 0x04, kDeviceId = 0x08, kDeviceFeatures = 0x10,
                 kDeviceFeaturesSelect = 0x14, kDriverFeatures = 0x20, kDriverFeaturesSelect = 0x24, kQueueSelect = 0x30,
                 kQueueSizeMax = 0x34, kQueueSize = 0x38, kQueueReady = 0x44, kQueueNotify = 0x50,
                 kInterruptStatus = 0x60, kInterruptAcknowledge = 0x64, kStatusRegister = 0x70, kQueueDescriptors = 0x80,
                 kQueueAvailable = 0x90, kQueueUsed = 0xa0, kConfigGeneration = 0xfc, kConfig = 0x100;
constexpr size_t kRegistersLength = 0x200;
constexpr int kMostConfigReads = 16;
}  // namespace

Result<MmioTransport*> MmioTransport::probe(PhysicalAddress registers, uint32_t interrupt) {
    void* mapped = TRY(memory::map_physical(registers, kRegistersLength, memory::CachePolicy::Uncached));
    const auto* at = static_cast<volatile uint32_t*>(mapped);
    if (at[kMagicValue / 4] != kMagic || at[kDeviceId / 4] == 0) return fail(Error::NotFound);
    if (at[kVersion / 4] != kModernVersion) {
        log_warning("virtio: legacy device at {x}; QEMU wants -global virtio-mmio.force-legacy=false", registers.value);
        return fail(Error::NotFound);
    }
    auto* transport = new (std::nothrow) MmioTransport(static_cast<volatile uint32_t*>(mapped), interrupt);
    if (!transport) return fail(Error::NoMemory);
    return transport;
}

DeviceKind MmioTransport::kind() const { return DeviceKind(read(kDeviceId)); }
uint8_t MmioTransport::status() { return uint8_t(read(kStatusRegister)); }
void MmioTransport::set_status(uint8_t status) { write(kStatusRegister, status); }

uint64_t MmioTransport::features() {
    write(kDeviceFeaturesSelect, 0);
    const uint64_t low = read(kDeviceFeatures);
    write(kDeviceFeaturesSelect, 1);
    return low | uint64_t{read(kDeviceFeatures)} << 32;
}

void MmioTransport::set_features(uint64_t features) {
    write(kDriverFeaturesSelect, 0);
    write(kDriverFeatures, uint32_t(features));
    write(kDriverFeaturesSelect, 1);
    write(kDriverFeatures, uint32_t(features >> 32));
}

void MmioTransport::read_config(size_t offset, void* to, size_t length) {
    const auto* bytes = reinterpret_cast<const volatile uint8_t*>(registers_) + kConfig + offset;
    auto* out = static_cast<uint8_t*>(to);
    // Again when the device changed it meanwhile (2.5.1); one that never stops is believed as it is.
    for (int i = 0; i < kMostConfigReads; ++i) {
        const uint32_t before = read(kConfigGeneration);
        for (size_t at = 0; at < length; ++at) out[at] = bytes[at];
        if (read(kConfigGeneration) == before) return;
    }
}

uint16_t MmioTransport::most_queue_size(uint16_t queue) {
    write(kQueueSelect, queue);
    return uint16_t(read(kQueueSizeMax));
}

Status MmioTransport::set_up_queue(uint16_t queue, const QueueAddresses& addresses) {
    write(kQueueSelect, queue);
    if (read(kQueueReady)) return fail(Error::Busy);
    write(kQueueSize, addresses.size);
    write_address(kQueueDescriptors, addresses.descriptors);
    write_address(kQueueAvailable, addresses.available);
    write_address(kQueueUsed, addresses.used);
    write(kQueueReady, 1);
    return {};
}

void MmioTransport::notify(uint16_t queue) { write(kQueueNotify, queue); }

Status MmioTransport::connect_interrupt(arch::InterruptHandler handler, void* argument) {
    constexpr bool kLevel = true;
    return arch::register_interrupt(interrupt_, handler, argument, kLevel);
}

Transport::Reasons MmioTransport::acknowledge_interrupt() {
    constexpr uint32_t kUsedBuffer = 1, kConfigChange = 2;
    const uint32_t reasons = read(kInterruptStatus);
    if (reasons) write(kInterruptAcknowledge, reasons);
    return {(reasons & kUsedBuffer) != 0, (reasons & kConfigChange) != 0};
}

// ---- finding them

namespace {
// A number at the beginning of the text, decimal or 0x...; the text goes on behind it.
std::optional<uint64_t> take_number(std::string_view& text) {
    const bool is_hexadecimal = text.starts_with("0x");
    if (is_hexadecimal) text.remove_prefix(2);
    uint64_t value = 0;
    size_t digits = 0;
    for (; digits < text.size(); ++digits) {
        const char c = text[digits];
        const int digit = c >= '0' && c <= '9' ? c - '0' : is_hexadecimal && c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
        if (digit < 0) break;
        value = value * (is_hexadecimal ? 16 : 10) + uint64_t(digit);
    }
    if (digits == 0) return std::nullopt;
    text.remove_prefix(digits);
    return value;
}

struct Found {
    void (*found)(MmioTransport&, void*);
    void* argument;
};

// SIZE@ADDRESS:INTERRUPT[:ID], the size with K, M or nothing behind it.
void probe_named(std::string_view value, void* found) {
    std::string_view rest = value;
    const auto size = take_number(rest);
    while (!rest.empty() && (rest[0] == 'K' || rest[0] == 'M')) rest.remove_prefix(1);
    if (!size || !rest.starts_with('@')) return log_warning("virtio_mmio.device={}: not understood", value);
    rest.remove_prefix(1);
    const auto address = take_number(rest);
    if (!address || !rest.starts_with(':')) return log_warning("virtio_mmio.device={}: not understood", value);
    rest.remove_prefix(1);
    const auto interrupt = take_number(rest);
    if (!interrupt) return log_warning("virtio_mmio.device={}: not understood", value);
    if (auto transport = MmioTransport::probe(PhysicalAddress{*address}, uint32_t(*interrupt)))
        static_cast<Found*>(found)->found(**transport, static_cast<Found*>(found)->argument);
}
}  // namespace

void for_each_mmio_device(void (*found)(MmioTransport& transport, void* argument), void* argument) {
    Found each{found, argument};
    command_line::for_each("virtio_mmio.device", &probe_named, &each);
    const acpi::Facts& facts = acpi::facts();
    for (size_t i = 0; i < facts.virtio_device_count; ++i) {
        const acpi::VirtioDevice& device = facts.virtio_devices[i];
        if (auto transport = MmioTransport::probe(PhysicalAddress{device.address}, device.gsi)) found(**transport, argument);
    }
}

}  // namespace gyre::driver::virtio
