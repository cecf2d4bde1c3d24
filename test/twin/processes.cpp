// SPDX-License-Identifier: MIT
//
// fork(2), vfork(2), clone(2), wait(2), exit(2), execve(2).
#include "twin.h"

#include <grp.h>
#include <sched.h>
#include <sys/auxv.h>
#include <sys/prctl.h>
#include <sys/times.h>

using namespace twin;

HELPER(exit_with) { return atoi(argv[1]); }
HELPER(arguments_of) {
    for (int i = 1; i < argc; ++i) printf("[%s]", argv[i]);
    for (char** e = envp; *e; ++e) printf("{%s}", *e);
    return 0;
}
HELPER(count_descriptor) { return fcntl(atoi(argv[1]), F_GETFD) >= 0 ? 1 : 0; }
HELPER(signal_state) {
    struct sigaction action;
    sigset_t set, pending;
    sigaction(SIGUSR1, nullptr, &action);
    const bool is_default = action.sa_handler == SIG_DFL;
    sigaction(SIGUSR2, nullptr, &action);
    const bool is_ignored = action.sa_handler == SIG_IGN;
    sigprocmask(SIG_BLOCK, nullptr, &set);
    sigpending(&pending);
    return (is_default ? 1 : 0) | (is_ignored ? 2 : 0) | (sigismember(&set, SIGHUP) ? 4 : 0) | (sigismember(&pending, SIGHUP) ? 8 : 0);
}
HELPER(comm) {
    char name[16] = {};
    prctl(PR_GET_NAME, name);
    printf("%s", name);
    return 0;
}

namespace {

[[noreturn]] void exec_helper(const char* name, const char* argument = nullptr) {
    char* arguments[] = {const_cast<char*>("self"), const_cast<char*>("--helper"), const_cast<char*>(name), const_cast<char*>(argument),
                         nullptr};
    char* environment[] = {const_cast<char*>("A=1"), nullptr};
    execve(self_path(), arguments, environment);
    _exit(111);
}
// What the helper printed.
template <size_t N>
void output_of(char (&text)[N], const char* name, const char* argument = nullptr) {
    int fds[2];
    CHECK_OK(pipe(fds));
    pid_t child = start([&] {
        dup2(fds[1], 1);
        exec_helper(name, argument);
    });
    close(fds[1]);
    size_t length = 0;
    ssize_t got;
    while (length + 1 < N && (got = read(fds[0], text + length, N - 1 - length)) > 0) length += static_cast<size_t>(got);
    text[length] = 0;
    CHECK_EXITED(status_of(child), 0);
}

}  // namespace

