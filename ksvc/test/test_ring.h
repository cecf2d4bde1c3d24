// SPDX-License-Identifier: MIT
//
// What the tests of the library share: making one call by a ring and reading its result.
#pragma once

#include <gtest/gtest.h>

#include "ksvc/compositions.h"

namespace ksvc::test {

template <class... Arguments>
Entry make(uint64_t corr_id, uint32_t nr, Arguments... arguments) {
    Entry entry{};
    entry.corr_id = corr_id;
    entry.syscall_nr = nr;
    size_t index = 0;
    const auto put = [&](auto value) {
        if constexpr (std::is_pointer_v<decltype(value)>) {
            entry.args[index++] = reinterpret_cast<uint64_t>(value);
        } else if constexpr (std::is_null_pointer_v<decltype(value)>) {
            entry.args[index++] = 0;
        } else {
            entry.args[index++] = static_cast<uint64_t>(static_cast<int64_t>(value));
        }
    };
    (put(arguments), ...);
    return entry;
}

// Runs one entry to its end; -EXFULL and -EPROTO are the test's own failures.
template <class I>
int64_t run(I& ring, const Entry& entry) {
    if (!ring.submit(entry)) return -EXFULL;
    if (!ring.wait(1, std::chrono::seconds{20})) return -EPROTO;
    const Completion completion = *ring.peek();
    ring.advance(1);
    EXPECT_EQ(completion.corr_id, entry.corr_id);
    return completion.result;
}

template <class I, class... Arguments>
int64_t call(I& ring, uint32_t nr, Arguments... arguments) {
    return run(ring, make(7, nr, arguments...));
}

}  // namespace ksvc::test
