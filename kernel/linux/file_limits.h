// SPDX-License-Identifier: MIT
//
// RLIMIT_FSIZE, asked by the file layer where the offset of a write is known.
#pragma once

#include <cstdint>

#include "lib/base/result.h"

namespace gyre::linux {

// How many of `length` bytes at `offset` the running program may write. When that is none, SIGXFSZ
// is sent and the answer is FileTooLarge. Kernel threads have no limit.
Result<uint64_t> allowed_file_bytes(uint64_t offset, uint64_t length);

}  // namespace gyre::linux
