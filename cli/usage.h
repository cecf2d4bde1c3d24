// SPDX-License-Identifier: MIT
//
// The one place where a command line that was not understood becomes a message: what was wrong, what is allowed, what to do.
#pragma once

#include <string>

#include "cli/problem.h"

namespace CLI {
class App;
class ParseError;
}  // namespace CLI

namespace gyre::cli {

// `word` stands where a command of `app` should.
Problem unknown_command(const CLI::App& app, const std::string& word);
Problem usage_problem(const CLI::App& app, const CLI::ParseError& error);

}  // namespace gyre::cli
