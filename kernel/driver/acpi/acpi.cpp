// SPDX-License-Identifier: MIT
#include "kernel/driver/acpi/acpi.h"

#include <cstring>
#include <span>
#include <string_view>

#include "kernel/log/log.h"
#include "kernel/memory/memory.h"

namespace gyre::acpi {
namespace {

constinit Facts g_facts;

struct [[gnu::packed]] Header {
    char signature[4];
    uint32_t length;
    uint8_t revision, checksum;
    char oem[6], oem_table[8];
    uint32_t oem_revision, creator, creator_revision;
};
static_assert(sizeof(Header) == 36);

struct [[gnu::packed]] RootPointer {
    char signature[8];
    uint8_t checksum;
    char oem[6];
    uint8_t revision;
    uint32_t rsdt, length;
    uint64_t xsdt;
};

uint8_t sum(const void* data, size_t length) {
    uint8_t total = 0;
    for (size_t i = 0; i < length; ++i) total = static_cast<uint8_t>(total + static_cast<const uint8_t*>(data)[i]);
    return total;
}

template <class T>
T load(std::span<const uint8_t> bytes, size_t offset) {
    T value{};
    if (offset + sizeof(T) <= bytes.size()) memcpy(&value, bytes.data() + offset, sizeof(T));
    return value;
}

// A mapped, checked table; empty when it is broken.
std::span<const uint8_t> map_table(uint64_t address) {
    constexpr uint32_t kMostTableBytes = 1 << 20;
    if (address == 0) return {};
    auto header = memory::map_physical({address}, sizeof(Header), memory::CachePolicy::WriteBack);
    if (!header) return {};
    const uint32_t length = static_cast<const Header*>(*header)->length;
    if (length < sizeof(Header) || length > kMostTableBytes) return {};
    auto table = memory::map_physical({address}, length, memory::CachePolicy::WriteBack);
    if (!table || sum(*table, length) != 0) return {};
    return {static_cast<const uint8_t*>(*table), length};
}

void read_madt(std::span<const uint8_t> table) {
    g_facts.local_apic = load<uint32_t>(table, 36);
    for (size_t at = 44; at + 2 <= table.size();) {
        const uint8_t type = table[at], length = table[at + 1];
        if (length < 2 || at + length > table.size()) return;
        const auto entry = table.subspan(at, length);
        if (type == 0 && (load<uint32_t>(entry, 4) & 3) && g_facts.cpu_count < Facts::kMaxCpus)
            g_facts.apic_ids[g_facts.cpu_count++] = entry[3];
        if (type == 9 && (load<uint32_t>(entry, 8) & 3) && g_facts.cpu_count < Facts::kMaxCpus)
            g_facts.apic_ids[g_facts.cpu_count++] = load<uint32_t>(entry, 4);
        if (type == 1 && g_facts.io_apic_count < Facts::kMaxIoApics)
            g_facts.io_apics[g_facts.io_apic_count++] = {load<uint32_t>(entry, 4), load<uint32_t>(entry, 8)};
        if (type == 2 && g_facts.override_count < Facts::kMaxOverrides) {
            const auto flags = load<uint16_t>(entry, 8);
            g_facts.overrides[g_facts.override_count++] = {entry[3], load<uint32_t>(entry, 4), (flags >> 2 & 3) == 3,
                                                           (flags & 3) == 3};
        }
        if (type == 5) g_facts.local_apic = load<uint64_t>(entry, 4);
        at += length;
    }
}

Register read_register(std::span<const uint8_t> table, size_t offset) {
    if (offset + 12 > table.size()) return {};
    const auto address = load<uint64_t>(table, offset + 4);
    if (address == 0) return {};
    switch (table[offset]) {
        case 0: return {Register::Space::Memory, address};
        case 1: return {Register::Space::Port, address};
        default: return {};
    }
}

// Name(_S5_, Package{type, ...}): 08 '_S5_' 12 length count then the first element as 00, 01, or 0a nn.
void find_soft_off(std::span<const uint8_t> code) {
    const std::string_view text(reinterpret_cast<const char*>(code.data()), code.size());
    size_t at = text.find("_S5_\x12");
    if (at == std::string_view::npos) return;
    at += 5;
    if (at >= code.size()) return;
    at += 1u + (code[at] >> 6) + 1;  // the length field, the element count
    if (at + 1 >= code.size()) return;
    g_facts.soft_off_type = code[at] == 0x0a ? code[at + 1] : code[at];
    g_facts.can_soft_off = true;
}

// Name(_HID, "LNRO0005") and, a little further in the same device, its resources: 86 09 00 rw base length (memory) followed
// by 89 06 00 flags 01 gsi (interrupt). ACPI 6.5, 6.4.3.4 and 6.4.3.6.
void find_virtio_devices(std::span<const uint8_t> code) {
    constexpr std::string_view kId = "LNRO0005", kMemory{"\x86\x09\x00", 3}, kInterrupt{"\x89\x06\x00", 3};
    constexpr size_t kMostBytesBetween = 128, kMemoryBytes = 12;
    const std::string_view text(reinterpret_cast<const char*>(code.data()), code.size());
    for (size_t at = text.find(kId); at != std::string_view::npos; at = text.find(kId, at + 1)) {
        const size_t memory = text.substr(at, kMostBytesBetween).find(kMemory);
        if (memory == std::string_view::npos) continue;
        const size_t interrupt = at + memory + kMemoryBytes;
        if (text.substr(interrupt, kInterrupt.size()) != kInterrupt || load<uint8_t>(code, interrupt + 4) != 1) continue;
        if (g_facts.virtio_device_count == Facts::kMaxVirtioDevices) return;
        g_facts.virtio_devices[g_facts.virtio_device_count++] = {load<uint32_t>(code, at + memory + 4),
                                                                 load<uint32_t>(code, interrupt + 5)};
    }
}

void read_fadt(std::span<const uint8_t> table) {
    constexpr size_t kDsdt = 40, kPm1a = 64, kPm1b = 68, kFlags = 112, kReset = 116, kResetValue = 128, kXDsdt = 140,
                     kSleepControl = 244;
    g_facts.pm1a_control = static_cast<uint16_t>(load<uint32_t>(table, kPm1a));
    g_facts.pm1b_control = static_cast<uint16_t>(load<uint32_t>(table, kPm1b));
    const auto flags = load<uint32_t>(table, kFlags);
    if (flags & 1u << 20) g_facts.sleep_control = read_register(table, kSleepControl);
    if (flags & 1u << 10) {
        g_facts.reset = read_register(table, kReset);
        g_facts.reset_value = load<uint8_t>(table, kResetValue);
    }
    uint64_t dsdt = load<uint64_t>(table, kXDsdt);
    if (dsdt == 0) dsdt = load<uint32_t>(table, kDsdt);
    const auto code = map_table(dsdt);
    if (code.empty()) return;
    find_soft_off(code);
    find_virtio_devices(code);
}

const RootPointer* search_root() {
    // The BIOS area: a paragraph that begins with the signature.
    auto area = memory::map_physical({0xe0000}, 0x20000, memory::CachePolicy::WriteBack);
    if (!area) return nullptr;
    const char* bytes = static_cast<const char*>(*area);
    for (size_t at = 0; at + sizeof(RootPointer) <= 0x20000; at += 16)
        if (memcmp(bytes + at, "RSD PTR ", 8) == 0 && sum(bytes + at, 20) == 0)
            return reinterpret_cast<const RootPointer*>(bytes + at);
    return nullptr;
}

void read_table(uint64_t address) {
    const auto table = map_table(address);
    if (table.empty()) return;
    const std::string_view signature(reinterpret_cast<const char*>(table.data()), 4);
    if (signature == "APIC") read_madt(table);
    if (signature == "FACP") read_fadt(table);
    if (signature == "MCFG" && table.size() >= 60) g_facts.pci_configuration = load<uint64_t>(table, 44);
}

}  // namespace

void initialize(PhysicalAddress root) {
    const RootPointer* pointer = nullptr;
    if (root.value != 0) {
        auto mapped = memory::map_physical(root, sizeof(RootPointer), memory::CachePolicy::WriteBack);
        if (mapped && memcmp(*mapped, "RSD PTR ", 8) == 0) pointer = static_cast<const RootPointer*>(*mapped);
    }
    if (!pointer) pointer = search_root();
    if (!pointer) {
        log_info("acpi: no tables");
        return;
    }
    const bool is_wide = pointer->revision >= 2 && pointer->xsdt != 0;
    const auto directory = map_table(is_wide ? pointer->xsdt : pointer->rsdt);
    if (directory.empty()) return;
    g_facts.is_present = true;
    const size_t width = is_wide ? 8 : 4;
    for (size_t at = sizeof(Header); at + width <= directory.size(); at += width)
        read_table(is_wide ? load<uint64_t>(directory, at) : load<uint32_t>(directory, at));
    log_debug("acpi: {} CPUs, {} IO-APICs, soft off {} by port {x}", g_facts.cpu_count, g_facts.io_apic_count,
              g_facts.can_soft_off, g_facts.pm1a_control);
}

const Facts& facts() { return g_facts; }

}  // namespace gyre::acpi
