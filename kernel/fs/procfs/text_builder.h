// SPDX-License-Identifier: MIT
//
// A text that grows: what a file of /proc is made in. Running out of memory is remembered and asked
// for at the end, so that whoever writes the lines need not look after each.
#pragma once

#include <cstring>
#include <string_view>

#include "lib/base/format.h"
#include "lib/base/vector.h"

namespace gyre::procfs {

class TextBuilder {
public:
    static constexpr size_t kMostBytes = 16 << 20;
    static constexpr size_t kMostFormatted =
        512;  // of one format(); longer texts are appended as such

    void text(std::string_view text) {
        const size_t before = content_.size();
        if (!grow(text.size())) return;
        std::memcpy(content_.data() + before, text.data(), text.size());
    }
    void character(char c) { text({&c, 1}); }
    template <class... Arguments>
    void format(std::string_view format, const Arguments&... arguments) {
        char line[kMostFormatted];
        text({line, format_to(line, format, arguments...)});
    }
    // Blanks up to the column of the present line.
    void pad_to(size_t line_start, size_t column) {
        while (status_ && content_.size() - line_start < column)
            character(' ');
    }
    // With the bytes that would break a line of fields (space, tab, newline, backslash) as \ooo, as
    // in /proc/mounts.
    void escaped(std::string_view text, std::string_view special);

    // Room for `length` more bytes to be written by the caller; empty when there is no memory.
    std::span<char> extend(size_t length) {
        const size_t before = content_.size();
        return grow(length) ? std::span(content_.data() + before, length) : std::span<char>();
    }
    void shrink_to(size_t length) { (void)content_.try_resize(length); }

    size_t length() const { return content_.size(); }
    std::string_view view() const { return {content_.data(), content_.size()}; }
    Status status() const { return status_; }

private:
    bool grow(size_t count) {
        const size_t wanted = content_.size() + count;
        if (status_ && wanted > kMostBytes) status_ = fail(Error::NoMemory);
        if (status_ && wanted > capacity_) {
            const size_t capacity = wanted < 512 ? 512 : wanted * 2;
            status_ = content_.try_reserve(capacity);
            if (status_) capacity_ = capacity;
        }
        if (!status_) return false;
        status_ = content_.try_resize(wanted);
        return status_.has_value();
    }

    Vector<char> content_;
    size_t capacity_ = 0;
    Status status_;
};

}  // namespace gyre::procfs
