// SPDX-License-Identifier: MIT
//
// `gyre bench bpf`: what a verification costs, beside the running Linux kernel's own figure, and what
// an instruction costs in the interpreter. The objects are the kernel's selftests, unpacked and
// compiled when they are first needed (test/bpf/score.sh).
#pragma once

#include <filesystem>
#include <string>

#include "cli/paths.h"

namespace gyre::cli {

struct BenchBpfOptions {
    bool as_json = false;
    bool without_kernel = false;
    unsigned rounds = 7;            // each figure is the median of as many
    std::string object;             // only this one, of the table or a file
    std::filesystem::path picture;  // an SVG; empty: build/bench-bpf.svg
};

int bench_bpf(const Paths& paths, const BenchBpfOptions& options);

}  // namespace gyre::cli
