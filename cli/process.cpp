// SPDX-License-Identifier: MIT
#include "cli/process.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <cstring>

extern char** environ;

namespace gyre::cli {
namespace {

using Clock = std::chrono::steady_clock;

std::atomic<int> g_interrupted{0};  // by which signal

// How often a waiting run looks for an interruption, and how long a killed group may take to flush.
constexpr int kLookEvery_ms = 100;
constexpr std::chrono::milliseconds kDrainTime{500};
constexpr std::chrono::milliseconds kGraceTime{2000};

std::vector<std::string> merged_environment(const std::map<std::string, std::string>& added) {
    std::vector<std::string> merged;
    for (char** entry = environ; *entry; entry++) {
        std::string_view text = *entry;
        if (!added.contains(std::string(text.substr(0, text.find('='))))) merged.emplace_back(text);
    }
    for (const auto& [name, value] : added) merged.push_back(name + "=" + value);
    return merged;
}

std::vector<char*> pointers(std::vector<std::string>& strings) {
    std::vector<char*> list;
    for (std::string& text : strings) list.push_back(text.data());
    list.push_back(nullptr);
    return list;
}

class LineSplitter {
public:
    explicit LineSplitter(const std::function<void(std::string_view)>& sink) : sink_(sink) {}
    void add(std::string_view bytes) {
        pending_ += bytes;
        size_t begin = 0;
        for (size_t end; (end = pending_.find('\n', begin)) != std::string::npos; begin = end + 1)
            emit(std::string_view(pending_).substr(begin, end - begin));
        pending_.erase(0, begin);
    }
    void finish() {
        if (!pending_.empty()) emit(pending_);
        pending_.clear();
    }

private:
    void emit(std::string_view line) {
        while (line.ends_with('\r')) line.remove_suffix(1);
        if (sink_) sink_(line);
    }
    const std::function<void(std::string_view)>& sink_;
    std::string pending_;
};

Outcome<pid_t> spawn(const ProcessRequest& request, int output) {
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0);
    posix_spawn_file_actions_adddup2(&actions, output, 1);
    posix_spawn_file_actions_adddup2(&actions, output, 2);
    if (!request.directory.empty())
        posix_spawn_file_actions_addchdir_np(&actions, request.directory.c_str());
    posix_spawnattr_t attributes;
    posix_spawnattr_init(&attributes);
    sigset_t none, defaults;
    sigemptyset(&none);
    sigemptyset(&defaults);
    for (int signal : {SIGINT, SIGTERM, SIGHUP, SIGPIPE, SIGQUIT}) sigaddset(&defaults, signal);
    posix_spawnattr_setsigmask(&attributes, &none);
    posix_spawnattr_setsigdefault(&attributes, &defaults);
    posix_spawnattr_setpgroup(&attributes, 0);
    posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);

    std::vector<std::string> arguments = request.command;
    std::vector<std::string> environment = merged_environment(request.environment);
    pid_t pid = -1;
    int error = posix_spawnp(&pid, arguments[0].c_str(), &actions, &attributes,
                             pointers(arguments).data(), pointers(environment).data());
    posix_spawnattr_destroy(&attributes);
    posix_spawn_file_actions_destroy(&actions);
    if (error) return problem("cannot run '" + arguments[0] + "': " + std::strerror(error));
    return pid;
}

// Reads what is there; false at the end of the stream.
bool read_some(int fd, LineSplitter& lines) {
    char buffer[16384];
    ssize_t count = read(fd, buffer, sizeof buffer);
    if (count > 0) lines.add({buffer, static_cast<size_t>(count)});
    return count > 0 || (count == -1 && (errno == EINTR || errno == EAGAIN));
}

}  // namespace

void end_programs_on_interrupt() {
    struct sigaction action {};
    action.sa_handler = [](int signal) { g_interrupted.store(signal); };
    for (int signal : {SIGINT, SIGTERM, SIGHUP}) {
        struct sigaction before {};
        sigaction(signal, nullptr, &before);
        // Who was started with nohup stays deaf.
        if (signal != SIGHUP || before.sa_handler != SIG_IGN) sigaction(signal, &action, nullptr);
    }
}

int interrupting_signal() { return g_interrupted.load(); }
bool was_interrupted() { return interrupting_signal() != 0; }

Outcome<ProcessResult> run_process(const ProcessRequest& request) {
    if (request.command.empty()) return problem("no command to run");
    int fds[2];
    if (pipe2(fds, O_CLOEXEC) == -1) return problem(std::string("no pipe: ") + std::strerror(errno));
    const auto begun = Clock::now();
    auto pid = spawn(request, fds[1]);
    close(fds[1]);
    if (!pid) {
        close(fds[0]);
        return std::unexpected(pid.error());
    }
    int process_fd = static_cast<int>(syscall(SYS_pidfd_open, *pid, 0));

    ProcessResult result;
    LineSplitter lines(request.on_line);
    bool is_open = true;
    bool is_over = false;
    int signals_sent = 0;
    Clock::time_point next_kill = request.timeout.count() ? begun + request.timeout : Clock::time_point::max();
    Clock::time_point drain_until = Clock::time_point::max();
    while (!is_over || (is_open && Clock::now() < drain_until)) {
        pollfd waits[2] = {{is_open ? fds[0] : -1, POLLIN, 0}, {is_over ? -1 : process_fd, POLLIN, 0}};
        poll(waits, 2, kLookEvery_ms);
        if (waits[0].revents) is_open = read_some(fds[0], lines);
        if (waits[1].revents) {
            is_over = true;
            // What the program left behind in its group goes with it; its last words are still read.
            kill(-*pid, SIGKILL);
            drain_until = Clock::now() + kDrainTime;
        }
        bool out_of_time = Clock::now() >= next_kill;
        bool is_enough = was_interrupted() || (request.has_said_enough && request.has_said_enough());
        if (!is_over && (out_of_time || (is_enough && signals_sent == 0))) {
            result.timed_out |= out_of_time && signals_sent == 0;
            kill(-*pid, signals_sent == 0 ? SIGTERM : SIGKILL);
            signals_sent++;
            next_kill = Clock::now() + kGraceTime;
        }
    }
    lines.finish();
    close(fds[0]);
    if (process_fd != -1) close(process_fd);
    int status = 0;
    while (waitpid(*pid, &status, 0) == -1 && errno == EINTR) {
    }
    result.was_signalled = WIFSIGNALED(status);
    result.status = result.was_signalled ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
    result.duration = std::chrono::duration_cast<std::chrono::milliseconds>(Clock::now() - begun);
    return result;
}

}  // namespace gyre::cli
