// SPDX-License-Identifier: MIT
//
// Writes text into a buffer of fixed size; what does not fit is cut off. For diagnosis only.
#pragma once

#include <span>
#include <string_view>

#include "lib/bpf/types.h"

namespace gyre::bpf {

class TextWriter {
public:
    explicit TextWriter(std::span<char> buffer) : buffer_(buffer) {}

    TextWriter& operator<<(std::string_view text) {
        for (char c : text) {
            put(c);
        }
        return *this;
    }
    TextWriter& operator<<(const char* text) { return *this << std::string_view(text); }
    TextWriter& operator<<(char c) {
        put(c);
        return *this;
    }
    TextWriter& operator<<(u64 v) {
        char digits[20];
        int n = 0;
        do {
            digits[n++] = static_cast<char>('0' + v % 10);
            v /= 10;
        } while (v != 0);
        while (n > 0) {
            put(digits[--n]);
        }
        return *this;
    }
    TextWriter& operator<<(s64 v) {
        if (v < 0) {
            put('-');
            return *this << (~static_cast<u64>(v) + 1);
        }
        return *this << static_cast<u64>(v);
    }
    TextWriter& operator<<(u32 v) { return *this << static_cast<u64>(v); }
    TextWriter& operator<<(s32 v) { return *this << static_cast<s64>(v); }
    TextWriter& hex(u64 v) {
        char digits[16];
        int n = 0;
        do {
            digits[n++] = "0123456789abcdef"[v & 15];
            v >>= 4;
        } while (v != 0);
        *this << "0x";
        while (n > 0) {
            put(digits[--n]);
        }
        return *this;
    }
    std::string_view text() const { return {buffer_.data(), used_}; }
    void clear() { used_ = 0; }

private:
    void put(char c) {
        if (used_ < buffer_.size()) {
            buffer_[used_++] = c;
        }
    }
    std::span<char> buffer_;
    size_t used_ = 0;
};

}  // namespace gyre::bpf
