// SPDX-License-Identifier: MIT
//
// Tests that run inside the booted kernel (`gyre.test=1`): x_test.cpp files beside what they test, part of debug builds only.
//
//     KERNEL_TEST(page_allocator_returns_what_it_took) {
//         Page* page = TEST_TRY(page_allocator::allocate(PageUse::Kernel));
//         EXPECT(page->order == 0);
//     }
//
// A test runs in a kernel thread; EXPECT notes a failure and goes on, REQUIRE ends the test.
#pragma once

#include "lib/base/format.h"

namespace gyre::kernel_test {

struct Test {
    const char* name;
    void (*run)();
};
// Notes a failure of the running test.
void fail(const char* expression, const char* file, int line);
// Runs all, prints TAP on the console; true when none failed.
bool run_all();

}  // namespace gyre::kernel_test

#define KERNEL_TEST(name)                                                                        \
    static void kernel_test_##name();                                                            \
    [[gnu::used, gnu::section("kernel_tests")]] static const ::gyre::kernel_test::Test kernel_test_entry_##name{#name, \
                                                                                                 &kernel_test_##name}; \
    static void kernel_test_##name()
#define EXPECT(expression) \
    ((expression) ? void() : ::gyre::kernel_test::fail(#expression, __FILE__, __LINE__))
#define REQUIRE(expression)                                                  \
    do {                                                                     \
        if (!(expression)) {                                                 \
            ::gyre::kernel_test::fail(#expression, __FILE__, __LINE__);      \
            return;                                                          \
        }                                                                    \
    } while (0)
// The value of a Result, or the end of the test.
#define TEST_TRY(expression)                                                 \
    ({                                                                       \
        auto&& test_result = (expression);                                   \
        if (!test_result) {                                                  \
            ::gyre::kernel_test::fail(#expression, __FILE__, __LINE__);      \
            return;                                                          \
        }                                                                    \
        std::move(*test_result);                                             \
    })
