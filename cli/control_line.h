// SPDX-License-Identifier: MIT
//
// What process 1 of the machine (user/init) tells over the port gyre.control, and how a run ends.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace gyre::cli {

struct ControlEvent {
    enum class Kind { Ready, Exit, Signal, ExecFailed, Halt, Pong } kind;
    int number = 0;  // exit status, signal or errno
};

std::optional<ControlEvent> parse_control_line(std::string_view line);

// The line that init writes on the console when there is no port; empty when it is none.
std::optional<ControlEvent> parse_console_control_line(std::string_view line);

// The status of `gyre run` for an event that ends the program: 126 and 127 as a shell has them.
int exit_status_of(const ControlEvent& event);

// What the first line of a kernel panic says was the reason; nothing when it is another line.
std::optional<std::string> panic_reason(std::string_view line);

}  // namespace gyre::cli
