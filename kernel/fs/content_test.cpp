// SPDX-License-Identifier: MIT
//
// Content of tmpfs files: holes, growing, cutting off, limits, and the copy that stops early.
#include <cstring>

#include "kernel/fs/inode_file.h"
#include "kernel/fs/tmpfs.h"
#include "kernel/test/test.h"

namespace gyre {
namespace {

Result<Ref<Inode>> make_file(TmpfsSuperblock& superblock) {
    return TmpfsInode::make(superblock, {file_mode::kRegular | 0644, 0, 0});
}

Result<size_t> put(Inode& inode, uint64_t offset, std::string_view text, bool is_append = false) {
    IoCursor from = IoCursor::kernel(std::as_bytes(std::span(text)));
    return write_content(inode, from, offset, is_append);
}

struct Read {
    char bytes[32];
    size_t length;
};
Result<Read> get(Inode& inode, uint64_t offset, size_t length) {
    Read read{};
    IoCursor to = IoCursor::kernel(std::as_writable_bytes(std::span(read.bytes)).first(length));
    read.length = TRY(read_content(inode, to, offset));
    return read;
}

}  // namespace

KERNEL_TEST(content_reads_what_was_written) {
    Ref<TmpfsSuperblock> superblock = TEST_TRY(TmpfsSuperblock::create("tmpfs", {}));
    Ref<Inode> file = TEST_TRY(make_file(*superblock));
    EXPECT(TEST_TRY(put(*file, 0, "hello")) == 5);
    EXPECT(file->size() == 5);
    const Read all = TEST_TRY(get(*file, 0, 32));
    EXPECT(std::string_view(all.bytes, all.length) == "hello");
    EXPECT(TEST_TRY(get(*file, 5, 1)).length == 0);
    EXPECT(TEST_TRY(put(*file, 0, " world", true)) == 6);
    EXPECT(file->size() == 11);
    const Read tail = TEST_TRY(get(*file, 4, 32));
    EXPECT(std::string_view(tail.bytes, tail.length) == "o world");
    superblock->release_tree();
}

KERNEL_TEST(content_across_pages_and_holes) {
    Ref<TmpfsSuperblock> superblock = TEST_TRY(TmpfsSuperblock::create("tmpfs", {}));
    Ref<Inode> file = TEST_TRY(make_file(*superblock));
    EXPECT(TEST_TRY(put(*file, 3 * kPageSize - 2, "abcd")) == 4);
    EXPECT(file->size() == 3 * kPageSize + 2);
    const Read across = TEST_TRY(get(*file, 3 * kPageSize - 4, 32));
    EXPECT(std::string_view(across.bytes, across.length) == std::string_view("\0\0abcd", 6));
    FileStatus status;
    file->status(status);
    EXPECT(status.blocks == 2 * kPageSize / 512);
    Vmo* vmo = file->vmo_if_any();
    REQUIRE(vmo != nullptr);
    EXPECT(!is_page_present(*vmo, 0));
    EXPECT(is_page_present(*vmo, 2));
    superblock->release_tree();
}

KERNEL_TEST(content_cut_off_reads_as_zero_when_grown_again) {
    Ref<TmpfsSuperblock> superblock = TEST_TRY(TmpfsSuperblock::create("tmpfs", {}));
    Ref<Inode> file = TEST_TRY(make_file(*superblock));
    EXPECT(TEST_TRY(put(*file, 0, "abcdef")) == 6);
    MutexGuard guard(file->lock());
    REQUIRE(file->set_size_locked(2));
    REQUIRE(file->set_size_locked(6));
    const Read all = TEST_TRY(get(*file, 0, 32));
    EXPECT(std::string_view(all.bytes, all.length) == std::string_view("ab\0\0\0\0", 6));
    superblock->release_tree();
}

KERNEL_TEST(content_punched_hole) {
    Ref<TmpfsSuperblock> superblock = TEST_TRY(TmpfsSuperblock::create("tmpfs", {}));
    Ref<Inode> file = TEST_TRY(make_file(*superblock));
    for (uint64_t page = 0; page < 4; ++page)
        EXPECT(TEST_TRY(put(*file, page * kPageSize, "xxxx")) == 4);
    {
        MutexGuard guard(file->lock());
        REQUIRE(file->punch_locked(2, 2 * kPageSize));
    }
    EXPECT(TEST_TRY(get(*file, 0, 4)).bytes[1] == 'x');
    EXPECT(TEST_TRY(get(*file, 0, 4)).bytes[2] == 0);
    EXPECT(!is_page_present(*file->vmo_if_any(), 1));
    EXPECT(TEST_TRY(get(*file, 2 * kPageSize, 4)).bytes[1] == 0);
    EXPECT(TEST_TRY(get(*file, 2 * kPageSize, 4)).bytes[2] == 'x');
    EXPECT(TEST_TRY(get(*file, 3 * kPageSize, 4)).bytes[0] == 'x');
    superblock->release_tree();
}

KERNEL_TEST(content_obeys_the_size_of_its_file_system) {
    TmpfsOptions options;
    REQUIRE(parse_tmpfs_options("size=8k,nr_inodes=3,mode=700", options));
    EXPECT(options.page_limit == 2 && options.inode_limit == 3 && options.mode == 0700);
    EXPECT(!parse_tmpfs_options("size=8q", options));
    EXPECT(!parse_tmpfs_options("nonsense", options));
    Ref<TmpfsSuperblock> superblock = TEST_TRY(TmpfsSuperblock::create("tmpfs", options));
    Ref<Inode> file = TEST_TRY(make_file(*superblock));
    EXPECT(TEST_TRY(put(*file, 0, "a")) == 1);
    EXPECT(TEST_TRY(put(*file, kPageSize, "b")) == 1);
    EXPECT(TEST_TRY(put(*file, 1, "c")) == 1);
    const Result<size_t> third = put(*file, 2 * kPageSize, "d");
    EXPECT(!third && third.error() == Error::NoSpace);
    EXPECT(file->size() == kPageSize + 1);
    {
        MutexGuard guard(file->lock());
        REQUIRE(file->set_size_locked(0));
    }
    EXPECT(TEST_TRY(put(*file, 2 * kPageSize, "d")) == 1);
    Ref<Inode> second = TEST_TRY(make_file(*superblock));
    const Result<Ref<Inode>> fourth = make_file(*superblock);
    EXPECT(!fourth && fourth.error() == Error::NoSpace);
    second.reset();
    EXPECT(make_file(*superblock));
    FilesystemStatistics statistics;
    superblock->statistics(statistics);
    EXPECT(statistics.blocks == 2 && statistics.blocks_free == 1);
    superblock->release_tree();
}

}  // namespace gyre
