// SPDX-License-Identifier: MIT
//
// The PVH entry: 32-bit protected mode, paging off, ebx = physical address of hvm_start_info (the x86/HVM direct boot ABI).
// Builds the page tables that bring-up runs on: the first 4 GiB at the bottom, in the direct map and (the first of them) at the
// kernel's place; then goes to long mode and on to pvh_main on the boot stack.
#define KERNEL_BASE 0xffffffff80000000
#define PHYSICAL(symbol) ((symbol) - KERNEL_BASE)

    .section .note.pvh, "a", @note
    .balign 4
    .long 4, 8, 18              // name size, descriptor size, XEN_ELFNOTE_PHYS32_ENTRY
    .asciz "Xen"
    .quad PHYSICAL(pvh_entry)

    .section .boot.text, "ax", @progbits
    .code32
    .globl pvh_entry
pvh_entry:
    cli
    cld
    movl $PHYSICAL(boot_stack_top), %esp
    movl %ebx, %ebp             // kept over the loops

    // Four page directories of 512 large pages each: the first 4 GiB.
    movl $PHYSICAL(boot_directories), %edi
    movl $0x83, %eax            // present, writable, 2 MiB
    movl $2048, %ecx
1:  movl %eax, (%edi)
    movl $0, 4(%edi)
    addl $0x200000, %eax
    addl $8, %edi
    decl %ecx
    jnz 1b

    movl $PHYSICAL(boot_directories) + 3, %eax
    movl $PHYSICAL(boot_pointers_low), %edi
    movl $4, %ecx
2:  movl %eax, (%edi)
    addl $0x1000, %eax
    addl $8, %edi
    decl %ecx
    jnz 2b
    movl $PHYSICAL(boot_directories) + 3, PHYSICAL(boot_pointers_high) + 510 * 8

    movl $PHYSICAL(boot_pointers_low) + 3, PHYSICAL(boot_page_table)
    movl $PHYSICAL(boot_pointers_low) + 3, PHYSICAL(boot_page_table) + 256 * 8
    movl $PHYSICAL(boot_pointers_high) + 3, PHYSICAL(boot_page_table) + 511 * 8

    call enter_long_mode_32
    lgdt PHYSICAL(boot_gdt_pointer)
    ljmp $0x10, $PHYSICAL(1f)
    .code64
1:  movabsq $2f, %rax
    jmp *%rax
2:  movw $0x18, %ax
    movw %ax, %ds
    movw %ax, %es
    movw %ax, %ss
    xorl %eax, %eax
    movw %ax, %fs
    movw %ax, %gs
    movabsq $boot_stack_top, %rsp
    movl %ebp, %edi
    xorl %ebp, %ebp
    pushq %rbp                  // the end of every backtrace
    pushq %rbp
    movabsq $pvh_main, %rax
    call *%rax
    ud2

// Turns long mode on with the boot page tables (identity part still below us). Clobbers eax, ecx, edx.
    .code32
    .globl enter_long_mode_32
enter_long_mode_32:
    movl %cr4, %eax
    orl $0xa0, %eax             // PAE, PGE
    movl %eax, %cr4
    movl $PHYSICAL(boot_page_table), %eax
    movl %eax, %cr3
    movl $0xc0000080, %ecx      // EFER
    rdmsr
    orl $0x901, %eax            // SCE, LME, NXE
    wrmsr
    movl %cr0, %eax
    andl $~0x6000000c, %eax     // CD, NW, EM, TS off
    orl $0x80010022, %eax       // PG, WP, NE, MP
    movl %eax, %cr0
    ret

// The way of the other CPUs: copied below 64 KiB by start_other_cpus, entered in real mode with cs = its page.
    .code16
    .globl ap_trampoline_start, ap_trampoline_end
ap_trampoline_start:
    cli
    cld
    movw %cs, %ax
    movw %ax, %ds
    lgdtl ap_gdt_pointer - ap_trampoline_start
    movl %cr0, %eax
    orl $1, %eax
    movl %eax, %cr0
    ljmpl $0x08, $PHYSICAL(ap_entry_32)
    .balign 8
ap_gdt_pointer:
    .word boot_gdt_end - boot_gdt - 1
    .long PHYSICAL(boot_gdt)
ap_trampoline_end:

    .code32
ap_entry_32:
    movw $0x18, %ax
    movw %ax, %ds
    movw %ax, %es
    movw %ax, %ss
    movl $PHYSICAL(ap_borrowed_stack_top), %esp   // for one call; CPUs come one at a time
    call enter_long_mode_32
    ljmp $0x10, $PHYSICAL(1f)
    .code64
1:  movabsq $2f, %rax
    jmp *%rax
2:  xorl %eax, %eax
    movw %ax, %fs
    movw %ax, %gs
    movabsq $ap_start_stack, %rax
    movq (%rax), %rsp
    movabsq $ap_start_page_table, %rax
    movq (%rax), %rax
    movq %rax, %cr3
    movabsq $ap_start_cpu, %rax
    movq (%rax), %rdi
    xorl %ebp, %ebp
    pushq %rbp
    pushq %rbp
    movabsq $ap_main, %rax
    call *%rax
    ud2

    .section .rodata, "a", @progbits
    .balign 8
boot_gdt:
    .quad 0
    .quad 0x00cf9b000000ffff    // 0x08: 32-bit code
    .quad 0x00af9b000000ffff    // 0x10: 64-bit code
    .quad 0x00cf93000000ffff    // 0x18: data
boot_gdt_end:
boot_gdt_pointer:
    .word boot_gdt_end - boot_gdt - 1
    .quad PHYSICAL(boot_gdt)

    .data
    .balign 8
    .globl ap_start_stack, ap_start_page_table, ap_start_cpu
ap_start_stack: .quad 0
ap_start_page_table: .quad 0
ap_start_cpu: .quad 0

    .bss
    .balign 4096
    .globl boot_page_table
boot_page_table: .skip 4096
boot_pointers_low: .skip 4096
boot_pointers_high: .skip 4096
boot_directories: .skip 4096 * 4
    .globl boot_stack_bottom, boot_stack_top
boot_stack_bottom: .skip 16384
boot_stack_top:
    .skip 64
ap_borrowed_stack_top:
