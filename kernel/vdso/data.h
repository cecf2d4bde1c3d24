/* SPDX-License-Identifier: MIT
 *
 * The data page beside the vDSO image, in C because both the image and the kernel include it. All but the offset is
 * constant once the clock is calibrated, and the offset is one word: so no sequence count is needed. */
#pragma once

struct vdso_data {
    unsigned long base_cycles;      /* monotonic ns = ((rdtsc - base_cycles) * multiplier) >> 32 */
    unsigned long multiplier;
    long realtime_offset_ns;        /* CLOCK_REALTIME - CLOCK_MONOTONIC */
    unsigned long has_rdtscp;       /* which then tells the CPU's number */
};
