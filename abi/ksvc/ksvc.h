/* SPDX-License-Identifier: MIT OR GPL-2.0 */
/*
 * The ring contract of /dev/ksvc, version 3: the one header that Gyre's kernel, the Linux module,
 * the library and the contract suite share. C11 and C++20, usable inside a Linux kernel.
 *
 * It holds layouts, numbers and the promises that go with them, and no code but four loads and
 * stores of ring indices. How a program drives a ring in comfort is ksvc/; how a kernel does is
 * kernel/ring and module/. Pictures are in doc/rings.md.
 *
 * All integers are little endian and of the width written. Sizes are bytes, times nanoseconds.
 * What version 2 published is kept (magics, CREATE, offsets, entry, completion, the first 0x298
 * bytes of the shared page); the ring header alone has moved, and says so in `version`.
 */
#ifndef GYRE_ABI_KSVC_KSVC_H
#define GYRE_ABI_KSVC_KSVC_H

#ifdef __KERNEL__
#include <linux/ioctl.h>
#include <linux/types.h>
#define KSVC_STATIC_ASSERT(claim, text) _Static_assert(claim, text)
#else
#if defined(__linux__) && defined(__has_include)
#if __has_include(<linux/ioctl.h>)
#include <linux/ioctl.h>
#endif
#endif
#include <stddef.h>
#include <stdint.h>
#ifdef __cplusplus
#define KSVC_STATIC_ASSERT(claim, text) static_assert(claim, text)
#else
#define KSVC_STATIC_ASSERT(claim, text) _Static_assert(claim, text)
#endif
#endif

/* The kernel has no <stdint.h>; programs should not need <linux/types.h>. */
#ifdef __KERNEL__
typedef __u8 ksvc_u8;
typedef __u32 ksvc_u32;
typedef __s32 ksvc_s32;
typedef __u64 ksvc_u64;
typedef __s64 ksvc_s64;
#else
typedef uint8_t ksvc_u8;
typedef uint32_t ksvc_u32;
typedef int32_t ksvc_s32;
typedef uint64_t ksvc_u64;
typedef int64_t ksvc_s64;
#endif

#ifdef __cplusplus
#define KSVC_ALIGNED(bytes) alignas(bytes)
#else
#define KSVC_ALIGNED(bytes) __attribute__((aligned(bytes)))
#endif

/* _IOWR and _IOW of Linux, written out so that a kernel without Linux's headers agrees. */
#define KSVC_IOC(direction, number, type) \
    (((direction) << 30) | ((ksvc_u32)sizeof(type) << 16) | ((ksvc_u32)'K' << 8) | (number))
#define KSVC_IOC_DIR_WRITE 1u
#define KSVC_IOC_DIR_READ_WRITE 3u

#define KSVC_DEVICE_PATH "/dev/ksvc"
#define KSVC_VERSION 3u
#define KSVC_MAGIC 0x4B535643u
#define KSVC_RING_MAGIC 0x4B52494Eu
#define KSVC_SHARED_MAGIC 0x4B534850u

#define KSVC_RING_ENTRIES_MIN 16u
#define KSVC_RING_ENTRIES_MAX 4096u

/* ---- CREATE --------------------------------------------------------------------------------- */

/* Flags of CREATE. A kernel that lacks a flag answers EINVAL, as for an unknown one. */
#define KSVC_CREATE_RING_ONLY (1u << 0) /* this process makes no traps from now on */

/* What the kernel side offers (`features` after CREATE). */
#define KSVC_FEATURE_NEEDS_WORKERS (1u << 0) /* threads of the program must enter by WORK */
#define KSVC_FEATURE_DOORBELL (1u << 1)      /* the doorbell page kicks */
#define KSVC_FEATURE_WAIT_PAGE (1u << 2)     /* the wait page waits */
#define KSVC_FEATURE_MULTI (1u << 3)         /* KSVC_ENTRY_MULTI is understood */
#define KSVC_FEATURE_CANCEL (1u << 4)        /* KSVC_IOC_CANCEL is understood */
#define KSVC_FEATURE_RING_ONLY (1u << 5)     /* KSVC_CREATE_RING_ONLY is understood */

