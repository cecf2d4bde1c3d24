// SPDX-License-Identifier: MIT
#include "cli/cpio_writer.h"

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <vector>

#include "cli/paths.h"

namespace gyre::cli {
namespace {

namespace fs = std::filesystem;

constexpr size_t kHeaderSize = 110;
constexpr size_t kPage = 4096;
// From this size on data begins on a page boundary; for small files the gap would cost more than the copy.
constexpr size_t kAlignedFrom = 8 * kPage;
constexpr std::string_view kTrailer = "TRAILER!!!";

size_t rounded_up(size_t value, size_t unit) { return (value + unit - 1) / unit * unit; }

// "a/b" for "/a/./b/"
std::string archive_name(std::string_view path) {
    std::string name = fs::path(path).lexically_normal().relative_path().string();
    while (name.ends_with('/')) name.pop_back();
    return name;
}

void append_header(std::string& bytes, uint32_t inode, uint32_t mode, uint32_t links, int64_t mtime, size_t size,
                   uint32_t major, uint32_t minor, size_t name_size) {
    char header[kHeaderSize + 1];
    std::snprintf(header, sizeof header, "070701%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X", inode, mode,
                  0u, 0u, links, static_cast<uint32_t>(mtime), static_cast<uint32_t>(size), 0u, 0u, major, minor,
                  static_cast<uint32_t>(name_size), 0u);
    bytes.append(header, kHeaderSize);
}

}  // namespace

void CpioWriter::add(std::string_view path, const Entry& entry) {
    std::string name = archive_name(path);
    size_t name_size = name.size() + 1;
    if (entry.data.size() >= kAlignedFrom && S_ISREG(entry.mode)) {
        size_t data_begin = rounded_up(bytes_.size() + kHeaderSize + name_size, kPage);
        name_size = data_begin - bytes_.size() - kHeaderSize;
        // Linux refuses names longer than PATH_MAX; the largest gap is a page.
        if (name_size > kPage) name_size = name.size() + 1;
    }
    append_header(bytes_, next_inode_++, entry.mode, S_ISDIR(entry.mode) ? 2 : 1, entry.mtime, entry.data.size(),
                  entry.major, entry.minor, name_size);
    bytes_ += name;
    bytes_.append(name_size - name.size(), '\0');
    bytes_.resize(rounded_up(bytes_.size(), 4));
    bytes_ += entry.data;
    bytes_.resize(rounded_up(bytes_.size(), 4));
}

void CpioWriter::add_parents(std::string_view path) {
    fs::path parent = fs::path("/" + archive_name(path)).parent_path();
    if (parent.empty() || parent == "/" || directories_.contains(parent.string())) return;
    add_directory(parent.string());
}

void CpioWriter::add_directory(std::string_view path, uint32_t mode, int64_t mtime) {
    std::string full = "/" + archive_name(path);
    if (full == "/" || directories_.contains(full)) return;
    add_parents(full);
    directories_.insert(full);
    add(full, {.mode = S_IFDIR | mode, .data = {}, .mtime = mtime});
}

void CpioWriter::add_file(std::string_view path, std::string_view content, uint32_t mode, int64_t mtime) {
    add_parents(path);
    add(path, {.mode = S_IFREG | mode, .data = content, .mtime = mtime});
}

void CpioWriter::add_symlink(std::string_view path, std::string_view target) {
    add_parents(path);
    add(path, {.mode = S_IFLNK | 0777, .data = target});
}

void CpioWriter::add_character_device(std::string_view path, uint32_t mode, uint32_t major, uint32_t minor) {
    add_parents(path);
    add(path, {.mode = S_IFCHR | mode, .data = {}, .major = major, .minor = minor});
}

Outcome<void> CpioWriter::add_from_host(const fs::path& host, std::string_view guest) {
    struct stat status;
    // What is named is followed when it is a link; links inside of trees stay links.
    if (stat(host.c_str(), &status) == -1)
        return problem("cannot read '" + host.string() + "': " + std::strerror(errno));
    if (S_ISREG(status.st_mode)) {
        if (status.st_size > 0xffffffffLL) return problem("'" + host.string() + "' is too large for an initramfs (4 GiB)");
        auto content = read_file(host);
        if (!content) return std::unexpected(content.error());
        add_file(guest, *content, status.st_mode & 07777, status.st_mtime);
        return {};
    }
    if (S_ISFIFO(status.st_mode)) {
        add_parents(guest);
        add(guest, {.mode = S_IFIFO | (status.st_mode & 07777), .data = {}, .mtime = status.st_mtime});
        return {};
    }
    if (!S_ISDIR(status.st_mode)) return problem("'" + host.string() + "' is neither a file nor a directory");
    add_directory(guest, status.st_mode & 07777, status.st_mtime);
    std::error_code error;
    std::vector<fs::path> names;
    for (const auto& entry : fs::directory_iterator(host, error)) names.push_back(entry.path().filename());
    if (error) return problem("cannot read '" + host.string() + "': " + error.message());
    std::ranges::sort(names);
    for (const fs::path& name : names) {
        const std::string inner = (fs::path(guest) / name).string();
        if (fs::is_symlink(host / name)) {
            add_symlink(inner, fs::read_symlink(host / name, error).string());
            if (error) return problem("cannot read '" + (host / name).string() + "': " + error.message());
        } else if (fs::is_socket(host / name, error)) {
            continue;  // nobody would answer; tar leaves them out, too
        } else if (auto added = add_from_host(host / name, inner); !added) {
            return added;
        }
    }
    return {};
}

std::string CpioWriter::finish() && {
    next_inode_ = 0;
    append_header(bytes_, 0, 0, 1, 0, 0, 0, 0, kTrailer.size() + 1);
    bytes_ += kTrailer;
    bytes_ += '\0';
    bytes_.resize(rounded_up(bytes_.size(), 512));
    return std::move(bytes_);
}

}  // namespace gyre::cli
