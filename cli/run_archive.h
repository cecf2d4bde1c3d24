// SPDX-License-Identifier: MIT
//
// The initramfs of one run: the base system and what the run adds to it, in a file that goes with the run.
#pragma once

#include <filesystem>

#include "cli/guest_files.h"
#include "cli/paths.h"

namespace gyre::cli {

struct RunArchive {
    RunArchive() = default;
    RunArchive(const RunArchive&) = delete;
    RunArchive& operator=(const RunArchive&) = delete;
    ~RunArchive();

    std::filesystem::path path;
};

// `for_linux` adds what a Linux kernel needs (kLinuxInitPath is its rdinit=).
constexpr const char* kLinuxInitPath = "/run/gyre/linux-init";
Outcome<void> write_run_archive(const Paths& paths, GuestPlan plan, RunArchive& archive, bool for_linux = false);

}  // namespace gyre::cli
