/* SPDX-License-Identifier: MIT */
/* The shared page: every field, and that it is right the moment after something has changed. Its
 * clocks are in clock.c. */
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/utsname.h>
#include <time.h>

#include "test/ring/ring.h"

static void check_identity(struct ring* ring)
{
    struct ksvc_shared_page page = ring_look(ring);
    uid_t real, effective, saved;
    gid_t real_group, effective_group, saved_group;

    getresuid(&real, &effective, &saved);
    getresgid(&real_group, &effective_group, &saved_group);
    CHECK_EQUAL(page.pid, getpid());
    CHECK_EQUAL(page.tgid, getpid());
    CHECK_EQUAL(page.ppid, getppid());
    CHECK_EQUAL(page.pgid, getpgrp());
    CHECK_EQUAL(page.sid, getsid(0));
    CHECK_EQUAL(page.uid, real);
    CHECK_EQUAL(page.euid, effective);
    CHECK_EQUAL(page.suid, saved);
    CHECK_EQUAL(page.gid, real_group);
    CHECK_EQUAL(page.egid, effective_group);
    CHECK_EQUAL(page.sgid, saved_group);
}

static void check_names(struct ring* ring)
{
    struct ksvc_shared_page page = ring_look(ring);
    struct utsname names;

    uname(&names);
    CHECK_EQUAL(strcmp(page.release, names.release), 0);
    CHECK_EQUAL(strcmp(page.nodename, names.nodename), 0);
    CHECK_EQUAL(strcmp(page.machine, names.machine), 0);
    CHECK_EQUAL(strcmp(page.sysname, names.sysname), 0);
    CHECK_EQUAL(strcmp(page.kernel_version, names.version), 0);
}

static void check_limits(struct ring* ring)
{
    struct ksvc_shared_page page = ring_look(ring);
    struct rlimit files, processes;

    getrlimit(RLIMIT_NOFILE, &files);
    getrlimit(RLIMIT_NPROC, &processes);
    CHECK_EQUAL(page.nofile_limit, files.rlim_cur);
    CHECK_EQUAL(page.nofile_limit_hard, files.rlim_max);
    CHECK_EQUAL(page.nproc_limit, processes.rlim_cur);
    CHECK_EQUAL(page.nproc_limit_hard, processes.rlim_max);
}

static struct ring* prepare(void)
{
    static struct ring ring;

    ring_make(&ring, 16, 16, -1);
    return &ring;
}

static void need_root(void)
{
    if (geteuid() != 0) skip("needs root");
}

static void fields(void)
{
    struct ring* ring = prepare();

    CHECK_EQUAL(ring->shared->magic, KSVC_SHARED_MAGIC);
    CHECK_EQUAL(ring->shared->version, KSVC_VERSION);
    check_identity(ring);
    check_names(ring);
    check_limits(ring);
}

static void after_setuid(void)
{
    struct ring* ring = prepare();

    need_root();
    CHECK_EQUAL(setresuid(5, 6, 0), 0);
    check_identity(ring);
    CHECK_EQUAL(setresuid(0, 0, 0), 0);
    check_identity(ring);
    CHECK_EQUAL(setresgid(7, 8, 9), 0);
    check_identity(ring);
    CHECK_EQUAL(setuid(1000), 0);
    check_identity(ring);
}

static void after_setpgid(void)
{
    struct ring* ring = prepare();

    if (fork() != 0) { /* a fresh process that leads no group */
        int status;

        CHECK(wait(&status) > 0);
        CHECK_EQUAL(status, 0);
        return;
    }
    check_identity(ring);
    CHECK_EQUAL(setpgid(0, 0), 0);
    check_identity(ring);
}

static void after_anothers_setpgid(void)
{
    int ends[2], back[2];
    char byte;
    pid_t child;

    CHECK_EQUAL(pipe(ends), 0);
    CHECK_EQUAL(pipe(back), 0);
    child = fork();
    if (child == 0) {
        struct ring* ring = prepare();

        check_identity(ring);
        CHECK_EQUAL(write(back[1], "r", 1), 1);
        CHECK_EQUAL(read(ends[0], &byte, 1), 1);
        CHECK_EQUAL(ring_look(ring).pgid, getpid());
        check_identity(ring);
        _exit(0);
    }
    CHECK_EQUAL(read(back[0], &byte, 1), 1);
    CHECK_EQUAL(setpgid(child, child), 0);
    CHECK_EQUAL(write(ends[1], "g", 1), 1);
    int status;
    CHECK_EQUAL(waitpid(child, &status, 0), child);
    CHECK_EQUAL(status, 0);
}

