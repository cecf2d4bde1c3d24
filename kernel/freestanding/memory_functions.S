// SPDX-License-Identifier: MIT
//
// memcpy, memmove, memset, memcmp: the compiler calls them. Words of eight bytes: under an emulator a byte-wise rep costs a
// step a byte, and on real machines both are quick.
    .text
    .globl memcpy, memmove, memset, memcmp

    .balign 16
memcpy:
    movq %rdi, %rax
    cmpq $16, %rdx
    jb 2f
    movq %rdx, %rcx
    shrq $3, %rcx
    rep movsq
    andl $7, %edx
    jz 1f
    // The tail overlaps what is copied already.
    movq -8(%rsi,%rdx), %rcx
    movq %rcx, -8(%rdi,%rdx)
1:  ret
2:  testb $8, %dl
    jz 3f
    movq (%rsi), %rcx
    movq -8(%rsi,%rdx), %r8
    movq %rcx, (%rdi)
    movq %r8, -8(%rdi,%rdx)
    ret
3:  testb $4, %dl
    jz 4f
    movl (%rsi), %ecx
    movl -4(%rsi,%rdx), %r8d
    movl %ecx, (%rdi)
    movl %r8d, -4(%rdi,%rdx)
    ret
4:  testl %edx, %edx
    jz 1b
    movzbl (%rsi), %ecx
    testb $2, %dl
    jz 5f
    movzwl -2(%rsi,%rdx), %r8d
    movb %cl, (%rdi)
    movw %r8w, -2(%rdi,%rdx)
    ret
5:  movb %cl, (%rdi)
    ret

    .balign 16
memmove:
    movq %rdi, %rcx
    subq %rsi, %rcx
    cmpq %rdx, %rcx
    jae 5f                  // the target does not begin inside the source
    movq %rdi, %rax
    movq %rdx, %rcx
1:  cmpq $8, %rcx
    jb 2f
    movq -8(%rsi,%rcx), %r8
    movq %r8, -8(%rdi,%rcx)
    subq $8, %rcx
    jmp 1b
2:  testq %rcx, %rcx
    jz 3f
    movb -1(%rsi,%rcx), %r8b
    movb %r8b, -1(%rdi,%rcx)
    decq %rcx
    jmp 2b
3:  ret
    // Forward. The tail goes byte by byte: memcpy's overlapping tail would read what was just written.
5:  cmpq $16, %rdx
    jb memcpy
    movq %rdi, %rax
    movq %rdx, %rcx
    shrq $3, %rcx
    rep movsq
    andl $7, %edx
    jz 3b
6:  movb (%rsi), %cl
    movb %cl, (%rdi)
    incq %rsi
    incq %rdi
    decl %edx
    jnz 6b
    ret

    .balign 16
memset:
    movq %rdi, %r9
    movzbl %sil, %esi
    movabsq $0x0101010101010101, %rax
    imulq %rsi, %rax
    cmpq $8, %rdx
    jb 2f
    movq %rdx, %rcx
    shrq $3, %rcx
    rep stosq
    andl $7, %edx
    jz 1f
    movq %rax, -8(%rdi,%rdx)
1:  movq %r9, %rax
    ret
2:  testl %edx, %edx
    jz 1b
3:  movb %al, (%rdi)
    incq %rdi
    decl %edx
    jnz 3b
    jmp 1b

    .balign 16
memcmp:
    cmpq $8, %rdx
    jb 2f
1:  movq (%rdi), %rax
    movq (%rsi), %rcx
    cmpq %rcx, %rax
    jne 4f
    addq $8, %rdi
    addq $8, %rsi
    subq $8, %rdx
    cmpq $8, %rdx
    jae 1b
2:  testq %rdx, %rdx
    jz 5f
3:  movzbl (%rdi), %eax
    movzbl (%rsi), %ecx
    subl %ecx, %eax
    jnz 6f
    incq %rdi
    incq %rsi
    decq %rdx
    jnz 3b
5:  xorl %eax, %eax
6:  ret
4:  bswapq %rax
    bswapq %rcx
    cmpq %rcx, %rax
    sbbl %eax, %eax
    orl $1, %eax
    ret

    .section .note.GNU-stack, "", @progbits
