// SPDX-License-Identifier: MIT
//
// What the command-line tool says when something cannot be done: what went wrong, and what helps.
#pragma once

#include <expected>
#include <string>
#include <utility>

namespace gyre::cli {

// The exit status for "the machine or this tool failed, not the program", as Docker has it.
constexpr int kOwnFailure = 125;
// The exit status for "that is no command line of gyre", as of most programs.
constexpr int kWrongUsage = 2;
// The exit status for "its time is over", as timeout(1) has it.
constexpr int kTimedOut = 124;
// "The program is there, but cannot be run."
constexpr int kCannotRun = 126;

struct Problem {
    std::string what;  // one sentence, without a full stop at the end
    std::string hint;  // what the user can do about it; may be empty
    int status = kOwnFailure;
};

template <class T>
using Outcome = std::expected<T, Problem>;

inline std::unexpected<Problem> problem(std::string what, std::string hint = {}, int status = kOwnFailure) {
    return std::unexpected(Problem{std::move(what), std::move(hint), status});
}

// Prints `gyre: error: ...` and returns the problem's exit status.
int report(const Problem& problem);

}  // namespace gyre::cli
