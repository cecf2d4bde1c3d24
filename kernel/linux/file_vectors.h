// SPDX-License-Identifier: MIT
//
// Arrays of struct iovec, copied from the program once and checked as readv(2) says.
#pragma once

#include <span>

#include "kernel/linux/abi_file.h"
#include "kernel/memory/io_cursor.h"

namespace gyre::linux {

constexpr size_t kMostTransferBytes = 0x7fff'f000;  // what one call moves at most (MAX_RW_COUNT)

class IoVectors {
public:
    static constexpr uint64_t kMost = 1024;  // IOV_MAX
    IoVectors() = default;
    IoVectors(const IoVectors&) = delete;
    IoVectors& operator=(const IoVectors&) = delete;
    ~IoVectors() { delete[] heap_; }

    // Errors: InvalidArgument (too many, a negative length), BadAddress, NoMemory.
    Status read(UserIn<abi::IoVec> pieces, uint64_t count);
    IoCursor cursor() const {
        IoCursor cursor = IoCursor::user(pieces_);
        cursor.limit(kMostTransferBytes);
        return cursor;
    }

private:
    static constexpr size_t kInline = 8;
    UserPiece inline_[kInline];
    UserPiece* heap_ = nullptr;
    std::span<const UserPiece> pieces_;
};

// One piece. Errors: BadAddress for what cannot be a program's memory.
Result<IoCursor> user_cursor(uintptr_t address, size_t count);

}  // namespace gyre::linux
