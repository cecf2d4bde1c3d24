/* SPDX-License-Identifier: MIT */
/*
 * Whoever watches a program's calls sees those that it makes by ring too: tracepoints and counters
 * of the module, a seccomp filter, a tracer, audit. The audit case comes last of the whole suite:
 * once audit has been on, every process made afterwards is watched, and nothing runs inside.
 */
#include <fcntl.h>
#include <linux/audit.h>
#include <linux/netlink.h>
#include <poll.h>
#include <signal.h>
#include <stddef.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/user.h>

#include "test/ring/ring.h"

#define TRACING "/sys/kernel/debug/tracing/"
#define COUNTERS "/sys/kernel/debug/ksvc/counters"
/* A length that no other call of this program asks for. */
#define MARK 12345

static void put(const char* path, const char* text)
{
    int fd = open(path, O_WRONLY | O_TRUNC);

    if (fd < 0) fail(__FILE__, __LINE__, "%s: %s", path, strerror(errno));
    CHECK_EQUAL(write(fd, text, strlen(text)), (ssize_t)strlen(text));
    close(fd);
}

static char* get(const char* path)
{
    static char text[65536];
    size_t length = 0;
    ssize_t more;
    int fd = open(path, O_RDONLY);

    if (fd < 0) fail(__FILE__, __LINE__, "%s: %s", path, strerror(errno));
    while (length < sizeof(text) - 1 &&
           (more = read(fd, text + length, sizeof(text) - 1 - length)) > 0)
        length += (size_t)more;
    text[length] = 0;
    close(fd);
    return text;
}

static void check_traced(const char* trace, const char* line)
{
    if (!strstr(trace, line)) fail(__FILE__, __LINE__, "no '%s' in the trace", line);
}

static void tracepoints_tell_the_truth(void)
{
    struct ring* ring = ring_of_module(2);
    int fd = file_of_three();
    char bytes[4], line[256], *trace;

    put(TRACING "trace", "");
    put(TRACING "events/ksvc/enable", "1");
    ring_push(ring, 71, SYS_pread64, 0, (uint64_t)fd, (uint64_t)(uintptr_t)bytes, 4, 1, 0x55, 0x66);
    ring_submit(ring, 1, 1, 10000000000ll);
    PUSH(ring, 72, SYS_getppid, 0, 0x77);
    ring_submit(ring, 1, 2, 10000000000ll);
    PUSH_NOP(ring, 73);
    PUSH(ring, 74, SYS_close, KSVC_ENTRY_LINKED, -1);
    PUSH_NOP(ring, 75);
    ring_submit(ring, 3, 5, 10000000000ll);
    put(TRACING "events/ksvc/enable", "0");
    trace = get(TRACING "trace");
    snprintf(line, sizeof(line), "ksvc_enter: corr_id=71 nr=%d (%x, %llx, 4, 1, 55, 66)",
             SYS_pread64, fd, (unsigned long long)(uintptr_t)bytes);
    check_traced(trace, line);
    snprintf(line, sizeof(line), "ksvc_exit: corr_id=71 nr=%d result=2\n", SYS_pread64);
    check_traced(trace, line);
    snprintf(line, sizeof(line), "ksvc_enter: corr_id=72 nr=%d (77, 0, 0, 0, 0, 0)", SYS_getppid);
    check_traced(trace, line);
    snprintf(line, sizeof(line), "ksvc_exit: corr_id=72 nr=%d result=%d\n", SYS_getppid, getppid());
    check_traced(trace, line);
    check_traced(trace, "ksvc_enter: corr_id=73 nr=-1 (0, 0, 0, 0, 0, 0)");
    check_traced(trace, "ksvc_exit: corr_id=73 nr=-1 result=0\n");
    check_traced(trace, "ksvc_exit: corr_id=74 nr=3 result=-9\n");
    check_traced(trace, "ksvc_exit: corr_id=75 nr=-1 result=-125\n");
}

static long long counter(const char* name)
{
    char line[64], *found;

    snprintf(line, sizeof(line), "%s ", name);
    for (found = strstr(get(COUNTERS), line); found; found = strstr(found + 1, line))
        if (found[-1] == '\n' || strncmp(name, "instances", 9) == 0)
            return atoll(found + strlen(line));
    fail(__FILE__, __LINE__, "no counter %s", name);
}

