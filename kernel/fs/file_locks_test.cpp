// SPDX-License-Identifier: MIT
//
// Advisory locks: ranges that split and merge, conflicts between families, letting go.
#include "kernel/fs/file_locks.h"

#include "kernel/fs/tmpfs.h"
#include "kernel/test/test.h"

namespace gyre {
namespace {

struct Owners {
    char a, b;  // only their addresses count
};

FileLockRequest record(const void* owner, LockType type, uint64_t start, uint64_t end) {
    return {LockFamily::Record, type, owner, 1, start, end};
}

Status try_set(Inode& inode, const FileLockRequest& request) {
    return file_locks::set(inode, request, Patience::none());
}

int count_of(const Inode& inode) {
    struct Counter {
        const Inode* inode;
        int count;
    } counter{&inode, 0};
    file_locks::for_each(
        [](void* argument, const Inode& at, const FileLockRequest&) {
            auto& wanted = *static_cast<Counter*>(argument);
            if (&at == wanted.inode) ++wanted.count;
        },
        &counter);
    return counter.count;
}

}  // namespace

KERNEL_TEST(file_locks_ranges_split_and_merge) {
    Ref<TmpfsSuperblock> superblock = TEST_TRY(TmpfsSuperblock::create("tmpfs", {}));
    Ref<Inode> file = TEST_TRY(TmpfsInode::make(*superblock, {file_mode::kRegular, 0, 0}));
    Owners owners{};
    REQUIRE(try_set(*file, record(&owners.a, LockType::Write, 0, 99)));
    EXPECT(count_of(*file) == 1);
    REQUIRE(try_set(*file, record(&owners.a, LockType::Unlock, 40, 59)));
    EXPECT(count_of(*file) == 2);
    EXPECT(try_set(*file, record(&owners.b, LockType::Write, 40, 59)));
    EXPECT(!try_set(*file, record(&owners.b, LockType::Write, 39, 59)));
    EXPECT(!try_set(*file, record(&owners.b, LockType::Read, 60, 60)));
    REQUIRE(try_set(*file, record(&owners.b, LockType::Unlock, 0, UINT64_MAX)));
    REQUIRE(try_set(*file, record(&owners.a, LockType::Write, 40, 59)));
    EXPECT(count_of(*file) == 1);
    REQUIRE(try_set(*file, record(&owners.a, LockType::Read, 10, 19)));
    EXPECT(count_of(*file) == 3);
    EXPECT(try_set(*file, record(&owners.b, LockType::Read, 10, 19)));
    const auto conflict = file_locks::test(*file, record(&owners.b, LockType::Write, 0, 99));
    REQUIRE(conflict.has_value());
    EXPECT(conflict->owner == &owners.a && conflict->start == 0 && conflict->end == 9);
    file_locks::release(*file, LockFamily::Record, &owners.a);
    EXPECT(count_of(*file) == 1);
    file_locks::release(*file, LockFamily::Record, &owners.b);
    EXPECT(count_of(*file) == 0);
    superblock->release_tree();
}

KERNEL_TEST(file_locks_families) {
    Ref<TmpfsSuperblock> superblock = TEST_TRY(TmpfsSuperblock::create("tmpfs", {}));
    Ref<Inode> file = TEST_TRY(TmpfsInode::make(*superblock, {file_mode::kRegular, 0, 0}));
    Owners owners{};
    const FileLockRequest flock{LockFamily::Flock, LockType::Write, &owners.a, 1};
    REQUIRE(try_set(*file, flock));
    // flock does not see record locks, but the two kinds of those see each other.
    REQUIRE(try_set(*file, record(&owners.b, LockType::Write, 0, 9)));
    const FileLockRequest open_file{LockFamily::OpenFile, LockType::Read, &owners.b, -1, 5, 5};
    EXPECT(!try_set(*file, open_file));
    const FileLockRequest other{LockFamily::Flock, LockType::Read, &owners.b, 1};
    EXPECT(!try_set(*file, other));
    FileLockRequest shared = flock;
    shared.type = LockType::Read;
    REQUIRE(try_set(*file, shared));
    EXPECT(try_set(*file, other));
    EXPECT(!try_set(*file, flock));
    superblock->release_tree();
}

}  // namespace gyre
