// SPDX-License-Identifier: MIT
//
// The reader of cpio.h.
#include "lib/cpio/cpio.h"

#include <cstring>

namespace gyre::cpio {

namespace {

// A header is a magic of 6 characters and 13 fields of 8 hexadecimal digits.
constexpr size_t kMagicBytes = 6;
constexpr size_t kFieldBytes = 8;
constexpr size_t kHeaderBytes = kMagicBytes + 13 * kFieldBytes;
static_assert(kHeaderBytes == 110);
constexpr size_t kMostNameBytes = 4096;  // PATH_MAX, with its zero
constexpr std::string_view kTrailer = "TRAILER!!!";

enum Field : size_t {
    kInode,
    kMode,
    kUid,
    kGid,
    kLinkCount,
    kModifyTime,
    kFileSize,
    kMajor,
    kMinor,
    kSpecialMajor,
    kSpecialMinor,
    kNameSize,
    kCheck,
};

// Headers, names and contents start at multiples of four.
constexpr size_t aligned(size_t offset) {
    return (offset + 3) & ~size_t{3};
}

std::optional<uint32_t> hexadecimal(const char* digits) {
    uint32_t value = 0;
    for (size_t i = 0; i < kFieldBytes; ++i) {
        const auto c = static_cast<unsigned char>(digits[i]);
        uint32_t digit;
        if (c >= '0' && c <= '9')
            digit = c - '0';
        else if ((c | 0x20) >= 'a' && (c | 0x20) <= 'f')
            digit = (c | 0x20u) - 'a' + 10;
        else
            return std::nullopt;
        value = value << 4 | digit;
    }
    return value;
}

}  // namespace

Result<std::optional<Entry>> Reader::next() {
    const char* const bytes = reinterpret_cast<const char*>(archive_.data());
    const size_t size = archive_.size();
    for (;;) {
        // Padding between archives is zeros, any number of them; an archive starts at a multiple of
        // four.
        while (size - offset_ >= 8) {
            uint64_t word;
            std::memcpy(&word, bytes + offset_, sizeof(word));
            if (word != 0) break;
            offset_ += sizeof(word);
        }
        while (offset_ < size && bytes[offset_] == 0)
            ++offset_;
        if (offset_ == size) return std::optional<Entry>();
        if (offset_ % 4 != 0) return fail(Error::InputOutput);

        if (size - offset_ < kHeaderBytes) return fail(Error::InputOutput);
        const char* const header = bytes + offset_;
        if (std::memcmp(header, "07070", 5) != 0 || (header[5] != '1' && header[5] != '2'))
            return fail(Error::InputOutput);
        uint32_t fields[13];
        for (size_t i = 0; i < 13; ++i) {
            const std::optional<uint32_t> value =
                hexadecimal(header + kMagicBytes + i * kFieldBytes);
            if (!value) return fail(Error::InputOutput);
            fields[i] = *value;
        }

        const size_t name_start = offset_ + kHeaderBytes;
        const size_t name_bytes = fields[kNameSize];
        if (name_bytes < 2 || name_bytes > kMostNameBytes || name_bytes > size - name_start)
            return fail(Error::InputOutput);
        if (bytes[name_start + name_bytes - 1] != 0) return fail(Error::InputOutput);
        // A name may be padded with more zeros than one: so writers bring a content to the start of
        // a page.
        const std::string_view name(bytes + name_start);
        if (name.empty()) return fail(Error::InputOutput);
        const size_t content_start = aligned(name_start + name_bytes);
        const size_t content_bytes = fields[kFileSize];
        if (content_start > size || content_bytes > size - content_start)
            return fail(Error::InputOutput);
        // The very last content may lack its padding.
        const size_t end = aligned(content_start + content_bytes);
        offset_ = end < size ? end : size;
        if (name == kTrailer) continue;

        return Entry{name,
                     fields[kInode],
                     fields[kMode],
                     fields[kUid],
                     fields[kGid],
                     fields[kLinkCount],
                     fields[kModifyTime],
                     fields[kMajor],
                     fields[kMinor],
                     fields[kSpecialMajor],
                     fields[kSpecialMinor],
                     archive_.subspan(content_start, content_bytes)};
    }
}

}  // namespace gyre::cpio
