// SPDX-License-Identifier: MIT
//
// Runs a program of the host to its end: output line by line to whoever asks, a deadline, and nothing
// left behind (the program gets a process group of its own, which is killed with it).
#pragma once

#include <chrono>
#include <filesystem>
#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "cli/problem.h"

namespace gyre::cli {

struct ProcessRequest {
    std::vector<std::string> command;
    std::map<std::string, std::string> environment;  // added to this process's own
    std::filesystem::path directory;                 // where it runs; empty: here
    std::chrono::milliseconds timeout{0};            // 0: none
    std::function<void(std::string_view)> on_line;   // stdout and stderr together, without the line's end
    std::function<bool()> has_said_enough;           // asked after output; true: the program is ended
};

struct ProcessResult {
    int status = 0;        // exit status, 128 + signal when killed
    bool timed_out = false;
    bool was_signalled = false;
    std::chrono::milliseconds duration{0};
};

// A problem only when the program could not be started. Standard input is /dev/null.
Outcome<ProcessResult> run_process(const ProcessRequest& request);

// From here on SIGINT, SIGTERM and SIGHUP do not kill this process, but end the programs that it runs: each
// run_process returns, and was_interrupted says why.
void end_programs_on_interrupt();
bool was_interrupted();
int interrupting_signal();  // 0: none

}  // namespace gyre::cli
