// SPDX-License-Identifier: MIT
//
// How many have something open for writing, against the wish that nobody has: a mount or a file system becomes read-only only
// while nobody writes to it, and while it is read-only nobody begins (mount(2), EBUSY and EROFS).
#pragma once

#include <atomic>
#include <cstdint>

namespace gyre {

class WriterCount {
public:
    bool is_read_only() const { return value_.load(std::memory_order_relaxed) == kReadOnly; }
    // One writer more; false when it is read-only.
    [[nodiscard]] bool enter() {
        int32_t seen = value_.load(std::memory_order_relaxed);
        do {
            if (seen == kReadOnly) return false;
        } while (!value_.compare_exchange_weak(seen, seen + 1, std::memory_order_acq_rel));
        return true;
    }
    void leave() { value_.fetch_sub(1, std::memory_order_acq_rel); }
    // Read-only from now on (or still); false when somebody writes.
    [[nodiscard]] bool set_read_only() {
        int32_t seen = 0;
        return value_.compare_exchange_strong(seen, kReadOnly, std::memory_order_acq_rel) || seen == kReadOnly;
    }
    void set_writable() {
        int32_t seen = kReadOnly;
        (void)value_.compare_exchange_strong(seen, 0, std::memory_order_acq_rel);
    }

private:
    static constexpr int32_t kReadOnly = -1;
    std::atomic<int32_t> value_{0};
};

}  // namespace gyre
