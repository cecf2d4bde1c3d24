// SPDX-License-Identifier: MIT
//
// The running Linux kernel's verdict on a program, by bpf(2). Needs the permission to load programs.
#pragma once

#include <string>
#include <vector>

#include "lib/bpf/program.h"

namespace gyre::bpf {

struct KernelVerdict {
    bool is_known = false;     // a map could not be made, or the kernel would not look
    bool is_accepted = false;
    int error = 0;
    u64 verification_us = 0;
    u64 insns_processed = 0;
    std::string log;           // its end
    std::vector<u32> followed; // the instructions that the log shows, in its order
};

// How many processors the running kernel provides for.
u32 possible_cpu_count();

// `bare_btf` is the program's BTF in bytes (may be empty); maps carry theirs in `map_btf`.
// With `only_statistics` the kernel writes no log of its steps, which would cost it more than the
// verification.
KernelVerdict ask_kernel(const Program& program, std::span<const u8> bare_btf,
                         std::span<const std::vector<u8>> map_btf, u32 prog_flags,
                         bool only_statistics = false, std::span<const int> made_maps = {});

// Plain maps for several questions about programs that share them: their descriptors, which stay open
// until the process ends; empty if one cannot be made. `btf` holds the types of those that have any.
std::vector<int> make_kernel_maps(std::span<const Map* const> maps, std::span<const u8> btf = {});

}  // namespace gyre::bpf
