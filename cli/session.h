// SPDX-License-Identifier: MIT
//
// One machine from its start to its end: starts QEMU, carries bytes between the user and the guest,
// listens to process 1, and decides how it ended.
#pragma once

#include <chrono>
#include <filesystem>
#include <optional>
#include <string>

#include "cli/machine.h"
#include "cli/problem.h"

namespace gyre::cli {

struct SessionRequest {
    MachineRequest machine;              // its channels are filled in here
    bool is_interactive = false;         // the console is the user's terminal; otherwise program mode
    bool shows_console = false;          // program mode: the console's output goes to standard error, too
    std::string program_name;            // for messages
    std::filesystem::path log;           // the console's output; kept when the machine fails
    std::chrono::seconds boot_timeout{120};
    std::chrono::seconds hang_timeout{120};   // without an answer; a guest that is busy on a busy host may take its time
    std::chrono::seconds timeout{0};     // of the whole session; 0: none
};

// The exit status of `gyre run`. A problem when the machine could not be started or failed (125).
Outcome<int> run_session(const SessionRequest& request);

}  // namespace gyre::cli
