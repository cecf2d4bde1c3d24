// SPDX-License-Identifier: MIT
//
// Listing a directory.
#include "kernel/fs/directory_file.h"

#include "kernel/fs/dentry.h"
#include "kernel/fs/mount.h"
#include "kernel/fs/superblock.h"

namespace gyre {

Result<size_t> DirectoryFile::read(IoCursor&, Patience) {
    return fail(Error::IsDirectory);
}
Result<size_t> DirectoryFile::read_at(IoCursor&, uint64_t, Patience) {
    return fail(Error::IsDirectory);
}

Result<uint64_t> DirectoryFile::seek(int64_t offset, int whence) {
    MutexGuard guard(position_lock_);
    uint64_t base = 0;
    if (whence == 1)
        base = position_;
    else if (whence != 0)
        return fail(Error::InvalidArgument);
    const int64_t to = static_cast<int64_t>(base) + offset;
    if (to < 0) return fail(Error::InvalidArgument);
    position_ = static_cast<uint64_t>(to);
    return position_;
}

Status DirectoryFile::synchronize(bool) {
    return {};
}

namespace {

// Remembers how far the receiver got.
struct Progress {
    File::EmitEntry emit;
    void* argument;
    uint64_t position;
    bool is_full = false;

    static bool take(void* self, const DirectoryEntry& entry) {
        auto& progress = *static_cast<Progress*>(self);
        if (!progress.emit(progress.argument, entry)) {
            progress.is_full = true;
            return false;
        }
        progress.position = static_cast<uint64_t>(entry.next_offset);
        return true;
    }
};

}  // namespace

Status DirectoryFile::read_directory(EmitEntry emit, void* argument) {
    constexpr uint8_t kTypeDirectory = file_mode::kDirectory >> 12;
    Dentry& directory = *path().dentry;
    Inode& inode = directory.inode();
    if (inode.is_dead_directory()) return fail(Error::NotFound);
    MutexGuard guard(position_lock_);
    Progress progress{emit, argument, position_};
    if (progress.position == 0) Progress::take(&progress, {inode.number(), 1, kTypeDirectory, "."});
    if (progress.position == 1) {
        const uint64_t number =
            DentryCache::with_stable_names([&] { return directory.parent()->inode().number(); });
        Progress::take(&progress, {number, 2, kTypeDirectory, ".."});
    }
    Status listed;
    if (!progress.is_full) {
        if (inode.superblock().entries() == Superblock::Entries::Cached)
            DentryCache::list(directory, progress.position, &Progress::take, &progress);
        else
            listed = inode.emit_dynamic_entries(progress.position, &Progress::take, &progress);
    }
    position_ = progress.position;
    if (!(status_flags() & open_flags::kNoAccessTime) &&
        !(path().mount->flags() &
          (mount_flags::kNoAccessTime | mount_flags::kNoDirectoryAccessTime)) &&
        !path().mount->is_read_only())
        inode.touch_accessed_relatively();
    return listed;
}

}  // namespace gyre
