// SPDX-License-Identifier: MIT
//
// Reading an epoll's list of ready items, and how items get onto it. Adding, changing and removing
// items is in epoll_items.cpp.
#include "kernel/fs/epoll.h"

#include "kernel/fs/poll.h"
#include "kernel/schedule/thread.h"
#include "lib/base/format.h"

namespace gyre {

// With the signal lock of what is observed held.
void EpollItem::on_signals(Object& object, Signals raised, Signals) {
    const uint32_t wanted = events.load(std::memory_order_relaxed);
    if ((wanted & ~epoll_flags::kAll) == 0) return;  // a oneshot that has fired
    if (&object == &file && !any(raised & poll_events::to_signals(wanted | poll_events::kAlways)))
        return;
    owner.item_raised(*this);
}

EpollFile::EpollFile(uint32_t flags) : File(Path(), open_flags::kReadWrite | flags, Signals::None) {
    set_signal_rank(LockRank::EpollSignals1);
}

void EpollFile::list_item(EpollItem& item) {
    SpinGuard guard(ready_lock_);
    if (item.is_listed) return;
    item.is_listed = true;
    ready_.push_back(item);
    ready_count_.fetch_add(1, std::memory_order_release);
}

void EpollFile::item_raised(EpollItem& item) {
    list_item(item);
    waiters_.wake_one();
    tell_observers(Signals::Readable);
}

EpollItem* EpollFile::pop_item() {
    SpinGuard guard(ready_lock_);
    if (ready_.empty()) return nullptr;
    EpollItem& item = ready_.front();
    ready_.pop_front();
    item.is_listed = false;
    ready_count_.fetch_sub(1, std::memory_order_release);
    return &item;
}

void EpollFile::unlist_item(EpollItem& item) {
    SpinGuard guard(ready_lock_);
    if (!item.is_listed) return;
    item.is_listed = false;
    ready_.erase(ReadyList::s_iterator_to(item));
    ready_count_.fetch_sub(1, std::memory_order_release);
}

uint32_t EpollFile::events_of_locked(EpollItem& item) const {
    const uint32_t wanted = item.events.load(std::memory_order_relaxed) & ~epoll_flags::kAll;
    if (wanted == 0) return 0;
    return poll_events::from_signals(item.file.signals()) & (wanted | poll_events::kAlways);
}

// After an item was added or changed: what is there already counts as news.
void EpollFile::look_at_item_locked(EpollItem& item) {
    if (events_of_locked(item) != 0) item_raised(item);
}

// Each item that was on the list at the beginning is looked at once: a level-triggered one goes
// back to its end.
Result<size_t> EpollFile::harvest(size_t most, Emit emit, void* argument) {
    MutexGuard guard(set_lock_);
    size_t given = 0;
    Status outcome;
    for (uint32_t left = ready_count_.load(std::memory_order_acquire); left != 0 && given < most;
         --left) {
        EpollItem* item = pop_item();
        if (!item) break;
        const uint32_t events = events_of_locked(*item);
        if (events == 0) continue;
        outcome = emit(argument, given, {events, item->data});
        if (!outcome) {
            list_item(*item);
            break;
        }
        ++given;
        const uint32_t interest = item->events.load(std::memory_order_relaxed);
        if (interest & epoll_flags::kOneShot)
            item->events.store(interest & epoll_flags::kAll, std::memory_order_relaxed);
        else if (!(interest & epoll_flags::kEdge))
            list_item(*item);
        Thread::preemption_point();
    }
    if (given == 0 && !outcome) return fail(outcome.error());
    return given;
}

Result<size_t> EpollFile::wait(size_t most, Patience patience, Emit emit, void* argument) {
    for (;;) {
        const size_t given = TRY(harvest(most, emit, argument));
        if (given != 0) {
            // Who else waits may take the rest.
            if (ready_count_.load(std::memory_order_acquire) != 0) waiters_.wake_one();
            return given;
        }
        const Status outcome = waiters_.wait(
            patience, [&] { return ready_count_.load(std::memory_order_acquire) != 0; });
        if (outcome) continue;
        if (outcome.error() == Error::Interrupted) return fail(Error::Interrupted);
        return 0;  // the time is over, or there was none
    }
}

void EpollFile::drop_stale() {
    if (ready_count_.load(std::memory_order_acquire) == 0) return;
    MutexGuard guard(set_lock_);
    for (uint32_t left = ready_count_.load(std::memory_order_acquire); left != 0; --left) {
        EpollItem* item = pop_item();
        if (!item) break;
        if (events_of_locked(*item) != 0) {
            list_item(*item);
            break;  // one that is ready is enough
        }
    }
}

size_t EpollFile::describe(std::span<char> buffer) const {
    return format_to(buffer, "anon_inode:[eventpoll]");
}

}  // namespace gyre
