// SPDX-License-Identifier: MIT
//
// The random choice of where mappings begin.
#include "kernel/memory/user_layout.h"

#include "kernel/arch/contract.h"

namespace gyre {

uintptr_t user_layout::choose_map_top() {
    // splitmix64 over the cycle counter: which of 2^28 places is hard to guess from outside, and no secret inside.
    uint64_t value = arch::cycle_counter() * 0x9e37'79b9'7f4a'7c15;
    value = (value ^ (value >> 30)) * 0xbf58'476d'1ce4'e5b9;
    value = (value ^ (value >> 27)) * 0x94d0'49bb'1331'11eb;
    value ^= value >> 31;
    return kUserEnd - kStackRandomBytes - kStackRoomBytes - (value % kMapRandomPages << kPageShift);
}

}  // namespace gyre
