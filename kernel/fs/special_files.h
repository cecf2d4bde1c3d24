// SPDX-License-Identifier: MIT
//
// Opening what is not an inode's own content: devices by their number, FIFOs.
#pragma once

#include "kernel/fs/file.h"
#include "kernel/fs/path.h"

namespace gyre {

// Errors: NoSuchAddress when no driver has the number, and the driver's.
Result<Ref<File>> open_device(const Path& path, uint32_t flags);
// Waits for the other side unless O_NONBLOCK. Errors: NoSuchAddress (writing without reader),
// Interrupted, NoMemory.
Result<Ref<File>> open_fifo(const Path& path, uint32_t flags);

}  // namespace gyre
