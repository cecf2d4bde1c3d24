// SPDX-License-Identifier: MIT
#include "lib/base/result.h"

#include <gtest/gtest.h>

#include <memory>

namespace gyre {
namespace {

Result<int> number(bool is_good) {
    if (!is_good) return fail(Error::NotFound);
    return 7;
}
Status status(bool is_good) {
    if (!is_good) return fail(Error::NoMemory);
    return {};
}
Result<int> doubled(bool is_good) { return 2 * TRY(number(is_good)); }
Status both(bool first, bool second, int& reached) {
    TRY_VOID(status(first));
    reached = 1;
    TRY_VOID(number(second));
    reached = 2;
    return {};
}

TEST(Result, TryHandsOnTheValue) { EXPECT_EQ(doubled(true), 14); }

TEST(Result, TryHandsUpTheError) {
    auto result = doubled(false);
    ASSERT_FALSE(result);
    EXPECT_EQ(result.error(), Error::NotFound);
}

TEST(Result, TryVoidStopsAtTheFirstError) {
    int reached = 0;
    EXPECT_TRUE(both(true, true, reached));
    EXPECT_EQ(reached, 2);
    reached = 0;
    EXPECT_EQ(both(false, true, reached).error(), Error::NoMemory);
    EXPECT_EQ(reached, 0);
    EXPECT_EQ(both(true, false, reached).error(), Error::NotFound);
    EXPECT_EQ(reached, 1);
}

TEST(Result, TryMovesWhatCannotBeCopied) {
    auto make = [](int value) -> Result<std::unique_ptr<int>> { return std::make_unique<int>(value); };
    auto use = [&]() -> Result<int> {
        std::unique_ptr<int> pointer = TRY(make(5));
        return *pointer;
    };
    EXPECT_EQ(use(), 5);
}

}  // namespace
}  // namespace gyre
