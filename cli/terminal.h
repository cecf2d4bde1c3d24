// SPDX-License-Identifier: MIT
//
// The user's terminal while a machine has it: raw, so that Ctrl-C and its like go to the guest, and as
// it was before as soon as this object goes.
#pragma once

#include <termios.h>

#include <optional>
#include <string>
#include <string_view>

namespace gyre::cli {

class RawTerminal {
public:
    RawTerminal() = default;
    ~RawTerminal() { restore(); }
    RawTerminal(const RawTerminal&) = delete;
    RawTerminal& operator=(const RawTerminal&) = delete;

    void enter();    // does nothing when standard input is no terminal
    // In haste: without waiting until the terminal has taken all output.
    void restore(bool is_in_haste = false);

private:
    std::optional<termios> original_;
};

struct WindowSize {
    unsigned rows, columns;
};
std::optional<WindowSize> terminal_size();

// Takes the escape out of what the user types: Ctrl-] q ends the machine, Ctrl-] Ctrl-] is one Ctrl-].
class EscapeFilter {
public:
    // Appends to `output` what is for the machine; true when the user wants to end it.
    bool filter(std::string_view typed, std::string& output);

private:
    bool is_escaped_ = false;
};

}  // namespace gyre::cli
