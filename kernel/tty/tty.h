// SPDX-License-Identifier: MIT
//
// Bringing the terminals up; called by driver::initialize().
#pragma once

#include "lib/base/result.h"

namespace gyre {
class Terminal;
}

namespace gyre::tty {

// The input thread, /dev/tty, /dev/console, pseudo-terminals. Errors: NoMemory.
Status start();
// After the drivers: /dev/console is the terminal that `console=` names last; ttyS0, else hvc0, when it names none.
void choose_console();
// Null when there is none.
Terminal* console();

}  // namespace gyre::tty
