// SPDX-License-Identifier: MIT
//
// Unpacking archives: several behind each other, replacement, hard links, folders that the archive
// forgot.
#include <cstring>

#include "kernel/fs/initialize.h"
#include "kernel/fs/lookup.h"
#include "kernel/fs/tmpfs.h"
#include "kernel/test/test.h"

namespace gyre {
namespace {

// Writes an archive as cpio(5) describes it.
class Archive {
public:
    void add(std::string_view name, uint32_t mode, std::string_view content, uint32_t inode = 0,
             uint32_t links = 1) {
        put("070701");
        const auto size = static_cast<uint32_t>(content.size());
        for (const uint32_t field : {inode, mode, 0u, 0u, links, 5u, size, 0u, 0u, 0u, 0u,
                                     static_cast<uint32_t>(name.size() + 1), 0u})
            put_hexadecimal(field);
        put(name);
        bytes_[length_++] = 0;
        pad();
        put(content);
        pad();
    }
    void end() { add("TRAILER!!!", 0, ""); }
    void zeros(size_t count) { length_ += count; }
    std::span<const std::byte> view() const { return std::as_bytes(std::span(bytes_, length_)); }

private:
    void put(std::string_view text) {
        std::memcpy(bytes_ + length_, text.data(), text.size());
        length_ += text.size();
    }
    void put_hexadecimal(uint32_t value) {
        for (int shift = 28; shift >= 0; shift -= 4)
            bytes_[length_++] = "0123456789abcdef"[value >> shift & 15];
    }
    void pad() {
        while (length_ % 4)
            bytes_[length_++] = 0;
    }
    char bytes_[3072] = {};
    size_t length_ = 0;
};

Result<Path> find(const Path& root, const Credentials& credentials, std::string_view text) {
    PathText path;
    TRY_VOID(path.set(text));
    return look_up({root, root, credentials}, path, LookupFlag::None);
}

}  // namespace

KERNEL_TEST(initramfs_of_two_archives) {
    Ref<TmpfsSuperblock> superblock = TEST_TRY(TmpfsSuperblock::create("tmpfs", {}));
    const Ref<Dentry> top = superblock->root();
    const Path root(TEST_TRY(Mount::create(superblock, top, 0, "test")), top);
    const Ref<Credentials> credentials = TEST_TRY(Credentials::create({}, {}));
    Archive archive;
    archive.add(".", file_mode::kDirectory | 0711, "");
    archive.add("etc", file_mode::kDirectory | 0700, "");
    archive.add("etc/motd", file_mode::kRegular | 0644, "first");
    archive.add("bin/one", file_mode::kRegular | 0755, "", 9, 2);
    archive.add("bin/two", file_mode::kRegular | 0755, "program", 9, 2);
    archive.add("link", file_mode::kSymlink | 0777, "etc");
    archive.end();
    archive.zeros(36);
    archive.add("./etc", file_mode::kDirectory | 0755, "");
    archive.add("link/motd", file_mode::kRegular | 0600, "second");
    archive.add("../evil", file_mode::kRegular | 0600, "");
    archive.end();
    REQUIRE(fs::unpack_initramfs(root, archive.view()));

    EXPECT((top->inode().mode() & 07777) == 0711);
    const Path motd = TEST_TRY(find(root, *credentials, "/etc/motd"));
    EXPECT((motd.dentry->inode().mode() & 07777) == 0600);
    EXPECT(motd.dentry->inode().size() == 6);
    char text[8] = {};
    REQUIRE(motd.dentry->inode().vmo_if_any()->read(0, std::as_writable_bytes(std::span(text, 6))));
    EXPECT(std::string_view(text) == "second");
    EXPECT(motd.dentry->inode().modify_ns() == 5'000'000'000);
    EXPECT((TEST_TRY(find(root, *credentials, "/etc")).dentry->inode().mode() & 07777) == 0755);
    const Path one = TEST_TRY(find(root, *credentials, "/bin/one"));
    const Path two = TEST_TRY(find(root, *credentials, "/bin/two"));
    EXPECT(&one.dentry->inode() == &two.dentry->inode());
    EXPECT(one.dentry->inode().size() == 7);
    EXPECT(!find(root, *credentials, "/evil"));
    EXPECT(std::string_view(TEST_TRY(find(root, *credentials, "/link")).dentry->inode().text()) ==
           "etc");
}

KERNEL_TEST(initramfs_damage_keeps_what_came_before) {
    Ref<TmpfsSuperblock> superblock = TEST_TRY(TmpfsSuperblock::create("tmpfs", {}));
    const Ref<Dentry> top = superblock->root();
    const Path root(TEST_TRY(Mount::create(superblock, top, 0, "test")), top);
    const Ref<Credentials> credentials = TEST_TRY(Credentials::create({}, {}));
    Archive archive;
    archive.add("a", file_mode::kRegular | 0644, "1");
    archive.add("b", file_mode::kRegular | 0644, "22222222");
    const Status unpacked =
        fs::unpack_initramfs(root, archive.view().first(archive.view().size() - 8));
    EXPECT(!unpacked && unpacked.error() == Error::InputOutput);
    EXPECT(find(root, *credentials, "/a"));
    EXPECT(!find(root, *credentials, "/b"));
}

}  // namespace gyre
