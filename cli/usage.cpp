// SPDX-License-Identifier: MIT
//
// CLI11 says in an exception's text which option was at fault; only the option's name is taken from there.
#include "cli/usage.h"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <string_view>
#include <vector>

namespace gyre::cli {
namespace {

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

// The name that is most like a word that was not understood; empty when none is.
std::string most_similar(const std::string& word, const std::vector<std::string>& names) {
    std::string similar;
    size_t best = kMostMistakes + 1;
    for (const std::string& name : names)
        // What is all mistakes is not similar.
        if (size_t mistakes = distance(word, name); mistakes < best && mistakes < name.size()) {
            best = mistakes;
            similar = name;
        }
    return similar;
}

std::vector<std::string> command_names(const CLI::App& app) {
    std::vector<std::string> names;
    for (const CLI::App* command : app.get_subcommands([](const CLI::App*) { return true; })) names.push_back(command->get_name());
    return names;
}

// The command as far as its words were understood ("gyre bpf verify" of `gyre bpf verify --nonsense`).
struct Called {
    const CLI::App* app;
    std::string words;
};

Called called_command(const CLI::App& app) {
    Called called{&app, "gyre"};
    for (auto next = app.get_subcommands(); !next.empty(); next = called.app->get_subcommands()) {
        called.app = next.front();
        called.words += " " + called.app->get_name();
    }
    return called;
}

std::string see_help(const Called& called) { return "'" + called.words + " --help' says what there is."; }

Problem wrong_usage(std::string what, std::string hint) { return {.what = std::move(what), .hint = std::move(hint), .status = kWrongUsage}; }

Problem unknown_option(const Called& called, const std::string& word) {
    std::vector<std::string> names;
    for (const CLI::Option* option : called.app->get_options())
        for (const std::string& name : option->get_lnames()) names.push_back("--" + name);
    const std::string similar = most_similar(word, names);
    return wrong_usage(called.words + " has no option '" + word + "'", similar.empty() ? see_help(called) : "Did you mean '" + similar + "'?");
}

Problem unknown_arguments(const CLI::App& app, const Called& called) {
    // CLI11 hands them out last one first.
    const std::vector<std::string> words = app.remaining(true);
    const auto found = std::ranges::find_if(words, [](const std::string& word) { return word.starts_with("-"); });
    if (found != words.end()) return unknown_option(called, found->substr(0, found->find('=')));
    return wrong_usage(called.words + " takes no '" + (words.empty() ? std::string() : words.front()) + "'",
                       called.words == "gyre run" ? "The program comes after '--': gyre run [OPTIONS] -- PROGRAM ARGUMENTS" : see_help(called));
}

Problem unknown_command(const Called& called, const std::string& word) {
    const std::string similar = most_similar(word, command_names(*called.app));
    return wrong_usage("'" + word + "' is not a command of " + called.words,
                       similar.empty() ? "'" + called.words + " --help' lists the commands." : "Did you mean '" + similar + "'?");
}

// `gyre bpf`, `gyre bpf verfy`, `gyre --nonsense`.
Problem missing_command(const CLI::App& app, const Called& called) {
    const std::vector<std::string> words = app.remaining(true);
    if (!words.empty()) return words.front().starts_with("-") ? unknown_option(called, words.front()) : unknown_command(called, words.front());
    std::string list;
    for (const std::string& name : command_names(*called.app)) list += (list.empty() ? "" : ", ") + name;
    return wrong_usage(called.words + " needs a command after it", "It is one of: " + list + ".");
}

// The option that `text` names first; null when it names none.
const CLI::Option* named_option(const CLI::App& app, const std::string& text) {
    const CLI::Option* named = nullptr;
    size_t first = std::string::npos;
    for (const CLI::Option* option : app.get_options()) {
        const std::string name = option->get_name();
        const size_t at = text.find(name);
        if (at == std::string::npos || at > first) continue;
        // --http is not --http-rounds.
        if (at == first && name.size() < named->get_name().size()) continue;
        first = at;
        named = option;
    }
    return named;
}

// "N" of "N:UINT in [1 - 64]"
std::string value_name(const CLI::Option& option) {
    std::string type = option.get_type_name();
    for (const char* validator : {":UINT in [", ":INT in [", ":FILE"}) type = type.substr(0, type.find(validator));
    return type;
}

std::string allowed_values(const CLI::Option& option) {
    const std::string type = option.get_type_name();
    if (const size_t range = type.find(" in ["); range != std::string::npos) {
        const size_t begin = range + 5, dash = type.find(" - ", begin), end = type.find(']', begin);
        return "a whole number from " + type.substr(begin, dash - begin) + " to " + type.substr(dash + 3, end - dash - 3);
    }
    if (type.ends_with(":FILE")) return "the name of a file that exists";
    return "";
}

template <class Kind>
bool is(const CLI::ParseError& error) {
    return dynamic_cast<const Kind*>(&error) != nullptr;
}

Problem wrong_value(const Called& called, const CLI::Option& option, const std::string& otherwise) {
    const std::string name = option.get_name();
    if (option.get_items_expected_max() == 0)
        return wrong_usage(name + " is a switch and takes no value", "Write " + name + " alone, or leave it out.");
    if (option.results().empty() || option.results().back().empty()) {
        const std::string allowed = allowed_values(option);
        const std::string value = value_name(option);
        return wrong_usage(name + " needs a value", "Write " + name + " " + value + (allowed.empty() ? "; " + see_help(called) : ", where " + value + " is " + allowed + "."));
    }
    std::string allowed = allowed_values(option);
    if (allowed.empty()) allowed = otherwise;
    return wrong_usage("'" + option.results().back() + "' is no value for " + name,
                       allowed.empty() ? see_help(called) : "It takes " + allowed + "; " + see_help(called));
}

}  // namespace

Problem unknown_command(const CLI::App& app, const std::string& word) { return unknown_command(called_command(app), word); }

Problem usage_problem(const CLI::App& app, const CLI::ParseError& error) {
    const Called called = called_command(app);
    const CLI::Option* option = named_option(*called.app, error.what());
    if (is<CLI::ExtrasError>(error)) return unknown_arguments(app, called);
    if (is<CLI::RequiredError>(error) && !option) return missing_command(app, called);
    if (!option) return wrong_usage(called.words + " does not understand its options", see_help(called));
    const std::string name = option->get_name();
    if (is<CLI::RequiredError>(error))
        return wrong_usage(called.words + " needs " + name + ": " + option->get_description(), see_help(called));
    if (is<CLI::ExcludesError>(error)) {
        std::string other = (*option->get_excludes().begin())->get_name();
        return wrong_usage(name + " and " + other + " exclude each other", "Give one of them.");
    }
    if (is<CLI::ArgumentMismatch>(error) && option->results().size() > 1)
        return wrong_usage(name + " was given " + std::to_string(option->results().size()) + " times", "Give it once.");
    const bool is_number = is<CLI::ConversionError>(error);
    return wrong_value(called, *option, is_number ? "a whole number, 0 or more" : "");
}

}  // namespace gyre::cli
