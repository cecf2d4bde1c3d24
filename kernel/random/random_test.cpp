// SPDX-License-Identifier: MIT
//
// The block function against RFC 8439 (at compile time), and what can be said of the generator
// without knowing its key.
#include "kernel/random/random.h"

#include <cstring>

#include "kernel/random/chacha20.h"
#include "kernel/test/test.h"

namespace gyre::random {
namespace {

// RFC 8439, section 2.3.2.
constexpr ChaChaKey kKey = {0x03020100, 0x07060504, 0x0b0a0908, 0x0f0e0d0c,
                            0x13121110, 0x17161514, 0x1b1a1918, 0x1f1e1d1c};
constexpr ChaChaBlock kExpected = {
    0xe4e7f110, 0x15593bd1, 0x1fdd0f50, 0xc47120a3, 0xc7f4d1c7, 0x0368c033, 0x9aaa2204, 0x4e6cd4c3,
    0x466482d2, 0x09aa9f07, 0x05d7c214, 0xa2028bd9, 0xd19c12b5, 0xb94e16de, 0xe883d0cb, 0x4e3c50a2};
static_assert(chacha20_block(kKey, 1, {0x09000000, 0x4a000000, 0}) == kExpected);
// Appendix A.1, vector 1: all zero.
static_assert(chacha20_block({}, 0, {})[0] == 0xade0b876 &&
              chacha20_block({}, 0, {})[15] == 0x8665eeb2);

KERNEL_TEST(random_fills_every_byte_of_any_length) {
    static std::byte buffer[700];
    for (const size_t length : {size_t{1}, size_t{7}, size_t{128}, size_t{129}, size_t{699}}) {
        // A byte that stays zero in all of 16 fills was not written (the chance of that by luck is
        // 2^-128 each).
        static uint8_t seen[sizeof(buffer)];
        std::memset(seen, 0, sizeof(seen));
        for (int round = 0; round < 16; ++round) {
            std::memset(buffer, 0, sizeof(buffer));
            fill({buffer, length});
            for (size_t i = 0; i < sizeof(buffer); ++i)
                seen[i] |= static_cast<uint8_t>(buffer[i]);
        }
        for (size_t i = 0; i < sizeof(buffer); ++i)
            EXPECT((seen[i] != 0) == (i < length));
    }
}

KERNEL_TEST(random_never_repeats_a_number) {
    static uint64_t numbers[256];
    for (uint64_t& number : numbers)
        number = next();
    for (size_t i = 0; i < 256; ++i)
        for (size_t j = 0; j < i; ++j)
            EXPECT(numbers[i] != numbers[j]);
}

}  // namespace
}  // namespace gyre::random
