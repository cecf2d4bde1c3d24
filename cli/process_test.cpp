// SPDX-License-Identifier: MIT
#include "cli/process.h"

#include <gtest/gtest.h>

namespace gyre::cli {
namespace {

using namespace std::chrono_literals;

ProcessRequest shell(const char* script) { return {.command = {"/bin/sh", "-c", script}}; }

TEST(Process, StatusAndLines) {
    std::vector<std::string> lines;
    ProcessRequest request = shell("echo one; printf 'two\\r\\nthree' >&2; exit 7");
    request.on_line = [&](std::string_view line) { lines.emplace_back(line); };
    auto result = run_process(request);
    ASSERT_TRUE(result);
    EXPECT_EQ(result->status, 7);
    EXPECT_FALSE(result->was_signalled);
    EXPECT_EQ(lines, (std::vector<std::string>{"one", "two", "three"}));
}

TEST(Process, Signal) {
    auto result = run_process(shell("kill -SEGV $$"));
    ASSERT_TRUE(result);
    EXPECT_TRUE(result->was_signalled);
    EXPECT_EQ(result->status, 128 + 11);
}

TEST(Process, TimeoutKillsTheGroup) {
    ProcessRequest request = shell("trap '' TERM; sleep 60 & sleep 60");
    request.timeout = 200ms;
    auto result = run_process(request);
    ASSERT_TRUE(result);
    EXPECT_TRUE(result->timed_out);
    EXPECT_TRUE(result->was_signalled);
    EXPECT_LT(result->duration, 20s);
}

TEST(Process, LeftoversDoNotHoldItUp) {
    auto result = run_process(shell("sleep 60 & exit 3"));
    ASSERT_TRUE(result);
    EXPECT_EQ(result->status, 3);
    EXPECT_LT(result->duration, 20s);
}

TEST(Process, EnvironmentDirectoryAndInput) {
    std::string line;
    ProcessRequest request = shell("cat; echo $GYRE_X $(pwd)");
    request.environment = {{"GYRE_X", "y"}};
    request.directory = "/";
    request.on_line = [&](std::string_view text) { line = text; };
    ASSERT_TRUE(run_process(request));
    EXPECT_EQ(line, "y /");
}

TEST(Process, NoSuchProgram) {
    EXPECT_FALSE(run_process({.command = {"/no/such/program"}}));
    EXPECT_FALSE(run_process({}));
}

}  // namespace
}  // namespace gyre::cli
