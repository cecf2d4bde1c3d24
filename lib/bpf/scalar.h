// SPDX-License-Identifier: MIT
//
// What is known of a number in a register: its bits, its bounds in full width and the bounds of its
// lower half, each refined by the others. ScalarOf<64> is what the verifier uses; ScalarOf<8>, with
// nibbles as halves, is what the tests enumerate. Transfer functions are total and over-approximate;
// soundness is proven in scalar_test.cpp against concrete execution.
#pragma once

#include "lib/bpf/isa.h"
#include "lib/bpf/range.h"
#include "lib/bpf/tnum.h"

namespace gyre::bpf {

template <unsigned B>
struct ScalarOf {
    static constexpr unsigned kBits = B;
    static constexpr unsigned kHalfBits = B / 2;
    using Full = Width<B>;
    using Half = Width<B / 2>;

    Tnum bits = {0, Full::kMask};
    u64 umin = 0;
    u64 umax = Full::kMask;
    s64 smin = Full::kSignedMin;
    s64 smax = Full::kSignedMax;
    u32 half_umin = 0;
    u32 half_umax = static_cast<u32>(Half::kMask);
    s32 half_smin = static_cast<s32>(Half::kSignedMin);
    s32 half_smax = static_cast<s32>(Half::kSignedMax);

    static constexpr ScalarOf unknown() { return {}; }
    static constexpr ScalarOf constant(u64 v) {
        v &= Full::kMask;
        ScalarOf s;
        s.bits = Tnum::constant(v);
        s.set_full(Range<B>::constant(v));
        s.set_half(Range<B / 2>::constant(v));
        return s;
    }

