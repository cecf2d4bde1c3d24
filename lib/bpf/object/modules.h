// SPDX-License-Identifier: MIT
//
// The types of kernel modules joined to the kernel's, so that everything else knows one set of types
// only. A module's types come as /sys/kernel/btf/MODULE has them (they continue the kernel's), or in an
// ELF file: a module with its distilled base, or an object whose types stand alone, as clang writes them.
// Types that stand alone are taken to be the kernel's where kind and name agree.
#pragma once

#include <expected>
#include <span>
#include <string>
#include <vector>

#include "lib/bpf/btf.h"

namespace gyre::bpf {

// The kernel's types, in bytes, followed by those of the module; or what is wrong with the module's file.
// Several modules are joined one by one: `plain_kernel` stays the kernel's own, `joined` grows.
std::expected<std::vector<u8>, std::string> join_module_types(std::span<const u8> plain_kernel,
                                                              std::span<const u8> joined,
                                                              std::span<const u8> module_file);

}  // namespace gyre::bpf
