// SPDX-License-Identifier: MIT
//
// The commands that are programs of their own, as git has it: what they are built of takes minutes (the verifier,
// the ring library), and who wants to run a program in a machine does not need it. `gyre bpf ...` becomes
// `gyre-bpf bpf ...` in the same process; for the user there is one command.
#pragma once

#include <optional>
#include <string>

#include "cli/paths.h"

namespace gyre::cli {

struct Part {
    const char* command;
    const char* program;  // beside the tool; also the name of its target
    const char* summary;
};
inline constexpr Part kBenchPart{"bench", "gyre-bench", "Measure Gyre beside Linux 6.12: instructions per call, boot, memory"};
inline constexpr Part kBpfPart{"bpf", "gyre-bpf", "Verify BPF programs and look into them"};
inline constexpr const Part* kParts[] = {&kBenchPart, &kBpfPart};

// The part that `command` is; null when it belongs to the tool itself.
const Part* find_part(const std::string& command);
// Becomes the part, with this process's arguments; it is built first where it is missing. Returns only when that failed.
Problem become_part(const Paths& paths, const Part& part, char** arguments);
// What `--help-all` prints of the part's commands; nothing when the part has not been built yet.
std::optional<std::string> expanded_help(const Paths& paths, const Part& part);

}  // namespace gyre::cli
