// SPDX-License-Identifier: MIT
//
// What one run adds to the base system: the program with its arguments and environment, files of the
// host, and the folder in which it starts. Paths mean the same inside as outside: the program starts in
// a folder of the same name as the user's, and a file of the host appears under its own path unless
// another is given.
#pragma once

#include <filesystem>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "cli/cpio_writer.h"
#include "cli/problem.h"

namespace gyre::cli {

struct Addition {
    std::filesystem::path host;
    std::string guest;  // absolute
};

struct GuestPlan {
    std::vector<std::string> arguments;             // empty: the login shell
    std::map<std::string, std::string> environment;
    std::string directory;                          // where it starts; empty: init's choice
    std::vector<Addition> additions;
};

// "HOST" or "HOST:GUEST"; GUEST may end in '/' to mean a folder. Relative paths start in `directory`.
Outcome<Addition> parse_addition(std::string_view text, const std::filesystem::path& directory);

// Decides whether the program is the machine's own or a file of the host, and adds it to the plan in
// that case. `base_names` are the paths that the base system has.
Outcome<void> carry_program(GuestPlan& plan, const std::filesystem::path& directory, const std::set<std::string>& base_names);

// The per-run archive: everything of the plan.
Outcome<void> write_plan(const GuestPlan& plan, CpioWriter& writer);

// The absolute paths in an archive that CpioWriter wrote.
std::set<std::string> names_in_archive(std::string_view archive);

// What a file of the host is, as far as running it goes.
struct ProgramFile {
    enum class Kind { Elf, Script, Other } kind = Kind::Other;
    bool is_x86_64 = false;
    std::string interpreter;  // of a dynamic ELF file or of a script
};
ProgramFile inspect_program(std::string_view content);

}  // namespace gyre::cli
