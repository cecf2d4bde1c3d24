// SPDX-License-Identifier: MIT
//
// gyre build: everything that a machine needs.
#include <chrono>
#include <cstdio>
#include <memory>

#include "cli/build.h"
#include "cli/commands.h"

namespace gyre::cli {
namespace {

struct Options {
    bool is_verbose = false;
    bool only_host = false;
    bool only_kernel = false;
    bool with_tests = false;
    bool is_debug = false;
};

int build(const Paths& paths, const Options& options) {
    auto begun = std::chrono::steady_clock::now();
    BuildOptions build_options{.is_verbose = options.is_verbose, .keep_going = false, .is_debug = options.is_debug};
    if (!options.only_kernel) {
        std::vector<std::string> targets = {"all", "guest_programs"};
        if (options.with_tests) targets.push_back("unit_tests");
        if (auto built = build_host(paths, targets, build_options); !built) return report(built.error());
    }
    if (!options.only_host)
        if (auto built = build_kernel(paths, build_options); !built) return report(built.error());
    double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - begun).count();
    std::fprintf(stderr, "gyre: built in %.1f s\n", seconds);
    return 0;
}

}  // namespace

void add_build_command(Program& program) {
    auto options = std::make_shared<Options>();
    Command command = program.app.add_subcommand("build", "Build the kernel and everything that runs on it");
    command.add_flag("-v,--verbose", options->is_verbose, "Show the commands and their output");
    const Option host = command.add_flag("--host", options->only_host, "Build only what runs on the host and the guest programs");
    command.add_flag("--kernel", options->only_kernel, "Build only the kernel").excludes(host);
    command.add_flag("--tests", options->with_tests, "Build the unit tests, too");
    command.add_flag("--debug", options->is_debug, "The debug kernel: assertions, lock order, the kernel's own tests (for run --debug)");
    command.callback([&program, options] { program.status = build(program.paths, *options); });
}

}  // namespace gyre::cli
