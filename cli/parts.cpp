// SPDX-License-Identifier: MIT
#include "cli/parts.h"

#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <cstring>

#include "cli/build.h"
#include "cli/frame.h"
#include "cli/process.h"

namespace gyre::cli {
namespace {

constexpr std::chrono::seconds kHelpTime{10};  // to print it

std::filesystem::path program_of(const Paths& paths, const Part& part) { return paths.tool().parent_path() / part.program; }

// The script `gyre` has brought the part up to date; who calls the tool itself gets what is there.
Outcome<void> ensure_built(const Paths& paths, const Part& part) {
    if (access(program_of(paths, part).c_str(), X_OK) == 0) return {};
    return build_host(paths, {part.program});
}

}  // namespace

const Part* find_part(const std::string& command) {
    const auto found = std::ranges::find_if(kParts, [&](const Part* part) { return command == part->command; });
    return found == std::end(kParts) ? nullptr : *found;
}

Problem become_part(const Paths& paths, const Part& part, char** arguments) {
    if (auto built = ensure_built(paths, part); !built) return built.error();
    const std::filesystem::path program = program_of(paths, part);
    setenv("GYRE_ROOT", paths.root.c_str(), 1);
    execv(program.c_str(), arguments);
    return {.what = "cannot run '" + program.string() + "': " + std::strerror(errno), .hint = ""};
}

std::optional<std::string> expanded_help(const Paths& paths, const Part& part) {
    std::string text;
    ProcessRequest request{.command = {program_of(paths, part).string(), kExpandedHelp},
                           .environment = {{"GYRE_ROOT", paths.root.string()}},
                           .timeout = kHelpTime,
                           .on_line = [&](std::string_view line) { text.append(line).append("\n"); }};
    auto result = run_process(request);
    if (!result || result->status != 0) return std::nullopt;
    return text;
}

}  // namespace gyre::cli
