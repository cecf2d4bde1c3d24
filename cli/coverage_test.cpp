// SPDX-License-Identifier: MIT
#include "cli/coverage.h"

#include <gtest/gtest.h>

namespace gyre::cli {
namespace {

constexpr std::string_view kLog =
    "execve(\"/bin/ls\", [\"ls\"], 0x7ffc /* 20 vars */) = 0\n"
    "[pid  123] openat(AT_FDCWD, \"x (1) = 2\", O_RDONLY|O_CLOEXEC) = 3\n"
    "77 12:30:01.5 futex(0x1, FUTEX_LOCK_PI_PRIVATE, NULL <unfinished ...>\n"
    "77 <... futex resumed>) = 0\n"
    "--- SIGCHLD {si_signo=SIGCHLD} ---\n"
    "futex(0x1, FUTEX_LOCK_PI, NULL) = 0\n"
    "socket(AF_INET, SOCK_STREAM, 0) = 3\n"
    "socket(AF_INET, SOCK_STREAM, 0) = 3\n"
    "newcall(1) = -1 ENOSYS\n"
    "+++ exited with 0 +++\n";

std::vector<abi::Call> table() {
    std::vector<abi::Call> calls(4);
    calls[0].name = "execve";
    calls[0].coverage = abi::Coverage::Full;
    calls[1].name = "openat";
    calls[1].coverage = abi::Coverage::Partial;
    calls[1].missing = {"O_TMPFILE"};
    calls[2].name = "futex";
    calls[2].coverage = abi::Coverage::Partial;
    calls[2].missing = {"FUTEX_LOCK_PI, FUTEX_UNLOCK_PI and waiting for them"};
    calls[3].name = "socket";
    calls[3].coverage = abi::Coverage::Absent;
    return calls;
}

TEST(Coverage, ReadsTraces) {
    auto calls = parse_trace(kLog);
    ASSERT_EQ(calls.size(), 7u);
    EXPECT_EQ(calls[0].name, "execve");
    EXPECT_EQ(calls[1].name, "openat");
    EXPECT_EQ(calls[1].arguments, "AT_FDCWD, \"x (1) = 2\", O_RDONLY|O_CLOEXEC");
    EXPECT_EQ(calls[2].arguments, "0x1, FUTEX_LOCK_PI_PRIVATE, NULL");
}

TEST(Coverage, FindsWhatIsMissing) {
    auto findings = compare_trace(parse_trace(kLog), table());
    ASSERT_EQ(findings.size(), 3u);
    EXPECT_EQ(findings[0].name, "socket");
    EXPECT_EQ(findings[0].count, 2u);
    EXPECT_EQ(findings[1].name, "futex");
    EXPECT_EQ(findings[1].detail, "FUTEX_LOCK_PI");
    EXPECT_EQ(findings[1].count, 2u);
    EXPECT_EQ(findings[2].kind, Finding::Kind::Unknown);
}

// strace writes FUTEX_PRIVATE_FLAG as a part of the operation's name.
TEST(Coverage, KnowsAPrivateFutexOperation) {
    auto findings = compare_trace(parse_trace("futex(0x7f, FUTEX_LOCK_PI_PRIVATE, 0, NULL) = 0\n"
                                              "futex(0x7f, FUTEX_LOCK_PI2_PRIVATE, 1) = 0\n"
                                              "futex(0x7f, FUTEX_WAKE_PRIVATE, 1) = 0\n"),
                                  table());
    ASSERT_EQ(findings.size(), 1u);
    EXPECT_EQ(findings[0].count, 1u);
    EXPECT_EQ(findings[0].detail, "FUTEX_LOCK_PI");
}

}  // namespace
}  // namespace gyre::cli
