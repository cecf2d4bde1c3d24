// SPDX-License-Identifier: MIT
//
// An inode: a file as such, whatever its names. It holds the attributes and, for a regular file,
// the content as a Vmo; read, write, mapping and sharing meet there. A file system derives its
// kinds of inode from this class and overrides what differs; the defaults are what Linux answers
// for a kind that cannot do it. Names are not here: the tree of names is the dentry cache's
// (dentry.h), which for the file systems of today is the whole truth about directories.
#pragma once

#include <atomic>
#include <cstdint>
#include <span>
#include <string_view>

#include "kernel/fs/path.h"
#include "kernel/memory/vmo.h"
#include "kernel/object/credentials.h"
#include "kernel/sync/epoch.h"
#include "kernel/sync/mutex.h"
#include "lib/base/result.h"

namespace gyre {

class File;
class Superblock;
enum class Protection : uint8_t;  // memory/address_space.h
struct FileLockList;              // file_locks.h
struct AttributeList;             // extended_attributes.h

// The S_* of inode(7).
namespace file_mode {
constexpr uint32_t kTypeMask = 0170000, kSocket = 0140000, kSymlink = 0120000, kRegular = 0100000,
                   kBlock = 0060000, kDirectory = 0040000, kCharacter = 0020000, kFifo = 0010000;
constexpr uint32_t kSetUser = 04000, kSetGroup = 02000, kSticky = 01000, kPermissions = 0777,
                   kAllBits = 07777;
}  // namespace file_mode

// What stat(2) and statx(2) tell. Times are nanoseconds since 1970.
struct FileStatus {
    uint64_t device = 0, inode = 0;
    uint32_t mode = 0, link_count = 0, uid = 0, gid = 0;
    uint64_t special_device = 0;
    uint64_t size = 0, blocks = 0;  // blocks of 512 bytes
    uint32_t block_size = 4096;
    int64_t access_ns = 0, modify_ns = 0, change_ns = 0, birth_ns = 0;
    uint64_t mount_id = 0;
    bool is_mount_root = false;
};

struct DirectoryEntry {
    uint64_t inode;
    int64_t next_offset;  // where reading goes on after this entry
    uint8_t type;         // DT_*: the type bits of the mode shifted by 12
    std::string_view name;
};

// Linux's encoding of device numbers (makedev(3)).
constexpr uint64_t make_device(uint32_t major, uint32_t minor) {
    return (uint64_t{major & 0xfffu} << 8) | (uint64_t{major & ~0xfffu} << 32) | (minor & 0xffu) |
           (uint64_t{minor & ~0xffu} << 12);
}
constexpr uint32_t device_major(uint64_t device) {
    return uint32_t(device >> 8 & 0xfff) | uint32_t(device >> 32 & ~uint64_t{0xfff});
}
constexpr uint32_t device_minor(uint64_t device) {
    return uint32_t(device & 0xff) | uint32_t(device >> 12 & ~uint64_t{0xff});
}

// What to make: type and permission bits (the umask is applied already), owner, and what the type
// needs.
struct NewNode {
    uint32_t mode;
    uint32_t uid, gid;
    uint64_t device = 0;           // character and block devices
    std::string_view target = {};  // symbolic links
};

enum class LinkKind : uint8_t {
    Text,     // text() is constant for the inode's life
    Dynamic,  // read_link() makes the text for who asks (/proc/self)
    Magic,    // follow() jumps to a place that may have no name (/proc/PID/fd/N)
};

// The moment as wall-clock time.
int64_t wall_clock_ns();

class Inode : public RefCounted {
public:
    Inode(Superblock& superblock, uint64_t number, uint32_t mode, uint32_t uid, uint32_t gid);
    virtual ~Inode();
    // The memory is read by lock-free path lookup, so it outlives the last reference by an epoch;
    // what may sleep is done before that in evict().
    void last_reference_gone();

    // ---- identity and attributes. Single fields are read without a lock; changes hold lock().
    Superblock& superblock() const { return superblock_; }
    uint64_t number() const { return number_; }
    uint32_t mode() const { return mode_.load(std::memory_order_relaxed); }
    uint32_t type() const { return mode() & file_mode::kTypeMask; }
    bool is_directory() const { return type() == file_mode::kDirectory; }
    bool is_regular() const { return type() == file_mode::kRegular; }
    bool is_symlink() const { return type() == file_mode::kSymlink; }
    uint32_t uid() const { return uid_.load(std::memory_order_relaxed); }
    uint32_t gid() const { return gid_.load(std::memory_order_relaxed); }
    uint32_t link_count() const { return link_count_.load(std::memory_order_relaxed); }
    void set_mode(uint32_t mode) { mode_.store(mode, std::memory_order_relaxed); }
    void set_owner(uint32_t uid, uint32_t gid);
    void add_links(int32_t difference);
    // How many names a directory holds, as far as they are entries of the cache.
    uint32_t entry_count() const { return entry_count_.load(std::memory_order_relaxed); }
    void add_entries(int32_t difference) {
        entry_count_.fetch_add(uint32_t(difference), std::memory_order_relaxed);
    }
    uint64_t device() const { return device_; }
    void set_device(uint64_t device) { device_ = device; }
    int64_t access_ns() const { return access_ns_.load(std::memory_order_relaxed); }
    int64_t modify_ns() const { return modify_ns_.load(std::memory_order_relaxed); }
    int64_t change_ns() const { return change_ns_.load(std::memory_order_relaxed); }
    void set_times(int64_t access_ns, int64_t modify_ns, int64_t change_ns);
    void touch_changed() { change_ns_.store(wall_clock_ns(), std::memory_order_relaxed); }
    void touch_modified();
    void touch_accessed_relatively();  // relatime: only when older than the last change or a day
    virtual void status(FileStatus& status);
    // Guards content changes (size, writes) and attribute changes.
    Mutex& lock() { return lock_; }
    // Guards the adding and removing of entries of a directory (the superblock's topology is held
    // shared then).
    Mutex& entries_lock() { return entries_lock_; }

