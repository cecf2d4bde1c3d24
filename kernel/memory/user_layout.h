// SPDX-License-Identifier: MIT
//
// Where things go in a program's half (doc/memory.md has the picture), with randomness.
#pragma once

#include <cstdint>

#include "kernel/memory/types.h"

namespace gyre::user_layout {

// Below the top lie the stack (16 GiB of random distance) and its room to grow; mappings begin below that.
constexpr uint64_t kStackRandomBytes = uint64_t{16} << 30;
constexpr uint64_t kStackRoomBytes = uint64_t{1} << 30;
constexpr uint64_t kMapRandomPages = uint64_t{1} << 28;

// Where top-down mapping starts: random within 1 TiB.
uintptr_t choose_map_top();

}  // namespace gyre::user_layout
