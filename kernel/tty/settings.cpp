// SPDX-License-Identifier: MIT
//
// Speeds of serial lines: from the CBAUD bits and back (asm-generic/termbits.h).
#include "kernel/tty/settings.h"

#include <iterator>

namespace gyre::tty {

namespace {
// B0..B38400 are 0..15, the faster ones count on from CBAUDEX (010000) + 1.
constexpr uint32_t kExtended = 010000;
constexpr uint32_t kSlowSpeeds[] = {0,   50,   75,   110,  134,  150,  200,   300,
                                    600, 1200, 1800, 2400, 4800, 9600, 19200, 38400};
constexpr uint32_t kFastSpeeds[] = {57600,   115200,  230400,  460800,  500000,  576000,  921600, 1000000,
                                    1152000, 1500000, 2000000, 2500000, 3000000, 3500000, 4000000};
}  // namespace

uint32_t speed_of(uint32_t control) {
    const uint32_t bits = control & control::kCbaud;
    if (!(bits & kExtended)) return kSlowSpeeds[bits];
    return bits == control::kBother ? 0 : kFastSpeeds[(bits & 017) - 1];
}

uint32_t control_of(uint32_t speed) {
    for (uint32_t i = 0; i < std::size(kSlowSpeeds); ++i)
        if (kSlowSpeeds[i] == speed) return i;
    for (uint32_t i = 0; i < std::size(kFastSpeeds); ++i)
        if (kFastSpeeds[i] == speed) return kExtended | (i + 1);
    return control::kBother;
}

}  // namespace gyre::tty