    // ---- directories
    // For directories whose entries appear on demand: the inode of a name. Default NotFound.
    virtual Result<Ref<Inode>> look_up(std::string_view name);
    // Entries that are not in the cache, from `position` on (2 is the first after . and ..).
    // Default: none.
    using EmitEntry = bool (*)(void* argument, const DirectoryEntry& entry);
    virtual Status emit_dynamic_entries(uint64_t position, EmitEntry emit, void* argument);
    // An inode of this file system that has no name yet. Default NotPermitted.
    virtual Result<Ref<Inode>> make_node(const NewNode& node);
    // Whether a name in the cache still stands for this inode (a process may be gone).
    virtual bool is_stale() const { return false; }
    // A directory that was removed takes no new entries.
    bool is_dead_directory() const { return is_dead_.load(std::memory_order_relaxed); }
    void set_dead_directory() { is_dead_.store(true, std::memory_order_relaxed); }

    // A file without names may be given one (O_TMPFILE without O_EXCL); a file whose last name went may not. lock() held.
    bool may_be_named() const { return may_be_named_.load(std::memory_order_relaxed); }
    void set_may_be_named(bool value) { may_be_named_.store(value, std::memory_order_relaxed); }
    // Without a name, but still in use: what becomes read-only must have none of these (Superblock::orphans).
    void set_orphan(bool value);

    // ---- symbolic links
    virtual LinkKind link_kind() const { return LinkKind::Text; }
    virtual const char* text() const {
        return "";
    }  // zero-terminated, 8 readable bytes after the end
    // The text into `buffer`, without a zero; longer ones are cut. Default: text().
    virtual Result<size_t> read_link(std::span<char> buffer);
    virtual Result<Path> follow();

    // ---- content
    // The open file description of this inode; permission has been checked. Default: an InodeFile.
    virtual Result<Ref<File>> open(const Path& path, uint32_t flags);
    // The page cache, or null when the content is not pages. Made at first use. Errors: NoMemory.
    virtual Result<Vmo*> vmo() { return nullptr; }
    // Made already, or null.
    virtual Vmo* vmo_if_any() const { return nullptr; }
    virtual uint64_t size() const { return 0; }
    // Changes the size; lock() held. Errors: NoSpace, FileTooLarge, NotPermitted (seals),
    // InvalidArgument.
    virtual Status set_size_locked(uint64_t size);
    // Bytes in [offset, offset + length) are about to be written; lock() held. Checks seals and limits;
    // the answer is how many of the bytes have room, at least one.
    virtual Result<uint64_t> prepare_write_locked(uint64_t offset, uint64_t length);
    // What was written is in the Vmo up to `end`: the size grows to it if it was smaller.
    virtual void content_written_locked(uint64_t end);
    // A mapping is being made (seals): it may refuse, or take rights that mprotect could give from
    // `most`.
    virtual Status prepare_mapping(bool is_shared, bool writes, Protection& most);
    // fallocate: pages made present; the size grows unless it is kept.
    virtual Status allocate_locked(uint64_t offset, uint64_t length, bool keeps_size);
    virtual Status punch_locked(uint64_t offset,
                                uint64_t length);  // fallocate: pages thrown away, read as zero

    // fcntl(2) commands of this kind of inode (seals of a memfd). Default InvalidArgument.
    virtual Result<long> control(File& file, uint32_t command, uintptr_t argument);

    // ---- text busy: either written or executed
    Status begin_write_access();  // TextBusy while executed
    void end_write_access();
    Status begin_execution();  // TextBusy while open for writing
    void end_execution();

    std::atomic<FileLockList*>& file_locks() { return file_locks_; }
    // user.* and trusted.* attributes; null where the file system has none.
    virtual AttributeList* attributes() { return nullptr; }

    // A FIFO's pipe, shared by all who have it open.
    std::atomic<void*>& pipe_slot() { return pipe_; }

protected:
    // Lets go of pages and whatever else may sleep to free; no one else has a reference.
    virtual void evict() {}

private:
    epoch::Node node_;
    Superblock& superblock_;
    const uint64_t number_;
    std::atomic<uint32_t> mode_, uid_, gid_, link_count_{0}, entry_count_{0};
    std::atomic<int32_t> writers_{0};  // above zero: open for writing; below: being executed
    std::atomic<bool> is_dead_{false}, may_be_named_{false}, is_orphan_{false};
    std::atomic<int64_t> access_ns_, modify_ns_, change_ns_;
    const int64_t birth_ns_;
    uint64_t device_ = 0;
    Mutex lock_{LockRank::Inode};
    Mutex entries_lock_{LockRank::DirectoryParent};
    std::atomic<FileLockList*> file_locks_{nullptr};
    std::atomic<void*> pipe_{nullptr};
};

}  // namespace gyre
