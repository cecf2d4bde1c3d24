// SPDX-License-Identifier: MIT
//
// A user at a terminal, as a program: starts a command on a pseudo-terminal of its own, types, and waits
// for what appears. Waiting is for words, never for time, so that a slow machine is only slow.
#pragma once

#include <sys/types.h>

#include <chrono>
#include <string>
#include <string_view>
#include <vector>

namespace gyre::interactive {

// Far more than a machine needs: who has waited for so long calls it a hang.
constexpr std::chrono::seconds kPatience{120};

class TerminalSession {
public:
    TerminalSession(const std::vector<std::string>& command, unsigned short rows, unsigned short columns);
    ~TerminalSession();
    TerminalSession(const TerminalSession&) = delete;
    TerminalSession& operator=(const TerminalSession&) = delete;

    void type(std::string_view keys);
    void resize(unsigned short rows, unsigned short columns);
    // Waits until `words` appear after what was found last. False when they do not come in time.
    bool expect(std::string_view words, std::chrono::seconds patience = kPatience);
    // What follows up to the end of the line; empty when the line does not end in time.
    std::string rest_of_line(std::chrono::seconds patience = kPatience);
    // Goes away, as a terminal does whose window is closed.
    void hang_up();
    // Waits for the end of the command: its exit status, or -1 when it does not end.
    int wait_for_end(std::chrono::seconds patience);

    // What has appeared and was not yet taken by expect; for the reason of a failure.
    const std::string& pending() const { return seen_; }

private:
    std::chrono::steady_clock::time_point end_of(std::chrono::seconds patience) const;
    bool read_until(std::chrono::steady_clock::time_point deadline);

    int terminal_ = -1;
    pid_t pid_ = -1;
    bool is_open_ = true;
    bool has_waited_in_vain_ = false;
    std::string seen_;
};

}  // namespace gyre::interactive
