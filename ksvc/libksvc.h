/* SPDX-License-Identifier: MIT */
/*
 * The C API of libksvc, in the spirit of liburing: open a ring, get an entry, submit, wait, peek,
 * advance, probe. One API on Gyre, on Linux with /dev/ksvc, and over io_uring or threads. Manual:
 * ksvc(7) and the pages it names.
 *
 * A ring is used by one thread at a time. Functions return 0 or a count, or a negative errno.
 */
#ifndef GYRE_KSVC_LIBKSVC_H
#define GYRE_KSVC_LIBKSVC_H

#include "abi/ksvc/ksvc.h"

#ifndef __x86_64__
#error "The library knows the trap of x86-64 only."
#endif

#ifdef __cplusplus
extern "C" {
#endif

#define KSVC_LIBRARY_VERSION 1

struct ksvc_ring;

/* What the inline functions at the end of this file work on. The library's; leave it alone. */
struct ksvc_queue {
    struct ksvc_completion* slots;
    ksvc_u64 mask;
    ksvc_u64 head;
    ksvc_u64 tail;
};
struct ksvc_front {
    struct ksvc_entry* entries; /* those that were got and are not yet submitted */
    ksvc_u32 got;
    ksvc_u32 room; /* as many may be got, those included, before the library looks again */
    struct ksvc_queue* done;
};

/* Where a ring's calls go down. AUTO takes the first that works here, in this order. */
enum ksvc_way {
    KSVC_WAY_AUTO = 0,
    KSVC_WAY_DEVICE = 1,
    KSVC_WAY_URING = 2,
    KSVC_WAY_POOL = 3
};

enum ksvc_route {
    KSVC_ROUTE_SHARED_PAGE = 0,
    KSVC_ROUTE_KERNEL = 1,
    KSVC_ROUTE_POOL = 2,
    KSVC_ROUTE_TRAP = 3,
    KSVC_ROUTE_NONE = 255
};

/* Opens a ring of `entries` (1..4096, rounded up to a power of two). */
int ksvc_open(struct ksvc_ring** ring, unsigned entries, enum ksvc_way way);
/* Ends the ring. Calls that a worker thread has begun are waited for. */
void ksvc_close(struct ksvc_ring* ring);
enum ksvc_way ksvc_way_of(const struct ksvc_ring* ring);

/* A cleared entry to fill in, or NULL while the ring is full. Belongs to the ring; what has been
 * got is submitted by the next ksvc_submit or ksvc_wait, in order. */
static inline struct ksvc_entry* ksvc_get_entry(struct ksvc_ring* ring);
/* Entries taken. */
int ksvc_submit(struct ksvc_ring* ring);
/* Submits, then waits for `count` completions in the ring, at most timeout_ns (negative: for ever).
 * -ETIME, -EINTR; -EDEADLK where fewer than `count` calls are under way. */
int ksvc_wait(struct ksvc_ring* ring, unsigned count, long long timeout_ns);
static inline int ksvc_submit_and_wait(struct ksvc_ring* ring, unsigned count);

/* Up to `most` completions, oldest first, without consuming them; says how many. */
unsigned ksvc_peek(struct ksvc_ring* ring, struct ksvc_completion* completions, unsigned most);
/* The oldest completion, or NULL. Valid until ksvc_advance. */
static inline const struct ksvc_completion* ksvc_next(struct ksvc_ring* ring);
static inline void ksvc_advance(struct ksvc_ring* ring, unsigned count);

/* How many running entries with this corr_id were reached; -ENOENT, -EALREADY. */
int ksvc_cancel_entry(struct ksvc_ring* ring, ksvc_u64 corr_id);
/* A descriptor to poll: readable when there may be completions. Read it empty, then peek. */
int ksvc_event_fd(struct ksvc_ring* ring);

/* The route of a call, and choosing another one (-EINVAL: it cannot go that way). */
enum ksvc_route ksvc_probe_call(const struct ksvc_ring* ring, unsigned syscall_nr);
int ksvc_force_route(struct ksvc_ring* ring, unsigned syscall_nr, enum ksvc_route route);

/* Tier 0: see ksvc_tier0(3). */
int ksvc_getpid(void);
int ksvc_getppid(void);
unsigned ksvc_getuid(void);
unsigned ksvc_geteuid(void);
unsigned ksvc_getgid(void);
unsigned ksvc_getegid(void);

static inline void ksvc_prepare(struct ksvc_entry* entry, ksvc_u64 corr_id, unsigned syscall_nr,
                                ksvc_u64 a0, ksvc_u64 a1, ksvc_u64 a2, ksvc_u64 a3, ksvc_u64 a4,
                                ksvc_u64 a5)
{
    entry->corr_id = corr_id;
    entry->syscall_nr = syscall_nr;
    entry->args[0] = a0;
    entry->args[1] = a1;
    entry->args[2] = a2;
    entry->args[3] = a3;
    entry->args[4] = a4;
    entry->args[5] = a5;
}

/* The slow halves of what follows: the ring looks full, the completions look empty. */
int ksvc_find_room(struct ksvc_ring* ring); /* not 0: there is room after all */
const struct ksvc_completion* ksvc_next_again(struct ksvc_ring* ring);

/* A wait in two halves, with the trap between them made by the caller: the kernel leaves no predictions
 * for returns, so every function that a trap lies within costs a mispredicted one. BEGIN's answer 0:
 * it is all done, `result` says how. */
struct ksvc_trap {
    long fd;
    long fresh;
    int result;
    unsigned taken;
};
int ksvc_begin_wait(struct ksvc_ring* ring, unsigned count, struct ksvc_trap* trap);
int ksvc_end_wait(struct ksvc_ring* ring, unsigned count, const struct ksvc_trap* trap);

static inline struct ksvc_entry* ksvc_get_entry(struct ksvc_ring* ring)
{
    struct ksvc_front* front = (struct ksvc_front*)ring;
    struct ksvc_entry* entry;

    if (front->got >= front->room && !ksvc_find_room(ring)) return (struct ksvc_entry*)0;
    entry = &front->entries[front->got++];
    __builtin_memset(entry, 0, sizeof(*entry));
    return entry;
}

static inline const struct ksvc_completion* ksvc_next(struct ksvc_ring* ring)
{
    struct ksvc_queue* done = ((struct ksvc_front*)ring)->done;

    if (done->head == done->tail) return ksvc_next_again(ring);
    return &done->slots[done->head & done->mask];
}

static inline void ksvc_advance(struct ksvc_ring* ring, unsigned count)
{
    ((struct ksvc_front*)ring)->done->head += count;
}

static inline int ksvc_submit_and_wait(struct ksvc_ring* ring, unsigned count)
{
    struct ksvc_trap trap;
    long result;
    register long flags __asm__("r10") = 1; /* IORING_ENTER_GETEVENTS */
    register long mask __asm__("r8") = 0;
    register long mask_bytes __asm__("r9") = 8;

    if (!ksvc_begin_wait(ring, count, &trap)) return trap.result;
    __asm__ volatile("syscall"
                     : "=a"(result)
                     : "a"(426L /* io_uring_enter */), "D"(trap.fd), "S"(trap.fresh), "d"((long)count),
                       "r"(flags), "r"(mask), "r"(mask_bytes)
                     : "rcx", "r11", "memory");
    trap.result = (int)result;
    return ksvc_end_wait(ring, count, &trap);
}

#ifdef __cplusplus
}
#endif

#endif
