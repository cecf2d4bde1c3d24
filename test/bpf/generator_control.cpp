// SPDX-License-Identifier: MIT
//
// Pieces of random programs that move control: branches, loops, functions, callbacks.
#include "test/bpf/generator.h"

namespace gyre::bpf {

// Counts in r9 or, inside another loop, on the stack.
void Generator::loop(unsigned depth) {
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
void Generator::walk() {
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

void Generator::tail_call() {
    emit(kClassAlu64 | kMov | kReg, 1, 6, 0, 0);
    load_map(2, kProgramMap);
    emit(kClassAlu64 | kMov | kReg, 3, long_lived(), 0, 0);
    emit(kClassJmp | kCall, 0, 0, 0, 12);
}

// Calls a function some times, with sixteen bytes of the own stack.
void Generator::iterate() {
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
void Generator::callback() {
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

void Generator::branch(unsigned depth) {
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

void Generator::call() {
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
void Generator::function() {
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

void Generator::spill_in_function() {
    const int slot = -8 - static_cast<int>(8 * below(3));
    emit(kClassStx | kModeMem | (chance(60) ? kSizeDw : kSizeW), 10, long_lived(), slot, 0);
    emit(kClassStx | kModeMem | kSizeDw, 10, 6, -32, 0);
    emit(kClassLdx | kModeMem | kSizeW, long_lived(), 10, slot, 0);
    emit(kClassLdx | kModeMem | kSizeDw, 6, 10, -32, 0);
}

// The same arguments, passed on: the bytes belong to the caller's caller.
void Generator::inner_function() {
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

}  // namespace gyre::bpf
