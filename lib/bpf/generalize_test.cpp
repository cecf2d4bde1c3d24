// SPDX-License-Identifier: MIT
//
// Loops and joins that are generalized: traps for an induction argument that is not one, and random
// loops, each decided twice (with generalization and round by round) and then run.
#include "lib/bpf/widen.h"

#include <gtest/gtest.h>

#include <random>
#include <vector>

#include "lib/bpf/interpreter.h"
#include "lib/bpf/test_code.h"

namespace gyre::bpf {
namespace {

using namespace test;

Decider& decider() {
    static Decider shared;
    return shared;
}

Report decide(const Code& code, bool may_generalize, u64 limit = 1'000'000) {
    Limits limits;
    limits.insns_processed = limit;
    limits.may_generalize = may_generalize;
    return decider().decide(code, limits);
}

// Accepted in a tenth of what its rounds would take.
void expect_generalized(const Code& code) {
    Report plain = decide(code, false);
    Report report = decide(code, true);
    EXPECT_TRUE(report.is_accepted) << report.text;
    EXPECT_LT(report.statistics.insns_processed, plain.statistics.insns_processed / 10);
}

void expect_refused(const Code& code, Problem problem) {
    Report report = decide(code, true);
    EXPECT_FALSE(report.is_accepted);
    EXPECT_EQ(report.problem, problem) << problem_name(report.problem) << ": " << report.text;
}

// r6 counts; the byte at fp - 512 + r6 is written each round.
Code counted(std::initializer_list<Insn> body) {
    Code code = {mov(6, 0), copy(2, 10), alu_reg(kAdd, 2, 6), clear_byte(2, -512)};
    code.insert(code.end(), body);
    code.push_back(mov(0, 0));
    code.push_back(leave());
    return code;
}

TEST(Induction, CountersWithBoundsAreGeneralized) {
    expect_generalized(counted({alu(kAdd, 6, 1), jump(kJlt, 6, 512, -5)}));
    expect_generalized(counted({alu(kAdd, 6, 1), jump(kJne, 6, 512, -5)}));
    expect_generalized(counted({alu32(kAdd, 6, 1), jump32(kJslt, 6, 512, -5)}));
    expect_generalized(counted({alu(kAdd, 6, 4), jump(kJle, 6, 508, -5)}));
    // Downwards, and in memory.
    expect_generalized({mov(6, 511), copy(2, 10), alu_reg(kAdd, 2, 6), clear_byte(2, -512),
                        alu(kSub, 6, 1), jump(kJsgt, 6, -1, -5), mov(0, 0), leave()});
    expect_generalized({mov(6, 0), store(10, -8, 6), load(7, 10, -8), alu(kAdd, 7, 1),
                        store(10, -8, 7), jump(kJlt, 7, 2000, -4), mov(0, 0), leave()});
    // The test is made on the old value, the step on a copy.
    expect_generalized({mov(6, 0), copy(2, 10), alu_reg(kAdd, 2, 6), clear_byte(2, -500),
                        make(kClassAlu | 0x08 | kMov, 1, 6, 0, 0), alu32(kAdd, 1, 1),
                        jump32(kJgt, 6, 450, 2), copy(6, 1), jump(kJne, 6, 490, -8), mov(0, 0),
                        leave()});
}

TEST(Induction, FollowersAreBoundedByRounds) {
    // A pointer walks the stack; another number counts.
    expect_generalized({mov(6, 0), copy(2, 10), alu(kAdd, 2, -512), clear_byte(2, 0),
                        alu(kAdd, 2, 2), alu(kAdd, 6, 1), jump(kJlt, 6, 256, -4), mov(0, 0),
                        leave()});
    // One step too far.
    expect_refused({mov(6, 0), copy(2, 10), alu(kAdd, 2, -512), clear_byte(2, 0), alu(kAdd, 2, 2),
                    alu(kAdd, 6, 1), jump(kJlt, 6, 257, -4), mov(0, 0), leave()},
                   Problem::OutOfBounds);
    // It steps by three where the byte of the context is zero.
    expect_refused({load_word(7, 1, 0), mov(6, 0), copy(2, 10), alu(kAdd, 2, -512),
                    clear_byte(2, 0), jump(kJne, 7, 0, 1), alu(kAdd, 2, 1), alu(kAdd, 2, 2),
                    alu(kAdd, 6, 1), jump(kJlt, 6, 256, -6), mov(0, 0), leave()},
                   Problem::OutOfBounds);
}

// The counter of a loop moves by two or by one, as a number says that stays: the more rounds there are, the further
// a pointer comes.
TEST(Induction, AFollowerIsBoundedByTheRoundsOfItsOwnWay) {
    auto loop = [](s32 one, s32 other, s32 bound) {
        return Code{load_word(7, 1, 0), mov(6, 0), copy(2, 10), alu(kAdd, 2, -512), clear_byte(2, 0), alu(kAdd, 2, 1),
                    jump(kJeq, 7, 0, 2), alu(kAdd, 6, one), make(kClassJmp | kJa, 0, 0, 1, 0), alu(kAdd, 6, other),
                    jump(kJlt, 6, bound, -7), mov(0, 0), leave()};
    };
    for (bool swap : {false, true}) {
        const s32 one = swap ? 2 : 1;
        expect_refused(loop(one, 3 - one, 514), Problem::OutOfBounds);
        EXPECT_TRUE(decide(loop(one, 3 - one, 512), true).is_accepted);
        expect_refused(loop(one == 2 ? 40 : 1, one == 2 ? 1 : 40, 600), Problem::OutOfBounds);
    }
}

// A number that is a distance away from another is further away each round.
TEST(Induction, LinkedNumbersThatPartAreToldApart) {
    const Insn now = make(kClassJmp | kCall, 0, 0, 0, 5);  // ktime_get_ns: any number
    auto loop = [&](s32 step) {
        return Code{now, copy(8, 0), copy(4, 8), mov(6, 0), alu(kAdd, 4, step), alu(kAdd, 6, 1), jump(kJlt, 6, 100, -3),
                    jump(kJgt, 8, 10, 3), copy(2, 10), alu_reg(kAdd, 2, 4), clear_byte(2, -512), mov(0, 0), leave()};
    };
    EXPECT_TRUE(decide(loop(5), true).is_accepted);
    expect_refused(loop(6), Problem::OutOfBounds);
}

// A read of the stack somewhere may meet a pointer; one that is sure to in some round may not.
TEST(Induction, ARoundThatReadsAPartOfAPointerIsSeen) {
    Code code;
    for (int slot = -64; slot < 0; slot += 8) {
        code.push_back(slot == -24 ? store(10, slot, 10) : make(kClassSt | kModeMem | kSizeDw, 10, 0, slot, 5));
    }
    const Code walk = {copy(2, 10), alu(kAdd, 2, -64), mov(6, 0), make(kClassLdx | kModeMem | kSizeB, 3, 2, 0, 0),
                       alu(kAdd, 2, 1), alu(kAdd, 6, 1), jump(kJlt, 6, 64, -4), mov(0, 0), leave()};
    code.insert(code.end(), walk.begin(), walk.end());
    expect_refused(code, Problem::BadRegisterUse);
}

TEST(Induction, ACounterThatWrapsRoundProvesNothing) {
    // 256 rounds lead back to 0, and never to 1.
    expect_refused({mov(6, 0), alu32(kAdd, 6, 1 << 24), jump32(kJne, 6, 1, -2), mov(0, 0), leave()},
                   Problem::InfiniteLoop);
    // The same downwards, with the sum kept in another register.
    expect_refused({mov(6, 0), alu32(kSub, 6, 1 << 24), copy(7, 6), jump32(kJne, 7, 1, -3),
                    mov(0, 0), leave()},
                   Problem::InfiniteLoop);
}

TEST(Induction, BoundsOneTooLargeAreRefused) {
    expect_refused(counted({alu(kAdd, 6, 1), jump(kJle, 6, 512, -5)}), Problem::OutOfBounds);
    expect_refused(counted({alu(kAdd, 6, 1), jump(kJne, 6, 513, -5)}), Problem::OutOfBounds);
    // A stride that steps over the number it waits for.
    expect_refused(counted({alu(kAdd, 6, 5), jump(kJne, 6, 512, -5)}), Problem::OutOfBounds);
}

TEST(Induction, LoopsWithoutEndAreRefused) {
    // Stepped forth and back.
    expect_refused({mov(6, 0), alu(kAdd, 6, 1), alu(kSub, 6, 1), jump(kJlt, 6, 10, -3), mov(0, 0),
                    leave()},
                   Problem::InfiniteLoop);
    // A step of unknown sign.
    EXPECT_FALSE(decide({load_word(7, 1, 0), alu(kSub, 7, 5), mov(6, 0),
                                 alu_reg(kAdd, 6, 7), jump(kJslt, 6, 100, -2), mov(0, 0), leave()},
                                true, 20'000).is_accepted);
    // The bound runs away as fast as the number.
    EXPECT_FALSE(decide({mov(6, 0), mov(7, 10), alu(kAdd, 6, 1), alu(kAdd, 7, 1),
                                 jump_reg(kJlt, 6, 7, -3), mov(0, 0), leave()},
                                true, 20'000).is_accepted);
    // A half that wraps below a bound that it never reaches, and the same in full width.
    EXPECT_FALSE(decide({mov(6, 0), alu32(kAdd, 6, 0x10000000),
                                 jump32(kJle, 6, -1, -2), mov(0, 0), leave()},
                                true, 20'000).is_accepted);
    EXPECT_FALSE(decide({mov(6, 0), alu(kAdd, 6, 0x40000000), jump(kJle, 6, -1, -2),
                                 mov(0, 0), leave()},
                                true, 20'000).is_accepted);
    // Only the lower half is compared; the step leaves it as it is.
    EXPECT_FALSE(decide({mov(6, 0), mov(7, 1), alu(kLsh, 7, 32), alu_reg(kAdd, 6, 7),
                                 jump32(kJlt, 6, 10, -2), mov(0, 0), leave()},
                                true, 20'000).is_accepted);
    // One way back does not count.
    EXPECT_FALSE(decide({load_word(7, 1, 0), mov(6, 0), load_word(8, 1, 4),
                                 jump_reg(kJeq, 7, 8, -2), alu(kAdd, 6, 1), jump(kJlt, 6, 100, -4),
                                 mov(0, 0), leave()},
                                true, 20'000).is_accepted);
}

// r7 is any number of that many bits, and moves on by a constant until none of the bits of `mask` is set.
Code moves_on_until_clear(s32 width, s32 mask) {
    return {load_word(7, 1, 0), alu(kAnd, 7, width), alu(kAdd, 7, 0x1ab064b9), jump(kJset, 7, mask, -2),
            mov(0, 0), leave()};
}

TEST(Induction, ATestOfBitsThatStaysOpenIsKnownToGoOn) {
    Report report = decide(moves_on_until_clear(0xffff, 0x702000), true);
    EXPECT_EQ(report.problem, Problem::TooComplex) << report.text;
    EXPECT_LT(report.statistics.insns_processed, 100u);
    EXPECT_NE(std::string_view(report.text, report.text_length).find("loop from instruction 2 to 3"),
              std::string_view::npos) << report.text;
    // Of a number that does not span the lowest of the bits it is known in the end.
    Report narrow = decide(moves_on_until_clear(0xff, 0x702000), true);
    EXPECT_TRUE(narrow.is_accepted) << narrow.text;
    EXPECT_TRUE(decide(moves_on_until_clear(0xff, 0x702000), false).is_accepted);
    // One bit is learned where it was tested.
    Report single = decide(moves_on_until_clear(0xffff, 0x2000), true, 20'000);
    EXPECT_EQ(single.is_accepted, decide(moves_on_until_clear(0xffff, 0x2000), false, 20'000).is_accepted);
}

// A length from which something is taken or not, many times over, and which is added to a pointer that
// nobody follows. `odd`: one more way there, with that length.
Code taken_from_or_not(u32 times, s32 odd) {
    Code code = {copy(6, 1), mov(7, 16384)};
    for (u32 i = 0; i < times; i++) {
        code.push_back(load_word(8, 6, 0));
        code.push_back(jump(kJeq, 8, static_cast<s32>(i), 4));
        code.push_back(load_word(9, 6, 4));
        code.push_back(alu(kAnd, 9, 4095));
        code.push_back(alu32(kAdd, 9, 2));
        code.push_back(make(kClassAlu | 0x08 | kSub, 7, 9, 0, 0));
    }
    if (odd != 0) {
        code.push_back(load_word(8, 6, 0));
        code.push_back(jump(kJne, 8, 1000, 1));
        code.push_back(alu32(kMov, 7, odd));
    }
    code.push_back(copy(2, 10));
    code.push_back(alu_reg(kAdd, 2, 7));
    code.push_back(mov(0, 0));
    code.push_back(leave());
    return code;
}

TEST(Widening, JoinedNumbersAreTakenIfEachWouldBe) {
    expect_generalized(taken_from_or_not(200, 0));
    // Far out on one way: that one is refused, whatever it meets.
    for (u32 times = 0; times < 4; times++) {
        expect_refused(taken_from_or_not(times, -1), Problem::PointerArithmetic);
        expect_refused(taken_from_or_not(times, 0x40000000), Problem::PointerArithmetic);
        EXPECT_TRUE(decide(taken_from_or_not(times, 0x1000), true).is_accepted);
    }
}

TEST(Induction, ExitsThatDoNotCoverEveryWayBack) {
    // The bound is checked on one of two ways; on the other the counter only grows.
    EXPECT_FALSE(decide({load_word(7, 1, 0), mov(6, 0), alu(kAdd, 6, 1),
                                 jump(kJeq, 7, 0, -2), jump(kJlt, 6, 100, -3), mov(0, 0), leave()},
                                true, 20'000).is_accepted);
}

TEST(Induction, WaysThatMeetInTheBodyAreToldApart) {
    // One way counts; the other does not, and is within the bounds of the first where they meet.
    Code code = {mov(6, 0), mov(0, 0), load_word(8, 1, 4)};
    code.insert(code.end(), 120, mov(9, 2));  // enough for the meeting to be worth a checkpoint
    code.insert(code.end(), {jump(kJeq, 8, 0, 2), alu(kAdd, 6, 1), jump(kJa, 0, 0, 2),
                             jump(kJgt, 6, 50, 3), jump(kJlt, 6, 10, 2), mov(9, 0),
                             jump(kJlt, 6, 100, -128), mov(0, 0), leave()});
    EXPECT_FALSE(decide(code, true, 20'000).is_accepted);
    // A counter with a near bound may start again; the pointer goes on to the bound of the other.
    expect_refused({mov(6, 0), mov(7, 0), copy(2, 10), alu(kAdd, 2, -512), clear_byte(2, 0),
                    alu(kAdd, 2, 8), alu(kAdd, 6, 1), load_word(8, 1, 4), jump(kJeq, 8, 0, 1),
                    jump(kJa, 0, 0, 1), mov(6, 0), jump(kJgt, 6, 10, 2), alu(kAdd, 7, 1),
                    jump(kJlt, 7, 100, -10), mov(0, 0), leave()},
                   Problem::OutOfBounds);
}

TEST(Induction, NestedLoopsAndCalls) {
    // for (i = 0; i < 40; i++) for (j = 0; j < i; j++) byte[i + j] = 0
    expect_generalized({mov(6, 0), mov(7, 0), jump_reg(kJge, 7, 6, 6), copy(2, 10),
                        alu_reg(kAdd, 2, 6), alu_reg(kAdd, 2, 7), clear_byte(2, -79),
                        alu(kAdd, 7, 1), jump(kJa, 0, 0, -7), alu(kAdd, 6, 1),
                        jump(kJlt, 6, 40, -10), mov(0, 0), leave()});
    expect_refused({mov(6, 0), mov(7, 0), jump_reg(kJge, 7, 6, 6), copy(2, 10),
                    alu_reg(kAdd, 2, 6), alu_reg(kAdd, 2, 7), clear_byte(2, -77),
                    alu(kAdd, 7, 1), jump(kJa, 0, 0, -7), alu(kAdd, 6, 1),
                    jump(kJlt, 6, 40, -10), mov(0, 0), leave()},
                   Problem::OutOfBounds);
    // The body is a call that writes where it is told.
    expect_generalized({mov(6, 0), copy(1, 10), alu_reg(kAdd, 1, 6), call(4), alu(kAdd, 6, 1),
                        jump(kJlt, 6, 300, -5), mov(0, 0), leave(), mov(0, 0),
                        clear_byte(1, -300), mov(0, 0), leave()});
    // The callee counts in its caller's frame.
    expect_generalized({mov(6, 0), store(10, -8, 6), copy(1, 10), call(4), load(6, 10, -8),
                        jump(kJlt, 6, 300, -4), mov(0, 0), leave(), load(2, 1, -8),
                        alu(kAdd, 2, 1), store(1, -8, 2), mov(0, 0), leave()});
}

TEST(Induction, MayGotoIsNoBoundForACounter) {
    // The budget ends the loop, but the counter may pass every bound before.
    expect_refused({mov(6, 0), may_goto(5), copy(2, 10), alu_reg(kAdd, 2, 6),
                    clear_byte(2, -512), alu(kAdd, 6, 1), jump(kJa, 0, 0, -6), mov(0, 0), leave()},
                   Problem::OutOfBounds);
}

TEST(Induction, MayGotoToItselfNeverEnds) {
    expect_refused({load_word(6, 1, 0), may_goto(-1), jump(kJgt, 6, 10, -2), mov(0, 0), leave()},
                   Problem::InfiniteLoop);
    Report report = decide({may_goto(-1), mov(0, 0), leave()}, true);
    EXPECT_FALSE(report.is_accepted);
    EXPECT_LT(report.statistics.insns_processed, 100u);
}

TEST(Widening, ThresholdsAreNeighbours) {
    Thresholds ends;
    for (s64 v : {10, -3, 7, 10, 100}) {
        ends.add(v);
    }
    EXPECT_EQ(ends.above(8), 10);
    EXPECT_EQ(ends.above(10), 10);
    EXPECT_EQ(ends.above(101), Width<64>::kSignedMax);
    EXPECT_EQ(ends.below(9), 7);
    EXPECT_EQ(ends.below(-4), Width<64>::kSignedMin);
}

TEST(Widening, IncludesWhatItStandsFor) {
    std::mt19937_64 random(7);
    Thresholds ends;
    for (s64 v : {0, 1, 15, 16, 255, 599, 600}) {
        ends.add(v);
    }
    for (u32 k = 0; k < 20'000; k++) {
        u64 first = random() >> (random() % 64);
        s64 step = static_cast<s64>(random() >> (random() % 64)) * (random() % 2 ? 1 : -1);
        Scalar start = Scalar::constant(first);
        Scalar seen = Scalar::constant(random() >> (random() % 64));
        Scalar wide = widen_rounds(start, step, start, ends);
        EXPECT_TRUE(wide.includes(start));
        EXPECT_TRUE(widen_rounds(start, 0, seen, ends).includes(seen));
        EXPECT_TRUE(widen_join(start, seen, ends).includes(start));
        EXPECT_TRUE(widen_join(start, seen, ends).includes(seen));
        // Every round within the bounds is a value that the number may have.
        u64 at = first;
        for (u32 round = 0; round < 4; round++) {
            s64 next = 0;
            if (__builtin_add_overflow(static_cast<s64>(at), step, &next) || next < wide.smin ||
                next > wide.smax) {
                break;
            }
            at = static_cast<u64>(next);
            EXPECT_TRUE(wide.contains(at));
        }
    }
}

TEST(Widening, ANumberProvesAnEndOnlyIfItAlwaysMovesOneWay) {
    Varying v;
    v.low = 0;
    v.high = 100;
    EXPECT_EQ(v.most_rounds(), 0u);
    v.note_way_back(true, 2);
    v.note_way_back(true, 5);
    EXPECT_EQ(v.most_rounds(), 51u);
    Varying zero = v;
    zero.note_way_back(true, 0);
    EXPECT_EQ(zero.most_rounds(), 0u);
    Varying back = v;
    back.note_way_back(true, -1);
    EXPECT_EQ(back.most_rounds(), 0u);
    Varying lost = v;
    lost.note_way_back(false, 2);
    EXPECT_EQ(lost.most_rounds(), 0u);
    Varying wraps = v;
    wraps.high = Width<64>::kSignedMax - 4;
    EXPECT_EQ(wraps.most_rounds(), 0u);
}

// Random loops over r6 to r9 and two stack slots, with exits, skips and accesses whose offset is one
// of the numbers.
class Generator {
public:
    explicit Generator(u64 seed) : random_(seed) {}

    Code program() {
        code_ = {load_word(6, 1, 0), mov(7, small()), mov(8, small()), mov(9, small()),
                 store(10, -8, 7), store(10, -16, 8)};
        if (pick(2) == 0) {
            code_.push_back(alu(kAnd, 6, 63));
        }
        if (pick(3) == 0) {
            code_[0] = mov(6, small());
        }
        loop(pick(3) == 0 ? 2 : 1);
        access(number());
        for (size_t at : exits_) {
            code_[at].off = static_cast<s16>(code_.size() - at - 1);
        }
        code_.push_back(mov(0, 0));
        code_.push_back(leave());
        return code_;
    }

private:
    u32 pick(u32 count) { return static_cast<u32>(random_() % count); }
    s32 small() { return static_cast<s32>(pick(24)) - 4; }
    unsigned number() { return 6 + pick(4); }
    u8 comparison() {
        static constexpr u8 kOps[] = {kJeq, kJne, kJgt, kJge, kJlt, kJle,
                                      kJsgt, kJsge, kJslt, kJsle, kJset};
        return kOps[pick(11)];
    }
    Insn compare(int off) {
        u8 op = comparison();
        u8 width = pick(2) ? kClassJmp : kClassJmp32;
        return pick(3) == 0 ? make(width | 0x08 | op, number(), number(), off, 0)
                            : make(width | op, number(), 0, off, small());
    }
    void access(unsigned r) {
        code_.push_back(copy(2, 10));
        code_.push_back(alu_reg(kAdd, 2, r));
        code_.push_back(clear_byte(2, -64));
    }
    void step() {
        unsigned r = number();
        switch (pick(12)) {
            case 0: code_.push_back(alu(kAdd, r, small())); break;
            case 1: code_.push_back(alu32(kAdd, r, small())); break;
            case 2: code_.push_back(alu(kSub, r, small())); break;
            case 3: code_.push_back(copy(r, number())); break;
            case 4: code_.push_back(alu(kAnd, r, 31)); break;
            case 5: code_.push_back(pick(2) ? store(10, -8, r) : store(10, -16, r)); break;
            case 6: code_.push_back(pick(2) ? load(r, 10, -8) : load(r, 10, -16)); break;
            case 7: access(r); break;
            case 8:
                exits_.push_back(code_.size());
                code_.push_back(compare(0));
                break;
            case 9:
                code_.push_back(compare(1));
                code_.push_back(alu(kAdd, r, 1));
                break;
            case 10: code_.push_back(alu_reg(pick(2) ? kAdd : kSub, r, number())); break;
            default: code_.push_back(load_word(r, 10, pick(2) ? -8 : -12)); break;
        }
    }
    void loop(u32 depth) {
        unsigned counter = number();
        if (pick(3) != 0) {
            code_.push_back(mov(counter, small()));
        }
        size_t head = code_.size();
        u32 steps = 1 + pick(6);
        for (u32 i = 0; i < steps; i++) {
            step();
        }
        if (depth > 1) {
            loop(depth - 1);
        }
        if (pick(5) != 0) {
            static constexpr s32 kSteps[] = {1, 1, 1, 2, 3, -1};
            s32 by = kSteps[pick(6)];
            code_.push_back(pick(2) ? alu(kAdd, counter, by) : alu32(kAdd, counter, by));
        }
        Insn back = compare(0);
        if (pick(4) != 0) {
            back = make(static_cast<u8>((pick(2) ? kClassJmp : kClassJmp32) | comparison()), counter, 0,
                        0, small());
        }
        back.off = static_cast<s16>(static_cast<int>(head) - static_cast<int>(code_.size()) - 1);
        code_.push_back(back);
    }

    std::mt19937_64 random_;
    Code code_;
    std::vector<size_t> exits_;
};

TEST(Generalization, DecidesRandomLoopsAsEveryRoundDoes) {
    const char* more = getenv("GYRE_BPF_LOOPS");
    u64 count = more != nullptr ? strtoull(more, nullptr, 10) : 200;
    u64 accepted = 0;
    u64 sooner = 0;
    std::vector<u8> run_memory(1 << 20);
    for (u64 seed = 1; seed <= count; seed++) {
        Code code = Generator(seed).program();
        Report plain = decide(code, false, 10'000);
        Report report = decide(code, true, 10'000);
        bool gave_up = plain.problem == Problem::TooComplex;
        ASSERT_TRUE(report.is_accepted == plain.is_accepted || (report.is_accepted && gave_up))
            << "seed " << seed << ": " << problem_name(plain.problem) << " at " << plain.insn
            << " became " << problem_name(report.problem) << "\n" << listing(code);
        accepted += report.is_accepted;
        sooner += report.statistics.insns_processed < plain.statistics.insns_processed;
        if (!report.is_accepted) {
            continue;
        }
        Program program;
        program.insns = code;
        program.type = ProgramType::SocketFilter;
        for (u64 run = 0; run < 3; run++) {
            Arena arena(run_memory);
            Interpreter interpreter;
            ASSERT_EQ(interpreter.prepare(program, decider().environment, arena), nullptr);
            u8 context[256] = {};
            std::mt19937_64 random(seed * 3 + run);
            for (u8& byte : context) {
                byte = run == 0 ? 0 : static_cast<u8>(random() >> (run == 1 ? 58 : 0));
            }
            RunResult result = interpreter.run(context, {}, 4'000'000, seed);
            ASSERT_TRUE(result.is_finished)
                << "seed " << seed << ": " << (result.fault != nullptr ? result.fault : "no end")
                << " at " << result.insn << "\n" << listing(code);
        }
    }
    EXPECT_GT(accepted, count / 20);
    EXPECT_GT(sooner, count / 100);
}

}  // namespace
}  // namespace gyre::bpf
