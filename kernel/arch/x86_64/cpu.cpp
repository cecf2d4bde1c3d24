// SPDX-License-Identifier: MIT
//
// What one CPU needs before it can take an exception or a call: descriptor tables, stacks for the worst exceptions, the
// per-CPU base, the MSRs of SYSCALL.
#include "kernel/schedule/cpu.h"

#include <new>

#include "kernel/arch/contract.h"
#include "kernel/arch/x86_64/cpu_data.h"
#include "kernel/arch/x86_64/cpu_setup.h"
#include "kernel/arch/x86_64/features.h"
#include "kernel/arch/x86_64/io.h"
#include "kernel/arch/x86_64/trap_frame.h"

extern "C" void gyre_call_entry();
extern "C" char gyre_trap_stubs[];

namespace gyre::arch {
namespace {

struct Gate {
    uint16_t offset_low, selector;
    uint8_t stack, type;
    uint16_t offset_middle;
    uint32_t offset_high, reserved;
};
constinit Gate g_gates[256]{};
constinit CpuData g_boot_cpu_data{};

void fill_gates() {
    for (unsigned vector = 0; vector < 256; ++vector) {
        const uintptr_t stub = reinterpret_cast<uintptr_t>(gyre_trap_stubs) + vector * 16;
        uint8_t stack = 0;
        if (vector == 2) stack = kNmiStack;
        if (vector == 8) stack = kDoubleFaultStack;
        if (vector == 18) stack = kMachineCheckStack;
        // int3 and into may come from user mode; everything else by int is a general protection fault.
        const uint8_t type = vector == 3 || vector == 4 ? 0xee : 0x8e;
        g_gates[vector] = {uint16_t(stub), kKernelCode, stack, type, uint16_t(stub >> 16), uint32_t(stub >> 32), 0};
    }
}

struct [[gnu::packed]] TablePointer {
    uint16_t limit;
    uint64_t base;
};

void load_tables(CpuData& data, uint32_t number) {
    const uint64_t code = 0x00af9b000000ffff, all = 0x00cf93000000ffff, user = uint64_t{3} << 45;
    data.gdt[1] = 0x00cf9b000000ffff;
    data.gdt[2] = code;
    data.gdt[3] = all;
    data.gdt[4] = 0x00cf9b000000ffff | user;
    data.gdt[5] = all | user;
    data.gdt[6] = code | user;
    const uint64_t base = reinterpret_cast<uintptr_t>(&data.task_state);
    data.gdt[8] = (sizeof(TaskState) - 1) | (base & 0xffffff) << 16 | uint64_t{0x89} << 40 | (base >> 24 & 0xff) << 56;
    data.gdt[9] = base >> 32;
    // A data segment whose limit is the CPU's number: what lsl reads in the vDSO's getcpu.
    data.gdt[15] = uint64_t{0x0040f50000000000} | (number & 0xfff);
    for (unsigned i = 0; i < 3; ++i)
        data.task_state.ist[i] = reinterpret_cast<uintptr_t>(data.exception_stacks[i] + kExceptionStackSize);
    data.task_state.io_map = sizeof(TaskState);

    const TablePointer gdt{sizeof(data.gdt) - 1, reinterpret_cast<uintptr_t>(data.gdt)};
    const TablePointer idt{sizeof(g_gates) - 1, reinterpret_cast<uintptr_t>(g_gates)};
    asm volatile(
        "lgdt %0\n\t"
        "pushq %2\n\t"
        "leaq 1f(%%rip), %%rax\n\t"
        "pushq %%rax\n\t"
        "lretq\n"
        "1:\tmovw %w3, %%ss\n\t"
        "movw %w3, %%ds\n\t"
        "movw %w3, %%es\n\t"
        "xorl %%eax, %%eax\n\t"
        "movw %%ax, %%fs\n\t"
        "movw %%ax, %%gs\n\t"
        "lldt %%ax\n\t"
        "ltr %w4\n\t"
        "lidt %1"
        :
        : "m"(gdt), "m"(idt), "i"(kKernelCode), "r"(uint32_t(kKernelData)), "r"(uint32_t(kTaskState))
        : "rax", "memory");
}

}  // namespace

void set_up_cpu(Cpu& cpu, CpuData& data) {
    cpu.self = &cpu;
    cpu.arch = &data;
    load_tables(data, cpu.number);
    write_msr(msr::kGsBase, reinterpret_cast<uintptr_t>(&cpu));
    write_msr(msr::kKernelGsBase, 0);
    write_msr(msr::kFsBase, 0);
    apply_features();
    if (g_features.has_rdtscp) write_msr(msr::kTscAux, cpu.number);
    write_msr(msr::kStar, uint64_t{kUserCode32} << 48 | uint64_t{kKernelCode} << 32);
    write_msr(msr::kLstar, reinterpret_cast<uintptr_t>(&gyre_call_entry));
    // Off on entry: IF, TF, DF, AC, NT, RF, IOPL.
    write_msr(msr::kFlagMask, 0x257700 & ~uint64_t{0x200000});
}

void initialize_boot_cpu() {
    find_features();
    fill_gates();
    Cpu& cpu = cpu_by_number(0);
    cpu.number = 0;
    set_up_cpu(cpu, g_boot_cpu_data);
}

void halt_this_cpu() {
    for (;;) asm volatile("cli\n\thlt" : : : "memory");
}

}  // namespace gyre::arch
