// SPDX-License-Identifier: MIT
//
// The numbers of mmap(2) and its relatives (asm-generic/mman.h, x86), and what every call of the family checks first.
#pragma once

#include <cstdint>

#include "kernel/memory/address_space.h"
#include "kernel/memory/types.h"
#include "lib/base/result.h"

namespace gyre::linux {

enum : int {
    kProtRead = 1, kProtWrite = 2, kProtExec = 4, kProtSem = 8, kProtGrowsDown = 0x0100'0000, kProtGrowsUp = 0x0200'0000,
    kMapShared = 0x01, kMapPrivate = 0x02, kMapSharedValidate = 0x03, kMapType = 0x0f, kMapFixed = 0x10,
    kMapAnonymous = 0x20, kMap32Bit = 0x40, kMapGrowsDown = 0x100, kMapDenyWrite = 0x800, kMapExecutable = 0x1000,
    kMapLocked = 0x2000, kMapNoReserve = 0x4000, kMapPopulate = 0x8000, kMapNonBlock = 0x1'0000, kMapStack = 0x2'0000,
    kMapHugeTlb = 0x4'0000, kMapSync = 0x8'0000, kMapFixedNoReplace = 0x10'0000,
    kRemapMayMove = 1, kRemapFixed = 2, kRemapDontUnmap = 4,
    kSyncAsync = 1, kSyncInvalidate = 2, kSyncSync = 4,
    kLockCurrent = 1, kLockFuture = 2, kLockOnFault = 4, kLock2OnFault = 1,
};

// Linux ignores bits of a protection that it does not know in mmap; what they allow is these three.
constexpr Protection protection_of(int protection) {
    Protection result = Protection::None;
    if (protection & kProtRead) result = result | Protection::Read;
    if (protection & kProtWrite) result = result | Protection::Write;
    if (protection & kProtExec) result = result | Protection::Execute;
    return result;
}

// [address, address + length) after rounding the length up does not wrap around.
constexpr bool is_sound_range(uint64_t address, uint64_t length) {
    const uint64_t rounded = page_ceiling(length);
    return rounded >= length && address + rounded >= address;
}

}  // namespace gyre::linux
