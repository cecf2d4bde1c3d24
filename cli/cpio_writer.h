// SPDX-License-Identifier: MIT
//
// Writes an initramfs: a cpio archive of the "newc" form (Linux, Documentation/driver-api/early-userspace/
// buffer-format.rst). Every entry belongs to root. The data of large files begins on a page boundary of the
// archive (the name is followed by more NULs than needed, which readers of C strings do not see), so that a
// kernel can take the pages over as they are.
// Leaves out: hard links, checksums ("070702").
#pragma once

#include <cstdint>
#include <filesystem>
#include <set>
#include <string>
#include <string_view>

#include "cli/problem.h"

namespace gyre::cli {

class CpioWriter {
public:
    CpioWriter() = default;
    // Goes on after an archive without trailer.
    explicit CpioWriter(std::string begun) : bytes_(std::move(begun)), next_inode_(1u << 20) {}

    // Paths are those of the guest, absolute. Missing parents are made with mode 0755.
    void add_directory(std::string_view path, uint32_t mode = 0755, int64_t mtime = 0);
    void add_file(std::string_view path, std::string_view content, uint32_t mode = 0644, int64_t mtime = 0);
    void add_symlink(std::string_view path, std::string_view target);
    void add_character_device(std::string_view path, uint32_t mode, uint32_t major, uint32_t minor);
    // A file, link or whole tree of the host. Sockets in it are left out, devices are an error.
    Outcome<void> add_from_host(const std::filesystem::path& host, std::string_view guest);

    // The archive so far, without its trailer: archives can be put one after the other.
    const std::string& bytes() const { return bytes_; }
    // With the trailer.
    std::string finish() &&;

private:
    struct Entry {
        uint32_t mode;
        std::string_view data;
        int64_t mtime = 0;
        uint32_t major = 0, minor = 0;
    };
    void add(std::string_view path, const Entry& entry);
    void add_parents(std::string_view path);

    std::string bytes_;
    std::set<std::string, std::less<>> directories_;
    uint32_t next_inode_ = 1;
};

}  // namespace gyre::cli
