// SPDX-License-Identifier: MIT
#include "lib/base/format.h"

#include <gtest/gtest.h>

#include <string>

namespace gyre {
namespace {

template <class... Arguments>
std::string text(std::string_view format, const Arguments&... arguments) {
    char buffer[128];
    return {buffer, gyre::format_to(buffer, format, arguments...)};
}

TEST(Format, PutsArgumentsInOrder) {
    EXPECT_EQ(text("{} and {}", 1, "two"), "1 and two");
    EXPECT_EQ(text("{}{}{}", 'a', true, std::string_view("bc")), "atruebc");
}
TEST(Format, Numbers) {
    EXPECT_EQ(text("{}", INT64_MIN), "-9223372036854775808");
    EXPECT_EQ(text("{}", UINT64_MAX), "18446744073709551615");
    EXPECT_EQ(text("{x}", 255u), "ff");
    EXPECT_EQ(text("{x}", -1), "ffffffffffffffff");
    EXPECT_EQ(text("{}", 0), "0");
}
TEST(Format, Widths) {
    EXPECT_EQ(text("[{5}]", 42), "[   42]");
    EXPECT_EQ(text("[{06}]", 42), "[000042]");
    EXPECT_EQ(text("[{016x}]", 0xabcu), "[0000000000000abc]");
    EXPECT_EQ(text("[{5}]", "ab"), "[ab   ]");
}
TEST(Format, MissingArgumentsAndOddFormats) {
    EXPECT_EQ(text("{} {}", 1), "1 {}");
    EXPECT_EQ(text("a { b", 1), "a { b");
    EXPECT_EQ(text("none"), "none");
    EXPECT_EQ(text("{}", static_cast<const char*>(nullptr)), "(null)");
}
TEST(Format, CutsWhatDoesNotFit) {
    char buffer[4];
    EXPECT_EQ(gyre::format_to(buffer, "{}", 123456), 4u);
    EXPECT_EQ(std::string_view(buffer, 4), "1234");
    EXPECT_EQ(gyre::format_to(std::span<char>(), "abc"), 0u);
}

}  // namespace
}  // namespace gyre
