// SPDX-License-Identifier: MIT
//
// gyre bpf dis, cfg, stats, run and compare.
#pragma once

#include <string>

#include "cli/bpf_support.h"

namespace gyre::cli {

int show_disassembly(const BpfInput& input);
int show_control_flow(const BpfInput& input, bool as_svg);
int show_statistics(const BpfInput& input, bool as_json);
int run_program(const BpfInput& input, const std::string& data, unsigned repeat, bool is_pure);
int compare_with_kernel(const BpfInput& input, unsigned rounds, bool as_json);

}  // namespace gyre::cli
