// SPDX-License-Identifier: MIT
//
// Random bytes for the kernel and for programs: one ChaCha20 generator per CPU with fast key
// erasure (every use replaces the key, so what was given out cannot be computed from what is left),
// seeded from a pool that takes RDSEED, RDRAND, the jitter of the cycle counter and what programs
// write to /dev/urandom. Leaves out: an entropy estimate; after initialize() the generator counts
// as seeded.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

namespace gyre::random {

// Gathers the first seed. Once, at boot, when the clock runs.
void initialize();
bool is_seeded();

// Context: any.
void fill(std::span<std::byte> bytes);
uint64_t next();
// Mixes into the pool; nothing is taken from it by that.
void stir(std::span<const std::byte> bytes);

}  // namespace gyre::random

namespace gyre {

inline void random_bytes(std::span<std::byte> bytes) {
    random::fill(bytes);
}
inline uint64_t random_u64() {
    return random::next();
}
inline void random_stir(std::span<const std::byte> bytes) {
    random::stir(bytes);
}

}  // namespace gyre
