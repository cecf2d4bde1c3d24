// SPDX-License-Identifier: MIT
//
// Signals as programs lay them out (asm-generic/siginfo.h and asm/sigcontext.h of the x86-64 ABI). A set of signals is a
// 64-bit word with signal n at bit n - 1.
#pragma once

#include <cstddef>
#include <cstdint>

namespace gyre::linux::abi {

struct SigAction {
    uint64_t handler;
    uint64_t flags;
    uint64_t restorer;
    uint64_t mask;
};
static_assert(sizeof(SigAction) == 32);

constexpr uint64_t kSigDefault = 0, kSigIgnore = 1;
constexpr uint64_t kSaNoChildStop = 1, kSaNoChildWait = 2, kSaSigInfo = 4, kSaUnsupported = 0x400,
                   kSaExposeTagBits = 0x800, kSaRestorer = 0x04000000, kSaOnStack = 0x08000000,
                   kSaRestart = 0x10000000, kSaNoDefer = 0x40000000, kSaResetHandler = 0x80000000;

struct SignalStack {
    uint64_t pointer;
    int32_t flags;
    int32_t padding;
    uint64_t size;
};
static_assert(sizeof(SignalStack) == 24);
constexpr uint32_t kSsOnStack = 1, kSsDisable = 2, kSsAutoDisarm = 1u << 31;
constexpr uint64_t kLeastSignalStack = 2048;  // MINSIGSTKSZ

// The kernel keeps the first 48 bytes: no kind of information is longer. The rest that a program sees is zero.
struct SignalInfo {
    int32_t signal;
    int32_t error;
    int32_t code;
    int32_t padding;
    union {
        struct {  // kill, sigqueue
            int32_t pid;
            uint32_t uid;
            uint64_t value;
        } sender;
        struct {  // POSIX timers
            int32_t timer;
            int32_t overrun;
            uint64_t value;
        } timer;
        struct {  // SIGCHLD
            int32_t pid;
            uint32_t uid;
            int32_t status;
            int32_t padding;
            int64_t user_ticks;
            int64_t system_ticks;
        } child;
        struct {  // SIGSEGV and its like
            uint64_t address;
            uint64_t lower, upper;
        } fault;
        struct {  // SIGIO
            int64_t band;
            int32_t fd;
        } poll;
        struct {  // SIGSYS
            uint64_t address;
            int32_t call;
            uint32_t architecture;
        } call;
        uint8_t raw[32];
    };
};
static_assert(sizeof(SignalInfo) == 48 && offsetof(SignalInfo, sender) == 16);

struct SigInfo {
    SignalInfo info;
    uint8_t rest[80];
};
static_assert(sizeof(SigInfo) == 128);

// si_code.
constexpr int32_t kSiUser = 0, kSiKernel = 0x80, kSiQueue = -1, kSiTimer = -2, kSiTkill = -6;
constexpr int32_t kCldExited = 1, kCldKilled = 2, kCldDumped = 3, kCldTrapped = 4, kCldStopped = 5, kCldContinued = 6;
constexpr int32_t kSegvMapError = 1, kSegvAccessError = 2, kBusAlignment = 1, kBusAddressError = 2, kIllOperand = 2,
                  kFpeIntegerDivide = 1, kFpeIntegerOverflow = 2, kFpeDivide = 3, kFpeOverflow = 4, kFpeUnderflow = 5,
                  kFpeInexact = 6, kFpeInvalid = 7, kTrapBreakpoint = 1, kTrapTrace = 2, kTrapHardware = 4;

struct SigEvent {
    uint64_t value;
    int32_t signal;
    int32_t notify;
    int32_t thread;
    int32_t rest[11];
};
static_assert(sizeof(SigEvent) == 64);
constexpr int32_t kSigevSignal = 0, kSigevNone = 1, kSigevThread = 2, kSigevThreadId = 4;

// struct signalfd_siginfo.
struct SignalFdInfo {
    uint32_t signal;
    int32_t error, code;
    uint32_t pid, uid;
    int32_t fd;
    uint32_t timer, band, overrun, trap;
    int32_t status, integer;
    uint64_t pointer, user_ticks, system_ticks, address;
    uint16_t address_lsb, padding;
    int32_t call;
    uint64_t call_address;
    uint32_t architecture;
    uint8_t rest[28];
};
static_assert(sizeof(SignalFdInfo) == 128);

// The stack of a handler, from the return address upwards.
struct SignalRegisters {  // struct sigcontext
    uint64_t r8, r9, r10, r11, r12, r13, r14, r15, rdi, rsi, rbp, rbx, rdx, rax, rcx, rsp, rip, rflags;
    uint16_t cs, gs, fs, ss;
    uint64_t error_code, vector, old_mask, fault_address;
    uint64_t vector_state;  // address of the FXSAVE/XSAVE area, 64-byte aligned
    uint64_t reserved[8];
};
static_assert(sizeof(SignalRegisters) == 256);

struct UserContext {  // struct ucontext
    uint64_t flags;
    uint64_t link;
    SignalStack stack;
    SignalRegisters registers;
    uint64_t mask;
};
static_assert(sizeof(UserContext) == 304);
constexpr uint64_t kUcVectorState = 1, kUcStackSegment = 2, kUcStrictStackSegment = 4;

struct SignalFrame {  // struct rt_sigframe
    uint64_t return_address;
    UserContext context;
    SigInfo info;
};
static_assert(sizeof(SignalFrame) == 440);

// What the kernel writes into bytes 464..511 of the FXSAVE image, so that a reader knows of the XSAVE part behind it.
struct VectorStateNote {  // struct _fpx_sw_bytes
    uint32_t magic1;
    uint32_t extended_size;  // FXSAVE/XSAVE area with magic2 behind it
    uint64_t features;
    uint32_t xstate_size;
    uint32_t padding[7];
};
static_assert(sizeof(VectorStateNote) == 48);
constexpr uint32_t kVectorMagic1 = 0x46505853, kVectorMagic2 = 0x46505845;

}  // namespace gyre::linux::abi
