// SPDX-License-Identifier: MIT
//
// Comparisons of scalars: whether an outcome is certain, and what an outcome teaches.
#include "lib/bpf/scalar.h"

namespace gyre::bpf {
namespace {

template <unsigned W>
Decision decide_in(u8 operation, Tnum a_bits, const Range<W>& a, Tnum b_bits, const Range<W>& b) {
    auto choose = [](bool always, bool never) {
        return always ? Decision::Always : never ? Decision::Never : Decision::Unknown;
    };
    bool disjoint = a.umin > b.umax || a.umax < b.umin || a.smin > b.smax || a.smax < b.smin ||
                    a_bits.conflicts(b_bits);
    bool same = a.umin == a.umax && b.umin == b.umax && a.umin == b.umin;
    switch (operation) {
        case kJeq: return choose(same, disjoint);
        case kJne: return choose(disjoint, same);
        case kJset:
            return choose((a_bits.value & b_bits.value) != 0,
                          ((a_bits.value | a_bits.mask) & (b_bits.value | b_bits.mask)) == 0);
        case kJgt: return choose(a.umin > b.umax, a.umax <= b.umin);
        case kJge: return choose(a.umin >= b.umax, a.umax < b.umin);
        case kJlt: return choose(a.umax < b.umin, a.umin >= b.umax);
        case kJle: return choose(a.umax <= b.umin, a.umin > b.umax);
        case kJsgt: return choose(a.smin > b.smax, a.smax <= b.smin);
        case kJsge: return choose(a.smin >= b.smax, a.smax < b.smin);
        case kJslt: return choose(a.smax < b.smin, a.smin >= b.smax);
        case kJsle: return choose(a.smax <= b.smin, a.smin > b.smax);
        default: return Decision::Unknown;
    }
}

u8 inverse(u8 operation) {
    switch (operation) {
        case kJeq: return kJne;
        case kJne: return kJeq;
        case kJgt: return kJle;
        case kJge: return kJlt;
        case kJlt: return kJge;
        case kJle: return kJgt;
        case kJsgt: return kJsle;
        case kJsge: return kJslt;
        case kJslt: return kJsge;
        case kJsle: return kJsgt;
        default: return operation;
    }
}

template <unsigned W>
void make_empty(Range<W>& r) {
    r.umin = 1;
    r.umax = 0;
}

// a < b or a <= b, unsigned or signed, is the only shape; the others swap the operands.
template <unsigned W>
void less_unsigned(Range<W>& a, Range<W>& b, bool strict) {
    u64 gap = strict ? 1 : 0;
    if (strict && (b.umax == 0 || a.umin == Width<W>::kMask)) {
        make_empty(a);
        return;
    }
    a.umax = min_of(a.umax, b.umax - gap);
    b.umin = max_of(b.umin, a.umin + gap);
}

template <unsigned W>
void less_signed(Range<W>& a, Range<W>& b, bool strict) {
    s64 gap = strict ? 1 : 0;
    if (strict && (b.smax == Width<W>::kSignedMin || a.smin == Width<W>::kSignedMax)) {
        make_empty(a);
        return;
    }
    a.smax = min_of(a.smax, b.smax - gap);
    b.smin = max_of(b.smin, a.smin + gap);
}

template <unsigned W>
void trim(Range<W>& r, u64 forbidden) {
    s64 signed_forbidden = Width<W>::sign_extend(forbidden);
    if (r.umin == forbidden && r.umax == forbidden) {
        make_empty(r);
        return;
    }
    if (r.umin == forbidden) {
        r.umin++;
    } else if (r.umax == forbidden) {
        r.umax--;
    }
    if (r.smin == signed_forbidden && r.smax > signed_forbidden) {
        r.smin++;
    } else if (r.smax == signed_forbidden && r.smin < signed_forbidden) {
        r.smax--;
    }
}

template <unsigned W>
void refine_in(u8 operation, Tnum& a_bits, Range<W>& a, Tnum& b_bits, Range<W>& b) {
    switch (operation) {
        case kJeq: {
            if (a_bits.conflicts(b_bits)) {
                make_empty(a);
                return;
            }
            a_bits = b_bits = tnum_intersect(a_bits, b_bits);
            a = {max_of(a.umin, b.umin), min_of(a.umax, b.umax), max_of(a.smin, b.smin),
                 min_of(a.smax, b.smax)};
            b = a;
            return;
        }
        case kJne:
            if (b.umin == b.umax) {
                trim<W>(a, b.umin);
            } else if (a.umin == a.umax) {
                trim<W>(b, a.umin);
            }
            return;
        case kJlt: return less_unsigned<W>(a, b, true);
        case kJle: return less_unsigned<W>(a, b, false);
        case kJgt: return less_unsigned<W>(b, a, true);
        case kJge: return less_unsigned<W>(b, a, false);
        case kJslt: return less_signed<W>(a, b, true);
        case kJsle: return less_signed<W>(a, b, false);
        case kJsgt: return less_signed<W>(b, a, true);
        case kJsge: return less_signed<W>(b, a, false);
        default: return;
    }
}

// a & b != 0, or == 0. Something is learned when b is a constant: one bit must be set, or all clear.
template <unsigned W>
void refine_test(bool outcome, Tnum& a_bits, Range<W>& a, Tnum b_bits) {
    if (!b_bits.is_constant()) {
        return;
    }
    u64 tested = b_bits.value;
    if (!outcome) {
        if (a_bits.value & tested) {
            make_empty(a);
            return;
        }
        a_bits.mask &= ~tested;
    } else if (tested != 0 && (tested & (tested - 1)) == 0) {
        if (((a_bits.value | a_bits.mask) & tested) == 0) {
            make_empty(a);
            return;
        }
        a_bits.value |= tested;
        a_bits.mask &= ~tested;
    }
}

}  // namespace

template <unsigned B>
Decision decide(u8 operation, bool is_full_width, const ScalarOf<B>& a, const ScalarOf<B>& b) {
    if (is_full_width) {
        return decide_in<B>(operation, a.bits, a.full(), b.bits, b.full());
    }
    return decide_in<B / 2>(operation, a.half_bits(), a.half(), b.half_bits(), b.half());
}

template <unsigned B>
void refine(u8 operation, bool is_full_width, bool outcome, ScalarOf<B>& a, ScalarOf<B>& b) {
    if (is_full_width) {
        Range<B> ra = a.full();
        Range<B> rb = b.full();
        if (operation == kJset) {
            refine_test<B>(outcome, a.bits, ra, b.bits);
        } else {
            refine_in<B>(outcome ? operation : inverse(operation), a.bits, ra, b.bits, rb);
        }
        a.set_full(ra);
        b.set_full(rb);
    } else {
        constexpr u64 kHalfMask = Width<B / 2>::kMask;
        Range<B / 2> ra = a.half();
        Range<B / 2> rb = b.half();
        Tnum a_bits = a.half_bits();
        Tnum b_bits = b.half_bits();
        if (operation == kJset) {
            refine_test<B / 2>(outcome, a_bits, ra, b_bits);
        } else {
            refine_in<B / 2>(outcome ? operation : inverse(operation), a_bits, ra, b_bits, rb);
        }
        a.bits = {(a.bits.value & ~kHalfMask) | a_bits.value,
                  (a.bits.mask & ~kHalfMask) | a_bits.mask};
        b.bits = {(b.bits.value & ~kHalfMask) | b_bits.value,
                  (b.bits.mask & ~kHalfMask) | b_bits.mask};
        a.set_half(ra);
        b.set_half(rb);
    }
    if (a.is_empty() || b.is_empty()) {
        a.umin = 1;
        a.umax = 0;
        return;
    }
    synchronize(a);
    synchronize(b);
}

template Decision decide<64>(u8, bool, const ScalarOf<64>&, const ScalarOf<64>&);
template void refine<64>(u8, bool, bool, ScalarOf<64>&, ScalarOf<64>&);
template Decision decide<8>(u8, bool, const ScalarOf<8>&, const ScalarOf<8>&);
template void refine<8>(u8, bool, bool, ScalarOf<8>&, ScalarOf<8>&);

}  // namespace gyre::bpf
