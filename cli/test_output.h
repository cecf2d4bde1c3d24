// SPDX-License-Identifier: MIT
//
// Understands what a test suite prints, line by line: TAP version 13 (also the TAP 14 plan forms) or
// GoogleTest's plain output. Which one it is shows itself. Pure: knows no processes and no files.
// Leaves out: TAP subtests (indented lines are taken as comment).
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace gyre::cli {

enum class CaseStatus { Passed, Failed, Skipped };

struct CaseResult {
    std::string name;
    CaseStatus status = CaseStatus::Passed;
    std::string reason;  // for Failed and Skipped
};

class TestOutput {
public:
    void add_line(std::string_view line);

    // To be called once the suite's process is gone: turns what is wrong with the output as a whole
    // (no plan, fewer results than planned, a case begun but not ended) into failed cases.
    // `ending` says how the process ended when that was no orderly end: "killed by signal 11", or empty.
    void finish(std::string_view ending);

    const std::vector<CaseResult>& cases() const { return cases_; }
    size_t count(CaseStatus status) const;
    // The case that has begun and not ended, or the last that ended: what the progress line shows.
    std::string_view current() const { return current_; }

private:
    void add_tap(std::string_view line);
    void add_google(std::string_view line);
    bool add_tap_result(std::string_view line);
    void fail(std::string name, std::string reason);
    void remember(std::string_view line);

    enum class Format { Unknown, Tap, Google } format_ = Format::Unknown;
    std::vector<CaseResult> cases_;
    std::optional<size_t> plan_;
    std::optional<std::string> open_case_;  // GoogleTest: between RUN and OK; TAP: after "# start N name"
    bool google_is_complete_ = false;
    bool bailed_out_ = false;
    std::string bail_reason_;
    std::string current_;
    std::vector<std::string> recent_;  // last lines, for the reason of a failure
};

}  // namespace gyre::cli
