/* SPDX-License-Identifier: MIT */
/* The frame of a case: a process of its own, a time limit, and its line of TAP. */
#include "test/ring/ring.h"

#include <signal.h>
#include <stdarg.h>

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

bool case_run(int number, const char* way, int seconds_max, const struct test_case* test)
{
    char reason[513];
    ssize_t length;
    int ends[2], status;
    bool is_good;
    pid_t pid;

    if (pipe(ends)) exit(2);
    fflush(stdout);
    pid = fork();
    if (pid == 0) {
        close(ends[0]);
        report = ends[1];
        setpgid(0, 0);
        alarm((unsigned)seconds_max);
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
        printf("ok %d - %s%s # SKIP %s\n", number, way, test->name, reason);
        return true;
    }
    is_good = WIFEXITED(status) && WEXITSTATUS(status) == 0 && !reason[0];
    printf("%s %d - %s%s\n", is_good ? "ok" : "not ok", number, way, test->name);
    if (reason[0]) printf("# %s\n", reason);
    if (WIFSIGNALED(status)) printf("# died of signal %d\n", WTERMSIG(status));
    return is_good;
}

int case_end(int number, int failures)
{
    printf("1..%d\n", number);
    if (failures) printf("# %d of %d failed\n", failures, number);
    return failures != 0;
}
