// SPDX-License-Identifier: MIT
//
// The encoding of BPF instructions (RFC 9669) with Linux's extensions: atomics, may_goto,
// address-space casts, pseudo sources of 64-bit immediates. Encoding only; no meaning.
#pragma once

#include "lib/bpf/types.h"

namespace gyre::bpf {

struct Insn {
    u8 code = 0;
    u8 registers = 0;  // low nibble: destination, high nibble: source
    s16 off = 0;
    s32 imm = 0;

    constexpr u8 dst() const { return registers & 0xf; }
    constexpr u8 src() const { return registers >> 4; }
    constexpr u8 insn_class() const { return code & 0x07; }
    constexpr u8 size_bits() const { return code & 0x18; }
    constexpr u8 mode() const { return code & 0xe0; }
    constexpr u8 op() const { return code & 0xf0; }
    constexpr bool uses_register_source() const { return (code & 0x08) != 0; }
};
static_assert(sizeof(Insn) == 8);

// Instruction classes.
inline constexpr u8 kClassLd = 0x00, kClassLdx = 0x01, kClassSt = 0x02, kClassStx = 0x03,
                    kClassAlu = 0x04, kClassJmp = 0x05, kClassJmp32 = 0x06, kClassAlu64 = 0x07;

// Access sizes.
inline constexpr u8 kSizeW = 0x00, kSizeH = 0x08, kSizeB = 0x10, kSizeDw = 0x18;

// Load and store modes.
inline constexpr u8 kModeImm = 0x00, kModeAbs = 0x20, kModeInd = 0x40, kModeMem = 0x60,
                    kModeMemSx = 0x80, kModeAtomic = 0xc0;

// Arithmetic operations.
inline constexpr u8 kAdd = 0x00, kSub = 0x10, kMul = 0x20, kDiv = 0x30, kOr = 0x40, kAnd = 0x50,
                    kLsh = 0x60, kRsh = 0x70, kNeg = 0x80, kMod = 0x90, kXor = 0xa0, kMov = 0xb0,
                    kArsh = 0xc0, kEnd = 0xd0;

// Jump operations.
inline constexpr u8 kJa = 0x00, kJeq = 0x10, kJgt = 0x20, kJge = 0x30, kJset = 0x40, kJne = 0x50,
                    kJsgt = 0x60, kJsge = 0x70, kCall = 0x80, kExit = 0x90, kJlt = 0xa0,
                    kJle = 0xb0, kJslt = 0xc0, kJsle = 0xd0, kJcond = 0xe0;

// The immediate of an atomic operation.
inline constexpr s32 kAtomicFetch = 0x01, kAtomicXchg = 0xe1, kAtomicCmpXchg = 0xf1,
                     kAtomicLoadAcquire = 0x100, kAtomicStoreRelease = 0x110;

// The source field of a 64-bit immediate load.
inline constexpr u8 kPseudoNone = 0, kPseudoMapFd = 1, kPseudoMapValue = 2, kPseudoBtfId = 3,
                    kPseudoFunc = 4, kPseudoMapIdx = 5, kPseudoMapIdxValue = 6;

// The source field of a call.
inline constexpr u8 kCallHelper = 0, kCallSubprogram = 1, kCallKfunc = 2;

inline constexpr u8 kRegister0 = 0, kFramePointer = 10;
inline constexpr unsigned kRegisterCount = 11;
inline constexpr u32 kStackBytes = 512;
inline constexpr u32 kStackSlots = kStackBytes / 8;
inline constexpr u32 kMaxFrames = 8;
inline constexpr u32 kMaxProgramInsns = 1'000'000;
inline constexpr u32 kMaxSubprograms = 256;

constexpr bool is_ld_imm64(const Insn& insn) {
    return insn.code == (kClassLd | kModeImm | kSizeDw);
}
constexpr bool is_subprogram_call(const Insn& insn) {
    return insn.code == (kClassJmp | kCall) && insn.src() == kCallSubprogram;
}
constexpr bool is_function_reference(const Insn& insn) {
    return is_ld_imm64(insn) && insn.src() == kPseudoFunc;
}

constexpr u32 access_size(u8 size_bits) {
    switch (size_bits) {
        case kSizeB: return 1;
        case kSizeH: return 2;
        case kSizeW: return 4;
        default: return 8;
    }
}

}  // namespace gyre::bpf
