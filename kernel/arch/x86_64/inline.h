// SPDX-License-Identifier: MIT
//
// The inline part of the x86-64 port (contract.h includes it).
#pragma once

#include <cstdint>

namespace gyre::arch {

inline InterruptState disable_interrupts() {
    uint64_t flags;
    asm volatile("pushfq\n\tpopq %0\n\tcli" : "=r"(flags) : : "memory");
    return flags & 0x200 ? InterruptState::On : InterruptState::Off;
}
// When they are known to be on.
inline void turn_interrupts_off() { asm volatile("cli" : : : "memory"); }
inline void enable_interrupts() { asm volatile("sti" : : : "memory"); }
inline void restore_interrupts(InterruptState state) {
    if (state == InterruptState::On) enable_interrupts();
}
inline bool interrupts_enabled() {
    uint64_t flags;
    asm volatile("pushfq\n\tpopq %0" : "=r"(flags) : : "memory");
    return (flags & 0x200) != 0;
}
inline void pause() { asm volatile("pause" : : : "memory"); }
// The interrupt shadow of sti makes the two one step: an interrupt cannot slip in between.
inline void wait_for_interrupt() { asm volatile("sti\n\thlt" : : : "memory"); }

// The offsets are those that kernel/schedule/cpu.h proves.
inline Cpu& this_cpu() {
    Cpu* cpu;
    asm volatile("movq %%gs:0, %0" : "=r"(cpu));
    return *cpu;
}
inline Thread& current_thread() {
    Thread* thread;
    asm volatile("movq %%gs:8, %0" : "=r"(thread));
    return *thread;
}

inline uint64_t cycle_counter() {
    uint32_t low, high;
    asm volatile("rdtsc" : "=a"(low), "=d"(high));
    return uint64_t{high} << 32 | low;
}

// Nanoseconds are (cycles * multiplier) >> 32; set once by initialize_clock.
struct ClockScale {
    uint64_t base_cycles;
    uint64_t multiplier;
};
extern ClockScale g_clock_scale;

inline int64_t cycles_to_ns(uint64_t cycles) {
    return static_cast<int64_t>(static_cast<unsigned __int128>(cycles) * g_clock_scale.multiplier >> 32);
}
inline int64_t clock_now_ns() { return cycles_to_ns(cycle_counter() - g_clock_scale.base_cycles); }

}  // namespace gyre::arch
