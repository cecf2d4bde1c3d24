// SPDX-License-Identifier: MIT
//
// Where bytes of a read go to or those of a write come from: a list of pieces, in the program's memory or the kernel's,
// with a position. A file's read() takes a cursor and moves it on; so read, readv, preadv, sendfile and a ring's
// operation are one path.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "kernel/memory/user.h"
#include "lib/base/result.h"

namespace gyre {

// struct iovec, as programs lay it out.
struct UserPiece {
    uint64_t address;
    uint64_t length;
};
static_assert(sizeof(UserPiece) == 16);

class IoCursor {
public:
    // The program's memory: one piece, or several (which must outlive the cursor).
    static IoCursor user(uintptr_t address, size_t length) {
        IoCursor cursor;
        cursor.single_ = {address, length};
        cursor.remaining_ = length;
        return cursor;
    }
    static IoCursor user(std::span<const UserPiece> pieces) {
        IoCursor cursor;
        cursor.pieces_ = pieces;
        for (const UserPiece& piece : pieces) cursor.remaining_ += piece.length;
        return cursor;
    }
    static IoCursor kernel(std::span<std::byte> memory) {
        IoCursor cursor = user(reinterpret_cast<uintptr_t>(memory.data()), memory.size());
        cursor.is_kernel_ = true;
        return cursor;
    }
    static IoCursor kernel(std::span<const std::byte> memory) {
        IoCursor cursor = user(reinterpret_cast<uintptr_t>(memory.data()), memory.size());
        cursor.is_kernel_ = true;
        return cursor;
    }

    size_t remaining() const { return remaining_; }
    bool is_done() const { return remaining_ == 0; }
    void limit(size_t most) { if (remaining_ > most) remaining_ = most; }

    // Move as much of `from`/`to` as fits. The result is what was moved; a fault before the first byte is
    // BadAddress, after it the shorter count. May sleep on a fault: hold no spin lock.
    Result<size_t> put(std::span<const std::byte> from);
    Result<size_t> put_zeroes(size_t length);
    Result<size_t> take(std::span<std::byte> to);

private:
    IoCursor() = default;
    template <class Move>
    Result<size_t> move(size_t length, Move&& piece);

    UserPiece single_{};
    std::span<const UserPiece> pieces_;
    size_t index_ = 0;
    size_t offset_ = 0;      // within the current piece
    size_t remaining_ = 0;
    bool is_kernel_ = false;
};

}  // namespace gyre
