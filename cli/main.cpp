// SPDX-License-Identifier: MIT
//
// The command `gyre`: its commands in the order in which the help shows them.
#include <CLI/CLI.hpp>

#include <algorithm>
#include <string>
#include <string_view>
#include <vector>

#include "cli/commands.h"

namespace {

// What belongs to the program that runs in the machine is never looked at, and --qemu takes the word
// after it whatever it looks like.
std::vector<std::string> own_arguments(int argc, char** argv, std::vector<std::string>& program) {
    std::vector<std::string> own;
    for (int i = 1; i < argc; i++) {
        std::string word = argv[i];
        if (word == "--") {
            program.assign(argv + i + 1, argv + argc);
            break;
        }
        bool takes_any_word = word == "--qemu" || word == "--kernel-args";
        if (takes_any_word && i + 1 < argc) word.append("=").append(argv[++i]);
        own.push_back(std::move(word));
    }
    return own;
}

}  // namespace

int main(int argc, char** argv) {
    using namespace gyre::cli;
    CLI::App app("Gyre, a small operating system that runs Linux programs", "gyre");
    app.require_subcommand(1);
    app.set_help_all_flag("--help-all", "Show the help of every command");
    auto paths = find_paths();
    if (!paths) return report(paths.error());

    Program program{.app = app, .paths = *paths};
    add_run_command(program);
    add_build_command(program);
    add_test_command(program);
    add_debug_command(program);
    add_coverage_command(program);
    add_features_command(program);
    add_version_command(program);

    try {
        std::vector<std::string> own = own_arguments(argc, argv, program.program_arguments);
        std::ranges::reverse(own);  // as CLI11 wants it
        app.parse(own);
    } catch (const CLI::ParseError& error) {
        // --help and the like come this way, too, and leave with 0.
        if (error.get_exit_code() == 0) return app.exit(error);
        const bool is_run = argc > 1 && std::string_view(argv[1]) == "run";
        std::string hint = is_run && dynamic_cast<const CLI::ExtrasError*>(&error)
                               ? "The program comes after '--': gyre run [OPTIONS] -- PROGRAM ARGUMENTS"
                               : "'gyre --help' and 'gyre COMMAND --help' say what there is.";
        return report({.what = error.what(), .hint = hint});
    }
    return program.status;
}
