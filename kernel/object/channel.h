// SPDX-License-Identifier: MIT
//
// A Channel: two ends that send each other messages of bytes and handles, whole and in order. Readable: a message waits here;
// Writable: the other end has room; PeerClosed: it is gone (what it sent before can still be read).
#pragma once

#include <cstddef>
#include <span>
#include <utility>

#include "kernel/object/handle.h"
#include "kernel/object/peer.h"
#include "kernel/schedule/patience.h"
#include "kernel/schedule/wait_queue.h"
#include "lib/base/result.h"

namespace gyre {

class Channel final : public Object {
public:
    static constexpr ObjectKind kKind = ObjectKind::Channel;
    static constexpr size_t kMostBytes = 64 * 1024;
    static constexpr size_t kMostHandles = 64;
    static constexpr size_t kMostMessages = 256;   // that wait at one end: back pressure, never loss

    // Errors: NoMemory.
    static Result<std::pair<Ref<Channel>, Ref<Channel>>> create();
    explicit Channel(Ref<PeerLink<Channel>> link) : Object(kKind, Signals::Writable), link_(std::move(link)) {}
    ~Channel() override;

    // Sends. The handles are taken only when it succeeds; each needs Transfer (AccessDenied). Errors: InvalidArgument (too long),
    // BrokenPipe, WouldBlock, Interrupted, TimedOut, NoMemory.
    Status write(std::span<const std::byte> bytes, std::span<Handle> handles, Patience patience);

    struct Sizes {
        size_t bytes, handles;
    };
    // Takes the first message. When it does not fit nothing is taken: Overflow, and `sizes` says what it needs.
    // Errors: WouldBlock, Interrupted, TimedOut, BrokenPipe (no message, and nobody to send one).
    Result<Sizes> read(std::span<std::byte> bytes, std::span<Handle> handles, Sizes& sizes, Patience patience);

private:
    struct Message;
    Status push(Message* message);

    const Ref<PeerLink<Channel>> link_;
    SpinLock lock_{LockRank::HandleTable};
    Message* first_ = nullptr;       // under lock_
    Message** last_ = &first_;
    size_t count_ = 0;
    WaitQueue readers_;              // here, for a message
    WaitQueue writers_;              // at the other end, for room here
};

}  // namespace gyre