TEST(fork, child_has_its_own_memory) {
    static volatile int value = 1;
    int status = run([] {
        value = 2;
        _exit(value);
    });
    CHECK_EXITED(status, 2);
    CHECK_EQ(value, 1);
}
TEST(fork, child_shares_shared_memory) {
    auto* shared = static_cast<volatile int*>(mmap(nullptr, kPage, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0));
    CHECK(shared != MAP_FAILED);
    run([&] { *shared = 7; });
    CHECK_EQ(*shared, 7);
}
TEST(fork, ids) {
    pid_t parent = getpid();
    int status = run([&] { _exit(getppid() == parent && getpid() != parent && gettid() == getpid() ? 0 : 1); });
    CHECK_EXITED(status, 0);
}
TEST(fork, child_shares_file_offsets) {
    write_file("f", "0123456789");
    int fd = open("f", O_RDONLY);
    run([&] {
        char c[4];
        CHECK_EQ(read(fd, c, 4), 4);
    });
    CHECK_EQ(lseek(fd, 0, SEEK_CUR), 4);
}
TEST(fork, grand_tree) {
    int status = run([] {
        int inner = run([] { _exit(run([] { _exit(3); }) == (3 << 8) ? 4 : 1); });
        _exit(WEXITSTATUS(inner) == 4 ? 5 : 1);
    });
    CHECK_EXITED(status, 5);
}
TEST(fork, many_children) {
    pid_t pids[50];
    for (int i = 0; i < 50; ++i) pids[i] = start([i] { _exit(i); });
    for (int i = 49; i >= 0; --i) CHECK_EXITED(status_of(pids[i]), i);
    CHECK_ERRNO(waitpid(-1, nullptr, 0), ECHILD);
}
TEST(fork, writes_after_fork_stay_apart) {
    const size_t length = 64 * kPage;
    auto* memory = static_cast<char*>(mmap(nullptr, length, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
    memset(memory, 'a', length);
    pid_t child = start([&] {
        for (size_t i = 0; i < length; ++i)
            if (memory[i] != 'a') _exit(1);
        memset(memory, 'b', length);
        _exit(memory[length - 1] == 'b' ? 0 : 1);
    });
    for (size_t i = 0; i < length; i += kPage) memory[i] = 'c';
    CHECK_EXITED(status_of(child), 0);
    CHECK(memory[0] == 'c' && memory[1] == 'a' && memory[length - 1] == 'a');
}
TEST(fork, pending_signals_are_not_inherited) {
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGUSR1);
    sigprocmask(SIG_BLOCK, &set, nullptr);
    raise(SIGUSR1);
    int status = run([] {
        sigset_t pending;
        sigpending(&pending);
        _exit(sigismember(&pending, SIGUSR1) ? 1 : 0);
    });
    CHECK_EXITED(status, 0);
}
TEST(vfork, parent_waits) {
    static volatile int value = 0;
    pid_t child = vfork();
    if (child == 0) {
        value = 5;
        _exit(0);
    }
    CHECK_EQ(value, 5);
    CHECK_EXITED(status_of(child), 0);
}
TEST(clone, bad_flags) {
    CHECK_ERRNO(syscall(SYS_clone, CLONE_SIGHAND, 0, 0, 0, 0), EINVAL);
    CHECK_ERRNO(syscall(SYS_clone, CLONE_THREAD | CLONE_VM, 0, 0, 0, 0), EINVAL);
    CHECK_ERRNO(syscall(SYS_clone, CLONE_FS | CLONE_NEWNS, 0, 0, 0, 0), EINVAL);
}
TEST(clone, thread_pointer_must_be_an_address) {
    // The register that takes it faults on any other: a kernel that does not look first stops.
    constexpr uint64_t kPointers[] = {0x8000000000000000, 0x0000800000000000, 0xffff800000000000};
    for (const uint64_t pointer : kPointers)
        CHECK_ERRNO(syscall(SYS_clone, CLONE_SETTLS | SIGCHLD, 0, 0, 0, pointer), EPERM);
}
TEST(clone, parent_and_child_tid) {
    static volatile pid_t parent_tid = 0, child_tid = 0;
    long pid = syscall(SYS_clone, CLONE_PARENT_SETTID | CLONE_CHILD_SETTID | SIGCHLD, 0, &parent_tid, &child_tid, 0);
    if (pid == 0) _exit(child_tid == getpid() ? 0 : 1);
    CHECK_EQ(parent_tid, pid);
    CHECK_EXITED(status_of(static_cast<pid_t>(pid)), 0);
}
TEST(clone, files_are_shared_when_asked) {
    int before = dup(0);
    close(before);
    long pid = syscall(SYS_clone, CLONE_FILES | SIGCHLD, 0, 0, 0, 0);
    if (pid == 0) {
        dup2(0, before);
        _exit(0);
    }
    status_of(static_cast<pid_t>(pid));
    CHECK_OK(fcntl(before, F_GETFD));
}
TEST(clone3, size_and_signal) {
    struct {
        uint64_t flags, pidfd, child_tid, parent_tid, exit_signal, stack, stack_size, tls;
    } arguments = {0, 0, 0, 0, SIGCHLD, 0, 0, 0};
    CHECK_ERRNO(syscall(SYS_clone3, &arguments, 8), EINVAL);
    CHECK_ERRNO(syscall(SYS_clone3, bad<void>(), sizeof(arguments)), EFAULT);
    long pid = syscall(SYS_clone3, &arguments, sizeof(arguments));
    if (pid == 0) _exit(9);
    CHECK_EXITED(status_of(static_cast<pid_t>(pid)), 9);
}
TEST(wait, status_of_exit_and_signal) {
    CHECK_EXITED(run([] { _exit(300); }), 300 & 255);
    CHECK_KILLED(run([] { raise(SIGKILL); }), SIGKILL);
    CHECK_KILLED(run([] { raise(SIGTERM); }), SIGTERM);
}
TEST(wait, no_children) {
    CHECK_ERRNO(waitpid(-1, nullptr, 0), ECHILD);
    CHECK_ERRNO(waitpid(getpid(), nullptr, 0), ECHILD);
    CHECK_ERRNO(waitpid(1234567, nullptr, WNOHANG), ECHILD);
}
TEST(wait, bad_options) {
    CHECK_ERRNO(waitpid(-1, nullptr, 0x1000), EINVAL);
    siginfo_t info;
    CHECK_ERRNO(waitid(P_ALL, 0, &info, 0), EINVAL);
    CHECK_ERRNO(waitid(static_cast<idtype_t>(77), 0, &info, WEXITED), EINVAL);
}
TEST(wait, no_hang) {
    int fds[2];
    CHECK_OK(pipe(fds));
    pid_t child = start([&] {
        char c;
        close(fds[1]);
        (void)!read(fds[0], &c, 1);
    });
    int status = 77;
    CHECK_EQ(waitpid(child, &status, WNOHANG), 0);
    CHECK_EQ(status, 77);
    close(fds[1]);
    CHECK_EXITED(status_of(child), 0);
}
TEST(wait, by_group) {
    pid_t child = start([] {
        setpgid(0, 0);
        _exit(1);
    });
    setpgid(child, child);
    CHECK_EQ(waitpid(-child, nullptr, 0), child);
    CHECK_ERRNO(waitpid(-child, nullptr, 0), ECHILD);
}
TEST(wait, bad_status_pointer) {
    pid_t child = start([] {});
    sleep_ms(50);
    CHECK_ERRNO(syscall(SYS_wait4, child, bad<int>(), 0, nullptr), EFAULT);
}
TEST(waitid, tells_all) {
    pid_t child = start([] { _exit(6); });
    siginfo_t info = {};
    CHECK_OK(waitid(P_PID, static_cast<id_t>(child), &info, WEXITED | WNOWAIT));
    CHECK(info.si_signo == SIGCHLD && info.si_code == CLD_EXITED && info.si_status == 6 && info.si_pid == child);
    CHECK_EXITED(status_of(child), 6);  // WNOWAIT left it
}
TEST(waitid, killed) {
    pid_t child = start([] { pause(); });
    kill(child, SIGTERM);
    siginfo_t info = {};
    CHECK_OK(waitid(P_PID, static_cast<id_t>(child), &info, WEXITED));
    CHECK(info.si_code == CLD_KILLED && info.si_status == SIGTERM);
}
TEST(waitid, no_hang_clears) {
    pid_t child = start([] { pause(); });
    siginfo_t info;
    memset(&info, 0xff, sizeof(info));
    CHECK_OK(waitid(P_PID, static_cast<id_t>(child), &info, WEXITED | WNOHANG));
    CHECK_EQ(info.si_pid, 0);
    kill(child, SIGKILL);
    status_of(child);
}
TEST(wait, stop_and_continue) {
    pid_t child = start([] {
        for (;;) pause();
    });
    kill(child, SIGSTOP);
    int status;
    CHECK_EQ(waitpid(child, &status, WUNTRACED), child);
    CHECK(WIFSTOPPED(status) && WSTOPSIG(status) == SIGSTOP);
    kill(child, SIGCONT);
    CHECK_EQ(waitpid(child, &status, WCONTINUED), child);
    CHECK(WIFCONTINUED(status));
    kill(child, SIGKILL);
    CHECK_KILLED(status_of(child), SIGKILL);
}
TEST(wait, ignored_children_reap_themselves) {
    signal(SIGCHLD, SIG_IGN);
    pid_t child = start([] {});
    CHECK_ERRNO(waitpid(child, nullptr, 0), ECHILD);
}
TEST(wait, usage) {
    pid_t child = start([] {
        volatile uint64_t x = 1;
        int64_t end = now_ns() + 50000000;
        while (now_ns() < end) x = x * 3;
    });
    struct rusage usage = {};
    CHECK_EQ(wait4(child, nullptr, 0, &usage), child);
    CHECK(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec + usage.ru_utime.tv_sec > 10000);
}
TEST(exit, orphans_go_to_another_parent) {
    int fds[2];
    CHECK_OK(pipe(fds));
    pid_t middle_pid = getpid();
    int status = run([&] {
        start([&] {
            while (getppid() != 1 && getppid() == middle_pid) sleep_ms(1);
            pid_t first = getppid();
            for (int i = 0; i < 500 && getppid() == first; ++i) sleep_ms(1);
            pid_t parent = getppid();
            (void)!write(fds[1], &parent, sizeof(parent));
        });
        _exit(0);
    });
    CHECK_EXITED(status, 0);
    pid_t parent = 0;
    CHECK_EQ(read(fds[0], &parent, sizeof(parent)), static_cast<int>(sizeof(parent)));
    CHECK(parent > 0);
}
TEST(exit, subreaper_adopts) {
    CHECK_OK(prctl(PR_SET_CHILD_SUBREAPER, 1));
    int fds[2];
    CHECK_OK(pipe(fds));
    run([&] {
        pid_t grandchild = start([] {
            sleep_ms(50);
            _exit(8);
        });
        (void)!write(fds[1], &grandchild, sizeof(grandchild));
    });
    pid_t grandchild;
    CHECK_EQ(read(fds[0], &grandchild, sizeof(grandchild)), 4);
    CHECK_EXITED(status_of(grandchild), 8);
}
TEST(exec, arguments_and_environment) {
    char text[256];
    output_of(text, "arguments_of", "x y");
    CHECK_STR(text, "[x y]{A=1}");
}
TEST(exec, exit_status) { CHECK_EXITED(run([] { exec_helper("exit_with", "17"); }), 17); }
TEST(exec, close_on_exec) {
    int kept = open("/dev/null", O_RDONLY), closed = open("/dev/null", O_RDONLY | O_CLOEXEC);
    char number[16];
    snprintf(number, sizeof(number), "%d", kept);
    CHECK_EXITED(run([&] { exec_helper("count_descriptor", number); }), 1);
    snprintf(number, sizeof(number), "%d", closed);
    CHECK_EXITED(run([&] { exec_helper("count_descriptor", number); }), 0);
}
TEST(exec, signals) {
    signal(SIGUSR1, [](int) {});
    signal(SIGUSR2, SIG_IGN);
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGHUP);
    sigprocmask(SIG_BLOCK, &set, nullptr);
    CHECK_EXITED(run([] {
                     raise(SIGHUP);
                     exec_helper("signal_state");
                 }),
                 15);
}
TEST(exec, comm_is_the_file_name) {
    char text[64];
    output_of(text, "comm");
    const char* slash = strrchr(self_path(), '/');
    char want[16] = {};
    strncpy(want, slash ? slash + 1 : self_path(), 15);
    CHECK_STR(text, want);
}
TEST(exec, errors) {
    char* none[] = {nullptr};
    CHECK_ERRNO(execve("/nonexistent", none, none), ENOENT);
    CHECK_ERRNO(execve("/dev/null/x", none, none), ENOTDIR);
    CHECK_ERRNO(execve(".", none, none), EACCES);
    write_file("plain", "not a program", 0644);
    CHECK_ERRNO(execve("plain", none, none), EACCES);
    write_file("text", "not a program", 0755);
    CHECK_ERRNO(execve("text", none, none), ENOEXEC);
    write_file("empty", "", 0755);
    CHECK_ERRNO(execve("empty", none, none), ENOEXEC);
    CHECK_ERRNO(execve(bad<char>(), none, none), EFAULT);
    CHECK_ERRNO(syscall(SYS_execve, self_path(), bad<char*>(), none), EFAULT);
}
TEST(exec, truncated_elf) {
    char head[64];
    int fd = open(self_path(), O_RDONLY);
    CHECK_EQ(read(fd, head, 64), 64);
    int out = open("broken", O_CREAT | O_WRONLY, 0755);
    CHECK_EQ(write(out, head, 64), 64);
    close(out);
    char* none[] = {nullptr};
    errno = 0;
    CHECK_EQ(execve("broken", none, none), -1);
    CHECK(errno == ENOEXEC || errno == EIO || errno == EINVAL);
}
TEST(exec, too_long_arguments) {
    size_t length = 256 * 1024;
    char* big = static_cast<char*>(malloc(length));
    memset(big, 'x', length - 1);
    big[length - 1] = 0;
    char* arguments[] = {big, nullptr};
    char* none[] = {nullptr};
    CHECK_ERRNO(execve(self_path(), arguments, none), E2BIG);
}
TEST(exec, script) {
    char text[512];
    snprintf(text, sizeof(text), "#! %s --helper\nrest\n", self_path());
    // One optional argument only: the interpreter gets "--helper", then the script's path.
    write_file("arguments_of", text, 0755);
    int fds[2];
    CHECK_OK(pipe(fds));
    pid_t child = start([&] {
        dup2(fds[1], 1);
        char* arguments[] = {const_cast<char*>("zero"), const_cast<char*>("one"), nullptr};
        char* environment[] = {nullptr};
        execve("arguments_of", arguments, environment);
        _exit(errno);
    });
    close(fds[1]);
    CHECK_EXITED(status_of(child), 0);
    char got[256] = {};
    CHECK(read(fds[0], got, 255) > 0);
    CHECK_STR(got, "[one]");
}
TEST(exec, script_without_interpreter) {
    char* none[] = {nullptr};
    write_file("s", "#!/nonexistent/interpreter\n", 0755);
    CHECK_ERRNO(execve("s", none, none), ENOENT);
}
TEST(exec, execveat_of_a_descriptor) {
    int fd = open(self_path(), O_RDONLY);
    CHECK_EXITED(run([&] {
                     const char* arguments[] = {"self", "--helper", "exit_with", "21", nullptr};
                     const char* none[] = {nullptr};
                     syscall(SYS_execveat, fd, "", arguments, none, AT_EMPTY_PATH);
                     _exit(1);
                 }),
                 21);
    const char* none[] = {nullptr};
    CHECK_ERRNO(syscall(SYS_execveat, fd, "", none, none, 0), ENOENT);
    CHECK_ERRNO(syscall(SYS_execveat, 999, "x", none, none, 0), EBADF);
}
TEST(exec, auxiliary_vector) {
    CHECK_EQ(getauxval(AT_PAGESZ), 4096);
    CHECK_EQ(getauxval(AT_CLKTCK), 100);
    CHECK_EQ(getauxval(AT_UID), getuid());
    CHECK_EQ(getauxval(AT_SECURE), 0);
    CHECK(getauxval(AT_RANDOM) != 0 && getauxval(AT_PHDR) != 0 && getauxval(AT_ENTRY) != 0);
    CHECK_STR(reinterpret_cast<const char*>(getauxval(AT_PLATFORM)), "x86_64");
    CHECK(getauxval(AT_SYSINFO_EHDR) != 0);
}
