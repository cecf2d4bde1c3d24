// SPDX-License-Identifier: MIT
//
// The built image as data of the kernel.
    .section .rodata.vdso, "a"
    .balign 4096
    .globl gyre_vdso_image, gyre_vdso_image_end
gyre_vdso_image:
    .incbin VDSO_IMAGE
gyre_vdso_image_end:

    .section .note.GNU-stack, "", @progbits
