// SPDX-License-Identifier: MIT
//
// What the fuzzers do with one input; each returns 0, and everything else that may happen is a mistake.
#pragma once

#include "lib/bpf/types.h"

namespace gyre::bpf {

int fuzz_verifier(const u8* data, size_t size);
int fuzz_object(const u8* data, size_t size);
int fuzz_types(const u8* data, size_t size);

}  // namespace gyre::bpf
