// SPDX-License-Identifier: MIT
//
// gyre coverage syscall: what of Linux's system calls works, from abi/calls.tbl.
#include <cstdio>
#include <memory>
#include <nlohmann/json.hpp>

#include "cli/commands.h"
#include "cli/coverage.h"

namespace gyre::cli {
namespace {

struct Options {
    std::string trace;
    bool as_json = false;
    bool all = false;
};

constexpr size_t kLineWidth = 96;

const char* name_of(abi::Coverage coverage) {
    switch (coverage) {
        case abi::Coverage::Full: return "full";
        case abi::Coverage::Partial: return "partial";
        case abi::Coverage::Absent: return "absent";
    }
    return "";
}

std::string joined(const std::vector<std::string>& words) {
    std::string line;
    for (const std::string& word : words) line += (line.empty() ? "" : " ") + word;
    return line;
}

void print_wrapped(const std::vector<std::string>& words) {
    std::string line = " ";
    for (const std::string& word : words) {
        if (line.size() + 1 + word.size() > kLineWidth) {
            std::printf("%s\n", line.c_str());
            line = " ";
        }
        line += " " + word;
    }
    if (line.size() > 1) std::printf("%s\n", line.c_str());
}

void print_json(const std::vector<abi::Call>& table) {
    nlohmann::ordered_json list = nlohmann::ordered_json::array();
    for (const abi::Call& call : table)
        list.push_back({{"number", call.number}, {"name", call.name}, {"coverage", name_of(call.coverage)}, {"missing", call.missing}});
    std::printf("%s\n", list.dump(2).c_str());
}

void print_table(const std::vector<abi::Call>& table, bool all) {
    std::vector<std::string> names[3];
    for (const abi::Call& call : table) names[static_cast<size_t>(call.coverage)].push_back(call.name);
    const auto& full = names[static_cast<size_t>(abi::Coverage::Full)];
    const auto& partial = names[static_cast<size_t>(abi::Coverage::Partial)];
    const auto& absent = names[static_cast<size_t>(abi::Coverage::Absent)];
    std::printf("%zu system calls: %zu full, %zu partial, %zu absent\n", table.size(), full.size(), partial.size(), absent.size());
    if (all) {
        std::printf("\nfull:\n");
        print_wrapped(full);
    }
    if (!partial.empty()) std::printf("\npartial (works, except for what is named):\n");
    for (const abi::Call& call : table)
        if (call.coverage == abi::Coverage::Partial) std::printf("  %-24s %s\n", call.name.c_str(), joined(call.missing).c_str());
    if (!absent.empty()) {
        std::printf("\nabsent (ENOSYS):\n");
        print_wrapped(absent);
    }
}

int print_trace(const std::vector<abi::Call>& table, const std::string& path) {
    auto log = read_file(path);
    if (!log) return report(log.error());
    auto trace = parse_trace(*log);
    if (trace.empty()) return report({"there is no system call in '" + path + "'", "Make the log with: strace -f -o TRACE PROGRAM"});
    auto findings = compare_trace(trace, table);
    if (findings.empty()) {
        std::printf("%zu calls: the program misses nothing\n", trace.size());
        return 0;
    }
    std::printf("%zu calls; the program would miss:\n", trace.size());
    for (const Finding& finding : findings) {
        switch (finding.kind) {
            case Finding::Kind::Absent: std::printf("  %6zu x  %s (absent: ENOSYS)\n", finding.count, finding.name.c_str()); break;
            case Finding::Kind::Unknown: std::printf("  %6zu x  %s (not in the table)\n", finding.count, finding.name.c_str()); break;
            case Finding::Kind::Partial: std::printf("  %6zu x  %s: %s\n", finding.count, finding.name.c_str(), finding.detail.c_str()); break;
        }
        std::printf("            %s\n", finding.example.c_str());
    }
    return 1;
}

int coverage(const Paths& paths, const Options& options) {
    auto text = read_file(paths.root / "abi" / "calls.tbl");
    if (!text) return report(text.error());
    auto table = abi::parse_calls_table(*text);
    if (!table) return report({"abi/calls.tbl, line " + std::to_string(table.error().line) + ": " + table.error().message, ""});
    if (!options.trace.empty()) return print_trace(*table, options.trace);
    if (options.as_json) print_json(*table);
    else print_table(*table, options.all);
    return 0;
}

}  // namespace

void add_coverage_command(Program& program) {
    auto options = std::make_shared<Options>();
    Command command = program.app.add_subcommand("coverage", "Say what of Linux works");
    command.require_subcommand();
    Command calls = command.add_subcommand("syscall", "The system calls: full, partial, absent");
    const Option trace = calls.add_option("--for", options->trace, "An strace log: say what that program would miss (status 1 if anything)").type_name("TRACE");
    calls.add_flag("--all", options->all, "Name the complete ones, too");
    calls.add_flag("--json", options->as_json, "Print the table as JSON").excludes(trace);
    calls.callback([&program, options] { program.status = coverage(program.paths, *options); });
}

}  // namespace gyre::cli
