// SPDX-License-Identifier: MIT
//
// Calls about processes and the machine that no library function hides well: unshare(2), set_tid_address(2),
// exit_group(2), setregid(2), capset(2), prlimit(2) of others, process_vm_readv(2), kcmp(2), membarrier(2), mlock2(2),
// setdomainname(2), syslog(2). Left out: namespaces.
#include "mount_helpers.h"

#include <linux/capability.h>
#include <linux/kcmp.h>
#include <linux/membarrier.h>
#include <pthread.h>

using namespace twin;

namespace {

constexpr pid_t kNobody = 4194303;

// A child that shares what `flags` says; the parent goes on when it has left or called exec.
template <typename Body>
pid_t clone_vfork(int flags, Body& body) {
    static char stack[65536] __attribute__((aligned(16)));
    return clone([](void* b) { return (*static_cast<Body*>(b))(); }, stack + sizeof stack, flags | CLONE_VFORK | SIGCHLD, &body);
}
struct Gids {
    gid_t real, effective, saved;
};
Gids gids() {
    Gids g = {};
    CHECK_OK(syscall(SYS_getresgid, &g.real, &g.effective, &g.saved));
    return g;
}
void check_gids(gid_t real, gid_t effective, gid_t saved) {
    const Gids g = gids();
    CHECK_EQ(g.real, real);
    CHECK_EQ(g.effective, effective);
    CHECK_EQ(g.saved, saved);
}

}  // namespace

// ---- unshare
TEST(process_calls, unshare_descriptors) {
    const int fd = open(".", O_RDONLY);
    auto body = [&] {
        CHECK_OK(syscall(SYS_unshare, CLONE_FILES));
        CHECK_OK(close(fd));
        return 0;
    };
    CHECK_EXITED(status_of(clone_vfork(CLONE_FILES, body)), 0);
    CHECK_OK(fcntl(fd, F_GETFD));
    auto shared = [&] { return close(fd); };
    CHECK_EXITED(status_of(clone_vfork(CLONE_FILES, shared)), 0);
    CHECK_ERRNO(fcntl(fd, F_GETFD), EBADF);
}
TEST(process_calls, unshare_working_directory_and_mask) {
    CHECK_OK(mkdir("d", 0755));
    char before[512], after[512];
    CHECK(getcwd(before, sizeof before) != nullptr);
    auto body = [&] {
        CHECK_OK(syscall(SYS_unshare, CLONE_FS));
        umask(077);
        return chdir("d");
    };
    CHECK_EXITED(status_of(clone_vfork(CLONE_FS, body)), 0);
    CHECK(getcwd(after, sizeof after) != nullptr);
    CHECK_STR(after, before);
    CHECK_EQ(umask(022), 022);
    auto shared = [&] {
        umask(077);
        return chdir("d");
    };
    CHECK_EXITED(status_of(clone_vfork(CLONE_FS, shared)), 0);
    CHECK(getcwd(after, sizeof after) != nullptr);
    CHECK(strlen(after) == strlen(before) + 2);
    CHECK_EQ(umask(022), 077);
}
TEST(process_calls, unshare_flags) {
    CHECK_OK(syscall(SYS_unshare, 0));
    CHECK_OK(syscall(SYS_unshare, CLONE_FS | CLONE_FILES | CLONE_SYSVSEM));
    const unsigned long kNotParts[] = {1, SIGCHLD, CLONE_PTRACE, CLONE_VFORK, CLONE_PARENT, CLONE_SETTLS, 0x80000000 /* IO */};
    for (unsigned long flag : kNotParts) {
        CHECK_ERRNO(syscall(SYS_unshare, flag), EINVAL);
        CHECK_ERRNO(syscall(SYS_unshare, flag | CLONE_FILES), EINVAL);
    }
    // A process of one thread shares none of these anyway.
    CHECK_OK(syscall(SYS_unshare, CLONE_THREAD));
    CHECK_OK(syscall(SYS_unshare, CLONE_SIGHAND));
    CHECK_OK(syscall(SYS_unshare, CLONE_VM));
    static int ends[2];
    CHECK_OK(pipe(ends));
    pthread_t thread;
    CHECK_EQ(pthread_create(&thread, nullptr,
                            [](void*) -> void* {
                                char c;
                                CHECK_EQ(read(ends[0], &c, 1), 1);
                                return nullptr;
                            },
                            nullptr),
             0);
    CHECK_ERRNO(syscall(SYS_unshare, CLONE_THREAD), EINVAL);
    CHECK_ERRNO(syscall(SYS_unshare, CLONE_SIGHAND), EINVAL);
    CHECK_ERRNO(syscall(SYS_unshare, CLONE_VM), EINVAL);
    CHECK_OK(syscall(SYS_unshare, CLONE_FS));
    CHECK_EQ(write(ends[1], "x", 1), 1);
    CHECK_EQ(pthread_join(thread, nullptr), 0);
}

