// SPDX-License-Identifier: MIT
//
// Where a refusal says that its value came from: the cause, not what happens to lie nearest.
#include <gtest/gtest.h>

#include <vector>

#include "lib/bpf/linux/linux.h"
#include "lib/bpf/verifier.h"

namespace gyre::bpf {
namespace {

using Code = std::vector<Insn>;

constexpr u8 kRegister = 0x08;
constexpr s32 kLookup = 1, kRandom = 7, kPullData = 39, kReadUser = 112;

constexpr Insn make(u8 code, unsigned dst, unsigned src, int off, s32 imm) {
    return {code, static_cast<u8>(dst | src << 4), static_cast<s16>(off), imm};
}
constexpr Insn mov(unsigned dst, s32 imm) {
    return make(kClassAlu64 | kMov, dst, 0, 0, imm);
}
constexpr Insn copy(unsigned dst, unsigned src) {
    return make(kClassAlu64 | kRegister | kMov, dst, src, 0, 0);
}
constexpr Insn add(unsigned dst, s32 imm) {
    return make(kClassAlu64 | kAdd, dst, 0, 0, imm);
}
constexpr Insn add_register(unsigned dst, unsigned src) {
    return make(kClassAlu64 | kRegister | kAdd, dst, src, 0, 0);
}
constexpr Insn load_word(unsigned dst, unsigned base, int off) {
    return make(kClassLdx | kModeMem | kSizeW, dst, base, off, 0);
}
constexpr Insn load_byte(unsigned dst, unsigned base, int off) {
    return make(kClassLdx | kModeMem | kSizeB, dst, base, off, 0);
}
constexpr Insn clear(unsigned base, int off) {
    return make(kClassSt | kModeMem | kSizeDw, base, 0, off, 0);
}
constexpr Insn helper(s32 id) {
    return make(kClassJmp | kCall, 0, kCallHelper, 0, id);
}
constexpr Insn leave() {
    return make(kClassJmp | kExit, 0, 0, 0, 0);
}

Report refuse(ProgramType type, const Code& code, std::span<const Map* const> maps = {}) {
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
    verify(program, environment, arena, {}, report);
    EXPECT_FALSE(report.is_accepted);
    return report;
}

TEST(Origin, NamesTheCallThatMovedThePacket) {
    const Report report =
        refuse(ProgramType::SchedCls,
               {copy(6, 1), load_word(7, 1, 76), mov(2, 40), helper(kRandom), copy(1, 6),
                mov(2, 40), helper(kPullData), load_byte(0, 7, 0), leave()});
    ASSERT_EQ(report.insn, 7u);
    ASSERT_EQ(report.origin_count, 2u);
    EXPECT_EQ(report.origins[0].kind, OriginKind::Invalidated);
    EXPECT_EQ(report.origins[0].insn, 6u);
    EXPECT_EQ(report.origins[1].kind, OriginKind::Loaded);
    EXPECT_EQ(report.origins[1].insn, 1u);
}

TEST(Origin, FollowsTheSizeAndNotTheMemory) {
    const Report report =
        refuse(ProgramType::Kprobe, {clear(10, -8), helper(kRandom), copy(2, 0), copy(1, 10),
                                     add(1, -8), make(kClassJmp32 | kJgt, 2, 0, 3, 9),
                                     make(kClassAlu | kRegister | kMov, 2, 2, 0, 0), mov(3, 0),
                                     helper(kReadUser), mov(0, 0), leave()});
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
                make(0, 0, 0, 0, 0), copy(2, 10), add(2, -8), helper(kLookup), copy(6, 0),
                make(kClassJmp | kJeq, 6, 0, 5, 0), helper(kRandom), copy(1, 0),
                make(kClassAlu64 | kLsh, 1, 0, 0, 32), make(kClassAlu64 | kArsh, 1, 0, 0, 32),
                add_register(6, 1), mov(0, 0), leave()},
               maps);
    ASSERT_EQ(report.problem, Problem::PointerArithmetic);
    EXPECT_EQ(report.register_number, 1);
}

// A place that the loader has poisoned, for want of a member in the kernel's types.
TEST(Origin, TellsAPoisonedPlaceFromAnUnknownHelper) {
    const Report poisoned = refuse(ProgramType::SocketFilter, {helper(195896080), leave()});
    EXPECT_EQ(poisoned.problem, Problem::NotSupported);
    const Report unknown = refuse(ProgramType::SocketFilter, {helper(195896081), leave()});
    EXPECT_EQ(unknown.problem, Problem::BadHelper);
}

}  // namespace
}  // namespace gyre::bpf
