// SPDX-License-Identifier: MIT
//
// Open regular files: reading and writing through the inode's Vmo, which is the page cache and for
// the file systems of today also the disk. Works for every inode that has a Vmo (tmpfs, memfd).
#pragma once

#include "kernel/fs/file.h"
#include "kernel/fs/inode.h"
#include "kernel/sync/mutex.h"

namespace gyre {

class InodeFile final : public File {
public:
    InodeFile(Path path, uint32_t flags)
        : File(std::move(path), flags, Signals::Readable | Signals::Writable) {}
    ~InodeFile() override;

    // Keeps exec, or writers, away until the file is closed; a writer also keeps the mount writable. Errors: TextBusy,
    // ReadOnlyFilesystem. Once, by who opens it.
    Status begin_execution();
    Status begin_writing();

    Result<size_t> read(IoCursor& to, Patience patience) override;
    Result<size_t> write(IoCursor& from, Patience patience) override;
    Result<size_t> read_at(IoCursor& to, uint64_t offset, Patience patience) override;
    Result<size_t> write_at(IoCursor& from, uint64_t offset, Patience patience) override;
    Result<uint64_t> seek(int64_t offset, int whence) override;
    Status truncate(uint64_t size) override;
    Status synchronize(bool data_only) override;
    Result<Ref<Vmo>> mappable(MapRequest& request) override;
    Result<Ref<MappingSource>> mapping_source() override;

private:
    Inode& inode() const;
    void accessed();

    Mutex position_lock_{LockRank::FilePosition};
    std::atomic<uint64_t> position_{0};
    bool is_executing_ = false;
    bool is_writing_ = false;
};

// Content of an inode without a description. Reading stops at its size; writing extends it (append:
// at the end, whose offset comes back in `offset`). Errors: NoSpace, FileTooLarge, NoMemory,
// BadAddress, NotPermitted (seals).
Result<size_t> read_content(Inode& inode, IoCursor& to, uint64_t offset);
Result<size_t> write_content(Inode& inode, IoCursor& from, uint64_t& offset, bool is_append);

// Whether a page is there or a hole.
bool is_page_present(Vmo& vmo, uint64_t page_index);

constexpr uint64_t kMostFileBytes = uint64_t{INT64_MAX};

}  // namespace gyre
