// SPDX-License-Identifier: MIT
#include "kernel/driver/early_serial.h"

#include "kernel/arch/x86_64/io.h"

namespace gyre::early_serial {
namespace {

constexpr uint16_t kPort = 0x3f8;
constexpr uint8_t kTransmitterEmpty = 0x20;
constinit bool g_is_present = false;

void put(char c) {
    // A port that never gets ready must not hang a panic.
    for (int tries = 0; tries < 100'000 && !(arch::in8(kPort + 5) & kTransmitterEmpty); ++tries) {}
    arch::out8(kPort, static_cast<uint8_t>(c));
}

}  // namespace

void initialize() {
    using arch::out8;
    out8(kPort + 1, 0);     // no interrupts
    out8(kPort + 3, 0x80);  // divisor
    out8(kPort + 0, 1);     // 115200
    out8(kPort + 1, 0);
    out8(kPort + 3, 0x03);  // 8n1
    out8(kPort + 2, 0xc7);  // FIFOs
    out8(kPort + 4, 0x0b);  // DTR, RTS, OUT2
    out8(kPort + 7, 0x5a);  // scratch register: is anybody there?
    g_is_present = arch::in8(kPort + 7) == 0x5a;
}

void write(std::string_view text) {
    if (!g_is_present) return;
    for (char c : text) {
        if (c == '\n') put('\r');
        put(c);
    }
}

}  // namespace gyre::early_serial
