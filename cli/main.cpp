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

constexpr size_t kMostMistakes = 2;  // of a word that is still recognised

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
    gyre::cli::Problem problem{.what = "'" + word + "' is not a command of gyre", .hint = "'gyre --help' lists the commands."};
    size_t best = kMostMistakes + 1;
    for (const CLI::App* command : app.get_subcommands([](const CLI::App*) { return true; }))
        if (size_t mistakes = distance(word, command->get_name()); mistakes < best) {
            best = mistakes;
            problem.hint = "Did you mean '" + command->get_name() + "'?";
        }
    return problem;
}

// What was asked for is meant in other words: `gyre --version`, `gyre help run`.
void translate_habits(std::vector<std::string>& own) {
    if (own.empty()) own = {"--help"};
    if (own[0] == "--version" || own[0] == "-V") own[0] = "version";
    if (own[0] == "help") {
        own.erase(own.begin());
        own.push_back("--help");
    }
}

// The option of the called command that is most like a word that was not understood.
std::string similar_option(const CLI::App& app, const std::string& command, const std::string& word) {
    std::string similar;
    size_t best = kMostMistakes + 1;
    for (const CLI::App* candidate : app.get_subcommands([&](const CLI::App* each) { return each->get_name() == command; }))
        for (const CLI::Option* option : candidate->get_options())
            for (const std::string& name : option->get_lnames())
                if (size_t mistakes = distance(word, "--" + name); mistakes < best) {
                    best = mistakes;
                    similar = "--" + name;
                }
    return similar;
}

gyre::cli::Problem unknown_arguments(const CLI::App& app, const std::string& command) {
    // CLI11 hands them out last one first.
    std::vector<std::string> words = app.remaining(true);
    auto is_option = [](const std::string& word) { return word.starts_with("-"); };
    auto found = std::ranges::find_if(words, is_option);
    if (found == words.end())
        return {.what = "gyre " + command + " takes no '" + (words.empty() ? std::string() : words.front()) + "'",
                .hint = command == "run" ? "The program comes after '--': gyre run [OPTIONS] -- PROGRAM ARGUMENTS"
                                         : "'gyre " + command + " --help' says what there is."};
    const std::string word = found->substr(0, found->find('='));
    const std::string similar = similar_option(app, command, word);
    return {.what = "gyre " + command + " has no option '" + word + "'",
            .hint = similar.empty() ? "'gyre " + command + " --help' says what there is." : "Did you mean '" + similar + "'?"};
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

    std::string command;
    try {
        std::vector<std::string> own = own_arguments(argc, argv, program.program_arguments);
        translate_habits(own);
        command = own[0];
        const bool is_known = !app.get_subcommands([&](const CLI::App* command) { return command->get_name() == own[0]; }).empty();
        if (!own[0].starts_with('-') && !is_known) return report(unknown_command(app, own[0]));
        std::ranges::reverse(own);  // as CLI11 wants it
        app.parse(own);
    } catch (const CLI::ParseError& error) {
        // --help and the like come this way, too, and leave with 0.
        if (error.get_exit_code() == 0) return app.exit(error);
        if (dynamic_cast<const CLI::ExtrasError*>(&error)) return report(unknown_arguments(app, command));
        const std::string hint = "'gyre --help' and 'gyre COMMAND --help' say what there is.";
        return report({.what = error.what(), .hint = hint});
    }
    return program.status;
}
