// SPDX-License-Identifier: MIT
//
// Runs the registered cases one after another and prints TAP. `# start N name` goes out before each case, so that the runner
// knows which one took the machine down. With --accounting the verdicts are of another kind: every case runs once, so that the
// kernel's caches are full, then again, and what the kernel counts as in use must be the same after a group as before it.
#include "twin.h"

#include <dirent.h>
#include <stdarg.h>
#include <sys/prctl.h>

#include "test/accounting.h"

namespace twin {
namespace {

constexpr int kMostCases = 2000;
constexpr int kMostHelpers = 64;
constexpr int kSkipStatus = 77;
constexpr int kReportFd = 900;
constexpr int kMostLooks = 400;  // with 50 ms in between, before what is still in use counts as left behind
constexpr long kPageSlack = 64;  // what the caches of two CPUs may still take

Case g_cases[kMostCases];
int g_case_count;
struct NamedHelper {
    const char* name;
    int (*body)(int, char**, char**);
} g_helpers[kMostHelpers];
int g_helper_count;
char g_self_path[4096];
int g_report_fd = kReportFd;
volatile sig_atomic_t g_timed_out;
unsigned g_timeout_s = 60;  // far more than any case needs
char g_workspace[4096];

void on_alarm(int) { g_timed_out = 1; }

void report(char kind, const char* text) {
    char line[1200];
    int length = snprintf(line, sizeof line, "%c%s\n", kind, text);
    if (length > static_cast<int>(sizeof line) - 1) length = sizeof line - 1;
    [[maybe_unused]] ssize_t written = write(g_report_fd, line, length);
}

void remove_tree(int parent, const char* name) {
    if (unlinkat(parent, name, 0) == 0 || errno == ENOENT) return;
    int fd = openat(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
    if (fd == -1) {
        unlinkat(parent, name, AT_REMOVEDIR);
        return;
    }
    DIR* dir = fdopendir(fd);
    while (dirent* entry = readdir(dir)) {
        if (strcmp(entry->d_name, ".") && strcmp(entry->d_name, "..")) remove_tree(fd, entry->d_name);
    }
    closedir(dir);
    unlinkat(parent, name, AT_REMOVEDIR);
}

// Grandchildren that their parents left behind come to this process, some of them a little later.
void reap_orphans() {
    while (waitpid(-1, nullptr, WNOHANG) > 0) {
    }
}

[[noreturn]] void run_in_child(const Case& test, const char* directory, int report_fd) {
    signal(SIGALRM, SIG_DFL);  // the deadline is the runner's, not the case's
    setsid();
    if (dup2(report_fd, kReportFd) == -1) g_report_fd = report_fd;
    if (g_report_fd != report_fd) close(report_fd);
    fcntl(g_report_fd, F_SETFD, FD_CLOEXEC);
    umask(022);
    if (chdir(directory) == -1) fail(__FILE__, __LINE__, "chdir to the case's directory: %s", errno_name(errno));
    test.body();
    fflush(nullptr);
    _exit(0);
}

// Prints the verdict of one case; true when it did not fail.
bool run_case(int number, const Case& test) {
    printf("# start %d %s.%s\n", number, test.group, test.name);
    fflush(stdout);
    char directory[4200];
    snprintf(directory, sizeof directory, "%s/case%d", g_workspace, number);
    int fds[2];
    if (mkdir(directory, 0755) == -1 || pipe(fds) == -1) {
        printf("not ok %d - %s.%s\n# the harness: %s\n", number, test.group, test.name, errno_name(errno));
        return false;
    }
    g_timed_out = 0;
    fcntl(fds[0], F_SETFL, O_NONBLOCK);
    fcntl(fds[0], F_SETFD, FD_CLOEXEC);
    pid_t pid = fork();
    if (pid == 0) {
        close(fds[0]);
        run_in_child(test, directory, fds[1]);
    }
    close(fds[1]);
    alarm(g_timeout_s);
    int status = 0;
    pid_t waited;
    while ((waited = waitpid(pid, &status, 0)) == -1 && errno == EINTR && !g_timed_out) {
    }
    bool is_late = g_timed_out && waited == -1;
    alarm(0);
    kill(-pid, SIGKILL);
    if (is_late) {
        kill(pid, SIGKILL);
        waitpid(pid, &status, 0);
    }
    reap_orphans();  // those that have died already: this process is their subreaper

    char text[8192];
    ssize_t length = 0, got;
    while (length < static_cast<ssize_t>(sizeof text) - 1 &&
           (got = read(fds[0], text + length, sizeof text - 1 - length)) > 0) {
        length += got;
    }
    text[length] = 0;
    close(fds[0]);
    remove_tree(AT_FDCWD, directory);

    bool has_failure = length > 0 && (text[0] == 'F' || strstr(text, "\nF"));
    bool is_skipped = !has_failure && WIFEXITED(status) && WEXITSTATUS(status) == kSkipStatus;
    bool is_passed = !has_failure && !is_late && WIFEXITED(status) && WEXITSTATUS(status) == 0;
    if (is_skipped) {
        if (char* end = strchr(text, '\n')) *end = 0;
        printf("ok %d - %s.%s # SKIP %s\n", number, test.group, test.name, text[0] ? text + 1 : "");
        return true;
    }
    printf("%s %d - %s.%s\n", is_passed ? "ok" : "not ok", number, test.group, test.name);
    if (is_passed) return true;
    for (char* line = strtok(text, "\n"); line; line = strtok(nullptr, "\n")) printf("# %s\n", line + 1);
    if (is_late) printf("# not finished after %u s\n", g_timeout_s);
    else if (WIFSIGNALED(status)) printf("# killed by signal %d\n", WTERMSIG(status));
    else if (!has_failure) printf("# left with wait status 0x%x\n", status);
    return false;
}

int compare_cases(const void* a, const void* b) {
    const Case *left = static_cast<const Case*>(a), *right = static_cast<const Case*>(b);
    int order = strcmp(left->group, right->group);
    return order ? order : strcmp(left->name, right->name);
}

struct Options {
    const char* filter = nullptr;
    const char* group = nullptr;
    int from = 1;
    bool is_list = false;
    bool wants_accounting = false;
};

bool is_selected(const Options& options, const Case& test) {
    char name[300];
    snprintf(name, sizeof name, "%s.%s", test.group, test.name);
    return (!options.filter || strstr(name, options.filter)) && (!options.group || !strcmp(options.group, test.group));
}

// Runs what is selected of one group, or of all of them.
struct Tally {
    int done = 0, failures = 0;
};
Tally run_group(const Options& options, const char* group) {
    Tally tally;
    for (int i = options.from - 1; i < g_case_count; ++i) {
        if (!is_selected(options, g_cases[i]) || (group && strcmp(group, g_cases[i].group))) continue;
        if (!run_case(i + 1, g_cases[i])) ++tally.failures;
        fflush(stdout);
        ++tally.done;
    }
    return tally;
}

int list_all(const Options& options) {
    for (int i = 0; i < g_case_count; ++i)
        if (is_selected(options, g_cases[i])) printf("%d %s.%s\n", i + 1, g_cases[i].group, g_cases[i].name);
    return 0;
}

int run_all(const Options& options) {
    puts("TAP version 13");
    const Tally tally = run_group(options, nullptr);
    printf("# end %d cases, %d failures\n1..%d\n", tally.done, tally.failures, g_case_count);
    fflush(stdout);
    return tally.failures ? 1 : 0;
}

bool comes_back(const Accounting& before, Accounting& after, AccountingSlack slack) {
    for (int tries = 0; tries < kMostLooks; ++tries, sleep_ms(50)) {
        reap_orphans();
        if (accounting_comes_back(&before, &after, slack, 0)) return true;
    }
    return false;
}

int count_what_is_left(const Options& options) {
    // The cases' own verdicts are for the ordinary run.
    const int verdicts = fcntl(1, F_DUPFD_CLOEXEC, 100), nowhere = open("/dev/null", O_WRONLY | O_CLOEXEC);
    FILE* out = verdicts == -1 ? nullptr : fdopen(verdicts, "w");
    if (!out || dup2(nowhere, 1) == -1) return 2;
    setvbuf(out, nullptr, _IOLBF, 0);
    fputs("TAP version 13\n", out);
    run_group(options, nullptr);
    Accounting before, after;
    accounting_read_settled(&before);
    const AccountingSlack slack = {0, kPageSlack, -1};
    int groups = 0, failures = 0;
    for (int i = 0; i < g_case_count; ++i) {
        const char* group = g_cases[i].group;
        if ((i > 0 && !strcmp(group, g_cases[i - 1].group)) || !is_selected(options, g_cases[i])) continue;
        Accounting group_before;
        accounting_read_settled(&group_before);
        const Tally tally = run_group(options, group);
        const bool is_back = group_before.text[0] && comes_back(group_before, after, slack);
        fprintf(out, "%s %d - %s: nothing is left by %d cases\n", is_back ? "ok" : "not ok", ++groups, group, tally.done);
        if (!is_back) accounting_print(out, &group_before, &after), ++failures;
    }
    const bool is_back = before.text[0] && comes_back(before, after, slack);
    fprintf(out, "%s %d - the suite leaves nothing\n1..%d\n", is_back ? "ok" : "not ok", groups + 1, groups + 1);
    if (!is_back) accounting_print(out, &before, &after);
    fclose(out);
    return failures || !is_back ? 1 : 0;
}

}  // namespace

Registration::Registration(const char* group, const char* name, const char* file, void (*body)()) {
    if (g_case_count == kMostCases) abort();
    g_cases[g_case_count++] = {group, name, file, body};
}

Helper::Helper(const char* name, int (*body)(int, char**, char**)) {
    if (g_helper_count == kMostHelpers) abort();
    g_helpers[g_helper_count++] = {name, body};
}

void fail(const char* file, int line, const char* format, ...) {
    char text[1024], reason[1100];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    for (char* c = text; *c; ++c)
        if (*c == '\n') *c = ' ';
    const char* slash = strrchr(file, '/');
    snprintf(reason, sizeof reason, "%s:%d: %s", slash ? slash + 1 : file, line, text);
    report('F', reason);
    _exit(1);
}

void skip(const char* format, ...) {
    char text[512];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    report('S', text);
    _exit(kSkipStatus);
}

const char* errno_name(int error) {
    static const struct {
        int value;
        const char* name;
    } kNames[] = {
#define NAME(e) {e, #e}
        NAME(EPERM), NAME(ENOENT), NAME(ESRCH), NAME(EINTR), NAME(EIO), NAME(ENXIO), NAME(E2BIG), NAME(ENOEXEC),
        NAME(EBADF), NAME(ECHILD), NAME(EAGAIN), NAME(ENOMEM), NAME(EACCES), NAME(EFAULT), NAME(ENOTBLK), NAME(EBUSY),
        NAME(EEXIST), NAME(EXDEV), NAME(ENODEV), NAME(ENOTDIR), NAME(EISDIR), NAME(EINVAL), NAME(ENFILE), NAME(EMFILE),
        NAME(ENOTTY), NAME(ETXTBSY), NAME(EFBIG), NAME(ENOSPC), NAME(ESPIPE), NAME(EROFS), NAME(EMLINK), NAME(EPIPE),
        NAME(EDOM), NAME(ERANGE), NAME(EDEADLK), NAME(ENAMETOOLONG), NAME(ENOSYS), NAME(ENOTEMPTY), NAME(ELOOP),
        NAME(ENODATA), NAME(ETIME), NAME(EOVERFLOW), NAME(EOPNOTSUPP), NAME(ETIMEDOUT), NAME(ECANCELED),
        NAME(EOWNERDEAD), NAME(ENOTRECOVERABLE),
#undef NAME
    };
    if (error == 0) return "0";
    for (auto& entry : kNames)
        if (entry.value == error) return entry.name;
    static char number[16];
    snprintf(number, sizeof number, "errno %d", error);
    return number;
}

void write_file(const char* path, const char* text, mode_t mode) {
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, mode);
    if (fd == -1) fail(__FILE__, __LINE__, "creating %s: %s", path, errno_name(errno));
    size_t length = strlen(text);
    if (write(fd, text, length) != static_cast<ssize_t>(length)) fail(__FILE__, __LINE__, "writing %s", path);
    close(fd);
}

long read_file(const char* path, char* buffer, size_t size) {
    int fd = open(path, O_RDONLY);
    if (fd == -1) return -1;
    size_t length = 0;
    ssize_t got;
    while (length < size - 1 && (got = read(fd, buffer + length, size - 1 - length)) > 0) length += got;
    buffer[length] = 0;
    close(fd);
    return static_cast<long>(length);
}

void become_user(uid_t uid, gid_t gid) {
    // The raw calls: glibc would send a signal to every thread, and setgroups needs no library.
    if (syscall(SYS_setgroups, 0, nullptr) || syscall(SYS_setresgid, gid, gid, gid) ||
        syscall(SYS_setresuid, uid, uid, uid)) {
        fail(__FILE__, __LINE__, "becoming user %d: %s", uid, errno_name(errno));
    }
}

void wait_for_state(pid_t pid, const char* letters) {
    char path[64], text[1024] = "";
    snprintf(path, sizeof path, "/proc/%d/stat", pid);
    for (int tries = 0; tries < 10000; ++tries) {
        long length = read_file(path, text, sizeof text);
        char* end = length > 0 ? strrchr(text, ')') : nullptr;
        if (end && strchr(letters, end[2])) return;
        sleep_ms(2);
    }
    fail(__FILE__, __LINE__, "process %d is in none of the states %s: %.100s", pid, letters, text);
}
void wait_until_asleep(pid_t pid) { wait_for_state(pid, "S"); }

const char* self_path() { return g_self_path; }

}  // namespace twin

