// SPDX-License-Identifier: MIT
//
// Runs suites, several at a time, and says how it went.
#pragma once

#include <string>
#include <vector>

#include "cli/paths.h"
#include "cli/suites.h"
#include "cli/test_output.h"

namespace gyre::cli {

struct SuiteReport {
    Suite suite;
    TestOutput output;
    double seconds = 0;
    std::filesystem::path log;
};

struct RunnerOptions {
    unsigned jobs = 2;
    bool is_verbose = false;  // every case, not only the failed and skipped ones
    bool is_quiet = false;    // nothing on standard output (for --json)
    std::string case_filter;  // handed to the suites as GYRE_TEST_FILTER and GTEST_FILTER
};

std::vector<SuiteReport> run_suites(const Paths& paths, const std::vector<Suite>& suites, const RunnerOptions& options);

}  // namespace gyre::cli
