// SPDX-License-Identifier: MIT
//
// The commands, one function each: it adds its subcommand with options and help to the program and
// leaves its exit status in `status` when it is the one that was called.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "cli/options.h"
#include "cli/paths.h"

namespace gyre::cli {

struct Program {
    Command app;
    Paths paths;
    std::vector<std::string> program_arguments;  // what follows `--`
    int status = 0;
};

void add_build_command(Program& program);
void add_run_command(Program& program);
void add_test_command(Program& program);
void add_bench_command(Program& program);
void add_coverage_command(Program& program);
void add_features_command(Program& program);  // and `arch`
void add_debug_command(Program& program);
void add_version_command(Program& program);

}  // namespace gyre::cli
