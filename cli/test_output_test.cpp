// SPDX-License-Identifier: MIT
#include "cli/test_output.h"

#include <gtest/gtest.h>

#include <initializer_list>

namespace gyre::cli {
namespace {

TestOutput parse(std::initializer_list<const char*> lines, std::string_view ending = {}) {
    TestOutput output;
    for (const char* line : lines) output.add_line(line);
    output.finish(ending);
    return output;
}

void expect_counts(const TestOutput& output, size_t passed, size_t failed, size_t skipped) {
    EXPECT_EQ(output.count(CaseStatus::Passed), passed);
    EXPECT_EQ(output.count(CaseStatus::Failed), failed);
    EXPECT_EQ(output.count(CaseStatus::Skipped), skipped);
}

TEST(Tap, CountsResults) {
    TestOutput output = parse({"TAP version 13", "1..3", "ok 1 - one", "not ok 2 - two", "# because", "# of this",
                               "ok 3 - three # SKIP no such device"});
    expect_counts(output, 1, 1, 1);
    EXPECT_EQ(output.cases()[1].name, "two");
    EXPECT_EQ(output.cases()[1].reason, "because\nof this");
    EXPECT_EQ(output.cases()[2].name, "three");
    EXPECT_EQ(output.cases()[2].reason, "no such device");
}

TEST(Tap, PlanAtTheEnd) { expect_counts(parse({"ok 1 - a", "ok 2 - b", "1..2"}), 2, 0, 0); }

TEST(Tap, CarriageReturnsOfASerialConsole) { expect_counts(parse({"TAP version 13\r", "1..1\r", "ok 1 - a\r"}), 1, 0, 0); }

TEST(Tap, MissingPlanFails) { expect_counts(parse({"TAP version 13", "ok 1 - a"}), 1, 1, 0); }

TEST(Tap, MissingResultsFail) { expect_counts(parse({"1..3", "ok 1 - a"}), 1, 1, 0); }

TEST(Tap, TooManyResultsFail) { expect_counts(parse({"1..1", "ok 1 - a", "ok 2 - b"}), 2, 1, 0); }

TEST(Tap, EmptyPlanFails) { expect_counts(parse({"1..0"}), 0, 1, 0); }

TEST(Tap, SkippedSuite) {
    TestOutput output = parse({"1..0 # SKIP no such machine"});
    expect_counts(output, 0, 0, 1);
    EXPECT_EQ(output.cases()[0].reason, "no such machine");
}

TEST(Tap, BailOut) {
    TestOutput output = parse({"1..2", "ok 1", "Bail out! no disk"});
    EXPECT_EQ(output.cases()[1].reason, "no disk");
    EXPECT_GE(output.count(CaseStatus::Failed), 1u);
}

TEST(Tap, DeathNamesTheCase) {
    TestOutput output = parse({"1..2", "# start 1 first", "ok 1 - first", "# start 2 second", "a last word"},
                              "was killed by signal 11");
    EXPECT_EQ(output.cases()[1].name, "second");
    EXPECT_NE(output.cases()[1].reason.find("signal 11"), std::string::npos);
    EXPECT_NE(output.cases()[1].reason.find("a last word"), std::string::npos);
    EXPECT_EQ(output.cases()[1].status, CaseStatus::Failed);
}

TEST(Tap, FailedSkipIsAFailure) { expect_counts(parse({"1..1", "not ok 1 - a # SKIP why"}), 0, 1, 0); }

TEST(Tap, HashInANameIsNoDirective) {
    TestOutput output = parse({"1..1", "ok 1 - issue # 12"});
    expect_counts(output, 1, 0, 0);
    EXPECT_EQ(output.cases()[0].name, "issue # 12");
}

TEST(Tap, WordsThatBeginLikeResults) { expect_counts(parse({"1..1", "okay then", "ok 1 - a", "not okay"}), 1, 0, 0); }

TEST(Google, CountsResults) {
    TestOutput output = parse({"Running main() from gmock_main.cc", "[==========] Running 3 tests from 1 test suite.",
                               "[ RUN      ] A.One", "[       OK ] A.One (0 ms)", "[ RUN      ] A.Two",
                               "x.cpp:3: Failure", "[  FAILED  ] A.Two (1 ms)", "[ RUN      ] A.Three",
                               "[  SKIPPED ] A.Three (0 ms)", "[==========] 3 tests from 1 test suite ran. (2 ms total)",
                               "[  PASSED  ] 1 test.", "[  FAILED  ] 1 test, listed below:", "[  FAILED  ] A.Two"});
    expect_counts(output, 1, 1, 1);
    EXPECT_EQ(output.cases()[1].name, "A.Two");
    EXPECT_EQ(output.cases()[1].reason, "x.cpp:3: Failure");
}

TEST(Google, DeathInACase) {
    TestOutput output = parse({"[==========] Running 2 tests from 1 test suite.", "[ RUN      ] A.One",
                               "ERROR: AddressSanitizer"}, "left with status 1");
    EXPECT_EQ(output.cases()[0].name, "A.One");
    EXPECT_NE(output.cases()[0].reason.find("AddressSanitizer"), std::string::npos);
    EXPECT_EQ(output.count(CaseStatus::Passed), 0u);
}

TEST(Google, StopsEarly) {
    TestOutput output = parse({"[==========] Running 2 tests from 1 test suite.", "[ RUN      ] A.One",
                               "[       OK ] A.One (0 ms)"});
    EXPECT_EQ(output.count(CaseStatus::Passed), 1u);
    EXPECT_GE(output.count(CaseStatus::Failed), 1u);
}

TEST(Google, NoTestsFail) {
    EXPECT_GE(parse({"[==========] Running 0 tests from 0 test suites.",
                     "[==========] 0 tests from 0 test suites ran. (0 ms total)"})
                  .count(CaseStatus::Failed),
              1u);
}

TEST(AnyFormat, SilenceFails) {
    expect_counts(parse({}), 0, 1, 0);
    expect_counts(parse({"hello"}), 0, 1, 0);
    expect_counts(parse({"hello"}, "ran out of time"), 0, 1, 0);
}

TEST(AnyFormat, BadStatusAfterGoodResultsFails) { expect_counts(parse({"1..1", "ok 1 - a"}, "left with status 3"), 1, 1, 0); }

}  // namespace
}  // namespace gyre::cli
