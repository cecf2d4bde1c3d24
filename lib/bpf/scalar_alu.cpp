// SPDX-License-Identifier: MIT
//
// Arithmetic on scalars. Each operation is computed on known bits and on both intervals, and the
// parts are then synchronized. Signed division and remainder are only followed for constants.
#include "lib/bpf/scalar.h"

namespace gyre::bpf {
namespace {

template <unsigned W>
u64 alu_constant(u8 operation, u64 a, u64 b) {
    using Bounds = Width<W>;
    switch (operation) {
        case kAdd: return (a + b) & Bounds::kMask;
        case kSub: return (a - b) & Bounds::kMask;
        case kMul: return (a * b) & Bounds::kMask;
        case kDiv: return b == 0 ? 0 : a / b;
        case kMod: return b == 0 ? a : a % b;
        case kOr: return a | b;
        case kAnd: return a & b;
        case kXor: return a ^ b;
        case kLsh: return (a << (b & (W - 1))) & Bounds::kMask;
        case kRsh: return a >> (b & (W - 1));
        default:
            return static_cast<u64>(Bounds::sign_extend(a) >> (b & (W - 1))) & Bounds::kMask;
    }
}

struct Shift {
    bool is_bounded;
    bool is_constant;
    u64 least;
    u64 most;
};

template <unsigned W>
Shift shift_amount(const Range<W>& b) {
    return {b.umax < W, b.umin == b.umax, b.umin, b.umax};
}

// One operation in width W on bits and bounds.
template <unsigned W>
void apply(u8 operation, Tnum a_bits, const Range<W>& a, Tnum b_bits, const Range<W>& b,
           Tnum& bits, Range<W>& range) {
    constexpr u64 kMask = Width<W>::kMask;
    bits = {0, kMask};
    range = Range<W>::full();
    Shift shift = shift_amount<W>(b);
    switch (operation) {
        case kAdd:
            bits = tnum_add(a_bits, b_bits).truncate(kMask);
            range = range_add<W>(a, b);
            break;
        case kSub:
            bits = tnum_sub(a_bits, b_bits).truncate(kMask);
            range = range_sub<W>(a, b);
            break;
        case kMul:
            bits = tnum_mul(a_bits, b_bits).truncate(kMask);
            range = range_mul<W>(a, b);
            break;
        case kDiv: range = range_div<W>(a, b); break;
        case kMod: range = range_mod<W>(a, b); break;
        case kAnd:
            bits = tnum_and(a_bits, b_bits);
            range = range_and<W>(a, b);
            break;
        case kOr:
            bits = tnum_or(a_bits, b_bits);
            range = range_or<W>(a, b);
            break;
        case kXor: bits = tnum_xor(a_bits, b_bits); break;
        case kLsh:
            if (shift.is_bounded) {
                if (shift.is_constant) {
                    bits = a_bits.shift_left(static_cast<unsigned>(shift.least)).truncate(kMask);
                }
                range = range_shift_left<W>(a, shift.least, shift.most);
            }
            break;
        case kRsh:
            if (shift.is_bounded) {
                if (shift.is_constant) {
                    bits = a_bits.shift_right(static_cast<unsigned>(shift.least));
                }
                range = range_shift_right<W>(a, shift.least, shift.most);
            }
            break;
        case kArsh:
            if (shift.is_bounded) {
                if (shift.is_constant) {
                    bits = tnum_arithmetic_shift_right(a_bits,
                                                       static_cast<unsigned>(shift.least), W);
                }
                range = range_arithmetic_shift_right<W>(a, shift.least, shift.most);
            }
            break;
        default: break;
    }
}

bool is_defined(u8 operation) {
    switch (operation) {
        case kAdd: case kSub: case kMul: case kDiv: case kMod: case kOr: case kAnd: case kXor:
        case kLsh: case kRsh: case kArsh: return true;
        default: return false;
    }
}

}  // namespace

template <unsigned B>
ScalarOf<B> alu_full(u8 operation, const ScalarOf<B>& a, const ScalarOf<B>& b) {
    if (!is_defined(operation)) {
        return ScalarOf<B>::unknown();
    }
    bool is_shift = operation == kLsh || operation == kRsh || operation == kArsh;
    if (a.is_constant() && b.is_constant() && !(is_shift && b.value() >= B)) {
        return ScalarOf<B>::constant(alu_constant<B>(operation, a.value(), b.value()));
    }
    ScalarOf<B> r;
    Range<B> full;
    apply<B>(operation, a.bits, a.full(), b.bits, b.full(), r.bits, full);
    r.set_full(full);
    // These carry the lower halves of their operands into the lower half of the result.
    switch (operation) {
        case kAdd: case kSub: case kMul: case kAnd: case kOr: case kXor: {
            Tnum ignored;
            Range<B / 2> half;
            apply<B / 2>(operation, a.half_bits(), a.half(), b.half_bits(), b.half(), ignored,
                         half);
            r.set_half(half);
            break;
        }
        case kLsh:
            // A shift by half the width moves the lower half up whole; its signed bounds with it.
            if (b.is_constant() && b.value() == B / 2) {
                s64 scale = s64{1} << (B / 2);
                r.smin = max_of(r.smin, a.half_smin * scale);
                r.smax = min_of(r.smax, a.half_smax * scale);
            }
            break;
        default: break;
    }
    synchronize(r);
    return r;
}

template <unsigned B>
ScalarOf<B> alu_half(u8 operation, const ScalarOf<B>& a, const ScalarOf<B>& b) {
    constexpr unsigned kHalf = B / 2;
    constexpr u64 kMask = Width<kHalf>::kMask;
    ScalarOf<B> r;
    if (!is_defined(operation)) {
        return zero_extend_half(r);
    }
    bool is_shift = operation == kLsh || operation == kRsh || operation == kArsh;
    if (a.is_half_constant() && b.is_half_constant() &&
        !(is_shift && (b.value() & kMask) >= kHalf)) {
        return ScalarOf<B>::constant(
            alu_constant<kHalf>(operation, a.value() & kMask, b.value() & kMask));
    }
    Tnum bits;
    Range<kHalf> half;
    apply<kHalf>(operation, a.half_bits(), a.half(), b.half_bits(), b.half(), bits, half);
    r.bits = bits;
    r.set_half(half);
    r.umin = half.umin;
    r.umax = half.umax;
    r.smin = 0;
    r.smax = static_cast<s64>(kMask);
    synchronize(r);
    return r;
}

template <unsigned B>
ScalarOf<B> extend(const ScalarOf<B>& s, unsigned size_bits, bool by_sign) {
    if (size_bits >= B) {
        return s;
    }
    u64 mask = (u64{1} << size_bits) - 1;
    s64 most = static_cast<s64>(mask >> 1);
    ScalarOf<B> r;
    Tnum low = s.bits.truncate(mask);
    Range<B / 2> half = s.half();
    bool is_half = size_bits == B / 2;
    if (!by_sign) {
        r.bits = low;
        r.umax = mask;
        if (is_half) {
            r.umin = half.umin;
            r.umax = half.umax;
        } else if (s.umax <= mask) {
            r.umin = s.umin;
            r.umax = s.umax;
        } else if (s.half_umax <= mask) {
            r.umin = s.half_umin;
            r.umax = s.half_umax;
        }
        synchronize(r);
        return r;
    }
    u64 sign = u64{1} << (size_bits - 1);
    u64 above = Width<B>::kMask & ~mask;
    r.bits = low;
    if (low.mask & sign) {
        r.bits.mask |= above;
    } else if (low.value & sign) {
        r.bits.value |= above;
    }
    r.smin = -most - 1;
    r.smax = most;
    if (is_half) {
        r.smin = half.smin;
        r.smax = half.smax;
    } else if (s.smin >= -most - 1 && s.smax <= most) {
        r.smin = s.smin;
        r.smax = s.smax;
    }
    if (is_half || (s.half_smin >= -most - 1 && s.half_smax <= most)) {
        r.smin = max_of(r.smin, static_cast<s64>(s.half_smin));
        r.smax = min_of(r.smax, static_cast<s64>(s.half_smax));
    }
    synchronize(r);
    return r;
}

template ScalarOf<64> alu_full<64>(u8, const ScalarOf<64>&, const ScalarOf<64>&);
template ScalarOf<64> alu_half<64>(u8, const ScalarOf<64>&, const ScalarOf<64>&);
template ScalarOf<64> extend<64>(const ScalarOf<64>&, unsigned, bool);
template ScalarOf<8> alu_full<8>(u8, const ScalarOf<8>&, const ScalarOf<8>&);
template ScalarOf<8> alu_half<8>(u8, const ScalarOf<8>&, const ScalarOf<8>&);
template ScalarOf<8> extend<8>(const ScalarOf<8>&, unsigned, bool);

}  // namespace gyre::bpf
