// SPDX-License-Identifier: MIT
//
// Finding virtio devices and starting their drivers. Consoles are the only kind that is driven.
#include <array>

#include "kernel/driver/virtio/console.h"
#include "kernel/driver/virtio/mmio.h"
#include "kernel/driver/virtio/pci_transport.h"
#include "kernel/log/log.h"

namespace gyre::driver::virtio {

namespace {
constexpr uint32_t kMostConsoles = 8;
constinit std::array<ConsoleDevice*, kMostConsoles> g_consoles{};
constinit uint32_t g_console_count = 0;

void start_device(Transport& transport) {
    if (transport.kind() != DeviceKind::Console) return;
    if (g_console_count == kMostConsoles) return log_warning("virtio: more than {} consoles", kMostConsoles);
    if (const Status started = ConsoleDevice::start(transport, g_console_count); !started)
        log_error("virtio console: cannot be started (error {})", uint32_t(started.error()));
}
}  // namespace

void register_console_device(ConsoleDevice& device) { g_consoles[g_console_count++] = &device; }

void initialize() {
    for_each_mmio_device([](MmioTransport& transport, void*) { start_device(transport); }, nullptr);
    for_each_pci_device([](PciTransport& transport, void*) { start_device(transport); }, nullptr);
}

void drain_until_ns(int64_t deadline_ns) {
    for (uint32_t i = 0; i < g_console_count; ++i) g_consoles[i]->drain_until_ns(deadline_ns);
}

}  // namespace gyre::driver::virtio
