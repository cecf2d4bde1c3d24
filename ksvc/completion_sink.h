// SPDX-License-Identifier: MIT
//
// Where completions go: into a ring that the program looks into (the C API), or straight to who
// waits for them (coroutines). A ring keeps one slot for every accepted entry's final completion.
#pragma once

#include <bit>
#include <memory>

#include "ksvc/concepts.h"

namespace ksvc {

class RingSink {
public:
    static constexpr bool kIsDirect = false;
    explicit RingSink(uint32_t capacity)
        : mask_(std::bit_ceil(capacity) - 1), slots_(std::make_unique<Completion[]>(mask_ + 1)) {}

    uint32_t capacity() const { return mask_ + 1; }
    uint32_t ready() const { return static_cast<uint32_t>(tail_ - head_); }
    uint32_t room() const { return capacity() - ready(); }
    void put(const Completion& completion) { slots_[tail_++ & mask_] = completion; }
    // Writes many in a row with its indices in registers; nothing else may touch the sink meanwhile.
    class Writer {
    public:
        explicit Writer(RingSink& sink) : slots_(sink.slots_.get()), mask_(sink.mask_), tail_(sink.tail_) {}
        void put(uint64_t corr_id, int64_t result, uint32_t flags) {
            slots_[tail_++ & mask_] = {.corr_id = corr_id, .result = result, .flags = flags, .pad = 0};
        }
        uint64_t tail() const { return tail_; }

    private:
        Completion* slots_;
        uint64_t mask_;
        uint64_t tail_;
    };
    void commit(const Writer& writer) { tail_ = writer.tail(); }
    uint64_t tail() const { return tail_; }
    const Completion& at(uint32_t index) const { return slots_[(head_ + index) & mask_]; }
    void advance(uint32_t count) { head_ += count; }

private:
    uint64_t mask_;
    uint64_t head_ = 0;
    uint64_t tail_ = 0;
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
    void put(const Completion& completion) {
        auto* waiter = reinterpret_cast<Waiter*>(completion.corr_id);
        if (waiter != nullptr) waiter->wake(*waiter, completion);
    }

private:
    uint32_t capacity_;
};

static_assert(CompletionSink<RingSink> && CompletionSink<DirectSink>);

}  // namespace ksvc
