// SPDX-License-Identifier: MIT
//
// The parts of a map value or allocated object that only helpers may touch, found in BTF: locks,
// timers, kernel pointers, list and tree roots and nodes, reference counts.
#pragma once

#include "lib/bpf/environment.h"

namespace gyre::bpf {

inline constexpr u32 kMaxSpecialFields = 11;  // Linux: BTF_FIELDS_MAX

// Null on success; else what is wrong. `kernel` is where kernel pointers' types are looked up.
const char* find_special_fields(const Btf& btf, u32 type, const Btf* kernel, Arena& arena,
                                std::span<const SpecialField>& out);

}  // namespace gyre::bpf
