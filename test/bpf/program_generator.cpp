// SPDX-License-Identifier: MIT
//
// See program_generator.h. Registers: r6 holds the context, r9 counts rounds of loops, r7 and r8 are
// numbers that live long; r0 to r5 are what the piece at hand makes of them.
#include "test/bpf/program_generator.h"

namespace gyre::bpf {
namespace {

constexpr u8 kReg = 8;
constexpr unsigned kMaxInsns = 160;

class Generator {
public:
    explicit Generator(std::mt19937_64& random) : random_(random) {}

    GeneratedProgram make() {
        GeneratedProgram p;
        p.type = chance(50) ? ProgramType::SchedCls : ProgramType::Xdp;
        is_xdp_ = p.type == ProgramType::Xdp;
        has_function_ = chance(30);
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
        if (has_function_) {
            function();
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
        p.insns = std::move(code_);
        return p;
    }

private:
    unsigned below(unsigned n) { return static_cast<unsigned>(random_() % n); }
    bool chance(unsigned percent) { return below(100) < percent; }
    s32 number() {
        switch (below(5)) {
            case 0: return static_cast<s32>(below(16)) - 4;
            case 1: return static_cast<s32>(below(300));
            case 2: return static_cast<s32>(1u << below(32));
            case 3: return static_cast<s32>(0x7fffffff - below(3));
            default: return static_cast<s32>(random_());
        }
    }
    u8 long_lived() { return chance(50) ? 7 : 8; }

    void emit(unsigned code, unsigned dst, unsigned src, int off, s32 imm) {
        code_.push_back({static_cast<u8>(code), static_cast<u8>(dst | src << 4), static_cast<s16>(off), imm});
    }
    void load_map(unsigned dst, u32 map) {
        emit(kClassLd | kModeImm | kSizeDw, dst, kPseudoMapFd, 0, static_cast<s32>(map));
        emit(0, 0, 0, 0, 0);
    }
    // A jump whose target is where land() is called with what it returns.
    size_t jump(unsigned code, unsigned dst, unsigned src, s32 imm) {
        emit(code, dst, src, 0, imm);
        return code_.size() - 1;
    }
    void land(size_t jump_at) { code_[jump_at].off = static_cast<s16>(code_.size() - jump_at - 1); }

    void number_into(u8 r) {
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

    unsigned comparison() {
        static constexpr u8 kOps[] = {kJeq, kJne, kJgt, kJge, kJlt, kJle, kJset, kJsgt, kJsge, kJslt, kJsle};
        return kOps[below(11)] | (chance(50) ? kClassJmp : kClassJmp32);
    }

    void arithmetic() {
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

    void spill_and_fill() {
        static constexpr u8 kSizes[] = {kSizeB, kSizeH, kSizeW, kSizeDw};
        const u8 size = kSizes[below(4)];
        const int bytes = static_cast<int>(access_size(size));
        const int slot = -static_cast<int>(8 * (1 + below(8)));
        switch (below(4)) {
            case 0: emit(kClassSt | kModeMem | size, 10, 0, slot, number()); break;
            case 1: emit(kClassStx | kModeMem | kSizeDw, 10, 6, slot, 0); break;  // the context
            default: emit(kClassStx | kModeMem | size, 10, long_lived(), slot, 0); break;
        }
        const bool is_context = code_.back().src() == 6 && code_.back().insn_class() == kClassStx;
        if (is_context) {
            emit(kClassLdx | kModeMem | kSizeDw, 6, 10, slot, 0);
            return;
        }
        const u8 fill = chance(70) ? size : kSizes[below(4)];
        const bool is_signed = fill != kSizeDw && chance(25);
        int at = slot;
        if (fill != kSizeDw && chance(20)) {
            at += static_cast<int>(access_size(fill));
        }
        (void)bytes;
        emit(kClassLdx | (is_signed ? kModeMemSx : kModeMem) | fill, long_lived(), 10, at, 0);
    }

    void stack_by_number() {
        // Eight slots are written, then one is chosen at run time.
        for (int slot = -64; slot < 0; slot += 8) {
            emit(kClassSt | kModeMem | kSizeDw, 10, 0, slot, number());
        }
        emit(kClassAlu64 | kMov | kReg, 1, long_lived(), 0, 0);
        bound(1, chance(85) ? 48 : 64);
        emit(kClassAlu64 | kMov | kReg, 2, 10, 0, 0);
        emit(kClassAlu64 | kAdd | kReg, 2, 1, 0, 0);
        if (chance(60)) {
            emit(kClassStx | kModeMem | kSizeB, 2, long_lived(), -64, 0);
        } else {
            emit(kClassLdx | kModeMem | kSizeB, long_lived(), 2, -64 + static_cast<int>(below(8)), 0);
        }
    }

    // Leaves the register between 0 and `most`, by one of the ways that programs do.
    void bound(u8 r, unsigned most) {
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

    void map_value(unsigned depth) {
        const u32 map = chance(60) ? kArrayMap : kHashMap;
        if (chance(50)) {
            emit(kClassSt | kModeMem | kSizeW, 10, 0, -4, static_cast<s32>(below(5)));
        } else {
            emit(kClassStx | kModeMem | kSizeW, 10, long_lived(), -4, 0);
        }
        if (map == kHashMap && chance(50)) {  // something to be found
            for (int slot = -64; slot < -8; slot += 8) {
                emit(kClassStx | kModeMem | kSizeDw, 10, long_lived(), slot, 0);
            }
            load_map(1, map);
            emit(kClassAlu64 | kMov | kReg, 2, 10, 0, 0);
            emit(kClassAlu64 | kAdd, 2, 0, 0, -4);
            emit(kClassAlu64 | kMov | kReg, 3, 10, 0, 0);
            emit(kClassAlu64 | kAdd, 3, 0, 0, -64);
            emit(kClassAlu64 | kMov, 4, 0, 0, 0);
            emit(kClassJmp | kCall, 0, 0, 0, 2);
        }
        load_map(1, map);
        emit(kClassAlu64 | kMov | kReg, 2, 10, 0, 0);
        emit(kClassAlu64 | kAdd, 2, 0, 0, -4);
        emit(kClassJmp | kCall, 0, 0, 0, 1);
        const bool is_checked = chance(95);
        const size_t missing = is_checked ? jump(kClassJmp | kJeq, 0, 0, 0) : 0;
        touch(0, kMapValueBytes, depth);
        if (is_checked) {
            land(missing);
        }
    }

    // Reads and writes memory of `bytes` bytes behind register `base`.
    void touch(u8 base, unsigned bytes, unsigned depth) {
        static constexpr u8 kSizes[] = {kSizeB, kSizeH, kSizeW, kSizeDw};
        const unsigned times = 1 + below(3);
        for (unsigned k = 0; k < times; k++) {
            const u8 size = kSizes[below(4)];
            const unsigned width = access_size(size);
            const unsigned room = bytes - width;
            if (chance(40)) {
                emit(kClassAlu64 | kMov | kReg, 3, long_lived(), 0, 0);
                bound(3, chance(92) ? room : bytes);
                emit(kClassAlu64 | kMov | kReg, 4, base, 0, 0);
                emit(kClassAlu64 | kAdd | kReg, 4, 3, 0, 0);
                emit(kClassLdx | kModeMem | size, long_lived(), 4, 0, 0);
                continue;
            }
            const int at = static_cast<int>(below(room + 1) / width * width + (chance(3) ? bytes : 0));
            switch (below(4)) {
                case 0: emit(kClassStx | kModeMem | size, base, long_lived(), at, 0); break;
                case 1: emit(kClassSt | kModeMem | size, base, 0, at, number()); break;
                case 2:
                    if (size == kSizeW || size == kSizeDw) {
                        static constexpr s32 kWhat[] = {kAdd, kOr | kAtomicFetch, kAdd | kAtomicFetch, kAtomicXchg, kXor};
                        emit(kClassStx | kModeAtomic | size, base, long_lived(), at / 8 * 8, kWhat[below(5)]);
                        break;
                    }
                    [[fallthrough]];
                default: emit(kClassLdx | kModeMem | size, long_lived(), base, at, 0); break;
            }
        }
        (void)depth;
    }

    void packet() {
        const unsigned bytes = 2 + below(40);
        emit(kClassLdx | kModeMem | kSizeW, 2, 6, is_xdp_ ? 0 : 76, 0);
        emit(kClassLdx | kModeMem | kSizeW, 3, 6, is_xdp_ ? 4 : 80, 0);
        const bool is_variable = chance(40);
        if (is_variable) {
            emit(kClassAlu64 | kMov | kReg, 1, long_lived(), 0, 0);
            bound(1, 63);
            emit(kClassAlu64 | kAdd | kReg, 2, 1, 0, 0);
        }
        emit(kClassAlu64 | kMov | kReg, 4, 2, 0, 0);
        emit(kClassAlu64 | kAdd, 4, 0, 0, static_cast<s32>(bytes));
        const bool is_strict = chance(50);
        const size_t outside = jump(kClassJmp | (is_strict ? kJgt : kJge) | kReg, 4, 3, 0);
        static constexpr u8 kSizes[] = {kSizeB, kSizeH, kSizeW, kSizeDw};
        for (unsigned k = 0; k < 1 + below(3); k++) {
            const u8 size = kSizes[below(4)];
            const unsigned width = access_size(size);
            if (width > bytes) {
                continue;
            }
            const int at = static_cast<int>(below(bytes - width + 1) + (chance(4) ? 1 : 0));
            emit(kClassLdx | kModeMem | size, long_lived(), 2, at, 0);
        }
        if (chance(30)) {
            emit(kClassStx | kModeMem | kSizeB, 2, long_lived(), 0, 0);
        }
        land(outside);
    }

    void record() {
        load_map(1, kRingMap);
        emit(kClassAlu64 | kMov, 2, 0, 0, 24);
        emit(kClassAlu64 | kMov, 3, 0, 0, 0);
        emit(kClassJmp | kCall, 0, 0, 0, 131);  // ringbuf_reserve
        const size_t missing = jump(kClassJmp | kJeq, 0, 0, 0);
        emit(kClassStx | kModeMem | kSizeDw, 0, long_lived(), static_cast<int>(8 * below(3)), 0);
        if (chance(94)) {
            emit(kClassAlu64 | kMov | kReg, 1, 0, 0, 0);
            emit(kClassAlu64 | kMov, 2, 0, 0, 0);
            emit(kClassJmp | kCall, 0, 0, 0, chance(50) ? 132 : 133);  // submit, discard
        }
        land(missing);
    }

    void loop(unsigned depth) {
        if (loops_ > 0) {
            arithmetic();
            return;
        }
        loops_++;
        const s32 rounds = static_cast<s32>(1 + below(12));
        emit(kClassAlu64 | kMov, 9, 0, 0, 0);
        const size_t head = code_.size();
        for (unsigned k = 0; k < 1 + below(3); k++) {
            piece(depth + 1);
        }
        const s32 step = chance(90) ? 1 : static_cast<s32>(below(4));
        emit(kClassAlu64 | kAdd, 9, 0, 0, step);
        static constexpr u8 kOps[] = {kJlt, kJslt, kJne};
        const int back = static_cast<int>(head) - static_cast<int>(code_.size()) - 1;
        emit((chance(70) ? kClassJmp : kClassJmp32) | kOps[below(3)], 9, 0, back, rounds);
        loops_--;
    }

    void branch(unsigned depth) {
        const bool takes_register = chance(40);
        const u8 a = long_lived();
        const size_t over = takes_register ? jump(comparison() | kReg, a, a == 7 ? 8 : 7, 0)
                                           : jump(comparison(), a, 0, number());
        for (unsigned k = 0; k < 1 + below(2); k++) {
            piece(depth + 1);
        }
        if (chance(40)) {
            const size_t end = jump(kClassJmp | kJa, 0, 0, 0);
            land(over);
            piece(depth + 1);
            land(end);
        } else {
            land(over);
        }
    }

    // Two numbers that are known to differ by a constant, or to be the same.
    void linked() {
        const u8 a = long_lived();
        const u8 b = a == 7 ? 8 : 7;
        emit(kClassAlu64 | kMov | kReg, b, a, 0, 0);
        if (chance(60)) {
            emit((chance(70) ? kClassAlu64 : kClassAlu) | kAdd, b, 0, 0, static_cast<s32>(below(40)) - 8);
        }
        const size_t over = jump(comparison(), chance(50) ? a : b, 0, static_cast<s32>(below(64)));
        touch_by(b);
        land(over);
    }

    void touch_by(u8 index) {
        emit(kClassSt | kModeMem | kSizeW, 10, 0, -4, 1);
        load_map(1, kArrayMap);
        emit(kClassAlu64 | kMov | kReg, 2, 10, 0, 0);
        emit(kClassAlu64 | kAdd, 2, 0, 0, -4);
        emit(kClassJmp | kCall, 0, 0, 0, 1);
        const size_t missing = jump(kClassJmp | kJeq, 0, 0, 0);
        emit(kClassAlu64 | kMov | kReg, 3, index, 0, 0);
        bound(3, kMapValueBytes - 1);
        emit(kClassAlu64 | kAdd | kReg, 0, 3, 0, 0);
        emit(kClassLdx | kModeMem | kSizeB, long_lived(), 0, 0, 0);
        land(missing);
    }

    void call() {
        emit(kClassAlu64 | kMov | kReg, 1, long_lived(), 0, 0);
        emit(kClassAlu64 | kMov | kReg, 2, chance(60) ? 10 : long_lived(), 0, 0);
        if (code_.back().src() == 10) {
            emit(kClassSt | kModeMem | kSizeDw, 10, 0, -72, number());
            emit(kClassAlu64 | kAdd, 2, 0, 0, -72);
        } else {
            emit(kClassSt | kModeMem | kSizeDw, 10, 0, -72, number());
            emit(kClassAlu64 | kMov | kReg, 2, 10, 0, 0);
            emit(kClassAlu64 | kAdd, 2, 0, 0, -72);
        }
        calls_.push_back(code_.size());
        emit(kClassJmp | kCall, 0, kCallSubprogram, 0, 0);
        emit(kClassAlu64 | kMov | kReg, long_lived(), 0, 0, 0);
    }

    // r1 is a number, r2 points to eight bytes of the caller's stack.
    void function() {
        const size_t begin = code_.size();
        for (size_t at : calls_) {
            code_[at].imm = static_cast<s32>(begin) - static_cast<s32>(at) - 1;
        }
        if (calls_.empty()) {
            return;
        }
        emit(kClassAlu64 | kMov | kReg, 7, 1, 0, 0);
        emit(kClassAlu64 | kMov, 8, 0, 0, number());
        emit(kClassAlu64 | kMov | kReg, 3, 2, 0, 0);
        emit(kClassLdx | kModeMem | kSizeDw, 8, 3, 0, 0);
        for (unsigned k = 0; k < 1 + below(3); k++) {
            arithmetic();
        }
        const size_t over = jump(comparison(), 7, 0, number());
        emit(kClassStx | kModeMem | kSizeDw, 2, 8, 0, 0);
        land(over);
        emit(kClassAlu64 | kMov | kReg, 0, long_lived(), 0, 0);
        emit(kClassJmp | kExit, 0, 0, 0, 0);
    }

    void piece(unsigned depth) {
        if (code_.size() >= kMaxInsns) {
            arithmetic();
            return;
        }
        switch (below(depth < 3 ? 14 : 9)) {
            case 0: case 1: case 2: arithmetic(); return;
            case 3: spill_and_fill(); return;
            case 4: map_value(depth); return;
            case 5: packet(); return;
            case 6: stack_by_number(); return;
            case 7: linked(); return;
            case 8: number_into(long_lived()); return;
            case 9: record(); return;
            case 10: loop(depth); return;
            case 11:
                if (has_function_) {
                    call();
                    return;
                }
                [[fallthrough]];
            default: branch(depth); return;
        }
    }

    // One field of one instruction is something else.
    void spoil() {
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

    std::mt19937_64& random_;
    std::vector<Insn> code_;
    std::vector<size_t> calls_;
    bool is_xdp_ = false;
    bool has_function_ = false;
    unsigned loops_ = 0;
};

}  // namespace

GeneratedProgram generate_program(std::mt19937_64& random) { return Generator(random).make(); }

}  // namespace gyre::bpf
