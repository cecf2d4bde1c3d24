// SPDX-License-Identifier: MIT
//
// The vDSO: clocks and the CPU's number read by programs without a trap (vdso(7)). The image is one for all, built from
// image.c; the data page beside it is the kernel's to write and the programs' to read.
#pragma once

#include <cstdint>

#include "kernel/memory/address_space.h"

namespace gyre {

namespace vdso {
// Fills the data page. Once, when the clock is calibrated and memory can be allocated; programs start later.
// Errors: NoMemory.
Status initialize();
// CLOCK_REALTIME was set. Context: any.
void set_realtime_offset(int64_t offset_ns);
}  // namespace vdso

namespace linux {
// [vvar] stands right below the image: what is placed below the image must leave room for it.
constexpr uint64_t kVdsoDataBytes = kPageSize;
// Maps [vvar] and [vdso] somewhere; where the image (its ELF header) stands. Errors: NoMemory.
Result<VirtualAddress> map_vdso(AddressSpace& space);
}  // namespace linux

}  // namespace gyre