/*
 * Sizes are powers of two from MIN to MAX. eventfd below 0 means none. Errors: EINVAL for a bad
 * size, an unknown flag or a reserved word that is not 0; EBADF or EINVAL for an eventfd that is
 * none; EBUSY for a second CREATE on the same open file; ENOMEM, also where the memory would go
 * beyond RLIMIT_MEMLOCK; EFAULT. An error leaves the file as it was: CREATE may be tried again.
 *
 * The four reserved words are 0 on the way in; on the way out they say what was made.
 */
struct ksvc_create_params {
    ksvc_u32 submit_ring_entries;
    ksvc_u32 complete_ring_entries;
    ksvc_u32 flags;
    ksvc_s32 eventfd;
    union {
        ksvc_u32 reserved[4];
        struct {
            ksvc_u32 version;            /* KSVC_VERSION */
            ksvc_u32 features;           /* KSVC_FEATURE_* */
            ksvc_u32 submit_map_bytes;   /* length to map at KSVC_MMAP_SUBMIT */
            ksvc_u32 complete_map_bytes; /* length to map at KSVC_MMAP_COMPLETE */
        } out;
    };
};
#define KSVC_IOC_CREATE KSVC_IOC(KSVC_IOC_DIR_READ_WRITE, 1u, struct ksvc_create_params)

/* ---- mmap ----------------------------------------------------------------------------------- */

/*
 * All five are MAP_SHARED. EINVAL: before CREATE, another offset, MAP_PRIVATE, a length other than
 * the one that CREATE returned (rounded up to pages) or than one page. EACCES: PROT_WRITE on the
 * shared page or the wait page, PROT_EXEC anywhere. A store to a read-only page is SIGSEGV.
 * Doorbell and wait page are not inherited over fork; a child that touches its inherited shared
 * page reads its own identity there.
 */
#define KSVC_MMAP_SUBMIT 0x000000ull
#define KSVC_MMAP_COMPLETE 0x100000ull
#define KSVC_MMAP_SHARED 0x200000ull
#define KSVC_MMAP_DOORBELL 0x300000ull
#define KSVC_MMAP_WAIT 0x400000ull
#define KSVC_PAGE_BYTES 4096u

/* ---- rings ---------------------------------------------------------------------------------- */

/* Flags of an entry. An unknown one completes the entry with -EINVAL. */
#define KSVC_ENTRY_LINKED (1u << 0) /* the next entry runs only after this one succeeds (>= 0) */
#define KSVC_ENTRY_DRAIN (1u << 1)  /* starts after all before it, and all after it start later */
#define KSVC_ENTRY_MULTI (1u << 2)  /* accept, accept4: again, until an error or a full ring */
#define KSVC_ENTRY_OUTSIDE (1u << 3) /* let a worker make the call by trap, whatever the tier */
#define KSVC_ENTRY_FLAGS_KNOWN 0xFu

/*
 * The call that does nothing and returns 0. Above every system-call number of Linux, so no trap
 * makes it: OUTSIDE is allowed with it and changes nothing.
 */
#define KSVC_NR_NOP 0xFFFFFFFFu

struct KSVC_ALIGNED(64) ksvc_entry {
    ksvc_u64 corr_id;    /* the program's own; comes back in the completion, never interpreted */
    ksvc_u32 syscall_nr; /* a system-call number of the machine, or KSVC_NR_* */
    ksvc_u32 flags;      /* KSVC_ENTRY_* */
    ksvc_u64 args[6];
};

#define KSVC_COMPLETION_MORE (1u << 0) /* not the final completion of this entry */

struct KSVC_ALIGNED(32) ksvc_completion {
    ksvc_u64 corr_id;
    ksvc_s64 result; /* as the call returns it: a value, or -errno */
    ksvc_u32 flags;  /* KSVC_COMPLETION_* */
    ksvc_u32 pad;
};

/*
 * Head and tail count entries since CREATE and wrap at 2^64; entry n lies at index n & mask. Empty
 * when equal, full when tail - head == ring_size. The producer writes tail with release, the
 * consumer writes head with release; each reads the other's with acquire. The kernel trusts none
 * of it: constants, its own head and its own tail are copies that it keeps for itself, and what a
 * program writes over them changes nothing. A submit tail that is behind the head or more than
 * ring_size ahead takes nothing, and ENTER says EINVAL; a complete head that is impossible counts
 * as a full ring.
 */
