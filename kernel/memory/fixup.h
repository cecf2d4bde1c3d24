// SPDX-License-Identifier: MIT
//
// For arch's page-fault handler: where the kernel goes on after a fault of its own on user memory.
// A fault in kernel mode on a user address: when is_nofault(ip), go to find_fixup(ip) at once; else, if
// find_fixup(ip) != 0, ask AddressSpace::handle_fault (interrupts on), and go to the fixup when it does not answer Resolved.
// Without a fixup it is the kernel's mistake. General-protection faults (a non-canonical address) take the fixup too.
#pragma once

#include <cstdint>

namespace gyre::memory {

// 0 when the instruction is none that may fault on user memory.
uintptr_t find_fixup(uintptr_t ip);
// The instruction must not wait for a page to be brought.
bool is_nofault(uintptr_t ip);

}  // namespace gyre::memory
