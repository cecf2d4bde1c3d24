// SPDX-License-Identifier: MIT
//
// Widening and induction on single numbers (widen.h).
#include "lib/bpf/widen.h"

namespace gyre::bpf {
namespace {

constexpr s64 kLeast = Width<64>::kSignedMin;
constexpr s64 kMost = Width<64>::kSignedMax;

Scalar between(s64 low, s64 high, Tnum bits) {
    Scalar s;
    s.bits = bits;
    s.smin = low;
    s.smax = high;
    synchronize(s);
    return s;
}

// The sum, or the end of the number line.
s64 add_saturated(s64 a, s64 b) {
    s64 sum = 0;
    if (__builtin_add_overflow(a, b, &sum)) {
        return b > 0 ? kMost : kLeast;
    }
    return sum;
}

// The low bits that a number keeps when multiples of `step` are added.
Tnum kept_bits(const Scalar& start, s64 step) {
    u64 mask = ~u64{0};
    if (step != 0) {
        mask = ~((u64{1} << __builtin_ctzll(static_cast<u64>(step))) - 1);
    }
    Tnum bits = start.bits;
    bits.mask |= mask;
    bits.value &= ~mask;
    return bits;
}

}  // namespace

void Thresholds::add(s64 value) {
    u32 at = 0;
    while (at < count_ && values_[at] < value) {
        at++;
    }
    if (count_ == kMaxThresholds || (at < count_ && values_[at] == value)) {
        return;
    }
    for (u32 i = count_; i > at; i--) {
        values_[i] = values_[i - 1];
    }
    values_[at] = value;
    count_++;
}

s64 Thresholds::above(s64 value) const {
    for (u32 i = 0; i < count_; i++) {
        if (values_[i] >= value) {
            return values_[i];
        }
    }
    return kMost;
}

s64 Thresholds::below(s64 value) const {
    for (u32 i = count_; i > 0; i--) {
        if (values_[i - 1] <= value) {
            return values_[i - 1];
        }
    }
    return kLeast;
}

Scalar widen_rounds(const Scalar& start, s64 step, const Scalar& seen, const Thresholds& ends) {
    bool is_rising = step > 0 || (step == 0 && seen.smax > start.smax);
    bool is_falling = step < 0 || (step == 0 && seen.smin < start.smin);
    s64 low = min_of(start.smin, seen.smin);
    s64 high = max_of(start.smax, seen.smax);
    if (is_rising) {
        high = ends.above(max_of(high, add_saturated(start.smax, step)));
    }
    if (is_falling) {
        low = ends.below(min_of(low, add_saturated(start.smin, step)));
    }
    return between(low, high, step != 0 ? kept_bits(start, step) : Tnum{0, ~u64{0}});
}

Scalar widen_join(const Scalar& now, const Scalar& seen, const Thresholds& ends) {
    s64 low = min_of(now.smin, seen.smin);
    s64 high = max_of(now.smax, seen.smax);
    if (now.smin != seen.smin) {
        low = low >= 0 ? 0 : ends.below(low);
    }
    if (now.smax > seen.smax && !seen.is_constant()) {
        high = ends.above(high);  // it has grown before
    }
    return between(low, high, Tnum{0, ~u64{0}});
}

Scalar meet(const Scalar& a, const Scalar& b) {
    if (a.bits.conflicts(b.bits)) {
        return a;  // impossible: what follows is never run
    }
    Scalar s;
    s.bits = tnum_intersect(a.bits, b.bits);
    s.umin = max_of(a.umin, b.umin);
    s.umax = min_of(a.umax, b.umax);
    s.smin = max_of(a.smin, b.smin);
    s.smax = min_of(a.smax, b.smax);
    s.half_umin = a.half_umin > b.half_umin ? a.half_umin : b.half_umin;
    s.half_umax = a.half_umax < b.half_umax ? a.half_umax : b.half_umax;
    s.half_smin = a.half_smin > b.half_smin ? a.half_smin : b.half_smin;
    s.half_smax = a.half_smax < b.half_smax ? a.half_smax : b.half_smax;
    if (s.is_empty()) {
        return a;
    }
    synchronize(s);
    return s.is_empty() ? a : s;
}

void Varying::note_way_back(bool is_derived, s64 moved) {
    if (!is_derived) {
        is_lost = true;
        return;
    }
    least = has_way_back ? min_of(least, moved) : moved;
    most = has_way_back ? max_of(most, moved) : moved;
    has_way_back = true;
}

bool Varying::may_end(u64 limit) const {
    if (is_follower || is_lost || step == 0) {
        return false;
    }
    u64 size = step < 0 ? u64{0} - static_cast<u64>(step) : static_cast<u64>(step);
    return (static_cast<u64>(high) - static_cast<u64>(low)) / size <= limit;
}

u64 Varying::most_rounds() const {
    if (is_lost || is_follower || is_pointer || !has_way_back) {
        return 0;
    }
    u64 span = static_cast<u64>(high) - static_cast<u64>(low);
    s64 ignored = 0;
    if (least > 0) {  // always up, and never over the top
        if (__builtin_add_overflow(high, most, &ignored)) {
            return 0;
        }
        return span / static_cast<u64>(least) + 1;
    }
    if (most < 0) {
        if (__builtin_add_overflow(low, least, &ignored)) {
            return 0;
        }
        return span / (u64{0} - static_cast<u64>(most)) + 1;
    }
    return 0;
}

}  // namespace gyre::bpf
