// SPDX-License-Identifier: MIT
//
// See exception.h. Signals and codes are those of Linux's arch/x86 (Intel SDM volume 3, 6.15 for the vectors).
#include "kernel/linux/exception.h"

#include <cstring>

#include "kernel/arch/contract.h"
#include "kernel/arch/x86_64/trap_frame.h"
#include "kernel/linux/process.h"
#include "kernel/linux/signal.h"

namespace gyre::linux {
namespace {

enum Vector : unsigned {
    kDivide = 0, kDebug = 1, kBreakpoint = 3, kOverflow = 4, kBound = 5, kInvalidOpcode = 6, kCoprocessorSegment = 9,
    kInvalidTaskState = 10, kNotPresent = 11, kStackSegment = 12, kGeneralProtection = 13, kPageFault = 14, kX87 = 16,
    kAlignment = 17, kSimd = 19,
};

// Exception bits of the x87 status word and of MXCSR are alike.
int code_of_float_exception(uint32_t unmasked) {
    if (unmasked & 0x01) return abi::kFpeInvalid;
    if (unmasked & 0x04) return abi::kFpeDivide;
    if (unmasked & 0x08) return abi::kFpeOverflow;
    if (unmasked & 0x12) return abi::kFpeUnderflow;  // denormals too
    if (unmasked & 0x20) return abi::kFpeInexact;
    return 0;
}

int float_code(unsigned vector) {
    const arch::InterruptState state = arch::disable_interrupts();
    arch::vector_state_save_current();
    const auto* area = static_cast<const std::byte*>(Thread::current().context().vector_state);
    uint16_t control, status;
    uint32_t mxcsr;
    std::memcpy(&control, area, sizeof(control));
    std::memcpy(&status, area + 2, sizeof(status));
    std::memcpy(&mxcsr, area + 24, sizeof(mxcsr));
    arch::restore_interrupts(state);
    return code_of_float_exception(vector == kX87 ? status & ~control : mxcsr & ~(mxcsr >> 7));
}

void raise(int signal, int code, uintptr_t address) {
    SignalInfo info{};
    info.signal = signal;
    info.code = code;
    info.fault.address = address;
    force_signal(info);
}

}  // namespace

void on_user_exception(unsigned vector, uint64_t error_code, uintptr_t address, arch::TrapFrame&) {
    Task::current().last_fault = {.vector = vector, .error_code = error_code,
                                  .address = Task::current().last_fault.address};
    switch (vector) {
        case kDivide: return raise(kSigFpe, abi::kFpeIntegerDivide, address);
        case kDebug: return raise(kSigTrap, abi::kTrapTrace, address);
        case kBreakpoint: return force_signal(kSigTrap);
        case kInvalidOpcode: return raise(kSigIll, abi::kIllOperand, address);
        case kCoprocessorSegment: return force_signal(kSigFpe);
        case kNotPresent:
        case kStackSegment: return force_signal(kSigBus);
        case kX87:
        case kSimd:
            // No bit set: the program's handler has cleared it since; nothing to report.
            if (const int code = float_code(vector)) raise(kSigFpe, code, address);
            return;
        case kAlignment: return raise(kSigBus, abi::kBusAlignment, 0);
        default: return force_signal(kSigSegv);
    }
}

void on_user_page_fault(FaultOutcome outcome, uint64_t error_code, uintptr_t address, arch::TrapFrame&) {
    Task& task = Task::current();
    task.last_fault = {.vector = kPageFault, .error_code = error_code, .address = address};
    switch (outcome) {
        case FaultOutcome::Resolved: return;
        case FaultOutcome::NoMapping: return raise(kSigSegv, abi::kSegvMapError, address);
        case FaultOutcome::NotAllowed: return raise(kSigSegv, abi::kSegvAccessError, address);
        case FaultOutcome::PastEnd: return raise(kSigBus, abi::kBusAddressError, address);
        case FaultOutcome::OutOfMemory: return force_signal(kSigKill);
    }
}

}  // namespace gyre::linux
