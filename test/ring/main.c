/* SPDX-License-Identifier: MIT */
/*
 * The contract suite of /dev/ksvc: `ring_suite [part of a name]` runs the cases whose names hold
 * the part, each in a process of its own, and prints TAP. The exit code is 0 when all passed.
 */
#include <signal.h>

#include "test/ring/ring.h"

/* A case that takes longer hangs. Machines without KVM are slow. */
#define CASE_SECONDS_MAX 40
int main(int count, char** arguments)
{
    /* The last case of the last group leaves audit behind: see watch.c. */
    const struct test_case* groups[] = {
        device_cases, entry_cases,  order_cases, wait_cases,    call_cases,
        attribution_cases, socket_cases, signal_cases, shared_cases, clock_cases, memory_cases,
        life_cases, hostile_cases, filter_cases, watch_cases,
    };
    const char* part = count > 1 ? arguments[1] : "";
    int number = 0, failures = 0;

    if (strcmp(part, "--sleep") == 0) { /* what a case execs into */
        sleep_ms(1500);
        return 0;
    }
    signal(SIGPIPE, SIG_IGN);
    printf("TAP version 13\n");
    for (size_t group = 0; group < sizeof(groups) / sizeof(*groups); group++)
        for (const struct test_case* test = groups[group]; test->name; test++)
            if (strstr(test->name, part)) failures += !case_run(++number, "", CASE_SECONDS_MAX, test);
    return case_end(number, failures);
}
