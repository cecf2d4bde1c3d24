// SPDX-License-Identifier: MIT
//
// Intervals of a W-bit number, unsigned and signed side by side, and what arithmetic does to them.
// Signed bounds are kept sign-extended in 64 bits. W is a parameter so that the tests can enumerate
// every interval of a small width; the verifier uses 64 and 32. No known bits here (tnum.h).
#pragma once

#include "lib/bpf/types.h"

namespace gyre::bpf {

template <unsigned W>
struct Width {
    static constexpr u64 kMask = W == 64 ? ~u64{0} : (u64{1} << W) - 1;
    static constexpr s64 kSignedMax = static_cast<s64>(kMask >> 1);
    static constexpr s64 kSignedMin = -kSignedMax - 1;
    static constexpr s64 sign_extend(u64 v) {
        return static_cast<s64>(v << (64 - W)) >> (64 - W);
    }
    static constexpr bool fits_signed(s128 v) { return v >= kSignedMin && v <= kSignedMax; }
};

constexpr u64 min_of(u64 a, u64 b) { return a < b ? a : b; }
constexpr u64 max_of(u64 a, u64 b) { return a > b ? a : b; }
constexpr s64 min_of(s64 a, s64 b) { return a < b ? a : b; }
constexpr s64 max_of(s64 a, s64 b) { return a > b ? a : b; }

template <unsigned W>
struct Range {
    u64 umin = 0;
    u64 umax = Width<W>::kMask;
    s64 smin = Width<W>::kSignedMin;
    s64 smax = Width<W>::kSignedMax;

