// SPDX-License-Identifier: MIT
//
// memfd_create(2): a file of memory without a name, and seals (fcntl(2), F_ADD_SEALS) that take
// away for good what may be done with it. Leaves out: huge pages, F_SEAL_EXEC.
#pragma once

#include <string_view>

#include "kernel/fs/file.h"

namespace gyre::memfd {

constexpr uint32_t kSealSeal = 1, kSealShrink = 2, kSealGrow = 4, kSealWrite = 8,
                   kSealFutureWrite = 16;
constexpr uint32_t kAllSeals = 31;
constexpr size_t kMostNameBytes = 249;  // NAME_MAX less "memfd:"

// Open for reading and writing. Errors: NoMemory, NoSpace.
Result<Ref<File>> create(std::string_view name, uint32_t initial_seals, uint32_t uid, uint32_t gid);

}  // namespace gyre::memfd
