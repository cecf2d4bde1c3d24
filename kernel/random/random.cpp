// SPDX-License-Identifier: MIT
//
// The generators, one per CPU: a key, and a buffer of output made from it. Fast key erasure (D. J.
// Bernstein, 2017): the first bytes of each refill become the next key at once, and bytes are wiped
// as they are given out.
#include "kernel/random/random.h"

#include <algorithm>
#include <atomic>
#include <cstring>

#include "kernel/arch/contract.h"
#include "kernel/random/pool.h"
#include "kernel/schedule/cpu.h"
#include "kernel/sync/spin_lock.h"

namespace gyre::random {
namespace {

constexpr size_t kBufferBytes = 4 * sizeof(ChaChaBlock);
constexpr int64_t kReseedNs =
    60'000'000'000;  // a generator asks the pool for a new key at least so often
constexpr ChaChaNonce kRefill{0x66696c6c}, kStream{0x73747265};

struct alignas(64) Generator {
    SpinLock lock{
        LockRank::Random};  // hardly ever contended: only by who moved to another CPU meanwhile
    uint32_t generation = 0;
    uint32_t left = 0;  // unused bytes, at the end of the buffer
    int64_t reseed_at_ns = 0;
    ChaChaKey key{};
    std::byte buffer[kBufferBytes]{};
};
constinit Generator g_generators[kMaxCpus];
constinit std::atomic<bool> g_is_seeded{false};

void refill_locked(Generator& generator) {
    const uint32_t pool_generation = generation();
    const int64_t now_ns = arch::clock_now_ns();
    if (generator.generation != pool_generation || now_ns >= generator.reseed_at_ns) {
        // The old key stays part of the new one, so a bad pool cannot make it worse.
        const ChaChaKey fresh = draw_key();
        for (size_t i = 0; i < fresh.size(); ++i)
            generator.key[i] ^= fresh[i];
        generator.generation = pool_generation;
        generator.reseed_at_ns = now_ns + kReseedNs;
    }
    for (uint32_t at = 0; at < kBufferBytes / sizeof(ChaChaBlock); ++at) {
        const ChaChaBlock block = chacha20_block(generator.key, at, kRefill);
        std::memcpy(generator.buffer + at * sizeof(block), block.data(), sizeof(block));
    }
    std::memcpy(generator.key.data(), generator.buffer, sizeof(generator.key));
    std::memset(generator.buffer, 0, sizeof(generator.key));
    generator.left = kBufferBytes - sizeof(generator.key);
}

// `to` is at most the buffer without its key.
void take(std::span<std::byte> to) {
    Generator& generator = g_generators[arch::this_cpu().number];
    SpinGuard guard(generator.lock);
    if (generator.left < to.size()) refill_locked(generator);
    std::byte* from = generator.buffer + kBufferBytes - generator.left;
    std::memcpy(to.data(), from, to.size());
    std::memset(from, 0, to.size());
    generator.left -= static_cast<uint32_t>(to.size());
}

// Long requests get a key of their own, so no lock is held for long.
void stream(std::span<std::byte> to) {
    ChaChaKey key;
    take(std::as_writable_bytes(std::span(key)));
    for (uint32_t counter = 0; !to.empty(); ++counter) {
        const ChaChaBlock block = chacha20_block(key, counter, kStream);
        const size_t count = std::min(to.size(), sizeof(block));
        std::memcpy(to.data(), block.data(), count);
        to = to.subspan(count);
    }
    key = {};
    asm volatile("" : : "r"(key.data()) : "memory");  // the wipe is not dead code
}

constexpr uint32_t kBootRounds = 64;
constexpr size_t kShort = 128;

}  // namespace

void initialize() {
    gather(kBootRounds);
    g_is_seeded.store(true, std::memory_order_release);
}

bool is_seeded() {
    return g_is_seeded.load(std::memory_order_acquire);
}

void fill(std::span<std::byte> bytes) {
    // A counter of 32 bits would come round after 256 GiB of one key.
    constexpr size_t kMostOfOneKey = size_t{1} << 30;
    while (bytes.size() > kShort) {
        const size_t count = std::min(bytes.size(), kMostOfOneKey);
        stream(bytes.first(count));
        bytes = bytes.subspan(count);
    }
    if (!bytes.empty()) take(bytes);
}

uint64_t next() {
    uint64_t value;
    take(std::as_writable_bytes(std::span(&value, 1)));
    return value;
}

void stir(std::span<const std::byte> bytes) {
    absorb(bytes);
    gather(1);
}

}  // namespace gyre::random
