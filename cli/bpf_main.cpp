// SPDX-License-Identifier: MIT
//
// gyre bpf, a program of its own (parts.h).
#include "cli/bpf_commands.h"
#include "cli/frame.h"

int main(int argc, char** argv) {
    using namespace gyre::cli;
    constexpr AddCommand kCommands[] = {add_bpf_commands};
    return run_frame(argc, argv, kCommands, &kBpfPart);
}
