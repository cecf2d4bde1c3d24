// SPDX-License-Identifier: MIT
//
// The command `gyre`: its commands in the order in which the help shows them.
#include <CLI/CLI.hpp>

#include "cli/commands.h"

int main(int argc, char** argv) {
    using namespace gyre::cli;
    CLI::App app("Gyre, a small operating system that runs Linux programs", "gyre");
    app.require_subcommand(1);
    app.set_help_all_flag("--help-all", "Show the help of every command");
    auto paths = find_paths();
    if (!paths) return report(paths.error());

    Program program{.app = app, .paths = *paths};
    add_build_command(program);
    add_test_command(program);
    add_version_command(program);

    try {
        app.parse(argc, argv);
    } catch (const CLI::ParseError& error) {
        // --help and the like come this way, too, and leave with 0.
        return app.exit(error) == 0 ? 0 : kOwnFailure;
    }
    return program.status;
}
