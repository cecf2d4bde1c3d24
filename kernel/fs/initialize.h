// SPDX-License-Identifier: MIT
//
// Bring-up of the file systems: the kinds are registered, the root is made and filled from the
// initramfs.
#pragma once

#include <cstddef>
#include <span>

#include "kernel/fs/path.h"
#include "lib/base/result.h"

namespace gyre {
struct BootInfo;
}

namespace gyre::fs {

// Makes the root (a tmpfs) and the devtmpfs, unpacks the initramfs into the root and gives its
// memory back. Called once, in a thread. A damaged initramfs is reported; what came before the
// damage is there. Panics when there is no memory.
void initialize(const BootInfo& boot_info);

// Where the first program starts: the root of the initial namespace.
Path root();

// Puts the entries of concatenated cpio archives below `directory`. Errors: InputOutput (damage),
// NoMemory.
Status unpack_initramfs(const Path& directory, std::span<const std::byte> archive);

}  // namespace gyre::fs
