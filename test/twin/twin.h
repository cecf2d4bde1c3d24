// SPDX-License-Identifier: MIT
//
// The harness of the twin tests: ordinary Linux programs whose every case must pass on the host's Linux and, as the same
// binary, on Gyre. A case runs in a child of its own (own session, own empty directory, a deadline), so that a crash or a
// hang is one failure. Uses no C++ library, so that glibc, musl and static-pie builds come from one source.
// Left out on purpose: fixtures and parameters; a helper function does both.
#pragma once

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

namespace twin {

struct Case {
    const char* group;
    const char* name;
    const char* file;
    void (*body)();
};

struct Registration {
    Registration(const char* group, const char* name, const char* file, void (*body)());
};

// Ends the case (from any process or thread of it) with a reason; the reason alone is enough to fail the case, whatever
// status its first process leaves with.
[[noreturn]] void fail(const char* file, int line, const char* format, ...) __attribute__((format(printf, 3, 4)));
// Ends the case as not applicable on this machine. The runner shows it, and calls it a failure when only Gyre skips.
[[noreturn]] void skip(const char* format, ...) __attribute__((format(printf, 1, 2)));
// The symbolic name of an errno value.
const char* errno_name(int error);

constexpr long kPage = 4096;

// A pointer that no program may follow. The compiler must not see its value.
template <typename T>
inline T* bad() {
    static volatile uintptr_t kNowhere = 0x10;
    return reinterpret_cast<T*>(kNowhere);
}
// An address in the kernel's half.
template <typename T>
inline T* kernel_address() {
    static volatile uintptr_t kUpperHalf = 0xffff800000000000UL;
    return reinterpret_cast<T*>(kUpperHalf);
}

inline int64_t now_ns(clockid_t clock = CLOCK_MONOTONIC) {
    timespec t;
    clock_gettime(clock, &t);
    return t.tv_sec * 1000000000L + t.tv_nsec;
}
// Whether `left` is what is left of `whole` for somebody who began to wait at `begun` (now_ns): no more than that is gone, however
// long the machine stood still, and some of it is.
inline bool is_rest_of(const timespec& whole, const timespec& left, int64_t begun) {
    const int64_t gone = (whole.tv_sec - left.tv_sec) * 1000000000L + (whole.tv_nsec - left.tv_nsec);
    return left.tv_sec >= 0 && gone > 0 && gone <= now_ns() - begun;
}
inline void sleep_ms(long ms) {
    timespec t = {ms / 1000, (ms % 1000) * 1000000};
    while (nanosleep(&t, &t) == -1 && errno == EINTR) {
    }
}

// Whether a sleep can pass with less of a CPU clock than that. What a host that stands still takes from us while we run is counted
// as ours, so that one time in many says enough.
inline bool a_sleep_costs_less(clockid_t clock, long sleep_length_ms, int64_t most_ms) {
    for (int tries = 0; tries < 20; ++tries) {
        const int64_t before = now_ns(clock);
        sleep_ms(sleep_length_ms);
        if (now_ns(clock) - before < most_ms * 1000000) return true;
    }
    return false;
}

// Forks, runs `body` in the child, which leaves with 0 unless the body leaves otherwise.
template <typename Body>
inline pid_t start(Body body) {
    fflush(nullptr);
    pid_t pid = fork();
    if (pid == 0) {
        body();
        _exit(0);
    }
    return pid;
}
// The wait status of `pid`, or -1.
inline int status_of(pid_t pid) {
    int status = -1;
    while (waitpid(pid, &status, 0) == -1) {
        if (errno != EINTR) return -1;
    }
    return status;
}
template <typename Body>
inline int run(Body body) {
    return status_of(start(body));
}

void write_file(const char* path, const char* text, mode_t mode = 0644);
// The whole of a (small) file, zero-terminated; the length is returned, or -1.
long read_file(const char* path, char* buffer, size_t size);
// Gives up root for an ordinary user, groups and capabilities included.
void become_user(uid_t uid = 1000, gid_t gid = 1000);
// Waits until the process is asleep in the kernel ('S' in its stat), so that a test can act on a blocked one.
void wait_until_asleep(pid_t pid);
// The same for any of the letters of proc(5), as "Z" for one that has ended.
void wait_for_state(pid_t pid, const char* letters);
// For programs that the case executes: the path of this very binary.
const char* self_path();

// What a case executes in itself: `program --helper NAME ARGS...` runs the helper registered under that name.
struct Helper {
    Helper(const char* name, int (*body)(int argc, char** argv, char** envp));
};

}  // namespace twin

