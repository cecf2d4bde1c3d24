// SPDX-License-Identifier: MIT
//
// What the lock-order checker remembers of a holder; a member of Thread in debug builds.
#pragma once

#include <array>
#include <cstdint>

#include "kernel/sync/lock_rank.h"

namespace gyre::lock_order {

struct Held {
    static constexpr uint32_t kMost = 16;
    struct Entry {
        LockRank rank = LockRank::None;
        const void* lock = nullptr;
    };
    std::array<Entry, kMost> entries{};
    uint32_t count = 0;
};

}  // namespace gyre::lock_order
