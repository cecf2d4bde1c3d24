// SPDX-License-Identifier: MIT
//
// See program_generator.h: the program as a whole, numbers and arithmetic.
#include "test/bpf/generator.h"

namespace gyre::bpf {

GeneratedProgram Generator::make() {
    GeneratedProgram p;
    p.type = chance(50) ? ProgramType::SchedCls : ProgramType::Xdp;
    is_xdp_ = p.type == ProgramType::Xdp;
    has_function_ = chance(35);
    has_callback_ = chance(15);
    has_owning_pieces_ = chance(has_callback_ ? 10 : 40);  // both at once take Linux seconds
    emit(kClassAlu64 | kMov | kReg, 6, 1, 0, 0);
    for (u8 r : {u8{7}, u8{8}, u8{9}}) {
        number_into(r);
    }
    const unsigned pieces = 2 + below(9);
    for (unsigned k = 0; k < pieces && code_.size() < kMaxInsns; k++) {
        piece(0);
    }
    emit(kClassAlu64 | kMov | kReg, 0, chance(50) ? 7 : 8, 0, 0);
    if (chance(80)) {
        emit(kClassAlu64 | kAnd, 0, 0, 0, 3);
    }
    emit(kClassJmp | kExit, 0, 0, 0, 0);
    p.functions.push_back({0, kMainType});
    if (!calls_.empty()) {
        p.functions.push_back({static_cast<u32>(code_.size()), kStaticType});
        function();
    }
    if (!inner_calls_.empty()) {
        p.functions.push_back({static_cast<u32>(code_.size()), kStaticType});
        inner_function();
    }
    if (!callbacks_.empty()) {
        p.functions.push_back({static_cast<u32>(code_.size()), kStaticType});
        callback();
    } else {
        p.functions.clear();
    }
    if (chance(12)) {
        spoil();
    }
    for (size_t k = 0; k < code_.size(); k++) {
        const Insn& insn = code_[k];
        const u8 c = insn.insn_class();
        const u8 op = insn.op();
        const bool is_register = (c == kClassAlu || c == kClassAlu64) && insn.uses_register_source();
        const bool is_shift = op == kLsh || op == kRsh || op == kArsh;
        const bool is_zero = (op == kXor || op == kSub) && insn.dst() == insn.src();
        // The kernel is given no array of descriptors that maps could be numbered by.
        const bool is_numbered = is_ld_imm64(insn) && (insn.src() == kPseudoMapIdx || insn.src() == kPseudoMapIdxValue);
        p.is_beyond_linux = p.is_beyond_linux || is_numbered || (is_register && (is_shift || is_zero));
        k += is_ld_imm64(insn);
    }
    p.has_kernel_calls = has_kernel_calls_;
    p.insns = std::move(code_);
    return p;
}

s32 Generator::number() {
    switch (below(5)) {
        case 0: return static_cast<s32>(below(16)) - 4;
        case 1: return static_cast<s32>(below(300));
        case 2: return static_cast<s32>(1u << below(32));
        case 3: return static_cast<s32>(0x7fffffff - below(3));
        default: return static_cast<s32>(random_());
    }
}

void Generator::emit(unsigned code, unsigned dst, unsigned src, int off, s32 imm) {
    code_.push_back({static_cast<u8>(code), static_cast<u8>(dst | src << 4), static_cast<s16>(off), imm});
}

void Generator::load_map(unsigned dst, u32 map) {
    emit(kClassLd | kModeImm | kSizeDw, dst, kPseudoMapFd, 0, static_cast<s32>(map));
    emit(0, 0, 0, 0, 0);
}

// A jump whose target is where land() is called with what it returns.
size_t Generator::jump(unsigned code, unsigned dst, unsigned src, s32 imm) {
    emit(code, dst, src, 0, imm);
    return code_.size() - 1;
}

void Generator::number_into(u8 r) {
    switch (below(4)) {
        case 0: emit(kClassAlu64 | kMov, r, 0, 0, number()); return;
        case 1:
            emit(kClassLd | kModeImm | kSizeDw, r, 0, 0, static_cast<s32>(random_()));
            emit(0, 0, 0, 0, number());
            return;
        case 2: emit(kClassJmp | kCall, 0, 0, 0, 7); break;  // get_prandom_u32
        default: emit(kClassLdx | kModeMem | kSizeW, 0, 6, is_xdp_ ? 16 : 8, 0); break;
    }
    emit(kClassAlu64 | kMov | kReg, r, 0, 0, 0);
}

unsigned Generator::comparison() {
    static constexpr u8 kOps[] = {kJeq, kJne, kJgt, kJge, kJlt, kJle, kJset, kJsgt, kJsge, kJslt, kJsle};
    return kOps[below(11)] | (chance(50) ? kClassJmp : kClassJmp32);
}

void Generator::arithmetic() {
    static constexpr u8 kOps[] = {kAdd, kSub, kMul, kDiv, kOr, kAnd, kLsh, kRsh, kNeg, kMod, kXor, kMov, kArsh, kEnd};
    const u8 op = kOps[below(14)];
    const bool may_shift_by_number = chance(30);
    const unsigned width = chance(60) ? kClassAlu64 : kClassAlu;
    const u8 dst = long_lived();
    const u8 src = chance(80) ? (dst == 7 ? 8 : 7) : dst;
    if (op == kEnd) {
        emit(width | kEnd | (width == kClassAlu && chance(50) ? kReg : 0), dst, 0, 0, 16 << below(3));
        return;
    }
    if (op == kNeg) {
        emit(width | kNeg, dst, 0, 0, 0);
        return;
    }
    const bool is_shift = op == kLsh || op == kRsh || op == kArsh;
    const bool takes_register = chance(50) && (!is_shift || may_shift_by_number);
    s16 off = (op == kDiv || op == kMod) && chance(40) ? 1 : 0;
    if (op == kMov && takes_register && chance(40)) {
        off = width == kClassAlu64 ? static_cast<s16>(8 << below(3)) : static_cast<s16>(8 << below(2));
    }
    if (takes_register) {
        if (is_shift) {
            emit(kClassAlu64 | kAnd, src == dst ? dst : src, 0, 0, width == kClassAlu64 ? 63 : 31);
        }
        emit(width | op | kReg, dst, src, off, 0);
        return;
    }
    s32 imm = is_shift ? static_cast<s32>(below(width == kClassAlu64 ? 64 : 32)) : number();
    if ((op == kDiv || op == kMod) && imm == 0) {
        imm = 3;
    }
    emit(width | op, dst, 0, off, imm);
}

// Leaves the register between 0 and `most`, by one of the ways that programs do.
void Generator::bound(u8 r, unsigned most) {
    switch (below(4)) {
        case 0: {
            unsigned mask = 1;
            while (mask * 2 + 1 <= most) {
                mask = mask * 2 + 1;
            }
            emit(kClassAlu64 | kAnd, r, 0, 0, static_cast<s32>(mask));
            return;
        }
        case 1: emit(kClassAlu64 | kMod, r, 0, 0, static_cast<s32>(most + 1)); return;
        case 2: {
            const size_t inside = jump(kClassJmp | kJle, r, 0, static_cast<s32>(most));
            emit(kClassAlu64 | kMov, r, 0, 0, static_cast<s32>(most));
            land(inside);
            return;
        }
        default: {
            const size_t above = jump(kClassJmp | kJsgt, r, 0, static_cast<s32>(most));
            const size_t inside = jump(kClassJmp | kJsge, r, 0, 0);
            land(above);
            emit(kClassAlu64 | kMov, r, 0, 0, 0);
            land(inside);
            return;
        }
    }
}

void Generator::piece(unsigned depth) {
    if (code_.size() >= kMaxInsns) {
        arithmetic();
        return;
    }
    if (has_owning_pieces_ && chance(30)) {
        owning_piece(depth);
        return;
    }
    switch (below(depth < 3 ? 22 : 15)) {
        case 0: case 1: case 2: arithmetic(); return;
        case 3: spill_and_fill(); return;
        case 4: map_value(); return;
        case 5: packet(); return;
        case 6: stack_by_number(); return;
        case 7: linked(); return;
        case 8: number_into(long_lived()); return;
        case 9: linked_through_stack(); return;
        case 10: atomic_on_stack(); return;
        case 11: walk(); return;
        case 12:
            if (chance(30)) {
                stale_packet();
            } else if (chance(15) && !is_xdp_) {  // a map of programs is of one type of them
                tail_call();
            } else {
                linked();
            }
            return;
        case 13: case 14:
            if (has_callback_) {
                iterate();
                return;
            }
            arithmetic();
            return;
        case 15: record(); return;
        case 16: case 17: loop(depth); return;
        case 18: kept_pointer(depth); return;
        case 19:
            if (has_function_) {
                call();
                return;
            }
            [[fallthrough]];
        default: branch(depth); return;
    }
}

// One field of one instruction is something else.
void Generator::spoil() {
    Insn& insn = code_[below(static_cast<unsigned>(code_.size()))];
    switch (below(6)) {
        case 0: insn.imm = number(); break;
        case 1: insn.off = static_cast<s16>(insn.off + static_cast<int>(below(17)) - 8); break;
        case 2: insn.registers = static_cast<u8>((insn.registers & 0xf0) | below(11)); break;
        case 3: insn.registers = static_cast<u8>((insn.registers & 0x0f) | below(11) << 4); break;
        case 4: insn.code = static_cast<u8>(insn.code ^ 1u << below(8)); break;
        default: insn = code_[below(static_cast<unsigned>(code_.size()))]; break;
    }
}

GeneratedProgram generate_program(std::mt19937_64& random) { return Generator(random).make(); }

}  // namespace gyre::bpf