    static constexpr Range full() { return {}; }
    static constexpr Range constant(u64 v) {
        v &= Width<W>::kMask;
        s64 s = Width<W>::sign_extend(v);
        return {v, v, s, s};
    }
    constexpr bool is_constant() const { return umin == umax; }
    constexpr bool is_empty() const { return umin > umax || smin > smax; }
    constexpr bool contains(u64 v) const {
        s64 s = Width<W>::sign_extend(v);
        return v >= umin && v <= umax && s >= smin && s <= smax;
    }
    constexpr bool includes(const Range& other) const {
        return umin <= other.umin && umax >= other.umax && smin <= other.smin &&
               smax >= other.smax;
    }
    constexpr bool operator==(const Range&) const = default;
};

// What the unsigned bounds say about the signed ones and the reverse. Both describe one set of
// numbers on a circle; where each crosses the other's seam, only the overlap on either side of the
// seam is left, and if one side is empty the other gives both bounds.
template <unsigned W>
constexpr void range_exchange(Range<W>& r) {
    using B = Width<W>;
    if (r.is_empty()) {
        return;
    }
    s64 low = B::sign_extend(r.umin);
    s64 high = B::sign_extend(r.umax);
    if (low <= high) {  // the unsigned interval does not cross the sign seam
        r.smin = max_of(r.smin, low);
        r.smax = min_of(r.smax, high);
    } else if (r.smin < 0 && r.smax >= 0) {
        if (low > r.smax) {  // no non-negative number is left
            r.smax = min_of(r.smax, high);
        } else if (high < r.smin) {  // no negative number is left
            r.smin = max_of(r.smin, low);
        }
    }
    if (r.smin > r.smax) {
        return;
    }
    if ((r.smin < 0) == (r.smax < 0)) {
        r.umin = max_of(r.umin, static_cast<u64>(r.smin) & B::kMask);
        r.umax = min_of(r.umax, static_cast<u64>(r.smax) & B::kMask);
    }
}

template <unsigned W>
constexpr Range<W> range_add(const Range<W>& a, const Range<W>& b) {
    using B = Width<W>;
    Range<W> r;
    u128 low = static_cast<u128>(a.umin) + b.umin;
    u128 high = static_cast<u128>(a.umax) + b.umax;
    if ((low >> W) == (high >> W)) {  // none or all of the sums wrap
        r.umin = static_cast<u64>(low) & B::kMask;
        r.umax = static_cast<u64>(high) & B::kMask;
    }
    s128 slow = static_cast<s128>(a.smin) + b.smin;
    s128 shigh = static_cast<s128>(a.smax) + b.smax;
    bool none = B::fits_signed(slow) && B::fits_signed(shigh);
    bool all = slow > B::kSignedMax || shigh < B::kSignedMin;
    if (none || all) {
        r.smin = B::sign_extend(static_cast<u64>(slow));
        r.smax = B::sign_extend(static_cast<u64>(shigh));
    }
    return r;
}

template <unsigned W>
constexpr Range<W> range_sub(const Range<W>& a, const Range<W>& b) {
    using B = Width<W>;
    Range<W> r;
    s128 low = static_cast<s128>(a.umin) - b.umax;
    s128 high = static_cast<s128>(a.umax) - b.umin;
    if ((low < 0) == (high < 0)) {
        r.umin = static_cast<u64>(low) & B::kMask;
        r.umax = static_cast<u64>(high) & B::kMask;
    }
    s128 slow = static_cast<s128>(a.smin) - b.smax;
    s128 shigh = static_cast<s128>(a.smax) - b.smin;
    bool none = B::fits_signed(slow) && B::fits_signed(shigh);
    bool all = slow > B::kSignedMax || shigh < B::kSignedMin;
    if (none || all) {
        r.smin = B::sign_extend(static_cast<u64>(slow));
        r.smax = B::sign_extend(static_cast<u64>(shigh));
    }
    return r;
}

template <unsigned W>
constexpr Range<W> range_mul(const Range<W>& a, const Range<W>& b) {
    using B = Width<W>;
    Range<W> r;
    u128 high = static_cast<u128>(a.umax) * b.umax;
    if (high <= B::kMask) {
        r.umin = a.umin * b.umin;
        r.umax = static_cast<u64>(high);
    }
    s128 corners[4] = {static_cast<s128>(a.smin) * b.smin, static_cast<s128>(a.smin) * b.smax,
                       static_cast<s128>(a.smax) * b.smin, static_cast<s128>(a.smax) * b.smax};
    s128 least = corners[0];
    s128 most = corners[0];
    for (s128 corner : corners) {
        least = corner < least ? corner : least;
        most = corner > most ? corner : most;
    }
    if (B::fits_signed(least) && B::fits_signed(most)) {
        r.smin = static_cast<s64>(least);
        r.smax = static_cast<s64>(most);
    }
    return r;
}

// Division by zero gives zero, the remainder by zero the dividend (RFC 9669, section 4.1).
template <unsigned W>
constexpr Range<W> range_div(const Range<W>& a, const Range<W>& b) {
    Range<W> r;
    r.umin = b.umin > 0 ? a.umin / b.umax : 0;
    r.umax = b.umin > 0 ? a.umax / b.umin : a.umax;
    return r;
}

template <unsigned W>
constexpr Range<W> range_mod(const Range<W>& a, const Range<W>& b) {
    Range<W> r;
    r.umax = b.umin > 0 ? min_of(a.umax, b.umax - 1) : a.umax;
    if (b.umin > a.umax) {
        r.umin = a.umin;  // every divisor is larger: the dividend stays
    }
    return r;
}

template <unsigned W>
constexpr Range<W> range_and(const Range<W>& a, const Range<W>& b) {
    Range<W> r;
    r.umax = min_of(a.umax, b.umax);
    if (a.smin >= -1 && a.smax <= 0 && b.umin == b.umax) {  // all bits of `a` are the same
        r.smin = min_of(b.smin, s64{0});
        r.smax = max_of(b.smax, s64{0});
    }
    return r;
}

template <unsigned W>
constexpr Range<W> range_or(const Range<W>& a, const Range<W>& b) {
    Range<W> r;
    r.umin = max_of(a.umin, b.umin);
    if (a.smin >= -1 && a.smax <= 0 && b.umin == b.umax) {
        r.smin = min_of(b.smin, s64{-1});
        r.smax = max_of(b.smax, s64{-1});
    }
    return r;
}

// Shift amounts are below W; the caller has seen to it.
template <unsigned W>
constexpr Range<W> range_shift_left(const Range<W>& a, u64 least, u64 most) {
    using B = Width<W>;
    Range<W> r;
    if (a.umax <= (B::kMask >> most)) {
        r.umin = a.umin << least;
        r.umax = a.umax << most;
    }
    if (least == most) {
        s128 low = static_cast<s128>(a.smin) * (static_cast<s128>(1) << least);
        s128 high = static_cast<s128>(a.smax) * (static_cast<s128>(1) << least);
        if (B::fits_signed(low) && B::fits_signed(high)) {
            r.smin = static_cast<s64>(low);
            r.smax = static_cast<s64>(high);
        }
    }
    return r;
}

template <unsigned W>
constexpr Range<W> range_shift_right(const Range<W>& a, u64 least, u64 most) {
    Range<W> r;
    r.umin = a.umin >> most;
    r.umax = a.umax >> least;
    return r;
}

template <unsigned W>
constexpr Range<W> range_arithmetic_shift_right(const Range<W>& a, u64 least, u64 most) {
    Range<W> r;
    r.smin = a.smin >> (a.smin < 0 ? least : most);
    r.smax = a.smax >> (a.smax < 0 ? most : least);
    return r;
}

}  // namespace gyre::bpf
