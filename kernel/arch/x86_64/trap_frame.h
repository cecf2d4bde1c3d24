// SPDX-License-Identifier: MIT
//
// The registers of whoever was interrupted, in the order in which trap.S pushes them. For a thread of a program the
// frame of its way into the kernel stands at the very top of its kernel stack.
#pragma once

#include <cstddef>
#include <cstdint>

namespace gyre::arch {

struct TrapFrame {
    uint64_t r15, r14, r13, r12, rbp, rbx, r11, rcx, rax;
    uint64_t rdi, rsi, rdx, r10, r8, r9;  // a call's arguments, in their order: linux::dispatch takes them as an array
    uint64_t vector;        // kCallVector for a system call
    uint64_t original_rax;  // the call's number; for an exception the error code while it is handled, then kNoCall
    uint64_t rip, cs, rflags, rsp, ss;

    static constexpr uint64_t kCallVector = 256;
    static constexpr uint64_t kNoCall = ~uint64_t{0};
    bool is_from_user() const { return (cs & 3) != 0; }
    bool is_call() const { return vector == kCallVector; }
};
static_assert(sizeof(TrapFrame) == 22 * 8 && offsetof(TrapFrame, rip) == 17 * 8);
static_assert(offsetof(TrapFrame, r9) == offsetof(TrapFrame, rdi) + 5 * 8);

// Selectors are Linux's, because programs see them (signal frames, ptrace).
constexpr uint16_t kKernelCode = 0x10, kKernelData = 0x18, kUserCode32 = 0x23, kUserData = 0x2b, kUserCode = 0x33,
                   kTaskState = 0x40, kCpuNumber = 0x7b;

// RFLAGS that a program may choose (sigreturn, ptrace): CF PF AF ZF SF TF DF OF NT RF AC ID.
constexpr uint64_t kUserFlags = 0x254dd5 & ~uint64_t{0x10000};
constexpr uint64_t kFlagsInterrupt = 0x200, kFlagsFixed = 0x2, kFlagsTrap = 0x100, kFlagsDirection = 0x400,
                   kFlagsResume = 0x10000;

}  // namespace gyre::arch
