// SPDX-License-Identifier: MIT
#include "kernel/object/channel.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <new>

namespace gyre {

// One allocation: this, then the bytes.
struct Channel::Message {
    Message* next = nullptr;
    size_t byte_count = 0, handle_count = 0;
    Handle* handles = nullptr;
    std::byte* bytes() { return reinterpret_cast<std::byte*>(this + 1); }

    static Message* create(size_t byte_count, size_t handle_count) {
        void* memory = ::operator new(sizeof(Message) + byte_count, std::nothrow);
        if (!memory) return nullptr;
        auto* message = new (memory) Message{nullptr, byte_count, handle_count, nullptr};
        if (handle_count == 0) return message;
        message->handles = new (std::nothrow) Handle[handle_count];
        if (message->handles) return message;
        destroy(message);
        return nullptr;
    }
    static void destroy(Message* message) {
        delete[] message->handles;
        ::operator delete(message);
    }
};

Result<std::pair<Ref<Channel>, Ref<Channel>>> Channel::create() {
    auto link = TRY(make_ref<PeerLink<Channel>>());
    auto first = TRY(make_ref<Channel>(link));
    auto second = TRY(make_ref<Channel>(link));
    link->join(*first, *second);
    return std::pair(std::move(first), std::move(second));
}

Channel::~Channel() {
    // Waiting readers and writers of the other end hold references to it and see PeerClosed.
    if (const Ref<Channel> peer = link_->peer_of(*this)) {
        link_->leave(*this);
        peer->readers_.wake_all();
    } else {
        link_->leave(*this);
    }
    while (Message* message = first_) {
        first_ = message->next;
        Message::destroy(message);
    }
}

// Into this end's queue. Errors: WouldBlock when it is full.
Status Channel::push(Message* message) {
    bool is_full;
    {
        SpinGuard guard(lock_);
        if (count_ == kMostMessages) return fail(Error::WouldBlock);
        *last_ = message;
        last_ = &message->next;
        is_full = ++count_ == kMostMessages;
    }
    update_signals(Signals::None, Signals::Readable);
    readers_.wake_one();
    if (is_full)
        if (const Ref<Channel> sender = link_->peer_of(*this)) sender->update_signals(Signals::Writable, Signals::None);
    return {};
}

Status Channel::write(std::span<const std::byte> bytes, std::span<Handle> handles, Patience patience) {
    if (bytes.size() > kMostBytes || handles.size() > kMostHandles) return fail(Error::InvalidArgument);
    for (const Handle& handle : handles)
        if (!handle.allows(Rights::Transfer)) return fail(Error::AccessDenied);
    Message* message = Message::create(bytes.size(), handles.size());
    if (!message) return fail(Error::NoMemory);
    memcpy(message->bytes(), bytes.data(), bytes.size());
    // Put in now, because a reader may have the message as soon as it is queued; put back when it was not.
    std::move(handles.begin(), handles.end(), message->handles);
    Status outcome = fail(Error::BrokenPipe);
    while (const Ref<Channel> peer = link_->peer_of(*this)) {
        outcome = peer->push(message);
        if (outcome) return {};
        outcome = peer->writers_.wait(patience, [&] {
            SpinGuard guard(peer->lock_);
            return peer->count_ < kMostMessages;
        });
        if (!outcome) break;
        outcome = fail(Error::BrokenPipe);
    }
    std::move(message->handles, message->handles + handles.size(), handles.begin());
    Message::destroy(message);
    return outcome;
}

Result<Channel::Sizes> Channel::read(std::span<std::byte> bytes, std::span<Handle> handles, Sizes& sizes, Patience patience) {
    Message* message = nullptr;
    for (;;) {
        bool is_last = false, was_full = false;
        {
            SpinGuard guard(lock_);
            if (first_) {
                message = first_;
                sizes = {message->byte_count, message->handle_count};
                if (sizes.bytes > bytes.size() || sizes.handles > handles.size()) return fail(Error::Overflow);
                first_ = message->next;
                if (!first_) last_ = &first_;
                was_full = count_-- == kMostMessages;
                is_last = count_ == 0;
            }
        }
        if (message) {
            if (is_last) {
                update_signals(Signals::Readable, Signals::None);
                // A message that came between the two is not forgotten.
                SpinGuard guard(lock_);
                if (first_) is_last = false;
            }
            if (!is_last) update_signals(Signals::None, Signals::Readable);
            if (was_full) {
                writers_.wake_all();
                if (const Ref<Channel> sender = link_->peer_of(*this)) sender->update_signals(Signals::None, Signals::Writable);
            }
            break;
        }
        if (!link_->peer_of(*this)) return fail(Error::BrokenPipe);
        TRY_VOID(readers_.wait(patience, [&] {
            SpinGuard guard(lock_);
            return first_ != nullptr || any(signals() & Signals::PeerClosed);
        }));
    }
    memcpy(bytes.data(), message->bytes(), message->byte_count);
    std::move(message->handles, message->handles + message->handle_count, handles.begin());
    Message::destroy(message);
    return sizes;
}

}  // namespace gyre
