// SPDX-License-Identifier: MIT
//
// Small text work of the file systems: mount options, numbers, lines for /proc.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <string_view>

#include "lib/base/result.h"

namespace gyre::text {

constexpr size_t digit_count(std::string_view text) {
    size_t count = 0;
    while (count < text.size() && text[count] >= '0' && text[count] <= '9')
        ++count;
    return count;
}

// All of the text must be digits. Errors: InvalidArgument.
constexpr Result<uint64_t> parse_in_base(std::string_view text, uint32_t base) {
    if (text.empty()) return fail(Error::InvalidArgument);
    uint64_t value = 0;
    for (const char c : text) {
        const uint32_t digit = static_cast<uint32_t>(c) - '0';
        uint64_t next;
        if (digit >= base || __builtin_mul_overflow(value, uint64_t{base}, &next) ||
            __builtin_add_overflow(next, uint64_t{digit}, &value))
            return fail(Error::InvalidArgument);
    }
    return value;
}
constexpr Result<uint64_t> parse_number(std::string_view text) {
    return parse_in_base(text, 10);
}
constexpr Result<uint64_t> parse_octal(std::string_view text) {
    return parse_in_base(text, 8);
}

// Cuts what comes before the separator off the front; the separator goes too.
constexpr std::string_view take_until(std::string_view& text, char separator) {
    const size_t at = text.find(separator);
    const std::string_view head = text.substr(0, at);
    text = at == std::string_view::npos ? std::string_view() : text.substr(at + 1);
    return head;
}

// Writes into a fixed buffer; what does not fit is cut off.
class Writer {
public:
    explicit Writer(std::span<char> buffer) : buffer_(buffer) {}
    void text(std::string_view text) {
        const size_t count =
            text.size() < buffer_.size() - length_ ? text.size() : buffer_.size() - length_;
        std::memcpy(buffer_.data() + length_, text.data(), count);
        length_ += count;
    }
    void number(uint64_t value) { in_base(value, 10); }
    void octal(uint64_t value) { in_base(value, 8); }
    size_t length() const { return length_; }
    std::string_view view() const { return {buffer_.data(), length_}; }

private:
    void in_base(uint64_t value, uint32_t base) {
        char digits[24];
        size_t at = sizeof(digits);
        do {
            digits[--at] = static_cast<char>('0' + value % base);
            value /= base;
        } while (value);
        text({digits + at, sizeof(digits) - at});
    }
    std::span<char> buffer_;
    size_t length_ = 0;
};

}  // namespace gyre::text
