// SPDX-License-Identifier: MIT
//
// gyre features: what works (cli/features.tbl). gyre arch status: which machines there are ports for.
#include <algorithm>
#include <cstdio>
#include <memory>
#include <sstream>

#include "cli/commands.h"
#include "cli/suites.h"

namespace gyre::cli {
namespace {

namespace fs = std::filesystem;

constexpr size_t kColumns = 5;
constexpr const char* kArchitectures[] = {"x86_64", "aarch64", "riscv64"};

std::string trimmed(std::string_view text) {
    size_t begin = text.find_first_not_of(" \t");
    if (begin == std::string_view::npos) return {};
    return std::string(text.substr(begin, text.find_last_not_of(" \t") - begin + 1));
}

int features(const Paths& paths) {
    auto text = read_file(paths.root / "cli" / "features.tbl");
    if (!text) return report(text.error());
    auto suites = load_suites(paths.root, paths.host());
    if (!suites) return report(suites.error());
    std::istringstream lines(*text);
    std::string line, area;
    while (std::getline(lines, line)) {
        if (line.empty() || line[0] == '#') continue;
        std::vector<std::string> columns;
        std::istringstream fields(line);
        for (std::string field; std::getline(fields, field, '|');) columns.push_back(trimmed(field));
        columns.resize(kColumns);
        if (columns[0] != area) std::printf("%s%s\n", area.empty() ? "" : "\n", columns[0].c_str());
        area = columns[0];
        std::string note = columns[4];
        const bool has_proof = columns[3] == "-" || std::ranges::any_of(*suites, [&](const Suite& suite) {
            return suite.group == columns[3] || matches(columns[3], suite.name);
        });
        if (!has_proof) note += (note.empty() ? "" : ", ") + std::string("no test suite '") + columns[3] + "'";
        std::printf("  %-8s %-52s %s\n", columns[2].c_str(), columns[1].c_str(), note.c_str());
    }
    return 0;
}

size_t count_lines(const fs::path& folder) {
    size_t lines = 0;
    std::error_code error;
    for (const auto& entry : fs::recursive_directory_iterator(folder, error)) {
        if (!entry.is_regular_file() || entry.path().extension() == ".md") continue;
        if (auto text = read_file(entry.path())) lines += static_cast<size_t>(std::ranges::count(*text, '\n'));
    }
    return lines;
}

// Everything that a port has to write is below kernel/arch/NAME, against kernel/arch/contract.h.
int arch_status(const Paths& paths) {
    for (const char* name : kArchitectures) {
        const fs::path folder = paths.root / "kernel" / "arch" / name;
        if (!fs::exists(folder)) {
            std::printf("%-8s no port\n", name);
            continue;
        }
        const bool is_built = std::string_view(name) == "x86_64" && fs::exists(paths.kernel());
        std::printf("%-8s %zu lines in kernel/arch/%s; machines q35, microvm; kernel %s\n", name, count_lines(folder), name,
                    is_built ? "built" : "not built");
    }
    return 0;
}

}  // namespace

void add_features_command(Program& program) {
    Command features_command = program.app.add_subcommand("features", "Say what works, and which tests show it");
    features_command.callback([&program] { program.status = features(program.paths); });
    Command arch = program.app.add_subcommand("arch", "About the processors that Gyre runs on");
    arch.require_subcommand();
    Command status = arch.add_subcommand("status", "Say which ports there are");
    status.callback([&program] { program.status = arch_status(program.paths); });
}

}  // namespace gyre::cli