// ---- leaving
TEST(process_calls, set_tid_address_is_cleared_for_those_who_share) {
    static int word = 77;
    CHECK_EQ(syscall(SYS_set_tid_address, nullptr), getpid());
    auto body = [] { return syscall(SYS_set_tid_address, &word) == syscall(SYS_getpid) ? 0 : 1; };
    CHECK_EXITED(status_of(clone_vfork(CLONE_VM, body)), 0);
    CHECK_EQ(word, 0);
    // Nobody else sees the memory of a process that goes: it is left as it is, shared mapping or not.
    auto* shared = static_cast<int*>(mmap(nullptr, kPage, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0));
    *shared = 78;
    CHECK_EXITED(run([=] { CHECK_EQ(syscall(SYS_set_tid_address, shared), getpid()); }), 0);
    CHECK_EQ(*shared, 78);
    auto nowhere = [] { return syscall(SYS_set_tid_address, bad<int>()) == syscall(SYS_getpid) ? 0 : 1; };
    CHECK_EXITED(status_of(clone_vfork(CLONE_VM, nowhere)), 0);
}
TEST(process_calls, exit_group_from_a_thread) {
    CHECK_EXITED(run([] {
                     pthread_t threads[3];
                     for (pthread_t& thread : threads)
                         CHECK_EQ(pthread_create(&thread, nullptr,
                                                 [](void*) -> void* {
                                                     pause();
                                                     return nullptr;
                                                 },
                                                 nullptr),
                                  0);
                     pthread_t last;
                     CHECK_EQ(pthread_create(&last, nullptr,
                                             [](void*) -> void* {
                                                 syscall(SYS_exit_group, 0x123);
                                                 return nullptr;
                                             },
                                             nullptr),
                              0);
                     for (;;) {
                     }
                 }),
                 0x23);
    // A first thread that leaves alone leaves the process to the others; the status is that of the last.
    CHECK_EXITED(run([] {
                     pthread_t thread;
                     CHECK_EQ(pthread_create(&thread, nullptr,
                                             [](void*) -> void* {
                                                 wait_for_state(getpid(), "Z");
                                                 syscall(SYS_exit, 9);
                                                 return nullptr;
                                             },
                                             nullptr),
                              0);
                     syscall(SYS_exit, 5);
                 }),
                 9);
    CHECK_EXITED(run([] {
                     pthread_t thread;
                     CHECK_EQ(pthread_create(&thread, nullptr,
                                             [](void*) -> void* {
                                                 wait_for_state(getpid(), "Z");
                                                 syscall(SYS_exit_group, 9);
                                                 return nullptr;
                                             },
                                             nullptr),
                              0);
                     syscall(SYS_exit, 5);
                 }),
                 9);
}

