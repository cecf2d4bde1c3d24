// SPDX-License-Identifier: MIT
//
// Names of the kernel's functions, for backtraces. The table is made from the linked kernel and put into it by a second link
// (kernel/cmake/symbols.awk); in the first link it is empty.
#pragma once

#include <cstdint>
#include <string_view>

namespace gyre {

struct Symbol {
    std::string_view name;   // empty: unknown
    uintptr_t offset = 0;    // of the address in the function
};
Symbol find_symbol(uintptr_t address);

}  // namespace gyre
