// SPDX-License-Identifier: MIT
//
// gyre version: which Gyre this is, and what it is built and run with.
#include <cstdio>

#include "cli/commands.h"
#include "cli/process.h"

namespace gyre::cli {
namespace {

// The first line that a program prints, or "not found".
std::string first_line_of(std::vector<std::string> command, const Paths& paths) {
    std::string first;
    ProcessRequest request{.command = std::move(command),
                           .directory = paths.root,
                           .timeout = std::chrono::seconds(10),
                           .on_line = [&](std::string_view line) {
                               if (first.empty()) first = line;
                           }};
    auto result = run_process(request);
    return result && result->status == 0 && !first.empty() ? first : "not found";
}

}  // namespace

void add_version_command(Program& program) {
    Command command = program.app.add_subcommand("version", "Say which version this is, and of which commit");
    auto is_verbose = std::make_shared<bool>(false);
    command.add_flag("-v,--verbose", *is_verbose, "Also the versions of the compiler and of QEMU");
    command.callback([&program, is_verbose] {
        std::string commit = first_line_of({"git", "describe", "--always", "--dirty"}, program.paths);
        std::printf("gyre %s (%s)\n", GYRE_VERSION, commit == "not found" ? "no git commit" : commit.c_str());
        if (!*is_verbose) return;
        std::printf("compiler  %s\n", first_line_of({"clang++-19", "--version"}, program.paths).c_str());
        std::printf("linker    %s\n", first_line_of({"ld.lld-19", "--version"}, program.paths).c_str());
        std::printf("machine   %s\n", first_line_of({"qemu-system-x86_64", "--version"}, program.paths).c_str());
        std::printf("tree      %s\n", program.paths.root.c_str());
    });
}

}  // namespace gyre::cli