    constexpr Range<B> full() const { return {umin, umax, smin, smax}; }
    constexpr Range<B / 2> half() const {
        return {half_umin, half_umax, half_smin, half_smax};
    }
    constexpr void set_full(const Range<B>& r) {
        umin = r.umin;
        umax = r.umax;
        smin = r.smin;
        smax = r.smax;
    }
    constexpr void set_half(const Range<B / 2>& r) {
        half_umin = static_cast<u32>(r.umin);
        half_umax = static_cast<u32>(r.umax);
        half_smin = static_cast<s32>(r.smin);
        half_smax = static_cast<s32>(r.smax);
    }
    constexpr Tnum half_bits() const { return bits.truncate(Half::kMask); }
    constexpr bool is_constant() const { return bits.is_constant(); }
    constexpr bool is_half_constant() const { return half_bits().is_constant(); }
    constexpr u64 value() const { return bits.value; }
    constexpr bool is_empty() const { return full().is_empty() || half().is_empty(); }
    constexpr bool is_unknown() const { return *this == ScalarOf{}; }
    constexpr bool contains(u64 v) const {
        return bits.contains(v) && full().contains(v) && half().contains(v & Half::kMask);
    }
    constexpr bool includes(const ScalarOf& o) const {
        return bits.includes(o.bits) && full().includes(o.full()) && half().includes(o.half());
    }
    constexpr bool operator==(const ScalarOf&) const = default;
};

using Scalar = ScalarOf<64>;
inline constexpr Scalar kUnknownScalar{};

// Bounds of the lower half from an interval of the whole: when the interval is shorter than the
// half's circle, its image is one arc; the arc is a bound wherever it does not cross the seam.
template <unsigned B>
constexpr void half_from_arc(Range<B / 2>& half, u64 low, u64 length) {
    using Half = Width<B / 2>;
    if (length > Half::kMask) {
        return;
    }
    u64 first = low & Half::kMask;
    u64 last = (low + length) & Half::kMask;
    if (first <= last) {
        half.umin = max_of(half.umin, first);
        half.umax = min_of(half.umax, last);
    }
    if (Half::sign_extend(first) <= Half::sign_extend(last)) {
        half.smin = max_of(half.smin, Half::sign_extend(first));
        half.smax = min_of(half.smax, Half::sign_extend(last));
    }
}

// The smallest number not below v (or the largest not above it) whose half lies in [low, high].
template <unsigned B>
constexpr bool round_up_to_half(u64& v, u64 low, u64 high) {
    using Half = Width<B / 2>;
    u64 part = v & Half::kMask;
    if (part < low) {
        v = (v & ~Half::kMask) | low;
    } else if (part > high) {
        u64 next = ((v & ~Half::kMask) + Half::kMask + 1) & Width<B>::kMask;
        if (next < v) {
            return false;
        }
        v = next | low;
    }
    return true;
}

template <unsigned B>
constexpr bool round_down_to_half(u64& v, u64 low, u64 high) {
    using Half = Width<B / 2>;
    u64 part = v & Half::kMask;
    if (part > high) {
        v = (v & ~Half::kMask) | high;
    } else if (part < low) {
        u64 base = v & ~Half::kMask;
        if (base == 0) {
            return false;
        }
        v = (base - (Half::kMask + 1)) | high;
    }
    return true;
}

template <unsigned B>
constexpr void full_from_half(Range<B>& full, const Range<B / 2>& half) {
    using Full = Width<B>;
    u64 low = full.umin;
    u64 high = full.umax;
    if (round_up_to_half<B>(low, half.umin, half.umax)) {
        full.umin = low;
    }
    if (round_down_to_half<B>(high, half.umin, half.umax)) {
        full.umax = high;
    }
    // For the signed bounds shift the circle by half a turn; the lower half does not change.
    u64 flip = u64{1} << (B - 1);
    low = (static_cast<u64>(full.smin) & Full::kMask) ^ flip;
    high = (static_cast<u64>(full.smax) & Full::kMask) ^ flip;
    if (round_up_to_half<B>(low, half.umin, half.umax)) {
        full.smin = Full::sign_extend(low ^ flip);
    }
    if (round_down_to_half<B>(high, half.umin, half.umax)) {
        full.smax = Full::sign_extend(high ^ flip);
    }
    // A value that is known to fit the half as a signed number is the half's sign extension.
    if (full.smin >= Width<B / 2>::kSignedMin && full.smax <= Width<B / 2>::kSignedMax) {
        full.smin = max_of(full.smin, half.smin);
        full.smax = min_of(full.smax, half.smax);
    }
}

template <unsigned W>
constexpr void range_from_bits(Range<W>& r, Tnum bits) {
    u64 sign = u64{1} << (W - 1);
    r.umin = max_of(r.umin, bits.value);
    r.umax = min_of(r.umax, bits.value | bits.mask);
    r.smin = max_of(r.smin, Width<W>::sign_extend(bits.value | (bits.mask & sign)));
    r.smax = min_of(r.smax, Width<W>::sign_extend(bits.value | (bits.mask & ~sign)));
}

// Lets every part learn from the others. Twice, because what the second round learns from the
// known bits of the first is worth it and a third round hardly ever is.
template <unsigned B>
constexpr void synchronize(ScalarOf<B>& s) {
    using Full = Width<B>;
    using Half = Width<B / 2>;
    if (s.bits.is_constant()) {
        if (s.full().contains(s.bits.value)) {
            s = ScalarOf<B>::constant(s.bits.value);
            return;
        }
    }
    Range<B> full = s.full();
    Range<B / 2> half = s.half();
    for (int round = 0; round < 2; round++) {
        range_from_bits<B>(full, s.bits);
        range_from_bits<B / 2>(half, s.half_bits());
        range_exchange<B>(full);
        if (full.is_empty()) {
            break;
        }
        half_from_arc<B>(half, full.umin, full.umax - full.umin);
        half_from_arc<B>(half, static_cast<u64>(full.smin),
                         static_cast<u64>(full.smax) - static_cast<u64>(full.smin));
        range_exchange<B / 2>(half);
        if (half.is_empty()) {
            break;
        }
        full_from_half<B>(full, half);
        range_exchange<B>(full);
        if (full.is_empty()) {
            break;
        }
        Tnum from_full = Tnum::range(full.umin, full.umax).truncate(Full::kMask);
        Tnum from_half = Tnum::range(half.umin, half.umax).truncate(Half::kMask);
        from_half.mask |= Full::kMask & ~Half::kMask;
        if (s.bits.conflicts(from_full) || s.bits.conflicts(from_half)) {
            full.umin = 1;  // no number satisfies all: say so
            full.umax = 0;
            break;
        }
        Tnum refined = tnum_intersect(s.bits, from_full);
        if (refined.conflicts(from_half)) {
            full.umin = 1;
            full.umax = 0;
            break;
        }
        refined = tnum_intersect(refined, from_half);
        if (round == 0 && refined == s.bits) {
            Range<B> before = s.full();
            if (before == full && s.half() == half) {
                break;
            }
        }
        s.bits = refined;
    }
    s.set_full(full);
    s.set_half(half);
}

// The number as the zero extension of its lower half.
template <unsigned B>
constexpr ScalarOf<B> zero_extend_half(const ScalarOf<B>& s) {
    ScalarOf<B> r;
    r.bits = s.half_bits();
    r.umin = s.half_umin;
    r.umax = s.half_umax;
    r.smin = static_cast<s64>(s.half_umin);
    r.smax = static_cast<s64>(s.half_umax);
    r.set_half(s.half());
    synchronize(r);
    return r;
}

// `operation` is kAdd..kArsh of the ISA; operands are full width.
template <unsigned B>
ScalarOf<B> alu_full(u8 operation, const ScalarOf<B>& a, const ScalarOf<B>& b);
// The same on the halves, the result zero-extended.
template <unsigned B>
ScalarOf<B> alu_half(u8 operation, const ScalarOf<B>& a, const ScalarOf<B>& b);

// Truncates to `size_bits` and extends, by sign or by zero.
template <unsigned B>
ScalarOf<B> extend(const ScalarOf<B>& s, unsigned size_bits, bool by_sign);

enum class Decision : u8 { Unknown, Always, Never };

// Whether the comparison `a OP b` is decided.
template <unsigned B>
Decision decide(u8 operation, bool is_full_width, const ScalarOf<B>& a, const ScalarOf<B>& b);

// What holds of a and b when `a OP b` was found true (or false). An impossible outcome leaves an
// empty scalar: the branch cannot be taken.
template <unsigned B>
void refine(u8 operation, bool is_full_width, bool outcome, ScalarOf<B>& a, ScalarOf<B>& b);

}  // namespace gyre::bpf
