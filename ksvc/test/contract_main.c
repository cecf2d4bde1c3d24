/* SPDX-License-Identifier: MIT */
/*
 * ksvc-contract [part of a name]: the cases of the contract suite that apply to a library, by its
 * io_uring and by its pool, each in a process of its own. Prints TAP; the cases that do not apply are
 * named with the reason. The exit code is 0 when all passed.
 */
#include <signal.h>

#include "ksvc/libksvc.h"
#include "test/ring/ring.h"

#define CASE_SECONDS_MAX 20

#define URING 1
#define POOL 2
#define BOTH (URING | POOL)

extern enum ksvc_way contract_way;

static const struct {
    const char* name; /* or how names begin, with a star at the end */
    int ways;
    const char* reason;
} left_out[] = {
    {"doorbell:*", BOTH, "a page of the device"},
    {"wait page:*", BOTH, "a page of the device"},
    {"idle:*", BOTH, "about the device's workers"},
    {"eventfd:*", BOTH, "the device's own; the library's event descriptor has tests of its own"},
    {"poll: tells what is ready", BOTH, "polls the device for room"},
    {"poll: before CREATE is POLLERR", BOTH, "about the device's descriptor"},
    {"poll:*", POOL, "the pool has no descriptor to poll"},
    {"enter: bad arguments", BOTH, "an ioctl's arguments"},
    {"enter: the mask*", BOTH, "the library's wait takes no signal mask"},
    {"enter: a timeout is ETIME", BOTH, "waiting for more than can come is EDEADLK"},
    {"enter: timeout 0 only looks", BOTH, "waiting for more than can come is EDEADLK"},
    {"enter: a signal ends it", BOTH, "waiting for more than can come is EDEADLK"},
    {"pressure: workers go on when there is room", BOTH, "rings the doorbell"},
    {"cancel: errors", BOTH, "an ioctl's arguments"},
    {"entry: calls about the thread are ENOSYS", BOTH, "the library makes those by trap"},
    {"linked: a chain goes on over two ENTERs", BOTH, "a chain that is open at a flush ends there"},
    {"more: under back pressure it ends and loses nothing", BOTH, "interim completions wait for room"},
    {"cancel: an entry that waits", POOL, "what a worker has begun is out of reach"},
    {"drain: cancelled, it lets the others go", POOL, "what a worker has begun is out of reach"},
    {"socket: connect, accept, errors", URING,
     "what a refused connect leaves of a socket is unspecified (POSIX), and io_uring leaves another state"},
    {"signal: SIGXFSZ", URING, "io_uring gives it to its own worker; -EFBIG tells"},
    {"poll: epoll, edge triggered", URING, "epoll_wait may say EINTR while io_uring finishes work"},
    {"socket: accept waits and can be cancelled", POOL, "what a worker has begun is out of reach"},
    {"signal: cancel reaches a wait with SO_RCVTIMEO", BOTH, "such a wait is a worker's"},
};

static const char* why_not(const char* name, int way)
{
    for (size_t index = 0; index < sizeof(left_out) / sizeof(*left_out); index++) {
        size_t length = strlen(left_out[index].name);
        bool is_start = length && left_out[index].name[length - 1] == '*';

        if ((left_out[index].ways & way) &&
            (is_start ? strncmp(name, left_out[index].name, length - 1) == 0
                      : strcmp(name, left_out[index].name) == 0))
            return left_out[index].reason;
    }
    return NULL;
}

int main(int count, char** arguments)
{
    static const struct {
        int bit;
        enum ksvc_way way;
        const char* name;
    } ways[] = {{URING, KSVC_WAY_URING, "io_uring: "}, {POOL, KSVC_WAY_POOL, "pool: "}};
    const struct test_case* groups[] = {entry_cases,  order_cases,  call_cases, attribution_cases,
                                        socket_cases, signal_cases, wait_cases};
    const char* part = count > 1 ? arguments[1] : "";
    int number = 0, failures = 0;

    signal(SIGPIPE, SIG_IGN);
    printf("TAP version 13\n");
    for (size_t way = 0; way < sizeof(ways) / sizeof(*ways); way++) {
        contract_way = ways[way].way;
        for (size_t group = 0; group < sizeof(groups) / sizeof(*groups); group++) {
            for (const struct test_case* test = groups[group]; test->name; test++) {
                const char* reason = why_not(test->name, ways[way].bit);

                if (!strstr(test->name, part)) continue;
                if (reason)
                    printf("# does not apply: %s%s (%s)\n", ways[way].name, test->name, reason);
                else
                    failures += !case_run(++number, ways[way].name, CASE_SECONDS_MAX, test);
            }
        }
    }
    return case_end(number, failures);
}
