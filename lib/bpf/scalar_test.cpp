// SPDX-License-Identifier: MIT
//
// Soundness of the scalar domain against concrete execution: what a number may be after an
// operation is among what the domain says it may be. Eight-bit scalars with nibbles as halves are
// enumerated; the 64-bit domain is tried at random.
#include "lib/bpf/scalar.h"

#include <gtest/gtest.h>

#include <random>
#include <vector>

namespace gyre::bpf {
namespace {

using Small = ScalarOf<8>;

constexpr u8 kOperations[] = {kAdd, kSub, kMul, kDiv, kMod, kOr, kAnd, kXor, kLsh, kRsh, kArsh};
constexpr u8 kComparisons[] = {kJeq, kJne, kJgt, kJge, kJlt, kJle,
                               kJsgt, kJsge, kJslt, kJsle, kJset};

u64 execute(u8 op, u64 a, u64 b, unsigned width) {
    u64 mask = width == 64 ? ~u64{0} : (u64{1} << width) - 1;
    a &= mask;
    b &= mask;
    s64 sa = static_cast<s64>(a << (64 - width)) >> (64 - width);
    switch (op) {
        case kAdd: return (a + b) & mask;
        case kSub: return (a - b) & mask;
        case kMul: return (a * b) & mask;
        case kDiv: return b == 0 ? 0 : a / b;
        case kMod: return b == 0 ? a : a % b;
        case kOr: return a | b;
        case kAnd: return a & b;
        case kXor: return a ^ b;
        case kLsh: return (a << (b & (width - 1))) & mask;
        case kRsh: return a >> (b & (width - 1));
        default: return static_cast<u64>(sa >> (b & (width - 1))) & mask;
    }
}

bool holds(u8 op, u64 a, u64 b, unsigned width) {
    u64 mask = width == 64 ? ~u64{0} : (u64{1} << width) - 1;
    a &= mask;
    b &= mask;
    s64 sa = static_cast<s64>(a << (64 - width)) >> (64 - width);
    s64 sb = static_cast<s64>(b << (64 - width)) >> (64 - width);
    switch (op) {
        case kJeq: return a == b;
        case kJne: return a != b;
        case kJgt: return a > b;
        case kJge: return a >= b;
        case kJlt: return a < b;
        case kJle: return a <= b;
        case kJsgt: return sa > sb;
        case kJsge: return sa >= sb;
        case kJslt: return sa < sb;
        case kJsle: return sa <= sb;
        default: return (a & b) != 0;
    }
}

// Scalars of all shapes: every interval of both signs in steps, every known-bits pattern of a few.
std::vector<Small> samples() {
    std::vector<Small> all;
    for (int low = 0; low < 256; low += 7) {
        for (int high = low; high < 256; high += 19) {
            Small s;
            s.umin = static_cast<u64>(low);
            s.umax = static_cast<u64>(high);
            synchronize(s);
            all.push_back(s);
            Small t;
            t.smin = low - 128;
            t.smax = high - 128;
            synchronize(t);
            all.push_back(t);
        }
    }
    for (u64 mask : {0x00u, 0x01u, 0x0fu, 0xf0u, 0x80u, 0x55u, 0xfeu, 0x11u}) {
        for (u64 value = 0; value < 256; value += 5) {
            Small s;
            s.bits = {value & ~mask & 0xff, mask};
            synchronize(s);
            all.push_back(s);
        }
    }
    for (int low = -8; low < 8; low += 3) {
        for (int high = low; high < 8; high += 2) {
            Small s;
            s.half_smin = low;
            s.half_smax = high;
            synchronize(s);
            all.push_back(s);
        }
    }
    return all;
}

std::vector<u64> members(const Small& s) {
    std::vector<u64> out;
    for (u64 v = 0; v < 256; v++) {
        if (s.contains(v)) {
            out.push_back(v);
        }
    }
    return out;
}

TEST(TnumTest, EveryOperationHoldsEveryResult) {
    // All pairs of six-bit patterns: 3^6 each.
    std::vector<Tnum> all;
    for (u64 mask = 0; mask < 64; mask++) {
        for (u64 value = 0; value < 64; value++) {
            if ((value & mask) == 0) {
                all.push_back({value, mask});
            }
        }
    }
    ASSERT_EQ(all.size(), 729u);
    for (size_t i = 0; i < all.size(); i += 3) {
        for (size_t j = 0; j < all.size(); j += 5) {
            Tnum a = all[i];
            Tnum b = all[j];
            Tnum sum = tnum_add(a, b);
            Tnum difference = tnum_sub(a, b);
            Tnum product = tnum_mul(a, b);
            for (u64 x = a.mask;; x = (x - 1) & a.mask) {
                for (u64 y = b.mask;; y = (y - 1) & b.mask) {
                    u64 p = a.value | x;
                    u64 q = b.value | y;
                    ASSERT_TRUE(sum.contains(p + q));
                    ASSERT_TRUE(difference.contains(p - q));
                    ASSERT_TRUE(product.contains(p * q));
                    ASSERT_TRUE(tnum_and(a, b).contains(p & q));
                    ASSERT_TRUE(tnum_or(a, b).contains(p | q));
                    ASSERT_TRUE(tnum_xor(a, b).contains(p ^ q));
                    if (y == 0) break;
                }
                if (x == 0) break;
            }
        }
    }
}

TEST(TnumTest, IncludesConflictsAndMeetsAsItsNumbersDo) {
    std::vector<Tnum> all;
    for (u64 mask = 0; mask < 16; mask++) {
        for (u64 value = 0; value < 16; value++) {
            if ((value & mask) == 0) {
                all.push_back({value, mask});
            }
        }
    }
    for (Tnum a : all) {
        for (Tnum b : all) {
            bool includes = true, meets = false;
            for (u64 v = 0; v < 16; v++) {
                includes = includes && (!b.contains(v) || a.contains(v));
                meets = meets || (a.contains(v) && b.contains(v));
                if (a.contains(v) && b.contains(v)) {
                    EXPECT_TRUE(tnum_intersect(a, b).contains(v));
                }
            }
            EXPECT_EQ(a.includes(b), includes) << a.value << '/' << a.mask << ' ' << b.value << '/' << b.mask;
            EXPECT_EQ(a.conflicts(b), !meets);
        }
    }
    for (u64 low = 0; low < 40; low++) {
        for (u64 high = low; high < 40; high++) {
            for (u64 v = low; v <= high; v++) {
                ASSERT_TRUE(Tnum::range(low, high).contains(v)) << low << ' ' << high << ' ' << v;
            }
        }
    }
}

// A path ends at a state that includes its own: all of its numbers must be among the other's.
TEST(ScalarTest, WhatIsIncludedHasNoNumberOfItsOwn) {
    std::vector<Small> all = samples();
    size_t included = 0;
    for (size_t i = 0; i < all.size(); i++) {
        for (size_t j = 0; j < all.size(); j += 7) {
            if (!all[i].includes(all[j])) {
                continue;
            }
            included++;
            for (u64 v : members(all[j])) {
                ASSERT_TRUE(all[i].contains(v)) << i << ' ' << j << ' ' << v;
            }
        }
    }
    EXPECT_GT(included, all.size());
}

TEST(ScalarTest, SynchronizingLosesNoNumber) {
    for (int low = 0; low < 256; low += 3) {
        for (int high = low; high < 256; high += 5) {
            for (int slow = -128; slow < 128; slow += 37) {
                for (u64 mask : {0xffu, 0x3fu, 0xf1u}) {
                    Small s;
                    s.umin = static_cast<u64>(low);
                    s.umax = static_cast<u64>(high);
                    s.smin = slow;
                    s.bits = {0, mask};
                    Small t = s;
                    synchronize(t);
                    for (u64 v : members(s)) {
                        ASSERT_TRUE(t.contains(v)) << low << ' ' << high << ' ' << slow << ' ' << v;
                    }
                }
            }
        }
    }
}

TEST(ScalarTest, EveryResultOfEveryOperationIsHeld) {
    std::vector<Small> all = samples();
    for (size_t i = 0; i < all.size(); i += 5) {
        std::vector<u64> left = members(all[i]);
        for (size_t j = i % 3; j < all.size(); j += 11) {
            std::vector<u64> right = members(all[j]);
            for (u8 op : kOperations) {
                Small full = alu_full(op, all[i], all[j]);
                Small half = alu_half(op, all[i], all[j]);
                for (size_t x = 0; x < left.size(); x += 1 + left.size() / 16) {
                    for (size_t y = 0; y < right.size(); y += 1 + right.size() / 16) {
                        ASSERT_TRUE(full.contains(execute(op, left[x], right[y], 8)))
                            << "op " << int{op} << ' ' << left[x] << ' ' << right[y];
                        ASSERT_TRUE(half.contains(execute(op, left[x], right[y], 4)))
                            << "half op " << int{op} << ' ' << left[x] << ' ' << right[y];
                    }
                }
            }
        }
    }
}

TEST(ScalarTest, ABranchKeepsWhatMayTakeItAndDecidesRightly) {
    std::vector<Small> all = samples();
    for (size_t i = 0; i < all.size(); i += 5) {
        std::vector<u64> left = members(all[i]);
        for (size_t j = i % 3; j < all.size(); j += 11) {
            std::vector<u64> right = members(all[j]);
            for (u8 op : kComparisons) {
                for (bool wide : {true, false}) {
                    Decision decision = decide(op, wide, all[i], all[j]);
                    Small a[2] = {all[i], all[i]};
                    Small b[2] = {all[j], all[j]};
                    refine(op, wide, false, a[0], b[0]);
                    refine(op, wide, true, a[1], b[1]);
                    for (size_t x = 0; x < left.size(); x += 1 + left.size() / 16) {
                        for (size_t y = 0; y < right.size(); y += 1 + right.size() / 16) {
                            bool outcome = holds(op, left[x], right[y], wide ? 8 : 4);
                            ASSERT_FALSE(decision == (outcome ? Decision::Never : Decision::Always));
                            ASSERT_FALSE(a[outcome].is_empty());
                            ASSERT_TRUE(a[outcome].contains(left[x]) &&
                                        b[outcome].contains(right[y]))
                                << "op " << int{op} << " wide " << wide << ' ' << left[x] << ' '
                                << right[y];
                        }
                    }
                }
            }
        }
    }
}

TEST(ScalarTest, ExtensionsHoldEveryResult) {
    for (const Small& s : samples()) {
        for (unsigned bits : {2u, 4u}) {
            Small zero = extend(s, bits, false);
            Small sign = extend(s, bits, true);
            for (u64 v : members(s)) {
                u64 low = v & ((1u << bits) - 1);
                u64 extended = low | ((low >> (bits - 1)) & 1 ? 0xffu << bits & 0xff : 0);
                ASSERT_TRUE(zero.contains(low));
                ASSERT_TRUE(sign.contains(extended)) << bits << ' ' << v;
            }
        }
    }
}

TEST(ScalarTest, FullWidthAtRandom) {
    std::mt19937_64 random(20240613);
    auto number = [&] {
        u64 v = random();
        switch (random() % 5) {
            case 0: return v & 0xff;
            case 1: return v | 0xffffffff00000000u;
            case 2: return v & 0xffffffffu;
            case 3: return u64{1} << (v & 63);
            default: return v;
        }
    };
    for (int round = 0; round < 200'000; round++) {
        u64 a = number();
        u64 b = number();
        auto around = [&](u64 v) {
            Scalar s;
            u64 spread = number() >> (random() % 64);
            s.umin = v > spread ? v - spread : 0;
            s.umax = v + spread < v ? ~u64{0} : v + spread;
            u64 mask = number() & number();
            s.bits = {v & ~mask, mask};
            synchronize(s);
            return s;
        };
        Scalar x = around(a);
        Scalar y = around(b);
        ASSERT_TRUE(x.contains(a) && y.contains(b));
        for (u8 op : kOperations) {
            ASSERT_TRUE(alu_full(op, x, y).contains(execute(op, a, b, 64))) << int{op};
            ASSERT_TRUE(alu_half(op, x, y).contains(execute(op, a, b, 32))) << int{op};
        }
        for (u8 op : kComparisons) {
            for (bool wide : {true, false}) {
                bool outcome = holds(op, a, b, wide ? 64 : 32);
                Scalar p = x;
                Scalar q = y;
                refine(op, wide, outcome, p, q);
                ASSERT_TRUE(p.contains(a) && q.contains(b)) << int{op} << wide << a << ' ' << b;
            }
        }
        for (unsigned bits : {8u, 16u, 32u}) {
            u64 low = a & ((u64{1} << bits) - 1);
            ASSERT_TRUE(extend(x, bits, false).contains(low));
            ASSERT_TRUE(extend(x, bits, true).contains(
                static_cast<u64>(static_cast<s64>(a << (64 - bits)) >> (64 - bits))));
        }
    }
}

}  // namespace
}  // namespace gyre::bpf
