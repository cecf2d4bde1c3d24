// SPDX-License-Identifier: MIT
//
// The commands of fcntl(2) that say whom signal-driven input and output tells. The owner is
// remembered and told back; O_ASYNC, which would use it, is refused.
#pragma once

#include "kernel/fs/file.h"
#include "kernel/linux/call_result.h"

namespace gyre::linux {

enum OwnerCommand : int {
    kSetOwner = 8,
    kGetOwner = 9,
    kSetOwnerSignal = 10,
    kGetOwnerSignal = 11,
    kSetOwnerExtended = 15,
    kGetOwnerExtended = 16,
};

// F_SETOWN: a process, or a group as a negative number. Errors: NoSuchProcess, InvalidArgument.
CallResult set_owner(File& file, int owner);
CallResult get_owner(File& file);
CallResult set_owner_signal(File& file, uint64_t signal);
CallResult set_owner_extended(File& file, uintptr_t argument);
CallResult get_owner_extended(File& file, uintptr_t argument);

}  // namespace gyre::linux
