// SPDX-License-Identifier: MIT
#include "cli/test_runner.h"

#include <atomic>
#include <condition_variable>
#include <cstdio>
#include <fstream>
#include <map>
#include <mutex>
#include <thread>

#include "cli/process.h"
#include "cli/progress.h"

namespace gyre::cli {
namespace {

class Runner {
public:
    Runner(const Paths& paths, const std::vector<Suite>& suites, const RunnerOptions& options)
        : paths_(paths), suites_(suites), options_(options), progress_("testing") {}

    std::vector<SuiteReport> run() {
        reports_.resize(suites_.size());
        std::vector<std::thread> workers;
        for (unsigned i = 0; i < std::max(1u, options_.jobs); i++) workers.emplace_back([this] { work(); });
        {
            std::unique_lock hold(lock_);
            while (!done_.wait_for(hold, std::chrono::milliseconds(250), [&] { return finished_ == suites_.size(); })) {
                if (was_interrupted()) break;
                show_progress_locked();
            }
        }
        for (std::thread& worker : workers) worker.join();
        progress_.clear();
        if (was_interrupted()) std::fprintf(stderr, "gyre: interrupted\n");
        return std::move(reports_);
    }

private:
    void work() {
        for (;;) {
            size_t index = next_.fetch_add(1);
            if (index >= suites_.size()) return;
            SuiteReport report = run_one(suites_[index]);
            std::lock_guard hold(lock_);
            running_.erase(suites_[index].name);
            finished_++;
            print_locked(report);
            reports_[index] = std::move(report);
            done_.notify_all();
        }
    }

    SuiteReport run_one(const Suite& suite) {
        SuiteReport report{.suite = suite};
        if (was_interrupted()) {
            report.output.finish("was not run: interrupted");
            return report;
        }
        std::error_code ignored;
        std::filesystem::create_directories(paths_.logs() / "test", ignored);
        report.log = paths_.logs() / "test" / (suite.name + ".log");
        std::ofstream log(report.log);
        ProcessRequest request;
        request.command = suite.command;
        request.directory = paths_.root;
        request.timeout = suite.timeout;
        request.environment = {{"GYRE", paths_.tool().string()},
                               {"GYRE_BUILD", paths_.build().string()},
                               {"GYRE_ROOT", paths_.root.string()}};
        if (!options_.case_filter.empty()) {
            request.environment["GYRE_TEST_FILTER"] = options_.case_filter;
            request.environment["GTEST_FILTER"] = "*" + options_.case_filter + "*";
        }
        request.on_line = [&](std::string_view line) {
            log << line << '\n' << std::flush;
            std::lock_guard hold(lock_);
            report.output.add_line(line);
            running_[suite.name] = report.output.current();
        };
        auto result = run_process(request);
        std::string ending;
        if (!result) {
            ending = "did not start: " + result.error().what;
        } else {
            report.seconds = static_cast<double>(result->duration.count()) / 1000;
            if (result->timed_out) ending = "ran out of time (" + std::to_string(suite.timeout.count()) + " s) and was killed";
            else if (result->was_signalled) ending = "was killed by signal " + std::to_string(result->status - 128);
            else if (result->status != 0 && report.output.count(CaseStatus::Failed) == 0)
                ending = "left with status " + std::to_string(result->status);
        }
        report.output.finish(ending);
        return report;
    }

    void print_locked(const SuiteReport& report) {
        if (options_.is_quiet) return;
        progress_.clear();
        const TestOutput& output = report.output;
        size_t failed = output.count(CaseStatus::Failed), skipped = output.count(CaseStatus::Skipped);
        std::printf("%s %s/%s: %zu passed", failed ? "FAIL" : "ok  ", report.suite.group.c_str(),
                    report.suite.name.c_str(), output.count(CaseStatus::Passed));
        if (failed) std::printf(", %zu failed", failed);
        if (skipped) std::printf(", %zu skipped", skipped);
        std::printf(" (%.1f s)\n", report.seconds);
        for (const CaseResult& result : output.cases()) {
            if (result.status == CaseStatus::Passed) {
                if (options_.is_verbose) std::printf("     ok %s\n", result.name.c_str());
                continue;
            }
            std::printf("     %s %s\n", result.status == CaseStatus::Failed ? "FAILED" : "skipped", result.name.c_str());
            print_indented(result.reason);
        }
        if (failed && !report.log.empty()) std::printf("     log: %s\n", report.log.c_str());
        std::fflush(stdout);
    }

    static void print_indented(const std::string& text) {
        for (size_t begin = 0; begin < text.size();) {
            size_t end = std::min(text.find('\n', begin), text.size());
            std::printf("         %s\n", text.substr(begin, end - begin).c_str());
            begin = end + 1;
        }
    }

    void show_progress_locked() {
        std::string line = std::to_string(finished_) + " of " + std::to_string(suites_.size()) + " suites";
        const char* separator = ", running ";
        for (const auto& [name, current] : running_) {
            line += separator + name + (current.empty() ? "" : " (" + current + ")");
            separator = ", ";
        }
        progress_.update(line);
    }

    const Paths& paths_;
    const std::vector<Suite>& suites_;
    const RunnerOptions& options_;
    Progress progress_;
    std::atomic<size_t> next_{0};
    std::mutex lock_;
    std::condition_variable done_;
    size_t finished_ = 0;
    std::map<std::string, std::string> running_;
    std::vector<SuiteReport> reports_;
};

}  // namespace

std::vector<SuiteReport> run_suites(const Paths& paths, const std::vector<Suite>& suites, const RunnerOptions& options) {
    return Runner(paths, suites, options).run();
}

}  // namespace gyre::cli
