// SPDX-License-Identifier: MIT
//
// What a port owes the kernel: the whole border between machine-independent code and kernel/arch/<machine>.
// A port implements every declaration here and gives the inline ones in arch/<machine>/inline.h.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "kernel/memory/types.h"
#include "lib/base/result.h"

namespace gyre {
class Thread;
struct Cpu;
}  // namespace gyre

namespace gyre::arch {

// ---- interrupts and the CPU ------------------------------------------------------------------------------
enum class InterruptState : uint64_t { Off = 0, On = 1 };

// inline.h defines these inline: disable_interrupts, restore_interrupts, enable_interrupts, interrupts_enabled, pause,
// wait_for_interrupt (enables and halts in one step), this_cpu, current_thread, cycle_counter, clock_now_ns.
InterruptState disable_interrupts();
void restore_interrupts(InterruptState state);
void enable_interrupts();
bool interrupts_enabled();
void pause();
void wait_for_interrupt();
uint64_t cycle_counter();

// The Cpu (kernel/schedule/cpu.h) that runs this code. Stable only while the thread cannot move, that is
// between two places where it may sleep: the kernel is not preemptible, so any straight piece of code.
Cpu& this_cpu();
Thread& current_thread();
void set_current_thread(Thread& thread);

[[noreturn]] void halt_this_cpu();
[[noreturn]] void power_off();
[[noreturn]] void reset();
// Ends QEMU through isa-debug-exit when the command line named its port; returns when there is none.
void debug_exit(uint8_t code);

// ---- bring-up ---------------------------------------------------------------------------------------------
// In the order in which main.cpp calls them.
void initialize_boot_cpu();              // descriptor tables, exceptions, per-CPU base; interrupts stay off
void initialize_interrupt_controllers(PhysicalAddress acpi_root); // ACPI MADT, local APIC, IO-APIC
void initialize_clock();                 // calibrates the counter; after it clock_now works
// Starts the other CPUs; each calls `entry(cpu)` on its own idle stack with interrupts off.
void start_other_cpus(void (*entry)(Cpu&));
uint32_t cpu_count();                    // CPUs that the machine has, at least 1, at most kMaxCpus

// ---- time ------------------------------------------------------------------------------------------------
int64_t clock_now_ns();                  // monotonic, nanoseconds since boot. Any context, a few cycles
int64_t cycles_to_ns(uint64_t cycles);   // of cycle_counter, a difference
int64_t clock_boot_realtime_ns();        // wall clock at boot, from the RTC
void timer_arm(int64_t deadline_ns);     // one shot on this CPU; INT64_MAX disarms. The interrupt calls
                                         // gyre::on_timer_interrupt()

// ---- inter-processor interrupts -----------------------------------------------------------------------------
enum class IpiKind : uint8_t { Reschedule, FlushTlb, Halt, LogReaders };
void send_ipi(uint32_t cpu, IpiKind kind);   // also to the CPU that asks. Context: any

// ---- devices' interrupts ------------------------------------------------------------------------------------
using InterruptHandler = void (*)(void* argument);
// An ISA/GSI line through the IO-APIC; handlers run with interrupts off and must not sleep.
Status register_interrupt(uint32_t gsi, InterruptHandler handler, void* argument, bool is_level_triggered);
// A message-signalled vector: returns {address, data} to put into MSI-X tables.
struct MessageInterrupt {
    uint64_t address;
    uint32_t data;
};
Result<MessageInterrupt> allocate_message_interrupt(InterruptHandler handler, void* argument);

// ---- threads -----------------------------------------------------------------------------------------------
// Everything the user's registers hold when a thread is in the kernel; lives at the top of its kernel stack.
struct TrapFrame;

// What context_switch saves, embedded in Thread.
struct ThreadContext {
    uintptr_t stack_pointer = 0;   // kernel stack pointer while not running
    uintptr_t kernel_stack_top = 0;
    uint64_t fs_base = 0;          // user TLS
    uint64_t gs_base = 0;          // user's
    void* vector_state = nullptr;  // XSAVE area, 64-byte aligned; null for threads that never see user mode
};
void context_initialize(ThreadContext& context, uintptr_t kernel_stack_top, void (*entry)(void*), void* argument);
// Switches stacks and user bases and vector state; returns when somebody switches back. Interrupts off.
void context_switch(ThreadContext& from, ThreadContext& to);

// Vector (FPU/SSE/AVX) state.
size_t vector_state_size();
void vector_state_initialize(void* area);
// Brings the running thread's registers into its area / from its area into the registers.
void vector_state_save_current();
void vector_state_restore_current();

// The trap frame of a thread that came (or will go) to user mode: at the top of its kernel stack.
TrapFrame& user_frame(Thread& thread);
// Leaves the kernel through the thread's trap frame with all registers restored. Interrupts off. Never returns.
[[noreturn]] void return_to_user();
void set_user_fs_base(uint64_t base);    // of the current thread
void set_user_gs_base(uint64_t base);
uint64_t user_fs_base();                 // what they are now: programs may change them without a call
uint64_t user_gs_base();

// ---- symbols and panic ---------------------------------------------------------------------------------------
void print_backtrace(uintptr_t frame_pointer);

}  // namespace gyre::arch

#include "kernel/arch/x86_64/inline.h"
