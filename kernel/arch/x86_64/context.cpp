// SPDX-License-Identifier: MIT
//
// Switching between threads: stacks, the program's segment bases, vector registers.
#include <cstring>

#include "kernel/arch/contract.h"
#include "kernel/arch/x86_64/cpu_data.h"
#include "kernel/arch/x86_64/features.h"
#include "kernel/arch/x86_64/io.h"
#include "kernel/arch/x86_64/trap_frame.h"
#include "kernel/schedule/cpu.h"
#include "kernel/schedule/thread.h"

extern "C" void gyre_switch_stacks(uintptr_t* save_to, uintptr_t next);
extern "C" void gyre_thread_start();

namespace gyre::arch {
namespace {

void save_vector(void* area) {
    if (!g_features.has_xsave) {
        asm volatile("fxsave64 (%0)" : : "r"(area) : "memory");
    } else if (g_features.has_xsaveopt) {
        asm volatile("xsaveopt64 (%0)" : : "r"(area), "a"(-1), "d"(-1) : "memory");
    } else {
        asm volatile("xsave64 (%0)" : : "r"(area), "a"(-1), "d"(-1) : "memory");
    }
}
void load_vector(const void* area) {
    if (!g_features.has_xsave) {
        asm volatile("fxrstor64 (%0)" : : "r"(area) : "memory");
    } else {
        asm volatile("xrstor64 (%0)" : : "r"(area), "a"(-1), "d"(-1) : "memory");
    }
}

uint64_t read_fs_base() {
    if (!g_features.has_fsgsbase) return read_msr(msr::kFsBase);
    uint64_t base;
    asm volatile("rdfsbase %0" : "=r"(base));
    return base;
}
void write_fs_base(uint64_t base) {
    if (!g_features.has_fsgsbase) return write_msr(msr::kFsBase, base);
    asm volatile("wrfsbase %0" : : "r"(base));
}

}  // namespace

void context_initialize(ThreadContext& context, uintptr_t kernel_stack_top, void (*entry)(void*), void* argument) {
    context.kernel_stack_top = kernel_stack_top;
    // Below the place of the trap frame; the words that gyre_switch_stacks pops: r15 r14 r13 r12 rbp rbx, return address.
    auto* words = reinterpret_cast<uint64_t*>(kernel_stack_top - sizeof(TrapFrame)) - 9;
    words[0] = words[1] = words[2] = 0;
    words[3] = reinterpret_cast<uintptr_t>(argument);
    words[4] = 0;
    words[5] = reinterpret_cast<uintptr_t>(entry);
    words[6] = reinterpret_cast<uintptr_t>(&gyre_thread_start);
    words[7] = words[8] = 0;  // keeps the stack aligned at the call
    context.stack_pointer = reinterpret_cast<uintptr_t>(words);
}

void context_switch(ThreadContext& from, ThreadContext& to) {
    Cpu& cpu = this_cpu();
    if (from.vector_state) {
        save_vector(from.vector_state);
        // A program may have changed them by itself (wrfsbase, wrgsbase).
        from.fs_base = read_fs_base();
        from.gs_base = read_msr(msr::kKernelGsBase);
    }
    if (to.vector_state) {
        load_vector(to.vector_state);
        write_fs_base(to.fs_base);
        write_msr(msr::kKernelGsBase, to.gs_base);
    }
    cpu.kernel_stack_top = to.kernel_stack_top;
    cpu.arch->task_state.rsp[0] = to.kernel_stack_top;
    gyre_switch_stacks(&from.stack_pointer, to.stack_pointer);
}

void set_current_thread(Thread& thread) { this_cpu().current = &thread; }

size_t vector_state_size() { return g_features.vector_size; }
void vector_state_initialize(void* area) {
    memset(area, 0, g_features.vector_size);
    auto* words = static_cast<uint32_t*>(area);
    words[0] = 0x37f;    // FCW
    words[6] = 0x1f80;   // MXCSR
}
void vector_state_save_current() { save_vector(current_thread().context().vector_state); }
void vector_state_restore_current() { load_vector(current_thread().context().vector_state); }

void set_user_fs_base(uint64_t base) {
    current_thread().context().fs_base = base;
    write_fs_base(base);
}
void set_user_gs_base(uint64_t base) {
    current_thread().context().gs_base = base;
    write_msr(msr::kKernelGsBase, base);
}
uint64_t user_fs_base() { return read_fs_base(); }
uint64_t user_gs_base() { return read_msr(msr::kKernelGsBase); }

}  // namespace gyre::arch
