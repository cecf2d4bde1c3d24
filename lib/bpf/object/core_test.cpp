// SPDX-License-Identifier: MIT
//
// CO-RE relocations, each put to types of a kernel that is laid out otherwise.
#include "lib/bpf/object/core.h"

#include <gtest/gtest.h>

#include "lib/bpf/arena.h"
#include "lib/bpf/object/types_writer.h"
#include "lib/bpf/program.h"

namespace gyre::bpf {
namespace {

constexpr u32 kByteOffset = 0, kTypeIdTarget = 7, kTypeSize = 9, kEnumExists = 10, kEnumValue = 11;
constexpr u32 kSignedInt = 1u << 24;
// In the types of either side, after void.
constexpr u32 kUnsigned4 = 1, kUnsigned8 = 2, kSigned4 = 3, kSigned8 = 4, kState = 5, kBytes = 6, kRecord = 7;
constexpr u32 kNames = 8;  // a structure that only the program has

// struct record { A number; A/signed amount; enum state kind; u8/u16 bytes[4]; u32 old; }
TypesWriter types(bool is_kernel) {
    TypesWriter w;
    w.name("");
    w.add(w.name("u32"), kTypeInt, 0, 4, {32});
    w.add(w.name("u64"), kTypeInt, 0, 8, {64});
    w.add(w.name("s32"), kTypeInt, 0, 4, {kSignedInt | 32});
    w.add(w.name("s64"), kTypeInt, 0, 8, {kSignedInt | 64});
    const u32 first = w.name("STATE_FIRST"), second = w.name(is_kernel ? "STATE_SECOND" : "STATE_GONE___x");
    w.add(w.name("state"), kTypeEnum, 2, 4, {first, is_kernel ? 7u : 1u, second, 2});
    w.add(0, kTypeArray, 0, 0, {kUnsigned4, kUnsigned4, 4});
    const u32 number = w.name("number"), amount = w.name("amount"), kind = w.name("kind"), bytes = w.name("bytes"), old = w.name("old");
    if (is_kernel) {
        w.add(w.name("record"), kTypeStruct, 4, 64,
              {bytes, kBytes, 64, number, kUnsigned8, 192, amount, kSigned8, 256, kind, kUnsigned4, 320});
    } else {
        w.add(w.name("record___mine"), kTypeStruct, 5, 32,
              {number, kUnsigned4, 0, amount, kSigned4, 32, kind, kState, 64, bytes, kBytes, 96, old, kUnsigned4, 224});
        w.add(w.name("absent"), kTypeStruct, 1, 4, {number, kUnsigned4, 0});
    }
    return w;
}

struct Core : testing::Test {
    Core() : local_bytes_(types(false).bytes()), kernel_bytes_(types(true).bytes()), arena_(memory_) {
        EXPECT_EQ(local_.open(local_bytes_, arena_), nullptr);
        EXPECT_EQ(kernel_.open(kernel_bytes_, arena_), nullptr);
    }
    // Empty, or what is wrong with the file.
    std::string apply(u32 kind, u32 type, const char* path, std::span<Insn> insns) {
        const CoreRelocation r{0, type, path, kind};
        const CoreRelocation* all[] = {&r};
        outcome_ = {};
        return CoreCandidates(local_, kernel_, all).apply(r, insns, 0, outcome_);
    }
    std::vector<u8> memory_ = std::vector<u8>(1u << 20);
    std::vector<u8> local_bytes_, kernel_bytes_;
    Arena arena_;
    Btf local_, kernel_;
    CoreOutcome outcome_;
};

constexpr u8 kLoadW = kClassLdx | kSizeW | 0x60, kLoadB = kClassLdx | kSizeB | 0x60, kLoadDw = kClassLdx | kSizeDw | 0x60;

bool is_poisoned(const Insn& insn) { return insn.code == (kClassJmp | kCall) && insn.imm == kPoisonedCall; }

TEST_F(Core, AnUnsignedNumberIsReadInTheKernelsSize) {
    Insn load[] = {{kLoadW, 0x10, 0, 0}};
    EXPECT_EQ(apply(kByteOffset, kRecord, "0:0", load), "");
    EXPECT_EQ(load[0].off, 24);
    EXPECT_EQ(load[0].code, kLoadDw);
    EXPECT_EQ(outcome_.what, "struct record.number");
    EXPECT_EQ(outcome_.after, 24u);
}

TEST_F(Core, ASignedNumberOfAnotherSizeIsNotRead) {
    Insn load[] = {{kLoadW, 0x10, 4, 0}};
    EXPECT_EQ(apply(kByteOffset, kRecord, "0:1", load), "");
    EXPECT_TRUE(is_poisoned(load[0]));
    EXPECT_NE(outcome_.poisoned.find("record.amount has 4 bytes"), std::string::npos) << outcome_.poisoned;
    Insn add[] = {{kClassAlu64, 0x01, 0, 4}};  // its address may be taken
    EXPECT_EQ(apply(kByteOffset, kRecord, "0:1", add), "");
    EXPECT_EQ(add[0].imm, 32);
}

TEST_F(Core, APartOfAMemberIsReadAsItWas) {
    Insn load[] = {{kLoadB, 0x10, 12, 0}};
    EXPECT_EQ(apply(kByteOffset, kRecord, "0:3", load), "");
    EXPECT_EQ(load[0].off, 8);
    EXPECT_EQ(load[0].code, kLoadB);
}

TEST_F(Core, AnEnumerationThatBecameANumberIsAnotherMember) {
    Insn load[] = {{kLoadW, 0x10, 8, 0}};
    EXPECT_EQ(apply(kByteOffset, kRecord, "0:2", load), "");
    EXPECT_TRUE(is_poisoned(load[0]));
    EXPECT_NE(outcome_.poisoned.find("record.kind is of another kind"), std::string::npos) << outcome_.poisoned;
}

TEST_F(Core, AMissingMemberIsNamed) {
    Insn load[] = {{kLoadW, 0x10, 28, 0}};
    EXPECT_EQ(apply(kByteOffset, kRecord, "0:4", load), "");
    EXPECT_TRUE(is_poisoned(load[0]));
    EXPECT_EQ(outcome_.poisoned, "struct record has no member old in the kernel's types; ask with bpf_core_field_exists() first");
}

TEST_F(Core, BothHalvesOfAMissingValueArePoisoned) {
    Insn wide[] = {{kClassLd | kSizeDw, 0, 0, 2}, {}};
    EXPECT_EQ(apply(kEnumValue, kState, "1", wide), "");
    EXPECT_TRUE(is_poisoned(wide[0]));
    EXPECT_TRUE(is_poisoned(wide[1]));
    EXPECT_NE(outcome_.poisoned.find("enum state has no value STATE_GONE"), std::string::npos) << outcome_.poisoned;
    Insn known[] = {{kClassLd | kSizeDw, 0, 0, 1}, {}};
    EXPECT_EQ(apply(kEnumValue, kState, "0", known), "");
    EXPECT_EQ(known[0].imm, 7);
    Insn asks[] = {{kClassLd | kSizeDw, 0, 0, 1}, {}};
    EXPECT_EQ(apply(kEnumExists, kState, "1", asks), "");
    EXPECT_EQ(asks[0].imm, 0);
    EXPECT_FALSE(is_poisoned(asks[1]));
}

TEST_F(Core, AMissingTypeHasNoNumberAndNoSize) {
    Insn id[] = {{kClassLd | kSizeDw, 0, 0, 5}, {}};
    EXPECT_EQ(apply(kTypeIdTarget, kNames, "0", id), "");
    EXPECT_EQ(id[0].imm, 0);
    Insn size[] = {{kClassAlu64 | 0xb0, 0, 0, 4}};
    EXPECT_EQ(apply(kTypeSize, kNames, "0", size), "");
    EXPECT_EQ(size[0].imm, 0);
    Insn load[] = {{kLoadW, 0x10, 0, 0}};
    EXPECT_EQ(apply(kByteOffset, kNames, "0:0", load), "");
    EXPECT_EQ(outcome_.poisoned, "the kernel has no struct absent; ask with bpf_core_type_exists() first");
}

TEST_F(Core, APathThatFitsNotIsSaid) {
    Insn load[] = {{kLoadW, 0x10, 0, 0}};
    EXPECT_NE(apply(kByteOffset, kRecord, "0:9", load), "");
    Insn register_add[] = {{kClassAlu64 | 0x08, 0x21, 0, 0}};
    EXPECT_NE(apply(kByteOffset, kRecord, "0:0", register_add), "");
}

}  // namespace
}  // namespace gyre::bpf
