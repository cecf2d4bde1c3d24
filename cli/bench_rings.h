// SPDX-License-Identifier: MIT
//
// `gyre bench rings`: what a call costs by each tier of libksvc, beside the plain call and beside
// hand-written liburing, in one run on one machine.
#pragma once

namespace gyre::cli {

struct BenchRingsOptions {
    bool as_json = false;
    unsigned rounds = 41;  // each row's figure is the median of as many
};

// Prints the table (or JSON); 0, or 1 where this machine has no io_uring to compare with.
int bench_rings(const BenchRingsOptions& options);

}  // namespace gyre::cli
