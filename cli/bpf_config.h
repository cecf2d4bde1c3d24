// SPDX-License-Identifier: MIT
//
// The configuration of the kernel that programs are meant for (lib/bpf/object/kernel_config.h).
#pragma once

#include <string>

#include "cli/problem.h"
#include "lib/bpf/object/kernel_config.h"

namespace gyre::cli {

// From a .config as text or packed with gzip. With an empty name the running kernel's, if it shows one
// and `is_running_kernel`; else options are not known. `version` is major * 100 + minor.
Outcome<bpf::KernelConfig> kernel_config(const std::string& file, unsigned version, bool is_running_kernel);

}  // namespace gyre::cli
