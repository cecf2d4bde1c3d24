// SPDX-License-Identifier: MIT
//
// execve(2), execveat(2): programs, scripts, what a new program finds and what it keeps.
#include "twin.h"

#include <elf.h>
#include <sched.h>
#include <sys/auxv.h>
#include <sys/prctl.h>

using namespace twin;

namespace {

constexpr int kEmptyPath = 0x1000;

// The errno of an exec that must fail, by way of a child's exit code.
int exec_error(const char* path, char* const argv[] = nullptr) {
    char* const plain[] = {const_cast<char*>("x"), nullptr};
    const int status = run([&] {
        char* const no_environment[] = {nullptr};
        execve(path, argv ? argv : plain, no_environment);
        _exit(errno);
    });
    return WIFEXITED(status) ? WEXITSTATUS(status) : -status;
}

// Runs this binary's helper and returns what it printed.
const char* output_of(const char* path, char* const argv[], char* const envp[]) {
    static char text[8192];
    int fds[2];
    CHECK_OK(pipe(fds));
    const pid_t child = start([&] {
        dup2(fds[1], 1);
        close(fds[0]);
        close(fds[1]);
        execve(path, argv, envp);
        _exit(errno);
    });
    close(fds[1]);
    size_t length = 0;
    for (ssize_t got; (got = read(fds[0], text + length, sizeof(text) - 1 - length)) > 0;) length += got;
    text[length] = 0;
    close(fds[0]);
    CHECK_EXITED(status_of(child), 0);
    return text;
}
char* arg(const char* text) { return const_cast<char*>(text); }

void write_bytes(const char* path, const void* bytes, size_t length) {
    const int fd = open(path, O_CREAT | O_TRUNC | O_WRONLY, 0755);
    CHECK_OK(fd);
    CHECK_EQ(write(fd, bytes, length), length);
    close(fd);
}
Elf64_Ehdr own_header() {
    Elf64_Ehdr header;
    const int fd = open(self_path(), O_RDONLY);
    CHECK_EQ(read(fd, &header, sizeof(header)), sizeof(header));
    close(fd);
    return header;
}

}  // namespace

HELPER(show_arguments) {
    for (int i = 0; i < argc; ++i) printf("[%s]", argv[i]);
    for (char** e = envp; *e; ++e) printf("{%s}", *e);
    printf("\n");
    return 0;
}
HELPER(check_start) {
    // The stack and the auxiliary vector, as the ABI wants them.
    CHECK_EQ(getauxval(AT_PAGESZ), 4096);
    CHECK_EQ(getauxval(AT_CLKTCK), 100);
    CHECK_EQ(getauxval(AT_UID), getuid());
    CHECK_EQ(getauxval(AT_EGID), getegid());
    CHECK_EQ(getauxval(AT_SECURE), 0);
    CHECK_STR(reinterpret_cast<char*>(getauxval(AT_PLATFORM)), "x86_64");
    CHECK_STR(reinterpret_cast<char*>(getauxval(AT_EXECFN)), argv[1]);
    CHECK(getauxval(AT_RANDOM) != 0);
    const auto* headers = reinterpret_cast<const Elf64_Phdr*>(getauxval(AT_PHDR));
    CHECK_EQ(getauxval(AT_PHENT), sizeof(Elf64_Phdr));
    bool has_load = false;
    for (unsigned long i = 0; i < getauxval(AT_PHNUM); ++i) has_load |= headers[i].p_type == PT_LOAD;
    CHECK(has_load);
    CHECK(getauxval(AT_ENTRY) != 0);
    return 0;
}
HELPER(check_kept) {
    CHECK_ERRNO(fcntl(50, F_GETFD), EBADF);  // close-on-exec
    CHECK_OK(fcntl(51, F_GETFD));
    struct sigaction action;
    sigaction(SIGUSR1, nullptr, &action);
    CHECK(action.sa_handler == SIG_DFL);
    sigaction(SIGUSR2, nullptr, &action);
    CHECK(action.sa_handler == SIG_IGN);
    sigset_t set;
    sigprocmask(SIG_SETMASK, nullptr, &set);
    CHECK_EQ(sigismember(&set, SIGHUP), 1);
    sigpending(&set);
    CHECK_EQ(sigismember(&set, SIGHUP), 1);
    stack_t stack;
    sigaltstack(nullptr, &stack);
    CHECK_EQ(stack.ss_flags, SS_DISABLE);
    CHECK_EQ(umask(0), 027);
    CHECK_EQ(getpid(), atoi(argv[argc - 1]));
    return 0;
}
HELPER(show_name) {
    char name[17] = {};
    prctl(PR_GET_NAME, name);
    printf("%s", name);
    return 0;
}
HELPER(count_threads) { return gettid() == getpid() ? 0 : 1; }
HELPER(use_much_stack) {
    volatile char room[4 << 20];
    for (size_t i = 0; i < sizeof(room); i += 4096) room[i] = static_cast<char>(i);
    return room[4096 * 3] == static_cast<char>(4096 * 3) ? 0 : 1;
}