static void after_setsid(void)
{
    struct ring* ring = prepare();
    int status;

    if (fork() == 0) {
        check_identity(ring);
        CHECK(setsid() > 0);
        check_identity(ring);
        CHECK_EQUAL(ring_look(ring).sid, getpid());
        _exit(0);
    }
    CHECK(wait(&status) > 0);
    CHECK_EQUAL(status, 0);
}

static void after_reparenting(void)
{
    int ends[2], looked[2];
    char verdict = 'x';

    CHECK_EQUAL(pipe(ends), 0);
    CHECK_EQUAL(pipe(looked), 0);
    CHECK_EQUAL(prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0), 0);
    if (fork() == 0) {
        if (fork() == 0) {
            struct ring* ring = prepare();
            pid_t before = getppid();
            char ok = 'y';

            CHECK_EQUAL(ring_look(ring).ppid, before);
            CHECK_EQUAL(write(looked[1], &ok, 1), 1);
            while (getppid() == before) sleep_ms(5);
            if (ring_look(ring).ppid != getppid()) ok = 'n';
            if (write(ends[1], &ok, 1) != 1) _exit(2);
            _exit(0);
        }
        _exit(read(looked[0], &verdict, 1) != 1); /* not before it has looked */
    }
    CHECK_EQUAL(read(ends[0], &verdict, 1), 1);
    CHECK_EQUAL(verdict, 'y');
}

static void after_setrlimit(void)
{
    struct ring* ring = prepare();
    struct rlimit limit;

    getrlimit(RLIMIT_NOFILE, &limit);
    limit.rlim_cur = 77;
    CHECK_EQUAL(setrlimit(RLIMIT_NOFILE, &limit), 0);
    CHECK_EQUAL(ring_look(ring).nofile_limit, 77);
    check_limits(ring);
    getrlimit(RLIMIT_NPROC, &limit);
    limit.rlim_cur = limit.rlim_max = 1234;
    CHECK_EQUAL(setrlimit(RLIMIT_NPROC, &limit), 0);
    check_limits(ring);
}

static void after_anothers_prlimit(void)
{
    struct ring* ring = prepare();
    struct rlimit limit = {55, 60};
    int status;

    need_root();
    if (fork() == 0) _exit(prlimit(getppid(), RLIMIT_NOFILE, &limit, NULL) ? 1 : 0);
    CHECK(wait(&status) > 0);
    CHECK_EQUAL(status, 0);
    CHECK_EQUAL(ring_look(ring).nofile_limit, 55);
    check_limits(ring);
}

static void after_sethostname(void)
{
    struct ring* ring = prepare();

    need_root();
    CHECK_EQUAL(unshare(CLONE_NEWUTS), 0);
    CHECK_EQUAL(sethostname("ring-host", 9), 0);
    CHECK_EQUAL(strcmp(ring_look(ring).nodename, "ring-host"), 0);
    CHECK_EQUAL(sethostname("x", 1), 0);
    check_names(ring);
}

static void after_anothers_sethostname(void)
{
    struct ring* ring = prepare();
    int status;

    need_root();
    CHECK_EQUAL(unshare(CLONE_NEWUTS), 0);
    if (fork() == 0) _exit(sethostname("from-child", 10) ? 1 : 0);
    CHECK(wait(&status) > 0);
    CHECK_EQUAL(status, 0);
    CHECK_EQUAL(strcmp(ring_look(ring).nodename, "from-child"), 0);
}

static void another_uts_namespace_stays_apart(void)
{
    struct ring* ring = prepare();
    struct ksvc_shared_page before = ring_look(ring);
    int status;

    need_root();
    if (fork() == 0) {
        if (unshare(CLONE_NEWUTS) || sethostname("elsewhere", 9)) _exit(1);
        _exit(strcmp(ring_look(ring).nodename, "elsewhere") ? 2 : 0);
    }
    CHECK(wait(&status) > 0);
    CHECK_EQUAL(status, 0);
    CHECK_EQUAL(strcmp(ring_look(ring).nodename, before.nodename), 0);
}

static void in_a_pid_namespace(void)
{
    int status;

    need_root();
    CHECK_EQUAL(unshare(CLONE_NEWPID), 0);
    if (fork() == 0) {
        struct ring* ring = prepare();

        CHECK_EQUAL(getpid(), 1);
        CHECK_EQUAL(ring_look(ring).pid, 1);
        CHECK_EQUAL(ring_look(ring).ppid, 0);
        check_identity(ring);
        _exit(0);
    }
    CHECK(wait(&status) > 0);
    CHECK_EQUAL(status, 0);
}

