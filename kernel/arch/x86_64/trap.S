// SPDX-License-Identifier: MIT
//
// The ways in and out: system calls, exceptions, interrupts, the first entry of a thread, the switch between two.
// Every way in leaves a TrapFrame (trap_frame.h) on the kernel stack.
#define USER_CODE 0x33
#define USER_DATA 0x2b
#define CALL_VECTOR 256
#define FRAME_ORIGINAL_RAX (16 * 8)
#define FRAME_RIP (17 * 8)

.macro PUSH_REGISTERS
    pushq %r9
    pushq %r8
    pushq %r10
    pushq %rdx
    pushq %rsi
    pushq %rdi
    pushq %rax
    pushq %rcx
    pushq %r11
    pushq %rbx
    pushq %rbp
    pushq %r12
    pushq %r13
    pushq %r14
    pushq %r15
.endm

.macro POP_REGISTERS
    popq %r15
    popq %r14
    popq %r13
    popq %r12
    popq %rbp
    popq %rbx
    popq %r11
    popq %rcx
    popq %rax
    popq %rdi
    popq %rsi
    popq %rdx
    popq %r10
    popq %r8
    popq %r9
.endm

    .text
// ---- system call: rcx = return address, r11 = flags; interrupts are off (FMASK)
    .balign 64
    .globl gyre_call_entry
gyre_call_entry:
    swapgs
    movq %rsp, %gs:24
    movq %gs:16, %rsp
    pushq $USER_DATA
    pushq %gs:24
    pushq %r11
    pushq $USER_CODE
    pushq %rcx
    pushq %rax
    pushq $CALL_VECTOR
    PUSH_REGISTERS
    xorl %ebp, %ebp             // the end of every backtrace
    movq %rsp, %rdi
    call gyre_call
    testb %al, %al
    jz gyre_leave_to_user
    // The quick way out: rip and rflags are what rcx and r11 hold.
    POP_REGISTERS
    movq 40(%rsp), %rsp         // past vector, original_rax, rip, cs, rflags
    swapgs
    sysretq

// ---- back to user mode through iretq: interrupts off, rsp at the frame
    .balign 16
    .globl gyre_leave_to_user
gyre_leave_to_user:
    POP_REGISTERS
    addq $16, %rsp
    swapgs
    .globl gyre_user_iret
gyre_user_iret:
    iretq

// [[noreturn]] void gyre_enter_user(TrapFrame*): the frame becomes the stack.
    .globl gyre_enter_user
gyre_enter_user:
    movq %rdi, %rsp
    jmp gyre_leave_to_user

// ---- exceptions and interrupts: 256 stubs of 16 bytes
    .balign 16
    .globl gyre_trap_stubs
gyre_trap_stubs:
    vector = 0
    .rept 256
    .balign 16
    .if !(vector == 8 || (vector >= 10 && vector <= 14) || vector == 17 || vector == 21 || vector == 29 || vector == 30)
    pushq $0
    .endif
    pushq $vector
    .if vector == 2 || vector == 8 || vector == 18
    jmp trap_paranoid
    .else
    jmp trap_common
    .endif
    vector = vector + 1
    .endr

    .balign 16
trap_common:
    PUSH_REGISTERS
    cld
    // A program may have set the flag that lifts the guard of its memory (AC); a call clears it by FMASK.
    cmpb $0, gyre_has_smap(%rip)
    je 2f
    clac
2:
    testb $3, 18 * 8(%rsp)      // cs
    jz 1f
    swapgs
    movq %rsp, %rdi
    xorl %ebp, %ebp
    call gyre_trap
    jmp gyre_leave_to_user
1:  // From the kernel. The frame pointer stays, so that a backtrace goes on through the frame.
    movq %rsp, %rdi
    call gyre_trap
    POP_REGISTERS
    addq $16, %rsp
    iretq

// On a stack of their own, at any moment: the GS base says by its sign whose it is.
trap_paranoid:
    PUSH_REGISTERS
    cld
    movl $0xc0000101, %ecx
    rdmsr
    xorl %ebx, %ebx
    testl %edx, %edx
    js 1f
    swapgs
    movl $1, %ebx
1:  movq %rsp, %rdi
    call gyre_trap
    testl %ebx, %ebx
    jz 2f
    swapgs
2:  POP_REGISTERS
    addq $16, %rsp
    iretq

// ---- void gyre_switch_stacks(uintptr_t* save_to, uintptr_t next)
    .balign 16
    .globl gyre_switch_stacks
gyre_switch_stacks:
    pushq %rbx
    pushq %rbp
    pushq %r12
    pushq %r13
    pushq %r14
    pushq %r15
    movq %rsp, (%rdi)
    movq %rsi, %rsp
    popq %r15
    popq %r14
    popq %r13
    popq %r12
    popq %rbp
    popq %rbx
    ret

// Where a new thread's first switch returns to: rbx = entry, r12 = argument.
    .globl gyre_thread_start
gyre_thread_start:
    xorl %ebp, %ebp
    movq %r12, %rdi
    call *%rbx
    ud2

    .section .note.GNU-stack, "", @progbits
