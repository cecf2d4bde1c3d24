// SPDX-License-Identifier: MIT
//
// What the command-line tool says when something cannot be done: what went wrong, and what helps.
#pragma once

#include <expected>
#include <string>
#include <utility>

namespace gyre::cli {

struct Problem {
    std::string what;  // one sentence, without a full stop at the end
    std::string hint;  // what the user can do about it; may be empty
};

template <class T>
using Outcome = std::expected<T, Problem>;

inline std::unexpected<Problem> problem(std::string what, std::string hint = {}) {
    return std::unexpected(Problem{std::move(what), std::move(hint)});
}

// The exit status for "the machine or this tool failed, not the program", as Docker has it.
constexpr int kOwnFailure = 125;

// Prints `gyre: error: ...` and returns kOwnFailure.
int report(const Problem& problem);

}  // namespace gyre::cli
