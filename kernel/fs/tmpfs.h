// SPDX-License-Identifier: MIT
//
// tmpfs: a file system whose names are the dentry cache and whose content is Vmos. It is the root,
// /tmp, /dev/shm and, under another name, /dev; memfd takes its regular files from here. tmpfs(5).
#pragma once

#include <atomic>
#include <cstdint>
#include <span>
#include <string_view>

#include "kernel/fs/extended_attributes.h"
#include "kernel/fs/inode.h"
#include "kernel/fs/superblock.h"

namespace gyre {

struct TmpfsOptions {
    uint64_t page_limit = 0;   // 0: none
    uint64_t inode_limit = 0;  // 0: none
    uint32_t mode = 01777;
    uint32_t uid = 0, gid = 0;
};

class TmpfsSuperblock final : public Superblock {
public:
    // Errors: NoMemory.
    static Result<Ref<TmpfsSuperblock>> create(const char* type_name, const TmpfsOptions& options);
    void statistics(FilesystemStatistics& statistics) override;
    size_t options(std::span<char> buffer) const override;
    Status remount(std::string_view options) override;

    Status take_inode();  // Errors: NoSpace
    void return_inode() { inodes_used_.fetch_sub(1, std::memory_order_relaxed); }
    // Whether so many pages more would still be within the limit.
    bool has_room(uint64_t page_count) const {
        const uint64_t limit = page_limit_.load(std::memory_order_relaxed);
        return limit == 0 || pages_used_.load(std::memory_order_relaxed) + page_count <= limit;
    }
    void account_pages(int64_t difference) {
        pages_used_.fetch_add(uint64_t(difference), std::memory_order_relaxed);
    }

private:
    TmpfsSuperblock(const char* type_name, const TmpfsOptions& options);
    friend Result<Ref<TmpfsSuperblock>> make_ref<TmpfsSuperblock>(const char*&,
                                                                  const TmpfsOptions&);

    std::atomic<uint64_t> page_limit_, inode_limit_;
    std::atomic<uint64_t> pages_used_{0}, inodes_used_{0};
    const uint32_t root_mode_, root_uid_, root_gid_;
};

// Everything but regular files and symbolic links.
class TmpfsInode : public Inode {
public:
    TmpfsInode(TmpfsSuperblock& superblock, uint32_t mode, uint32_t uid, uint32_t gid)
        : Inode(superblock, superblock.next_inode_number(), mode, uid, gid), tmpfs_(superblock) {}
    // Errors: NoSpace, NoMemory, NameTooLong (a link's text).
    static Result<Ref<Inode>> make(TmpfsSuperblock& superblock, const NewNode& node);
    Result<Ref<Inode>> make_node(const NewNode& node) override;
    AttributeList* attributes() override { return &attributes_; }
    void status(FileStatus& status) override;
    TmpfsSuperblock& tmpfs() const { return tmpfs_; }

protected:
    void evict() override { tmpfs_.return_inode(); }

private:
    TmpfsSuperblock& tmpfs_;
    AttributeList attributes_;
};

// A regular file. memfd derives from it to add seals.
class TmpfsRegular : public TmpfsInode {
public:
    using TmpfsInode::TmpfsInode;
    Result<Vmo*> vmo() override;
    Vmo* vmo_if_any() const override { return vmo_.load(std::memory_order_acquire); }
    uint64_t size() const override { return size_.load(std::memory_order_acquire); }
    Status set_size_locked(uint64_t size) override;
    Result<uint64_t> prepare_write_locked(uint64_t offset, uint64_t length) override;
    void content_written_locked(uint64_t end) override;
    Status allocate_locked(uint64_t offset, uint64_t length, bool keeps_size) override;
    Status punch_locked(uint64_t offset, uint64_t length) override;
    void status(FileStatus& status) override;

protected:
    void evict() override;

private:
    // How many of the bytes have room, less than all only near the limit.
    uint64_t room_for(uint64_t offset, uint64_t length);
    // Brings the superblock's count up to date with what the Vmo holds now.
    void account();

    std::atomic<Vmo*> vmo_{nullptr};  // a reference
    std::atomic<uint64_t> size_{0};
    std::atomic<uint64_t> pages_accounted_{0};
};

extern FilesystemType tmpfs_type;

// Parses "size=10%,mode=755" and the like over what `options` holds. Errors: InvalidArgument.
Status parse_tmpfs_options(std::string_view text, TmpfsOptions& options);

}  // namespace gyre
