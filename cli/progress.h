// SPDX-License-Identifier: MIT
//
// One line on the terminal that says what is going on, from two seconds after the beginning; on a
// standard error that is no terminal, a line every fifteen seconds. Quick things stay silent.
#pragma once

#include <chrono>
#include <mutex>
#include <string>
#include <string_view>

namespace gyre::cli {

class Progress {
public:
    enum class Where { Anywhere, TerminalOnly };
    explicit Progress(std::string title, Where where = Where::Anywhere);
    ~Progress() { clear(); }
    Progress(const Progress&) = delete;
    Progress& operator=(const Progress&) = delete;

    void update(std::string_view detail);
    // Takes the line away (before other output); the next update brings it back.
    void clear();

private:
    using Clock = std::chrono::steady_clock;
    std::mutex lock_;
    std::string title_;
    Where where_;
    bool is_terminal_;
    bool is_shown_ = false;
    std::string shown_;
    Clock::time_point begun_ = Clock::now();
    Clock::time_point last_line_{};
};

}  // namespace gyre::cli
