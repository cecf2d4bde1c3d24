// SPDX-License-Identifier: MIT
//
// ring-cp FROM_DIRECTORY TO_DIRECTORY: copies a tree of regular files, symbolic links and
// directories with many files under way at once. Keeps permission bits; leaves out owners, times,
// devices and holes.
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include <cstdio>
#include <cstring>
#include <filesystem>
#include <string>
#include <vector>

#include "ksvc/calls.h"

namespace {

namespace fs = std::filesystem;
namespace calls = ksvc::calls;

constexpr unsigned kFilesAtOnce = 64;
constexpr size_t kBlockBytes = 64 * 1024;

struct Copy {
    fs::path from;
    fs::path to;
};

struct Work {
    std::vector<Copy> files;
    size_t next = 0;
    unsigned failures = 0;

    void complain(const fs::path& path, std::errc error) {
        std::fprintf(stderr, "ring-cp: %s: %s\n", path.c_str(), std::strerror(static_cast<int>(error)));
        ++failures;
    }
};

ksvc::Task<std::errc> copy_bytes(int from, int to, std::vector<std::byte>& block) {
    for (uint64_t offset = 0;;) {
        const auto got = co_await calls::pread64(from, std::span(block), static_cast<int64_t>(offset));
        if (!got) co_return got.error();
        for (int64_t done = 0; done < *got;) {
            const auto piece = std::span<const std::byte>(block).subspan(static_cast<size_t>(done), static_cast<size_t>(*got - done));
            const auto put = co_await calls::pwrite64(to, piece, static_cast<int64_t>(offset) + done);
            if (!put) co_return put.error();
            done += *put;
        }
        // Less than asked is the end of a regular file.
        if (*got < static_cast<int64_t>(block.size())) co_return std::errc{};
        offset += static_cast<uint64_t>(*got);
    }
}

ksvc::Task<std::errc> copy_file(const Copy& copy, std::vector<std::byte>& block) {
    const auto from = co_await calls::openat(AT_FDCWD, copy.from.c_str(), O_RDONLY | O_CLOEXEC, 0);
    if (!from) co_return from.error();
    struct stat about {};
    std::errc error{};
    if (::fstat(*from, &about) != 0) error = static_cast<std::errc>(errno);
    if (error == std::errc{}) {
        const auto to = co_await calls::openat(AT_FDCWD, copy.to.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC,
                                               about.st_mode & 07777);
        if (to) {
            error = co_await copy_bytes(*from, *to, block);
            const auto closed = co_await calls::close(*to);
            if (!closed && error == std::errc{}) error = closed.error();
        } else {
            error = to.error();
        }
    }
    (void)co_await calls::close(*from);
    co_return error;
}

ksvc::Task<> copy_some(Work& work) {
    std::vector<std::byte> block(kBlockBytes);
    while (work.next < work.files.size()) {
        const Copy& copy = work.files[work.next++];
        if (const std::errc error = co_await copy_file(copy, block); error != std::errc{}) work.complain(copy.from, error);
    }
}

// Directories and links first, so that every file finds its place.
void lay_out(Work& work, const fs::path& from, const fs::path& to) {
    std::error_code error;
    fs::create_directories(to, error);
    for (const auto& entry : fs::recursive_directory_iterator(from)) {
        const fs::path target = to / entry.path().lexically_relative(from);
        error.clear();
        if (entry.is_symlink()) fs::copy_symlink(entry.path(), target, error);
        else if (entry.is_directory()) fs::create_directory(target, entry.path(), error);
        else if (entry.is_regular_file()) work.files.push_back({entry.path(), target});
        else error = std::make_error_code(std::errc::not_supported);
        if (error) work.complain(entry.path(), static_cast<std::errc>(error.value()));
    }
}

}  // namespace

int main(int argc, char** argv) {
    if (argc != 3 || !fs::is_directory(argv[1])) {
        std::fprintf(stderr, "usage: ring-cp FROM_DIRECTORY TO_DIRECTORY\n");
        return 2;
    }
    Work work;
    lay_out(work, argv[1], argv[2]);
    ksvc::Executor executor(kFilesAtOnce * 4);
    if (const auto opened = executor.open(); !opened) {
        std::fprintf(stderr, "ring-cp: no ring: %s\n", std::strerror(static_cast<int>(opened.error())));
        return 1;
    }
    // A new file is made by a worker of the kernel whatever one asks: in place is faster.
    executor.with([](auto& ring) { (void)ring.force(SYS_openat, ksvc::Tier::Trap); });
    for (unsigned i = 0; i < kFilesAtOnce; ++i) executor.spawn(copy_some(work));
    if (const auto ran = executor.run(); !ran) {
        std::fprintf(stderr, "ring-cp: %s\n", std::strerror(static_cast<int>(ran.error())));
        return 1;
    }
    return work.failures == 0 ? 0 : 1;
}
