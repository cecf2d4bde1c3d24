// SPDX-License-Identifier: MIT
//
// The QEMU process: started with the sockets that it inherits, in a process group of its own (the
// terminal's Ctrl-C is for us), and taken along when this process dies.
#pragma once

#include <sys/types.h>

#include <optional>
#include <string>
#include <vector>

#include "cli/problem.h"

namespace gyre::cli {

// Our half and QEMU's half of one connection.
class SocketPair {
public:
    static Outcome<SocketPair> make();
    SocketPair() = default;
    SocketPair(SocketPair&& other) noexcept;
    SocketPair& operator=(SocketPair&& other) noexcept;
    ~SocketPair();

    int ours() const { return ours_; }
    int theirs() const { return theirs_; }
    void close_theirs();

private:
    int ours_ = -1;
    int theirs_ = -1;
};

class QemuProcess {
public:
    QemuProcess() = default;
    ~QemuProcess();
    QemuProcess(const QemuProcess&) = delete;
    QemuProcess& operator=(const QemuProcess&) = delete;

    // Standard input is /dev/null, output and errors go to `output`; `inherited` stay open in QEMU.
    Outcome<void> start(std::vector<std::string> command, const std::vector<int>& inherited, int output);
    int descriptor() const { return pidfd_; }  // readable once the process has ended
    pid_t pid() const { return pid_; }
    void kill();
    // Waits for the end. Exit status, or 128 + signal.
    int wait();

private:
    pid_t pid_ = -1;
    int pidfd_ = -1;
    std::optional<int> status_;
};

}  // namespace gyre::cli
