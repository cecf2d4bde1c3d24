// SPDX-License-Identifier: MIT
//
// See event_file.h. The signals follow the counter under its lock; every read and write raises its
// signal anew, which is the edge that EPOLLET reports.
#include "kernel/fs/event_file.h"

#include "lib/base/format.h"

namespace gyre {

EventFile::EventFile(uint64_t initial, bool is_semaphore, uint32_t flags)
    : File(Path(), open_flags::kReadWrite | flags,
           initial ? Signals::Readable | Signals::Writable : Signals::Writable),
      count_(initial),
      is_semaphore_(is_semaphore) {}

bool EventFile::try_take(uint64_t& value) {
    SpinGuard guard(lock_);
    const uint64_t count = count_.load(std::memory_order_relaxed);
    if (count == 0) return false;
    value = is_semaphore_ ? 1 : count;
    count_.store(count - value, std::memory_order_release);
    update_signals(count == value ? Signals::Readable | Signals::Failed : Signals::Failed,
                   Signals::Writable);
    return true;
}

bool EventFile::add_locked(uint64_t count) {
    const uint64_t before = count_.load(std::memory_order_relaxed);
    if (count > kMostCount - before) return false;
    count_.store(before + count, std::memory_order_release);
    update_signals(before + count == kMostCount ? Signals::Writable : Signals::None,
                   before + count ? Signals::Readable : Signals::None);
    return true;
}

Result<size_t> EventFile::read(IoCursor& to, Patience patience) {
    if (to.remaining() < sizeof(uint64_t)) return fail(Error::InvalidArgument);
    uint64_t value = 0;
    while (!try_take(value))
        TRY_VOID(
            readers_.wait(patience, [&] { return count_.load(std::memory_order_acquire) != 0; }));
    writers_.wake_all();
    // A semaphore that was given several at once lets the next reader through.
    if (is_semaphore_ && count_.load(std::memory_order_acquire) != 0) readers_.wake_one();
    return to.put(std::as_bytes(std::span(&value, 1)));
}

Result<size_t> EventFile::write(IoCursor& from, Patience patience) {
    uint64_t value;
    if (from.remaining() != sizeof(value)) return fail(Error::InvalidArgument);
    if (TRY(from.take(std::as_writable_bytes(std::span(&value, 1)))) < sizeof(value))
        return fail(Error::BadAddress);
    if (value == UINT64_MAX) return fail(Error::InvalidArgument);
    for (;;) {
        {
            SpinGuard guard(lock_);
            if (add_locked(value)) break;
        }
        TRY_VOID(writers_.wait(patience, [&] {
            return value <= kMostCount - count_.load(std::memory_order_acquire);
        }));
    }
    if (value != 0) readers_.wake_all();
    return sizeof(value);
}

void EventFile::signal(uint64_t count) {
    {
        SpinGuard guard(lock_);
        // As Linux's eventfd_signal: at the end the counter says so by POLLERR.
        if (!add_locked(count)) {
            count_.store(UINT64_MAX, std::memory_order_release);
            update_signals(Signals::Writable, Signals::Readable | Signals::Failed);
        }
    }
    readers_.wake_all();
}

size_t EventFile::describe(std::span<char> buffer) const {
    return format_to(buffer, "anon_inode:[eventfd]");
}

}  // namespace gyre