struct KSVC_ALIGNED(64) ksvc_ring_header {
    ksvc_u32 magic; /* KSVC_RING_MAGIC */
    ksvc_u32 ring_size;
    ksvc_u32 mask;
    ksvc_u32 entry_size;     /* 64 or 32 */
    ksvc_u32 version;        /* KSVC_VERSION: where version 2 had the low half of head */
    ksvc_u32 head_offset;    /* of the u64 head, from the start of the mapping */
    ksvc_u32 tail_offset;    /* of the u64 tail */
    ksvc_u32 entries_offset; /* of entry 0 */
    ksvc_u32 flags;          /* KSVC_RING_*; of the submit ring, written by the kernel */
    ksvc_u32 constants_pad[7];
    ksvc_u64 head; /* written by the consumer */
    ksvc_u64 head_pad[7];
    ksvc_u64 tail; /* written by the producer */
    ksvc_u64 tail_pad[7];
};
#define KSVC_ENTRIES_OFFSET 192u

/*
 * Entries wait that no worker may run: none is left, or a thread has a seccomp filter (or is
 * audited) and they are not. A thread that sees this calls ENTER; where that says EACCES, it makes
 * a worker. One of the threads that could is told so, once. Entries for which no worker comes
 * complete with -EACCES after two seconds; they never run uncovered.
 */
#define KSVC_RING_WANTS_WORKER (1u << 0)

/* ---- ENTER ---------------------------------------------------------------------------------- */

#define KSVC_TIMEOUT_NONE (-1ll)

#define KSVC_ENTER_FLAGS_KNOWN 0u

/*
 * Takes up to `submit_count` entries, then waits until `min_complete` completions lie in the ring,
 * at most `timeout_ns` from now (KSVC_TIMEOUT_NONE: for ever; 0: only look). With `sigmask` not 0,
 * that mask holds while waiting, as for ppoll. Returns the number of entries that this call took,
 * which is less than asked where the ring held fewer, a worker that was awake took some first, or a
 * full completion ring pushed back: what is left to submit is told by the submit ring's head, not
 * by this number. Errors, only when nothing was taken: ETIME, EINTR, EINVAL (unknown flag, bad mask size, min_complete above the
 * ring's size, impossible tail), EFAULT, EPERM (the caller is not of the process that created the
 * ring), ESHUTDOWN (closed), EACCES (KSVC_RING_WANTS_WORKER is set: make a worker, enter again).
 */
struct ksvc_enter {
    ksvc_u32 submit_count;
    ksvc_u32 min_complete;
    ksvc_u32 flags;
    ksvc_u32 sigmask_bytes; /* 8 where sigmask is not 0 */
    ksvc_s64 timeout_ns;
    ksvc_u64 sigmask; /* user address of a signal mask, or 0 */
};
#define KSVC_IOC_ENTER KSVC_IOC(KSVC_IOC_DIR_WRITE, 2u, struct ksvc_enter)

/* ---- WORK ----------------------------------------------------------------------------------- */

/*
 * Only where KSVC_FEATURE_NEEDS_WORKERS is set, else ENOTTY. A thread of the process that created
 * the ring enters and stays inside, running what the ring brings. It comes out for a call that
 * cannot run inside: then WORK returns 0 with `ticket` not 0, and the thread makes the call
 * syscall(syscall_nr, args...), stores its result (or -errno) in `result`, keeps `ticket`, and
 * enters again. The first time `ticket` is 0. Block all signals but the fatal ones before: a
 * signal that is not blocked ends WORK with EINTR (enter again; nothing is lost). ESHUTDOWN: the
 * ring is closed or the worker was asked to leave, end the thread. EACCES: another thread of the
 * process has a seccomp filter that this one lacks, or is audited and this one is not; end the
 * thread, a newer one will do its work. EINVAL: a ticket that was not handed to this thread.
 */
struct ksvc_work {
    ksvc_u64 ticket;
    ksvc_s64 result;
    ksvc_u32 syscall_nr;
    ksvc_u32 reserved; /* 0 */
    ksvc_u64 args[6];
};
#define KSVC_IOC_WORK KSVC_IOC(KSVC_IOC_DIR_READ_WRITE, 3u, struct ksvc_work)

/* ---- PROBE ---------------------------------------------------------------------------------- */

#define KSVC_TIER_NONE 0u    /* no such call, or never from a ring: completes with -ENOSYS */
#define KSVC_TIER_INSIDE 1u  /* runs in the kernel */
#define KSVC_TIER_OUTSIDE 2u /* a worker thread of the process makes it by trap */

