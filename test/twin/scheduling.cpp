// SPDX-License-Identifier: MIT
//
// Policies and priorities: sched_setparam(2), sched_rr_get_interval(2), sched_setattr(2) with its growing structure,
// setpriority(2), ioprio_set(2), and what limits allow ordinary users. Left out: SCHED_DEADLINE.
#include "twin.h"

#include <sched.h>
#include <sys/times.h>

using namespace twin;

namespace {

constexpr pid_t kNobody = 4194303;
constexpr int kResetOnFork = 0x40000000;
constexpr uint64_t kFlagResetOnFork = 1, kFlagKeepPolicy = 8, kFlagKeepParams = 0x10;

// struct sched_attr as sched_setattr(2) lays it out, with the fields of its second version.
struct Attributes {
    uint32_t size, policy;
    uint64_t flags;
    int32_t nice;
    uint32_t priority;
    uint64_t runtime, deadline, period;
    uint32_t clamp_least, clamp_most;
};
static_assert(sizeof(Attributes) == 56);
constexpr uint32_t kFirstSize = 48;

long set_attributes(pid_t pid, void* attributes, unsigned flags = 0) {
    return syscall(SYS_sched_setattr, pid, attributes, flags);
}
Attributes attributes_of(pid_t pid) {
    Attributes a = {};
    CHECK_OK(syscall(SYS_sched_getattr, pid, &a, sizeof a, 0));
    return a;
}
long set_policy(pid_t pid, int policy, int priority) { return syscall(SYS_sched_setscheduler, pid, policy, &priority); }
// A host may give the group of the tests no realtime time at all.
void need_realtime() {
    if (set_policy(0, SCHED_FIFO, 1) == -1 && errno == EPERM) SKIP("no realtime policies here");
    CHECK_OK(set_policy(0, SCHED_OTHER, 0));
}
int parameter_of(pid_t pid) {
    int priority = -1;
    CHECK_OK(syscall(SYS_sched_getparam, pid, &priority));
    return priority;
}
int ioprio(int kind, int level) { return kind << 13 | level; }

}  // namespace

