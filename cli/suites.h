// SPDX-License-Identifier: MIT
//
// The test suites: what test/suites.json, test/suites.d/*.json and the build (build/host/suites/*.json)
// list, and which of them a call of `gyre test` means.
#pragma once

#include <chrono>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "cli/problem.h"

namespace gyre::cli {

// The groups in the order in which they run: what is cheap and finds most comes first.
constexpr std::string_view kGroups[] = {"unit", "kernel", "twin",        "boot",   "busybox",
                                        "ring", "bpf",    "interactive", "module", "hostile",
                                        "module-debug"};

struct Suite {
    std::string name;
    std::string group;
    std::vector<std::string> command;
    std::chrono::seconds timeout{120};
    bool is_default = true;
    std::vector<std::string> needs;  // "kernel", "kernel-debug", "guest", or a target of the host build
    std::filesystem::path origin;    // the file that lists it
};

struct Selection {
    std::vector<std::string> groups;  // empty: every group
    std::vector<std::string> filters; // parts of suite names, * and ? allowed; empty: every name
    bool include_optional = false;    // also suites that are not run by default
};

// One file's text. Unknown keys, unknown groups and missing commands are errors: a misspelt suite
// must not vanish.
Outcome<std::vector<Suite>> parse_suites(std::string_view text, const std::filesystem::path& origin);

// All lists of the working tree. Two suites of one name are an error.
Outcome<std::vector<Suite>> load_suites(const std::filesystem::path& root, const std::filesystem::path& host_build);

std::vector<Suite> select_suites(const std::vector<Suite>& suites, const Selection& selection);

// Why nothing was selected: there is no such suite, or it runs only when all are asked for.
Problem nothing_selected(const std::vector<Suite>& suites, const Selection& selection);

// Shell-like match of * and ?; a pattern without either matches any part of the text.
bool matches(std::string_view pattern, std::string_view text);

}  // namespace gyre::cli
