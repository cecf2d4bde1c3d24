// SPDX-License-Identifier: MIT
#include "cli/suites.h"

#include <fnmatch.h>

#include <algorithm>
#include <map>
#include <nlohmann/json.hpp>
#include <set>

#include "cli/paths.h"

namespace gyre::cli {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

size_t group_rank(std::string_view group) {
    return static_cast<size_t>(std::ranges::find(kGroups, group) - std::begin(kGroups));
}

Outcome<Suite> parse_suite(const json& entry, const fs::path& origin) {
    const std::string where = "in '" + origin.string() + "': ";
    if (!entry.is_object()) return problem(where + "a suite must be an object");
    static const std::set<std::string> kKeys = {"name", "group", "command", "timeout_s", "default", "needs"};
    for (const auto& [key, value] : entry.items())
        if (!kKeys.contains(key)) return problem(where + "unknown key '" + key + "'");
    Suite suite;
    suite.origin = origin;
    suite.name = entry.value("name", "");
    suite.group = entry.value("group", "");
    suite.command = entry.value("command", std::vector<std::string>{});
    suite.timeout = std::chrono::seconds(entry.value("timeout_s", 120));
    suite.is_default = entry.value("default", true);
    suite.needs = entry.value("needs", std::vector<std::string>{});
    if (suite.name.empty()) return problem(where + "a suite has no name");
    if (group_rank(suite.group) == std::size(kGroups))
        return problem(where + "suite '" + suite.name + "' has the unknown group '" + suite.group + "'");
    if (suite.command.empty() || suite.command[0].empty())
        return problem(where + "suite '" + suite.name + "' has no command");
    if (suite.timeout.count() <= 0)
        return problem(where + "suite '" + suite.name + "' needs a timeout_s above 0");
    return suite;
}

}  // namespace

Outcome<std::vector<Suite>> parse_suites(std::string_view text, const fs::path& origin) {
    // The library's errors are exceptions; they end here.
    try {
        json list = json::parse(text);
        if (!list.is_array()) return problem("'" + origin.string() + "' is not a list of suites");
        std::vector<Suite> suites;
        for (const json& entry : list) {
            auto suite = parse_suite(entry, origin);
            if (!suite) return std::unexpected(suite.error());
            suites.push_back(std::move(*suite));
        }
        return suites;
    } catch (const json::exception& error) {
        return problem("'" + origin.string() + "' cannot be read: " + error.what());
    }
}

Outcome<std::vector<Suite>> load_suites(const fs::path& root, const fs::path& host_build) {
    std::vector<fs::path> files;
    if (fs::exists(root / "test" / "suites.json")) files.push_back(root / "test" / "suites.json");
    for (const fs::path& folder : {root / "test" / "suites.d", host_build / "suites"}) {
        std::error_code error;
        for (const auto& entry : fs::directory_iterator(folder, error))
            if (entry.path().extension() == ".json") files.push_back(entry.path());
    }
    std::vector<Suite> all;
    std::map<std::string, fs::path> seen;
    for (const fs::path& file : files) {
        auto text = read_file(file);
        if (!text) return std::unexpected(text.error());
        auto suites = parse_suites(*text, file);
        if (!suites) return std::unexpected(suites.error());
        for (Suite& suite : *suites) {
            auto [place, is_new] = seen.emplace(suite.name, file);
            if (!is_new)
                return problem("the suite '" + suite.name + "' is listed in '" + place->second.string() +
                               "' and in '" + file.string() + "'");
            all.push_back(std::move(suite));
        }
    }
    std::ranges::stable_sort(all, {}, [](const Suite& suite) { return std::pair(group_rank(suite.group), suite.name); });
    return all;
}

Problem nothing_selected(const std::vector<Suite>& suites, const Selection& selection) {
    Selection wider = selection;
    wider.include_optional = true;
    std::string names;
    for (const Suite& suite : select_suites(suites, wider)) names += (names.empty() ? "" : ", ") + suite.name;
    if (names.empty()) return {"no suite matches", "'gyre test --list --all' shows every suite.", kWrongUsage};
    return {"these run only when asked for with --all: " + names, "Add --all.", kWrongUsage};
}

bool matches(std::string_view pattern, std::string_view text) {
    if (pattern.find_first_of("*?") == std::string_view::npos) return text.find(pattern) != std::string_view::npos;
    return fnmatch(std::string(pattern).c_str(), std::string(text).c_str(), 0) == 0;
}

std::vector<Suite> select_suites(const std::vector<Suite>& suites, const Selection& selection) {
    std::vector<Suite> chosen;
    // A group without default suites would be empty to whoever names it: its name asks for all of it.
    const auto is_asked_for = [&](const Suite& suite) {
        return std::ranges::find(selection.groups, suite.group) != selection.groups.end() &&
               std::ranges::none_of(suites, [&](const Suite& other) { return other.group == suite.group && other.is_default; });
    };
    for (const Suite& suite : suites) {
        if (!suite.is_default && !selection.include_optional && !is_asked_for(suite)) continue;
        if (!selection.groups.empty() && std::ranges::find(selection.groups, suite.group) == selection.groups.end())
            continue;
        if (!selection.filters.empty() &&
            std::ranges::none_of(selection.filters, [&](const std::string& filter) { return matches(filter, suite.name); }))
            continue;
        chosen.push_back(suite);
    }
    return chosen;
}

}  // namespace gyre::cli
