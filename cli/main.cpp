// SPDX-License-Identifier: MIT
//
// The command `gyre`: its commands in the order in which the help shows them.
#include "cli/frame.h"

namespace {

using namespace gyre::cli;

// A part's name and summary; the frame hands over to it before its options are looked at.
template <const Part& kPart>
void add_part(Program& program) {
    program.app.add_subcommand(kPart.command, kPart.summary);
}

constexpr AddCommand kCommands[] = {
    add_run_command,   add_build_command,    add_test_command,  add_part<kBenchPart>,
    add_debug_command, add_coverage_command, add_part<kBpfPart>, add_features_command, add_version_command,
};

}  // namespace

int main(int argc, char** argv) { return gyre::cli::run_frame(argc, argv, kCommands); }
