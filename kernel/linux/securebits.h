// SPDX-License-Identifier: MIT
//
// The securebits of a thread (capabilities(7)); each has a lock bit right above it.
#pragma once

#include <cstdint>

namespace gyre::linux::securebits {

constexpr uint32_t kNoRoot = 1, kNoRootLocked = 2, kNoSetuidFixup = 4, kNoSetuidFixupLocked = 8, kKeepCaps = 16,
                   kKeepCapsLocked = 32, kNoAmbientRaise = 64, kNoAmbientRaiseLocked = 128;
constexpr uint32_t kAll = 0xff, kLocks = 0xaa;

}  // namespace gyre::linux::securebits
