// SPDX-License-Identifier: MIT
//
// The frame of a handler on the program's stack (x86-64 psABI, Linux's struct rt_sigframe) and the way back from it,
// rt_sigreturn(2). Whatever a program puts into a frame, only registers that are its own change: selectors and the
// privileged flags are ours, an address outside the user half never reaches iret.
#include "call_handlers.h"
#include "kernel/arch/x86_64/trap_frame.h"
#include "kernel/linux/signal_parts.h"
#include "kernel/memory/user.h"

namespace gyre::linux {
namespace {

constexpr uint64_t kRedZoneBytes = 128;   // psABI 3.2.2: the program may use it below its stack pointer
constexpr uint64_t kVectorAlignment = 64;

bool is_within(const abi::SignalStack& stack, uint64_t stack_pointer) {
    return stack_pointer > stack.pointer && stack_pointer - stack.pointer <= stack.size;
}

void store_registers(const arch::TrapFrame& frame, const Task& task, abi::SignalRegisters& to) {
    to = {
        .r8 = frame.r8, .r9 = frame.r9, .r10 = frame.r10, .r11 = frame.r11,
        .r12 = frame.r12, .r13 = frame.r13, .r14 = frame.r14, .r15 = frame.r15,
        .rdi = frame.rdi, .rsi = frame.rsi, .rbp = frame.rbp, .rbx = frame.rbx,
        .rdx = frame.rdx, .rax = frame.rax, .rcx = frame.rcx, .rsp = frame.rsp,
        .rip = frame.rip, .rflags = frame.rflags,
        .cs = static_cast<uint16_t>(frame.cs), .gs = 0, .fs = 0, .ss = static_cast<uint16_t>(frame.ss),
        .error_code = task.last_fault.error_code, .vector = task.last_fault.vector, .old_mask = 0,
        .fault_address = task.last_fault.address, .vector_state = 0, .reserved = {},
    };
}

void load_registers(const abi::SignalRegisters& from, arch::TrapFrame& frame) {
    frame.r8 = from.r8, frame.r9 = from.r9, frame.r10 = from.r10, frame.r11 = from.r11;
    frame.r12 = from.r12, frame.r13 = from.r13, frame.r14 = from.r14, frame.r15 = from.r15;
    frame.rdi = from.rdi, frame.rsi = from.rsi, frame.rbp = from.rbp, frame.rbx = from.rbx;
    frame.rdx = from.rdx, frame.rax = from.rax, frame.rcx = from.rcx, frame.rsp = from.rsp;
    frame.rip = from.rip;
    frame.rflags = (from.rflags & arch::kUserFlags) | arch::kFlagsInterrupt | arch::kFlagsFixed;
    frame.cs = arch::kUserCode;
    frame.ss = arch::kUserData;
    // Not a call any more: rax is what it was, and must not be taken for a call's result.
    frame.original_rax = arch::TrapFrame::kNoCall;
    frame.vector = 0;
}

// Where the frame's topmost byte may be; 0 when it would leave the signal stack that it is on already.
uint64_t stack_for_handler(const Task& task, const arch::TrapFrame& frame, const abi::SigAction& action) {
    const abi::SignalStack& stack = task.signal_stack;
    const bool may_switch = (action.flags & abi::kSaOnStack) != 0 && stack.size != 0;
    if (may_switch && !is_on_signal_stack(task, frame.rsp)) return stack.pointer + stack.size;
    return frame.rsp - kRedZoneBytes;
}

}  // namespace

bool is_on_signal_stack(const Task& task, uint64_t stack_pointer) {
    // With SS_AUTODISARM a handler may switch stacks as it likes: it counts as off.
    if (static_cast<uint32_t>(task.signal_stack.flags) & abi::kSsAutoDisarm) return false;
    return is_within(task.signal_stack, stack_pointer);
}

bool enter_handler(Task& task, arch::TrapFrame& frame, const abi::SigAction& action, const SignalInfo& info,
                   SignalSet mask_to_restore) {
    // The x86-64 ABI has no other way back than the program's restorer; and iret faults on foreign addresses.
    if ((action.flags & abi::kSaRestorer) == 0 || action.handler >= kUserEnd) return false;
    const bool was_nested = is_on_signal_stack(task, frame.rsp);
    const uint64_t top = stack_for_handler(task, frame, action);
    const uint64_t vectors = (top - vector_frame_size()) & ~(kVectorAlignment - 1);
    // As if called: 16-byte aligned before the return address was pushed.
    const uint64_t at = ((vectors - sizeof(abi::SignalFrame)) & ~uint64_t{15}) - 8;
    if (at > top || (was_nested && !is_on_signal_stack(task, at))) return false;
    if (!write_vector_frame(vectors)) return false;

    abi::SignalFrame image{};
    image.return_address = action.restorer;
    image.context.flags = abi::kUcStackSegment | abi::kUcStrictStackSegment |
                          (vector_frame_size() > 512 ? abi::kUcVectorState : 0);
    image.context.stack = task.signal_stack;
    store_registers(frame, task, image.context.registers);
    image.context.registers.old_mask = mask_to_restore;
    image.context.registers.vector_state = vectors;
    image.context.mask = mask_to_restore;
    image.info.info = info;
    if (!user_memory::copy_out(at, &image, sizeof(image))) return false;

    if (static_cast<uint32_t>(task.signal_stack.flags) & abi::kSsAutoDisarm)
        task.signal_stack = {0, static_cast<int32_t>(abi::kSsDisable), 0, 0};
    frame.rdi = static_cast<uint64_t>(info.signal);
    frame.rsi = at + offsetof(abi::SignalFrame, info);
    frame.rdx = at + offsetof(abi::SignalFrame, context);
    frame.rax = 0;  // no vector registers carry arguments, should the handler be variadic
    frame.rsp = at;
    frame.rip = action.handler;
    frame.rflags &= ~(arch::kFlagsDirection | arch::kFlagsTrap | arch::kFlagsResume);
    frame.cs = arch::kUserCode;
    frame.ss = arch::kUserData;
    frame.original_rax = arch::TrapFrame::kNoCall;
    frame.vector = 0;
    reset_vector_state();
    return true;
}

CallResult sys_rt_sigreturn(CallContext& context) {
    Task& task = context.task;
    arch::TrapFrame& frame = arch::user_frame(task.thread());
    task.restart = {};
    abi::UserContext image;
    // The handler's ret has taken the return address from the stack.
    if (!user_memory::copy_in(&image, frame.rsp, sizeof(image)) || image.registers.rip >= kUserEnd) {
        force_signal(kSigSegv);
        return 0;
    }
    set_blocked_signals(task, image.mask);
    load_registers(image.registers, frame);
    if (!read_vector_frame(image.registers.vector_state)) {
        force_signal(kSigSegv);
        return static_cast<long>(frame.rax);
    }
    // As sigaltstack(2), but a stack that cannot be is passed over.
    const abi::SignalStack& stack = image.stack;
    const uint32_t mode = static_cast<uint32_t>(stack.flags) & ~abi::kSsAutoDisarm;
    if (!is_on_signal_stack(task, frame.rsp)) {
        if (mode == abi::kSsDisable)
            task.signal_stack = {0, static_cast<int32_t>(abi::kSsDisable), 0, 0};
        else if (mode <= abi::kSsOnStack && stack.size >= abi::kLeastSignalStack)
            task.signal_stack = {stack.pointer, static_cast<int32_t>(static_cast<uint32_t>(stack.flags) & abi::kSsAutoDisarm),
                                 0, stack.size};
    }
    return static_cast<long>(frame.rax);  // dispatch writes it back where it stands
}

}  // namespace gyre::linux