/*
 * Writes the tier that each of `count` calls from `first_nr` on would go by now, one byte each, to
 * `tiers`. A seccomp filter, audit or a tracer moves calls from INSIDE to OUTSIDE. Works before
 * CREATE. EINVAL: count above 4096.
 */
struct ksvc_probe {
    ksvc_u32 first_nr;
    ksvc_u32 count;
    ksvc_u64 tiers; /* user address of count bytes */
};
#define KSVC_IOC_PROBE KSVC_IOC(KSVC_IOC_DIR_WRITE, 4u, struct ksvc_probe)

/* ---- CANCEL --------------------------------------------------------------------------------- */

/*
 * Asks every accepted entry with this corr_id to end. One that has not started completes with
 * -ECANCELED; one that waits inside is woken and completes with -ECANCELED, or with what it has
 * done so far; one that a worker runs by trap is not reached. Returns how many were reached;
 * ENOENT: none has this corr_id; EALREADY: all that have it are out of reach. flags is 0.
 */
struct ksvc_cancel {
    ksvc_u64 corr_id;
    ksvc_u32 flags;
    ksvc_u32 reserved;
};
#define KSVC_IOC_CANCEL KSVC_IOC(KSVC_IOC_DIR_WRITE, 5u, struct ksvc_cancel)

/* Sends the workers out: every WORK returns ESHUTDOWN until the next ENTER or doorbell. No
 * argument. For a program that shrinks its pool or is about to end its threads. */
#define KSVC_IOC_DISMISS (((ksvc_u32)'K' << 8) | 6u)

/* ---- shared page ---------------------------------------------------------------------------- */

/*
 * Append only. What version 2 published ends at 0x298. A reader that takes more than one field, or
 * a 64-bit pair, does so under the sequence count: read `sequence` with acquire, retry while it is
 * odd, read the fields, fence, retry if it has changed. Identities are numbers in the reader's own
 * PID and user namespaces. The three times are those of the last tick, as CLOCK_*_COARSE; where
 * `clock_mode` is KSVC_CLOCK_TSC the time now is
 *     monotonic_ns = clock_base_ns + (((rdtsc - clock_cycle_last) * clock_mult + clock_frac) >> clock_shift)
 * and realtime and boot time are that plus their offset.
 */
#define KSVC_CLOCK_NONE 0u
#define KSVC_CLOCK_TSC 1u

struct ksvc_shared_page {
    ksvc_u32 magic;   /* 0x000: KSVC_SHARED_MAGIC */
    ksvc_u32 version; /* 0x004 */
    ksvc_s32 pid;     /* 0x008: as tgid; version 2 had a thread's here */
    ksvc_s32 tgid;
    ksvc_s32 ppid;
    ksvc_s32 pgid;
    ksvc_s32 sid;
    ksvc_u32 pad_1c;
    ksvc_u32 uid; /* 0x020 */
    ksvc_u32 gid;
    ksvc_u32 euid;
    ksvc_u32 egid;
    ksvc_u32 suid;
    ksvc_u32 sgid;
    ksvc_u32 pad_38[2];
    char release[65]; /* 0x040, 0x081, 0x0C2: as uname(2) */
    char nodename[65];
    char machine[65];
    ksvc_u8 pad_103[5];
    ksvc_u64 nofile_limit; /* 0x108: soft limits */
    ksvc_u64 nproc_limit;
    ksvc_u8 pad_118[0x200 - 0x118];
    ksvc_u32 worker_cpu;   /* 0x200: where a worker last ran */
    ksvc_u32 worker_state; /* 0x204: 1 while the kernel side is awake */
    ksvc_u64 entries_processed;
    ksvc_u64 batches;
    ksvc_u32 in_flight; /* 0x218 */
    ksvc_u32 pad_21c;
    ksvc_u32 workers_busy; /* 0x220 */
    ksvc_u32 pad_224;
    ksvc_u8 pad_228[0x280 - 0x228];
    ksvc_u64 monotonic_ns; /* 0x280 */
    ksvc_u64 realtime_ns;
    ksvc_u64 boottime_ns;
    ksvc_u32 sequence; /* 0x298: odd while the kernel writes. New in version 3, as all below */
    ksvc_u32 clock_mode;
    ksvc_u64 clock_cycle_last; /* 0x2A0 */
    ksvc_u64 clock_base_ns;
    ksvc_u64 clock_frac; /* 0x2B0: shifted nanoseconds */
    ksvc_u32 clock_mult;
    ksvc_u32 clock_shift;
    ksvc_s64 realtime_offset_ns; /* 0x2C0 */
    ksvc_s64 boottime_offset_ns;
    ksvc_u64 nofile_limit_hard; /* 0x2D0 */
    ksvc_u64 nproc_limit_hard;
    char sysname[65]; /* 0x2E0 */
    char kernel_version[65];
    char domainname[65];
    ksvc_u8 pad_3a3[5];
    ksvc_u32 workers_total; /* 0x3A8: threads inside or out on a call */
    ksvc_u32 pad_3ac;
    ksvc_u8 pad_3b0[KSVC_PAGE_BYTES - 0x3B0];
};

