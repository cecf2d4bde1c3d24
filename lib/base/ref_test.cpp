// SPDX-License-Identifier: MIT
#include "lib/base/ref.h"

#include <gtest/gtest.h>

#include <thread>
#include <vector>

namespace gyre {
namespace {

struct Thing : RefCounted {
    explicit Thing(int& deaths) : deaths(deaths) {}
    virtual ~Thing() { deaths++; }
    int& deaths;
};
struct SpecialThing : Thing {
    using Thing::Thing;
};
// Retires itself instead of dying with its last reference.
struct RetiringThing : RefCounted {
    void last_reference_gone() { is_retired = true; }
    bool is_retired = false;
};

TEST(Ref, TheLastReferenceDeletes) {
    int deaths = 0;
    {
        Ref<Thing> a = make_ref<Thing>(deaths).value();
        EXPECT_EQ(a->reference_count(), 1u);
        Ref<Thing> b = a;
        EXPECT_EQ(a->reference_count(), 2u);
        EXPECT_TRUE(a == b);
        a.reset();
        EXPECT_FALSE(a);
        EXPECT_EQ(deaths, 0);
    }
    EXPECT_EQ(deaths, 1);
}

TEST(Ref, MovesDoNotCount) {
    int deaths = 0;
    Ref<Thing> a = make_ref<Thing>(deaths).value();
    Ref<Thing> b = std::move(a);
    EXPECT_FALSE(a);
    EXPECT_EQ(b->reference_count(), 1u);
    Ref<Thing>& self = b;
    b = self;
    EXPECT_EQ(b->reference_count(), 1u);
    b = nullptr;
    EXPECT_EQ(deaths, 1);
}

TEST(Ref, ConvertsToTheBase) {
    int deaths = 0;
    {
        Ref<SpecialThing> special = make_ref<SpecialThing>(deaths).value();
        Ref<Thing> shared = special;
        EXPECT_EQ(shared->reference_count(), 2u);
        Ref<Thing> moved = std::move(special);
        EXPECT_EQ(moved->reference_count(), 2u);
        EXPECT_FALSE(special);
    }
    EXPECT_EQ(deaths, 1);
}

TEST(Ref, LeakAndAdoptBalance) {
    int deaths = 0;
    Thing* raw = make_ref<Thing>(deaths).value().leak();
    EXPECT_EQ(deaths, 0);
    Ref<Thing>::adopt(raw).reset();
    EXPECT_EQ(deaths, 1);
}

TEST(Ref, TryFromSparesTheDying) {
    RetiringThing thing;
    Ref<RetiringThing> owner = Ref<RetiringThing>::adopt(&thing);
    EXPECT_TRUE(Ref<RetiringThing>::try_from(&thing));
    owner.reset();
    EXPECT_TRUE(thing.is_retired);
    EXPECT_FALSE(Ref<RetiringThing>::try_from(&thing));
    EXPECT_FALSE(Ref<RetiringThing>::try_from(nullptr));
}

TEST(Ref, ManyThreadsOneDeath) {
    int deaths = 0;
    Ref<Thing> shared = make_ref<Thing>(deaths).value();
    std::vector<std::thread> threads;
    for (int i = 0; i < 4; i++)
        threads.emplace_back([copy = shared] {
            for (int round = 0; round < 20000; round++) Ref<Thing> another = copy;
        });
    for (std::thread& thread : threads) thread.join();
    threads.clear();
    EXPECT_EQ(shared->reference_count(), 1u);
    shared.reset();
    EXPECT_EQ(deaths, 1);
}

}  // namespace
}  // namespace gyre
