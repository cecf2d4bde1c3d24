// SPDX-License-Identifier: MIT
//
// What the parts of the dentry cache share: the table, the hash, the sequence count.
#pragma once

#include <atomic>
#include <cstdint>

#include "kernel/fs/dentry.h"

namespace gyre::dentry_cache {

constexpr uint32_t kBuckets = 4096;
constexpr uint32_t kBucketMask = kBuckets - 1;
extern std::atomic<Dentry*> buckets[kBuckets];
// Odd while a rename is under way.
extern std::atomic<uint32_t> sequence;
extern std::atomic<uint64_t> count;

constexpr uint64_t kMultiplier = 0x9e37'79b9'7f4a'7c15;  // 2^64 / golden ratio
inline uint64_t hash_seed(const Dentry* parent) {
    return reinterpret_cast<uintptr_t>(parent) >> 4;
}
inline uint64_t hash_step(uint64_t hash, uint64_t word) {
    hash = (hash ^ word) * kMultiplier;
    return hash ^ hash >> 29;
}
inline uint32_t hash_end(uint64_t hash) {
    return static_cast<uint32_t>(hash ^ hash >> 32);
}

}  // namespace gyre::dentry_cache
