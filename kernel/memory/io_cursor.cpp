// SPDX-License-Identifier: MIT
//
// Moving bytes through an IoCursor.
#include "kernel/memory/io_cursor.h"

#include <algorithm>

namespace gyre {

// Calls piece(address, length, done) for each run of memory until `length` bytes are moved; it returns how many it moved,
// fewer after a fault.
template <class Move>
Result<size_t> IoCursor::move(size_t length, Move&& piece) {
    length = std::min(length, remaining_);
    size_t done = 0;
    while (done < length) {
        const UserPiece& at = pieces_.empty() ? single_ : pieces_[index_];
        const size_t wanted = std::min<size_t>(length - done, at.length - offset_);
        if (wanted != 0) {
            const size_t moved = piece(at.address + offset_, wanted, done);
            done += moved;
            offset_ += moved;
            remaining_ -= moved;
            if (moved != wanted) {
                if (done == 0) return fail(Error::BadAddress);
                break;
            }
        }
        if (offset_ == at.length && !pieces_.empty() && index_ + 1 < pieces_.size()) {
            ++index_;
            offset_ = 0;
        }
    }
    return done;
}

Result<size_t> IoCursor::put(std::span<const std::byte> from) {
    return move(from.size(), [&](uintptr_t address, size_t length, size_t done) -> size_t {
        if (!is_kernel_) return user_memory::copy_out_partial(address, from.data() + done, length);
        __builtin_memcpy(reinterpret_cast<void*>(address), from.data() + done, length);
        return length;
    });
}

Result<size_t> IoCursor::put_zeroes(size_t length) {
    return move(length, [&](uintptr_t address, size_t piece_length, size_t) -> size_t {
        if (is_kernel_) {
            __builtin_memset(reinterpret_cast<void*>(address), 0, piece_length);
            return piece_length;
        }
        return user_memory::zero_partial(address, piece_length);
    });
}

Result<size_t> IoCursor::take(std::span<std::byte> to) {
    return move(to.size(), [&](uintptr_t address, size_t length, size_t done) -> size_t {
        if (!is_kernel_) return user_memory::copy_in_partial(to.data() + done, address, length);
        __builtin_memcpy(to.data() + done, reinterpret_cast<const void*>(address), length);
        return length;
    });
}

}  // namespace gyre
