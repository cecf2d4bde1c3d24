// SPDX-License-Identifier: MIT
//
// What every instruction must compute, by the words of RFC 9669: a table of operands and results for
// each, run in all modes of the interpreter; and what the checking modes must not let pass.
#include "lib/bpf/interpreter.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "lib/bpf/linux/linux.h"

namespace gyre::bpf {
namespace {

constexpr u8 kImm = 0, kReg = 8;
constexpr u64 kMin64 = u64{1} << 63;

Insn insn(u8 code, u8 dst, u8 src, s16 off, s32 imm) {
    return {code, static_cast<u8>(dst | src << 4), off, imm};
}
Insn exit_insn() { return insn(kClassJmp | kExit, 0, 0, 0, 0); }

void load_number(std::vector<Insn>& code, u8 dst, u64 v) {
    code.push_back(insn(kClassLd | kModeImm | kSizeDw, dst, 0, 0, static_cast<s32>(v)));
    code.push_back(insn(0, 0, 0, 0, static_cast<s32>(v >> 32)));
}

struct Runner {
    std::vector<u8> memory = std::vector<u8>(1u << 20);
    std::vector<u8> context = std::vector<u8>(256);
    std::vector<u8> packet = std::vector<u8>(64);

    RunResult run(const std::vector<Insn>& code, RunMode mode, u64 max_steps = 10'000) {
        Environment environment = linux_tables::environment(Target{}, nullptr);
        Program program;
        program.type = ProgramType::SocketFilter;
        program.insns = code;
        Arena arena(memory);
        Interpreter interpreter;
        if (const char* why = interpreter.prepare(program, environment, arena, mode)) {
            RunResult r;
            r.fault = why;
            return r;
        }
        return interpreter.run(context, packet, max_steps, 1);
    }
};

constexpr RunMode kModes[] = {RunMode::Checked, RunMode::Pure, RunMode::Single};

// dst = r1, source operand = r2 or the immediate; the result is left in r1 and returned.
struct Arithmetic {
    const char* name;
    u8 code;
    s16 off;
    u64 dst;
    u64 src;  // or the immediate
    u64 result;
};

constexpr u8 A = kClassAlu64, W = kClassAlu;
const Arithmetic kArithmetic[] = {
    {"add", A | kAdd | kReg, 0, 7, 8, 15},
    {"add wraps", A | kAdd | kReg, 0, ~u64{0}, 2, 1},
    {"add imm extends its sign", A | kAdd | kImm, 0, 5, static_cast<u64>(-7), static_cast<u64>(-2)},
    {"add32 zeroes the upper half", W | kAdd | kReg, 0, 0xffff'ffff'ffff'ffff, 2, 1},
    {"add32 imm", W | kAdd | kImm, 0, 0x1'0000'0003, static_cast<u64>(-1), 2},
    {"sub", A | kSub | kReg, 0, 3, 5, static_cast<u64>(-2)},
    {"sub32", W | kSub | kReg, 0, 3, 5, 0xffff'fffe},
    {"mul", A | kMul | kReg, 0, 0x1'0000'0001, 0x1'0000'0001, 0x2'0000'0001},
    {"mul32", W | kMul | kReg, 0, 0x1'0000'0003, 0x5555'5556, 2},
    {"mul imm", A | kMul | kImm, 0, 6, static_cast<u64>(-7), static_cast<u64>(-42)},
    {"div is unsigned", A | kDiv | kReg, 0, static_cast<u64>(-8), 2, 0x7fff'ffff'ffff'fffc},
    {"div by zero is zero", A | kDiv | kReg, 0, 9, 0, 0},
    {"div imm takes its sign extension", A | kDiv | kImm, 0, ~u64{0}, static_cast<u64>(-1), 1},
    {"div32", W | kDiv | kReg, 0, 0xf'0000'0009, 0xf'0000'0002, 4},
    {"div32 by zero", W | kDiv | kReg, 0, 0xf'0000'0009, 0xf'0000'0000, 0},
    {"sdiv", A | kDiv | kReg, 1, static_cast<u64>(-13), 3, static_cast<u64>(-4)},
    {"sdiv by zero", A | kDiv | kReg, 1, static_cast<u64>(-13), 0, 0},
    {"sdiv overflow", A | kDiv | kReg, 1, kMin64, static_cast<u64>(-1), kMin64},
    {"sdiv32", W | kDiv | kReg, 1, 0xffff'fff3, 3, 0xffff'fffc},
    {"sdiv32 overflow", W | kDiv | kReg, 1, 0x8000'0000, 0xffff'ffff, 0x8000'0000},
    {"sdiv imm", A | kDiv | kImm, 1, 13, static_cast<u64>(-3), static_cast<u64>(-4)},
    {"mod", A | kMod | kReg, 0, static_cast<u64>(-1), 10, 5},
    {"mod by zero keeps the dividend", A | kMod | kReg, 0, 0x1'0000'0007, 0, 0x1'0000'0007},
    {"mod32 by zero cuts it", W | kMod | kReg, 0, 0x1'0000'0007, 0x1'0000'0000, 7},
    {"mod32", W | kMod | kReg, 0, 0xffff'ffff, 10, 5},
    {"smod", A | kMod | kReg, 1, static_cast<u64>(-13), 3, static_cast<u64>(-1)},
    {"smod of a negative divisor", A | kMod | kReg, 1, 13, static_cast<u64>(-3), 1},
    {"smod by zero", A | kMod | kReg, 1, static_cast<u64>(-13), 0, static_cast<u64>(-13)},
    {"smod overflow", A | kMod | kReg, 1, kMin64, static_cast<u64>(-1), 0},
    {"smod32", W | kMod | kReg, 1, 0xffff'fff3, 3, 0xffff'ffff},
    {"smod32 overflow", W | kMod | kReg, 1, 0x8000'0000, 0xffff'ffff, 0},
    {"smod32 by zero", W | kMod | kReg, 1, 0xf'ffff'fff3, 0, 0xffff'fff3},
    {"or", A | kOr | kReg, 0, 0xf0f0'0000'0000'0000, 0x0f, 0xf0f0'0000'0000'000f},
    {"or imm extends its sign", A | kOr | kImm, 0, 0, 0xffff'ffff'8000'0000, 0xffff'ffff'8000'0000},
    {"or32 imm", W | kOr | kImm, 0, 0xffff'ffff'0000'0001, 0xffff'ffff'8000'0000, 0x8000'0001},
    {"and", A | kAnd | kReg, 0, 0xff00'ff00'ff00'ff00, 0xffff'0000'ffff'0000, 0xff00'0000'ff00'0000},
    {"and32", W | kAnd | kReg, 0, ~u64{0}, 0xffff'ffff'0000'00ff, 0xff},
    {"xor", A | kXor | kReg, 0, 0xff, 0x0f, 0xf0},
    {"xor imm -1 is a complement", A | kXor | kImm, 0, 0x1234, ~u64{0}, ~u64{0x1234}},
    {"xor32", W | kXor | kReg, 0, 0xf'0000'00ff, 0xf'0000'000f, 0xf0},
    {"lsh", A | kLsh | kReg, 0, 1, 63, kMin64},
    {"lsh takes six bits of the distance", A | kLsh | kReg, 0, 1, 65, 2},
    {"lsh32", W | kLsh | kReg, 0, 3, 31, 0x8000'0000},
    {"lsh32 takes five bits", W | kLsh | kReg, 0, 1, 33, 2},
    {"rsh", A | kRsh | kReg, 0, kMin64, 63, 1},
    {"rsh32", W | kRsh | kReg, 0, 0xffff'ffff'8000'0000, 31, 1},
    {"rsh imm", A | kRsh | kImm, 0, 0x100, 4, 0x10},
    {"arsh", A | kArsh | kReg, 0, kMin64, 63, ~u64{0}},
    {"arsh32", W | kArsh | kReg, 0, 0x8000'0000, 4, 0xf800'0000},
    {"arsh32 does not see the upper half", W | kArsh | kReg, 0, 0xffff'ffff'4000'0000, 4, 0x400'0000},
    {"neg", A | kNeg, 0, 5, 0, static_cast<u64>(-5)},
    {"neg of the smallest", A | kNeg, 0, kMin64, 0, kMin64},
    {"neg32", W | kNeg, 0, 0xf'0000'0005, 0, 0xffff'fffb},
    {"mov", A | kMov | kReg, 0, 1, 0x1234'5678'9abc'def0, 0x1234'5678'9abc'def0},
    {"mov imm extends its sign", A | kMov | kImm, 0, 1, static_cast<u64>(-2), static_cast<u64>(-2)},
    {"mov32 zeroes the upper half", W | kMov | kReg, 0, ~u64{0}, 0xffff'ffff'8000'0000, 0x8000'0000},
    {"mov32 imm", W | kMov | kImm, 0, ~u64{0}, static_cast<u64>(-1), 0xffff'ffff},
    {"movsx 8", A | kMov | kReg, 8, 0, 0x1234'5680, 0xffff'ffff'ffff'ff80},
    {"movsx 16", A | kMov | kReg, 16, 0, 0x1234'8000, 0xffff'ffff'ffff'8000},
    {"movsx 32", A | kMov | kReg, 32, 0, 0x1'8000'0000, 0xffff'ffff'8000'0000},
    {"movsx of a positive", A | kMov | kReg, 8, 0, 0xffff'ff7f, 0x7f},
    {"movsx32 8", W | kMov | kReg, 8, 0, 0x80, 0xffff'ff80},
    {"movsx32 16", W | kMov | kReg, 16, 0, 0x8000, 0xffff'8000},
    {"le16 cuts", W | kEnd | kImm, 0, 0x1122'3344'5566'7788, 16, 0x7788},
    {"le32 cuts", W | kEnd | kImm, 0, 0x1122'3344'5566'7788, 32, 0x5566'7788},
    {"le64", W | kEnd | kImm, 0, 0x1122'3344'5566'7788, 64, 0x1122'3344'5566'7788},
    {"be16", W | kEnd | kReg, 0, 0x1122'3344'5566'7788, 16, 0x8877},
    {"be32", W | kEnd | kReg, 0, 0x1122'3344'5566'7788, 32, 0x8877'6655},
    {"be64", W | kEnd | kReg, 0, 0x1122'3344'5566'7788, 64, 0x8877'6655'4433'2211},
    {"bswap16", A | kEnd, 0, 0x1122'3344'5566'7788, 16, 0x8877},
    {"bswap32", A | kEnd, 0, 0x1122'3344'5566'7788, 32, 0x8877'6655},
    {"bswap64", A | kEnd, 0, 0x1122'3344'5566'7788, 64, 0x8877'6655'4433'2211},
};

TEST(InstructionSet, Arithmetic) {
    Runner runner;
    for (const Arithmetic& t : kArithmetic) {
        bool is_conversion = (t.code & 0xf0) == kEnd;
        bool takes_register = (t.code & 0x08) != 0 && !is_conversion;
        std::vector<Insn> code;
        load_number(code, 1, t.dst);
        load_number(code, 2, t.src);
        s32 imm = takes_register ? 0 : static_cast<s32>(t.src);
        code.push_back(insn(t.code, 1, takes_register ? 2 : 0, t.off, imm));
        code.push_back(insn(kClassAlu64 | kMov | kReg, 0, 1, 0, 0));
        code.push_back(exit_insn());
        for (RunMode mode : kModes) {
            RunResult r = runner.run(code, mode);
            ASSERT_TRUE(r.is_finished) << t.name << ": " << r.fault;
            EXPECT_EQ(r.value, t.result) << t.name;
            EXPECT_EQ(r.steps, 5u) << t.name;
        }
    }
}

struct Comparison {
    u8 op;
    u64 a;
    u64 b;
    bool is_taken;       // 64 bits
    bool is_half_taken;  // 32 bits
};

const Comparison kComparisons[] = {
    {kJeq, 5, 5, true, true},
    {kJeq, 0x1'0000'0005, 5, false, true},
    {kJne, 0x1'0000'0005, 5, true, false},
    {kJne, 6, 6, false, false},
    {kJgt, 0xffff'ffff'ffff'ffff, 1, true, true},
    {kJgt, 0x1'0000'0000, 1, true, false},
    {kJgt, 5, 5, false, false},
    {kJge, 5, 5, true, true},
    {kJge, 0x1'0000'0000, 1, true, false},
    {kJlt, 1, 0x1'0000'0000, true, false},
    {kJlt, 1, 2, true, true},
    {kJlt, 2, 2, false, false},
    {kJle, 2, 2, true, true},
    {kJle, 0xffff'ffff'0000'0000, 1, false, true},
    {kJset, 6, 2, true, true},
    {kJset, 0x1'0000'0000, 0x1'0000'0000, true, false},
    {kJset, 4, 3, false, false},
    {kJsgt, 1, static_cast<u64>(-1), true, true},
    {kJsgt, 0x8000'0000, 1, true, false},
    {kJsge, static_cast<u64>(-1), static_cast<u64>(-1), true, true},
    {kJsge, 0x8000'0000, 0, true, false},
    {kJslt, static_cast<u64>(-1), 1, true, true},
    {kJslt, 0x8000'0000, 0, false, true},
    {kJsle, static_cast<u64>(-5), static_cast<u64>(-5), true, true},
    {kJsle, 0x8000'0000, 0, false, true},
};

TEST(InstructionSet, Jumps) {
    Runner runner;
    for (const Comparison& t : kComparisons) {
        for (bool is_wide : {true, false}) {
            for (bool takes_register : {true, false}) {
                s32 imm = static_cast<s32>(t.b);
                if (!takes_register && static_cast<u64>(s64{imm}) != t.b) {
                    continue;  // the number is no immediate
                }
                std::vector<Insn> code;
                load_number(code, 1, t.a);
                load_number(code, 2, t.b);
                u8 c = static_cast<u8>((is_wide ? kClassJmp : kClassJmp32) | t.op |
                                       (takes_register ? kReg : kImm));
                code.push_back(insn(kClassAlu64 | kMov, 0, 0, 0, 1));
                code.push_back(insn(c, 1, takes_register ? 2 : 0, 1, takes_register ? 0 : imm));
                code.push_back(insn(kClassAlu64 | kMov, 0, 0, 0, 0));
                code.push_back(exit_insn());
                for (RunMode mode : kModes) {
                    RunResult r = runner.run(code, mode);
                    ASSERT_TRUE(r.is_finished) << r.fault;
                    EXPECT_EQ(r.value, is_wide ? t.is_taken : t.is_half_taken)
                        << "op " << int{t.op} << ", " << t.a << ", " << t.b << ", wide " << is_wide;
                }
            }
        }
    }
}

TEST(InstructionSet, GotoNearAndFar) {
    Runner runner;
    for (bool is_far : {false, true}) {
        std::vector<Insn> code = {
            insn(kClassAlu64 | kMov, 0, 0, 0, 1),
            is_far ? insn(kClassJmp32 | kJa, 0, 0, 0, 2) : insn(kClassJmp | kJa, 0, 0, 2, 0),
            insn(kClassAlu64 | kMov, 0, 0, 0, 2),
            exit_insn(),
            is_far ? insn(kClassJmp32 | kJa, 0, 0, 0, -2) : insn(kClassJmp | kJa, 0, 0, -2, 0),
        };
        for (RunMode mode : kModes) {
            EXPECT_EQ(runner.run(code, mode).value, 1u);
        }
    }
}

TEST(InstructionSet, LoadsAndStores) {
    struct Case {
        u8 size;
        u8 mode;
        u64 result;
    };
    const u64 stored = 0x8182'8384'8586'8788;
    const Case cases[] = {
        {kSizeB, kModeMem, 0x88},       {kSizeH, kModeMem, 0x8788},
        {kSizeW, kModeMem, 0x8586'8788}, {kSizeDw, kModeMem, stored},
        {kSizeB, kModeMemSx, 0xffff'ffff'ffff'ff88}, {kSizeH, kModeMemSx, 0xffff'ffff'ffff'8788},
        {kSizeW, kModeMemSx, 0xffff'ffff'8586'8788},
    };
    Runner runner;
    for (const Case& t : cases) {
        for (bool is_direct : {true, false}) {  // by the frame pointer, or by a copy of it
            u8 base = is_direct ? kFramePointer : 3;
            std::vector<Insn> code;
            load_number(code, 2, stored);
            code.push_back(insn(kClassAlu64 | kMov | kReg, 3, kFramePointer, 0, 0));
            code.push_back(insn(kClassStx | kModeMem | kSizeDw, base, 2, -8, 0));
            code.push_back(insn(static_cast<u8>(kClassLdx | t.mode | t.size), 0, base, -8, 0));
            code.push_back(exit_insn());
            for (RunMode mode : kModes) {
                RunResult r = runner.run(code, mode);
                ASSERT_TRUE(r.is_finished) << r.fault;
                EXPECT_EQ(r.value, t.result);
            }
        }
    }
}

TEST(InstructionSet, StoresOfEverySize) {
    struct Case {
        u8 size;
        s32 imm;
        u64 result;  // of the eight bytes, which held 0x1111'1111'1111'1111
    };
    const Case cases[] = {{kSizeB, -2, 0x1111'1111'1111'11fe}, {kSizeH, -2, 0x1111'1111'1111'fffe},
                          {kSizeW, -2, 0x1111'1111'ffff'fffe}, {kSizeDw, -2, static_cast<u64>(-2)}};
    Runner runner;
    for (const Case& t : cases) {
        for (bool takes_register : {true, false}) {
            std::vector<Insn> code;
            load_number(code, 2, 0x1111'1111'1111'1111);
            load_number(code, 3, static_cast<u64>(s64{t.imm}));
            code.push_back(insn(kClassStx | kModeMem | kSizeDw, kFramePointer, 2, -16, 0));
            u8 c = static_cast<u8>((takes_register ? kClassStx : kClassSt) | kModeMem | t.size);
            code.push_back(insn(c, kFramePointer, takes_register ? 3 : 0, -16, takes_register ? 0 : t.imm));
            code.push_back(insn(kClassLdx | kModeMem | kSizeDw, 0, kFramePointer, -16, 0));
            code.push_back(exit_insn());
            for (RunMode mode : kModes) {
                EXPECT_EQ(runner.run(code, mode).value, t.result);
            }
        }
    }
}

struct Atomic {
    s32 what;
    bool is_wide;
    u64 memory;
    u64 operand;
    u64 compared;    // r0, of cmpxchg
    u64 in_memory;   // afterwards
    u64 in_operand;  // afterwards: what was fetched, or unchanged
    u64 in_r0;
};

constexpr u64 kMixed = 0xaaaa'bbbb'0000'00f0;
const Atomic kAtomics[] = {
    {kAdd, true, 1, ~u64{0}, 9, 0, ~u64{0}, 9},
    {kAdd, false, 0x5'ffff'ffff, 1, 9, 0x5'0000'0000, 1, 9},
    {kAdd | kAtomicFetch, true, 40, 2, 9, 42, 40, 9},
    {kAdd | kAtomicFetch, false, kMixed, 0x1'0000'0010, 9, 0xaaaa'bbbb'0000'0100, 0xf0, 9},
    {kOr, true, 0xf0, 0x0f, 9, 0xff, 0x0f, 9},
    {kOr | kAtomicFetch, false, kMixed, 0x0f, 9, 0xaaaa'bbbb'0000'00ff, 0xf0, 9},
    {kAnd, true, 0xff, 0x0f, 9, 0x0f, 0x0f, 9},
    {kAnd | kAtomicFetch, true, kMixed, 0xf0, 9, 0xf0, kMixed, 9},
    {kXor, false, kMixed, 0xff, 9, 0xaaaa'bbbb'0000'000f, 0xff, 9},
    {kXor | kAtomicFetch, true, 0xff, 0x0f, 9, 0xf0, 0xff, 9},
    {kAtomicXchg, true, 7, 8, 9, 8, 7, 9},
    {kAtomicXchg, false, kMixed, 0x1'0000'0008, 9, 0xaaaa'bbbb'0000'0008, 0xf0, 9},
    {kAtomicCmpXchg, true, 7, 8, 7, 8, 8, 7},
    {kAtomicCmpXchg, true, 7, 8, 6, 7, 8, 7},
    {kAtomicCmpXchg, false, kMixed, 8, 0x9'0000'00f0, 0xaaaa'bbbb'0000'0008, 8, 0xf0},
    {kAtomicCmpXchg, false, kMixed, 8, 0xf1, kMixed, 8, 0xf0},
    {kAtomicStoreRelease, true, 7, 8, 9, 8, 8, 9},
};

TEST(InstructionSet, Atomics) {
    Runner runner;
    for (const Atomic& t : kAtomics) {
        for (int what : {0, 1, 2}) {  // which of the results is returned
            std::vector<Insn> code;
            load_number(code, 0, t.compared);
            load_number(code, 1, t.memory);
            load_number(code, 2, t.operand);
            code.push_back(insn(kClassStx | kModeMem | kSizeDw, kFramePointer, 1, -8, 0));
            u8 size = t.is_wide ? kSizeDw : kSizeW;
            code.push_back(insn(kClassStx | kModeAtomic | size, kFramePointer, 2, -8, t.what));
            if (what == 0) {
                code.push_back(insn(kClassLdx | kModeMem | kSizeDw, 0, kFramePointer, -8, 0));
            } else if (what == 1) {
                code.push_back(insn(kClassAlu64 | kMov | kReg, 0, 2, 0, 0));
            }
            code.push_back(exit_insn());
            u64 expected = what == 0 ? t.in_memory : what == 1 ? t.in_operand : t.in_r0;
            for (RunMode mode : kModes) {
                RunResult r = runner.run(code, mode);
                ASSERT_TRUE(r.is_finished) << r.fault;
                EXPECT_EQ(r.value, expected) << "operation " << t.what << ", result " << what;
            }
        }
    }
}

TEST(InstructionSet, CallsKeepTheCallersRegistersAndStack) {
    std::vector<Insn> code = {
        insn(kClassAlu64 | kMov, 6, 0, 0, 100),
        insn(kClassSt | kModeMem | kSizeDw, kFramePointer, 0, -8, 20),
        insn(kClassAlu64 | kMov, 1, 0, 0, 3),
        insn(kClassJmp | kCall, 0, kCallSubprogram, 0, 4),
        insn(kClassLdx | kModeMem | kSizeDw, 1, kFramePointer, -8, 0),
        insn(kClassAlu64 | kAdd | kReg, 0, 1, 0, 0),
        insn(kClassAlu64 | kAdd | kReg, 0, 6, 0, 0),
        exit_insn(),
        insn(kClassAlu64 | kMov, 6, 0, 0, 7),  // the function: its own r6, its own stack
        insn(kClassStx | kModeMem | kSizeDw, kFramePointer, 6, -8, 0),
        insn(kClassAlu64 | kMov | kReg, 0, 1, 0, 0),
        exit_insn(),
    };
    Runner runner;
    for (RunMode mode : kModes) {
        RunResult r = runner.run(code, mode);
        ASSERT_TRUE(r.is_finished) << r.fault;
        EXPECT_EQ(r.value, 123u);
        EXPECT_EQ(r.steps, 12u);
    }
}

TEST(InstructionSet, ALoopCallsBackUntilItIsToldToStop) {
    std::vector<Insn> code = {
        insn(kClassSt | kModeMem | kSizeDw, kFramePointer, 0, -8, 0),
        insn(kClassAlu64 | kMov, 1, 0, 0, 5),
        insn(kClassLd | kModeImm | kSizeDw, 2, kPseudoFunc, 0, 9),
        Insn{},
        insn(kClassAlu64 | kMov | kReg, 3, kFramePointer, 0, 0),
        insn(kClassAlu64 | kAdd, 3, 0, 0, -8),
        insn(kClassAlu64 | kMov, 4, 0, 0, 0),
        insn(kClassJmp | kCall, 0, 0, 0, 181),  // bpf_loop
        insn(kClassLdx | kModeMem | kSizeDw, 1, kFramePointer, -8, 0),
        insn(kClassAlu64 | kMul, 1, 0, 0, 100),
        insn(kClassAlu64 | kAdd | kReg, 0, 1, 0, 0),
        exit_insn(),
        insn(kClassLdx | kModeMem | kSizeDw, 3, 2, 0, 0),  // the callback: adds up its first argument
        insn(kClassAlu64 | kAdd | kReg, 3, 1, 0, 0),
        insn(kClassStx | kModeMem | kSizeDw, 2, 3, 0, 0),
        insn(kClassAlu64 | kMov, 0, 0, 0, 0),
        insn(kClassJmp | kJne, 1, 0, 1, 3),
        insn(kClassAlu64 | kMov, 0, 0, 0, 1),
        exit_insn(),
    };
    Runner runner;
    for (RunMode mode : kModes) {
        RunResult r = runner.run(code, mode);
        ASSERT_TRUE(r.is_finished) << r.fault;
        EXPECT_EQ(r.value, 604u);  // four rounds, 0 + 1 + 2 + 3
    }
}

TEST(CheckingInterpreter, FaultsWhereTheVerifierWouldRefuse) {
    struct Case {
        const char* name;
        std::vector<Insn> code;
        bool only_single;
    };
    const std::vector<Case> cases = {
        {"above the stack", {insn(kClassSt | kModeMem | kSizeDw, kFramePointer, 0, 0, 1), exit_insn()}, false},
        {"below the stack", {insn(kClassSt | kModeMem | kSizeB, kFramePointer, 0, -513, 1), exit_insn()}, false},
        {"a number as an address",
         {insn(kClassAlu64 | kMov, 1, 0, 0, 4096), insn(kClassLdx | kModeMem | kSizeB, 0, 1, 0, 0), exit_insn()}, false},
        {"null", {insn(kClassAlu64 | kMov, 1, 0, 0, 0), insn(kClassSt | kModeMem | kSizeB, 1, 0, 0, 0), exit_insn()}, false},
        {"behind the context",
         {insn(kClassLdx | kModeMem | kSizeB, 0, 1, 256, 0), exit_insn()}, false},
        {"a frame that is not in use",
         {insn(kClassAlu64 | kMov | kReg, 1, kFramePointer, 0, 0), insn(kClassSt | kModeMem | kSizeB, 1, 0, 8, 0), exit_insn()}, false},
        {"an endless loop", {insn(kClassJmp | kJa, 0, 0, -1, 0)}, false},
        {"endless recursion", {insn(kClassJmp | kCall, 0, kCallSubprogram, 0, -1), exit_insn()}, false},
        {"the frame pointer is moved", {insn(kClassAlu64 | kAdd, 10, 0, 0, -8), exit_insn()}, false},
        {"an unknown code", {insn(0xff, 0, 0, 0, 0), exit_insn()}, false},
        {"off the end", {insn(kClassAlu64 | kMov, 0, 0, 0, 0)}, false},
        {"stack that was never written",
         {insn(kClassLdx | kModeMem | kSizeDw, 0, kFramePointer, -8, 0), exit_insn()}, true},
    };
    Runner runner;
    for (const Case& t : cases) {
        for (RunMode mode : {RunMode::Checked, RunMode::Single}) {
            RunResult r = runner.run(t.code, mode);
            bool must_fault = mode == RunMode::Single || !t.only_single;
            EXPECT_EQ(r.is_finished, !must_fault) << t.name;
            EXPECT_EQ(r.fault != nullptr, must_fault) << t.name;
            EXPECT_FALSE(r.is_unsupported) << t.name;
        }
    }
}

TEST(CheckingInterpreter, RefusesWhatCannotBeDecoded) {
    const std::vector<std::vector<Insn>> programs = {
        {insn(kClassAlu64 | kMov | kReg, 0, 12, 0, 0), exit_insn()},
        {insn(kClassJmp | kJa, 0, 0, 7, 0), exit_insn()},
        {insn(kClassLd | kModeImm | kSizeDw, 0, 0, 0, 0)},
        {insn(kClassJmp | kJa, 0, 0, 1, 0), insn(kClassLd | kModeImm | kSizeDw, 0, 0, 0, 0), Insn{}, exit_insn()},
    };
    Runner runner;
    for (const std::vector<Insn>& code : programs) {
        for (RunMode mode : kModes) {
            RunResult r = runner.run(code, mode);
            EXPECT_FALSE(r.is_finished);
            EXPECT_NE(r.fault, nullptr);
            EXPECT_EQ(r.steps, 0u);
        }
    }
}

}  // namespace
}  // namespace gyre::bpf
