// SPDX-License-Identifier: MIT
//
// Turning the machine off and on again.
#include "kernel/arch/contract.h"
#include "kernel/arch/x86_64/io.h"
#include "kernel/command_line.h"
#include "kernel/driver/acpi/acpi.h"
#include "kernel/log/log.h"
#include "kernel/memory/memory.h"
#include "kernel/schedule/cpu.h"

namespace gyre::arch {
namespace {

void write_register(const acpi::Register& reg, uint8_t value) {
    if (reg.space == acpi::Register::Space::Port) out8(static_cast<uint16_t>(reg.address), value);
    if (reg.space != acpi::Register::Space::Memory) return;
    if (auto mapped = memory::map_physical({reg.address}, 1, memory::CachePolicy::Uncached))
        *static_cast<volatile uint8_t*>(*mapped) = value;
}

}  // namespace

void power_off() {
    disable_interrupts();
    const acpi::Facts& facts = acpi::facts();
    if (facts.can_soft_off) {
        constexpr uint16_t kSleepEnable = 1 << 13;
        if (facts.sleep_control.space != acpi::Register::Space::None)
            write_register(facts.sleep_control, static_cast<uint8_t>(facts.soft_off_type << 2 | 1 << 5));
        const auto value = static_cast<uint16_t>(facts.soft_off_type << 10 | kSleepEnable);
        if (facts.pm1a_control) out16(facts.pm1a_control, value);
        if (facts.pm1b_control) out16(facts.pm1b_control, value);
        // It takes effect soon, not at once.
        for (const int64_t end = clock_now_ns() + 2'000'000'000; clock_now_ns() < end;) pause();
    }
    log_emergency_print("System halted: this machine cannot turn itself off.\n");
    for (uint32_t i = 0; i < online_cpu_count(); ++i)
        if (i != this_cpu().number) send_ipi(i, IpiKind::Halt);
    halt_this_cpu();
}

void reset() {
    disable_interrupts();
    const acpi::Facts& facts = acpi::facts();
    if (facts.reset.space != acpi::Register::Space::None) write_register(facts.reset, facts.reset_value);
    out8(0xcf9, 0x02);
    out8(0xcf9, 0x06);
    out8(0x64, 0xfe);
    // A triple fault resets anything.
    struct [[gnu::packed]] {
        uint16_t limit = 0;
        uint64_t base = 0;
    } nothing;
    asm volatile("lidt %0\n\tint3" : : "m"(nothing));
    halt_this_cpu();
}

void debug_exit(uint8_t code) {
    const auto port = command_line::number("gyre.debug_exit");
    if (port && *port <= 0xffff) out8(static_cast<uint16_t>(*port), code);
}

}  // namespace gyre::arch
