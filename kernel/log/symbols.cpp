// SPDX-License-Identifier: MIT
#include "kernel/log/symbols.h"

#include "kernel/memory/types.h"

extern "C" {
struct GyreSymbol {
    uint32_t address;  // from the image's base
    uint32_t name;     // offset into gyre_symbol_names
};
extern const uint32_t gyre_symbol_count;
extern const GyreSymbol gyre_symbols[];
extern const char gyre_symbol_names[];
extern char gyre_text_start[], gyre_text_end[];
}

namespace gyre {

Symbol find_symbol(uintptr_t address) {
    if (address < reinterpret_cast<uintptr_t>(gyre_text_start) || address >= reinterpret_cast<uintptr_t>(gyre_text_end)) return {};
    const auto wanted = static_cast<uint32_t>(address - kKernelImageBase);
    uint32_t low = 0, high = gyre_symbol_count;
    while (low < high) {
        const uint32_t middle = low + (high - low) / 2;
        if (gyre_symbols[middle].address <= wanted) low = middle + 1;
        else high = middle;
    }
    if (low == 0) return {};
    const GyreSymbol& symbol = gyre_symbols[low - 1];
    return {gyre_symbol_names + symbol.name, wanted - symbol.address};
}

}  // namespace gyre
