// SPDX-License-Identifier: MIT
#include "cli/qemu_process.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <utility>

namespace gyre::cli {

Outcome<SocketPair> SocketPair::make() {
    int fds[2];
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds) == -1)
        return problem(std::string("no socket pair: ") + std::strerror(errno));
    SocketPair pair;
    pair.ours_ = fds[0];
    pair.theirs_ = fds[1];
    // The descriptors of our side belong to us alone, so that they may be non-blocking.
    fcntl(pair.ours_, F_SETFL, O_NONBLOCK);
    return pair;
}

SocketPair::SocketPair(SocketPair&& other) noexcept
    : ours_(std::exchange(other.ours_, -1)), theirs_(std::exchange(other.theirs_, -1)) {}

SocketPair& SocketPair::operator=(SocketPair&& other) noexcept {
    std::swap(ours_, other.ours_);
    std::swap(theirs_, other.theirs_);
    return *this;
}

SocketPair::~SocketPair() {
    if (ours_ != -1) close(ours_);
    close_theirs();
}

void SocketPair::close_theirs() {
    if (theirs_ != -1) close(theirs_);
    theirs_ = -1;
}

QemuProcess::~QemuProcess() {
    if (pid_ != -1 && !status_) {
        kill();
        wait();
    }
    if (pidfd_ != -1) close(pidfd_);
}

Outcome<void> QemuProcess::start(std::vector<std::string> command, const std::vector<int>& inherited, int output) {
    std::vector<char*> arguments;
    for (std::string& word : command) arguments.push_back(word.data());
    arguments.push_back(nullptr);
    int report[2];
    if (pipe2(report, O_CLOEXEC) == -1) return problem(std::string("no pipe: ") + std::strerror(errno));
    pid_ = fork();
    if (pid_ == -1) return problem(std::string("cannot start a process: ") + std::strerror(errno));
    if (pid_ == 0) {
        setpgid(0, 0);
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        sigset_t none;
        sigemptyset(&none);
        sigprocmask(SIG_SETMASK, &none, nullptr);
        signal(SIGPIPE, SIG_DFL);
        dup2(open("/dev/null", O_RDONLY), 0);
        dup2(output, 1);
        dup2(output, 2);
        for (int fd : inherited) fcntl(fd, F_SETFD, 0);
        execvp(arguments[0], arguments.data());
        int error = errno;
        [[maybe_unused]] ssize_t written = write(report[1], &error, sizeof error);
        _exit(127);
    }
    close(report[1]);
    int error = 0;
    ssize_t count = read(report[0], &error, sizeof error);
    close(report[0]);
    if (count == sizeof error) {
        wait();
        return problem("cannot start " + command[0] + ": " + std::strerror(error), "The package is qemu-system-x86.");
    }
    pidfd_ = static_cast<int>(syscall(SYS_pidfd_open, pid_, 0));
    return {};
}

void QemuProcess::kill() {
    if (pid_ != -1 && !status_) ::kill(pid_, SIGKILL);
}

int QemuProcess::wait() {
    if (status_) return *status_;
    int status = 0;
    while (waitpid(pid_, &status, 0) == -1 && errno == EINTR) {
    }
    status_ = WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
    return *status_;
}

}  // namespace gyre::cli
