// SPDX-License-Identifier: MIT
//
// What happens after trap.S has saved the registers.
#include <cstdint>

#include "kernel/arch/contract.h"
#include "kernel/arch/x86_64/cpu_setup.h"
#include "kernel/arch/x86_64/io.h"
#include "kernel/arch/x86_64/trap_frame.h"
#include "kernel/linux/dispatch.h"
#include "kernel/linux/exception.h"
#include "kernel/log/panic.h"
#include "kernel/memory/address_space.h"
#include "kernel/memory/fixup.h"
#include "kernel/memory/kernel_stack.h"
#include "kernel/schedule/scheduler.h"

namespace gyre::arch {
namespace {

constexpr unsigned kNmi = 2, kDoubleFault = 8, kGeneralProtection = 13, kPageFault = 14, kMachineCheck = 18, kFirstInterrupt = 32;
constexpr uint64_t kFaultWrite = 2, kFaultFetch = 16;

const char* exception_name(uint64_t vector) {
    static constexpr const char* kNames[] = {
        "divide error", "debug", "NMI", "breakpoint", "overflow", "bound range", "invalid opcode", "no coprocessor",
        "double fault", "coprocessor segment", "invalid TSS", "segment not present", "stack segment", "general protection",
        "page fault", "spurious", "x87 error", "alignment check", "machine check", "SIMD error", "virtualization",
        "control protection"};
    return vector < sizeof(kNames) / sizeof(kNames[0]) ? kNames[vector] : "exception";
}

[[noreturn]] void die(const TrapFrame& frame, uintptr_t address) {
    if (frame.vector == kPageFault) {
        const FormatArgument list[] = {
            address < kUserEnd ? "of a program" : memory::is_kernel_stack_guard(address) ? "below a kernel stack" : "",
            address, frame.original_rax};
        panic_formatted("page fault in the kernel at an address {}: {016x}, error code {x}", list, &frame);
    }
    const FormatArgument list[] = {exception_name(frame.vector), frame.original_rax};
    panic_formatted("{} in the kernel, error code {x}", list, &frame);
}

FaultAccess access_of(uint64_t error_code) {
    if (error_code & kFaultFetch) return FaultAccess::Execute;
    return error_code & kFaultWrite ? FaultAccess::Write : FaultAccess::Read;
}

void handle_user_exception(TrapFrame& frame, uintptr_t fault_address) {
    const uint64_t error_code = frame.original_rax;
    frame.original_rax = TrapFrame::kNoCall;
    const auto vector = static_cast<unsigned>(frame.vector);
    enable_interrupts();
    if (vector == kPageFault) {
        FaultOutcome outcome = FaultOutcome::NoMapping;
        if (fault_address < kUserEnd)
            outcome = current_thread().address_space()->handle_fault({fault_address}, access_of(error_code));
        if (outcome != FaultOutcome::Resolved) linux::on_user_page_fault(outcome, error_code, fault_address, frame);
    } else {
        linux::on_user_exception(vector, error_code, frame.rip, frame);
    }
    disable_interrupts();
}

// A fault of the kernel itself is meant to happen in one place only: where user memory is copied.
void handle_kernel_exception(TrapFrame& frame, uintptr_t fault_address) {
    const uintptr_t fixup = memory::find_fixup(frame.rip);
    if (fixup == 0) die(frame, fault_address);
    if (frame.vector == kPageFault && fault_address < kUserEnd && !memory::is_nofault(frame.rip)) {
        AddressSpace* space = current_thread().address_space();
        const bool may_sleep = (frame.rflags & kFlagsInterrupt) != 0;
        if (space && may_sleep) {
            const uint64_t error_code = frame.original_rax;
            enable_interrupts();
            const FaultOutcome outcome = space->handle_fault({fault_address}, access_of(error_code));
            disable_interrupts();
            if (outcome == FaultOutcome::Resolved) return;
        }
    } else if (frame.vector != kPageFault && frame.vector != kGeneralProtection) {
        die(frame, fault_address);
    }
    frame.rip = fixup;
}

// Interrupts off; returns when nothing is left to do for the thread before user mode.
void finish_user_work() {
    while (must_leave_slowly()) on_leave_to_user();
}

}  // namespace

// True when the quick way out (sysret) shows the program exactly what iret would.
extern "C" bool gyre_call(TrapFrame* frame) {
    enable_interrupts();
    linux::dispatch(*frame);
    turn_interrupts_off();
    finish_user_work();
    return frame->rcx == frame->rip && frame->r11 == frame->rflags && frame->rip < kUserEnd &&
           !(frame->rflags & (kFlagsTrap | kFlagsResume));
}

extern "C" void gyre_trap(TrapFrame* frame) {
    const uint64_t vector = frame->vector;
    if (vector >= kFirstInterrupt) {
        const bool is_from_user = frame->is_from_user();
        if (is_from_user) current_thread().account_enter_kernel();
        frame->original_rax = TrapFrame::kNoCall;
        handle_interrupt(static_cast<unsigned>(vector));
        if (is_from_user) {
            finish_user_work();
            current_thread().account_leave_kernel();
        }
        return;
    }
    // Before anything else can fault.
    const uintptr_t fault_address = vector == kPageFault ? read_cr2() : 0;
    if (vector == kNmi || vector == kDoubleFault || vector == kMachineCheck) die(*frame, fault_address);
    if (!frame->is_from_user()) return handle_kernel_exception(*frame, fault_address);
    current_thread().account_enter_kernel();
    handle_user_exception(*frame, fault_address);
    finish_user_work();
    current_thread().account_leave_kernel();
}

TrapFrame& user_frame(Thread& thread) {
    return *reinterpret_cast<TrapFrame*>(thread.context().kernel_stack_top - sizeof(TrapFrame));
}

extern "C" [[noreturn]] void gyre_enter_user(TrapFrame* frame);

void return_to_user() {
    disable_interrupts();
    finish_user_work();
    current_thread().account_leave_kernel();
    gyre_enter_user(&user_frame(current_thread()));
}

}  // namespace gyre::arch
