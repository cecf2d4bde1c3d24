// SPDX-License-Identifier: MIT
//
// Brings what a command needs up to date: targets of the host build and the kernel. Silent when there
// is nothing to do; progress when it takes longer; the compiler's words when it fails.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "cli/paths.h"
#include "cli/problem.h"

namespace gyre::cli {

struct BuildOptions {
    bool is_verbose = false;    // show every line of the build
    bool keep_going = false;    // build as much as can be built before failing
    bool is_debug = false;      // the kernel with its assertions, lock-order checks and tests
};

Outcome<void> build_host(const Paths& paths, const std::vector<std::string>& targets, const BuildOptions& options = {});
Outcome<void> build_kernel(const Paths& paths, const BuildOptions& options = {});
// Configures the host build again: packages that tests need may have come since.
Outcome<void> configure_host(const Paths& paths);

}  // namespace gyre::cli