/* ---- ring-only programs --------------------------------------------------------------------- */

#define KSVC_NOTE_OWNER "XSC"
#define KSVC_NOTE_TYPE 1u
#define KSVC_NOTE_VERSION 1u

/* ---- proofs of layout ----------------------------------------------------------------------- */

#ifdef __KERNEL__
#define KSVC_OFFSET(type, member) __builtin_offsetof(type, member)
#else
#define KSVC_OFFSET(type, member) offsetof(type, member)
#endif
#define KSVC_AT(type, member, offset) \
    KSVC_STATIC_ASSERT(KSVC_OFFSET(struct type, member) == (offset), #type "." #member)

KSVC_STATIC_ASSERT(sizeof(struct ksvc_create_params) == 32, "CREATE is 32 bytes");
KSVC_STATIC_ASSERT(KSVC_IOC_CREATE == 0xC0204B01u, "CREATE is _IOWR('K', 1, 32 bytes)");
KSVC_STATIC_ASSERT(sizeof(struct ksvc_entry) == 64, "an entry is 64 bytes");
KSVC_STATIC_ASSERT(sizeof(struct ksvc_completion) == 32, "a completion is 32 bytes");
KSVC_STATIC_ASSERT(sizeof(struct ksvc_ring_header) == KSVC_ENTRIES_OFFSET, "three cache lines");
KSVC_STATIC_ASSERT(sizeof(struct ksvc_enter) == 32, "ENTER is 32 bytes");
KSVC_STATIC_ASSERT(sizeof(struct ksvc_work) == 72, "WORK is 72 bytes");
KSVC_STATIC_ASSERT(sizeof(struct ksvc_shared_page) == KSVC_PAGE_BYTES, "one page");
KSVC_AT(ksvc_ring_header, head, 64);
KSVC_AT(ksvc_ring_header, tail, 128);
KSVC_AT(ksvc_shared_page, pid, 0x08);
KSVC_AT(ksvc_shared_page, uid, 0x20);
KSVC_AT(ksvc_shared_page, release, 0x40);
KSVC_AT(ksvc_shared_page, nodename, 0x81);
KSVC_AT(ksvc_shared_page, machine, 0xC2);
KSVC_AT(ksvc_shared_page, nofile_limit, 0x108);
KSVC_AT(ksvc_shared_page, nproc_limit, 0x110);
KSVC_AT(ksvc_shared_page, worker_cpu, 0x200);
KSVC_AT(ksvc_shared_page, entries_processed, 0x208);
KSVC_AT(ksvc_shared_page, batches, 0x210);
KSVC_AT(ksvc_shared_page, in_flight, 0x218);
KSVC_AT(ksvc_shared_page, workers_busy, 0x220);
KSVC_AT(ksvc_shared_page, monotonic_ns, 0x280);
KSVC_AT(ksvc_shared_page, boottime_ns, 0x290);
KSVC_AT(ksvc_shared_page, sequence, 0x298);
KSVC_AT(ksvc_shared_page, clock_cycle_last, 0x2A0);
KSVC_AT(ksvc_shared_page, realtime_offset_ns, 0x2C0);
KSVC_AT(ksvc_shared_page, sysname, 0x2E0);
KSVC_AT(ksvc_shared_page, workers_total, 0x3A8);

/* ---- indices, for programs ------------------------------------------------------------------ */

#ifndef __KERNEL__
static inline ksvc_u64 ksvc_load_acquire(const ksvc_u64* index)
{
    return __atomic_load_n(index, __ATOMIC_ACQUIRE);
}

static inline void ksvc_store_release(ksvc_u64* index, ksvc_u64 value)
{
    __atomic_store_n(index, value, __ATOMIC_RELEASE);
}
#endif

#endif
