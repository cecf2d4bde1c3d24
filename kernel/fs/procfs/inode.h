// SPDX-License-Identifier: MIT
//
// The inodes of /proc. They are made when a path is walked and forgotten when nobody holds them.
#pragma once

#include "kernel/fs/procfs/entry.h"

namespace gyre::procfs {

// A number that is the same each time, and different for different things with any likelihood.
uint64_t inode_number(const Subject& subject, const void* what, uint64_t which = 0);

// Belongs to the process's effective user, as its files do on Linux; root's when nobody may inspect
// it.
class ProcInode : public Inode {
public:
    ProcInode(Superblock& superblock, uint64_t number, uint32_t mode, const Subject& subject);
    bool is_stale() const override;
    void status(FileStatus& status) override;
    const Subject& subject() const { return subject_; }

private:
    const Subject subject_;
};

// A directory whose entries stand in a table.
class TableDirectory : public ProcInode {
public:
    TableDirectory(Superblock& superblock, uint64_t number, uint32_t mode,
                   std::span<const Entry> entries, const Subject& subject)
        : ProcInode(superblock, number, mode, subject), entries_(entries) {}
    Result<Ref<Inode>> look_up(std::string_view name) override;
    Status emit_dynamic_entries(uint64_t position, EmitEntry emit, void* argument) override;

protected:
    std::span<const Entry> entries() const { return entries_; }
    // Lists the table from `position` on; false when the receiver is full. Whoever lists more behind the table needs to know.
    bool emit_table(uint64_t position, EmitEntry emit, void* argument);

private:
    const std::span<const Entry> entries_;
};

class RootDirectory final : public TableDirectory {
public:
    explicit RootDirectory(Superblock& superblock);
    Result<Ref<Inode>> look_up(std::string_view name) override;
    Status emit_dynamic_entries(uint64_t position, EmitEntry emit, void* argument) override;
};

class EntryFile final : public ProcInode {
public:
    EntryFile(Superblock& superblock, const Entry& entry, const Subject& subject)
        : ProcInode(superblock, inode_number(subject, &entry), entry.mode, subject),
          entry_(entry) {}
    Result<Ref<File>> open(const Path& path, uint32_t flags) override;
    // O_TRUNC is taken and means nothing.
    Status set_size_locked(uint64_t) override { return {}; }
    const Entry& entry() const { return entry_; }

private:
    const Entry& entry_;
};

class EntryLink final : public ProcInode {
public:
    EntryLink(Superblock& superblock, const Entry& entry, const Subject& subject)
        : ProcInode(superblock, inode_number(subject, &entry), entry.mode, subject),
          entry_(entry) {}
    LinkKind link_kind() const override {
        return entry_.follow ? LinkKind::Magic : LinkKind::Dynamic;
    }
    Result<size_t> read_link(std::span<char> buffer) override {
        return entry_.read_link(subject(), buffer);
    }
    Result<Path> follow() override { return entry_.follow(subject()); }

private:
    const Entry& entry_;
};

// A decimal number without leading zeros, as the names of processes and descriptors are. Errors:
// NotFound.
Result<int32_t> parse_name_number(std::string_view name);
// Emits a number as an entry; false when the receiver is full.
bool emit_number(Inode::EmitEntry emit, void* argument, uint64_t inode, uint64_t number,
                 uint64_t next_position, uint32_t mode);

}  // namespace gyre::procfs
