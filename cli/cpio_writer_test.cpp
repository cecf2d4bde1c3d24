// SPDX-License-Identifier: MIT
//
// The archives are read back by a reader of the test's own, which follows the description of the format.
#include "cli/cpio_writer.h"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>
#include <map>

#include "cli/paths.h"

namespace gyre::cli {
namespace {

struct ReadEntry {
    uint32_t mode, mtime, major, minor;
    std::string data;
    size_t data_offset;
};

uint32_t field(const std::string& bytes, size_t offset, int index) {
    return static_cast<uint32_t>(std::stoul(bytes.substr(offset + 6 + static_cast<size_t>(index) * 8, 8), nullptr, 16));
}

std::map<std::string, ReadEntry> read_back(const std::string& bytes, bool& has_trailer) {
    std::map<std::string, ReadEntry> entries;
    has_trailer = false;
    for (size_t offset = 0; offset + 110 <= bytes.size();) {
        EXPECT_EQ(bytes.substr(offset, 6), "070701");
        size_t size = field(bytes, offset, 6), name_size = field(bytes, offset, 11);
        std::string name = bytes.c_str() + offset + 110;
        size_t data = (offset + 110 + name_size + 3) / 4 * 4;
        if (name == "TRAILER!!!") {
            has_trailer = true;
            break;
        }
        EXPECT_FALSE(entries.contains(name)) << name;
        entries[name] = {field(bytes, offset, 1), field(bytes, offset, 5), field(bytes, offset, 9),
                         field(bytes, offset, 10), bytes.substr(data, size), data};
        offset = (data + size + 3) / 4 * 4;
    }
    return entries;
}

TEST(Cpio, EveryKind) {
    CpioWriter writer;
    writer.add_directory("/tmp", 01777);
    writer.add_file("/etc/deep/file", "hello", 0600, 12345);
    writer.add_symlink("/bin/sh", "/bin/busybox");
    writer.add_character_device("/dev/console", 0620, 5, 1);
    bool has_trailer = false;
    auto entries = read_back(std::move(writer).finish(), has_trailer);
    EXPECT_TRUE(has_trailer);
    EXPECT_EQ(entries.size(), 8u);
    EXPECT_EQ(entries["tmp"].mode, uint32_t{S_IFDIR | 01777});
    EXPECT_EQ(entries["etc/deep"].mode, uint32_t{S_IFDIR | 0755});
    EXPECT_EQ(entries["etc/deep/file"].mode, uint32_t{S_IFREG | 0600});
    EXPECT_EQ(entries["etc/deep/file"].data, "hello");
    EXPECT_EQ(entries["etc/deep/file"].mtime, 12345u);
    EXPECT_EQ(entries["bin/sh"].data, "/bin/busybox");
    EXPECT_EQ(entries["dev/console"].mode, uint32_t{S_IFCHR | 0620});
    EXPECT_EQ(entries["dev/console"].major, 5u);
    EXPECT_EQ(entries["dev/console"].minor, 1u);
}

TEST(Cpio, LargeDataBeginsOnAPage) {
    std::string large(100001, 'x');
    CpioWriter writer;
    for (int i = 0; i < 20; i++) {
        writer.add_file("/small" + std::string(static_cast<size_t>(i), 'a'), "abc");
        writer.add_file("/large" + std::to_string(i), large);
    }
    bool has_trailer = false;
    auto entries = read_back(std::move(writer).finish(), has_trailer);
    for (int i = 0; i < 20; i++) {
        const ReadEntry& entry = entries["large" + std::to_string(i)];
        EXPECT_EQ(entry.data, large);
        EXPECT_LE(entry.data_offset % 4096, 0u);
    }
}

TEST(Cpio, HostTrees) {
    char name[] = "/tmp/gyre_cpio_XXXXXX";
    std::filesystem::path folder = mkdtemp(name);
    ASSERT_TRUE(write_file(folder / "a" / "file", "1"));
    std::filesystem::create_symlink("file", folder / "a" / "link");
    chmod((folder / "a" / "file").c_str(), 0751);
    ASSERT_EQ(mkfifo((folder / "a" / "fifo").c_str(), 0600), 0);
    ASSERT_EQ(mknod((folder / "a" / "socket").c_str(), S_IFSOCK | 0600, 0), 0);
    CpioWriter writer;
    EXPECT_TRUE(writer.add_from_host(folder, "/x/y"));
    EXPECT_FALSE(writer.add_from_host(folder / "missing", "/z"));
    EXPECT_FALSE(writer.add_from_host("/dev/null", "/z"));
    bool has_trailer = false;
    auto entries = read_back(std::move(writer).finish(), has_trailer);
    EXPECT_EQ(entries["x/y/a/file"].mode & 0777, 0751u);
    EXPECT_EQ(entries["x/y/a/link"].data, "file");
    EXPECT_EQ(entries["x/y/a/fifo"].mode, uint32_t{S_IFIFO | 0600});
    EXPECT_FALSE(entries.contains("x/y/a/socket"));
    std::filesystem::remove_all(folder);
}

}  // namespace
}  // namespace gyre::cli
