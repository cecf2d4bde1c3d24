/* SPDX-License-Identifier: MIT */
/*
 * The contract suite of /dev/ksvc: `ring_suite [part of a name]` runs the cases whose names hold
 * the part, each in a process of its own, and prints TAP. The exit code is 0 when all passed.
 */
#include <signal.h>
#include <stdarg.h>

#include "test/ring/ring.h"

/* A case that takes longer hangs. Machines without KVM are slow. */
#define CASE_SECONDS_MAX 40
#define SKIP_CODE 77

static int report = -1; /* where a case writes its reason */

void fail(const char* file, int line, const char* format, ...)
{
    char text[512];
    const char* name = strrchr(file, '/');
    va_list arguments;
    int length = snprintf(text, sizeof(text), "%s:%d: ", name ? name + 1 : file, line);

    va_start(arguments, format);
    length += vsnprintf(text + length, sizeof(text) - (size_t)length, format, arguments);
    va_end(arguments);
    if (length >= (int)sizeof(text)) length = sizeof(text) - 1;
    if (write(report, text, (size_t)length) != length) _exit(3);
    _exit(1);
}

void skip(const char* reason)
{
    if (write(report, reason, strlen(reason)) < 0) _exit(3);
    _exit(SKIP_CODE);
}

static bool run_case(int number, const struct test_case* test)
{
    char reason[513];
    ssize_t length = 0;
    int ends[2], status;
    pid_t pid;

    if (pipe(ends)) exit(2);
    fflush(stdout);
    pid = fork();
    if (pid == 0) {
        close(ends[0]);
        report = ends[1];
        setpgid(0, 0);
        alarm(CASE_SECONDS_MAX);
        test->run();
        _exit(0);
    }
    close(ends[1]);
    waitpid(pid, &status, 0);
    kill(-pid, SIGKILL); /* what it left behind */
    length = read(ends[0], reason, sizeof(reason) - 1);
    reason[length > 0 ? length : 0] = 0;
    close(ends[0]);
    if (WIFEXITED(status) && WEXITSTATUS(status) == SKIP_CODE) {
        printf("ok %d - %s # SKIP %s\n", number, test->name, reason);
        return true;
    }
    if (WIFEXITED(status) && WEXITSTATUS(status) == 0 && !reason[0]) {
        printf("ok %d - %s\n", number, test->name);
        return true;
    }
    printf("not ok %d - %s\n", number, test->name);
    if (reason[0]) printf("# %s\n", reason);
    if (WIFSIGNALED(status)) printf("# died of signal %d\n", WTERMSIG(status));
    return false;
}

int main(int count, char** arguments)
{
    /* The last case of the last group leaves audit behind: see watch.c. */
    const struct test_case* groups[] = {
        device_cases, entry_cases,  order_cases, wait_cases,    call_cases, socket_cases,
        signal_cases, shared_cases, clock_cases, memory_cases, life_cases, hostile_cases,
        watch_cases,
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
            if (strstr(test->name, part)) failures += !run_case(++number, test);
    printf("1..%d\n", number);
    if (failures) printf("# %d of %d failed\n", failures, number);
    return failures != 0;
}