int main(int argc, char** argv, char** envp) {
    using namespace twin;
    if (argc >= 3 && !strcmp(argv[1], "--helper")) {
        for (int i = 0; i < g_helper_count; ++i)
            if (!strcmp(g_helpers[i].name, argv[2])) return g_helpers[i].body(argc - 2, argv + 2, envp);
        return 99;
    }
    Options options;
    for (int i = 1; i < argc; ++i) {
        bool has_value = i + 1 < argc;
        if (!strcmp(argv[i], "--list")) options.is_list = true;
        else if (!strcmp(argv[i], "--accounting")) options.wants_accounting = true;
        else if (!strcmp(argv[i], "--filter") && has_value) options.filter = argv[++i];
        else if (!strcmp(argv[i], "--group") && has_value) options.group = argv[++i];
        else if (!strcmp(argv[i], "--from") && has_value) options.from = atoi(argv[++i]);
        else {
            fprintf(stderr, "usage: %s [--list] [--filter TEXT] [--group NAME] [--from N] [--accounting]\n", argv[0]);
            return 2;
        }
    }
    if (const char* timeout = getenv("TWIN_TIMEOUT")) g_timeout_s = atoi(timeout);
    const char* base = getenv("TWIN_TMP");
    snprintf(g_workspace, sizeof g_workspace, "%s/twin%d", base ? base : "/tmp", getpid());
    ssize_t length = readlink("/proc/self/exe", g_self_path, sizeof g_self_path - 1);
    if (length <= 0 && !realpath(argv[0], g_self_path)) return 2;
    qsort(g_cases, g_case_count, sizeof(Case), compare_cases);
    if (options.is_list) return list_all(options);

    if (!base) mkdir("/tmp", 01777);
    if (mkdir(g_workspace, 0755) == -1) {
        fprintf(stderr, "%s: %s\n", g_workspace, errno_name(errno));
        return 2;
    }
    struct sigaction action = {};
    action.sa_handler = on_alarm;
    sigaction(SIGALRM, &action, nullptr);
    prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0);
    int result = options.wants_accounting ? count_what_is_left(options) : run_all(options);
    remove_tree(AT_FDCWD, g_workspace);
    return result;
}
