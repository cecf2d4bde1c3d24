// SPDX-License-Identifier: MIT
//
// Copying and checking struct iovec arrays.
#include "kernel/linux/file_vectors.h"

#include <algorithm>
#include <new>

namespace gyre::linux {

namespace {
bool is_user_range(uint64_t address, uint64_t length) {
    return address <= kUserEnd && length <= kUserEnd - address;
}
}  // namespace

Status IoVectors::read(UserIn<abi::IoVec> pieces, uint64_t count) {
    static_assert(sizeof(UserPiece) == sizeof(abi::IoVec));
    if (count > kMost) return fail(Error::InvalidArgument);
    UserPiece* to = inline_;
    if (count > kInline) {
        heap_ = new (std::nothrow) UserPiece[count];
        if (!heap_) return fail(Error::NoMemory);
        to = heap_;
    }
    if (count) TRY_VOID(user_memory::copy_in(to, pieces.address(), count * sizeof(UserPiece)));
    // What is beyond the most that one call moves is not looked at by the transfer, but must be
    // valid all the same.
    uint64_t total = 0;
    for (uint64_t i = 0; i < count; ++i) {
        if (static_cast<int64_t>(to[i].length) < 0) return fail(Error::InvalidArgument);
        if (!is_user_range(to[i].address, to[i].length)) return fail(Error::BadAddress);
        to[i].length = std::min(to[i].length, kMostTransferBytes - total);
        total += to[i].length;
    }
    pieces_ = {to, count};
    return {};
}

Result<IoCursor> user_cursor(uintptr_t address, size_t count) {
    if (!is_user_range(address, count)) return fail(Error::BadAddress);
    return IoCursor::user(address, std::min(count, kMostTransferBytes));
}

}  // namespace gyre::linux
