// SPDX-License-Identifier: MIT
//
// Open directories: listing them. Positions 0 and 1 are "." and ".."; the rest are cookies that
// entries keep for life, so a listing survives changes made meanwhile.
#pragma once

#include "kernel/fs/file.h"
#include "kernel/fs/inode.h"
#include "kernel/sync/mutex.h"

namespace gyre {

class DirectoryFile final : public File {
public:
    DirectoryFile(Path path, uint32_t flags)
        : File(std::move(path), flags, Signals::Readable | Signals::Writable) {}
    Result<size_t> read(IoCursor& to, Patience patience) override;  // IsDirectory
    Result<size_t> read_at(IoCursor& to, uint64_t offset, Patience patience) override;
    Result<uint64_t> seek(int64_t offset, int whence) override;
    Status synchronize(bool data_only) override;
    // `emit` runs under a spin lock: it must not touch user memory.
    Status read_directory(EmitEntry emit, void* argument) override;

private:
    Mutex position_lock_{LockRank::FilePosition};
    uint64_t position_ = 0;
};

}  // namespace gyre
