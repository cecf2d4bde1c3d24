// SPDX-License-Identifier: MIT
//
// The end: says why, shows registers and a backtrace with names, stops all CPUs. For our own mistakes and broken machines
// only, never for what a program did. `panic=N` on the command line reboots after N seconds (0: never, as Linux);
// gyre.debug_exit=PORT ends QEMU with 0x33.
#pragma once

#include <span>
#include <string_view>

#include "lib/base/format.h"

namespace gyre {

namespace arch {
struct TrapFrame;
}

[[noreturn]] void panic_formatted(std::string_view format, std::span<const FormatArgument> arguments,
                                  const arch::TrapFrame* frame);

template <class... Arguments>
[[noreturn, gnu::cold, gnu::noinline]] void panic(std::string_view format, const Arguments&... arguments) {
    const FormatArgument list[sizeof...(arguments) + 1] = {FormatArgument(arguments)..., FormatArgument()};
    panic_formatted(format, std::span(list, sizeof...(arguments)), nullptr);
}

}  // namespace gyre
