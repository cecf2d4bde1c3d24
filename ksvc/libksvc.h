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

#ifdef __cplusplus
extern "C" {
#endif

#define KSVC_LIBRARY_VERSION 1

struct ksvc_ring;

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
struct ksvc_entry* ksvc_get_entry(struct ksvc_ring* ring);
/* Entries taken. */
int ksvc_submit(struct ksvc_ring* ring);
/* Submits, then waits for `count` completions in the ring, at most timeout_ns (negative: for ever).
 * -ETIME, -EINTR; -EDEADLK where fewer than `count` calls are under way. */
int ksvc_wait(struct ksvc_ring* ring, unsigned count, long long timeout_ns);
int ksvc_submit_and_wait(struct ksvc_ring* ring, unsigned count);

/* Up to `most` completions, oldest first, without consuming them; says how many. */
unsigned ksvc_peek(struct ksvc_ring* ring, struct ksvc_completion* completions, unsigned most);
/* The oldest completion, or NULL. Valid until ksvc_advance. */
const struct ksvc_completion* ksvc_next(struct ksvc_ring* ring);
void ksvc_advance(struct ksvc_ring* ring, unsigned count);

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

#ifdef __cplusplus
}
#endif

#endif
