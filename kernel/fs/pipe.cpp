// SPDX-License-Identifier: MIT
//
// The content of a pipe: filling, draining, waiting. Its open ends are in pipe_file.cpp.
// Who waits is woken one at a time, and only when the pipe stops being empty (full); one that was
// woken and leaves something over wakes the next. So a byte of a thousand waiting readers costs one
// wake-up.
#include "kernel/fs/pipe.h"

#include <algorithm>
#include <bit>
#include <new>

#include "kernel/schedule/thread.h"

namespace gyre {
namespace {
constinit std::atomic<uint64_t> g_next_number{1};

// Pages that all pipes could hold if they were full. What is in pipes is no process's memory, so
// killing processes by their size would not help against a program that fills pipes; these bounds
// do (pipe(7), pipe-user-pages-soft and -hard).
constinit std::atomic<uint64_t> g_reserved_pages{0};
constexpr uint64_t kMostSoftPages = 16384;
uint64_t soft_limit() {
    return std::min(page_allocator::statistics().total_pages / 8, kMostSoftPages);
}
uint64_t hard_limit() {
    return page_allocator::statistics().total_pages / 4;
}
bool is_beyond(uint64_t more, uint64_t limit) {
    return g_reserved_pages.load(std::memory_order_relaxed) + more > limit;
}

}  // namespace

Pipe::Pipe() : number_(g_next_number.fetch_add(1, std::memory_order_relaxed)) {}

Pipe::~Pipe() {
    g_reserved_pages.fetch_sub(capacity_.load(std::memory_order_relaxed),
                               std::memory_order_relaxed);
    for (uint32_t at = tail_; at != head_; ++at)
        page_allocator::free(slot_locked(at).page);
    while (spare_count_ > 0)
        page_allocator::free(spare_[--spare_count_]);
}

Result<Ref<Pipe>> Pipe::create() {
    Ref<Pipe> pipe = TRY(make_ref<Pipe>());
    uint32_t slots = kDefaultSlots;
    if (is_beyond(slots, soft_limit())) [[unlikely]] {
        slots = kLeastSlots;
        if (is_beyond(slots, hard_limit())) return fail(Error::TooManyFilesInSystem);
    }
    TRY_VOID(pipe->set_slots(slots, true));
    return pipe;
}

Status Pipe::set_slots(uint32_t count, bool is_privileged) {
    if (!is_privileged && count > capacity_.load(std::memory_order_relaxed) &&
        is_beyond(count, soft_limit()))
        return fail(Error::NotPermitted);
    const uint32_t room = std::bit_ceil(count + kSpliceSlots);
    std::unique_ptr<Slot[]> fresh(new (std::nothrow) Slot[room]);
    if (!fresh) return fail(Error::NoMemory);
    {
        MutexGuard guard(mutex_);
        const uint32_t used = used_locked();
        if (used > count) return fail(Error::Busy);
        const uint32_t tail = tail_.load(std::memory_order_relaxed);
        for (uint32_t at = tail; at != tail + used; ++at)
            fresh[at & (room - 1)] = slot_locked(at);
        slots_.swap(fresh);
        slot_mask_ = room - 1;
        g_reserved_pages.fetch_add(uint64_t{count} - capacity_.load(std::memory_order_relaxed),
                                   std::memory_order_relaxed);
        capacity_.store(count, std::memory_order_release);
        if (!is_full()) tell_ends_locked(false, Signals::Writable);
    }
    writer_queue_.wake_all();
    return {};
}

Page* Pipe::take_page_locked() {
    if (spare_count_ > 0) return spare_[--spare_count_];
    Result<Page*> page = page_allocator::allocate(PageUse::Kernel);
    return page ? *page : nullptr;
}

void Pipe::give_page_locked(Page* page) {
    if (spare_count_ < kSparePages)
        spare_[spare_count_++] = page;
    else
        page_allocator::free(page);
}

void Pipe::tell_ends_locked(bool readers, Signals raised) {
    for (PipeFile* end = first_end_; end; end = end->next_end)
        if (readers ? end->reads() : end->writes()) end->tell_observers(raised);
}

Pipe::Moved Pipe::drain_locked(IoCursor& to) {
    Moved moved;
    while (used_locked() != 0 && !to.is_done()) {
        Slot& slot = slot_locked(tail_.load(std::memory_order_relaxed));
        const size_t wanted = std::min<size_t>(slot.length, to.remaining());
        const Result<size_t> put = to.put({slot.page->bytes() + slot.offset, wanted});
        if (!put) {
            moved.outcome = fail(put.error());
            break;
        }
        moved.count += *put;
        slot.offset = static_cast<uint16_t>(slot.offset + *put);
        slot.length = static_cast<uint16_t>(slot.length - *put);
        if (*put < wanted) {
            moved.outcome = fail(Error::BadAddress);
            break;
        }
        // What is left of a packet is lost (pipe(2), O_DIRECT).
        const bool is_packet = slot.is_packet;
        if (slot.length == 0 || is_packet) {
            give_page_locked(slot.page);
            tail_.store(tail_.load(std::memory_order_relaxed) + 1, std::memory_order_release);
        }
        if (is_packet) break;
    }
    return moved;
}

// The odd end of a write goes behind the last one's bytes when all of it fits there.
size_t Pipe::merge_locked(IoCursor& from, Status& outcome) {
    const size_t wanted = from.remaining() % kPageSize;
    if (used_locked() == 0 || wanted == 0) return 0;
    Slot& slot = slot_locked(head_.load(std::memory_order_relaxed) - 1);
    const size_t end = size_t{slot.offset} + slot.length;
    if (slot.is_packet || end + wanted > kPageSize) return 0;
    const Result<size_t> taken = from.take({slot.page->bytes() + end, wanted});
    if (!taken) {
        outcome = fail(taken.error());
        return 0;
    }
    slot.length = static_cast<uint16_t>(slot.length + *taken);
    if (*taken < wanted) outcome = fail(Error::BadAddress);
    return *taken;
}

Pipe::Moved Pipe::fill_locked(IoCursor& from, bool is_packet) {
    Moved moved;
    if (!is_packet) moved.count = merge_locked(from, moved.outcome);
    while (moved.outcome && !from.is_done() && !is_full()) {
        Page* page = take_page_locked();
        if (!page) {
            moved.outcome = fail(Error::NoMemory);
            break;
        }
        const size_t wanted = std::min(kPageSize, from.remaining());
        const Result<size_t> taken = from.take({page->bytes(), wanted});
        if (!taken) {
            give_page_locked(page);
            moved.outcome = fail(taken.error());
            break;
        }
        const uint32_t head = head_.load(std::memory_order_relaxed);
        slot_locked(head) = {page, 0, static_cast<uint16_t>(*taken), is_packet};
        head_.store(head + 1, std::memory_order_release);
        moved.count += *taken;
        if (*taken < wanted) moved.outcome = fail(Error::BadAddress);
    }
    return moved;
}

Result<size_t> Pipe::read(IoCursor& to, Patience patience) {
    if (to.is_done()) return 0;
    bool has_waited = false;
    for (;;) {
        Moved moved;
        bool was_full;
        {
            MutexGuard guard(mutex_);
            was_full = is_full();
            moved = drain_locked(to);
            was_full = was_full && !is_full();
            if (was_full) tell_ends_locked(false, Signals::Writable);
        }
        if (was_full) writer_queue_.wake_one();
        if (moved.count != 0 || !moved.outcome) {
            if (has_waited && !is_empty()) reader_queue_.wake_one();
            if (moved.count != 0) return moved.count;
            return fail(moved.outcome.error());
        }
        if (writer_count() == 0 && is_empty()) return 0;
        TRY_VOID(reader_queue_.wait(patience, [&] { return !is_empty() || writer_count() == 0; }));
        has_waited = true;
    }
}

Result<size_t> Pipe::write(IoCursor& from, Patience patience, bool is_packet, bool& is_broken) {
    size_t total = 0;
    bool has_waited = false;
    while (!from.is_done()) {
        Moved moved;
        bool was_empty = false;
        {
            MutexGuard guard(mutex_);
            if (reader_count() == 0) {
                is_broken = true;
                if (total == 0) return fail(Error::BrokenPipe);
                return total;
            }
            was_empty = is_empty();
            moved = fill_locked(from, is_packet);
            if (moved.count != 0) tell_ends_locked(true, Signals::Readable);
        }
        if (was_empty && moved.count != 0) reader_queue_.wake_one();
        total += moved.count;
        if (!moved.outcome) {
            if (total == 0) return fail(moved.outcome.error());
            break;
        }
        if (from.is_done()) break;
        if (Status outcome =
                writer_queue_.wait(patience, [&] { return !is_full() || reader_count() == 0; });
            !outcome) {
            if (total == 0) return fail(outcome.error());
            return total;
        }
        has_waited = true;
    }
    if (has_waited && !is_full()) writer_queue_.wake_one();
    return total;
}

uint64_t Pipe::byte_count() {
    MutexGuard guard(mutex_);
    uint64_t count = 0;
    for (uint32_t at = tail_; at != head_; ++at)
        count += slot_locked(at).length;
    return count;
}

void Pipe::add_end(PipeFile& end) {
    {
        MutexGuard guard(mutex_);
        end.next_end = first_end_;
        end.previous_end = &first_end_;
        if (first_end_) first_end_->previous_end = &end.next_end;
        first_end_ = &end;
        if (end.reads()) {
            readers_.fetch_add(1, std::memory_order_acq_rel);
            reader_opens_.fetch_add(1, std::memory_order_acq_rel);
        }
        if (end.writes()) {
            writers_.fetch_add(1, std::memory_order_acq_rel);
            writer_opens_.fetch_add(1, std::memory_order_acq_rel);
        }
    }
    opens_.wake_all();
}

void Pipe::remove_end(PipeFile& end) {
    bool is_last_reader, is_last_writer;
    {
        MutexGuard guard(mutex_);
        *end.previous_end = end.next_end;
        if (end.next_end) end.next_end->previous_end = end.previous_end;
        is_last_reader = end.reads() && readers_.fetch_sub(1, std::memory_order_acq_rel) == 1;
        is_last_writer = end.writes() && writers_.fetch_sub(1, std::memory_order_acq_rel) == 1;
        if (is_last_reader) tell_ends_locked(false, Signals::Failed | Signals::Writable);
        if (is_last_writer) tell_ends_locked(true, Signals::PeerClosed);
    }
    if (is_last_reader) writer_queue_.wake_all();
    if (is_last_writer) reader_queue_.wake_all();
}

}  // namespace gyre
