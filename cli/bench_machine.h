// SPDX-License-Identifier: MIT
//
// One run of the micro benchmark (test/bench/micro.c) as process 1 of a machine that counts instructions.
#pragma once

#include <filesystem>
#include <map>
#include <string>

#include "cli/machine.h"
#include "cli/problem.h"

namespace gyre::cli {

struct BenchRun {
    MachineKind kind = MachineKind::Q35;
    std::filesystem::path kernel;
    std::filesystem::path initramfs;
    bool is_linux = false;
    bool is_boot_only = false;        // the boot's figures alone
    uint64_t memory_bytes = 512ull << 20;
    std::string cpu = "max";
};

// Row to value, as micro.c prints them. A problem when the machine ends without having finished.
Outcome<std::map<std::string, double>> run_bench(const BenchRun& run);

}  // namespace gyre::cli
