// SPDX-License-Identifier: MIT
//
// gyre test: builds what the chosen suites need, runs them, ends in "N passed, M failed".
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <memory>
#include <nlohmann/json.hpp>
#include <set>
#include <thread>

#include "cli/build.h"
#include "cli/commands.h"
#include "cli/parts.h"
#include "cli/suites.h"
#include "cli/test_runner.h"

namespace gyre::cli {
namespace {

struct Options {
    Selection selection;
    RunnerOptions runner;
    bool only_list = false;
    bool as_json = false;
};

int list(const std::vector<Suite>& suites) {
    for (const Suite& suite : suites)
        std::printf("%-12s %-32s %4lld s%s\n", suite.group.c_str(), suite.name.c_str(),
                    static_cast<long long>(suite.timeout.count()), suite.is_default ? "" : "  (only with --all)");
    return 0;
}

// Builds what the suites name in "needs". What cannot be built is a failure of its own, and does not
// keep the others from running.
std::vector<SuiteReport> build_needs(const Paths& paths, const std::vector<Suite>& suites, bool are_all) {
    std::set<std::string> targets;
    // A test may call any command. Suites that were chosen name the parts that they need.
    if (are_all)
        for (const Part* part : kParts) targets.insert(part->program);
    bool needs_kernel = false, needs_debug_kernel = false;
    for (const Suite& suite : suites) {
        if (suite.group == "unit") targets.insert("unit_tests");
        for (const std::string& need : suite.needs) {
            if (need == "kernel") needs_kernel = true;
            else if (need == "kernel-debug") needs_debug_kernel = true;
            else if (need == "guest") targets.insert("guest_programs");
            else targets.insert(need);
        }
    }
    if (needs_kernel) targets.insert("gyre_init");
    std::vector<SuiteReport> failures;
    auto note = [&](const char* name, const Outcome<void>& built) {
        if (built) return;
        SuiteReport report{.suite = {.name = name, .group = "build"}};
        report.output.finish(built.error().what + ". " + built.error().hint);
        std::printf("FAIL build/%s: %s\n", name, built.error().what.c_str());
        failures.push_back(std::move(report));
    };
    note("host", build_host(paths, {targets.begin(), targets.end()}, {.is_verbose = false, .keep_going = true}));
    if (needs_kernel) note("kernel", build_kernel(paths));
    if (needs_debug_kernel) note("debug kernel", build_kernel(paths, {.is_debug = true}));
    return failures;
}

std::string_view name_of(CaseStatus status) {
    switch (status) {
        case CaseStatus::Passed: return "passed";
        case CaseStatus::Failed: return "failed";
        case CaseStatus::Skipped: return "skipped";
    }
    return "";
}

void print_json(const std::vector<SuiteReport>& reports, size_t passed, size_t failed, size_t skipped) {
    nlohmann::ordered_json document = {{"passed", passed}, {"failed", failed}, {"skipped", skipped}};
    document["suites"] = nlohmann::ordered_json::array();
    for (const SuiteReport& report : reports) {
        nlohmann::ordered_json suite = {{"name", report.suite.name}, {"group", report.suite.group}, {"seconds", report.seconds}};
        suite["cases"] = nlohmann::ordered_json::array();
        for (const CaseResult& result : report.output.cases()) {
            nlohmann::ordered_json entry = {{"name", result.name}, {"status", name_of(result.status)}};
            if (!result.reason.empty()) entry["reason"] = result.reason;
            suite["cases"].push_back(std::move(entry));
        }
        document["suites"].push_back(std::move(suite));
    }
    // Output of tests may hold any bytes; what is no UTF-8 is replaced.
    std::printf("%s\n", document.dump(2, ' ', false, nlohmann::json::error_handler_t::replace).c_str());
}

int test(const Paths& paths, Options& options) {
    // A tree configured before GoogleTest was installed has no unit tests yet.
    if (std::filesystem::is_empty(paths.host() / "suites"))
        if (auto configured = configure_host(paths); !configured) return report(configured.error());
    auto suites = load_suites(paths.root, paths.host());
    if (!suites) return report(suites.error());
    std::vector<Suite> chosen = select_suites(*suites, options.selection);
    if (options.only_list) return list(chosen);
    if (chosen.empty())
        return report(nothing_selected(*suites, options.selection));

    options.runner.is_quiet = options.as_json;
    std::vector<SuiteReport> reports = build_needs(paths, chosen, options.selection.groups.empty() && options.selection.filters.empty());
    std::vector<SuiteReport> results = run_suites(paths, chosen, options.runner);
    reports.insert(reports.end(), std::make_move_iterator(results.begin()), std::make_move_iterator(results.end()));

    size_t passed = 0, failed = 0, skipped = 0;
    for (const SuiteReport& report : reports) {
        passed += report.output.count(CaseStatus::Passed);
        failed += report.output.count(CaseStatus::Failed);
        skipped += report.output.count(CaseStatus::Skipped);
    }
    if (options.as_json) {
        print_json(reports, passed, failed, skipped);
    } else {
        if (skipped) std::printf("%zu skipped\n", skipped);
        std::printf("%zu passed, %zu failed\n", passed, failed);
    }
    return failed == 0 && passed > 0 ? 0 : 1;
}

}  // namespace

void add_test_command(Program& program) {
    auto options = std::make_shared<Options>();
    options->runner.jobs = std::max(1u, std::thread::hardware_concurrency());
    Command command = program.app.add_subcommand("test", "Run the tests; ends in 'N passed, M failed'");
    auto groups = std::make_shared<std::map<std::string, bool>>();
    for (std::string_view group : kGroups) {
        std::string name(group);
        command.add_flag("--" + name, (*groups)[name], "Only the suites of the group " + name).group("Groups");
    }
    command.add_option("--filter", options->selection.filters, "Only suites whose name holds this (* and ? match)")
        .type_name("NAME").allow_extra_args(false);
    command.add_option("--case", options->runner.case_filter, "Only cases whose name holds this, in suites that can choose")
        .type_name("NAME");
    command.add_flag("--all", options->selection.include_optional, "Also the suites that are too long to be run by default");
    command.add_flag("--list", options->only_list, "List the suites instead of running them");
    command.add_option("-j,--jobs", options->runner.jobs, "How many suites run at a time")
        .check(Range{1, 256}).capture_default_str();
    command.add_flag("-v,--verbose", options->runner.is_verbose, "Show the cases that passed, too");
    command.add_flag("--json", options->as_json, "Print the results as JSON");
    command.callback([&program, options, groups] {
        for (const auto& [name, is_chosen] : *groups)
            if (is_chosen) options->selection.groups.push_back(name);
        program.status = test(program.paths, *options);
    });
}

}  // namespace gyre::cli