// ---- credentials and limits
TEST(process_calls, setregid_sets_the_saved_one) {
    CHECK_OK(syscall(SYS_setregid, 1, 2));
    check_gids(1, 2, 2);
    CHECK_OK(syscall(SYS_setregid, -1, 3));
    check_gids(1, 3, 3);
    CHECK_OK(syscall(SYS_setregid, -1, 1));  // to the real one: nothing to save
    check_gids(1, 1, 3);
    CHECK_OK(syscall(SYS_setregid, -1, -1));
    check_gids(1, 1, 3);
    CHECK_OK(syscall(SYS_setresgid, 1, 2, 3));
    CHECK_OK(syscall(SYS_setresuid, 9, 9, 9));
    CHECK_ERRNO(syscall(SYS_setregid, 3, -1), EPERM);  // the saved one is for the effective place only
    CHECK_ERRNO(syscall(SYS_setregid, -1, 4), EPERM);
    CHECK_ERRNO(syscall(SYS_setregid, 4, -1), EPERM);
    CHECK_OK(syscall(SYS_setregid, -1, 3));
    check_gids(1, 3, 3);
    CHECK_OK(syscall(SYS_setregid, 3, 1));
    check_gids(3, 1, 1);
}
TEST(process_calls, capability_versions) {
    const uint32_t kVersions[] = {_LINUX_CAPABILITY_VERSION_1, _LINUX_CAPABILITY_VERSION_2, _LINUX_CAPABILITY_VERSION_3};
    __user_cap_data_struct data[2], three[2];
    __user_cap_header_struct header = {kVersions[2], 0};
    CHECK_OK(syscall(SYS_capget, &header, three));
    for (uint32_t version : kVersions) {
        memset(data, 0xee, sizeof data);
        header = {version, getpid()};
        CHECK_OK(syscall(SYS_capget, &header, data));
        CHECK_EQ(data[0].permitted, three[0].permitted);
        CHECK_EQ(data[1].permitted, version == kVersions[0] ? 0xeeeeeeee : three[1].permitted);
        CHECK_OK(syscall(SYS_capget, &header, nullptr));
        CHECK_EQ(header.version, version);
    }
    header = {kVersions[2], -1};
    CHECK_ERRNO(syscall(SYS_capget, &header, data), EINVAL);
    header.pid = 0;
    CHECK_ERRNO(syscall(SYS_capget, &header, bad<void>()), EFAULT);
    CHECK_ERRNO(syscall(SYS_capset, bad<void>(), three), EFAULT);
    CHECK_ERRNO(syscall(SYS_capset, &header, bad<void>()), EFAULT);
    header = {123, 0};
    CHECK_ERRNO(syscall(SYS_capset, &header, three), EINVAL);
    CHECK_EQ(header.version, kVersions[2]);
    header = {kVersions[2], getppid()};
    CHECK_ERRNO(syscall(SYS_capset, &header, three), EPERM);
    header.pid = getpid();
    CHECK_OK(syscall(SYS_capset, &header, three));
    // By the first version the upper half is given up.
    header = {kVersions[0], 0};
    CHECK_OK(syscall(SYS_capset, &header, three));
    header = {kVersions[2], 0};
    CHECK_OK(syscall(SYS_capget, &header, data));
    CHECK_EQ(data[1].permitted, 0);
    CHECK_EQ(data[0].permitted, three[0].permitted);
    data[0].permitted = 1, data[0].effective = 3, data[0].inheritable = 0;
    CHECK_ERRNO(syscall(SYS_capset, &header, data), EPERM);
}
TEST(process_calls, limits_of_another) {
    const pid_t child = start([] { pause(); });
    rlimit limit = {10, 20}, old = {};
    CHECK_OK(syscall(SYS_prlimit64, child, RLIMIT_CORE, &limit, nullptr));
    limit = {5, 20};
    CHECK_OK(syscall(SYS_prlimit64, child, RLIMIT_CORE, &limit, &old));
    CHECK(old.rlim_cur == 10 && old.rlim_max == 20);
    CHECK_OK(syscall(SYS_prlimit64, child, RLIMIT_CORE, nullptr, &old));
    CHECK(old.rlim_cur == 5);
    CHECK_OK(getrlimit(RLIMIT_CORE, &old));
    CHECK(old.rlim_max != 20);
    CHECK_OK(syscall(SYS_prlimit64, child, RLIMIT_CORE, nullptr, nullptr));
    limit = {6, 5};
    CHECK_ERRNO(syscall(SYS_prlimit64, child, RLIMIT_CORE, &limit, nullptr), EINVAL);
    CHECK_ERRNO(syscall(SYS_prlimit64, child, 16, nullptr, &old), EINVAL);
    CHECK_ERRNO(syscall(SYS_prlimit64, kNobody, 16, nullptr, nullptr), ESRCH);
    CHECK_ERRNO(syscall(SYS_prlimit64, kNobody, 16, bad<void>(), nullptr), EFAULT);
    CHECK_ERRNO(syscall(SYS_prlimit64, child, RLIMIT_CORE, nullptr, bad<void>()), EFAULT);
    limit = {5, RLIM_INFINITY};
    CHECK_ERRNO(syscall(SYS_prlimit64, 0, RLIMIT_NOFILE, &limit, nullptr), EPERM);  // above what the system has at all
    CHECK_EXITED(run([=] {
                     become_user();
                     rlimit mine = {1, 1};
                     CHECK_ERRNO(syscall(SYS_prlimit64, child, RLIMIT_CORE, nullptr, &mine), EPERM);
                     CHECK_ERRNO(syscall(SYS_prlimit64, child, RLIMIT_CORE, &mine, nullptr), EPERM);
                     CHECK_ERRNO(syscall(SYS_prlimit64, child, 99, &mine, nullptr), EPERM);
                     CHECK_OK(syscall(SYS_prlimit64, getpid(), RLIMIT_CORE, &mine, nullptr));
                 }),
                 0);
    kill(child, SIGKILL);
    CHECK_KILLED(status_of(child), SIGKILL);
}

