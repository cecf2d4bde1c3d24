// SPDX-License-Identifier: MIT
#include "cli/build.h"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <charconv>
#include <chrono>
#include <cstdio>
#include <deque>
#include <fstream>

#include "cli/process.h"
#include "cli/progress.h"

namespace gyre::cli {
namespace {

namespace fs = std::filesystem;

constexpr size_t kShownLines = 60;  // of a failed build

// Two calls of gyre in one tree take turns; ninja itself does not look out for others.
class BuildLock {
public:
    explicit BuildLock(const fs::path& path) : fd_(open(path.c_str(), O_CREAT | O_RDWR | O_CLOEXEC, 0666)) {
        if (fd_ != -1) flock(fd_, LOCK_EX);
    }
    ~BuildLock() {
        if (fd_ != -1) close(fd_);
    }
    BuildLock(const BuildLock&) = delete;
    BuildLock& operator=(const BuildLock&) = delete;

private:
    int fd_;
};

// How many steps of all are done, and how long the others may take, from ninja's own progress ("[12/40] Building ...");
// other lines as they are.
class Estimate {
public:
    std::string of(std::string_view line) {
        size_t finished = 0, all = 0;
        const char* end = line.data() + line.size();
        if (!line.starts_with('[')) return std::string(line);
        auto first = std::from_chars(line.data() + 1, end, finished);
        if (first.ec != std::errc{} || first.ptr == end || *first.ptr != '/') return std::string(line);
        if (std::from_chars(first.ptr + 1, end, all).ec != std::errc{} || finished > all) return std::string(line);
        std::string text = std::to_string(finished) + " of " + std::to_string(all) + " steps";
        if (finished < kStepsToGoBy) return text;
        const auto passed = std::chrono::duration_cast<std::chrono::seconds>(std::chrono::steady_clock::now() - begun_).count();
        return text + ", about " + std::to_string(passed * static_cast<long>(all - finished) / static_cast<long>(finished) + 1) + " s left";
    }

private:
    static constexpr size_t kStepsToGoBy = 5;
    std::chrono::steady_clock::time_point begun_ = std::chrono::steady_clock::now();
};

Outcome<void> run_step(const Paths& paths, const std::string& title, std::vector<std::string> command,
                       const BuildOptions& options) {
    std::error_code ignored;
    fs::create_directories(paths.logs(), ignored);
    const fs::path log_path = paths.logs() / "build.log";
    std::ofstream log(log_path, std::ios::app);
    Progress progress(title);
    Estimate estimate;
    std::deque<std::string> tail;
    ProcessRequest request;
    request.command = std::move(command);
    request.environment = {{"NINJA_STATUS", "[%f/%t] "}};
    request.directory = paths.root;
    request.on_line = [&](std::string_view line) {
        log << line << '\n';
        if (options.is_verbose) std::fprintf(stderr, "%.*s\n", static_cast<int>(line.size()), line.data());
        else progress.update(estimate.of(line));
        // Ninja's own progress lines are no part of what failed.
        if (line.starts_with("[") || line.starts_with("ninja: Entering")) return;
        tail.emplace_back(line);
        if (tail.size() > kShownLines) tail.pop_front();
    };
    auto result = run_process(request);
    progress.clear();
    if (!result) return std::unexpected(result.error());
    if (result->status == 0) return {};
    if (was_interrupted()) return problem("interrupted", "", 128 + interrupting_signal());
    if (!options.is_verbose)
        for (const std::string& line : tail) std::fprintf(stderr, "%s\n", line.c_str());
    return problem(title + " failed", "The whole log is in " + log_path.string());
}

}  // namespace

Outcome<void> configure_host(const Paths& paths) {
    BuildLock lock(paths.build() / "host.lock");
    return run_step(paths, "configuring the host build", {"cmake", "--preset", "host"}, {});
}

Outcome<void> build_host(const Paths& paths, const std::vector<std::string>& targets, const BuildOptions& options) {
    if (targets.empty()) return {};
    BuildLock lock(paths.build() / "host.lock");
    std::vector<std::string> command = {"ninja", "-C", paths.host().string()};
    if (options.keep_going) command.push_back("-k0");
    if (options.is_verbose) command.push_back("-v");
    command.insert(command.end(), targets.begin(), targets.end());
    return run_step(paths, "building " + targets.front() + (targets.size() > 1 ? " and others" : ""), command, options);
}

Outcome<void> build_kernel(const Paths& paths, const BuildOptions& options) {
    if (!fs::exists(paths.root / "kernel" / "CMakeLists.txt"))
        return problem("this working tree has no kernel to build (kernel/CMakeLists.txt is missing)");
    const fs::path folder = paths.kernel_build(options.is_debug);
    BuildLock lock(paths.build() / "kernel.lock");
    if (!fs::exists(folder / "build.ninja")) {
        std::vector<std::string> command = {"cmake", "-S", (paths.root / "kernel").string(), "-B", folder.string(), "-G", "Ninja",
                                            "--toolchain", (paths.root / "kernel" / "toolchain.cmake").string()};
        if (options.is_debug) command.push_back("-DGYRE_DEBUG=ON");
        if (auto configured = run_step(paths, "configuring the kernel", command, options); !configured) return configured;
    }
    std::vector<std::string> command = {"ninja", "-C", folder.string()};
    if (options.is_verbose) command.push_back("-v");
    return run_step(paths, options.is_debug ? "building the debug kernel" : "building the kernel", command, options);
}

}  // namespace gyre::cli
