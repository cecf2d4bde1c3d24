// SPDX-License-Identifier: MIT
#pragma once

namespace gyre {
struct BootInfo;
}

namespace gyre::linux {

// Starts the first program (init= of the command line, /sbin/init, /init, /etc/init, /bin/init, /bin/sh) as process 1.
// Panics when none can be run.
void start_init(const BootInfo& boot_info);

}  // namespace gyre::linux
