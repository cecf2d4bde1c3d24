// SPDX-License-Identifier: MIT
//
// Mounts: which superblock's root is seen at which place. A mount namespace is one tree of them; a
// process holds a reference to its namespace, though there is one namespace today. Path lookup
// reads the table without a lock.
#pragma once

#include <atomic>
#include <cstdint>
#include <string_view>

#include "kernel/fs/path.h"
#include "kernel/fs/superblock.h"
#include "kernel/fs/writer_count.h"

namespace gyre {

// MS_* of mount(2) that stay with a mount.
namespace mount_flags {
constexpr uint32_t kReadOnly = 1, kNoSetUid = 2, kNoDevices = 4, kNoExecute = 8,
                   kNoAccessTime = 1024, kNoDirectoryAccessTime = 2048,
                   kRelativeAccessTime = 1u << 21, kStrictAccessTime = 1u << 24;
constexpr uint32_t kKept = kReadOnly | kNoSetUid | kNoDevices | kNoExecute | kNoAccessTime |
                           kNoDirectoryAccessTime | kRelativeAccessTime | kStrictAccessTime;
}  // namespace mount_flags

class MountNamespace;

class Mount : public RefCounted {
public:
    static constexpr size_t kMostSourceBytes = 64;
    // Errors: NoMemory, NameTooLong.
    static Result<Ref<Mount>> create(Ref<Superblock> superblock, Ref<Dentry> root, uint32_t flags,
                                     std::string_view source);
    void last_reference_gone();

    Superblock& superblock() const { return *superblock_; }
    Dentry& root() const { return *root_; }
    // Null for the root of the namespace and for what was unmounted.
    Mount* parent() const { return parent_.load(std::memory_order_acquire); }
    Dentry* mount_point() const { return mount_point_.load(std::memory_order_acquire); }
    uint32_t flags() const { return flags_.load(std::memory_order_relaxed); }
    // Errors: Busy when it is to be read-only and a file is open for writing through it.
    Status set_flags(uint32_t flags);
    // A file is open for writing through it. Errors: ReadOnlyFilesystem.
    Status begin_writing();
    void end_writing();
    bool is_read_only() const {
        return (flags() & mount_flags::kReadOnly) || superblock_->is_read_only();
    }
    uint32_t number() const { return number_; }
    std::string_view source() const { return source_; }
    Mount* next() const { return next_in_namespace_; }  // under the table's lock

private:
    friend class MountNamespace;
    friend class MountTable;
    Mount() = default;
    ~Mount() = default;
    Ref<Superblock> superblock_;
    Ref<Dentry> root_;
    std::atomic<Mount*> parent_{nullptr};        // a reference
    std::atomic<Dentry*> mount_point_{nullptr};  // a reference
    std::atomic<Mount*> next_in_table_{nullptr};
    Mount* next_in_namespace_ = nullptr;
    MountNamespace* mount_namespace_ = nullptr;
    std::atomic<uint32_t> flags_{0};
    WriterCount writers_;
    uint32_t number_ = 0;
    uint32_t children_ = 0;  // mounts upon this one, under the table's lock
    epoch::Node node_;
    char source_[kMostSourceBytes] = {};
};

class MountNamespace : public RefCounted {
public:
    static Result<Ref<MountNamespace>> create(Ref<Mount> root);
    ~MountNamespace();
    Mount& root() const { return *root_; }
    // Attaches at a place; what was there is covered. Errors: NoSpace beyond kMostMounts, Busy.
    static constexpr uint32_t kMostMounts = 100000;  // fs.mount-max
    Status attach(const Ref<Mount>& mount, const Path& place);
    // Shows `source` at `target` as well, with what is mounted below it when recursive. Errors: as
    // attach, NoMemory (what was attached before stays).
    Status bind(const Path& source, const Path& target, bool is_recursive);
    // Errors: InvalidArgument (not attached, the root), Busy (mounts upon it, or in use unless
    // lazy).
    Status detach(Mount& mount, bool is_lazy);
    // Lazily, with all that is mounted below it. Errors: InvalidArgument.
    Status detach_tree(Mount& mount);
    // Moves a mount (MS_MOVE). Errors: InvalidArgument, SymlinkLoop.
    Status move(Mount& mount, const Path& place);
    // Puts `fresh` where the mount `old` is, and `old` at `place`, which is below `fresh`, itself below `old`. Errors:
    // InvalidArgument (a place not so; the root of the namespace), Busy (the same mount), NotFound (removed).
    Status pivot(Mount& old, Mount& fresh, const Path& place);
    // Calls body(Mount&) for each, in the order of mounting; body must not sleep.
    template <class Body>
    void for_each(Body&& body);

private:
    friend class MountTable;
    MountNamespace() = default;
    static bool is_upon_locked(const Mount& mount, const Mount& base);
    Ref<Mount> root_;
    Mount* first_ = nullptr;  // each a reference
    uint32_t count_ = 0;
};

class MountTable {
public:
    // What is mounted on exactly this place, or null. Lock-free under an epoch.
    static Mount* find(const Mount* parent, const Dentry* place);
    static SpinLock& lock() { return lock_; }

private:
    friend class MountNamespace;
    friend class Mount;
    static void insert_locked(Mount& mount);
    static void remove_locked(Mount& mount);
    static SpinLock lock_;
};

template <class Body>
void MountNamespace::for_each(Body&& body) {
    SpinGuard guard(MountTable::lock());
    for (Mount* mount = first_; mount; mount = mount->next())
        body(*mount);
}

// The one namespace of today; valid after fs::initialize.
const Ref<MountNamespace>& initial_mount_namespace();
Path namespace_root();  // of the initial namespace
void set_initial_mount_namespace(Ref<MountNamespace> mount_namespace);

}  // namespace gyre
