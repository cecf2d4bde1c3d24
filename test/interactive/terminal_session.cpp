// SPDX-License-Identifier: MIT
#include "test/interactive/terminal_session.h"

#include <poll.h>
#include <pty.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>

namespace gyre::interactive {

using Clock = std::chrono::steady_clock;

namespace {
// What follows on a wait in vain is mostly in vain, too, and shall not take minutes each.
constexpr std::chrono::seconds kPatienceAfterAHang{5};
}  // namespace

TerminalSession::TerminalSession(const std::vector<std::string>& command, unsigned short rows, unsigned short columns) {
    winsize size = {rows, columns, 0, 0};
    pid_ = forkpty(&terminal_, nullptr, nullptr, &size);
    if (pid_ == 0) {
        std::vector<char*> arguments;
        for (const std::string& word : command) arguments.push_back(const_cast<char*>(word.c_str()));
        arguments.push_back(nullptr);
        setenv("TERM", "vt100", 1);
        execv(arguments[0], arguments.data());
        std::perror(arguments[0]);
        _exit(127);
    }
}

TerminalSession::~TerminalSession() {
    if (pid_ > 0) {
        kill(pid_, SIGKILL);
        waitpid(pid_, nullptr, 0);
    }
    if (terminal_ != -1) close(terminal_);
}

void TerminalSession::type(std::string_view keys) {
    while (!keys.empty()) {
        ssize_t count = write(terminal_, keys.data(), keys.size());
        if (count <= 0) return;
        keys.remove_prefix(static_cast<size_t>(count));
    }
}

void TerminalSession::resize(unsigned short rows, unsigned short columns) {
    winsize size = {rows, columns, 0, 0};
    ioctl(terminal_, TIOCSWINSZ, &size);  // sends SIGWINCH to the session, as a terminal emulator's would
}

// Reads what is there, or waits for it until the deadline. False when nothing came.
bool TerminalSession::read_until(Clock::time_point deadline) {
    if (!is_open_) return false;
    auto left = std::chrono::duration_cast<std::chrono::milliseconds>(deadline - Clock::now()).count();
    pollfd wait = {terminal_, POLLIN, 0};
    if (poll(&wait, 1, static_cast<int>(std::max<long>(left, 0))) <= 0) return false;
    char bytes[4096];
    ssize_t count = read(terminal_, bytes, sizeof bytes);
    if (count <= 0) {
        is_open_ = false;  // EIO once the last process has closed its side
        return false;
    }
    seen_.append(bytes, static_cast<size_t>(count));
    return true;
}

Clock::time_point TerminalSession::end_of(std::chrono::seconds patience) const {
    return Clock::now() + (has_waited_in_vain_ ? std::min(patience, kPatienceAfterAHang) : patience);
}

bool TerminalSession::expect(std::string_view words, std::chrono::seconds patience) {
    const auto deadline = end_of(patience);
    for (size_t begin = 0;;) {
        if (size_t place = seen_.find(words, begin); place != std::string::npos) {
            seen_.erase(0, place + words.size());
            return true;
        }
        begin = seen_.size() - std::min(seen_.size(), words.size());  // the words may be cut in two
        if (!read_until(deadline)) {
            has_waited_in_vain_ = true;
            return false;
        }
    }
}

std::string TerminalSession::rest_of_line(std::chrono::seconds patience) {
    const auto deadline = end_of(patience);
    size_t end;
    while ((end = seen_.find("\r\n")) == std::string::npos)
        if (!read_until(deadline)) return "";
    std::string line = seen_.substr(0, end);
    seen_.erase(0, end + 2);
    return line;
}

void TerminalSession::hang_up() {
    close(terminal_);
    terminal_ = -1;
    is_open_ = false;
}

int TerminalSession::wait_for_end(std::chrono::seconds patience) {
    const auto deadline = end_of(patience);
    for (;;) {
        read_until(std::min(deadline, Clock::now() + std::chrono::milliseconds(100)));
        int status = 0;
        if (waitpid(pid_, &status, WNOHANG) == pid_) {
            pid_ = -1;
            return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
        }
        if (Clock::now() >= deadline) return -1;
        if (!is_open_) usleep(20'000);
    }
}

}  // namespace gyre::interactive