TEST(scheduling, parameters) {
    need_realtime();
    CHECK_EQ(parameter_of(0), 0);
    CHECK_OK(set_policy(0, SCHED_RR, 7));
    CHECK_EQ(parameter_of(getpid()), 7);
    int priority = 3;
    CHECK_OK(syscall(SYS_sched_setparam, 0, &priority));
    CHECK_EQ(parameter_of(0), 3);
    CHECK_EQ(syscall(SYS_sched_getscheduler, 0), SCHED_RR);
    for (const int kAll[] = {0, 100, -1}; int wrong : kAll) CHECK_ERRNO(syscall(SYS_sched_setparam, 0, &wrong), EINVAL);
    CHECK_EQ(parameter_of(0), 3);
    CHECK_OK(set_policy(0, SCHED_OTHER, 0));
    CHECK_ERRNO(syscall(SYS_sched_setparam, 0, &priority), EINVAL);
    priority = 0;
    CHECK_OK(syscall(SYS_sched_setparam, 0, &priority));
}
TEST(scheduling, parameter_errors) {
    int priority = 0;
    CHECK_ERRNO(syscall(SYS_sched_setparam, 0, nullptr), EINVAL);
    CHECK_ERRNO(syscall(SYS_sched_setparam, 0, bad<int>()), EFAULT);
    CHECK_ERRNO(syscall(SYS_sched_setparam, -1, &priority), EINVAL);
    CHECK_ERRNO(syscall(SYS_sched_setparam, -1, bad<int>()), EINVAL);
    CHECK_ERRNO(syscall(SYS_sched_setparam, kNobody, &priority), ESRCH);
    CHECK_ERRNO(syscall(SYS_sched_setparam, kNobody, bad<int>()), EFAULT);
    CHECK_ERRNO(syscall(SYS_sched_getparam, 0, nullptr), EINVAL);
    CHECK_ERRNO(syscall(SYS_sched_getparam, 0, bad<int>()), EFAULT);
    CHECK_ERRNO(syscall(SYS_sched_getparam, -1, &priority), EINVAL);
    CHECK_ERRNO(syscall(SYS_sched_getparam, kNobody, &priority), ESRCH);
    CHECK_ERRNO(syscall(SYS_sched_getparam, kNobody, bad<int>()), ESRCH);
    CHECK_ERRNO(syscall(SYS_sched_getscheduler, -1), EINVAL);
    CHECK_ERRNO(syscall(SYS_sched_getscheduler, kNobody), ESRCH);
    CHECK_ERRNO(syscall(SYS_sched_setscheduler, 0, -1, &priority), EINVAL);
    CHECK_ERRNO(syscall(SYS_sched_setscheduler, -1, SCHED_OTHER, &priority), EINVAL);
    CHECK_ERRNO(syscall(SYS_sched_setscheduler, 0, 4, &priority), EINVAL);  // SCHED_ISO never came
    CHECK_ERRNO(syscall(SYS_sched_setscheduler, 0, 99, bad<int>()), EFAULT);
    CHECK_ERRNO(syscall(SYS_sched_get_priority_min, -1), EINVAL);
}
TEST(scheduling, interval) {
    timespec interval = {-1, -1};
    CHECK_OK(syscall(SYS_sched_rr_get_interval, 0, &interval));
    CHECK(interval.tv_sec == 0 && interval.tv_nsec >= 0);
    CHECK_ERRNO(syscall(SYS_sched_rr_get_interval, -1, &interval), EINVAL);
    CHECK_ERRNO(syscall(SYS_sched_rr_get_interval, kNobody, &interval), ESRCH);
    CHECK_ERRNO(syscall(SYS_sched_rr_get_interval, kNobody, bad<timespec>()), ESRCH);
    CHECK_ERRNO(syscall(SYS_sched_rr_get_interval, 0, bad<timespec>()), EFAULT);
    need_realtime();
    CHECK_OK(set_policy(0, SCHED_RR, 1));
    CHECK_OK(syscall(SYS_sched_rr_get_interval, 0, &interval));
    CHECK(interval.tv_sec == 0 && interval.tv_nsec >= 1000000);
    CHECK_OK(set_policy(0, SCHED_FIFO, 1));
    CHECK_OK(syscall(SYS_sched_rr_get_interval, 0, &interval));
    CHECK(interval.tv_sec == 0 && interval.tv_nsec == 0);
}
TEST(scheduling, attributes) {
    CHECK_OK(setpriority(PRIO_PROCESS, 0, 3));
    Attributes a = attributes_of(0);
    CHECK_EQ(a.size, sizeof a);
    CHECK_EQ(a.policy, SCHED_OTHER);
    CHECK_EQ(a.nice, 3);
    CHECK_EQ(a.priority, 0);
    CHECK_EQ(a.flags, 0);
    a = {};
    a.size = sizeof a;
    a.policy = SCHED_BATCH;
    a.nice = 9;
    CHECK_OK(set_attributes(0, &a));
    CHECK_EQ(getpriority(PRIO_PROCESS, 0), 9);
    CHECK_EQ(syscall(SYS_sched_getscheduler, 0), SCHED_BATCH);
    a.nice = 100;  // clamped, as setpriority does
    CHECK_OK(set_attributes(0, &a));
    CHECK_EQ(getpriority(PRIO_PROCESS, 0), 19);
    a.policy = 77;
    a.flags = kFlagKeepPolicy;
    a.nice = -4;
    CHECK_OK(set_attributes(0, &a));
    CHECK_EQ(attributes_of(0).nice, -4);
    CHECK_EQ(attributes_of(0).policy, SCHED_BATCH);
    a.policy = SCHED_IDLE;
    a.flags = kFlagKeepParams;  // the policy counts as one of them
    CHECK_OK(set_attributes(0, &a));
    CHECK_EQ(attributes_of(0).policy, SCHED_BATCH);
    CHECK_EQ(attributes_of(0).nice, -4);
}
TEST(scheduling, attributes_of_realtime_policies) {
    need_realtime();
    Attributes a = {};
    a.size = kFirstSize;
    a.policy = SCHED_FIFO;
    a.priority = 5;
    CHECK_OK(set_attributes(0, &a));
    CHECK_EQ(parameter_of(0), 5);
    Attributes got = attributes_of(0);
    CHECK_EQ(got.policy, SCHED_FIFO);
    CHECK_EQ(got.priority, 5);
    for (const uint32_t kAll[] = {0u, 100u, ~0u}; uint32_t wrong : kAll) {
        a.priority = wrong;
        CHECK_ERRNO(set_attributes(0, &a), EINVAL);
    }
    a.policy = SCHED_OTHER;
    a.priority = 1;
    CHECK_ERRNO(set_attributes(0, &a), EINVAL);
}
TEST(scheduling, attributes_in_all_sizes) {
    Attributes a = {};
    a.policy = SCHED_OTHER;
    a.size = 0;  // the first version
    CHECK_OK(set_attributes(0, &a));
    a.size = kFirstSize - 1;
    CHECK_ERRNO(set_attributes(0, &a), E2BIG);
    CHECK_EQ(a.size, sizeof a);  // what the kernel knows is told
    static struct {
        Attributes known;
        char more[8192];
    } big;
    memset(&big, 0, sizeof big);
    big.known.size = 100;
    CHECK_OK(set_attributes(0, &big));
    big.more[20] = 1;
    CHECK_ERRNO(set_attributes(0, &big), E2BIG);
    CHECK_EQ(big.known.size, sizeof a);
    big.known.size = 4096;
    big.more[20] = 0;
    CHECK_OK(set_attributes(0, &big));
    big.known.size = 4097;
    CHECK_ERRNO(set_attributes(0, &big), E2BIG);
    memset(&big, 0xee, sizeof big);
    CHECK_OK(syscall(SYS_sched_getattr, 0, &big, kFirstSize, 0));
    CHECK_EQ(big.known.size, kFirstSize);
    CHECK_EQ(big.known.clamp_least, 0xeeeeeeee);
    CHECK_OK(syscall(SYS_sched_getattr, 0, &big, 4096, 0));
    CHECK_EQ(big.known.size, sizeof a);
    CHECK_ERRNO(syscall(SYS_sched_getattr, 0, &big, kFirstSize - 1, 0), EINVAL);
    CHECK_ERRNO(syscall(SYS_sched_getattr, 0, &big, 4097, 0), EINVAL);
}
TEST(scheduling, attribute_errors) {
    Attributes a = {};
    a.size = sizeof a;
    CHECK_ERRNO(set_attributes(0, nullptr), EINVAL);
    CHECK_ERRNO(set_attributes(-1, &a), EINVAL);
    CHECK_ERRNO(set_attributes(0, &a, 1), EINVAL);
    CHECK_ERRNO(set_attributes(0, bad<Attributes>(), 1), EINVAL);
    CHECK_ERRNO(set_attributes(0, bad<Attributes>()), EFAULT);
    CHECK_ERRNO(set_attributes(kNobody, bad<Attributes>()), EFAULT);
    CHECK_ERRNO(set_attributes(kNobody, &a), ESRCH);
    a.policy = 77;
    CHECK_ERRNO(set_attributes(0, &a), EINVAL);
    a.policy = ~0u;
    CHECK_ERRNO(set_attributes(kNobody, &a), EINVAL);
    a.policy = SCHED_OTHER;
    a.flags = uint64_t{1} << 40;
    CHECK_ERRNO(set_attributes(0, &a), EINVAL);
    CHECK_ERRNO(syscall(SYS_sched_getattr, 0, nullptr, sizeof a, 0), EINVAL);
    CHECK_ERRNO(syscall(SYS_sched_getattr, -1, &a, sizeof a, 0), EINVAL);
    CHECK_ERRNO(syscall(SYS_sched_getattr, 0, &a, sizeof a, 1), EINVAL);
    CHECK_ERRNO(syscall(SYS_sched_getattr, kNobody, &a, sizeof a, 0), ESRCH);
    CHECK_ERRNO(syscall(SYS_sched_getattr, kNobody, bad<Attributes>(), sizeof a, 0), ESRCH);
    CHECK_ERRNO(syscall(SYS_sched_getattr, 0, bad<Attributes>(), sizeof a, 0), EFAULT);
}
TEST(scheduling, fork_inherits_or_resets) {
    CHECK_OK(setpriority(PRIO_PROCESS, 0, -5));
    CHECK_EXITED(run([] { CHECK_EQ(attributes_of(0).nice, -5); }), 0);
    CHECK_OK(set_policy(0, SCHED_BATCH | kResetOnFork, 0));
    CHECK_EQ(syscall(SYS_sched_getscheduler, 0), SCHED_BATCH | kResetOnFork);
    CHECK_EQ(attributes_of(0).flags, kFlagResetOnFork);
    CHECK_EXITED(run([] {
                     CHECK_EQ(syscall(SYS_sched_getscheduler, 0), SCHED_BATCH);  // the flag is for one generation
                     CHECK_EQ(attributes_of(0).nice, 0);
                 }),
                 0);
    need_realtime();
    CHECK_OK(set_policy(0, SCHED_FIFO, 2));
    CHECK_EXITED(run([] { CHECK_EQ(parameter_of(0), 2); }), 0);
    CHECK_OK(set_policy(0, SCHED_FIFO | kResetOnFork, 2));
    CHECK_EXITED(run([] {
                     CHECK_EQ(syscall(SYS_sched_getscheduler, 0), SCHED_OTHER);
                     CHECK_EQ(parameter_of(0), 0);
                 }),
                 0);
}
TEST(scheduling, users_may_only_go_down) {
    CHECK_OK(set_policy(0, SCHED_OTHER | kResetOnFork, 0));
    CHECK_OK(setpriority(PRIO_PROCESS, 0, 0));
    rlimit none = {0, 0};
    CHECK_OK(setrlimit(RLIMIT_NICE, &none));
    CHECK_OK(setrlimit(RLIMIT_RTPRIO, &none));
    const pid_t other = start([] { pause(); });
    become_user();
    int zero = 0;
    CHECK_ERRNO(set_policy(0, SCHED_OTHER, 0), EPERM);  // the reset flag stays
    CHECK_OK(set_policy(0, SCHED_BATCH | kResetOnFork, 0));
    CHECK_ERRNO(set_policy(0, SCHED_RR | kResetOnFork, 1), EPERM);
    CHECK_ERRNO(set_policy(0, SCHED_RR | kResetOnFork, 100), EINVAL);
    CHECK_ERRNO(set_policy(other, SCHED_BATCH, 0), EPERM);
    CHECK_ERRNO(syscall(SYS_sched_setparam, other, &zero), EPERM);
    CHECK_EQ(parameter_of(other), 0);
    CHECK_EQ(syscall(SYS_sched_getscheduler, other), SCHED_OTHER);
    Attributes a = attributes_of(0);
    a.nice = -1;
    CHECK_ERRNO(set_attributes(0, &a), EPERM);
    a.nice = 4;
    CHECK_OK(set_attributes(0, &a));
    a.nice = 3;
    CHECK_ERRNO(set_attributes(0, &a), EPERM);
    CHECK_ERRNO(setpriority(PRIO_PROCESS, 0, 3), EACCES);
    CHECK_ERRNO(setpriority(PRIO_PROCESS, other, 5), EPERM);
    CHECK_ERRNO(kill(other, SIGKILL), EPERM);
}
TEST(scheduling, limits_let_users_go_up) {
    rlimit nice = {25, 25}, realtime = {3, 3};
    if (setrlimit(RLIMIT_NICE, &nice) == -1) SKIP("limits cannot be raised here");
    CHECK_OK(setrlimit(RLIMIT_RTPRIO, &realtime));
    need_realtime();
    become_user();
    CHECK_OK(setpriority(PRIO_PROCESS, 0, -5));
    CHECK_ERRNO(setpriority(PRIO_PROCESS, 0, -6), EACCES);
    CHECK_EQ(attributes_of(0).nice, -5);
    CHECK_OK(set_policy(0, SCHED_FIFO, 3));
    CHECK_ERRNO(set_policy(0, SCHED_FIFO, 4), EPERM);
    CHECK_OK(set_policy(0, SCHED_FIFO, 2));
    CHECK_OK(set_policy(0, SCHED_OTHER, 0));
}

