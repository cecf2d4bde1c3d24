// SPDX-License-Identifier: MIT
//
// The local APIC of each CPU (Intel SDM 3A chapter 11), in x2APIC mode where the CPU has it.
#include "kernel/arch/contract.h"
#include "kernel/arch/x86_64/clock.h"
#include "kernel/arch/x86_64/cpu_setup.h"
#include "kernel/arch/x86_64/features.h"
#include "kernel/arch/x86_64/io.h"
#include "kernel/driver/acpi/acpi.h"
#include "kernel/log/panic.h"
#include "kernel/memory/memory.h"

namespace gyre::arch {
namespace {

enum : uint32_t { kId = 0x20, kEnd = 0xb0, kSpuriousVector = 0xf0, kCommandLow = 0x300, kCommandHigh = 0x310, kTimerEntry = 0x320,
                  kLint0 = 0x350, kLint1 = 0x360, kErrorEntry = 0x370, kTimerInitial = 0x380, kTimerCurrent = 0x390,
                  kTimerDivide = 0x3e0, kTaskPriority = 0x80 };
constexpr uint32_t kMasked = 1 << 16;

constinit volatile uint32_t* g_registers = nullptr;  // null in x2APIC mode

uint32_t read(uint32_t reg) {
    return g_registers ? g_registers[reg / 4] : static_cast<uint32_t>(read_msr(0x800 + reg / 16));
}
void write(uint32_t reg, uint32_t value) {
    if (g_registers) g_registers[reg / 4] = value;
    else write_msr(0x800 + reg / 16, value);
}

void send(uint32_t apic_id, uint32_t command) {
    if (!g_registers) return write_msr(0x830, uint64_t{apic_id} << 32 | command);
    const InterruptState state = disable_interrupts();
    while (read(kCommandLow) & 1 << 12) pause();
    write(kCommandHigh, apic_id << 24);
    write(kCommandLow, command);
    restore_interrupts(state);
}

}  // namespace

void initialize_local_apic() {
    uint64_t base = read_msr(msr::kApicBase) | 0x800;
    if (g_features.has_x2apic) {
        base |= 0x400;
    } else if (!g_registers) {
        auto mapped = memory::map_physical({acpi::facts().local_apic}, kPageSize, memory::CachePolicy::Uncached);
        if (!mapped) panic("no room to map the local APIC");
        g_registers = static_cast<volatile uint32_t*>(*mapped);
    }
    write_msr(msr::kApicBase, base);
    write(kSpuriousVector, 0x100 | vectors::kSpurious);
    write(kTaskPriority, 0);
    write(kLint0, kMasked);
    write(kLint1, kMasked);
    write(kErrorEntry, kMasked);
    write(kTimerDivide, 0xb);  // by 1
    write(kTimerEntry, vectors::kTimer);
    write(kTimerInitial, 0);
}

uint32_t local_apic_id() { return g_registers ? read(kId) >> 24 : read(kId); }
void end_of_interrupt() { write(kEnd, 0); }
void send_init(uint32_t apic_id) { send(apic_id, 0x4500); }
void send_startup(uint32_t apic_id, uint8_t page) { send(apic_id, 0x4600u | page); }
uint32_t apic_timer_count() { return read(kTimerCurrent); }
void apic_timer_start(uint32_t count, bool is_masked) {
    write(kTimerEntry, vectors::kTimer | (is_masked ? kMasked : 0));
    write(kTimerInitial, count);
}

void send_ipi(uint32_t cpu, IpiKind kind) {
    static constexpr uint8_t kVectors[] = {vectors::kReschedule, vectors::kFlushTlb, vectors::kHalt, vectors::kLogReaders};
    send(cpu_by_number(cpu).arch->apic_id, 0x4000u | kVectors[static_cast<size_t>(kind)]);
}

void timer_arm(int64_t deadline_ns) {
    if (deadline_ns == INT64_MAX) return write(kTimerInitial, 0);
    const int64_t now = clock_now_ns();
    uint64_t delta = deadline_ns > now ? static_cast<uint64_t>(deadline_ns - now) : 0;
    if (delta > 3'000'000'000) delta = 3'000'000'000;  // the counter has 32 bits; the interrupt looks again
    uint64_t count = delta * (apic_timer_frequency() / 1000) / 1'000'000 + 1;
    if (count > UINT32_MAX) count = UINT32_MAX;
    write(kTimerInitial, static_cast<uint32_t>(count));
}

}  // namespace gyre::arch
