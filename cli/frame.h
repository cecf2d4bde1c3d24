// SPDX-License-Identifier: MIT
//
// What the tool and its parts have in common: the way from the words of a command line to the command that was called.
#pragma once

#include <span>

#include "cli/commands.h"
#include "cli/parts.h"

namespace gyre::cli {

// A part that is called with this word alone prints what `gyre --help-all` says of it.
inline constexpr const char* kExpandedHelp = "--expanded-help";

using AddCommand = void (*)(Program& program);

// Reads the arguments, calls the command, returns its status. Where `part` is null this is the tool itself.
int run_frame(int argc, char** argv, std::span<const AddCommand> commands, const Part* part = nullptr);

}  // namespace gyre::cli
