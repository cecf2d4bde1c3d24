// SPDX-License-Identifier: MIT
//
// Where completions go: into a ring that the program looks into (the C API), or straight to who
// waits for them (coroutines). A ring keeps one slot for every accepted entry's final completion.
#pragma once

#include <algorithm>
#include <bit>
#include <memory>
#include <span>

#include "ksvc/concepts.h"
#include "ksvc/libksvc.h"

namespace ksvc {

class RingSink {
public:
    static constexpr bool kIsDirect = false;
    explicit RingSink(uint32_t capacity) : slots_(std::make_unique<Completion[]>(std::bit_ceil(capacity))) {
        queue_ = {.slots = slots_.get(), .mask = std::bit_ceil(capacity) - 1, .head = 0, .tail = 0};
    }

    uint32_t capacity() const { return queue_.mask + 1; }
    uint32_t ready() const { return static_cast<uint32_t>(queue_.tail - queue_.head); }
    uint32_t room() const { return capacity() - ready(); }
    uint64_t put_count() const { return queue_.tail; }
    void put(const Completion& completion) { slots_[queue_.tail++ & queue_.mask] = completion; }
    // Writes many in a row with its indices in registers; nothing else may touch the sink meanwhile.
    class Writer {
    public:
        explicit Writer(RingSink& sink) : slots_(sink.slots_.get()), mask_(sink.queue_.mask), tail_(sink.queue_.tail) {}
        // Up to `most` slots that lie side by side; the caller has room for them.
        std::span<Completion> stretch(uint32_t most) const {
            const uint64_t at = tail_ & mask_;
            return {slots_ + at, std::min<size_t>(most, mask_ + 1 - at)};
        }
        void wrote(uint32_t count) { tail_ += count; }
        uint64_t tail() const { return tail_; }

    private:
        Completion* slots_;
        uint64_t mask_;
        uint64_t tail_;
    };
    void commit(const Writer& writer) { queue_.tail = writer.tail(); }
    const Completion& at(uint32_t index) const { return slots_[(queue_.head + index) & queue_.mask]; }
    void advance(uint32_t count) { queue_.head += count; }
    // For the C API, whose inline functions read and consume without a call.
    ksvc_queue& queue() { return queue_; }

private:
    ksvc_queue queue_{};
    std::unique_ptr<Completion[]> slots_;
};

// Who waits for a completion. Its address is the entry's corr_id.
struct Waiter {
    void (*wake)(Waiter& waiter, const Completion& completion) = nullptr;
};

class DirectSink {
public:
    static constexpr bool kIsDirect = true;
    explicit DirectSink(uint32_t capacity) : capacity_(capacity) {}
    uint32_t capacity() const { return capacity_; }
    uint32_t ready() const { return 0; }
    uint32_t room() const { return capacity_; }
    uint64_t put_count() const { return put_count_; }
    void put(const Completion& completion) {
        ++put_count_;
        auto* waiter = reinterpret_cast<Waiter*>(completion.corr_id);
        if (waiter != nullptr) waiter->wake(*waiter, completion);
    }

private:
    uint32_t capacity_;
    uint64_t put_count_ = 0;
};

static_assert(CompletionSink<RingSink> && CompletionSink<DirectSink>);

}  // namespace ksvc
