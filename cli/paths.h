// SPDX-License-Identifier: MIT
//
// Where things are. The tool belongs to one working tree and finds it through GYRE_ROOT (set by the
// bootstrap script) or through its own place, ROOT/build/host/cli/gyre.
#pragma once

#include <filesystem>
#include <optional>
#include <string>

#include "cli/problem.h"

namespace gyre::cli {

struct Paths {
    std::filesystem::path root;
    std::filesystem::path build() const { return root / "build"; }
    std::filesystem::path host() const { return build() / "host"; }
    std::filesystem::path guest() const { return host() / "guest"; }
    std::filesystem::path kernel_build(bool is_debug = false) const { return build() / (is_debug ? "kernel-debug" : "kernel"); }
    std::filesystem::path kernel(bool is_debug = false) const { return kernel_build(is_debug) / "gyre.elf"; }
    std::filesystem::path logs() const { return build() / "log"; }
    std::filesystem::path tool() const { return host() / "cli" / "gyre"; }
};

Outcome<Paths> find_paths();

Outcome<std::string> read_file(const std::filesystem::path& path);
Outcome<void> write_file(const std::filesystem::path& path, const std::string& content);

}  // namespace gyre::cli
