// SPDX-License-Identifier: MIT
//
// Terminals and processes (credentials(7), "sessions and process groups"; POSIX 11.1.3, 11.1.4): what the process side calls.
#pragma once

#include "kernel/tty/terminal.h"

namespace gyre::tty {

// The calling process's controlling terminal, null when it has none.
Ref<Terminal> controlling_terminal(linux::Process& process);
// A session leader exits: its terminal is hung up and free for another session. Context: thread, no lock held.
void session_leader_exits(linux::Process& leader);
// For /proc and friends, under the tree lock; null has device 0 and group -1.
Terminal::Relations relations_locked(const Terminal* terminal);

}  // namespace gyre::tty
