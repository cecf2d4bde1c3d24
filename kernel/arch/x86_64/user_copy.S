// SPDX-License-Identifier: MIT
//
// The only instructions that touch user memory, and the table that says where the kernel goes on when one of them faults
// (kernel/memory/fixup.h). Callers have checked that the range is the program's. stac and clac open and close user
// memory where the CPU guards it (SMAP); gyre_has_smap says whether these instructions exist.
// No frame pointer is set up: these are leaves, and a fault in them shows their caller in the backtrace.

// A line of the table (gyre_fixups_start of the linker script): where it may fault, where to go on, and whether the page may not be waited for.
.macro MAY_FAULT fault, target, is_nofault=0
    .pushsection .gyre_fixups, "a"
    .quad \fault, \target, \is_nofault
    .popsection
.endm

.macro OPEN_USER
    cmpb $0, gyre_has_smap(%rip)
    je 771f
    stac
771:
.endm

.macro CLOSE_USER
    cmpb $0, gyre_has_smap(%rip)
    je 772f
    clac
772:
.endm

.text

// size_t gyre_user_copy(void* to, const void* from, size_t length): how many bytes were not copied.
.balign 16
.globl gyre_user_copy
.type gyre_user_copy, @function
gyre_user_copy:
    OPEN_USER
    cmpq $64, %rdx
    ja 5f
    // Short: eight bytes at a time, then one. rdx is what is left, exact at every instruction that may fault.
1:  cmpq $8, %rdx
    jb 3f
2:  movq (%rsi), %rax
20: movq %rax, (%rdi)
    addq $8, %rsi
    addq $8, %rdi
    subq $8, %rdx
    jmp 1b
3:  testq %rdx, %rdx
    jz 9f
4:  movb (%rsi), %al
40: movb %al, (%rdi)
    incq %rsi
    incq %rdi
    decq %rdx
    jnz 4b
9:  CLOSE_USER
    movq %rdx, %rax
    retq
    // Long: one step for eight bytes, the rest as above.
5:  movq %rdx, %rcx
    shrq $3, %rcx
    andl $7, %edx
6:  rep movsq
    jmp 3b
    // A fault in the long part: what is left is the counted words and the tail; go on byte by byte, so that the
    // caller learns the exact count.
7:  leaq (%rdx,%rcx,8), %rdx
    jmp 3b
    MAY_FAULT 2b, 3b
    MAY_FAULT 20b, 3b
    MAY_FAULT 4b, 9b
    MAY_FAULT 40b, 9b
    MAY_FAULT 6b, 7b
.size gyre_user_copy, . - gyre_user_copy

// size_t gyre_user_zero(void* to, size_t length): how many bytes were not written.
.balign 16
.globl gyre_user_zero
.type gyre_user_zero, @function
gyre_user_zero:
    OPEN_USER
    xorl %eax, %eax
    movq %rsi, %rcx
    shrq $3, %rcx
    movq %rsi, %rdx
    andl $7, %edx
1:  rep stosq
2:  movq %rdx, %rcx
3:  rep stosb
4:  CLOSE_USER
    movq %rcx, %rax
    retq
5:  leaq (%rdx,%rcx,8), %rdx
    jmp 2b
    MAY_FAULT 1b, 5b
    MAY_FAULT 3b, 4b
.size gyre_user_zero, . - gyre_user_zero

// long gyre_user_string(char* to, const char* from, size_t capacity): the length without the zero, which is copied
// too; -1 for a fault, -2 when there is no zero within the capacity. Eight bytes at a time from aligned addresses never
// reach into a page that the string does not touch.
.balign 16
.globl gyre_user_string
.type gyre_user_string, @function
gyre_user_string:
    OPEN_USER
    movq %rdi, %r8
1:  cmpq $8, %rdx
    jb 4f
    testl $7, %esi
    jnz 4f
2:  movq (%rsi), %rax
    movq %rax, (%rdi)
    // Any zero byte? (x - 0x01..01) & ~x & 0x80..80
    movabsq $0x0101010101010101, %r9
    movq %rax, %rcx
    subq %r9, %rcx
    notq %rax
    andq %rax, %rcx
    shlq $7, %r9
    andq %r9, %rcx
    jnz 3f
    addq $8, %rsi
    addq $8, %rdi
    subq $8, %rdx
    jmp 1b
3:  bsfq %rcx, %rcx
    shrl $3, %ecx
    leaq (%rdi,%rcx), %rax
    jmp 6f
4:  testq %rdx, %rdx
    jz 7f
5:  movb (%rsi), %al
    movb %al, (%rdi)
    testb %al, %al
    jz 55f
    incq %rsi
    incq %rdi
    decq %rdx
    jmp 1b
55: movq %rdi, %rax
6:  subq %r8, %rax
    CLOSE_USER
    retq
7:  CLOSE_USER
    movq $-2, %rax
    retq
8:  CLOSE_USER
    movq $-1, %rax
    retq
    MAY_FAULT 2b, 8b
    MAY_FAULT 5b, 8b
.size gyre_user_string, . - gyre_user_string

// int gyre_user_load_u32(uint32_t* to, const uint32_t* from): 0, or -1 for a fault. Does not wait for pages.
.balign 16
.globl gyre_user_load_u32
.type gyre_user_load_u32, @function
gyre_user_load_u32:
    OPEN_USER
1:  movl (%rsi), %ecx
    movl %ecx, (%rdi)
    xorl %eax, %eax
2:  CLOSE_USER
    retq
3:  movl $-1, %eax
    jmp 2b
    MAY_FAULT 1b, 3b, 1
.size gyre_user_load_u32, . - gyre_user_load_u32

// int gyre_user_compare_exchange_u32(uint32_t* at, uint32_t* expected, uint32_t desired): 1 exchanged, 0 not (and
// *expected is what was there), -1 for a fault. Does not wait for pages.
.balign 16
.globl gyre_user_compare_exchange_u32
.type gyre_user_compare_exchange_u32, @function
gyre_user_compare_exchange_u32:
    OPEN_USER
    movl (%rsi), %eax
1:  lock cmpxchgl %edx, (%rdi)
    movl %eax, (%rsi)
    sete %al
    movzbl %al, %eax
2:  CLOSE_USER
    retq
3:  movl $-1, %eax
    jmp 2b
    MAY_FAULT 1b, 3b, 1
.size gyre_user_compare_exchange_u32, . - gyre_user_compare_exchange_u32

.section .note.GNU-stack, "", @progbits
