// SPDX-License-Identifier: MIT
//
// /dev/kmsg: the kernel's log, a record per read; a line per write.
#pragma once

#include "kernel/fs/file.h"

namespace gyre::driver {

Result<Ref<File>> open_kernel_log(const Path& path, uint32_t flags, uint64_t device,
                                  void* argument);

}  // namespace gyre::driver
