// SPDX-License-Identifier: MIT
//
// Bring-up of user copies (user.h has their face).
#pragma once

namespace gyre::user_memory {

// Learns whether the CPU guards user memory from the kernel (SMAP). Once, before the first copy.
void initialize();

}  // namespace gyre::user_memory
