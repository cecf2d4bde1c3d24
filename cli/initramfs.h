// SPDX-License-Identifier: MIT
//
// The base system of every machine: user/rootfs, init, and busybox with its links, as a cpio archive
// without trailer that is kept in build/initramfs/ and made anew when one of its parts has changed.
#pragma once

#include <filesystem>

#include "cli/paths.h"

namespace gyre::cli {

Outcome<std::filesystem::path> base_initramfs(const Paths& paths);

}  // namespace gyre::cli
