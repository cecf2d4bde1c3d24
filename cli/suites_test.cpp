// SPDX-License-Identifier: MIT
#include "cli/suites.h"

#include <gtest/gtest.h>

namespace gyre::cli {
namespace {

Outcome<std::vector<Suite>> parse(std::string_view text) { return parse_suites(text, "x.json"); }

TEST(Suites, ReadsAllFields) {
    auto suites = parse(R"([{"name": "files", "group": "twin", "command": ["./a", "b"], "timeout_s": 7,
                             "default": false, "needs": ["kernel"]}])");
    ASSERT_TRUE(suites);
    ASSERT_EQ(suites->size(), 1u);
    const Suite& suite = suites->front();
    EXPECT_EQ(suite.name, "files");
    EXPECT_EQ(suite.group, "twin");
    EXPECT_EQ(suite.command, (std::vector<std::string>{"./a", "b"}));
    EXPECT_EQ(suite.timeout.count(), 7);
    EXPECT_FALSE(suite.is_default);
    EXPECT_EQ(suite.needs, std::vector<std::string>{"kernel"});
}

TEST(Suites, RefusesWhatItDoesNotUnderstand) {
    EXPECT_FALSE(parse("{"));
    EXPECT_FALSE(parse("{}"));
    EXPECT_FALSE(parse("[1]"));
    EXPECT_FALSE(parse(R"([{"name": "a", "group": "unit"}])"));
    EXPECT_FALSE(parse(R"([{"group": "unit", "command": ["x"]}])"));
    EXPECT_FALSE(parse(R"([{"name": "a", "group": "units", "command": ["x"]}])"));
    EXPECT_FALSE(parse(R"([{"name": "a", "group": "unit", "command": ["x"], "timeout": 3}])"));
    EXPECT_FALSE(parse(R"([{"name": "a", "group": "unit", "command": "x"}])"));
    EXPECT_FALSE(parse(R"([{"name": "a", "group": "unit", "command": ["x"], "timeout_s": 0}])"));
    EXPECT_TRUE(parse("[]"));
}

TEST(Suites, Selection) {
    std::vector<Suite> all = {{.name = "lib_base_test", .group = "unit"},
                              {.name = "twin_files", .group = "twin"},
                              {.name = "twin_long", .group = "twin", .is_default = false},
                              {.name = "module_debug", .group = "module-debug", .is_default = false}};
    EXPECT_EQ(select_suites(all, {}).size(), 2u);
    EXPECT_EQ(select_suites(all, {.include_optional = true}).size(), 4u);
    EXPECT_EQ(select_suites(all, {.groups = {"module-debug"}}).size(), 1u);
    EXPECT_EQ(select_suites(all, {.groups = {"twin"}}).size(), 1u);
    EXPECT_EQ(select_suites(all, {.filters = {"base"}}).size(), 1u);
    EXPECT_EQ(select_suites(all, {.filters = {"nothing"}}).size(), 0u);
    EXPECT_EQ(select_suites(all, {.groups = {"twin"}, .filters = {"twin_*"}, .include_optional = true}).size(), 2u);
}

TEST(Suites, SayWhatNeedsAll) {
    const std::vector<Suite> all{{.name = "base", .group = "unit"}, {.name = "bpf_kernel_cases", .group = "bpf", .is_default = false}};
    EXPECT_EQ(nothing_selected(all, {.filters = {"nothing"}}).what, "no suite matches");
    const Problem hidden = nothing_selected(all, {.filters = {"bpf_kernel_cases"}});
    EXPECT_NE(hidden.what.find("--all: bpf_kernel_cases"), std::string::npos);
    EXPECT_EQ(hidden.hint, "Add --all.");
}

TEST(Suites, Match) {
    EXPECT_TRUE(matches("ile", "files"));
    EXPECT_FALSE(matches("ile*", "files"));
    EXPECT_TRUE(matches("f*s", "files"));
    EXPECT_TRUE(matches("", "files"));
}

}  // namespace
}  // namespace gyre::cli
