// SPDX-License-Identifier: MIT
//
// The pool: where unpredictable input is gathered, and keys of generators come from. Its state is a
// ChaCha20 key; input is folded into it 32 bytes at a time, each time through the block function,
// which cannot be run backwards.
#pragma once

#include <cstdint>
#include <span>

#include "kernel/random/chacha20.h"

namespace gyre::random {

// Takes hardware numbers and `rounds` samples of jitter into the pool.
void gather(uint32_t rounds);
void absorb(std::span<const std::byte> bytes);
// A key for one generator; the pool moves on.
ChaChaKey draw_key();
// Changes whenever the pool took something in: generators that hold an older number ask for a new
// key.
uint32_t generation();

}  // namespace gyre::random
