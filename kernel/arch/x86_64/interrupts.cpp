// SPDX-License-Identifier: MIT
//
// Device interrupts: the IO-APICs, the vectors, who handles which.
#include <atomic>

#include "kernel/arch/contract.h"
#include "kernel/arch/x86_64/cpu_setup.h"
#include "kernel/arch/x86_64/io.h"
#include "kernel/driver/acpi/acpi.h"
#include "kernel/log/log.h"
#include "kernel/log/log_readers.h"
#include "kernel/memory/memory.h"
#include "kernel/schedule/scheduler.h"
#include "kernel/sync/spin_lock.h"

namespace gyre::arch {
namespace {

struct Handler {
    std::atomic<InterruptHandler> run{nullptr};
    void* argument = nullptr;
};
constinit Handler g_handlers[256]{};
constinit SpinLock g_lock{LockRank::Leaf};
constinit uint8_t g_next_vector = vectors::kFirstDevice;

struct Controller {
    volatile uint32_t* registers = nullptr;
    uint32_t first_gsi = 0, line_count = 0;
    uint32_t read(uint32_t reg) const {
        registers[0] = reg;
        return registers[4];
    }
    void write(uint32_t reg, uint32_t value) const {
        registers[0] = reg;
        registers[4] = value;
    }
};
constinit Controller g_controllers[acpi::Facts::kMaxIoApics]{};
constinit size_t g_controller_count = 0;

void add_controller(uint64_t address, uint32_t first_gsi) {
    auto mapped = memory::map_physical({address}, 0x20, memory::CachePolicy::Uncached);
    if (!mapped) return log_error("io-apic: no room to map it");
    Controller& controller = g_controllers[g_controller_count++];
    controller.registers = static_cast<volatile uint32_t*>(*mapped);
    controller.first_gsi = first_gsi;
    controller.line_count = (controller.read(1) >> 16 & 0xff) + 1;
    for (uint32_t line = 0; line < controller.line_count; ++line) controller.write(0x10 + line * 2, 1 << 16);
}

Controller* controller_of(uint32_t gsi) {
    for (size_t i = 0; i < g_controller_count; ++i) {
        Controller& c = g_controllers[i];
        if (gsi >= c.first_gsi && gsi - c.first_gsi < c.line_count) return &c;
    }
    return nullptr;
}

Result<uint8_t> take_vector(InterruptHandler handler, void* argument) {
    SpinGuard guard(g_lock);
    if (g_next_vector > vectors::kLastDevice) return fail(Error::NoSpace);
    const uint8_t vector = g_next_vector++;
    g_handlers[vector].argument = argument;
    g_handlers[vector].run.store(handler, std::memory_order_release);
    return vector;
}

// The 8259 pair: out of the way of the exceptions, and silent. Before the local APIC stops listening to it, or a request that
// is pending already would stay pending for ever.
void silence_old_controllers() {
    for (auto [port, value] : {std::pair<uint16_t, uint8_t>{0x20, 0x11}, {0xa0, 0x11}, {0x21, 0x20}, {0xa1, 0x28}, {0x21, 4},
                               {0xa1, 2}, {0x21, 1}, {0xa1, 1}, {0x21, 0xff}, {0xa1, 0xff}})
        out8(port, value);
}

}  // namespace

void initialize_io_apics() {
    const acpi::Facts& facts = acpi::facts();
    for (size_t i = 0; i < facts.io_apic_count; ++i) add_controller(facts.io_apics[i].address, facts.io_apics[i].first_gsi);
    if (facts.io_apic_count == 0) add_controller(0xfec00000, 0);  // where it always was (no ACPI)
}

Status register_interrupt(uint32_t gsi, InterruptHandler handler, void* argument, bool is_level_triggered) {
    bool is_active_low = is_level_triggered;
    const acpi::Facts& facts = acpi::facts();
    for (size_t i = 0; i < facts.override_count; ++i) {
        const acpi::SourceOverride& o = facts.overrides[i];
        if (o.isa_line != gsi || gsi >= 16) continue;
        gsi = o.gsi;
        is_level_triggered = o.is_level_triggered;
        is_active_low = o.is_active_low;
        break;
    }
    Controller* controller = controller_of(gsi);
    if (!controller) return fail(Error::NoDevice);
    const uint8_t vector = TRY(take_vector(handler, argument));
    const uint32_t line = gsi - controller->first_gsi;
    SpinGuard guard(g_lock);
    controller->write(0x11 + line * 2, cpu_by_number(0).arch->apic_id << 24);
    controller->write(0x10 + line * 2, vector | (is_active_low ? 1u << 13 : 0) | (is_level_triggered ? 1u << 15 : 0));
    return {};
}

Result<MessageInterrupt> allocate_message_interrupt(InterruptHandler handler, void* argument) {
    const uint8_t vector = TRY(take_vector(handler, argument));
    return MessageInterrupt{0xfee00000u | uint64_t{cpu_by_number(0).arch->apic_id} << 12, vector};
}

void handle_interrupt(unsigned vector) {
    Cpu& cpu = this_cpu();
    ++cpu.interrupt_count;
    if (vector == vectors::kHalt) halt_this_cpu();
    if (vector == vectors::kSpurious) return;
    ++cpu.interrupt_depth;
    end_of_interrupt();  // handlers run with interrupts off, and a message that comes meanwhile must not be lost
    switch (vector) {
        case vectors::kTimer: on_timer_interrupt(); break;
        case vectors::kReschedule: on_reschedule_ipi(); break;
        case vectors::kFlushTlb: memory::on_flush_tlb_ipi(); break;
        case vectors::kLogReaders: on_log_readers_ipi(); break;
        default:
            if (InterruptHandler run = g_handlers[vector].run.load(std::memory_order_acquire)) run(g_handlers[vector].argument);
    }
    --cpu.interrupt_depth;
}

void initialize_interrupt_controllers(PhysicalAddress acpi_root) {
    acpi::initialize(acpi_root);
    silence_old_controllers();
    initialize_local_apic();
    initialize_io_apics();
    this_cpu().arch->apic_id = local_apic_id();
}

}  // namespace gyre::arch
