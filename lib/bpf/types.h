// SPDX-License-Identifier: MIT
//
// The integer names that every part of the verifier uses. Widths are part of an instruction's
// meaning here, so they are short and explicit.
#pragma once

#include <stddef.h>
#include <stdint.h>

namespace gyre::bpf {

using u8 = uint8_t;
using u16 = uint16_t;
using u32 = uint32_t;
using u64 = uint64_t;
using s8 = int8_t;
using s16 = int16_t;
using s32 = int32_t;
using s64 = int64_t;
__extension__ typedef __int128 s128;
__extension__ typedef unsigned __int128 u128;

}  // namespace gyre::bpf