// ---- the memory of others, and comparing
TEST(process_calls, memory_of_others_in_pieces) {
    char source[16] = "0123456789abcde", target[16] = {};
    iovec mine[2] = {{target, 4}, {target + 4, 8}}, theirs[3] = {{source, 2}, {source + 8, 4}, {bad<char>(), 4}};
    const pid_t self = getpid();
    CHECK_EQ(syscall(SYS_process_vm_readv, self, mine, 2, theirs, 2, 0L), 6);  // the shorter side counts
    CHECK_STR(target, "0189ab");
    CHECK_EQ(syscall(SYS_process_vm_readv, self, mine, 2, theirs, 3, 0L), 6);  // what came before the bad piece
    CHECK_ERRNO(syscall(SYS_process_vm_readv, self, mine, 2, theirs + 2, 1, 0L), EFAULT);
    CHECK_EQ(syscall(SYS_process_vm_readv, self, mine, 0, theirs, 2, 0L), 0);
    CHECK_EQ(syscall(SYS_process_vm_readv, self, mine, 2, theirs, 0, 0L), 0);
    CHECK_EQ(syscall(SYS_process_vm_readv, kNobody, mine, 0, theirs, 2, 0L), 0);  // nothing to do, whoever it is
    CHECK_ERRNO(syscall(SYS_process_vm_readv, kNobody, mine, 2, theirs, 2, 0L), ESRCH);
    CHECK_ERRNO(syscall(SYS_process_vm_writev, self, mine, 2, theirs, 2, 1L), EINVAL);
    CHECK_ERRNO(syscall(SYS_process_vm_readv, self, mine, 1025, theirs, 2, 0L), EINVAL);
    CHECK_ERRNO(syscall(SYS_process_vm_readv, self, mine, 2, theirs, 1025, 0L), EINVAL);
    CHECK_ERRNO(syscall(SYS_process_vm_readv, self, bad<iovec>(), 2, theirs, 2, 0L), EFAULT);
    CHECK_ERRNO(syscall(SYS_process_vm_readv, self, mine, 2, bad<iovec>(), 2, 0L), EFAULT);
    auto* fixed = static_cast<char*>(mmap(nullptr, kPage, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
    theirs[0] = {fixed, 4};
    CHECK_EQ(syscall(SYS_process_vm_readv, self, mine, 1, theirs, 1, 0L), 4);
    CHECK_ERRNO(syscall(SYS_process_vm_writev, self, mine, 1, theirs, 1, 0L), EFAULT);  // read-only stays so
    iovec negative = {target, size_t{1} << 63};
    CHECK_ERRNO(syscall(SYS_process_vm_readv, self, &negative, 1, theirs, 1, 0L), EINVAL);
}
TEST(process_calls, kcmp_of_those_who_share) {
    const pid_t self = getpid();
    if (syscall(SYS_kcmp, self, self, KCMP_VM, 0, 0) == -1 && errno == ENOSYS) SKIP("no kcmp here");
    static pid_t parent;
    parent = self;
    auto body = [] {
        const pid_t child = static_cast<pid_t>(syscall(SYS_getpid));
        CHECK_EQ(syscall(SYS_kcmp, parent, child, KCMP_VM, 0, 0), 0);
        CHECK_EQ(syscall(SYS_kcmp, parent, child, KCMP_FILES, 0, 0), 0);
        CHECK_EQ(syscall(SYS_kcmp, parent, child, KCMP_FS, 0, 0), 0);
        CHECK(syscall(SYS_kcmp, parent, child, KCMP_SIGHAND, 0, 0) > 0);
        CHECK_OK(syscall(SYS_unshare, CLONE_FILES));
        CHECK(syscall(SYS_kcmp, parent, child, KCMP_FILES, 0, 0) > 0);
        return 0;
    };
    CHECK_EXITED(status_of(clone_vfork(CLONE_VM | CLONE_FILES | CLONE_FS, body)), 0);
    CHECK_ERRNO(syscall(SYS_kcmp, kNobody, self, 99, 0, 0), ESRCH);
    CHECK_ERRNO(syscall(SYS_kcmp, self, self, -1, 0, 0), EINVAL);
    const pid_t child = start([] { pause(); });
    CHECK_EXITED(run([=] {
                     become_user();
                     CHECK_ERRNO(syscall(SYS_kcmp, getpid(), child, 99, 0, 0), EPERM);
                 }),
                 0);
    kill(child, SIGKILL);
    CHECK_KILLED(status_of(child), SIGKILL);
}
TEST(process_calls, membarrier_commands) {
    CHECK_ERRNO(syscall(SYS_membarrier, MEMBARRIER_CMD_QUERY, 1, 0), EINVAL);
    CHECK_ERRNO(syscall(SYS_membarrier, 1 << 30, 0, 0), EINVAL);
    CHECK_ERRNO(syscall(SYS_membarrier, MEMBARRIER_CMD_GLOBAL | MEMBARRIER_CMD_GLOBAL_EXPEDITED, 0, 0), EINVAL);
    CHECK_OK(syscall(SYS_membarrier, MEMBARRIER_CMD_GLOBAL_EXPEDITED, 0, 0));  // whoever asks need not be registered
    CHECK_ERRNO(syscall(SYS_membarrier, MEMBARRIER_CMD_PRIVATE_EXPEDITED, 0, 0), EPERM);
    CHECK_OK(syscall(SYS_membarrier, MEMBARRIER_CMD_REGISTER_GLOBAL_EXPEDITED, 0, 0));
    CHECK_OK(syscall(SYS_membarrier, MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED, 0, 0));
    CHECK_OK(syscall(SYS_membarrier, MEMBARRIER_CMD_GLOBAL, 0, 0));
    CHECK_EXITED(run([] { CHECK_OK(syscall(SYS_membarrier, MEMBARRIER_CMD_PRIVATE_EXPEDITED, 0, 0)); }), 0);
    constexpr int kGetRegistrations = 1 << 9;
    if (syscall(SYS_membarrier, MEMBARRIER_CMD_QUERY, 0, 0) & kGetRegistrations) {
        CHECK_EQ(syscall(SYS_membarrier, kGetRegistrations, 0, 0),
                 MEMBARRIER_CMD_REGISTER_GLOBAL_EXPEDITED | MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED);
    }
}
TEST(process_calls, mlock2_flags) {
    auto* pages = static_cast<char*>(mmap(nullptr, 4 * kPage, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
    unsigned char present[4];
    CHECK_ERRNO(syscall(SYS_mlock2, pages, kPage, 2), EINVAL);
    CHECK_OK(syscall(SYS_mlock2, pages, 2 * kPage, 1 /* MLOCK_ONFAULT */));
    CHECK_OK(mincore(pages, 4 * kPage, present));
    CHECK_EQ(present[0] & 1, 0);
    CHECK_OK(syscall(SYS_mlock2, pages, 2 * kPage, 0));
    CHECK_OK(mincore(pages, 4 * kPage, present));
    CHECK((present[0] & 1) && (present[1] & 1) && !(present[2] & 1));
    CHECK_OK(munmap(pages + 3 * kPage, kPage));
    CHECK_ERRNO(syscall(SYS_mlock2, pages, 4 * kPage, 1), ENOMEM);
    rlimit none = {0, 0};
    CHECK_OK(setrlimit(RLIMIT_MEMLOCK, &none));
    become_user();
    CHECK_ERRNO(syscall(SYS_mlock2, pages, kPage, 1), EPERM);
    CHECK_ERRNO(syscall(SYS_mlock2, pages, kPage, 2), EINVAL);
}

// ---- the machine
TEST(process_calls, domain_and_host_name) {
    // A host keeps its names.
    if (!is_gyre()) CHECK_OK(syscall(SYS_unshare, CLONE_NEWUTS));
    utsname before, now;
    CHECK_OK(uname(&before));
    CHECK_OK(syscall(SYS_setdomainname, "twin.example", 4));
    CHECK_OK(syscall(SYS_sethostname, "host.example", 12));
    CHECK_OK(uname(&now));
    CHECK_STR(now.domainname, "twin");
    CHECK_STR(now.nodename, "host.example");
    char long_name[65];
    memset(long_name, 'n', sizeof long_name);
    CHECK_OK(syscall(SYS_setdomainname, long_name, 64));
    CHECK_OK(uname(&now));
    CHECK_EQ(strlen(now.domainname), 64);
    for (const long kAll[] = {SYS_setdomainname, SYS_sethostname}; long call : kAll) {
        CHECK_ERRNO(syscall(call, long_name, 65), EINVAL);
        CHECK_ERRNO(syscall(call, long_name, -1), EINVAL);
        CHECK_ERRNO(syscall(call, bad<char>(), 3), EFAULT);
        CHECK_OK(syscall(call, bad<char>(), 0));
    }
    CHECK_OK(uname(&now));
    CHECK_STR(now.domainname, "");
    CHECK_OK(syscall(SYS_setdomainname, before.domainname, strlen(before.domainname)));
    CHECK_OK(syscall(SYS_sethostname, before.nodename, strlen(before.nodename)));
    become_user();
    CHECK_ERRNO(syscall(SYS_setdomainname, bad<char>(), 65), EPERM);
}
TEST(process_calls, kernel_log) {
    char text[64];
    const long size = syscall(SYS_syslog, 10, nullptr, 0);
    CHECK(size >= 1024);
    CHECK_OK(syscall(SYS_syslog, 9, nullptr, 0));
    CHECK(syscall(SYS_syslog, 3, text, sizeof text) <= (long)sizeof text);
    CHECK_EQ(syscall(SYS_syslog, 3, text, 0), 0);
    CHECK_ERRNO(syscall(SYS_syslog, 3, nullptr, 5), EINVAL);
    CHECK_ERRNO(syscall(SYS_syslog, 3, text, -1), EINVAL);
    CHECK_ERRNO(syscall(SYS_syslog, 2, nullptr, 5), EINVAL);
    CHECK_ERRNO(syscall(SYS_syslog, 8, nullptr, 0), EINVAL);
    CHECK_ERRNO(syscall(SYS_syslog, 8, nullptr, 9), EINVAL);
    CHECK_ERRNO(syscall(SYS_syslog, 11, nullptr, 0), EINVAL);
    CHECK_ERRNO(syscall(SYS_syslog, -1, nullptr, 0), EINVAL);
    CHECK_OK(syscall(SYS_syslog, 0, nullptr, 0));
    CHECK_OK(syscall(SYS_syslog, 1, nullptr, 0));
    become_user();
    for (const int kAll[] = {2, 4, 5, 6, 7, 8, 9, 99}; int type : kAll) CHECK_ERRNO(syscall(SYS_syslog, type, nullptr, -1), EPERM);
}
