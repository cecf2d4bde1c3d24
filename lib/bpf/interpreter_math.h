// SPDX-License-Identifier: MIT
//
// What arithmetic, byte swaps and comparisons of BPF compute (RFC 9669, sections 4 and 5), as plain
// functions: the interpreter's handlers are made of them, and tests may ask them alone.
#pragma once

#include "lib/bpf/isa.h"

namespace gyre::bpf {

// One operation on 64 or on the lower 32 bits, which zeroes the upper ones. Division by zero gives
// zero, a remainder by zero the dividend; the smallest number divided by -1 wraps.
template <u8 kOp, bool kWide, bool kSigned>
constexpr u64 compute(u64 a, u64 b) {
    if constexpr (!kWide) {
        a = static_cast<u32>(a);
        b = static_cast<u32>(b);
    }
    const u64 shift = b & (kWide ? 63 : 31);
    [[maybe_unused]] const s64 sa = kWide ? static_cast<s64>(a) : static_cast<s32>(a);
    [[maybe_unused]] const s64 sb = kWide ? static_cast<s64>(b) : static_cast<s32>(b);
    u64 r = 0;
    if constexpr (kOp == kAdd) {
        r = a + b;
    } else if constexpr (kOp == kSub) {
        r = a - b;
    } else if constexpr (kOp == kMul) {
        r = a * b;
    } else if constexpr (kOp == kDiv && kSigned) {
        r = sb == 0 ? 0 : sb == -1 ? ~static_cast<u64>(sa) + 1 : static_cast<u64>(sa / sb);
    } else if constexpr (kOp == kDiv) {
        r = b == 0 ? 0 : a / b;
    } else if constexpr (kOp == kMod && kSigned) {
        r = sb == 0 ? a : sb == -1 ? 0 : static_cast<u64>(sa % sb);
    } else if constexpr (kOp == kMod) {
        r = b == 0 ? a : a % b;
    } else if constexpr (kOp == kOr) {
        r = a | b;
    } else if constexpr (kOp == kAnd) {
        r = a & b;
    } else if constexpr (kOp == kXor) {
        r = a ^ b;
    } else if constexpr (kOp == kLsh) {
        r = a << shift;
    } else if constexpr (kOp == kRsh) {
        r = a >> shift;
    } else if constexpr (kOp == kArsh) {
        r = static_cast<u64>(sa >> shift);
    } else if constexpr (kOp == kNeg) {
        r = ~a + 1;
    } else {
        r = b;  // mov
    }
    return kWide ? r : static_cast<u32>(r);
}

template <u8 kOp, bool kWide>
constexpr bool holds(u64 a, u64 b) {
    if constexpr (!kWide) {
        a = static_cast<u32>(a);
        b = static_cast<u32>(b);
    }
    [[maybe_unused]] const s64 sa = kWide ? static_cast<s64>(a) : static_cast<s32>(a);
    [[maybe_unused]] const s64 sb = kWide ? static_cast<s64>(b) : static_cast<s32>(b);
    if constexpr (kOp == kJeq) return a == b;
    if constexpr (kOp == kJne) return a != b;
    if constexpr (kOp == kJgt) return a > b;
    if constexpr (kOp == kJge) return a >= b;
    if constexpr (kOp == kJlt) return a < b;
    if constexpr (kOp == kJle) return a <= b;
    if constexpr (kOp == kJset) return (a & b) != 0;
    if constexpr (kOp == kJsgt) return sa > sb;
    if constexpr (kOp == kJsge) return sa >= sb;
    if constexpr (kOp == kJslt) return sa < sb;
    if constexpr (kOp == kJsle) return sa <= sb;
    return true;  // ja
}

constexpr u64 extend_sign(u64 v, unsigned bits) {
    const unsigned up = 64 - bits;
    return static_cast<u64>(static_cast<s64>(v << up) >> up);
}

// The machine is little-endian: to_le cuts, to_be and bswap swap.
constexpr u64 convert_bytes(u64 v, s32 bits, bool swaps) {
    if (bits == 16) return swaps ? __builtin_bswap16(static_cast<u16>(v)) : static_cast<u16>(v);
    if (bits == 32) return swaps ? __builtin_bswap32(static_cast<u32>(v)) : static_cast<u32>(v);
    return swaps ? __builtin_bswap64(v) : v;
}

}  // namespace gyre::bpf
