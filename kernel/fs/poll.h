// SPDX-License-Identifier: MIT
//
// Waiting for several files at once: the engine under poll and select. What is ready is asked of
// the files themselves; being told by an object only means to look again.
#pragma once

#include <atomic>
#include <cstdint>
#include <span>

#include "kernel/fs/file.h"
#include "kernel/object/object.h"
#include "kernel/schedule/wait_queue.h"

namespace gyre {

// POLL* and EPOLL* of the x86-64 ABI.
namespace poll_events {
constexpr uint32_t kIn = 1, kPriority = 2, kOut = 4, kError = 8, kHangUp = 0x10, kInvalid = 0x20,
                   kReadNormal = 0x40, kReadBand = 0x80, kWriteNormal = 0x100, kWriteBand = 0x200,
                   kMessage = 0x400, kReadHangUp = 0x2000;
constexpr uint32_t kAlways = kError | kHangUp;
constexpr uint32_t from_signals(Signals signals) {
    uint32_t events = 0;
    if (any(signals & Signals::Readable)) events |= kIn | kReadNormal;
    if (any(signals & Signals::Writable)) events |= kOut | kWriteNormal;
    if (any(signals & Signals::Urgent)) events |= kPriority;
    if (any(signals & Signals::PeerClosed)) events |= kHangUp;
    if (any(signals & Signals::PeerReadClosed)) events |= kReadHangUp;
    if (any(signals & Signals::Failed)) events |= kError;
    return events;
}
constexpr Signals to_signals(uint32_t events) {
    Signals signals = Signals::None;
    if (events & (kIn | kReadNormal)) signals = signals | Signals::Readable;
    if (events & (kOut | kWriteNormal)) signals = signals | Signals::Writable;
    if (events & kPriority) signals = signals | Signals::Urgent;
    if (events & kHangUp) signals = signals | Signals::PeerClosed;
    if (events & kReadHangUp) signals = signals | Signals::PeerReadClosed;
    if (events & kError) signals = signals | Signals::Failed;
    return signals;
}
}  // namespace poll_events

// Whom observers wake.
struct PollWaiter {
    WaitQueue queue;
    std::atomic<bool> is_told{false};
};

class PollEntry final : public Observer {
public:
    PollEntry() = default;
    PollEntry(const PollEntry&) = delete;
    PollEntry& operator=(const PollEntry&) = delete;
    ~PollEntry() { stop(); }

    Ref<File> file;         // null: never ready
    uint32_t events = 0;    // wanted
    uint32_t returned = 0;  // of them, what is there; written by poll_files

    void start(PollWaiter& waiter);
    void stop();
    void on_signals(Object& object, Signals raised, Signals now) override;

private:
    PollWaiter* waiter_ = nullptr;
    Object* observed_ = nullptr;
    Signals interest_ = Signals::None;
};

// Waits until at least one entry has an event; how many have. 0 when the time is over. Errors:
// Interrupted.
Result<uint32_t> poll_files(std::span<PollEntry> entries, Patience patience);

// The same for one file and some of its signals; the end of the time is TimedOut. Errors:
// WouldBlock, TimedOut, Interrupted.
Status wait_for_signals(File& file, Signals wanted, Patience patience);

}  // namespace gyre
