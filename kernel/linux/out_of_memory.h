// SPDX-License-Identifier: MIT
//
// Who has to go when there is no page left.
#pragma once

#include "kernel/memory/memory.h"

namespace gyre::linux {

// The memory folder's handler. Context: thread, no lock held; sleeps.
memory::OutOfMemoryDecision handle_out_of_memory(AddressSpace& offender);

}  // namespace gyre::linux
