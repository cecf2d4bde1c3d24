// SPDX-License-Identifier: MIT
#include "lib/base/vector.h"

#include <gtest/gtest.h>

#include <memory>

namespace gyre {
namespace {

TEST(Vector, GrowsAndKeepsWhatItHolds) {
    Vector<std::unique_ptr<int>> v;
    for (int i = 0; i < 100; ++i) ASSERT_TRUE(v.try_push_back(std::make_unique<int>(i)));
    ASSERT_EQ(v.size(), 100u);
    for (int i = 0; i < 100; ++i) EXPECT_EQ(*v[static_cast<size_t>(i)], i);
}
TEST(Vector, ResizeMakesAndDestroys) {
    Vector<std::shared_ptr<int>> v;
    auto one = std::make_shared<int>(1);
    ASSERT_TRUE(v.try_resize(3));
    v[0] = v[1] = v[2] = one;
    EXPECT_EQ(one.use_count(), 4);
    ASSERT_TRUE(v.try_resize(1));
    EXPECT_EQ(one.use_count(), 2);
    v.clear();
    EXPECT_EQ(one.use_count(), 1);
}
TEST(Vector, SwapRemove) {
    Vector<int> v;
    for (int i : {1, 2, 3, 4}) ASSERT_TRUE(v.try_push_back(i));
    v.swap_remove(1);
    EXPECT_EQ(v.size(), 3u);
    EXPECT_EQ(v[1], 4);
    v.swap_remove(2);
    EXPECT_EQ(v.back(), 4);
}
TEST(Vector, MoveLeavesNothing) {
    Vector<int> a;
    ASSERT_TRUE(a.try_push_back(7));
    Vector<int> b = std::move(a);
    EXPECT_TRUE(a.empty());
    EXPECT_EQ(b[0], 7);
}
TEST(Vector, RefusesWhatCannotBe) {
    Vector<int> v;
    auto result = v.try_reserve(SIZE_MAX / 2);
    ASSERT_FALSE(result);
    EXPECT_EQ(result.error(), Error::NoMemory);
    EXPECT_TRUE(v.try_push_back(1));
}

}  // namespace
}  // namespace gyre
