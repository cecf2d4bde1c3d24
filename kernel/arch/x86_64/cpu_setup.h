// SPDX-License-Identifier: MIT
//
// What the files of the port share about bringing a CPU up.
#pragma once

#include "kernel/arch/x86_64/cpu_data.h"
#include "kernel/schedule/cpu.h"

namespace gyre::arch {

// Loads descriptor tables, per-CPU base and call MSRs on the CPU that runs this. Interrupts off.
void set_up_cpu(Cpu& cpu, CpuData& data);

// apic.cpp
void initialize_local_apic();            // of this CPU
uint32_t local_apic_id();
void end_of_interrupt();
void send_init(uint32_t apic_id);
void send_startup(uint32_t apic_id, uint8_t page);
uint32_t apic_timer_count();
void apic_timer_start(uint32_t count, bool is_masked);

// interrupts.cpp: called by the trap code with interrupts off.
void handle_interrupt(unsigned vector);
void initialize_io_apics();

namespace vectors {
constexpr uint8_t kFirstDevice = 0x30, kLastDevice = 0xef, kTimer = 0xf0, kReschedule = 0xf1, kFlushTlb = 0xf2, kHalt = 0xf3,
                  kLogReaders = 0xf4, kSpurious = 0xff;
}

}  // namespace gyre::arch