static void counters_count(void)
{
    static const char* const names[] = {"nops",        "entries", "enters", "inside",
                                        "completions", "outside", "cancelled"};
    static const long long more[] = {11, 14, 13, 1, 14, 1, 1};
    struct ring* ring = ring_of_module(1);
    struct ksvc_completion completion;
    long long before[7];
    int fd = file_of_three();
    char byte;

    for (int index = 0; index < 7; index++) before[index] = counter(names[index]);
    for (int index = 0; index < 10; index++) PUSH_NOP(ring, 1);
    CHECK_EQUAL(ring_enter(ring, 10, 10, KSVC_TIMEOUT_NONE), 10);
    for (int index = 0; index < 10; index++) CHECK(ring_pop(ring, &completion));
    for (int index = 0; index < 9; index++) CHECK_EQUAL(ring_enter(ring, 0, 0, 0), 0);
    /* One inside, one outside that fails, and what was linked to it. */
    PUSH(ring, 1, SYS_pread64, KSVC_ENTRY_LINKED, fd, &byte, 1, 0);
    PUSH(ring, 2, SYS_kill, KSVC_ENTRY_LINKED, getpid(), 999);
    PUSH(ring, 3, SYS_pread64, 0, fd, &byte, 1, 0);
    CHECK(ring_enter(ring, 3, 0, 0) >= 0);
    sleep_ms(50);
    CHECK(ring_enter(ring, 0, 3, 10000000000ll) >= 0);
    PUSH(ring, 4, KSVC_NR_NOP, KSVC_ENTRY_DRAIN, 0);
    CHECK_EQUAL(ring_enter(ring, 1, 4, KSVC_TIMEOUT_NONE), 1);
    for (int index = 0; index < 7; index++)
        if (counter(names[index]) - before[index] != more[index])
            fail(__FILE__, __LINE__, "%s: %lld more, not %lld", names[index],
                 counter(names[index]) - before[index], more[index]);
}

/* ---- ptrace ---- */

static void traced(int go)
{
    struct ring* ring = ring_of_module(1);
    int fd = file_of_three();
    char bytes[4];

    CHECK_EQUAL(read(go, bytes, 1), 1); /* the tracer is there */
    CHECK_EQUAL(CALL(ring, SYS_pread64, fd, bytes, 2, 0), 2);
    CHECK_EQUAL(CALL(ring, SYS_pread64, fd, bytes, MARK, 1), -ENOSYS); /* as the tracer wants it */
}

static void seize_all(pid_t pid)
{
    char path[64];
    uint64_t options = PTRACE_O_TRACESYSGOOD | PTRACE_O_TRACECLONE;

    /* The worker is a thread: /proc/pid/task holds it by the time it is asked for. */
    sleep_ms(200);
    for (pid_t thread = pid; thread < pid + 16; thread++) {
        snprintf(path, sizeof(path), "/proc/%d/task/%d", pid, thread);
        if (access(path, F_OK)) continue;
        if (ptrace(PTRACE_SEIZE, thread, 0, options)) {
            CHECK(thread != pid && errno == EPERM); /* made since: it is traced already */
            continue;
        }
        CHECK_EQUAL(ptrace(PTRACE_INTERRUPT, thread, 0, 0), 0);
    }
}

static void a_tracer_sees_it(void)
{
    struct __ptrace_syscall_info info;
    int seen = 0, refused = 0, status, go[2];
    pid_t pid, thread;

    ring_of_module(0);
    CHECK_EQUAL(pipe(go), 0);
    pid = fork();
    if (pid == 0) {
        traced(go[0]);
        _exit(0);
    }
    seize_all(pid);
    CHECK_EQUAL(write(go[1], "x", 1), 1);
    while ((thread = waitpid(-1, &status, __WALL)) > 0) {
        int deliver = 0;

        if (!WIFSTOPPED(status)) {
            if (thread == pid) break;
            continue;
        }
        if (WSTOPSIG(status) == (SIGTRAP | 0x80)) {
            CHECK(ptrace(PTRACE_GET_SYSCALL_INFO, thread, sizeof(info), &info) > 0);
            if (info.op == PTRACE_SYSCALL_INFO_ENTRY && info.entry.nr == SYS_pread64) {
                CHECK(thread != pid); /* a worker makes it */
                if (info.entry.args[2] == 2) seen++;
                if (info.entry.args[2] == MARK) {
                    refused++;
                    CHECK_EQUAL(ptrace(PTRACE_POKEUSER, thread,
                                       offsetof(struct user, regs.orig_rax), -1l), 0);
                }
            }
        } else if (status >> 16 == 0) {
            deliver = WSTOPSIG(status);
        }
        ptrace(PTRACE_SYSCALL, thread, 0, deliver);
    }
    CHECK(WIFEXITED(status));
    CHECK_EQUAL(WEXITSTATUS(status), 0);
    CHECK_EQUAL(seen, 1);
    CHECK_EQUAL(refused, 1);
}

/* ---- audit ---- */

struct audit_request {
    struct nlmsghdr header;
    union {
        struct audit_status status;
        struct audit_rule_data rule;
    };
};

/* Sends one request to audit and returns the kernel's answer to it, 0 or -errno. */
static int ask_audit(int fd, uint16_t type, const void* body, size_t bytes)
{
    struct sockaddr_nl kernel = {.nl_family = AF_NETLINK};
    static struct audit_request request;
    static char answer[9000];

    memset(&request, 0, sizeof(request));
    request.header.nlmsg_len = (uint32_t)NLMSG_LENGTH(bytes);
    request.header.nlmsg_type = type;
    request.header.nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK;
    memcpy(NLMSG_DATA(&request.header), body, bytes);
    CHECK(sendto(fd, &request, request.header.nlmsg_len, 0, (void*)&kernel, sizeof(kernel)) > 0);
    for (;;) {
        const struct nlmsghdr* header = (void*)answer;

        CHECK(recv(fd, answer, sizeof(answer), 0) > 0);
        if (header->nlmsg_type == NLMSG_ERROR)
            return ((const struct nlmsgerr*)NLMSG_DATA(header))->error;
    }
}

