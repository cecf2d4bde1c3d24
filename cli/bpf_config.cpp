// SPDX-License-Identifier: MIT
#include "cli/bpf_config.h"

#include <sys/utsname.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>

#include "cli/bpf_support.h"
#include "cli/process.h"

namespace gyre::cli {
namespace {

using namespace gyre::bpf;

constexpr std::string_view kPacked = "\x1f\x8b";  // RFC 1952
constexpr unsigned kMaxPatch = 255;               // of which LINUX_VERSION_CODE has one byte

// Of a kernel of that version: the running one's patch level, if it is such a one.
u32 version_code(unsigned version, bool is_running_kernel) {
    u32 patch = 0;
    utsname name = {};
    unsigned major = 0, minor = 0, level = 0;
    const bool is_read = is_running_kernel && uname(&name) == 0 && std::sscanf(name.release, "%u.%u.%u", &major, &minor, &level) >= 2;
    if (is_read && major * 100 + minor == version) patch = std::min(level, kMaxPatch);
    return version / 100 << 16 | version % 100 << 8 | patch;
}

Outcome<std::string> read_text(const std::string& file) {
    auto bytes = read_bytes(file);
    if (!bytes) return std::unexpected(bytes.error());
    std::string text(bytes->begin(), bytes->end());
    if (!text.starts_with(kPacked)) return text;
    std::string unpacked;
    auto ended = run_process({.command = {"gzip", "-dc", file}, .on_line = [&](std::string_view line) { (unpacked += line) += '\n'; }});
    if (!ended) return std::unexpected(ended.error());
    if (ended->status != 0) return problem("'" + file + "' cannot be unpacked", "Give the configuration as text.");
    return unpacked;
}

}  // namespace

Outcome<KernelConfig> kernel_config(const std::string& file, unsigned version, bool is_running_kernel) {
    KernelConfig config;
    config.version_code = version_code(version, is_running_kernel);
    std::string from = file;
    utsname name = {};
    if (from.empty() && is_running_kernel && uname(&name) == 0) {
        for (const std::string& usual : {std::string("/boot/config-") + name.release, std::string("/proc/config.gz")}) {
            if (from.empty() && access(usual.c_str(), R_OK) == 0) from = usual;
        }
    }
    if (from.empty()) return config;
    auto text = read_text(from);
    if (!text) return std::unexpected(text.error());
    read_options(*text, config);
    return config;
}

}  // namespace gyre::cli
