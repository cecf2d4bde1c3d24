// SPDX-License-Identifier: MIT
#include "cli/paths.h"

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <sstream>

namespace gyre::cli {

namespace fs = std::filesystem;

int report(const Problem& problem) {
    std::fprintf(stderr, "gyre: error: %s\n", problem.what.c_str());
    if (!problem.hint.empty()) std::fprintf(stderr, "      %s\n", problem.hint.c_str());
    return problem.status;
}

Outcome<Paths> find_paths() {
    fs::path root;
    if (const char* given = std::getenv("GYRE_ROOT")) {
        root = given;
    } else {
        std::error_code error;
        fs::path self = fs::read_symlink("/proc/self/exe", error);
        if (error) return problem("cannot find out where this program is: " + error.message());
        root = self.parent_path().parent_path().parent_path().parent_path();
    }
    if (!fs::exists(root / "abi" / "calls.tbl"))
        return problem("'" + root.string() + "' is not a working tree of Gyre",
                       "Call the script 'gyre' at the top of the working tree.");
    return Paths{root};
}

Outcome<std::string> read_file(const fs::path& path) {
    std::ifstream file(path, std::ios::binary);
    if (!file) return problem("cannot read '" + path.string() + "': " + std::strerror(errno));
    std::ostringstream content;
    content << file.rdbuf();
    return std::move(content).str();
}

Outcome<void> write_file(const fs::path& path, const std::string& content) {
    std::error_code ignored;
    if (path.has_parent_path()) fs::create_directories(path.parent_path(), ignored);
    std::ofstream file(path, std::ios::binary | std::ios::trunc);
    file << content;
    file.close();
    if (!file) return problem("cannot write '" + path.string() + "': " + std::strerror(errno));
    return {};
}

}  // namespace gyre::cli