static void in_a_user_namespace(void)
{
    struct ring* ring = prepare();
    int fd;

    need_root();
    if (unshare(CLONE_NEWUSER)) skip("no user namespaces");
    check_identity(ring); /* unmapped: the overflow ids */
    CHECK_EQUAL(ring_look(ring).uid, 65534);
    fd = open("/proc/self/setgroups", O_WRONLY);
    CHECK_EQUAL(write(fd, "deny", 4), 4);
    close(fd);
    fd = open("/proc/self/uid_map", O_WRONLY);
    CHECK_EQUAL(write(fd, "42 0 1", 6), 6);
    close(fd);
    CHECK_EQUAL(getuid(), 42);
    CHECK_EQUAL(setuid(42), 0);
    check_identity(ring);
}

static void after_fork(void)
{
    struct ring* ring = prepare();
    int status;

    check_identity(ring);
    for (int round = 0; round < 20; round++) {
        if (fork() == 0) {
            check_identity(ring);
            check_limits(ring);
            check_names(ring);
            _exit(0);
        }
    }
    for (int round = 0; round < 20; round++) {
        CHECK(wait(&status) > 0);
        CHECK_EQUAL(status, 0);
    }
    check_identity(ring);
}

static void after_fork_untouched_before(void)
{
    struct ring* ring = prepare();
    int status;

    if (fork() == 0) {
        if (fork() == 0) {
            check_identity(ring);
            _exit(0);
        }
        CHECK(wait(&status) > 0);
        CHECK_EQUAL(status, 0);
        check_identity(ring);
        _exit(0);
    }
    CHECK(wait(&status) > 0);
    CHECK_EQUAL(status, 0);
    check_identity(ring);
}

static void counters(void)
{
    struct ring* ring = prepare();

    CHECK_EQUAL(ring->shared->entries_processed, 0);
    for (int index = 0; index < 10; index++) PUSH_NOP(ring, 1);
    ring_submit(ring, 10, 10, KSVC_TIMEOUT_NONE);
    CHECK_EQUAL(ring->shared->entries_processed, 10);
    CHECK_EQUAL(ring->shared->batches, 1);
    CHECK_EQUAL(ring->shared->in_flight, 0);
}

static void in_flight_and_busy(void)
{
    struct ring* ring = prepare();
    int ends[2];
    char byte;

    CHECK_EQUAL(pipe(ends), 0);
    ring_workers(ring, 1);
    PUSH(ring, 1, SYS_read, 0, ends[0], &byte, 1);
    ring_submit(ring, 1, 0, 0);
    CHECK_EQUAL(ring->shared->in_flight, 1);
    sleep_ms(40);
    CHECK_EQUAL(ring->shared->workers_busy, 1);
    CHECK_EQUAL(write(ends[1], "x", 1), 1);
    ring_next(ring);
    sleep_ms(20);
    CHECK_EQUAL(ring->shared->in_flight, 0);
    CHECK_EQUAL(ring->shared->workers_busy, 0);
}

static volatile bool is_over;
static volatile int changes;

static void* change_ids(void* unused)
{
    (void)unused;
    for (; !is_over; changes++)
        /* By trap and for this thread alone: libc's would stop the reader for each change. */
        if (syscall(SYS_setresuid, changes & 1, changes & 1, 0)) return (void*)1;
    return NULL;
}

static void the_sequence_count_holds(void)
{
    struct ring* ring = prepare();
    int64_t end = now_ns() + 2000000000;
    pthread_t changer;
    void* outcome;

    need_root();
    CHECK_EQUAL(pthread_create(&changer, NULL, change_ids, NULL), 0);
    while (now_ns() < end) {
        struct ksvc_shared_page page = ring_look(ring);

        CHECK_EQUAL(page.uid, page.euid);
    }
    is_over = true;
    CHECK_EQUAL(pthread_join(changer, &outcome), 0);
    CHECK(!outcome);
    if (changes < 20) fail(__FILE__, __LINE__, "only %d changes in two seconds", changes);
}

const struct test_case shared_cases[] = {
    {"shared page: fields", fields},
    {"shared page: after setuid, setgid", after_setuid},
    {"shared page: after setpgid", after_setpgid},
    {"shared page: after another's setpgid", after_anothers_setpgid},
    {"shared page: after setsid", after_setsid},
    {"shared page: after reparenting", after_reparenting},
    {"shared page: after setrlimit", after_setrlimit},
    {"shared page: after another's prlimit", after_anothers_prlimit},
    {"shared page: after sethostname", after_sethostname},
    {"shared page: after another's sethostname", after_anothers_sethostname},
    {"shared page: another UTS namespace stays apart", another_uts_namespace_stays_apart},
    {"shared page: in a PID namespace", in_a_pid_namespace},
    {"shared page: in a user namespace", in_a_user_namespace},
    {"shared page: after fork", after_fork},
    {"shared page: after two forks, untouched between", after_fork_untouched_before},
    {"shared page: counters", counters},
    {"shared page: in flight and busy", in_flight_and_busy},
    {"shared page: the sequence count holds", the_sequence_count_holds},
    {NULL, NULL},
};
