// SPDX-License-Identifier: MIT
//
// Where a refusal says that its value came from: the cause, not what happens to lie nearest.
#include <gtest/gtest.h>

#include <vector>

#include "lib/bpf/test_code.h"

namespace gyre::bpf {
namespace {

using namespace test;

constexpr s32 kLookup = 1, kRandom = 7, kPullData = 39, kReadUser = 112;

constexpr Insn load_byte(unsigned dst, unsigned base, int off) {
    return make(kClassLdx | kModeMem | kSizeB, dst, base, off, 0);
}
constexpr Insn clear(unsigned base, int off) {
    return make(kClassSt | kModeMem | kSizeDw, base, 0, off, 0);
}

Report refuse(ProgramType type, const Code& code, std::span<const Map* const> maps = {},
              const Limits& limits = {}) {
    std::vector<u8> memory(size_t{16} << 20);
    const Environment environment =
        linux_tables::environment(*linux_tables::find_target("linux-6.18"), nullptr);
    Program program;
    program.type = type;
    program.insns = code;
    program.maps = maps;
    program.is_gpl = true;
    Arena arena(memory);
    Report report;
    verify(program, environment, arena, limits, report);
    EXPECT_FALSE(report.is_accepted);
    return report;
}

TEST(Origin, NamesTheCallThatMovedThePacket) {
    const Report report =
        refuse(ProgramType::SchedCls,
               {copy(6, 1), load_word(7, 1, 76), mov(2, 40), call_helper(kRandom), copy(1, 6),
                mov(2, 40), call_helper(kPullData), load_byte(0, 7, 0), leave()});
    ASSERT_EQ(report.insn, 7u);
    ASSERT_EQ(report.origin_count, 2u);
    EXPECT_EQ(report.origins[0].kind, OriginKind::Invalidated);
    EXPECT_EQ(report.origins[0].insn, 6u);
    EXPECT_EQ(report.origins[1].kind, OriginKind::Loaded);
    EXPECT_EQ(report.origins[1].insn, 1u);
}

bool has_origin(const Report& report, OriginKind kind, u32 insn) {
    for (u32 i = 0; i < report.origin_count; i++) {
        if (report.origins[i].kind == kind && report.origins[i].insn == insn) {
            return true;
        }
    }
    return false;
}

std::string_view text_of(const Report& report) { return {report.text, report.text_length}; }

constexpr s32 kLookupSocket = 84, kReleaseSocket = 86, kAdjustHead = 44;

// A socket in r0; instructions 0 to 11, the call is the last.
Code look_up_socket() {
    return {copy(6, 1), clear(10, -48), clear(10, -40), clear(10, -32), clear(10, -24), clear(10, -16), copy(2, 10), alu(kAdd, 2, -48),
            mov(3, 12), make(kClassAlu64 | kMov, 4, 0, 0, -1), mov(5, 0), call_helper(kLookupSocket)};
}

Code join(Code code, const Code& more) {
    code.insert(code.end(), more.begin(), more.end());
    return code;
}

TEST(Origin, NamesTheCallThatReleasedTheObject) {
    const Report report =
        refuse(ProgramType::SchedCls,
               join(look_up_socket(), {make(kClassJmp | kJeq, 0, 0, 4, 0), copy(7, 0), copy(1, 0), call_helper(kReleaseSocket),
                                       load_word(0, 7, 72), mov(0, 0), leave()}));
    EXPECT_EQ(report.problem, Problem::BadRegisterUse);
    EXPECT_TRUE(has_origin(report, OriginKind::Released, 15));
    EXPECT_TRUE(has_origin(report, OriginKind::Returned, 11));
    EXPECT_NE(text_of(report).find("until the call at instruction 15 gave it up"), std::string_view::npos);
    EXPECT_NE(std::string_view(hint(report)).find("before that call"), std::string_view::npos);
}

TEST(Origin, NamesThePathOnWhichAReferenceIsKept) {
    const Report report =
        refuse(ProgramType::SchedCls,
               join(look_up_socket(), {make(kClassJmp | kJeq, 0, 0, 4, 0), load_word(2, 0, 72), make(kClassJmp | kJeq, 2, 0, 2, 10),
                                       copy(1, 0), call_helper(kReleaseSocket), mov(0, 0), leave()}));
    EXPECT_EQ(report.problem, Problem::ReferenceLeak);
    ASSERT_GE(report.origin_count, 2u);
    EXPECT_EQ(report.origins[0].kind, OriginKind::Branched);
    EXPECT_EQ(report.origins[0].insn, 14u);
    EXPECT_EQ(report.origins[0].umin, 1u);  // it jumped
    EXPECT_TRUE(has_origin(report, OriginKind::Acquired, 11));
    EXPECT_EQ(report.origin_insn, 11u);
}

TEST(Origin, KnowsAnEndOfThePacketThatIsNoneAnyMore) {
    const Report report =
        refuse(ProgramType::Xdp,
               {copy(6, 1), load_word(7, 1, 4), mov(2, -4), call_helper(kAdjustHead), load_word(1, 6, 0), copy(2, 1), alu(kAdd, 2, 8),
                make(kClassJmp | 0x08 | kJgt, 2, 7, 1, 0), load_byte(0, 1, 0), mov(0, 2), leave()});
    EXPECT_EQ(report.problem, Problem::OutOfBounds);
    EXPECT_TRUE(has_origin(report, OriginKind::NotTheEnd, 7));
    EXPECT_TRUE(has_origin(report, OriginKind::Invalidated, 3));
    EXPECT_NE(std::string_view(hint(report)).find("data_end"), std::string_view::npos);
}

TEST(Origin, SaysThatACallDestroyedTheRegister) {
    const Report report = refuse(ProgramType::SocketFilter, {mov(3, 1), call_helper(kRandom), copy(0, 3), leave()});
    EXPECT_EQ(report.problem, Problem::UnreadableRegister);
    EXPECT_TRUE(has_origin(report, OriginKind::Destroyed, 1));
}

TEST(Origin, NamesTheWayOnWhichAResultIsMissing) {
    const Report report = refuse(ProgramType::SocketFilter, {load_word(2, 1, 0), make(kClassJmp | kJgt, 2, 0, 1, 5), mov(0, 0), leave()});
    EXPECT_EQ(report.problem, Problem::UnreadableRegister);
    EXPECT_TRUE(has_origin(report, OriginKind::Branched, 1));
}

TEST(Origin, TellsTheRoundsOfALoopOnce) {
    const Report report = refuse(ProgramType::Kprobe, {mov(6, 0), call_helper(kRandom), make(kClassAlu64 | 0x08 | kAdd, 6, 0, 0, 0),
                                                       make(kClassJmp | kJgt, 6, 0, -3, 9), copy(1, 10), alu_reg(kAdd, 1, 6),
                                                       load_byte(0, 1, -64), mov(0, 0), leave()});
    for (u32 i = 0; i < report.origin_count; i++) {
        for (u32 k = 0; k < i; k++) {
            EXPECT_TRUE(report.origins[i].insn != report.origins[k].insn || report.origins[i].kind == OriginKind::Repeated);
        }
    }
}

// Signed: -5 passes.
TEST(Origin, SaysThatASignedComparisonIsNoBound) {
    const Report report =
        refuse(ProgramType::Kprobe, {clear(10, -8), call_helper(kRandom), copy(2, 0), copy(1, 10), alu(kAdd, 1, -8),
                                     make(kClassJmp32 | kJsgt, 2, 0, 3, 8), make(kClassAlu | 0x08 | kMov, 2, 2, 0, 0), mov(3, 0),
                                     call_helper(kReadUser), mov(0, 0), leave()});
    EXPECT_EQ(report.problem, Problem::OutOfBounds);
    EXPECT_NE(std::string_view(hint(report)).find("signed"), std::string_view::npos);
}

TEST(Origin, NamesWhatALongLoopWaitsFor) {
    const Report report = refuse(ProgramType::SocketFilter, {call_helper(kRandom), copy(6, 0), mov(7, 0), call_helper(kRandom), alu(kAdd, 7, 1),
                                                             make(kClassJmp | 0x08 | kJlt, 7, 6, -3, 0), mov(0, 0), leave()},
                                 {}, {.insns_processed = 20'000});
    EXPECT_EQ(report.problem, Problem::TooComplex);
    EXPECT_EQ(report.insn, 5u);
    EXPECT_NE(text_of(report).find("left at instruction 5: if r7 < r6"), std::string_view::npos);
    EXPECT_NE(text_of(report).find("by now; r6 may be"), std::string_view::npos);
}

TEST(Origin, FollowsTheSizeAndNotTheMemory) {
    const Report report =
        refuse(ProgramType::Kprobe, {clear(10, -8), call_helper(kRandom), copy(2, 0), copy(1, 10),
                                     alu(kAdd, 1, -8), make(kClassJmp32 | kJgt, 2, 0, 3, 9),
                                     make(kClassAlu | 0x08 | kMov, 2, 2, 0, 0), mov(3, 0),
                                     call_helper(kReadUser), mov(0, 0), leave()});
    ASSERT_EQ(report.insn, 8u);
    EXPECT_EQ(report.register_number, 2);
    ASSERT_GE(report.origin_count, 2u);
    EXPECT_EQ(report.origins[1].kind, OriginKind::Compared);  // in 32 bits: the half is shown
    EXPECT_EQ(report.origins[1].umin, 0u);
    EXPECT_EQ(report.origins[1].umax, 9u);
}

TEST(Origin, FollowsTheOffsetAndNotThePointer) {
    Map map;
    map.name = "values";
    map.type = MapType::Array;
    map.key_size = 4;
    map.value_size = 16;
    map.max_entries = 1;
    const Map* maps[] = {&map};
    const Report report =
        refuse(ProgramType::SocketFilter,
               {clear(10, -8), make(kClassLd | kModeImm | kSizeDw, 1, kPseudoMapFd, 0, 0),
                make(0, 0, 0, 0, 0), copy(2, 10), alu(kAdd, 2, -8), call_helper(kLookup), copy(6, 0),
                make(kClassJmp | kJeq, 6, 0, 5, 0), call_helper(kRandom), copy(1, 0),
                make(kClassAlu64 | kLsh, 1, 0, 0, 32), make(kClassAlu64 | kArsh, 1, 0, 0, 32),
                alu_reg(kAdd, 6, 1), mov(0, 0), leave()},
               maps);
    ASSERT_EQ(report.problem, Problem::PointerArithmetic);
    EXPECT_EQ(report.register_number, 1);
}

// A place that the loader has poisoned, for want of a member in the kernel's types.
TEST(Origin, TellsAPoisonedPlaceFromAnUnknownHelper) {
    const Report poisoned = refuse(ProgramType::SocketFilter, {call_helper(195896080), leave()});
    EXPECT_EQ(poisoned.problem, Problem::NotSupported);
    const Report unknown = refuse(ProgramType::SocketFilter, {call_helper(195896081), leave()});
    EXPECT_EQ(unknown.problem, Problem::BadHelper);
}

}  // namespace
}  // namespace gyre::bpf
