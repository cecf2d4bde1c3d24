// SPDX-License-Identifier: MIT
//
// How the target kernel was built: what __kconfig externs of an object stand for.
#pragma once

#include <map>
#include <string>

#include "lib/bpf/types.h"

namespace gyre::bpf {

struct KernelConfig {
    u32 version_code = 0;      // major << 16 | minor << 8 | patch; 0: not known
    bool has_options = false;  // false: nothing is known of CONFIG_...
    // "CONFIG_HZ" -> "1000", "y", "m" or a text in quotes; what is absent was left out of the kernel.
    std::map<std::string, std::string, std::less<>> options;
};

// Reads the lines of a kernel's .config.
void read_options(std::string_view text, KernelConfig& config);

}  // namespace gyre::bpf
