// SPDX-License-Identifier: MIT
//
// The random choice of where mappings begin.
#include "kernel/memory/user_layout.h"

#include "kernel/random/random.h"

namespace gyre {

uintptr_t user_layout::choose_map_top() {
    return kUserEnd - kStackRandomBytes - kStackRoomBytes - (random_u64() % kMapRandomPages << kPageShift);
}

}  // namespace gyre
