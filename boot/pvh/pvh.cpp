// SPDX-License-Identifier: MIT
//
// From hvm_start_info (Xen's x86/HVM direct boot ABI, as QEMU's -kernel gives it) to BootInfo.
#include <algorithm>
#include <cstring>

#include "boot/boot_info.h"

namespace gyre {
[[noreturn]] void kernel_main(const BootInfo& boot_info);
}

extern "C" char gyre_text_start[], gyre_image_end[];

namespace {

using gyre::BootInfo;
using gyre::MemoryKind;
using gyre::PhysicalAddress;

struct StartInfo {
    uint32_t magic, version, flags, module_count;
    uint64_t modules, command_line, acpi_root;
    uint64_t memory_map;          // from version 1 on
    uint32_t memory_map_entries, reserved;
};
struct Module {
    uint64_t address, size, command_line, reserved;
};
struct MemoryMapEntry {
    uint64_t address, size;
    uint32_t type, reserved;
};
constexpr uint32_t kMagic = 0x336ec578;
enum : uint32_t { kRam = 1, kReserved = 2, kAcpiReclaimable = 3, kAcpiState = 4 };

constinit BootInfo g_boot_info;

MemoryKind kind_of(uint32_t type) {
    switch (type) {
        case kRam: return MemoryKind::Usable;
        case kAcpiReclaimable:
        case kAcpiState: return MemoryKind::Acpi;
        default: return MemoryKind::Reserved;
    }
}

}  // namespace

// On the boot stack, with the boot page tables. Below 4 GiB the direct map holds.
extern "C" [[noreturn]] void pvh_main(uint32_t start_info_address) {
    BootInfo& info = g_boot_info;
    const auto& start = *PhysicalAddress{start_info_address}.direct<StartInfo>();
    info.kernel_image.start = {reinterpret_cast<uintptr_t>(gyre_text_start) - gyre::kKernelImageBase};
    info.kernel_image.length = static_cast<uint64_t>(gyre_image_end - gyre_text_start);
    if (start.magic == kMagic) {
        info.acpi_root = {start.acpi_root};
        if (start.version >= 1) {
            const auto* entries = PhysicalAddress{start.memory_map}.direct<MemoryMapEntry>();
            info.memory_count = std::min<size_t>(start.memory_map_entries, BootInfo::kMaxMemoryRanges);
            for (size_t i = 0; i < info.memory_count; ++i)
                info.memory[i] = {{{entries[i].address}, entries[i].size}, kind_of(entries[i].type)};
        }
        if (start.module_count > 0) {
            const auto& module = *PhysicalAddress{start.modules}.direct<Module>();
            info.initramfs = {{module.address}, module.size};
        }
        if (start.command_line != 0) {
            const char* text = PhysicalAddress{start.command_line}.direct<char>();
            info.command_line_length = strnlen(text, BootInfo::kMaxCommandLine);
            memcpy(info.command_line_text.data(), text, info.command_line_length);
        }
    }
    gyre::kernel_main(info);
}
