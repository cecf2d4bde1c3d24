// SPDX-License-Identifier: MIT
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "user/init/init.h"

namespace gyre::init {
namespace {

constexpr const char* kPorts[] = {"/dev/virtio-ports/gyre.stdin", "/dev/virtio-ports/gyre.stdout",
                                  "/dev/virtio-ports/gyre.stderr"};
constexpr const char* kDefaultEnvironment[] = {
    "HOME=/root",   "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
    "USER=root",    "LOGNAME=root",
    "SHELL=/bin/sh", "TERM=linux"};

Strings g_arguments;
Strings g_environment;
char* g_directory;
bool g_is_program_mode;
int g_ports[3] = {-1, -1, -1};

void set_default(Strings& environment, const char* entry) {
    size_t name_length = static_cast<size_t>(strchr(entry, '=') - entry) + 1;
    for (size_t i = 0; i < environment.count; i++)
        if (strncmp(environment.items[i], entry, name_length) == 0) return;
    if (environment.count == kMostStrings) return;
    environment.items[environment.count++] = const_cast<char*>(entry);
    environment.items[environment.count] = nullptr;
}

void read_orders() {
    g_is_program_mode = read_strings("/run/gyre/argv", g_arguments) && g_arguments.count > 0;
    read_strings("/run/gyre/env", g_environment);
    size_t length = 0;
    g_directory = read_whole_file("/run/gyre/cwd", &length);
    for (const char* entry : kDefaultEnvironment) set_default(g_environment, entry);
}

// Ports where all three are there, else the console for all.
void open_ports() {
    for (int i = 0; i < 3; i++) {
        g_ports[i] = open(kPorts[i], (i == 0 ? O_RDONLY : O_WRONLY) | O_CLOEXEC);
        if (g_ports[i] < 0 && errno != ENOENT) complain("cannot open", kPorts[i]);
    }
}

void become_ordinary_process() {
    sigset_t none;
    sigemptyset(&none);
    for (int signal_number = 1; signal_number < NSIG; signal_number++) signal(signal_number, SIG_DFL);
    sigprocmask(SIG_SETMASK, &none, nullptr);
    setsid();
    if (chdir(g_directory && *g_directory ? g_directory : "/root") == -1 && chdir("/") == -1)
        complain("cannot change to", "/");
    environ = g_environment.items;
}

// A terminal of its own makes job control work: the console becomes the controlling terminal.
void take_console() {
    int console = open(console_path(), O_RDWR);
    if (console < 0) console = open("/dev/console", O_RDWR);
    if (console < 0) return complain("cannot open", console_path());
    ioctl(console, TIOCSCTTY, 0);
    for (int fd = 0; fd < 3; fd++) dup2(console, fd);
    if (console > 2) close(console);
}

// The reason of a failed exec comes through a pipe that a successful one closes.
[[noreturn]] void run_child(int report) {
    become_ordinary_process();
    if (!g_is_program_mode) {
        take_console();
        execl("/bin/sh", "-sh", static_cast<char*>(nullptr));
    } else {
        for (int fd = 0; fd < 3; fd++)
            if (g_ports[fd] >= 0) dup2(g_ports[fd], fd);
        execvp(g_arguments.items[0], g_arguments.items);
    }
    int error = errno;
    if (write(report, &error, sizeof error) != sizeof error) complain("cannot report", "a failed exec");
    _exit(127);
}

}  // namespace

bool is_program_mode() { return g_is_program_mode; }

const char* console_path() {
    static char path[64] = "";
    if (path[0]) return path;
    strcpy(path, "/dev/ttyS0");
    size_t length = 0;
    char* line = read_whole_file("/proc/cmdline", &length);
    if (!line) return path;
    // The last console= counts, as on Linux; "ttyS0,115200" names ttyS0.
    char* last = nullptr;
    for (char* found = line; (found = strstr(found, "console=")); found++) last = found + strlen("console=");
    if (last) {
        size_t name_length = strcspn(last, ", \n");
        if (name_length > 0 && name_length < 32) snprintf(path, sizeof path, "/dev/%.*s", static_cast<int>(name_length), last);
    }
    free(line);
    return path;
}

pid_t launch() {
    read_orders();
    if (g_is_program_mode) open_ports();
    int report[2];
    if (pipe2(report, O_CLOEXEC) == -1) {
        complain("no", "pipe");
        tell_host("exec-failed %d\n", errno);
        return -1;
    }
    tell_host("ready\n");
    pid_t pid = fork();
    if (pid == -1) {
        int error = errno;
        complain("cannot start", "a process");
        tell_host("exec-failed %d\n", error);
        return -1;
    }
    if (pid == 0) run_child(report[1]);
    close(report[1]);
    int error = 0;
    ssize_t count;
    while ((count = read(report[0], &error, sizeof error)) == -1 && errno == EINTR) {
    }
    close(report[0]);
    if (count != sizeof error) return pid;
    waitpid(pid, nullptr, 0);
    tell_host("exec-failed %d\n", error);
    return -1;
}

void flush_program_output() {
    if (!g_is_program_mode) return;
    // EINVAL where a device has nothing to flush (Linux's ports write synchronously).
    for (int i = 1; i < 3; i++)
        if (g_ports[i] >= 0 && fsync(g_ports[i]) == -1 && errno != EINVAL) complain("cannot flush", kPorts[i]);
}

}  // namespace gyre::init
