// SPDX-License-Identifier: MIT
//
// The one thread that brings what drivers received to the line disciplines of their terminals, because interrupts cannot.
#pragma once

#include "lib/base/result.h"

namespace gyre {
class Terminal;
}

namespace gyre::tty {

Status start_input_thread();
// The thread will call terminal.fetch_input(). The terminal must live for ever (a hardware terminal). Context: any.
void schedule_input(Terminal& terminal);

}  // namespace gyre::tty
