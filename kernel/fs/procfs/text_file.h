// SPDX-License-Identifier: MIT
//
// An open text file of /proc. The text is made when the first byte is read, whole, and read from
// until somebody goes back to the start: so what one open file shows is consistent in itself.
#pragma once

#include <memory>

#include "kernel/fs/file.h"
#include "kernel/fs/procfs/entry.h"
#include "kernel/sync/mutex.h"

namespace gyre::procfs {

class TextFile final : public File {
public:
    static constexpr size_t kMostWritten = 4096;

    TextFile(Path path, uint32_t flags, const Entry& entry, const Subject& subject)
        : File(std::move(path), flags, Signals::Readable | Signals::Writable),
          entry_(entry),
          subject_(subject) {}

    Result<size_t> read(IoCursor& to, Patience patience) override;
    Result<size_t> write(IoCursor& from, Patience patience) override;
    Result<size_t> read_at(IoCursor& to, uint64_t offset, Patience patience) override;
    Result<size_t> write_at(IoCursor& from, uint64_t offset, Patience patience) override;
    Result<uint64_t> seek(int64_t offset, int whence) override;

private:
    Result<size_t> read_locked(IoCursor& to, uint64_t offset);

    const Entry& entry_;
    const Subject subject_;
    // Outermost: what makes the text looks at anything, other files' positions too.
    Mutex lock_{LockRank::ProcessTree};
    std::unique_ptr<TextBuilder> content_;
    std::atomic<uint64_t> position_{0};
};

}  // namespace gyre::procfs
