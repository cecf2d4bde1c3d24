// SPDX-License-Identifier: MIT
#include "cli/progress.h"

#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <utility>

namespace gyre::cli {
namespace {

constexpr std::chrono::seconds kSilence{2};
constexpr std::chrono::seconds kLineEvery{15};

size_t terminal_width() {
    winsize size{};
    if (ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 20) return size.ws_col;
    return 80;
}

}  // namespace

Progress::Progress(std::string title, Where where)
    : title_(std::move(title)), where_(where), is_terminal_(isatty(STDERR_FILENO)) {}

void Progress::update(std::string_view detail) {
    std::lock_guard hold(lock_);
    auto now = Clock::now();
    if (now - begun_ < kSilence) return;
    std::string line = title_;
    if (!detail.empty()) line.append(": ").append(detail);
    if (is_terminal_) {
        line.resize(std::min(line.size(), terminal_width() - 7));
        if (is_shown_ && line == shown_) return;
        shown_ = line;
        std::fprintf(stderr, "\r\033[Kgyre: %s", line.c_str());
        std::fflush(stderr);
        is_shown_ = true;
    } else if (where_ == Where::Anywhere && now - last_line_ >= kLineEvery) {
        std::fprintf(stderr, "gyre: %s\n", line.c_str());
        last_line_ = now;
    }
}

void Progress::clear() {
    std::lock_guard hold(lock_);
    if (is_shown_) std::fputs("\r\033[K", stderr);
    is_shown_ = false;
}

}  // namespace gyre::cli
