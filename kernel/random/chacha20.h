// SPDX-License-Identifier: MIT
//
// The ChaCha20 block function (RFC 8439, section 2.3): 32 bytes of key, a 32-bit counter and 12
// bytes of nonce become 64 bytes that look random. Evaluated at compile time for its test vectors,
// too. Words are little-endian, as x86-64 stores them.
#pragma once

#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>

namespace gyre::random {

using ChaChaKey = std::array<uint32_t, 8>;
using ChaChaNonce = std::array<uint32_t, 3>;
using ChaChaBlock = std::array<uint32_t, 16>;

constexpr void chacha_quarter_round(ChaChaBlock& x, size_t a, size_t b, size_t c, size_t d) {
    x[a] += x[b];
    x[d] = std::rotl(x[d] ^ x[a], 16);
    x[c] += x[d];
    x[b] = std::rotl(x[b] ^ x[c], 12);
    x[a] += x[b];
    x[d] = std::rotl(x[d] ^ x[a], 8);
    x[c] += x[d];
    x[b] = std::rotl(x[b] ^ x[c], 7);
}

constexpr ChaChaBlock chacha20_block(const ChaChaKey& key, uint32_t counter,
                                     const ChaChaNonce& nonce) {
    const ChaChaBlock start = {
        0x61707865, 0x3320646e, 0x79622d32, 0x6b206574,  // "expand 32-byte k"
        key[0],     key[1],     key[2],     key[3],     key[4],   key[5],
        key[6],     key[7],     counter,    nonce[0],   nonce[1], nonce[2]};
    ChaChaBlock x = start;
    for (int round = 0; round < 10; ++round) {
        chacha_quarter_round(x, 0, 4, 8, 12);
        chacha_quarter_round(x, 1, 5, 9, 13);
        chacha_quarter_round(x, 2, 6, 10, 14);
        chacha_quarter_round(x, 3, 7, 11, 15);
        chacha_quarter_round(x, 0, 5, 10, 15);
        chacha_quarter_round(x, 1, 6, 11, 12);
        chacha_quarter_round(x, 2, 7, 8, 13);
        chacha_quarter_round(x, 3, 4, 9, 14);
    }
    for (size_t i = 0; i < x.size(); ++i)
        x[i] += start[i];
    return x;
}

}  // namespace gyre::random
