// SPDX-License-Identifier: MIT
//
// See poll.h. Files that are ready at the first look cost no observer.
#include "kernel/fs/poll.h"

#include "kernel/fs/epoll.h"
#include "kernel/schedule/thread.h"

namespace gyre {

void PollEntry::start(PollWaiter& waiter) {
    if (!file || observed_) return;
    waiter_ = &waiter;
    observed_ = &file->observed();
    // Another object than the file speaks of itself in other signals: whatever it says is a reason
    // to look.
    interest_ = observed_ == file.get() ? poll_events::to_signals(events | poll_events::kAlways)
                                        : Signals::All;
    observed_->add_observer(*this);
}

void PollEntry::stop() {
    if (observed_) observed_->remove_observer(*this);
    observed_ = nullptr;
}

void PollEntry::on_signals(Object&, Signals raised, Signals) {
    if (!any(raised & interest_)) return;
    waiter_->is_told.store(true, std::memory_order_release);
    waiter_->queue.wake_all();
}

namespace {

bool look(PollEntry& entry) {
    if (!entry.file) return entry.returned != 0;
    if (EpollFile* epoll = file_cast<EpollFile>(*entry.file)) epoll->drop_stale();
    entry.returned =
        poll_events::from_signals(entry.file->signals()) & (entry.events | poll_events::kAlways);
    return entry.returned != 0;
}

uint32_t look_at_all(std::span<PollEntry> entries) {
    uint32_t ready = 0;
    for (PollEntry& entry : entries)
        ready += look(entry);
    return ready;
}

}  // namespace

Result<uint32_t> poll_files(std::span<PollEntry> entries, Patience patience) {
    uint32_t ready = look_at_all(entries);
    if (ready != 0 || patience.is_none()) return ready;
    PollWaiter waiter;
    for (PollEntry& entry : entries)
        entry.start(waiter);
    Status outcome;
    for (;;) {
        ready = look_at_all(entries);
        if (ready != 0 || !outcome) break;
        outcome = waiter.queue.wait(patience,
                                    [&] { return waiter.is_told.load(std::memory_order_acquire); });
        waiter.is_told.store(false, std::memory_order_relaxed);
    }
    for (PollEntry& entry : entries)
        entry.stop();
    if (ready == 0 && outcome.error() != Error::TimedOut) return fail(outcome.error());
    return ready;
}

Status wait_for_signals(File& file, Signals wanted, Patience patience) {
    if (any(file.signals() & wanted)) return {};
    if (patience.is_none()) return fail(Error::WouldBlock);
    PollEntry entry;
    entry.file = Ref<File>(file);
    entry.events = poll_events::from_signals(wanted);
    const uint32_t ready = TRY(poll_files(std::span(&entry, 1), patience));
    if (ready == 0) return fail(Error::TimedOut);
    return {};
}

}  // namespace gyre
