// SPDX-License-Identifier: MIT
//
// How a command says which options it has. The parser behind it is CLI11, whose headers cost seconds in every source that
// sees them; here three do, compiled as one (options.cpp, frame.cpp, usage.cpp). Handles only: the parser owns what they stand for. Names
// and meanings are CLI11's.
#pragma once

#include <filesystem>
#include <functional>
#include <string>
#include <vector>

namespace CLI {
class App;
class Option;
}  // namespace CLI

namespace gyre::cli {

// Numbers from `low` to `high`.
template <class Number>
struct Range {
    Number low, high;
};
template <class Number>
Range(Number, Number) -> Range<Number>;

struct ExistingFile {};
inline constexpr ExistingFile kExistingFile;

class Option {
public:
    explicit Option(CLI::Option* option) : option_(option) {}

    Option type_name(const std::string& name) const;   // of the value, in the help
    Option check(Range<int> range) const;
    Option check(Range<unsigned> range) const;
    Option check(ExistingFile) const;
    Option capture_default_str() const;                // the value that the variable has now is shown in the help
    Option allow_extra_args(bool value) const;         // false: one value each time it is given
    Option take_last() const;                          // may be given several times; the last one counts
    Option group(const std::string& name) const;
    Option excludes(Option other) const;
    Option required() const;

private:
    CLI::Option* option_;
};

class Command {
public:
    explicit Command(CLI::App* app) : app_(app) {}

    Command add_subcommand(const std::string& name, const std::string& summary) const;
    void require_subcommand() const;
    bool has_called_subcommand() const;
    void footer(const std::string& text) const;
    // Called when all words are understood; the variables have their values then.
    void callback(std::function<void()> body) const;

    // The variable is set while the words are read, and must live until then.
    Option add_option(const std::string& names, std::string& value, const std::string& help) const;
    Option add_option(const std::string& names, std::vector<std::string>& value, const std::string& help) const;
    Option add_option(const std::string& names, std::filesystem::path& value, const std::string& help) const;
    Option add_option(const std::string& names, int& value, const std::string& help) const;
    Option add_option(const std::string& names, unsigned& value, const std::string& help) const;
    Option add_option(const std::string& names, size_t& value, const std::string& help) const;
    Option add_flag(const std::string& names, bool& value, const std::string& help) const;
    Option add_flag(const std::string& names, int& count, const std::string& help) const;
    Option get_option(const std::string& name) const;

private:
    CLI::App* app_;
};

}  // namespace gyre::cli
