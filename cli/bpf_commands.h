// SPDX-License-Identifier: MIT
//
// gyre bpf: the verifier as a tool of every day.
#pragma once

#include "cli/commands.h"

namespace gyre::cli {

// Adds `bpf` with its subcommands.
void add_bpf_commands(Program& program);

}  // namespace gyre::cli
