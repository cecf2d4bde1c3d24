// SPDX-License-Identifier: MIT
//
// What becomes of exceptions that a program raised and that the kernel cannot resolve: signals (signal(7)).
#pragma once

#include <cstdint>

#include "kernel/memory/address_space.h"

namespace gyre::arch {
struct TrapFrame;
}

namespace gyre::linux {

// Called by arch in the thread that did it, interrupts on, frame = its user registers. `address` is cr2 for page faults, else
// the instruction's. Delivers on the way to user mode.
void on_user_exception(unsigned vector, uint64_t error_code, uintptr_t address, arch::TrapFrame& frame);
// A page fault that AddressSpace::handle_fault did not resolve: SIGSEGV (SEGV_MAPERR, SEGV_ACCERR), SIGBUS, or death for want of memory.
void on_user_page_fault(FaultOutcome outcome, uint64_t error_code, uintptr_t address, arch::TrapFrame& frame);

}  // namespace gyre::linux