TEST(exec, passes_arguments_and_environment) {
    char* const argv[] = {arg("zero"), arg("--helper"), arg("show_arguments"), arg(""), arg("two words"), nullptr};
    char* const envp[] = {arg("A=b"), arg("EMPTY="), arg("=odd"), nullptr};
    const char* text = output_of(self_path(), argv, envp);
    CHECK(strstr(text, "[][two words]{A=b}{EMPTY=}{=odd}\n") != nullptr);
}
TEST(exec, long_arguments_arrive_whole) {
    // Over the borders of whatever the kernel copies in.
    static char words[40][3000];
    char* argv[45] = {arg("x"), arg("--helper"), arg("show_arguments")};
    for (int i = 0; i < 2; ++i) {
        memset(words[i], 'a' + i, 2999);
        argv[3 + i] = words[i];
    }
    char* const envp[] = {nullptr};
    const char* text = output_of(self_path(), argv, envp);
    CHECK(strstr(text, words[0]) != nullptr && strstr(text, words[1]) != nullptr);
}
TEST(exec, many_arguments) {
    constexpr int kCount = 2000;
    static char* argv[kCount + 4] = {arg("x"), arg("--helper"), arg("show_arguments")};
    for (int i = 0; i < kCount; ++i) argv[3 + i] = arg("w");
    char* const envp[] = {nullptr};
    const char* text = output_of(self_path(), argv, envp);
    int count = 0;
    for (const char* at = text; (at = strstr(at, "[w]")); at += 3) ++count;
    CHECK_EQ(count, kCount);
}
TEST(exec, start_of_a_program) {
    CHECK_EXITED(run([] {
                     execl(self_path(), "x", "--helper", "check_start", self_path(), nullptr);
                     _exit(99);
                 }),
                 0);
}
TEST(exec, what_is_kept_and_what_not) {
    CHECK_EXITED(run([] {
                     dup3(0, 50, O_CLOEXEC);
                     dup2(0, 51);
                     signal(SIGUSR1, [](int) {});
                     signal(SIGUSR2, SIG_IGN);
                     sigset_t set;
                     sigemptyset(&set);
                     sigaddset(&set, SIGHUP);
                     sigprocmask(SIG_BLOCK, &set, nullptr);
                     raise(SIGHUP);
                     static char room[16384];
                     stack_t stack = {room, 0, sizeof(room)};
                     sigaltstack(&stack, nullptr);
                     umask(027);
                     char pid[16];
                     snprintf(pid, sizeof(pid), "%d", getpid());
                     execl(self_path(), "x", "--helper", "check_kept", pid, nullptr);
                     _exit(99);
                 }),
                 0);
}
TEST(exec, names_the_thread) {
    CHECK_OK(symlink(self_path(), "a_rather_long_program_name"));
    char* const argv[] = {arg("x"), arg("--helper"), arg("show_name"), nullptr};
    char* const envp[] = {nullptr};
    CHECK_STR(output_of("./a_rather_long_program_name", argv, envp), "a_rather_long_p");
}
TEST(exec, another_thread_becomes_the_leader) {
    const pid_t child = start([] {
        const auto body = [](void*) -> int {
            execl(self_path(), "x", "--helper", "count_threads", nullptr);
            return 1;
        };
        void* stack = mmap(nullptr, 65536, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        clone(body, static_cast<char*>(stack) + 65536,
              CLONE_VM | CLONE_FS | CLONE_FILES | CLONE_SIGHAND | CLONE_THREAD, nullptr);
        for (;;) pause();
    });
    CHECK_EXITED(status_of(child), 0);
}
TEST(exec, the_stack_grows) {
    CHECK_EXITED(run([] {
                     execl(self_path(), "x", "--helper", "use_much_stack", nullptr);
                     _exit(99);
                 }),
                 0);
}
TEST(exec, errors_of_the_file) {
    CHECK_EQ(exec_error("missing"), ENOENT);
    CHECK_EQ(exec_error(""), ENOENT);
    CHECK_EQ(exec_error("/"), EACCES);
    write_file("plain", "#!/bin/sh\n", 0644);
    CHECK_EQ(exec_error("plain"), EACCES);
    write_file("empty", "", 0755);
    CHECK_EQ(exec_error("empty"), ENOEXEC);
    write_file("garbage", "garbage\n", 0755);
    CHECK_EQ(exec_error("garbage"), ENOEXEC);
    CHECK_EQ(exec_error("garbage/x"), ENOTDIR);
    CHECK_OK(symlink("loop", "loop"));
    CHECK_EQ(exec_error("loop"), ELOOP);
    CHECK_EQ(exec_error(bad<char>()), EFAULT);
    CHECK_EQ(exec_error(self_path(), bad<char*>()), EFAULT);
}
TEST(exec, a_file_open_for_writing_is_busy) {
    write_file("script", "#!/nowhere\n", 0755);
    const int fd = open("script", O_WRONLY);
    CHECK_EQ(exec_error("script"), ETXTBSY);
    close(fd);
    CHECK_EQ(exec_error("script"), ENOENT);
    CHECK_ERRNO(open(self_path(), O_WRONLY), ETXTBSY);
}
TEST(exec, limits_of_strings) {
    static char big[140'000];
    memset(big, 'x', sizeof(big) - 1);
    char* const one[] = {arg("x"), big, nullptr};
    CHECK_EQ(exec_error(self_path(), one), E2BIG);
    big[120'000] = 0;
    static char* many[80] = {arg("x")};
    for (int i = 1; i < 70; ++i) many[i] = big;
    CHECK_EQ(exec_error(self_path(), many), E2BIG);  // 8 MiB in all
}
TEST(exec, broken_programs) {
    Elf64_Ehdr header = own_header();
    write_bytes("short", &header, 40);
    CHECK_EQ(exec_error("./short"), ENOEXEC);
    header.e_machine = EM_386;
    write_bytes("machine", &header, sizeof(header));
    CHECK_EQ(exec_error("./machine"), ENOEXEC);
    header = own_header();
    header.e_type = ET_REL;
    write_bytes("object", &header, sizeof(header));
    CHECK_EQ(exec_error("./object"), ENOEXEC);
    header = own_header();
    header.e_phentsize = 32;
    write_bytes("entries", &header, sizeof(header));
    CHECK_EQ(exec_error("./entries"), ENOEXEC);
    header = own_header();
    header.e_phnum = 0;
    write_bytes("none", &header, sizeof(header));
    CHECK_EQ(exec_error("./none"), ENOEXEC);
}

// ---- scripts
// A script's interpreter gets: its own path, one argument, the script's path, and what came after argv[0]. With --helper as
// the argument the script's path names the helper.
static int run_as_script(int argc, char** argv, char**) {
    for (int i = 0; i < argc; ++i) printf("[%s]", argv[i]);
    printf("%s", reinterpret_cast<char*>(getauxval(AT_EXECFN)));
    return 0;
}
static const twin::Helper kScriptHelper("./script", run_as_script);

TEST(scripts, arguments_are_put_in_front) {
    char line[600];
    snprintf(line, sizeof(line), "#! %s \t --helper  \nrest\n", self_path());
    write_file("script", line, 0755);
    char* const argv[] = {arg("gone"), arg("one"), arg("two words"), nullptr};
    char* const envp[] = {nullptr};
    CHECK_STR(output_of("./script", argv, envp), "[./script][one][two words]./script");
}
TEST(scripts, may_be_run_by_scripts) {
    char line[600];
    snprintf(line, sizeof(line), "#!%s --helper\n", self_path());
    write_file("script", line, 0755);
    write_file("outer", "#!./script and more \n", 0755);
    char* const argv[] = {arg("gone"), arg("one"), nullptr};
    char* const envp[] = {nullptr};
    CHECK_STR(output_of("./outer", argv, envp), "[./script][and more][./outer][one]./outer");
}
TEST(scripts, errors) {
    write_file("no_interpreter", "#!\n", 0755);
    CHECK_EQ(exec_error("./no_interpreter"), ENOEXEC);
    write_file("blank", "#!   \t \n", 0755);
    CHECK_EQ(exec_error("./blank"), ENOEXEC);
    write_file("missing", "#!/no/such/program\n", 0755);
    CHECK_EQ(exec_error("./missing"), ENOENT);
    char text[400];
    memset(text, 'a', sizeof(text));
    memcpy(text, "#!/", 3);
    text[399] = 0;
    write_file("cut", text, 0755);
    CHECK_EQ(exec_error("./cut"), ENOEXEC);
    char where[4096];
    CHECK(getcwd(where, sizeof(where)) != nullptr);
    char self[4200];
    snprintf(self, sizeof(self), "#!%s/itself\n", where);
    write_file("itself", self, 0755);
    CHECK_EQ(exec_error("./itself"), ELOOP);
}

// ---- execveat
TEST(execveat, by_descriptor) {
    const int fd = open(self_path(), O_RDONLY | O_CLOEXEC);
    CHECK_EXITED(run([&] {
                     char* const argv[] = {arg("x"), arg("--helper"), arg("count_threads"), nullptr};
                     char* const envp[] = {nullptr};
                     syscall(SYS_execveat, fd, "", argv, envp, kEmptyPath);
                     _exit(errno);
                 }),
                 0);
}
TEST(execveat, relative_to_a_directory) {
    CHECK_OK(mkdir("d", 0755));
    CHECK_OK(symlink(self_path(), "d/program"));
    const int fd = open("d", O_RDONLY | O_DIRECTORY);
    char* const argv[] = {arg("x"), arg("--helper"), arg("count_threads"), nullptr};
    char* const envp[] = {nullptr};
    CHECK_EXITED(run([&] {
                     syscall(SYS_execveat, fd, "program", argv, envp, 0);
                     _exit(errno);
                 }),
                 0);
    CHECK_ERRNO(syscall(SYS_execveat, fd, "program", argv, envp, AT_SYMLINK_NOFOLLOW), ELOOP);
    CHECK_ERRNO(syscall(SYS_execveat, fd, "", argv, envp, 0), ENOENT);
    CHECK_ERRNO(syscall(SYS_execveat, fd, "program", argv, envp, 0x4), EINVAL);
    CHECK_ERRNO(syscall(SYS_execveat, 999, "program", argv, envp, 0), EBADF);
    CHECK_ERRNO(syscall(SYS_execveat, fd, "", argv, envp, kEmptyPath), EACCES);
}
