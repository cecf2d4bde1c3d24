// SPDX-License-Identifier: MIT
//
// See program_generator.h. Registers: r6 holds the context, r9 counts rounds of loops, r7 and r8 are
// numbers that live long; r0 to r5 are what the piece at hand makes of them.
#include "test/bpf/program_generator.h"

#include <string.h>

namespace gyre::bpf {
namespace {

constexpr u8 kReg = 8;
constexpr unsigned kMaxInsns = 180;
// Types in generated_types(): a number, a prototype, the main program, a static function.
constexpr u32 kNumberType = 1, kPrototype = 2, kMainType = 3, kStaticType = 4;
// Slots of the main program's stack that pieces keep to themselves.
constexpr int kLoopSlot = -80, kPointerSlot = -104, kPacketSlot = -112, kSharedSlot = -136;

class Generator {
public:
    explicit Generator(std::mt19937_64& random) : random_(random) {}

    GeneratedProgram make() {
        GeneratedProgram p;
        p.type = chance(50) ? ProgramType::SchedCls : ProgramType::Xdp;
        is_xdp_ = p.type == ProgramType::Xdp;
        has_function_ = chance(35);
        has_callback_ = chance(15);
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

    // Counts in r9 or, inside another loop, on the stack.
    void loop(unsigned depth) {
        if (loops_ > 1) {
            arithmetic();
            return;
        }
        const bool is_inner = loops_++ > 0;
        const u8 r = is_inner ? 1 : 9;
        const s32 step = chance(75) ? 1 : static_cast<s32>(below(9));
        const s32 rounds = static_cast<s32>((1 + below(is_inner ? 5 : 14)) * static_cast<unsigned>(step > 0 ? step : 1));
        const bool counts_down = chance(30);
        const bool tests_first = chance(40);
        const bool has_budget = chance(15);
        const bool is_wide = chance(65);
        const unsigned wide_jump = chance(70) ? kClassJmp : kClassJmp32;
        auto get = [&] {
            if (is_inner) {
                emit(kClassLdx | kModeMem | (is_wide ? kSizeDw : kSizeW), 1, 10, kLoopSlot, 0);
            }
        };
        auto put = [&] {
            if (is_inner) {
                emit(kClassStx | kModeMem | (is_wide ? kSizeDw : kSizeW), 10, 1, kLoopSlot, 0);
            }
        };
        const s32 first = counts_down ? rounds : (chance(80) ? 0 : static_cast<s32>(below(20)) - 10);
        emit(kClassAlu64 | kMov, r, 0, 0, first);
        if (chance(8)) {
            number_into(r == 9 ? u8{9} : u8{7});
        }
        put();
        size_t middle = 0;
        if (chance(4)) {
            middle = jump(comparison(), long_lived(), 0, number());
        }
        const size_t head = code_.size();
        size_t budget = 0, out = 0;
        if (has_budget) {
            budget = jump(kClassJmp | kJcond, 0, 0, 0);
        }
        if (tests_first) {
            get();
            static constexpr u8 kUp[] = {kJge, kJsge, kJeq, kJgt, kJsgt}, kDown[] = {kJeq, kJle, kJsle, kJslt, kJlt};
            out = jump(wide_jump | (counts_down ? kDown : kUp)[below(5)], r, 0, counts_down ? 0 : rounds);
        }
        size_t skip = 0;
        if (chance(25)) {
            skip = jump(comparison(), long_lived(), 0, number());
        }
        for (unsigned k = 0; k < 1 + below(3); k++) {
            piece(depth + 1);
        }
        if (middle != 0) {
            land(middle);
        }
        if (skip != 0 && chance(70)) {
            land(skip);
            skip = 0;
        }
        get();
        const unsigned width = is_wide ? kClassAlu64 : kClassAlu;
        if (chance(6)) {  // a step that is not always the same
            emit(kClassAlu64 | kMov | kReg, 2, long_lived(), 0, 0);
            bound(2, 3);
            emit(kClassAlu64 | kAdd, 2, 0, 0, chance(80) ? 1 : 0);
            emit(width | (counts_down ? kSub : kAdd) | kReg, r, 2, 0, 0);
        } else if (counts_down && chance(50)) {
            emit(width | kAdd, r, 0, 0, -step);
        } else {
            emit(width | (counts_down ? kSub : kAdd), r, 0, 0, step);
        }
        if (chance(4)) {  // put back at times
            const size_t over = jump(comparison(), long_lived(), 0, number());
            emit(kClassAlu64 | kMov, r, 0, 0, static_cast<s32>(below(4)));
            land(over);
        }
        put();
        if (skip != 0) {
            land(skip);
            get();
        }
        auto back = [&] { return static_cast<int>(head) - static_cast<int>(code_.size()) - 1; };
        if (tests_first) {
            emit(kClassJmp | kJa, 0, 0, back(), 0);
            land(out);
        } else if (chance(10)) {
            emit(kClassAlu64 | kMov | kReg, 2, long_lived(), 0, 0);
            bound(2, 9);
            emit(wide_jump | kJlt | kReg, r, 2, back(), 0);
        } else {
            static constexpr u8 kUp[] = {kJlt, kJslt, kJne, kJle, kJsle}, kDown[] = {kJne, kJgt, kJsgt, kJge, kJsge};
            const u8 op = (counts_down ? kDown : kUp)[chance(85) ? below(3) : below(5)];
            emit(wide_jump | op, r, 0, back(), counts_down ? (chance(90) ? 0 : 1) : rounds);
        }
        if (has_budget) {
            land(budget);
        }
        loops_--;
    }

    // A pointer that walks, bounded by a count.
    void walk() {
        const s32 rounds = static_cast<s32>(1 + below(30));
        const s32 step = chance(70) ? 1 : static_cast<s32>(1 + below(8));
        for (int slot = -64; slot < 0; slot += 8) {
            emit(kClassSt | kModeMem | kSizeDw, 10, 0, slot, number());
        }
        emit(kClassAlu64 | kMov | kReg, 2, 10, 0, 0);
        const bool goes_down = chance(25);
        emit(kClassAlu64 | kAdd, 2, 0, 0, goes_down ? -1 : -64);
        emit(kClassAlu64 | kMov, 3, 0, 0, 0);
        emit(kClassAlu64 | kMov, 4, 0, 0, 0);
        const size_t head = code_.size();
        if (chance(50)) {
            emit(kClassLdx | kModeMem | kSizeB, 5, 2, 0, 0);
            emit(kClassAlu64 | kXor | kReg, 4, 5, 0, 0);
        } else {
            emit(kClassStx | kModeMem | kSizeB, 2, long_lived(), 0, 0);
        }
        if (chance(30)) {
            const size_t over = jump(comparison(), 4, 0, number());
            emit(kClassAlu64 | kAdd, 2, 0, 0, static_cast<s32>(below(2)));
            land(over);
        }
        emit(kClassAlu64 | kAdd, 2, 0, 0, goes_down ? -step : step);
        emit((chance(60) ? kClassAlu64 : kClassAlu) | kAdd, 3, 0, 0, 1);
        const s32 most = chance(75) ? 64 / step : rounds;
        static constexpr u8 kOps[] = {kJlt, kJne, kJslt};
        emit((chance(70) ? kClassJmp : kClassJmp32) | kOps[below(3)], 3, 0, static_cast<int>(head) - static_cast<int>(code_.size()) - 1, most);
        emit(kClassAlu64 | kMov | kReg, long_lived(), chance(50) ? 3 : 4, 0, 0);
    }

    // A pointer to a map's value kept on the stack, before or after it is compared with null.
    void kept_pointer(unsigned depth) {
        emit(kClassSt | kModeMem | kSizeW, 10, 0, -4, static_cast<s32>(below(4)));
        load_map(1, chance(60) ? kArrayMap : kHashMap);
        emit(kClassAlu64 | kMov | kReg, 2, 10, 0, 0);
        emit(kClassAlu64 | kAdd, 2, 0, 0, -4);
        emit(kClassJmp | kCall, 0, 0, 0, 1);
        const bool is_kept_first = chance(60);
        if (is_kept_first) {
            emit(kClassStx | kModeMem | kSizeDw, 10, 0, kPointerSlot, 0);
        }
        const size_t missing = jump(kClassJmp | kJeq, 0, 0, 0);
        if (!is_kept_first) {
            emit(kClassStx | kModeMem | kSizeDw, 10, 0, kPointerSlot, 0);
        }
        piece(depth + 1);
        if (chance(8)) {  // a part of it is overwritten, or all of it may be
            emit(kClassSt | kModeMem | (chance(50) ? kSizeB : kSizeW), 10, 0, kPointerSlot + (chance(50) ? 4 : 0), number());
        } else if (chance(8)) {
            emit(kClassAlu64 | kMov | kReg, 1, long_lived(), 0, 0);
            bound(1, 15);
            emit(kClassAlu64 | kMov | kReg, 2, 10, 0, 0);
            emit(kClassAlu64 | kAdd | kReg, 2, 1, 0, 0);
            emit(kClassStx | kModeMem | kSizeB, 2, long_lived(), kPointerSlot, 0);
        }
        emit(kClassLdx | kModeMem | kSizeDw, 5, 10, kPointerSlot, 0);
        touch(5, kMapValueBytes, depth);
        const size_t end = chance(50) ? jump(kClassJmp | kJa, 0, 0, 0) : 0;
        land(missing);
        if (end != 0) {
            if (chance(4)) {
                touch(0, kMapValueBytes, depth);
            }
            land(end);
        }
    }

    // A packet pointer that is kept while a helper may move the packet.
    void stale_packet() {
        emit(kClassLdx | kModeMem | kSizeW, 2, 6, is_xdp_ ? 0 : 76, 0);
        emit(kClassLdx | kModeMem | kSizeW, 3, 6, is_xdp_ ? 4 : 80, 0);
        emit(kClassAlu64 | kMov | kReg, 4, 2, 0, 0);
        emit(kClassAlu64 | kAdd, 4, 0, 0, 20);
        const size_t outside = jump(kClassJmp | kJgt | kReg, 4, 3, 0);
        emit(kClassStx | kModeMem | kSizeDw, 10, 2, kPacketSlot, 0);
        if (chance(40)) {
            emit(kClassAlu64 | kMov | kReg, 1, 6, 0, 0);
            emit(kClassAlu64 | kMov, 2, 0, 0, is_xdp_ ? 0 : 20);
            emit(kClassJmp | kCall, 0, 0, 0, is_xdp_ ? 44 : 39);  // xdp_adjust_head, skb_pull_data
            if (chance(60)) {
                land(outside);
                return;
            }
        }
        emit(kClassLdx | kModeMem | kSizeDw, 5, 10, kPacketSlot, 0);
        emit(kClassAlu64 | kAdd, 5, 0, 0, static_cast<s32>(below(22)) - 2);
        emit(kClassLdx | kModeMem | kSizeB, long_lived(), 5, 0, 0);
        land(outside);
    }

    void tail_call() {
        emit(kClassAlu64 | kMov | kReg, 1, 6, 0, 0);
        load_map(2, kProgramMap);
        emit(kClassAlu64 | kMov | kReg, 3, long_lived(), 0, 0);
        emit(kClassJmp | kCall, 0, 0, 0, 12);
    }

    void atomic_on_stack() {
        static constexpr s32 kWhat[] = {kAdd, kOr | kAtomicFetch, kAdd | kAtomicFetch, kAnd | kAtomicFetch, kAtomicXchg, kXor, kAtomicCmpXchg};
        const u8 size = chance(60) ? kSizeDw : kSizeW;
        const int slot = -8 - static_cast<int>(8 * below(4));
        if (chance(60)) {
            emit(kClassSt | kModeMem | kSizeDw, 10, 0, slot, number());
        } else {
            emit(kClassStx | kModeMem | kSizeDw, 10, long_lived(), slot, 0);
        }
        emit(kClassAlu64 | kMov, 0, 0, 0, number());
        emit(kClassStx | kModeAtomic | size, 10, long_lived(), slot, kWhat[below(7)]);
        emit(kClassLdx | kModeMem | (chance(70) ? size : kSizeW), long_lived(), chance(80) ? 10 : 10, slot, 0);
        if (chance(30)) {
            emit(kClassAlu64 | kMov | kReg, long_lived(), 0, 0, 0);
        }
    }

    // Numbers tied to one another, one of them through 32 bits of the stack; then both are used.
    void linked_through_stack() {
        const u8 a = long_lived();
        const u8 b = a == 7 ? 8 : 7;
        const u8 size = chance(50) ? kSizeW : kSizeDw;
        emit(kClassStx | kModeMem | size, 10, a, -24, 0);
        if (chance(30)) {
            emit((chance(50) ? kClassAlu64 : kClassAlu) | kAdd, a, 0, 0, number());
        }
        emit(kClassLdx | kModeMem | (chance(80) ? size : kSizeW), b, 10, -24, 0);
        if (chance(40)) {
            emit((chance(50) ? kClassAlu64 : kClassAlu) | (chance(50) ? kAdd : kSub), b, 0, 0, static_cast<s32>(below(64)) - 32);
        }
        const size_t over = chance(40) ? jump(comparison() | kReg, a, b, 0) : jump(comparison(), chance(50) ? a : b, 0, static_cast<s32>(below(48)));
        const size_t beyond = chance(50) ? jump(comparison(), chance(50) ? a : b, 0, static_cast<s32>(below(48))) : 0;
        index_straight(chance(50) ? a : b);
        land(over);
        if (beyond != 0) {
            land(beyond);
        }
    }

    // Reads a map's value at the number, which only what went before can have bounded.
    void index_straight(u8 index) {
        emit(kClassSt | kModeMem | kSizeW, 10, 0, -4, 1);
        load_map(1, kArrayMap);
        emit(kClassAlu64 | kMov | kReg, 2, 10, 0, 0);
        emit(kClassAlu64 | kAdd, 2, 0, 0, -4);
        emit(kClassJmp | kCall, 0, 0, 0, 1);
        const size_t missing = jump(kClassJmp | kJeq, 0, 0, 0);
        emit(kClassAlu64 | kMov | kReg, 3, index, 0, 0);
        if (chance(50)) {
            const size_t high = jump((chance(70) ? kClassJmp : kClassJmp32) | (chance(60) ? kJgt : kJsgt), 3, 0, kMapValueBytes - 1);
            emit(kClassAlu64 | kAdd | kReg, 0, 3, 0, 0);
            emit(kClassLdx | kModeMem | kSizeB, long_lived(), 0, 0, 0);
            land(high);
        } else {
            emit(kClassAlu64 | kAdd | kReg, 0, 3, 0, 0);
            emit(kClassLdx | kModeMem | kSizeB, long_lived(), 0, 0, 0);
        }
        land(missing);
    }

    // Calls a function some times, with sixteen bytes of the own stack.
    void iterate() {
        emit(kClassSt | kModeMem | kSizeDw, 10, 0, kSharedSlot, static_cast<s32>(below(8)));
        if (chance(50)) {
            emit(kClassStx | kModeMem | kSizeDw, 10, long_lived(), kSharedSlot + 8, 0);
        } else {
            emit(kClassSt | kModeMem | kSizeDw, 10, 0, kSharedSlot + 8, static_cast<s32>(below(40)));
        }
        if (chance(60)) {
            emit(kClassAlu64 | kMov, 1, 0, 0, static_cast<s32>(below(20)));
        } else {
            emit(kClassAlu64 | kMov | kReg, 1, long_lived(), 0, 0);
            bound(1, 20);
        }
        callbacks_.push_back(code_.size());
        emit(kClassLd | kModeImm | kSizeDw, 2, kPseudoFunc, 0, 0);
        emit(0, 0, 0, 0, 0);
        emit(kClassAlu64 | kMov | kReg, 3, 10, 0, 0);
        emit(kClassAlu64 | kAdd, 3, 0, 0, kSharedSlot);
        emit(kClassAlu64 | kMov, 4, 0, 0, 0);
        emit(kClassJmp | kCall, 0, 0, 0, 181);  // bpf_loop
        const u8 r = long_lived();
        if (chance(30)) {
            emit(kClassAlu64 | kMov | kReg, r, 0, 0, 0);
        } else {
            emit(kClassLdx | kModeMem | kSizeDw, r, 10, kSharedSlot + (chance(60) ? 0 : 8), 0);
        }
        if (chance(50)) {
            index_straight(r);
        }
    }

    // r1 counts, r2 points to the sixteen bytes.
    void callback() {
        const size_t begin = code_.size();
        for (size_t at : callbacks_) {
            code_[at].imm = static_cast<s32>(begin) - static_cast<s32>(at) - 1;
        }
        emit(kClassAlu64 | kMov | kReg, 6, 2, 0, 0);
        emit(kClassLdx | kModeMem | kSizeDw, 7, 2, chance(70) ? 0 : 8, 0);
        if (chance(50)) {
            emit(kClassAlu64 | kMov | kReg, 8, 1, 0, 0);
        } else {
            emit(kClassLdx | kModeMem | kSizeDw, 8, 2, 8, 0);
        }
        if (chance(30)) {
            arithmetic();
        }
        switch (below(5)) {
            case 0: emit(kClassAlu64 | kAdd, 7, 0, 0, 1); break;
            case 1:
                emit(kClassAlu64 | kAdd, 7, 0, 0, 1);
                emit(kClassAlu64 | kAnd, 7, 0, 0, 31);
                break;
            case 2: {
                const size_t over = jump(kClassJmp | kJge, 7, 0, 40);
                emit(kClassAlu64 | kAdd, 7, 0, 0, static_cast<s32>(1 + below(4)));
                land(over);
                break;
            }
            default: arithmetic(); break;
        }
        const size_t over = chance(40) ? jump(comparison(), chance(50) ? 7 : 8, 0, number()) : 0;
        emit(kClassStx | kModeMem | (chance(85) ? kSizeDw : kSizeW), 6, chance(80) ? 7 : 8, chance(70) ? 0 : 8, 0);
        if (over != 0) {
            land(over);
        }
        emit(kClassAlu64 | kMov, 0, 0, 0, 0);
        if (chance(30)) {
            const size_t end = jump(comparison(), chance(50) ? 7 : 8, 0, static_cast<s32>(below(40)));
            emit(kClassAlu64 | kMov, 0, 0, 0, 1);
            land(end);
        }
        emit(kClassJmp | kExit, 0, 0, 0, 0);
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
        emit(kClassAlu64 | kMov | kReg, 7, 1, 0, 0);
        emit(kClassAlu64 | kMov | kReg, 6, 2, 0, 0);
        emit(kClassLdx | kModeMem | kSizeDw, 8, 2, 0, 0);
        const bool has_loop = chance(30);
        const bool has_budget = has_loop && chance(50);
        size_t budget = 0;
        if (has_loop) {
            emit(kClassAlu64 | kMov, 9, 0, 0, 0);
        }
        const size_t head = code_.size();
        if (has_budget) {
            budget = jump(kClassJmp | kJcond, 0, 0, 0);
        }
        for (unsigned k = 0; k < 1 + below(3); k++) {
            arithmetic();
        }
        if (chance(30)) {
            spill_in_function();
        }
        if (chance(40)) {
            emit(kClassAlu64 | kMov | kReg, 1, 8, 0, 0);
            emit(kClassAlu64 | kMov | kReg, 2, 6, 0, 0);
            inner_calls_.push_back(code_.size());
            emit(kClassJmp | kCall, 0, kCallSubprogram, 0, 0);
            emit(kClassAlu64 | kMov | kReg, long_lived(), 0, 0, 0);
        }
        if (has_loop && (!has_budget || chance(50))) {
            emit(kClassAlu64 | kAdd, 9, 0, 0, 1);
            emit(kClassJmp | kJlt, 9, 0, static_cast<int>(head) - static_cast<int>(code_.size()) - 1, static_cast<s32>(1 + below(10)));
        } else if (has_loop) {
            const size_t out = jump(comparison(), long_lived(), 0, number());
            emit(kClassJmp | kJa, 0, 0, static_cast<int>(head) - static_cast<int>(code_.size()) - 1, 0);
            land(out);
        }
        if (has_budget) {
            land(budget);
        }
        const size_t over = jump(comparison(), 7, 0, number());
        emit(kClassStx | kModeMem | (chance(80) ? kSizeDw : kSizeW), 6, 8, 0, 0);
        land(over);
        emit(kClassAlu64 | kMov | kReg, 0, long_lived(), 0, 0);
        emit(kClassJmp | kExit, 0, 0, 0, 0);
    }

    void spill_in_function() {
        const int slot = -8 - static_cast<int>(8 * below(3));
        emit(kClassStx | kModeMem | (chance(60) ? kSizeDw : kSizeW), 10, long_lived(), slot, 0);
        emit(kClassStx | kModeMem | kSizeDw, 10, 6, -32, 0);
        emit(kClassLdx | kModeMem | kSizeW, long_lived(), 10, slot, 0);
        emit(kClassLdx | kModeMem | kSizeDw, 6, 10, -32, 0);
    }

    // The same arguments, passed on: the bytes belong to the caller's caller.
    void inner_function() {
        const size_t begin = code_.size();
        for (size_t at : inner_calls_) {
            code_[at].imm = static_cast<s32>(begin) - static_cast<s32>(at) - 1;
        }
        emit(kClassAlu64 | kMov | kReg, 7, 1, 0, 0);
        emit(kClassAlu64 | kMov | kReg, 6, 2, 0, 0);
        emit(kClassLdx | kModeMem | (chance(70) ? kSizeDw : kSizeB), 8, 2, 0, 0);
        arithmetic();
        const size_t over = chance(60) ? jump(comparison(), long_lived(), 0, number()) : 0;
        emit(kClassStx | kModeMem | (chance(70) ? kSizeDw : kSizeB), 6, long_lived(), 0, 0);
        if (over != 0) {
            land(over);
        }
        emit(kClassAlu64 | kMov | kReg, 0, long_lived(), 0, 0);
        emit(kClassJmp | kExit, 0, 0, 0, 0);
    }

    void piece(unsigned depth) {
        if (code_.size() >= kMaxInsns) {
            arithmetic();
            return;
        }
        switch (below(depth < 3 ? 22 : 15)) {
            case 0: case 1: case 2: arithmetic(); return;
            case 3: spill_and_fill(); return;
            case 4: map_value(depth); return;
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
    std::vector<size_t> calls_, inner_calls_, callbacks_;
    bool is_xdp_ = false;
    bool has_function_ = false;
    bool has_callback_ = false;
    unsigned loops_ = 0;
};

}  // namespace

std::vector<u8> generated_types() {
    static constexpr char kStrings[] = "\0number\0main\0part";
    constexpr u32 kInt = 1u << 24, kFunction = 12u << 24, kFunctionPrototype = 13u << 24;
    const u32 types[] = {1, kInt, 4, 32,                           // number: 32 bits
                         0, kFunctionPrototype, kNumberType,      // number ()
                         8, kFunction | 1, kPrototype,            // main, global
                         13, kFunction, kPrototype};              // part, static
    const u32 header[] = {0x0001eb9f, 24, 0, sizeof(types), sizeof(types), sizeof(kStrings)};
    std::vector<u8> out(sizeof(header) + sizeof(types) + sizeof(kStrings));
    memcpy(out.data(), header, sizeof(header));
    memcpy(out.data() + sizeof(header), types, sizeof(types));
    memcpy(out.data() + sizeof(header) + sizeof(types), kStrings, sizeof(kStrings));
    return out;
}

GeneratedProgram generate_program(std::mt19937_64& random) { return Generator(random).make(); }

}  // namespace gyre::bpf
