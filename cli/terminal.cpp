// SPDX-License-Identifier: MIT
#include "cli/terminal.h"

#include <sys/ioctl.h>
#include <unistd.h>

namespace gyre::cli {
namespace {

constexpr char kEscape = 0x1d;  // Ctrl-]

}  // namespace

void RawTerminal::enter() {
    termios settings;
    if (tcgetattr(STDIN_FILENO, &settings) == -1) return;
    original_ = settings;
    cfmakeraw(&settings);
    tcsetattr(STDIN_FILENO, TCSADRAIN, &settings);
}

void RawTerminal::restore(bool is_in_haste) {
    if (original_) tcsetattr(STDIN_FILENO, is_in_haste ? TCSANOW : TCSADRAIN, &*original_);
    original_.reset();
}

std::optional<WindowSize> terminal_size() {
    winsize size{};
    if (ioctl(STDIN_FILENO, TIOCGWINSZ, &size) == -1 || size.ws_row == 0 || size.ws_col == 0) return std::nullopt;
    return WindowSize{size.ws_row, size.ws_col};
}

bool EscapeFilter::filter(std::string_view typed, std::string& output) {
    for (char c : typed) {
        if (!is_escaped_ && c == kEscape) {
            is_escaped_ = true;
            continue;
        }
        if (is_escaped_) {
            is_escaped_ = false;
            if (c == 'q' || c == 'Q') return true;
            if (c != kEscape) output += kEscape;
        }
        output += c;
    }
    return false;
}

}  // namespace gyre::cli
