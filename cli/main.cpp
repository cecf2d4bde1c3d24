// SPDX-License-Identifier: MIT
//
// The command `gyre`: its commands in the order in which the help shows them.
#include <fcntl.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <string>
#include <string_view>
#include <vector>

#include "cli/bpf_commands.h"
#include "cli/commands.h"
#include "cli/process.h"

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

// A standard descriptor that is closed would be given to the next file or socket that is opened, and the program's
// input or output with it. An empty one stands in, as for programs with privileges.
void fill_standard_descriptors() {
    for (int fd = 0; fd <= 2; fd++)
        if (fcntl(fd, F_GETFD) == -1) open("/dev/null", O_RDWR);
}

// `gyre run` takes a program, which the option parser knows nothing of.
class Formatter : public CLI::Formatter {
public:
    std::string make_usage(const CLI::App* app, std::string name) const override {
        std::string usage = CLI::Formatter::make_usage(app, name);
        const bool takes_program = app->get_name() == "run" || app->get_name() == "gdb";
        if (takes_program) usage.insert(usage.find_last_not_of('\n') + 1, " [-- PROGRAM ARGUMENTS...]");
        return usage;
    }
};

// How many letters have to be put in, taken out or changed (Levenshtein).
size_t distance(std::string_view a, std::string_view b) {
    std::vector<size_t> row(b.size() + 1);
    for (size_t j = 0; j <= b.size(); j++) row[j] = j;
    for (size_t i = 1; i <= a.size(); i++) {
        size_t diagonal = row[0];
        row[0] = i;
        for (size_t j = 1; j <= b.size(); j++) {
            size_t changed = diagonal + (a[i - 1] == b[j - 1] ? 0 : 1);
            diagonal = row[j];
            row[j] = std::min({changed, row[j] + 1, row[j - 1] + 1});
        }
    }
    return row[b.size()];
}

gyre::cli::Problem unknown_command(const CLI::App& app, const std::string& word) {
    constexpr size_t kMostMistakes = 2;
    gyre::cli::Problem problem{.what = "'" + word + "' is not a command of gyre", .hint = "'gyre --help' lists the commands."};
    size_t best = kMostMistakes + 1;
    for (const CLI::App* command : app.get_subcommands([](const CLI::App*) { return true; }))
        if (size_t mistakes = distance(word, command->get_name()); mistakes < best) {
            best = mistakes;
            problem.hint = "Did you mean '" + command->get_name() + "'?";
        }
    return problem;
}

}  // namespace

int main(int argc, char** argv) {
    using namespace gyre::cli;
    fill_standard_descriptors();
    CLI::App app("Gyre, a small operating system that runs Linux programs", "gyre");
    app.require_subcommand(1);
    app.formatter(std::make_shared<Formatter>());
    app.set_help_all_flag("--help-all", "Show the help of every command");
    auto paths = find_paths();
    if (!paths) return report(paths.error());

    end_programs_on_interrupt();
    Program program{.app = app, .paths = *paths};
    add_run_command(program);
    add_build_command(program);
    add_test_command(program);
    add_bench_command(program);
    add_debug_command(program);
    add_coverage_command(program);
    add_bpf_commands(app, program.status);
    add_features_command(program);
    add_version_command(program);

    try {
        std::vector<std::string> own = own_arguments(argc, argv, program.program_arguments);
        if (own.empty()) own = {"--help"};
        const bool is_known = !app.get_subcommands([&](const CLI::App* command) { return command->get_name() == own[0]; }).empty();
        if (!own[0].starts_with('-') && !is_known) return report(unknown_command(app, own[0]));
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
