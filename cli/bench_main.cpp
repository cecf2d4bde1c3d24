// SPDX-License-Identifier: MIT
//
// gyre bench, a program of its own (parts.h).
#include "cli/frame.h"

int main(int argc, char** argv) {
    using namespace gyre::cli;
    constexpr AddCommand kCommands[] = {add_bench_command};
    return run_frame(argc, argv, kCommands, &kBenchPart);
}
