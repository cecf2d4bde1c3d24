// SPDX-License-Identifier: MIT
//
// Reads cpio archives of the "new ASCII" formats 070701 and 070702 (cpio(5); Linux's initramfs
// buffer format), several behind each other with zero padding between. Allocates nothing and
// believes nothing: every length is checked, and what is returned are views into the archive.
// Leaves out: compression, the old formats, checking 070702's sums, what hard links and names mean
// (the caller's).
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

#include "lib/base/result.h"

namespace gyre::cpio {

struct Entry {
    std::string_view name;  // without the terminating zero; not empty; may be anything else
    uint32_t inode, mode, uid, gid, link_count, modify_seconds;
    uint32_t major, minor;  // of the device it lay on: with `inode` the identity of hard links
    uint32_t special_major, special_minor;
    std::span<const std::byte> content;  // a file's bytes, a link's text
};

class Reader {
public:
    explicit Reader(std::span<const std::byte> archive) : archive_(archive) {}
    // The next entry, over the ends of archives; nothing at the end of all.
    // Errors: InputOutput where the archive is damaged; the reader stands still then.
    Result<std::optional<Entry>> next();
    // Where the next entry will be looked for: for messages.
    size_t offset() const { return offset_; }

private:
    std::span<const std::byte> archive_;
    size_t offset_ = 0;
};

}  // namespace gyre::cpio
