// SPDX-License-Identifier: MIT
//
// Programs written down instruction by instruction, and a place to decide them: for the verifier's tests.
#pragma once

#include <stdio.h>

#include <string>
#include <vector>

#include "lib/bpf/isa.h"
#include "lib/bpf/linux/linux.h"
#include "lib/bpf/verifier.h"

namespace gyre::bpf::test {

using Code = std::vector<Insn>;

constexpr Insn make(u8 code, unsigned dst, unsigned src, int off, s32 imm) {
    return {code, static_cast<u8>(dst | src << 4), static_cast<s16>(off), imm};
}
constexpr Insn alu(u8 op, unsigned dst, s32 imm) { return make(kClassAlu64 | op, dst, 0, 0, imm); }
constexpr Insn alu_reg(u8 op, unsigned dst, unsigned src) {
    return make(kClassAlu64 | 0x08 | op, dst, src, 0, 0);
}
constexpr Insn alu32(u8 op, unsigned dst, s32 imm) { return make(kClassAlu | op, dst, 0, 0, imm); }
constexpr Insn jump(u8 op, unsigned dst, s32 imm, int off) {
    return make(kClassJmp | op, dst, 0, off, imm);
}
constexpr Insn jump_reg(u8 op, unsigned dst, unsigned src, int off) {
    return make(kClassJmp | 0x08 | op, dst, src, off, 0);
}
constexpr Insn jump32(u8 op, unsigned dst, s32 imm, int off) {
    return make(kClassJmp32 | op, dst, 0, off, imm);
}
constexpr Insn mov(unsigned dst, s32 imm) { return alu(kMov, dst, imm); }
constexpr Insn copy(unsigned dst, unsigned src) { return alu_reg(kMov, dst, src); }
constexpr Insn load_word(unsigned dst, unsigned base, int off) {
    return make(kClassLdx | kModeMem | kSizeW, dst, base, off, 0);
}
constexpr Insn load(unsigned dst, unsigned base, int off) {
    return make(kClassLdx | kModeMem | kSizeDw, dst, base, off, 0);
}
constexpr Insn store(unsigned base, int off, unsigned src) {
    return make(kClassStx | kModeMem | kSizeDw, base, src, off, 0);
}
constexpr Insn clear_byte(unsigned base, int off) {
    return make(kClassSt | kModeMem | kSizeB, base, 0, off, 0);
}
constexpr Insn leave() { return make(kClassJmp | kExit, 0, 0, 0, 0); }
constexpr Insn call(s32 off) { return make(kClassJmp | kCall, 0, kCallSubprogram, 0, off); }
constexpr Insn call_helper(s32 id) { return make(kClassJmp | kCall, 0, kCallHelper, 0, id); }
constexpr Insn may_goto(int off) { return make(kClassJmp | kJcond, 0, 0, off, 0); }

struct Decider {
    std::vector<u8> memory = std::vector<u8>(size_t{96} << 20);
    Environment environment;

    explicit Decider(const char* target = "linux-6.18")
        : environment(linux_tables::environment(*linux_tables::find_target(target), nullptr)) {}

    Report decide(const Code& code, const Limits& limits) {
        Program program;
        program.insns = code;
        program.type = ProgramType::SocketFilter;
        Arena arena(memory);
        Report report;
        verify(program, environment, arena, limits, report);
        return report;
    }
};

inline std::string listing(const Code& code) {
    std::string text;
    for (size_t i = 0; i < code.size(); i++) {
        char line[96];
        snprintf(line, sizeof(line), "%zu: code %02x dst %u src %u off %d imm %d\n", i,
                 code[i].code, code[i].dst(), code[i].src(), code[i].off, code[i].imm);
        text += line;
    }
    return text;
}

}  // namespace gyre::bpf::test
