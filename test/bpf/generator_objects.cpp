// SPDX-License-Identifier: MIT
//
// Pieces of random programs that own something: iterators, dynptrs, tasks, locks, sections. What lies on the
// stack stays below what the other pieces use.
#include "lib/bpf/helper_ids.h"
#include "test/bpf/generator.h"

namespace gyre::bpf {
namespace {

constexpr int kNumbersSlot = -144, kInnerNumbersSlot = -152, kBufferSlot = -176, kCopySlot = -200, kTaskSlot = -208,
              kLockedSlot = -216;
constexpr u32 kCopyBytes = 16;

}  // namespace

void Generator::call_kernel(GeneratedFunction function) {
    emit(kClassJmp | kCall, 0, kCallKfunc, 0, static_cast<s32>(kFirstGeneratedFunction + 2 * static_cast<u32>(function)));
    has_kernel_calls_ = true;
}

void Generator::stack_address(u8 r, int slot) {
    emit(kClassAlu64 | kMov | kReg, r, 10, 0, 0);
    emit(kClassAlu64 | kAdd, r, 0, 0, slot);
}

// A loop over numbers that the kernel counts.
void Generator::numbers(unsigned depth) {
    if (iterations_ > 1) {
        arithmetic();
        return;
    }
    const int slot = iterations_++ > 0 ? kInnerNumbersSlot : kNumbersSlot;
    if (chance(70)) {
        emit(kClassAlu64 | kMov, 2, 0, 0, static_cast<s32>(below(12)) - 4);
        emit(kClassAlu64 | kMov, 3, 0, 0, static_cast<s32>(below(iterations_ > 1 ? 6 : 16)));
    } else {
        emit(kClassAlu64 | kMov, 2, 0, 0, 0);
        emit(kClassAlu64 | kMov | kReg, 3, long_lived(), 0, 0);
        bound(3, 12);
    }
    stack_address(1, slot);
    call_kernel(GeneratedFunction::NumbersNew);
    const size_t head = code_.size();
    stack_address(1, slot);
    call_kernel(GeneratedFunction::NumbersNext);
    const size_t out = jump(kClassJmp | kJeq, 0, 0, 0);
    if (chance(60)) {
        emit(kClassLdx | (chance(30) ? kModeMemSx : kModeMem) | kSizeW, long_lived(), 0, 0, 0);
    }
    if (chance(2)) {
        emit(kClassStx | kModeMem | kSizeW, 0, 7, 0, 0);  // it may be read only
    }
    for (unsigned k = 0; k < below(3); k++) {
        piece(depth + 1);
    }
    if (chance(30)) {
        index_straight(long_lived());
    }
    const size_t leave = chance(25) ? jump(comparison(), long_lived(), 0, number()) : 0;
    if (chance(40)) {
        emit((chance(60) ? kClassAlu64 : kClassAlu) | kAdd, long_lived(), 0, 0, 1);
    }
    emit(kClassJmp | kJa, 0, 0, static_cast<int>(head) - static_cast<int>(code_.size()) - 1, 0);
    land(out);
    if (leave != 0) {
        land(leave);
    }
    if (chance(3)) {
        emit(kClassLdx | kModeMem | kSizeDw, 7, 10, slot, 0);  // no bytes lie there
    }
    if (chance(97)) {
        stack_address(1, slot);
        call_kernel(GeneratedFunction::NumbersDestroy);
    }
    iterations_--;
}

// What is done with a dynptr that lies in kBufferSlot.
void Generator::use_buffer(unsigned bytes) {
    switch (below(6)) {
        case 0:  // reads
            stack_address(1, kCopySlot);
            emit(kClassAlu64 | kMov, 2, 0, 0, static_cast<s32>(1 + below(kCopyBytes)));
            stack_address(3, kBufferSlot);
            emit(kClassAlu64 | kMov, 4, 0, 0, static_cast<s32>(below(bytes)));
            emit(kClassAlu64 | kMov, 5, 0, 0, 0);
            emit(kClassJmp | kCall, 0, 0, 0, helper::kDynptrRead);
            emit(kClassLdx | kModeMem | kSizeB, long_lived(), 10, kCopySlot, 0);
            return;
        case 1:  // writes
            emit(kClassStx | kModeMem | kSizeDw, 10, long_lived(), kCopySlot, 0);
            stack_address(1, kBufferSlot);
            emit(kClassAlu64 | kMov | kReg, 2, long_lived(), 0, 0);
            bound(2, bytes);
            stack_address(3, kCopySlot);
            emit(kClassAlu64 | kMov, 4, 0, 0, static_cast<s32>(1 + below(8)));
            emit(kClassAlu64 | kMov, 5, 0, 0, 0);
            emit(kClassJmp | kCall, 0, 0, 0, helper::kDynptrWrite);
            return;
        case 2: {  // points into it
            const unsigned part = 8 + below(16);
            stack_address(1, kBufferSlot);
            emit(kClassAlu64 | kMov, 2, 0, 0, static_cast<s32>(below(bytes)));
            emit(kClassAlu64 | kMov, 3, 0, 0, static_cast<s32>(part));
            emit(kClassJmp | kCall, 0, 0, 0, helper::kDynptrData);
            const size_t none = jump(kClassJmp | kJeq, 0, 0, 0);
            touch(0, part);
            land(none);
            return;
        }
        case 3: {  // or to a copy
            const bool is_writable = chance(40);
            emit(kClassSt | kModeMem | kSizeDw, 10, 0, kCopySlot, number());
            emit(kClassSt | kModeMem | kSizeDw, 10, 0, kCopySlot + 8, number());
            stack_address(1, kBufferSlot);
            emit(kClassAlu64 | kMov, 2, 0, 0, static_cast<s32>(below(bytes)));
            stack_address(3, kCopySlot);
            emit(kClassAlu64 | kMov, 4, 0, 0, kCopyBytes);
            call_kernel(is_writable ? GeneratedFunction::BufferSliceWritable : GeneratedFunction::BufferSlice);
            const size_t none = jump(kClassJmp | kJeq, 0, 0, 0);
            if (is_writable) {
                touch(0, kCopyBytes);
                emit(kClassLdx | kModeMem | kSizeDw, long_lived(), 10, kCopySlot, 0);
            } else {
                emit(kClassLdx | kModeMem | kSizeB, long_lived(), 0, static_cast<int>(below(kCopyBytes) + (chance(4) ? 1 : 0)), 0);
            }
            if (chance(4)) {  // which may be gone
                stack_address(1, kBufferSlot);
                emit(kClassAlu64 | kMov, 2, 0, 0, 0);
                stack_address(3, kCopySlot);
                emit(kClassAlu64 | kMov, 4, 0, 0, 1);
                emit(kClassAlu64 | kMov, 5, 0, 0, 0);
                emit(kClassStx | kModeMem | kSizeDw, 10, 0, kTaskSlot, 0);
                emit(kClassJmp | kCall, 0, 0, 0, helper::kDynptrWrite);
                emit(kClassLdx | kModeMem | kSizeDw, 5, 10, kTaskSlot, 0);
                emit(kClassLdx | kModeMem | kSizeB, 7, 5, 0, 0);
            }
            land(none);
            return;
        }
        case 4:
            stack_address(1, kBufferSlot);
            emit(kClassAlu64 | kMov, 2, 0, 0, static_cast<s32>(below(bytes)));
            emit(kClassAlu64 | kMov | kReg, 3, long_lived(), 0, 0);
            bound(3, bytes);
            call_kernel(GeneratedFunction::BufferAdjust);
            return;
        default:
            stack_address(1, kBufferSlot);
            call_kernel(chance(50) ? GeneratedFunction::BufferSize : GeneratedFunction::BufferIsNull);
            emit(kClassAlu64 | kMov | kReg, long_lived(), 0, 0, 0);
            return;
    }
}

void Generator::buffer(unsigned depth) {
    const unsigned uses = 1 + below(3);
    switch (below(3)) {
        case 0: {  // of a map's value
            const size_t missing = look_up();
            emit(kClassAlu64 | kMov | kReg, 1, 0, 0, 0);
            emit(kClassAlu64 | kMov, 2, 0, 0, static_cast<s32>(kMapValueBytes + (chance(4) ? 1 : 0)));
            emit(kClassAlu64 | kMov, 3, 0, 0, 0);
            stack_address(4, kBufferSlot);
            emit(kClassJmp | kCall, 0, 0, 0, helper::kDynptrFromMem);
            for (unsigned k = 0; k < uses; k++) {
                use_buffer(kMapValueBytes);
            }
            land(missing);
            return;
        }
        case 1:  // of a record, which must be given back
            load_map(1, kRingMap);
            emit(kClassAlu64 | kMov, 2, 0, 0, 40);
            emit(kClassAlu64 | kMov, 3, 0, 0, 0);
            stack_address(4, kBufferSlot);
            emit(kClassJmp | kCall, 0, 0, 0, helper::kRingbufReserveDynptr);
            for (unsigned k = 0; k < uses; k++) {
                use_buffer(40);
            }
            if (chance(30)) {
                piece(depth + 1);
            }
            if (chance(3)) {
                emit(kClassSt | kModeMem | kSizeB, 10, 0, kBufferSlot + static_cast<int>(below(16)), 0);
            }
            if (chance(97)) {
                stack_address(1, kBufferSlot);
                emit(kClassAlu64 | kMov, 2, 0, 0, 0);
                emit(kClassJmp | kCall, 0, 0, 0, chance(50) ? helper::kRingbufSubmitDynptr : helper::kRingbufDiscardDynptr);
            }
            return;
        default:  // of the packet
            emit(kClassAlu64 | kMov | kReg, 1, 6, 0, 0);
            emit(kClassAlu64 | kMov, 2, 0, 0, 0);
            stack_address(3, kBufferSlot);
            call_kernel(is_xdp_ ? GeneratedFunction::BufferFromXdp : GeneratedFunction::BufferFromPacket);
            for (unsigned k = 0; k < uses; k++) {
                use_buffer(40);
            }
            if (chance(10)) {  // it may be overwritten; then it is bytes
                emit(kClassStx | kModeMem | kSizeDw, 10, long_lived(), kBufferSlot + static_cast<int>(8 * below(2)), 0);
                if (chance(20)) {
                    use_buffer(40);
                }
            }
            return;
    }
}

void Generator::section() {
    const bool is_rcu = chance(50);
    call_kernel(is_rcu ? GeneratedFunction::RcuLock : GeneratedFunction::PreemptDisable);
    arithmetic();
    if (chance(50)) {
        spill_and_fill();
    }
    const size_t early = chance(10) ? jump(comparison(), long_lived(), 0, number()) : 0;
    if (chance(97)) {
        call_kernel(is_rcu ? GeneratedFunction::RcuUnlock : GeneratedFunction::PreemptEnable);
    }
    if (early != 0) {
        if (chance(80)) {  // by both ways
            const size_t end = jump(kClassJmp | kJa, 0, 0, 0);
            land(early);
            call_kernel(is_rcu ? GeneratedFunction::RcuUnlock : GeneratedFunction::PreemptEnable);
            land(end);
        } else {
            land(early);
        }
    }
}

// A task that is held while something else is done.
void Generator::task(unsigned depth) {
    emit(kClassAlu64 | kMov | kReg, 1, long_lived(), 0, 0);
    call_kernel(GeneratedFunction::TaskFromPid);
    const size_t missing = jump(kClassJmp | kJeq, 0, 0, 0);
    emit(kClassStx | kModeMem | kSizeDw, 10, 0, kTaskSlot, 0);
    if (chance(25)) {
        emit(kClassAlu64 | kMov | kReg, 1, 0, 0, 0);
        call_kernel(GeneratedFunction::TaskAcquire);
        const size_t none = jump(kClassJmp | kJeq, 0, 0, 0);
        emit(kClassAlu64 | kMov | kReg, 1, 0, 0, 0);
        call_kernel(GeneratedFunction::TaskRelease);
        land(none);
    }
    if (chance(60) && !is_holding_) {
        is_holding_ = true;
        piece(depth + 1);
        is_holding_ = false;
    }
    emit(kClassLdx | kModeMem | kSizeDw, 1, 10, kTaskSlot, 0);
    if (chance(97)) {
        call_kernel(GeneratedFunction::TaskRelease);
    }
    if (chance(3)) {
        emit(kClassLdx | kModeMem | kSizeDw, 1, 10, kTaskSlot, 0);
        call_kernel(GeneratedFunction::TaskRelease);
    }
    land(missing);
}

// A value that is changed under its lock.
void Generator::locked() {
    emit(kClassSt | kModeMem | kSizeW, 10, 0, -4, static_cast<s32>(below(3)));
    load_map(1, kLockMap);
    stack_address(2, -4);
    emit(kClassJmp | kCall, 0, 0, 0, helper::kMapLookup);
    const size_t missing = jump(kClassJmp | kJeq, 0, 0, 0);
    emit(kClassStx | kModeMem | kSizeDw, 10, 0, kLockedSlot, 0);
    emit(kClassAlu64 | kMov | kReg, 1, 0, 0, 0);
    emit(kClassJmp | kCall, 0, 0, 0, helper::kSpinLock);
    emit(kClassLdx | kModeMem | kSizeDw, 5, 10, kLockedSlot, 0);
    emit(kClassAlu64 | kAdd, 5, 0, 0, chance(97) ? 8 : 0);
    touch(5, kMapValueBytes - 8);
    if (chance(40)) {
        arithmetic();
    }
    const size_t early = chance(8) ? jump(comparison(), long_lived(), 0, number()) : 0;
    emit(kClassLdx | kModeMem | kSizeDw, 1, 10, kLockedSlot, 0);
    if (chance(97)) {
        emit(kClassJmp | kCall, 0, 0, 0, helper::kSpinUnlock);
    }
    if (early != 0) {
        const size_t end = jump(kClassJmp | kJa, 0, 0, 0);
        land(early);
        emit(kClassLdx | kModeMem | kSizeDw, 1, 10, kLockedSlot, 0);
        if (chance(85)) {
            emit(kClassJmp | kCall, 0, 0, 0, helper::kSpinUnlock);
        }
        land(end);
    }
    land(missing);
}

// A loop that only its budget ends.
void Generator::budget(unsigned depth) {
    const size_t head = code_.size();
    const size_t out = jump(kClassJmp | kJcond, 0, 0, 0);
    for (unsigned k = 0; k < 1 + below(2); k++) {
        piece(depth + 1);
    }
    const size_t leave = chance(40) ? jump(comparison(), long_lived(), 0, number()) : 0;
    emit(kClassJmp | kJa, 0, 0, static_cast<int>(head) - static_cast<int>(code_.size()) - 1, 0);
    land(out);
    if (leave != 0) {
        land(leave);
    }
}

void Generator::owning_piece(unsigned depth) {
    switch (below(depth < 2 ? 7 : 3)) {
        case 0: section(); return;
        case 1: locked(); return;
        case 2: buffer(depth); return;
        case 3: case 4: numbers(depth); return;
        case 5:
            if (!is_holding_) {
                task(depth);
                return;
            }
            [[fallthrough]];
        default: budget(depth); return;
    }
}

}  // namespace gyre::bpf
