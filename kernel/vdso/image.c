/* SPDX-License-Identifier: MIT
 *
 * The vDSO image (vdso(7), x86-64 part): clocks and the CPU's number without a trap. What it does not know it asks the kernel
 * for. Compiled for programs, position independent, without relocations. */
#include "kernel/vdso/data.h"

typedef struct {
    long seconds, fraction;
} time_pair; /* struct timespec, struct timeval */

enum { REALTIME = 0, MONOTONIC = 1, MONOTONIC_RAW = 4, REALTIME_COARSE = 5, MONOTONIC_COARSE = 6, BOOTTIME = 7, TAI = 11 };
enum { SYS_GETTIMEOFDAY = 96, SYS_CLOCK_GETTIME = 228, SYS_CLOCK_GETRES = 229, SYS_GETCPU = 309 };
#define NS_PER_SECOND 1000000000L
#define COARSE_NS 4000000L

/* One page below the image; vdso.lds says where. */
extern const volatile struct vdso_data vvar __attribute__((visibility("hidden")));

static long trap(long number, long a, long b) {
    long result;
    __asm__ volatile("syscall" : "=a"(result) : "a"(number), "D"(a), "S"(b) : "rcx", "r11", "memory");
    return result;
}

static long monotonic_ns(void) {
    unsigned int low, high;
    /* The fence keeps the counter from being read before what the program did first. */
    __asm__ volatile("lfence\n\trdtsc" : "=a"(low), "=d"(high) : : "memory");
    const unsigned long cycles = ((unsigned long)high << 32 | low) - vvar.base_cycles;
    return (long)(((unsigned __int128)cycles * vvar.multiplier) >> 32);
}

static int is_realtime(int clock) { return clock == REALTIME || clock == REALTIME_COARSE || clock == TAI; }
static int is_monotonic(int clock) {
    return clock == MONOTONIC || clock == MONOTONIC_RAW || clock == MONOTONIC_COARSE || clock == BOOTTIME;
}

int __vdso_clock_gettime(int clock, time_pair* time) {
    long ns;
    if (is_monotonic(clock))
        ns = monotonic_ns();
    else if (is_realtime(clock))
        ns = monotonic_ns() + vvar.realtime_offset_ns;
    else
        return (int)trap(SYS_CLOCK_GETTIME, clock, (long)time);
    time->seconds = ns / NS_PER_SECOND;
    time->fraction = ns % NS_PER_SECOND;
    return 0;
}

int __vdso_gettimeofday(time_pair* time, void* zone) {
    if (zone) return (int)trap(SYS_GETTIMEOFDAY, (long)time, (long)zone);
    if (time) {
        const long ns = monotonic_ns() + vvar.realtime_offset_ns;
        time->seconds = ns / NS_PER_SECOND;
        time->fraction = ns % NS_PER_SECOND / 1000;
    }
    return 0;
}

long __vdso_time(long* time) {
    const long seconds = (monotonic_ns() + vvar.realtime_offset_ns) / NS_PER_SECOND;
    if (time) *time = seconds;
    return seconds;
}

int __vdso_clock_getres(int clock, time_pair* resolution) {
    if (!is_monotonic(clock) && !is_realtime(clock)) return (int)trap(SYS_CLOCK_GETRES, clock, (long)resolution);
    if (resolution) {
        resolution->seconds = 0;
        resolution->fraction = clock == REALTIME_COARSE || clock == MONOTONIC_COARSE ? COARSE_NS : 1;
    }
    return 0;
}

long __vdso_getcpu(unsigned* cpu, unsigned* node, void* unused) {
    unsigned low, high, number;
    (void)unused;
    if (!vvar.has_rdtscp) return trap(SYS_GETCPU, (long)cpu, (long)node);
    __asm__ volatile("rdtscp" : "=a"(low), "=d"(high), "=c"(number));
    (void)low, (void)high;
    if (cpu) *cpu = number;
    if (node) *node = 0;
    return 0;
}

int clock_gettime(int, time_pair*) __attribute__((weak, alias("__vdso_clock_gettime")));
int gettimeofday(time_pair*, void*) __attribute__((weak, alias("__vdso_gettimeofday")));
long time(long*) __attribute__((weak, alias("__vdso_time")));
int clock_getres(int, time_pair*) __attribute__((weak, alias("__vdso_clock_getres")));
long getcpu(unsigned*, unsigned*, void*) __attribute__((weak, alias("__vdso_getcpu")));
