// SPDX-License-Identifier: MIT
//
// Virtio over PCI; see pci_transport.h.
#include "kernel/driver/virtio/pci_transport.h"

#include <new>

#include "kernel/memory/memory.h"

namespace gyre::driver::virtio {

namespace {
constexpr uint16_t kVendor = 0x1af4, kFirstModernDevice = 0x1040, kLastModernDevice = 0x107f;
// Transitional devices: the device ID says nothing, the subsystem ID is the kind (4.1.2.1).
constexpr uint16_t kFirstTransitional = 0x1000, kLastTransitional = 0x103f;
constexpr uint8_t kVendorCapability = 0x09, kSubsystem = 0x2e;
constexpr uint8_t kCommonConfig = 1, kNotifyConfig = 2, kDeviceConfig = 4;
// struct virtio_pci_common_cfg.
constexpr size_t kDeviceFeatureSelect = 0, kDeviceFeature = 4, kDriverFeatureSelect = 8, kDriverFeature = 12,
                 kConfigVector = 16, kStatusByte = 20, kConfigGeneration = 21, kQueueSelect = 22, kQueueSize = 24,
                 kQueueVector = 26, kQueueEnable = 28, kQueueNotifyOffset = 30, kQueueDescriptors = 32,
                 kQueueAvailable = 40, kQueueUsed = 48, kCommonLength = 56;
constexpr int kMostConfigReads = 16;
constexpr uint32_t kMostRegionBytes = 16u << 20;
}  // namespace

Result<PciTransport::Region> PciTransport::map_region(const pci::Function& function, uint8_t capability) {
    const uint8_t bar = function.read8(uint8_t(capability + 4));
    const uint32_t offset = function.read32(uint8_t(capability + 8));
    Region region;
    region.length = function.read32(uint8_t(capability + 12));
    if (region.length == 0 || region.length > kMostRegionBytes) return fail(Error::NotFound);
    const PhysicalAddress base = TRY(function.memory_bar(bar));
    void* mapped = TRY(memory::map_physical(base + offset, region.length, memory::CachePolicy::Uncached));
    region.bytes = static_cast<volatile uint8_t*>(mapped);
    return region;
}

Status PciTransport::map_regions() {
    for (uint8_t at = function_.find_capability(kVendorCapability); at != 0;
         at = function_.find_capability(kVendorCapability, at)) {
        Region* region = nullptr;
        switch (function_.read8(uint8_t(at + 3))) {
            case kCommonConfig: region = &common_; break;
            case kNotifyConfig: region = &notify_; break;
            case kDeviceConfig: region = &device_; break;
            default: continue;
        }
        if (region->bytes) continue;  // the first of a kind counts (4.1.4)
        *region = TRY(map_region(function_, at));
        if (region == &notify_) region->notify_multiplier = function_.read32(uint8_t(at + 16));
    }
    if (common_.length < kCommonLength || notify_.length < 2) return fail(Error::NotFound);
    return {};
}

Result<PciTransport*> PciTransport::probe(const pci::Function& function) {
    if (function.vendor() != kVendor) return fail(Error::NotFound);
    const uint16_t device = function.device();
    DeviceKind kind;
    if (device >= kFirstModernDevice && device <= kLastModernDevice)
        kind = DeviceKind(device - kFirstModernDevice);
    else if (device >= kFirstTransitional && device <= kLastTransitional)
        kind = DeviceKind(function.read16(kSubsystem));
    else
        return fail(Error::NotFound);
    auto* transport = new (std::nothrow) PciTransport(function);
    if (!transport) return fail(Error::NoMemory);
    transport->kind_ = kind;
    function.enable();
    if (const Status mapped = transport->map_regions(); !mapped) {
        delete transport;
        return fail(mapped.error());
    }
    return transport;
}

uint8_t PciTransport::status() { return common<uint8_t>(kStatusByte); }
void PciTransport::set_status(uint8_t status) { common<uint8_t>(kStatusByte) = status; }

uint64_t PciTransport::features() {
    common<uint32_t>(kDeviceFeatureSelect) = 0;
    const uint64_t low = common<uint32_t>(kDeviceFeature);
    common<uint32_t>(kDeviceFeatureSelect) = 1;
    return low | uint64_t{common<uint32_t>(kDeviceFeature)} << 32;
}

void PciTransport::set_features(uint64_t features) {
    common<uint32_t>(kDriverFeatureSelect) = 0;
    common<uint32_t>(kDriverFeature) = uint32_t(features);
    common<uint32_t>(kDriverFeatureSelect) = 1;
    common<uint32_t>(kDriverFeature) = uint32_t(features >> 32);
}

void PciTransport::read_config(size_t offset, void* to, size_t length) {
    auto* out = static_cast<uint8_t*>(to);
    for (int i = 0; i < kMostConfigReads; ++i) {
        const uint8_t before = common<uint8_t>(kConfigGeneration);
        for (size_t at = 0; at < length; ++at)
            out[at] = offset + at < device_.length ? device_.bytes[offset + at] : uint8_t{0};
        if (common<uint8_t>(kConfigGeneration) == before) return;
    }
}

uint16_t PciTransport::most_queue_size(uint16_t queue) {
    if (queue >= kMostQueues) return 0;
    common<uint16_t>(kQueueSelect) = queue;
    return common<uint16_t>(kQueueSize);
}

Status PciTransport::set_up_queue(uint16_t queue, const QueueAddresses& addresses) {
    if (queue >= kMostQueues) return fail(Error::InvalidArgument);
    common<uint16_t>(kQueueSelect) = queue;
    if (common<uint16_t>(kQueueEnable)) return fail(Error::Busy);
    const uint16_t slot = common<uint16_t>(kQueueNotifyOffset);
    if (uint64_t{slot} * notify_.notify_multiplier + 2 > notify_.length) return fail(Error::InvalidArgument);
    notify_offsets_[queue] = slot;
    common<uint16_t>(kQueueSize) = addresses.size;
    common<uint16_t>(kQueueVector) = 0;
    // Two halves each: 64-bit accesses are not promised (4.1.3.1).
    const auto write_address = [&](size_t offset, PhysicalAddress address) {
        common<uint32_t>(offset) = uint32_t(address.value);
        common<uint32_t>(offset + 4) = uint32_t(address.value >> 32);
    };
    write_address(kQueueDescriptors, addresses.descriptors);
    write_address(kQueueAvailable, addresses.available);
    write_address(kQueueUsed, addresses.used);
    common<uint16_t>(kQueueEnable) = 1;
    return {};
}

void PciTransport::notify(uint16_t queue) {
    const size_t offset = size_t{notify_offsets_[queue]} * notify_.notify_multiplier;
    *reinterpret_cast<volatile uint16_t*>(notify_.bytes + offset) = queue;
}

Status PciTransport::connect_interrupt(arch::InterruptHandler handler, void* argument) {
    const arch::MessageInterrupt message = TRY(arch::allocate_message_interrupt(handler, argument));
    TRY_VOID(function_.enable_message_interrupt(message));
    common<uint16_t>(kConfigVector) = 0;
    return {};
}

// A message says only that something happened.
Transport::Reasons PciTransport::acknowledge_interrupt() { return {true, true}; }

void for_each_pci_device(void (*found)(PciTransport& transport, void* argument), void* argument) {
    struct Found {
        void (*found)(PciTransport&, void*);
        void* argument;
    } each{found, argument};
    pci::for_each_function(
        [](const pci::Function& function, void* data) {
            auto transport = PciTransport::probe(function);
            if (transport) static_cast<Found*>(data)->found(**transport, static_cast<Found*>(data)->argument);
        },
        &each);
}

}  // namespace gyre::driver::virtio
