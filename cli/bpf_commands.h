// SPDX-License-Identifier: MIT
//
// gyre bpf: the verifier as a tool of every day.
#pragma once

namespace CLI {
class App;
}

namespace gyre::cli {

// Adds `bpf` with its subcommands; the one that is called leaves its exit status in `status`.
void add_bpf_commands(CLI::App& app, int& status);

}  // namespace gyre::cli
