// SPDX-License-Identifier: MIT
//
// What splice and tee ask of a pipe: bytes without a buffer of one's own. Slots are taken out of
// the ring whole, handed to the receiver without the pipe's lock (the receiver may be another
// pipe), and what is left over goes back to the front.
#include <algorithm>
#include <cstring>

#include "kernel/fs/pipe.h"
#include "kernel/schedule/thread.h"

namespace gyre {

constexpr int64_t kRetryNs = 1'000'000;

Result<size_t> Pipe::peek(std::span<std::byte> to, Patience patience) {
    for (;;) {
        size_t total = 0;
        {
            MutexGuard guard(mutex_);
            for (uint32_t at = tail_; at != head_ && total < to.size(); ++at) {
                const Slot& slot = slot_locked(at);
                const size_t count = std::min<size_t>(slot.length, to.size() - total);
                std::memcpy(to.data() + total, slot.page->bytes() + slot.offset, count);
                total += count;
            }
        }
        if (total != 0 || (is_empty() && writer_count() == 0)) return total;
        TRY_VOID(reader_queue_.wait(patience, [&] { return !is_empty() || writer_count() == 0; }));
    }
}

uint32_t Pipe::take_slots_locked(std::span<Slot> slots, size_t length) {
    uint32_t count = 0;
    for (size_t total = 0; count < slots.size() && used_locked() != 0 && total < length; ++count) {
        const uint32_t tail = tail_.load(std::memory_order_relaxed);
        slots[count] = slot_locked(tail);
        total += slots[count].length;
        tail_.store(tail + 1, std::memory_order_release);
    }
    return count;
}

void Pipe::return_slots(std::span<Slot> slots, bool was_full) {
    bool has_room, has_rest;
    {
        MutexGuard guard(mutex_);
        slots_out_ -= static_cast<uint32_t>(slots.size());
        for (size_t i = slots.size(); i > 0; --i) {
            Slot& slot = slots[i - 1];
            if (slot.length == 0) {
                give_page_locked(slot.page);
                continue;
            }
            const uint32_t tail = tail_.load(std::memory_order_relaxed) - 1;
            slot_locked(tail) = slot;
            tail_.store(tail, std::memory_order_release);
        }
        has_room = was_full && !is_full();
        has_rest = used_locked() != 0;
        if (has_room) tell_ends_locked(false, Signals::Writable);
        if (has_rest) tell_ends_locked(true, Signals::Readable);
    }
    if (has_room) writer_queue_.wake_one();
    if (has_rest) reader_queue_.wake_one();
}

Result<size_t> Pipe::splice_out(size_t length, Patience patience, Give give, void* argument) {
    Slot slots[kSpliceSlots];
    for (;;) {
        uint32_t count;
        bool was_full;
        {
            MutexGuard guard(mutex_);
            was_full = is_full();
            // What is out may come back, so there must be room for it: a second splice at the same
            // time takes nothing more than the ring could hold, which is what the first left.
            const uint32_t room = kSpliceSlots - slots_out_;
            count = take_slots_locked(std::span(slots, room), length);
            slots_out_ += count;
        }
        if (count != 0) {
            size_t total = 0;
            Status outcome;
            for (uint32_t i = 0; i < count && total < length; ++i) {
                Slot& slot = slots[i];
                const size_t wanted = std::min<size_t>(slot.length, length - total);
                const Result<size_t> used =
                    give(argument, {slot.page->bytes() + slot.offset, wanted});
                if (!used) {
                    outcome = fail(used.error());
                    break;
                }
                slot.offset = static_cast<uint16_t>(slot.offset + *used);
                slot.length = static_cast<uint16_t>(slot.length - *used);
                total += *used;
                if (*used < wanted) break;
            }
            return_slots({slots, count}, was_full);
            if (total == 0 && !outcome) return fail(outcome.error());
            return total;
        }
        if (writer_count() == 0 && is_empty()) return 0;
        if (!is_empty()) {  // all that may be out is out
            if (patience.is_none()) return fail(Error::WouldBlock);
            const Status rested =
                Thread::sleep_until(Patience::until_ns(arch::clock_now_ns() + kRetryNs));
            if (!rested && rested.error() == Error::Interrupted) return fail(Error::Interrupted);
            continue;
        }
        TRY_VOID(reader_queue_.wait(patience, [&] { return !is_empty() || writer_count() == 0; }));
    }
}

Status Pipe::wait_for_room(Patience patience) {
    return writer_queue_.wait(patience, [&] { return !is_full() || reader_count() == 0; });
}

size_t Pipe::room_bytes() {
    MutexGuard guard(mutex_);
    const uint32_t used = used_locked(), capacity = capacity_.load(std::memory_order_relaxed);
    return kPageSize * (used < capacity ? capacity - used : 1);
}

}  // namespace gyre
