// SPDX-License-Identifier: MIT
//
// Pieces of random programs that touch memory: the stack, maps, packets, records.
#include "test/bpf/generator.h"

namespace gyre::bpf {

void Generator::spill_and_fill() {
    static constexpr u8 kSizes[] = {kSizeB, kSizeH, kSizeW, kSizeDw};
    const u8 size = kSizes[below(4)];
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
    emit(kClassLdx | (is_signed ? kModeMemSx : kModeMem) | fill, long_lived(), 10, at, 0);
}

void Generator::stack_by_number() {
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

void Generator::map_value() {
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
    touch(0, kMapValueBytes);
    if (is_checked) {
        land(missing);
    }
}

// Reads and writes memory of `bytes` bytes behind register `base`.
void Generator::touch(u8 base, unsigned bytes) {
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
}

void Generator::packet() {
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

void Generator::record() {
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

// A pointer to a map's value kept on the stack, before or after it is compared with null.
void Generator::kept_pointer(unsigned depth) {
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
    touch(5, kMapValueBytes);
    const size_t end = chance(50) ? jump(kClassJmp | kJa, 0, 0, 0) : 0;
    land(missing);
    if (end != 0) {
        if (chance(4)) {
            touch(0, kMapValueBytes);
        }
        land(end);
    }
}

// A packet pointer that is kept while a helper may move the packet.
void Generator::stale_packet() {
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

void Generator::atomic_on_stack() {
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
void Generator::linked_through_stack() {
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

// A value of the array in r0; lands where there is none.
size_t Generator::look_up() {
    emit(kClassSt | kModeMem | kSizeW, 10, 0, -4, 1);
    load_map(1, kArrayMap);
    emit(kClassAlu64 | kMov | kReg, 2, 10, 0, 0);
    emit(kClassAlu64 | kAdd, 2, 0, 0, -4);
    emit(kClassJmp | kCall, 0, 0, 0, 1);
    return jump(kClassJmp | kJeq, 0, 0, 0);
}

// Reads a map's value at the number, which only what went before can have bounded.
void Generator::index_straight(u8 index) {
    const size_t missing = look_up();
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

// Two numbers that are known to differ by a constant, or to be the same.
void Generator::linked() {
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

void Generator::touch_by(u8 index) {
    const size_t missing = look_up();
    emit(kClassAlu64 | kMov | kReg, 3, index, 0, 0);
    bound(3, kMapValueBytes - 1);
    emit(kClassAlu64 | kAdd | kReg, 0, 3, 0, 0);
    emit(kClassLdx | kModeMem | kSizeB, long_lived(), 0, 0, 0);
    land(missing);
}

}  // namespace gyre::bpf
