// SPDX-License-Identifier: MIT
//
// The input of a terminal between the line and the program: a ring of 4096 bytes, cut into lines by marks. What lies
// between the end of the last whole line and the head is the line being edited. Pure.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>

namespace gyre::tty {

class LineBuffer {
public:
    static constexpr uint32_t kSize = 4096;  // N_TTY_BUF_SIZE: a program may rely on lines of 4095

    enum class Mark : uint8_t { None, LineEnd, EndOfFile };

    uint32_t count() const { return head_ - tail_; }                 // all bytes
    uint32_t whole_lines() const { return line_start_ - tail_; }     // bytes (and marks) of complete lines
    uint32_t edited() const { return head_ - line_start_; }          // bytes of the line being edited
    uint32_t room() const { return kSize - 1 - count(); }
    bool is_empty() const { return head_ == tail_; }

    void put(uint8_t byte) { bytes_[head_++ % kSize] = byte; }
    // As many as there is room for.
    uint32_t put_all(std::span<const uint8_t> from) {
        const auto length = uint32_t(std::min<size_t>(from.size(), room()));
        const uint32_t first = std::min(length, kSize - head_ % kSize);
        std::memcpy(&bytes_[head_ % kSize], from.data(), first);
        std::memcpy(bytes_.data(), from.data() + first, length - first);
        head_ += length;
        return length;
    }
    // Ends the line being edited with this byte (an end of file has none that is read).
    void end_line(uint8_t byte, Mark mark) {
        set_mark(head_, mark);
        put(byte);
        line_start_ = head_;
    }
    // The edited line, from its end: i = 1 is the last byte.
    uint8_t edited_from_end(uint32_t i) const { return bytes_[(head_ - i) % kSize]; }
    uint8_t edited_at(uint32_t i) const { return bytes_[(line_start_ + i) % kSize]; }
    void erase(uint32_t bytes) { head_ -= bytes; }
    void erase_edited() { head_ = line_start_; }

    struct Taken {
        uint32_t count;  // bytes given
        bool ends;       // a line (or the end of file) was reached
    };
    // Canonical: at most one line. A mark of end of file is consumed and gives nothing.
    Taken take_line(std::span<uint8_t> to) {
        uint32_t given = 0;
        while (given < to.size() && tail_ != line_start_) {
            const Mark mark = take_mark(tail_);
            const uint8_t byte = bytes_[tail_++ % kSize];
            if (mark != Mark::EndOfFile) to[given++] = byte;
            if (mark != Mark::None) return {given, true};
        }
        return {given, false};
    }
    // When a read was filled to the last byte just before an end of file, that end belongs to it.
    void skip_end_of_file() {
        if (tail_ != line_start_ && mark_at(tail_) == Mark::EndOfFile) {
            take_mark(tail_);
            ++tail_;
        }
    }
    uint32_t take_bytes(std::span<uint8_t> to) {
        const auto length = uint32_t(std::min<size_t>(to.size(), count()));
        const uint32_t first = std::min(length, kSize - tail_ % kSize);
        std::memcpy(to.data(), &bytes_[tail_ % kSize], first);
        std::memcpy(to.data() + first, bytes_.data(), length - first);
        tail_ += length;
        if (int32_t(line_start_ - tail_) < 0) line_start_ = tail_;
        return length;
    }
    // Bytes that reads of whole lines would give (FIONREAD), without marks of end of file.
    uint32_t readable_in_lines() const {
        uint32_t readable = whole_lines();
        for (uint32_t at = tail_; at != line_start_; ++at)
            if (mark_at(at) == Mark::EndOfFile) --readable;
        return readable;
    }

    void clear() {
        tail_ = line_start_ = head_;
        marks_.fill(0);
    }
    // The meaning changed between bytes and lines: to lines, what is there counts as one; to bytes, all marks go.
    void change_mode(bool is_canonical) {
        marks_.fill(0);
        line_start_ = is_canonical ? head_ : tail_;
        if (is_canonical && !is_empty()) set_mark(head_ - 1, Mark::LineEnd);
    }

private:
    Mark mark_at(uint32_t at) const {
        const uint32_t i = at % kSize;
        return Mark(marks_[i / 4] >> (i % 4 * 2) & 3);
    }
    void set_mark(uint32_t at, Mark mark) {
        const uint32_t i = at % kSize;
        marks_[i / 4] = uint8_t((marks_[i / 4] & ~(3u << (i % 4 * 2))) | uint32_t(mark) << (i % 4 * 2));
    }
    Mark take_mark(uint32_t at) {
        const Mark mark = mark_at(at);
        if (mark != Mark::None) set_mark(at, Mark::None);
        return mark;
    }

    std::array<uint8_t, kSize> bytes_{};
    std::array<uint8_t, kSize / 4> marks_{};  // two bits for each byte
    // Positions count up for ever; modulo the size they are indices. tail <= line_start <= head.
    uint32_t tail_ = 0, line_start_ = 0, head_ = 0;
};

}  // namespace gyre::tty
