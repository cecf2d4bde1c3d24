// SPDX-License-Identifier: MIT
//
// Starting the other CPUs, one at a time (Intel SDM 3A 9.4): they run boot/pvh/entry.S's trampoline, then ap_main.
#include <algorithm>
#include <atomic>
#include <cstring>
#include <new>

#include "kernel/arch/contract.h"
#include "kernel/arch/x86_64/cpu_setup.h"
#include "kernel/arch/x86_64/io.h"
#include "kernel/command_line.h"
#include "kernel/driver/acpi/acpi.h"
#include "kernel/log/log.h"
#include "kernel/memory/kernel_stack.h"
#include "kernel/memory/memory.h"
#include "kernel/schedule/thread.h"

extern "C" {
extern char ap_trampoline_start[], ap_trampoline_end[];
extern uintptr_t ap_start_stack;
extern uint64_t ap_start_page_table;
extern gyre::Cpu* ap_start_cpu;
}

namespace gyre::arch {
namespace {

constexpr uint64_t kTrampolinePage = 8;  // physical 0x8000, kept free by the memory folder
constinit std::atomic<bool> g_has_arrived{false};
constinit void (*g_entry)(Cpu&) = nullptr;

void wait_ns(int64_t ns) {
    const int64_t end = clock_now_ns() + ns;
    while (clock_now_ns() < end) pause();
}

// QEMU's fw_cfg tells the number of CPUs where there are no ACPI tables (microvm,acpi=off).
uint32_t cpus_by_firmware_configuration() {
    out16(0x510, 0);
    char signature[4];
    for (char& c : signature) c = static_cast<char>(in8(0x511));
    if (memcmp(signature, "QEMU", 4) != 0) return 1;
    out16(0x510, 5);
    const uint32_t low = in8(0x511);
    return std::max<uint32_t>(1, low | in8(0x511) << 8);
}

uint32_t machine_cpu_count() {
    const acpi::Facts& facts = acpi::facts();
    return facts.cpu_count ? static_cast<uint32_t>(facts.cpu_count) : cpus_by_firmware_configuration();
}

// nosmp and maxcpus=0: there is one CPU. (Linux leaves the IO-APIC alone, too; here the devices keep it.) nr_cpus=: as if the
// machine had no more.
uint32_t most_possible_cpus() {
    if (command_line::has("nosmp") || command_line::number("maxcpus") == 0u) return 1;
    const uint64_t count = command_line::number("nr_cpus").value_or(0);
    return count == 0 ? kMaxCpus : static_cast<uint32_t>(std::min<uint64_t>(count, kMaxCpus));
}

bool start_cpu(Cpu& cpu, uint32_t apic_id) {
    auto* data = new (std::nothrow) CpuData();
    auto stack = memory::allocate_kernel_stack();
    if (!data || !stack) {
        log_error("cpu {}: no memory to start it", cpu.number);
        delete data;
        return false;
    }
    data->apic_id = apic_id;
    cpu.arch = data;
    ap_start_stack = *stack + Thread::kKernelStackSize;
    ap_start_page_table = memory::kernel_page_table().value;
    ap_start_cpu = &cpu;
    g_has_arrived.store(false, std::memory_order_release);
    send_init(apic_id);
    wait_ns(200'000);
    for (int tries = 0; tries < 2; ++tries) {
        send_startup(apic_id, kTrampolinePage);
        const int64_t deadline = clock_now_ns() + 500'000'000;
        while (!g_has_arrived.load(std::memory_order_acquire) && clock_now_ns() < deadline) pause();
        if (g_has_arrived.load(std::memory_order_acquire)) return true;
    }
    // Its stack and data stay: it may still wake up and use them.
    log_error("cpu {}: APIC {} does not answer", cpu.number, apic_id);
    return false;
}

}  // namespace

extern "C" [[noreturn]] void ap_main(Cpu* cpu) {
    set_up_cpu(*cpu, *cpu->arch);
    initialize_local_apic();
    g_has_arrived.store(true, std::memory_order_release);
    g_entry(*cpu);
    halt_this_cpu();
}

uint32_t cpu_count() { return std::min(machine_cpu_count(), most_possible_cpus()); }

void start_other_cpus(void (*entry)(Cpu&)) {
    const uint32_t count = cpu_count();
    if (command_line::has("maxcpus") && !command_line::number("maxcpus")) log_warning("Malformed early option 'maxcpus'");
    // The others stay possible, and offline.
    const uint64_t most_online = std::min<uint64_t>(command_line::number("maxcpus").value_or(count), count);
    if (most_online == 1) return;
    g_entry = entry;
    memcpy(PhysicalAddress{kTrampolinePage * kPageSize}.direct(), ap_trampoline_start,
           static_cast<size_t>(ap_trampoline_end - ap_trampoline_start));
    const acpi::Facts& facts = acpi::facts();
    const uint32_t own_id = this_cpu().arch->apic_id;
    uint32_t number = 1;
    for (uint32_t i = 0; i < machine_cpu_count() && number < most_online; ++i) {
        const uint32_t apic_id = facts.cpu_count ? facts.apic_ids[i] : i;
        if (apic_id == own_id) continue;
        Cpu& cpu = cpu_by_number(number);
        cpu.number = number;
        if (!start_cpu(cpu, apic_id)) continue;
        // Numbers are given in the order in which CPUs come online.
        while (!cpu.is_online.load(std::memory_order_acquire)) pause();
        ++number;
    }
}

}  // namespace gyre::arch
