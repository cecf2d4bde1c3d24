// SPDX-License-Identifier: MIT
//
// See text_file.h.
#include "kernel/fs/procfs/text_file.h"

#include <new>

namespace gyre::procfs {

namespace {
constexpr int kSet = 0, kCurrent = 1;
}

Result<size_t> TextFile::read_locked(IoCursor& to, uint64_t offset) {
    if (!content_ || offset == 0) {
        std::unique_ptr<TextBuilder> made(new (std::nothrow) TextBuilder);
        if (!made) return fail(Error::NoMemory);
        TRY_VOID(entry_.generate(*made, subject_));
        TRY_VOID(made->status());
        content_ = std::move(made);
    }
    const std::string_view text = content_->view();
    if (offset >= text.size()) return 0;
    return to.put(std::as_bytes(std::span(text.substr(offset))));
}

Result<size_t> TextFile::read(IoCursor& to, Patience) {
    if (!entry_.generate) return fail(Error::InvalidArgument);
    MutexGuard guard(lock_);
    const uint64_t position = position_.load(std::memory_order_relaxed);
    const size_t count = TRY(read_locked(to, position));
    position_.store(position + count, std::memory_order_relaxed);
    return count;
}

Result<size_t> TextFile::read_at(IoCursor& to, uint64_t offset, Patience) {
    if (!entry_.generate) return fail(Error::InvalidArgument);
    MutexGuard guard(lock_);
    return read_locked(to, offset);
}

// One write is one value: where the position stands does not matter.
Result<size_t> TextFile::write(IoCursor& from, Patience) {
    if (!entry_.accept) return fail(Error::InputOutput);
    const size_t length = from.remaining();
    if (length > kMostWritten) return fail(Error::InvalidArgument);
    const std::unique_ptr<char[]> buffer(new (std::nothrow) char[length + 1]);
    if (!buffer) return fail(Error::NoMemory);
    if (TRY(from.take(std::as_writable_bytes(std::span(buffer.get(), length)))) < length)
        return fail(Error::BadAddress);
    TRY_VOID(entry_.accept({buffer.get(), length}, subject_));
    return length;
}

Result<size_t> TextFile::write_at(IoCursor& from, uint64_t, Patience patience) {
    return write(from, patience);
}

Result<uint64_t> TextFile::seek(int64_t offset, int whence) {
    if (whence != kSet && whence != kCurrent) return fail(Error::InvalidArgument);
    const int64_t base =
        whence == kSet ? 0 : static_cast<int64_t>(position_.load(std::memory_order_relaxed));
    int64_t to;
    if (__builtin_add_overflow(base, offset, &to) || to < 0) return fail(Error::InvalidArgument);
    position_.store(static_cast<uint64_t>(to), std::memory_order_relaxed);
    return static_cast<uint64_t>(to);
}

}  // namespace gyre::procfs
