// SPDX-License-Identifier: MIT
//
// The disassembler (disassemble.h).
#include "lib/bpf/disassemble.h"

namespace gyre::bpf {
namespace {

const char* size_name(u8 bits) {
    switch (bits) {
        case kSizeB: return "u8";
        case kSizeH: return "u16";
        case kSizeW: return "u32";
        default: return "u64";
    }
}

const char* alu_symbol(u8 op, bool is_signed) {
    switch (op) {
        case kAdd: return "+=";
        case kSub: return "-=";
        case kMul: return "*=";
        case kDiv: return is_signed ? "s/=" : "/=";
        case kOr: return "|=";
        case kAnd: return "&=";
        case kLsh: return "<<=";
        case kRsh: return ">>=";
        case kMod: return is_signed ? "s%=" : "%=";
        case kXor: return "^=";
        case kMov: return "=";
        case kArsh: return "s>>=";
        default: return "?=";
    }
}

const char* jump_symbol(u8 op) {
    switch (op) {
        case kJeq: return "==";
        case kJgt: return ">";
        case kJge: return ">=";
        case kJset: return "&";
        case kJne: return "!=";
        case kJsgt: return "s>";
        case kJsge: return "s>=";
        case kJlt: return "<";
        case kJle: return "<=";
        case kJslt: return "s<";
        case kJsle: return "s<=";
        default: return "?";
    }
}

void place(TextWriter& out, u8 bits, unsigned base, s16 off) {
    out << "*(" << size_name(bits) << " *)(r" << base << (off < 0 ? " - " : " + ")
        << static_cast<u32>(off < 0 ? -off : off) << ")";
}

void alu(const Insn& insn, TextWriter& out) {
    bool wide = insn.insn_class() == kClassAlu64;
    const char* r = wide ? "r" : "w";
    unsigned d = insn.dst();
    unsigned s = insn.src();
    if (insn.op() == kNeg) {
        out << r << d << " = -" << r << d;
        return;
    }
    if (insn.op() == kEnd) {
        const char* name = wide ? "bswap" : insn.uses_register_source() ? "be" : "le";
        out << "r" << d << " = " << name << insn.imm << " r" << d;
        return;
    }
    out << r << d << " " << alu_symbol(insn.op(), insn.off == 1) << " ";
    if (!insn.uses_register_source()) {
        out << insn.imm;
    } else if (insn.op() == kMov && insn.off > 1) {
        out << "(s" << static_cast<s32>(insn.off) << ")" << r << s;
    } else if (insn.op() == kMov && insn.off == 1) {
        out << "addr_space_cast(r" << s << ", " << insn.imm << ")";
    } else {
        out << r << s;
    }
}

void jump(const Insn& insn, u32 at, TextWriter& out) {
    bool wide = insn.insn_class() == kClassJmp;
    const char* r = wide ? "r" : "w";
    s64 target = static_cast<s64>(at) + 1 + insn.off;
    switch (insn.op()) {
        case kExit: out << "exit"; return;
        case kCall:
            if (insn.src() == kCallSubprogram) {
                out << "call " << static_cast<s64>(at) + 1 + insn.imm;
            } else {
                out << (insn.src() == kCallKfunc ? "call kernel function " : "call helper ")
                    << insn.imm;
            }
            return;
        case kJa:
            out << "goto " << (wide ? target : static_cast<s64>(at) + 1 + insn.imm);
            return;
        case kJcond: out << "may_goto " << target; return;
        default: break;
    }
    out << "if " << r << u32{insn.dst()} << " " << jump_symbol(insn.op()) << " ";
    if (insn.uses_register_source()) {
        out << r << u32{insn.src()};
    } else {
        out << insn.imm;
    }
    out << " goto " << target;
}

void atomic(const Insn& insn, TextWriter& out) {
    unsigned s = insn.src();
    if (insn.imm == kAtomicLoadAcquire) {
        out << "r" << u32{insn.dst()} << " = load_acquire ";
        place(out, insn.size_bits(), s, insn.off);
        return;
    }
    const char* name = insn.imm == kAtomicXchg           ? "xchg"
                       : insn.imm == kAtomicCmpXchg      ? "cmpxchg"
                       : insn.imm == kAtomicStoreRelease ? "store_release"
                                                         : "lock";
    out << name << " ";
    place(out, insn.size_bits(), insn.dst(), insn.off);
    out << " ";
    if (insn.imm < 0x100 && insn.imm != kAtomicXchg && insn.imm != kAtomicCmpXchg) {
        out << alu_symbol(static_cast<u8>(insn.imm & 0xf0), false) << " ";
    }
    out << "r" << s << ((insn.imm & kAtomicFetch) && insn.imm < 0x100 ? " (fetch)" : "");
}

}  // namespace

void disassemble(const Insn& insn, const Insn* second, u32 at, TextWriter& out) {
    switch (insn.insn_class()) {
        case kClassAlu:
        case kClassAlu64: alu(insn, out); return;
        case kClassJmp:
        case kClassJmp32: jump(insn, at, out); return;
        case kClassLdx:
            out << "r" << u32{insn.dst()} << " = " << (insn.mode() == kModeMemSx ? "(signed) " : "");
            place(out, insn.size_bits(), insn.src(), insn.off);
            return;
        case kClassSt:
            place(out, insn.size_bits(), insn.dst(), insn.off);
            out << " = " << insn.imm;
            return;
        case kClassStx:
            if (insn.mode() == kModeAtomic) {
                atomic(insn, out);
                return;
            }
            place(out, insn.size_bits(), insn.dst(), insn.off);
            out << " = r" << u32{insn.src()};
            return;
        default: break;
    }
    if (is_ld_imm64(insn)) {
        u64 high = second != nullptr ? static_cast<u32>(second->imm) : 0;
        u64 value = static_cast<u32>(insn.imm) | high << 32;
        out << "r" << u32{insn.dst()} << " = ";
        switch (insn.src()) {
            case kPseudoMapFd: out << "map " << insn.imm; return;
            case kPseudoMapValue: out << "map " << insn.imm << " value + " << high; return;
            case kPseudoFunc: out << "function " << static_cast<s64>(at) + 1 + insn.imm; return;
            case kPseudoBtfId: out << "kernel object " << insn.imm; return;
            default: out.hex(value); out << " ll"; return;
        }
    }
    out << "r0 = packet[" << (insn.mode() == kModeInd ? "r" : "");
    if (insn.mode() == kModeInd) {
        out << u32{insn.src()} << " + ";
    }
    out << insn.imm << "] " << size_name(insn.size_bits());
}

}  // namespace gyre::bpf