// ---- nice values
TEST(scheduling, nice_of_groups_and_users) {
    CHECK_OK(setpriority(PRIO_PROCESS, 0, 2));
    int ready[2];
    CHECK_OK(pipe(ready));
    const auto body = [&] {
        become_user(34567, 34567);
        CHECK_EQ(write(ready[1], "x", 1), 1);
        pause();
    };
    const pid_t a = start(body), b = start(body);
    char c[2];
    for (int got = 0; got < 2;) got += static_cast<int>(read(ready[0], c, 2 - got));
    CHECK_OK(setpgid(a, a));
    CHECK_OK(setpgid(b, a));
    CHECK_OK(setpriority(PRIO_PGRP, a, 7));
    CHECK_EQ(getpriority(PRIO_PROCESS, a), 7);
    CHECK_EQ(getpriority(PRIO_PROCESS, b), 7);
    CHECK_EQ(getpriority(PRIO_PROCESS, 0), 2);
    CHECK_OK(setpriority(PRIO_PROCESS, b, 4));
    CHECK_EQ(getpriority(PRIO_PGRP, a), 4);  // the best of them
    CHECK_EQ(getpriority(PRIO_USER, 34567), 4);
    CHECK_OK(setpriority(PRIO_USER, 34567, 11));
    CHECK_EQ(getpriority(PRIO_PROCESS, a), 11);
    CHECK_EQ(getpriority(PRIO_PROCESS, b), 11);
    CHECK_OK(setpriority(PRIO_PROCESS, 0, -100));
    CHECK_EQ(syscall(SYS_getpriority, PRIO_PROCESS, 0), 40);
    CHECK_OK(setpriority(PRIO_PROCESS, 0, 100));
    CHECK_EQ(syscall(SYS_getpriority, PRIO_PROCESS, 0), 1);
    for (const pid_t kAll[] = {a, b}; pid_t child : kAll) {
        kill(child, SIGKILL);
        CHECK_KILLED(status_of(child), SIGKILL);
    }
    CHECK_ERRNO(syscall(SYS_getpriority, PRIO_PGRP, a), ESRCH);
    CHECK_ERRNO(setpriority(PRIO_PGRP, a, 1), ESRCH);
    CHECK_ERRNO(syscall(SYS_getpriority, PRIO_USER, 34567), ESRCH);
    CHECK_ERRNO(syscall(SYS_getpriority, PRIO_USER + 1, 0), EINVAL);
    CHECK_ERRNO(syscall(SYS_getpriority, -1, 0), EINVAL);
    CHECK_ERRNO(syscall(SYS_setpriority, 3, kNobody, 0), EINVAL);
}

