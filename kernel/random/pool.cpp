// SPDX-License-Identifier: MIT
//
// See pool.h.
#include "kernel/random/pool.h"

#include <algorithm>
#include <atomic>
#include <cstring>

#include "kernel/arch/contract.h"
#include "kernel/arch/x86_64/hardware_random.h"
#include "kernel/sync/spin_lock.h"

namespace gyre::random {
namespace {

constinit SpinLock g_lock{LockRank::Leaf};
constinit ChaChaKey g_pool{};
constinit std::atomic<uint32_t> g_generation{1};

// Different uses of the block function get different nonces, so none repeats another's output.
constexpr ChaChaNonce kAbsorb{0x61627362}, kDraw{0x64726177};

void absorb_locked(const ChaChaKey& words) {
    for (size_t i = 0; i < words.size(); ++i)
        g_pool[i] ^= words[i];
    const ChaChaBlock mixed = chacha20_block(g_pool, 0, kAbsorb);
    std::copy_n(mixed.begin(), g_pool.size(), g_pool.begin());
}

}  // namespace

uint32_t generation() {
    return g_generation.load(std::memory_order_relaxed);
}

void absorb(std::span<const std::byte> bytes) {
    while (!bytes.empty()) {
        ChaChaKey words{};
        const size_t count = std::min(bytes.size(), sizeof(words));
        std::memcpy(words.data(), bytes.data(), count);
        SpinGuard guard(g_lock);
        absorb_locked(words);
        bytes = bytes.subspan(count);
    }
    g_generation.fetch_add(1, std::memory_order_relaxed);
}

void gather(uint32_t rounds) {
    uint64_t sample[4];
    for (uint32_t round = 0; round < rounds; ++round) {
        // How long the previous round took is what jitters: caches, interrupts, the host of a
        // virtual machine.
        sample[0] = arch::cycle_counter();
        sample[1] = 0;
        sample[2] = 0;
        if (round < 4 && !arch::hardware_seed(sample[1])) (void)arch::hardware_random(sample[1]);
        if (round < 4) (void)arch::hardware_random(sample[2]);
        sample[3] = arch::cycle_counter();
        absorb(std::as_bytes(std::span(sample)));
    }
}

ChaChaKey draw_key() {
    SpinGuard guard(g_lock);
    const ChaChaBlock block = chacha20_block(g_pool, 0, kDraw);
    ChaChaKey key;
    std::copy_n(block.begin(), g_pool.size(), g_pool.begin());
    std::copy_n(block.begin() + g_pool.size(), key.size(), key.begin());
    return key;
}

}  // namespace gyre::random
