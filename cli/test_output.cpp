// SPDX-License-Identifier: MIT
#include "cli/test_output.h"

#include <algorithm>
#include <charconv>
#include <utility>

namespace gyre::cli {
namespace {

constexpr size_t kMostReasonLines = 30;

std::string_view trim(std::string_view text) {
    constexpr std::string_view kBlank = " \t\r\n";
    size_t first = text.find_first_not_of(kBlank);
    if (first == std::string_view::npos) return {};
    return text.substr(first, text.find_last_not_of(kBlank) - first + 1);
}

bool take_prefix(std::string_view& text, std::string_view prefix) {
    if (!text.starts_with(prefix)) return false;
    text.remove_prefix(prefix.size());
    return true;
}

std::optional<size_t> take_number(std::string_view& text) {
    size_t value = 0;
    auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (error != std::errc()) return std::nullopt;
    text.remove_prefix(static_cast<size_t>(end - text.data()));
    return value;
}

bool equals_ignoring_case(std::string_view a, std::string_view b) {
    auto lower = [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; };
    return std::ranges::equal(a, b, {}, lower, lower);
}

// "Suite.Case (12 ms)" -> "Suite.Case"
std::string_view google_name(std::string_view text) {
    text = trim(text);
    size_t end = text.rfind(" (");
    if (end != std::string_view::npos && text.ends_with("ms)")) text = text.substr(0, end);
    return text.substr(0, text.find(", where "));
}

}  // namespace

void TestOutput::remember(std::string_view line) {
    if (recent_.size() == kMostReasonLines) recent_.erase(recent_.begin());
    recent_.emplace_back(line);
}

void TestOutput::fail(std::string name, std::string reason) {
    cases_.push_back({std::move(name), CaseStatus::Failed, std::move(reason)});
}

size_t TestOutput::count(CaseStatus status) const {
    return static_cast<size_t>(std::ranges::count(cases_, status, &CaseResult::status));
}

void TestOutput::add_line(std::string_view line) {
    while (line.ends_with('\r')) line.remove_suffix(1);
    if (format_ == Format::Unknown) {
        if (line.starts_with("[==========]")) format_ = Format::Google;
        else if (line.starts_with("TAP version ") || line.starts_with("1..") || line.starts_with("ok ") ||
                 line.starts_with("not ok "))
            format_ = Format::Tap;
    }
    switch (format_) {
        case Format::Google: return add_google(line);
        case Format::Tap: return add_tap(line);
        case Format::Unknown: return remember(line);
    }
}

bool TestOutput::add_tap_result(std::string_view line) {
    bool is_ok = true;
    if (take_prefix(line, "not ok")) is_ok = false;
    else if (!take_prefix(line, "ok")) return false;
    if (!line.empty() && line.front() != ' ') return false;
    line = trim(line);
    size_t number = take_number(line).value_or(cases_.size() + 1);
    line = trim(line);
    if (take_prefix(line, "- ") || line == "-") line = line == "-" ? "" : trim(line);

    CaseResult result;
    std::string_view directive;
    if (size_t hash = line.rfind(" # "); hash != std::string_view::npos) directive = line.substr(hash + 3);
    else if (line.starts_with("# ")) directive = line.substr(2);
    std::string_view word = directive.substr(0, directive.find(' '));
    bool is_skip = equals_ignoring_case(word, "skip") || equals_ignoring_case(word, "skip:");
    if (is_skip) line = trim(line.substr(0, line.size() - directive.size() - 2));
    result.name = line.empty() ? "case " + std::to_string(number) : std::string(line);
    result.status = is_ok ? CaseStatus::Passed : CaseStatus::Failed;
    if (is_skip && is_ok) {
        result.status = CaseStatus::Skipped;
        result.reason = trim(directive.substr(word.size()));
    }
    current_ = result.name;
    open_case_.reset();
    cases_.push_back(std::move(result));
    recent_.clear();
    return true;
}

void TestOutput::add_tap(std::string_view line) {
    if (std::string_view rest = line; take_prefix(rest, "1..")) {
        auto number = take_number(rest);
        rest = trim(rest);
        if (!number || (!rest.empty() && rest.front() != '#')) return fail("plan", "unreadable plan: " + std::string(line));
        if (plan_) return fail("plan", "a second plan: " + std::string(line));
        plan_ = number;
        // "1..0 # SKIP reason": the suite says that it does not apply here.
        if (*number == 0 && take_prefix(rest, "#")) {
            rest = trim(rest);
            if (equals_ignoring_case(rest.substr(0, 4), "skip"))
                cases_.push_back({"whole suite", CaseStatus::Skipped, std::string(trim(rest.substr(4)))});
        }
        return;
    }
    if (std::string_view rest = line; take_prefix(rest, "Bail out!")) {
        bailed_out_ = true;
        bail_reason_ = trim(rest);
        return;
    }
    if (add_tap_result(line)) return;
    if (std::string_view rest = line; take_prefix(rest, "# start ")) {
        if (take_number(rest)) open_case_ = current_ = trim(rest);
        recent_.clear();
        return;
    }
    remember(line);
    // Comments after a failure say why it failed.
    if (std::string_view rest = line; take_prefix(rest, "#") && !cases_.empty() && !open_case_ &&
                                      cases_.back().status == CaseStatus::Failed) {
        std::string& reason = cases_.back().reason;
        if (!reason.empty()) reason += '\n';
        reason += trim(rest);
    }
}

void TestOutput::add_google(std::string_view line) {
    std::string_view rest = line;
    if (take_prefix(rest, "[ RUN      ]")) {
        open_case_ = current_ = trim(rest);
        recent_.clear();
    } else if (take_prefix(rest, "[       OK ]")) {
        cases_.push_back({std::string(google_name(rest)), CaseStatus::Passed, {}});
        open_case_.reset();
    } else if (open_case_ && (take_prefix(rest, "[  SKIPPED ]") || take_prefix(rest, "[  FAILED  ]"))) {
        CaseResult result{std::string(google_name(rest)), CaseStatus::Failed, {}};
        if (line.starts_with("[  SKIPPED ]")) result.status = CaseStatus::Skipped;
        for (const std::string& text : recent_) result.reason += (result.reason.empty() ? "" : "\n") + text;
        cases_.push_back(std::move(result));
        open_case_.reset();
    } else if (take_prefix(rest, "[==========]")) {
        rest = trim(rest);
        if (take_prefix(rest, "Running ")) plan_ = take_number(rest);
        else if (rest.find(" ran.") != std::string_view::npos) google_is_complete_ = true;
    } else {
        remember(line);
    }
}

void TestOutput::finish(std::string_view ending) {
    std::string last_words;
    for (const std::string& text : recent_) last_words += "\n" + text;
    std::string how = ending.empty() ? "ended" : std::string(ending);
    if (bailed_out_) fail("bail out", bail_reason_.empty() ? "the suite gave up" : bail_reason_);
    if (open_case_) {
        fail(*open_case_, "the suite " + how + " in this case" + last_words);
        open_case_.reset();
    } else if (!ending.empty()) {
        fail("end of the suite", "the suite " + how + last_words);
    }
    if (format_ == Format::Unknown) {
        if (ending.empty()) fail("output", "the suite printed neither TAP nor GoogleTest results" + last_words);
        return;
    }
    if (!plan_) return fail("plan", "the suite has no plan");
    if (format_ == Format::Google && !google_is_complete_ && ending.empty())
        fail("end of the suite", "the suite did not reach its end" + last_words);
    if (*plan_ == 0) {
        if (cases_.empty()) fail("plan", "the suite has no cases");
        return;
    }
    size_t results = 0;
    for (const CaseResult& result : cases_) results += result.name != "plan" && result.name != "bail out" && result.name != "end of the suite";
    if (results < *plan_)
        fail("plan", std::to_string(*plan_) + " cases were planned, " + std::to_string(results) + " came");
    if (results > *plan_ && format_ == Format::Tap)
        fail("plan", "only " + std::to_string(*plan_) + " cases were planned, " + std::to_string(results) + " came");
}

}  // namespace gyre::cli