// ---- input and output
TEST(scheduling, io_priority_of_groups) {
    const pid_t child = start([] { pause(); });
    CHECK_OK(setpgid(child, child));
    CHECK_OK(syscall(SYS_ioprio_set, 2, child, ioprio(2, 6)));
    CHECK_EQ(syscall(SYS_ioprio_get, 1, child), ioprio(2, 6));
    CHECK_EQ(syscall(SYS_ioprio_get, 2, child), ioprio(2, 6));
    CHECK_ERRNO(syscall(SYS_ioprio_set, 2, kNobody, ioprio(2, 6)), ESRCH);
    CHECK_ERRNO(syscall(SYS_ioprio_set, 9, 0, ioprio(2, 6)), EINVAL);
    CHECK_ERRNO(syscall(SYS_ioprio_set, 9, 0, ioprio(7, 0)), EINVAL);
    CHECK_OK(syscall(SYS_ioprio_set, 1, child, ioprio(1, 0)));
    CHECK_EXITED(run([=] {
                     become_user();
                     CHECK_ERRNO(syscall(SYS_ioprio_set, 1, child, ioprio(3, 0)), EPERM);
                     CHECK_ERRNO(syscall(SYS_ioprio_set, 9, child, ioprio(1, 0)), EPERM);
                     CHECK_EQ(syscall(SYS_ioprio_get, 1, child), ioprio(1, 0));
                 }),
                 0);
    kill(child, SIGKILL);
    CHECK_KILLED(status_of(child), SIGKILL);
}

// ---- accounts
TEST(scheduling, times_and_getcpu_take_what_they_get) {
    const long first = syscall(SYS_times, nullptr);
    CHECK(first != -1);
    sleep_ms(30);
    struct tms ticks;
    CHECK(syscall(SYS_times, &ticks) > first);
    CHECK_ERRNO(syscall(SYS_times, bad<struct tms>()), EFAULT);
    CHECK_OK(syscall(SYS_getcpu, nullptr, nullptr, nullptr));
    unsigned value = 999;
    CHECK_OK(syscall(SYS_getcpu, nullptr, &value, bad<void>()));
    CHECK(value < 64);
    CHECK_ERRNO(syscall(SYS_getcpu, bad<unsigned>(), nullptr, nullptr), EFAULT);
    CHECK_ERRNO(syscall(SYS_getcpu, nullptr, bad<unsigned>(), nullptr), EFAULT);
}
