// SPDX-License-Identifier: MIT
//
// The locking commands of fcntl(2).
#pragma once

#include "kernel/fs/file.h"
#include "kernel/fs/file_locks.h"
#include "kernel/linux/call_result.h"

namespace gyre::linux {

CallResult get_record_lock(CallContext& context, File& file, LockFamily family, uintptr_t argument);
CallResult set_record_lock(CallContext& context, File& file, LockFamily family, uintptr_t argument,
                           bool waits);

}  // namespace gyre::linux
