// SPDX-License-Identifier: MIT
//
// Bring-up of the file systems: the kinds are registered, the root is made and filled from the initramfs.
#pragma once

#include <cstdint>
#include <span>

#include "kernel/fs/path.h"
#include "lib/base/result.h"

namespace gyre {
struct BootInfo;
}

namespace gyre::fs {

// Once, in a thread, when memory and the scheduler work. Errors: NoMemory, InputOutput (a damaged initramfs; what came
// before the damage is unpacked).
Status initialize(const BootInfo& boot_info);

// Where the first program starts: the root of the initial namespace.
Path root();

// Puts the entries of concatenated cpio archives below `directory`.
Status unpack_initramfs(const Path& directory, std::span<const std::byte> archive);

}  // namespace gyre::fs
