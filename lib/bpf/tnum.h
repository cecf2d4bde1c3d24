// SPDX-License-Identifier: MIT
//
// Known bits of a number: `value` holds the bits that are known, `mask` the positions that are not.
// The operations are those of Vishwanathan et al., "Sound, Precise, and Fast Abstract
// Interpretation with Tristate Numbers" (CGO 2022). All are exact or over-approximate; the tests
// enumerate every pair of eight-bit tnums.
#pragma once

#include "lib/bpf/types.h"

namespace gyre::bpf {

struct Tnum {
    u64 value = 0;
    u64 mask = 0;

    static constexpr Tnum constant(u64 v) { return {v, 0}; }
    static constexpr Tnum unknown() { return {0, ~u64{0}}; }

    // The smallest tnum that holds every number from low to high.
    static constexpr Tnum range(u64 low, u64 high) {
        u64 difference = low ^ high;
        if (difference == 0) {
            return constant(low);
        }
        unsigned bits = 64 - static_cast<unsigned>(__builtin_clzll(difference));
        if (bits == 64) {
            return unknown();
        }
        u64 delta = (u64{1} << bits) - 1;
        return {low & ~delta, delta};
    }

    constexpr bool is_constant() const { return mask == 0; }
    constexpr bool is_unknown() const { return mask == ~u64{0}; }
    constexpr bool contains(u64 v) const { return (v & ~mask) == value; }
    // Every number of `other` is a number of this.
    constexpr bool includes(Tnum other) const {
        return (other.mask & ~mask) == 0 && (other.value & ~mask) == value;
    }
    constexpr bool conflicts(Tnum other) const {
        return ((value ^ other.value) & ~mask & ~other.mask) != 0;
    }
    constexpr Tnum truncate(u64 keep) const { return {value & keep, mask & keep}; }
    constexpr Tnum shift_left(unsigned n) const { return {value << n, mask << n}; }
    constexpr Tnum shift_right(unsigned n) const { return {value >> n, mask >> n}; }
    constexpr bool is_aligned(u64 size) const { return ((value | mask) & (size - 1)) == 0; }
    constexpr bool operator==(const Tnum&) const = default;
};

constexpr Tnum tnum_add(Tnum a, Tnum b) {
    u64 sum_mask = a.mask + b.mask;
    u64 sum_value = a.value + b.value;
    u64 sigma = sum_mask + sum_value;
    u64 chi = sigma ^ sum_value;
    u64 mask = chi | a.mask | b.mask;
    return {sum_value & ~mask, mask};
}

constexpr Tnum tnum_sub(Tnum a, Tnum b) {
    u64 difference = a.value - b.value;
    u64 alpha = difference + a.mask;
    u64 beta = difference - b.mask;
    u64 mask = (alpha ^ beta) | a.mask | b.mask;
    return {difference & ~mask, mask};
}

constexpr Tnum tnum_and(Tnum a, Tnum b) {
    u64 alpha = a.value | a.mask;
    u64 beta = b.value | b.mask;
    u64 value = a.value & b.value;
    return {value, alpha & beta & ~value};
}

constexpr Tnum tnum_or(Tnum a, Tnum b) {
    u64 value = a.value | b.value;
    return {value, (a.mask | b.mask) & ~value};
}

constexpr Tnum tnum_xor(Tnum a, Tnum b) {
    u64 value = a.value ^ b.value;
    u64 mask = a.mask | b.mask;
    return {value & ~mask, mask};
}

constexpr Tnum tnum_mul(Tnum a, Tnum b) {
    u64 product = a.value * b.value;
    Tnum accumulated = {0, 0};
    while (a.value != 0 || a.mask != 0) {
        if (a.value & 1) {
            accumulated = tnum_add(accumulated, {0, b.mask});
        } else if (a.mask & 1) {
            accumulated = tnum_add(accumulated, {0, b.value | b.mask});
        }
        a = a.shift_right(1);
        b = b.shift_left(1);
    }
    return tnum_add(Tnum::constant(product), accumulated);
}

// What both allow. The caller has checked that they do not conflict.
constexpr Tnum tnum_intersect(Tnum a, Tnum b) {
    u64 mask = a.mask & b.mask;
    return {(a.value | b.value) & ~mask, mask};
}

constexpr Tnum tnum_arithmetic_shift_right(Tnum a, unsigned n, unsigned width) {
    if (width == 64) {
        return {static_cast<u64>(static_cast<s64>(a.value) >> n),
                static_cast<u64>(static_cast<s64>(a.mask) >> n)};
    }
    unsigned up = 64 - width;
    u64 keep = (u64{1} << width) - 1;
    return {static_cast<u64>(static_cast<s64>(a.value << up) >> (up + n)) & keep,
            static_cast<u64>(static_cast<s64>(a.mask << up) >> (up + n)) & keep};
}

}  // namespace gyre::bpf