static void read_watched(void* argument)
{
    struct ring* ring = ring_of_module(1);
    struct ksvc_probe probe;
    uint8_t tier = 0;
    char bytes[8];

    (void)argument;
    probe = (struct ksvc_probe){SYS_pread64, 1, (uint64_t)(uintptr_t)&tier};
    CHECK_EQUAL(ioctl(ring->fd, KSVC_IOC_PROBE, &probe), 0);
    CHECK_EQUAL(tier, KSVC_TIER_OUTSIDE);
    CHECK_EQUAL(CALL(ring, SYS_pread64, file_of_three(), bytes, MARK, 0), 3);
}

/* Waits for the record of a system call with this number, third argument and result. */
static bool has_record(int log, int nr, int third, int result)
{
    struct pollfd entry = {log, POLLIN, 0};
    static char record[9000];
    char call[64], argument[64], exit[64];
    ssize_t length;

    snprintf(call, sizeof(call), " syscall=%d ", nr);
    snprintf(argument, sizeof(argument), " a2=%x ", third);
    snprintf(exit, sizeof(exit), " exit=%d ", result);
    while (poll(&entry, 1, 5000) == 1) {
        length = recv(log, record, sizeof(record) - 1, 0);
        CHECK(length > 0);
        record[length] = 0;
        if (((struct nlmsghdr*)record)->nlmsg_type != AUDIT_SYSCALL) continue;
        if (strstr(NLMSG_DATA((struct nlmsghdr*)record), call) &&
            strstr(NLMSG_DATA((struct nlmsghdr*)record), argument) &&
            strstr(NLMSG_DATA((struct nlmsghdr*)record), exit))
            return true;
    }
    return false;
}

/* By a thread that is audited, through workers that are not, for they are older. */
static void* read_through_old_workers(void* argument)
{
    struct ring* ring = argument;
    struct ksvc_completion completion;
    char bytes[8];

    PUSH(ring, 1, SYS_pread64, 0, file_of_three(), bytes, MARK + 1, 0);
    while (!ring_pop(ring, &completion)) {
        uint32_t fresh = (uint32_t)(ring->tail - ksvc_load_acquire(&ring->submit->head));

        if (ring_enter(ring, fresh, 1, 10000000000ll) >= 0) continue;
        CHECK_EQUAL(errno, EACCES);
        ring_workers(ring, 1);
    }
    CHECK_EQUAL(completion.result, 3);
    return NULL;
}

static void audit_sees_it(void)
{
    struct sockaddr_nl group = {.nl_family = AF_NETLINK, .nl_groups = 1 << (AUDIT_NLGRP_READLOG - 1)};
    struct audit_status status = {.mask = AUDIT_STATUS_ENABLED, .enabled = 1};
    struct audit_rule_data rule = {.flags = AUDIT_FILTER_EXIT, .action = AUDIT_ALWAYS};
    struct ring* ring = ring_of_module(1);
    bool is_seen = false, is_seen_of_thread = false;
    int fd, log, result;
    pthread_t thread;

    fd = socket(AF_NETLINK, SOCK_RAW, NETLINK_AUDIT);
    if (fd < 0) skip("no audit in this kernel");
    log = socket(AF_NETLINK, SOCK_RAW, NETLINK_AUDIT);
    CHECK_EQUAL(bind(log, (void*)&group, sizeof(group)), 0);
    rule.mask[AUDIT_WORD(SYS_pread64)] = AUDIT_BIT(SYS_pread64);
    CHECK_EQUAL(ask_audit(fd, AUDIT_SET, &status, sizeof(status)), 0);
    result = ask_audit(fd, AUDIT_ADD_RULE, &rule, sizeof(rule));
    if (result == 0) {
        result = in_child(read_watched, NULL);
        is_seen = has_record(log, SYS_pread64, MARK, 3);
        CHECK_EQUAL(pthread_create(&thread, NULL, read_through_old_workers, ring), 0);
        CHECK_EQUAL(pthread_join(thread, NULL), 0);
        is_seen_of_thread = has_record(log, SYS_pread64, MARK + 1, 3);
        CHECK_EQUAL(ask_audit(fd, AUDIT_DEL_RULE, &rule, sizeof(rule)), 0);
    }
    status.enabled = 0;
    CHECK_EQUAL(ask_audit(fd, AUDIT_SET, &status, sizeof(status)), 0);
    CHECK_EQUAL(result, 0);
    CHECK(is_seen);
    CHECK(is_seen_of_thread);
}

const struct test_case watch_cases[] = {
    {"watched: tracepoints tell number, arguments and result", tracepoints_tell_the_truth},
    {"watched: counters in debugfs", counters_count},
    {"watched: PTRACE_SYSCALL sees the call and may refuse it", a_tracer_sees_it},
    {"watched: audit writes a record", audit_sees_it},
    {NULL, NULL},
};
