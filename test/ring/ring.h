/* SPDX-License-Identifier: MIT */
/*
 * What the contract suite needs to drive a ring, written against abi/ksvc/ksvc.h alone: map,
 * push, enter, pop, and worker threads where the kernel asks for them. And the frame of a case:
 * each runs in a process of its own, so that a case may die, exec, change its identity or leave
 * mappings behind. No library is used on purpose: the suite is to judge libraries too.
 */
#ifndef GYRE_TEST_RING_RING_H
#define GYRE_TEST_RING_RING_H

#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <errno.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "abi/ksvc/ksvc.h"

#define WORKERS_MAX 16

struct ring {
    int fd;
    struct ksvc_create_params params;
    void* submit_map;
    void* complete_map;
    struct ksvc_ring_header* submit;
    struct ksvc_ring_header* complete;
    struct ksvc_entry* entries;
    struct ksvc_completion* completions;
    volatile struct ksvc_shared_page* shared;
    volatile uint64_t* doorbell;
    volatile uint64_t* wait;
    uint64_t tail; /* the next entry's number */
    pthread_t workers[WORKERS_MAX];
    int worker_count;
    bool is_quiet; /* a worker that ends early is no failure */
};

struct test_case {
    const char* name;
    void (*run)(void);
};

/* One per source file; ends with a case without name. */
extern const struct test_case device_cases[], entry_cases[], order_cases[], wait_cases[],
    call_cases[], attribution_cases[], socket_cases[], signal_cases[], shared_cases[],
    clock_cases[], memory_cases[], life_cases[], hostile_cases[], filter_cases[], watch_cases[];

/* Runs a case and prints its line, with `way` before the name. True unless it failed. */
bool case_run(int number, const char* way, int seconds_max, const struct test_case* test);
/* Prints the plan; returns the exit code. */
int case_end(int number, int failures);

/* Ends the case. */
void fail(const char* file, int line, const char* format, ...)
    __attribute__((noreturn, format(printf, 3, 4)));
/* Ends the case as one that this machine cannot run. */
void skip(const char* reason) __attribute__((noreturn));

#define CHECK(claim)                                          \
    do {                                                      \
        if (!(claim)) fail(__FILE__, __LINE__, "%s", #claim); \
    } while (0)
#define CHECK_EQUAL(is, should)                                                           \
    do {                                                                                  \
        long long is_value = (long long)(is), should_value = (long long)(should);         \
        if (is_value != should_value)                                                     \
            fail(__FILE__, __LINE__, "%s is %lld, not %lld", #is, is_value, should_value); \
    } while (0)
/* The call fails with this errno. */
#define CHECK_ERROR(call, error)                                                     \
    do {                                                                             \
        errno = 0;                                                                   \
        long long error_result = (long long)(call);                                  \
        if (error_result != -1 || errno != (error))                                  \
            fail(__FILE__, __LINE__, "%s: result %lld, %s, not %s", #call, error_result, \
                 strerror(errno), #error);                                           \
    } while (0)

int open_device(void);
struct ksvc_create_params parameters(uint32_t submit_entries, uint32_t complete_entries);
void ring_make(struct ring* ring, uint32_t submit_entries, uint32_t complete_entries, int eventfd);
/* Starts worker threads where the kernel needs them, else nothing. */
void ring_workers(struct ring* ring, int count);
/* A ring with workers, the same one each time; skips the case where the device is not the Linux module's. */
struct ring* ring_of_module(int workers);
void ring_push(struct ring* ring, uint64_t corr_id, uint32_t nr, uint32_t flags, uint64_t a0,
               uint64_t a1, uint64_t a2, uint64_t a3, uint64_t a4, uint64_t a5);
#define PUSH(ring, id, nr, flags, ...) PUSH_SIX(ring, id, nr, flags, __VA_ARGS__, 0, 0, 0, 0, 0, 0)
#define PUSH_SIX(ring, id, nr, flags, a, b, c, d, e, f, ...)                                 \
    ring_push(ring, id, (uint32_t)(nr), flags, (uint64_t)(a), (uint64_t)(b), (uint64_t)(c), \
              (uint64_t)(d), (uint64_t)(e), (uint64_t)(f))
#define PUSH_NOP(ring, id) ring_push(ring, id, KSVC_NR_NOP, 0, 0, 0, 0, 0, 0, 0)

/* The ioctl: entries taken, or -1 and errno. */
int ring_enter(struct ring* ring, uint32_t submit, uint32_t min_complete, int64_t timeout_ns);
/* ENTER where workers may be awake and take some first: in the end all `submit` must be taken. */
void ring_submit(struct ring* ring, uint32_t submit, uint32_t min_complete, int64_t timeout_ns);
uint32_t ring_waiting(struct ring* ring);
bool ring_pop(struct ring* ring, struct ksvc_completion* completion);
/* Waits for one completion; fails the case after ten seconds. */
struct ksvc_completion ring_next(struct ring* ring);
/* One entry, by ENTER, and its result. */
int64_t ring_call(struct ring* ring, uint32_t flags, uint32_t nr, uint64_t a0, uint64_t a1,
                  uint64_t a2, uint64_t a3, uint64_t a4, uint64_t a5);
#define CALL(ring, nr, ...) CALL_SIX(ring, 0, nr, __VA_ARGS__, 0, 0, 0, 0, 0, 0)
#define CALL_OUTSIDE(ring, nr, ...) \
    CALL_SIX(ring, KSVC_ENTRY_OUTSIDE, nr, __VA_ARGS__, 0, 0, 0, 0, 0, 0)
#define CALL_SIX(ring, flags, nr, a, b, c, d, e, f, ...)                                      \
    ring_call(ring, flags, (uint32_t)(nr), (uint64_t)(a), (uint64_t)(b), (uint64_t)(c),      \
              (uint64_t)(d), (uint64_t)(e), (uint64_t)(f))

/* A consistent copy of the shared page. */
struct ksvc_shared_page ring_look(struct ring* ring);

int64_t now_ns(void);
void sleep_ms(int ms);
/* Runs a function in a child; returns its wait status. */
int in_child(void (*run)(void*), void* argument);
/* A file without a name that holds "abc", read to its end. */
int file_of_three(void);

#endif
