// SPDX-License-Identifier: MIT
//
// What the vDSO has to know to compute clock_now_ns() by itself: ns = (rdtsc - base_cycles) * multiplier >> 32, a 64 x 64 ->
// 128 bit product. Constant after initialize_clock().
#pragma once

#include "kernel/arch/contract.h"

namespace gyre::arch {

inline const ClockScale& clock_parameters() { return g_clock_scale; }
// Cycles of the counter and of the local APIC's timer in a second, as calibrated.
uint64_t cycle_frequency();
uint64_t apic_timer_frequency();

}  // namespace gyre::arch
