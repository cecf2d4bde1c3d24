// SPDX-License-Identifier: MIT
//
// A mounted instance of a file system: its inodes' numbers, its root, its statistics; and the
// registry of the kinds.
#pragma once

#include <atomic>
#include <cstdint>
#include <span>
#include <string_view>

#include "kernel/fs/dentry.h"
#include "kernel/fs/inode.h"
#include "kernel/fs/writer_count.h"

namespace gyre {

struct FilesystemStatistics {  // statfs(2)
    uint64_t magic = 0, block_size = kPageSize, blocks = 0, blocks_free = 0, blocks_available = 0,
             files = 0, files_free = 0, identifier = 0, name_length = 255;
};

class Superblock : public RefCounted {
public:
    // What the tree of names means for this file system.
    enum class Entries : uint8_t {
        Cached,   // every entry is a dentry and stays one: a miss in the cache is the answer
        Dynamic,  // what the cache misses is asked of the directory's look_up()
    };
    explicit Superblock(const char* type_name, Entries entries);
    virtual ~Superblock();

    const char* type_name() const { return type_name_; }
    Entries entries() const { return entries_; }
    uint64_t device() const { return device_; }
    uint64_t next_inode_number() { return next_number_.fetch_add(1, std::memory_order_relaxed); }
    const Ref<Dentry>& root() const { return root_; }
    // Files that are open for writing through any mount.
    WriterCount& writers() { return writers_; }
    bool is_read_only() const { return writers_.is_read_only(); }
    // Files whose last name is gone and that are still open: their end would be a change of the file system.
    bool has_orphans() const { return orphans_.load(std::memory_order_acquire) != 0; }
    void count_orphan(int32_t difference) { orphans_.fetch_add(difference, std::memory_order_acq_rel); }
    // Renames and removals of directories hold it alone, all other changes of names shared (with
    // the directory's entries_lock). So nobody ever holds two directories at once.
    RwMutex& topology() { return topology_; }
    virtual void statistics(FilesystemStatistics& statistics) = 0;
    // ",size=64k" and the like for /proc/mounts; returns the length.
    virtual size_t options(std::span<char> buffer) const;
    // Errors: InvalidArgument for an option that is unknown.
    virtual Status remount(std::string_view options);
    // How many mounts show it. drop_mount() is true for the last one; then the pinned tree is
    // thrown away.
    void add_mount() { mounts_.fetch_add(1, std::memory_order_relaxed); }
    [[nodiscard]] bool drop_mount() { return mounts_.fetch_sub(1, std::memory_order_acq_rel) == 1; }
    void release_tree();

protected:
    void set_root(Ref<Dentry> root) { root_ = static_cast<Ref<Dentry>&&>(root); }

private:
    const char* const type_name_;
    const Entries entries_;
    const uint64_t device_;
    std::atomic<uint64_t> next_number_{1};
    WriterCount writers_;
    std::atomic<int32_t> orphans_{0};
    std::atomic<uint32_t> mounts_{0};
    Ref<Dentry> root_;
    RwMutex topology_{LockRank::Rename};
};

// A kind of file system that mount(2) knows.
struct FilesystemType {
    const char* name;
    bool needs_device;
    Result<Ref<Superblock>> (*make)(std::string_view source, std::string_view options);
    FilesystemType* next = nullptr;
};
void register_filesystem(FilesystemType& type);  // during bring-up only
FilesystemType* find_filesystem(std::string_view name);
FilesystemType* first_filesystem();

}  // namespace gyre
