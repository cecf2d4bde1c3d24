// SPDX-License-Identifier: MIT
//
// Configuration space and enumeration; see pci.h.
#include "kernel/driver/pci/pci.h"

#include "kernel/arch/x86_64/io.h"
#include "kernel/memory/memory.h"
#include "kernel/sync/spin_lock.h"

namespace gyre::driver::pci {

namespace {
constexpr uint16_t kAddressPort = 0xcf8, kDataPort = 0xcfc;
constexpr uint32_t kEnableBit = 1u << 31;
constexpr uint8_t kCommand = 0x04, kStatus = 0x06, kClassCode = 0x0a, kHeaderType = 0x0e, kFirstBar = 0x10,
                  kSecondaryBus = 0x19, kCapabilities = 0x34;
constexpr uint16_t kMemorySpace = 2, kBusMaster = 4, kPinInterruptOff = 0x400;
constexpr uint16_t kHasCapabilities = 0x10;
constexpr uint16_t kNoVendor = 0xffff;
constexpr uint16_t kBridgeClass = 0x0604;
constexpr uint8_t kManyFunctions = 0x80;
constexpr uint8_t kDevicesPerBus = 32, kFunctionsPerDevice = 8, kBarCount = 6;
constexpr int kMostCapabilities = 48;  // a list that loops ends here: 192 bytes of them, 4 bytes each
constexpr int kMostBridgeDepth = 8;
constexpr uint8_t kMsixCapability = 0x11;

constinit SpinLock g_lock{LockRank::DriverQueue};  // the two ports are one window

void select(Address address, uint8_t offset) {
    arch::out32(kAddressPort, kEnableBit | uint32_t(address.bus) << 16 | uint32_t(address.device) << 11 |
                                  uint32_t(address.function) << 8 | (offset & 0xfcu));
}
}  // namespace

uint32_t Function::read32(uint8_t offset) const {
    SpinGuard guard(g_lock);
    select(address_, offset);
    return arch::in32(kDataPort);
}

uint16_t Function::read16(uint8_t offset) const { return uint16_t(read32(offset) >> ((offset & 2) * 8)); }
uint8_t Function::read8(uint8_t offset) const { return uint8_t(read32(offset) >> ((offset & 3) * 8)); }

void Function::write32(uint8_t offset, uint32_t value) const {
    SpinGuard guard(g_lock);
    select(address_, offset);
    arch::out32(kDataPort, value);
}

void Function::write16(uint8_t offset, uint16_t value) const {
    SpinGuard guard(g_lock);
    select(address_, offset);
    arch::out16(uint16_t(kDataPort + (offset & 2)), value);
}

void Function::enable() const {
    write16(kCommand, uint16_t(read16(kCommand) | kMemorySpace | kBusMaster | kPinInterruptOff));
}

uint8_t Function::find_capability(uint8_t kind, uint8_t after) const {
    if (!(read16(kStatus) & kHasCapabilities)) return 0;
    uint8_t at = (after ? read8(uint8_t(after + 1)) : read8(kCapabilities)) & 0xfc;
    for (int i = 0; i < kMostCapabilities && at >= 0x40; ++i) {
        if (read8(at) == kind) return at;
        at = read8(uint8_t(at + 1)) & 0xfc;
    }
    return 0;
}

Result<PhysicalAddress> Function::memory_bar(uint8_t index) const {
    if (index >= kBarCount) return fail(Error::NotFound);
    const auto offset = uint8_t(kFirstBar + index * 4);
    const uint32_t low = read32(offset);
    if (low & 1) return fail(Error::NotFound);  // I/O ports
    const bool is_wide = (low >> 1 & 3) == 2;
    if (is_wide && index + 1 >= kBarCount) return fail(Error::NotFound);
    const uint64_t high = is_wide ? read32(uint8_t(offset + 4)) : 0;
    const uint64_t address = high << 32 | (low & ~0xfu);
    if (address == 0) return fail(Error::NotFound);
    return PhysicalAddress{address};
}

// MSI-X (PCI 3.0, 6.8.2): a table in a BAR, 16 bytes an entry.
Status Function::enable_message_interrupt(const arch::MessageInterrupt& message) const {
    struct Entry {
        volatile uint32_t address_low, address_high, data, control;
    };
    static_assert(sizeof(Entry) == 16);
    constexpr uint16_t kMsixEnable = 0x8000, kCountMask = 0x7ff;
    constexpr uint32_t kMasked = 1;

    const uint8_t capability = find_capability(kMsixCapability);
    if (capability == 0) return fail(Error::NotFound);
    const uint16_t control = read16(uint8_t(capability + 2));
    const uint32_t where = read32(uint8_t(capability + 4));
    const PhysicalAddress bar = TRY(memory_bar(uint8_t(where & 7)));
    const uint32_t count = (control & kCountMask) + 1u;
    void* mapped = TRY(memory::map_physical(bar + (where & ~7u), count * sizeof(Entry), memory::CachePolicy::Uncached));
    Entry* table = static_cast<Entry*>(mapped);
    for (uint32_t i = 0; i < count; ++i) table[i].control = kMasked;
    table[0].address_low = uint32_t(message.address);
    table[0].address_high = uint32_t(message.address >> 32);
    table[0].data = message.data;
    table[0].control = 0;
    write16(uint8_t(capability + 2), uint16_t(control | kMsixEnable));
    return {};
}

// ---- enumeration

namespace {
struct Walk {
    void (*found)(const Function&, void*);
    void* argument;

    void function(Address address, int depth) const {
        const Function candidate(address);
        if (candidate.vendor() == kNoVendor) return;
        found(candidate, argument);
        if (candidate.read16(kClassCode) == kBridgeClass && depth < kMostBridgeDepth)
            bus(candidate.read8(kSecondaryBus), depth + 1);
    }
    void bus(uint8_t number, int depth) const {
        if (number == 0 && depth > 0) return;  // a bridge that firmware left alone
        for (uint8_t device = 0; device < kDevicesPerBus; ++device) {
            const Function first({number, device, 0});
            if (first.vendor() == kNoVendor) continue;
            const uint8_t functions = first.read8(kHeaderType) & kManyFunctions ? kFunctionsPerDevice : 1;
            for (uint8_t i = 0; i < functions; ++i) function({number, device, i}, depth);
        }
    }
};
}  // namespace

void for_each_function(void (*found)(const Function& function, void* argument), void* argument) {
    Walk{found, argument}.bus(0, 0);
}

}  // namespace gyre::driver::pci
