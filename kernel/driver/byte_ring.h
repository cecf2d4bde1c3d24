// SPDX-License-Identifier: MIT
//
// A ring of bytes in place, for drivers. Not locked. Pure.
#pragma once

#include <algorithm>
#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>

namespace gyre::driver {

template <size_t Size>
class ByteRing {
    static_assert(std::has_single_bit(Size));

public:
    size_t count() const { return head_ - tail_; }
    size_t room() const { return Size - count(); }
    bool is_empty() const { return head_ == tail_; }
    void clear() { tail_ = head_; }

    void put(uint8_t byte) { bytes_[head_++ % Size] = byte; }  // there is room
    // The result is how many fit.
    size_t put_all(std::span<const uint8_t> from) {
        const size_t length = std::min(from.size(), room());
        const size_t first = std::min(length, Size - head_ % Size);
        std::memcpy(&bytes_[head_ % Size], from.data(), first);
        std::memcpy(bytes_.data(), from.data() + first, length - first);
        head_ += uint32_t(length);
        return length;
    }
    uint8_t take() { return bytes_[tail_++ % Size]; }  // not empty
    // The oldest bytes that stand in one piece.
    std::span<const uint8_t> front() const {
        return std::span(bytes_).subspan(tail_ % Size, std::min(count(), Size - tail_ % Size));
    }
    void drop(size_t length) { tail_ += uint32_t(std::min(length, count())); }

private:
    std::array<uint8_t, Size> bytes_{};
    uint32_t tail_ = 0, head_ = 0;
};

}  // namespace gyre::driver
