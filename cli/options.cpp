// SPDX-License-Identifier: MIT
#include "cli/options.h"

#include <CLI/CLI.hpp>

namespace gyre::cli {
Option Option::type_name(const std::string& name) const { return Option(option_->type_name(name)); }
Option Option::check(Range<int> range) const { return Option(option_->check(CLI::Range(range.low, range.high))); }
Option Option::check(Range<unsigned> range) const { return Option(option_->check(CLI::Range(range.low, range.high))); }
Option Option::check(ExistingFile) const { return Option(option_->check(CLI::ExistingFile)); }
Option Option::capture_default_str() const { return Option(option_->capture_default_str()); }
Option Option::allow_extra_args(bool value) const { return Option(option_->allow_extra_args(value)); }
Option Option::take_last() const { return Option(option_->multi_option_policy(CLI::MultiOptionPolicy::TakeLast)); }
Option Option::group(const std::string& name) const { return Option(option_->group(name)); }
Option Option::excludes(Option other) const { return Option(option_->excludes(other.option_)); }
Option Option::required() const { return Option(option_->required()); }

Command Command::add_subcommand(const std::string& name, const std::string& summary) const {
    return Command(app_->add_subcommand(name, summary));
}
void Command::require_subcommand() const { app_->require_subcommand(1); }
bool Command::has_called_subcommand() const { return !app_->get_subcommands().empty(); }
void Command::footer(const std::string& text) const { app_->footer(text); }
void Command::callback(std::function<void()> body) const { app_->callback(std::move(body)); }

Option Command::add_option(const std::string& names, std::string& value, const std::string& help) const {
    return Option(app_->add_option(names, value, help));
}
Option Command::add_option(const std::string& names, std::vector<std::string>& value, const std::string& help) const {
    return Option(app_->add_option(names, value, help));
}
Option Command::add_option(const std::string& names, std::filesystem::path& value, const std::string& help) const {
    return Option(app_->add_option(names, value, help));
}
Option Command::add_option(const std::string& names, int& value, const std::string& help) const {
    return Option(app_->add_option(names, value, help));
}
Option Command::add_option(const std::string& names, unsigned& value, const std::string& help) const {
    return Option(app_->add_option(names, value, help));
}
Option Command::add_option(const std::string& names, size_t& value, const std::string& help) const {
    return Option(app_->add_option(names, value, help));
}
Option Command::add_flag(const std::string& names, bool& value, const std::string& help) const {
    return Option(app_->add_flag(names, value, help));
}
Option Command::add_flag(const std::string& names, int& count, const std::string& help) const {
    return Option(app_->add_flag(names, count, help));
}
Option Command::get_option(const std::string& name) const { return Option(app_->get_option(name)); }

}  // namespace gyre::cli