#define TEST(group, name)                                                                                   \
    static void group##_##name();                                                                           \
    static const twin::Registration register_##group##_##name(#group, #name, __FILE__, group##_##name);     \
    static void group##_##name()

#define HELPER(name)                                                                                        \
    static int helper_##name(int argc, char** argv, char** envp);                                           \
    static const twin::Helper register_helper_##name(#name, helper_##name);                                 \
    static int helper_##name([[maybe_unused]] int argc, [[maybe_unused]] char** argv, [[maybe_unused]] char** envp)

#define CHECK(condition)                                                                                    \
    do {                                                                                                    \
        if (!(condition)) twin::fail(__FILE__, __LINE__, "%s is false (errno %s)", #condition,              \
                                     twin::errno_name(errno));                                              \
    } while (0)

#define CHECK_EQ(expression, expected)                                                                      \
    do {                                                                                                    \
        errno = 0;                                                                                          \
        long long twin_got = (long long)(expression), twin_want = (long long)(expected);                    \
        if (twin_got != twin_want)                                                                          \
            twin::fail(__FILE__, __LINE__, "%s is %lld (0x%llx), not %s = %lld (errno %s)", #expression,    \
                       twin_got, twin_got, #expected, twin_want, twin::errno_name(errno));                  \
    } while (0)

#define CHECK_OK(call)                                                                                      \
    do {                                                                                                    \
        errno = 0;                                                                                          \
        if ((long long)(call) == -1)                                                                        \
            twin::fail(__FILE__, __LINE__, "%s failed with %s", #call, twin::errno_name(errno));            \
    } while (0)

#define CHECK_ERRNO(call, error)                                                                            \
    do {                                                                                                    \
        errno = 0;                                                                                          \
        long long twin_got = (long long)(call);                                                             \
        int twin_errno = errno;                                                                             \
        if (twin_got != -1)                                                                                 \
            twin::fail(__FILE__, __LINE__, "%s is %lld, not -1 with %s", #call, twin_got, #error);          \
        if (twin_errno != (error))                                                                          \
            twin::fail(__FILE__, __LINE__, "%s failed with %s, not %s", #call,                              \
                       twin::errno_name(twin_errno), #error);                                               \
    } while (0)

#define CHECK_STR(got, want)                                                                                \
    do {                                                                                                    \
        const char *twin_a = (got), *twin_b = (want);                                                       \
        if (strcmp(twin_a, twin_b) != 0)                                                                    \
            twin::fail(__FILE__, __LINE__, "%s is \"%.300s\", not \"%.300s\"", #got, twin_a, twin_b);       \
    } while (0)

#define CHECK_EXITED(status, code)                                                                          \
    do {                                                                                                    \
        int twin_status = (status);                                                                         \
        if (!WIFEXITED(twin_status) || WEXITSTATUS(twin_status) != (code))                                  \
            twin::fail(__FILE__, __LINE__, "%s: wait status 0x%x, not exit %d", #status, twin_status,       \
                       (int)(code));                                                                        \
    } while (0)

#define CHECK_KILLED(status, number)                                                                        \
    do {                                                                                                    \
        int twin_status = (status);                                                                         \
        if (!WIFSIGNALED(twin_status) || WTERMSIG(twin_status) != (number))                                 \
            twin::fail(__FILE__, __LINE__, "%s: wait status 0x%x, not killed by %d", #status, twin_status,  \
                       (int)(number));                                                                      \
    } while (0)

#define SKIP(...) twin::skip(__VA_ARGS__)
