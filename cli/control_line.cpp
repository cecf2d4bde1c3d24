// SPDX-License-Identifier: MIT
#include "cli/control_line.h"

#include <cerrno>
#include <charconv>

#include "cli/problem.h"

namespace gyre::cli {
namespace {

constexpr std::string_view kConsolePrefix = "gyre-control: ";

std::optional<int> number_after(std::string_view line, std::string_view word) {
    if (!line.starts_with(word) || line.size() < word.size() + 2 || line[word.size()] != ' ') return std::nullopt;
    line.remove_prefix(word.size() + 1);
    int number = 0;
    auto [end, error] = std::from_chars(line.data(), line.data() + line.size(), number);
    if (error != std::errc() || end != line.data() + line.size() || number < 0) return std::nullopt;
    return number;
}

}  // namespace

std::optional<ControlEvent> parse_control_line(std::string_view line) {
    using Kind = ControlEvent::Kind;
    while (line.ends_with('\r')) line.remove_suffix(1);
    if (line == "ready") return ControlEvent{Kind::Ready};
    if (line == "halt") return ControlEvent{Kind::Halt};
    if (line == "pong") return ControlEvent{Kind::Pong};
    if (auto number = number_after(line, "exit"); number && *number < 256) return ControlEvent{Kind::Exit, *number};
    if (auto number = number_after(line, "signal"); number && *number < 128) return ControlEvent{Kind::Signal, *number};
    if (auto number = number_after(line, "exec-failed")) return ControlEvent{Kind::ExecFailed, *number};
    return std::nullopt;
}

std::optional<ControlEvent> parse_console_control_line(std::string_view line) {
    if (!line.starts_with(kConsolePrefix)) return std::nullopt;
    return parse_control_line(line.substr(kConsolePrefix.size()));
}

int exit_status_of(const ControlEvent& event) {
    switch (event.kind) {
        case ControlEvent::Kind::Exit: return event.number;
        case ControlEvent::Kind::Signal: return 128 + event.number;
        case ControlEvent::Kind::ExecFailed: return event.number == ENOENT ? 127 : 126;
        case ControlEvent::Kind::Halt: return 0;
        case ControlEvent::Kind::Ready:
        case ControlEvent::Kind::Pong: break;
    }
    return kOwnFailure;
}

std::optional<std::string> panic_reason(std::string_view line) {
    constexpr std::string_view kMark = "Kernel panic - not syncing: ";
    size_t place = line.find(kMark);
    if (place == std::string_view::npos || line.find("---[ end") != std::string_view::npos) return std::nullopt;
    return std::string(line.substr(place + kMark.size()));
}

}  // namespace gyre::cli
