// SPDX-License-Identifier: MIT
//
// What a page fault does when there is no page (memory.h has the policy's face).
#pragma once

namespace gyre {
class AddressSpace;
}

namespace gyre::memory {

// True: try again. False: the program is to end. No locks held; may sleep.
bool wait_for_memory(AddressSpace& offender);

}  // namespace gyre::memory
