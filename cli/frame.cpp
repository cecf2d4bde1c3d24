// SPDX-License-Identifier: MIT
#include "cli/frame.h"

#include <fcntl.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdio>
#include <string>
#include <vector>

#include "cli/process.h"
#include "cli/usage.h"

namespace gyre::cli {
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
        if (takes_any_word && i + 1 < argc) {
            const std::string value = argv[++i];
            if (value.empty()) continue;  // "$MORE" of a script that has no more
            word.append("=").append(value);
        }
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

// `gyre run` takes a program, which the option parser knows nothing of; and the commands of a part are the part's to list.
class Formatter : public CLI::Formatter {
public:
    Formatter(const Paths& paths, bool is_part) : paths_(paths), is_part_(is_part) {}

    std::string make_usage(const CLI::App* app, std::string name) const override {
        std::string usage = CLI::Formatter::make_usage(app, name);
        const bool takes_program = app->get_name() == "run" || app->get_name() == "gdb";
        if (takes_program) usage.insert(usage.find_last_not_of('\n') + 1, " [-- PROGRAM ARGUMENTS...]");
        return usage;
    }

    std::string make_expanded(const CLI::App* app) const override {
        const Part* part = is_part_ ? nullptr : find_part(app->get_name());
        if (!part) return CLI::Formatter::make_expanded(app);
        if (auto text = expanded_help(paths_, *part)) return *text;
        return CLI::Formatter::make_expanded(app) + "  'gyre " + part->command + " --help' lists its commands (and builds them)\n";
    }

private:
    const Paths& paths_;
    bool is_part_;
};

// What was asked for is meant in other words: `gyre --version`, `gyre help run`, `gyre --help run`.
void translate_habits(std::vector<std::string>& own) {
    if (own.empty()) own = {"--help"};
    if (own[0] == "--version" || own[0] == "-V") own[0] = "version";
    const bool asks_first = own.size() > 1 && (own[0] == "--help" || own[0] == "-h");
    if (own[0] == "help" || asks_first) {
        own.erase(own.begin());
        own.push_back("--help");
    }
}

bool has_command(const CLI::App& app, const std::string& word) {
    return !app.get_subcommands([&](const CLI::App* command) { return command->get_name() == word; }).empty();
}

}  // namespace

int run_frame(int argc, char** argv, std::span<const AddCommand> commands, const Part* part) {
    fill_standard_descriptors();
    auto paths = find_paths();
    if (!paths) return report(paths.error());
    CLI::App app("Gyre, a small operating system that runs Linux programs", "gyre");
    app.require_subcommand(1);
    app.formatter(std::make_shared<Formatter>(*paths, part != nullptr));
    app.set_help_all_flag("--help-all", "Show the help of every command");
    end_programs_on_interrupt();
    Program program{.app = Command(&app), .paths = *paths};
    for (AddCommand add : commands) add(program);

    std::vector<std::string> own = own_arguments(argc, argv, program.program_arguments);
    if (part && own == std::vector<std::string>{kExpandedHelp}) {
        const CLI::App* command = app.get_subcommand(part->command);
        std::fputs(command->help(command->get_name(), CLI::AppFormatMode::Sub).c_str(), stdout);
        return 0;
    }
    translate_habits(own);
    if (!own[0].starts_with('-') && !has_command(app, own[0])) return report(unknown_command(app, own[0]));
    if (const Part* other = find_part(own[0]); other && other != part) return report(become_part(*paths, *other, argv));
    try {
        std::ranges::reverse(own);  // as CLI11 wants it
        app.parse(own);
    } catch (const CLI::ParseError& error) {
        // --help and the like come this way, too, and leave with 0.
        if (error.get_exit_code() == 0) return app.exit(error);
        return report(usage_problem(app, error));
    }
    return program.status;
}

}  // namespace gyre::cli
