// SPDX-License-Identifier: MIT
//
// Nameless pipes as places. Nearly no pipe needs an inode, so one is made only when somebody walks
// to a pipe through /proc/PID/fd ("cat /dev/stdin" in a pipeline); it shows the same number as the
// pipe's open ends.
#include "kernel/fs/dentry.h"
#include "kernel/fs/mount.h"
#include "kernel/fs/pipe.h"
#include "kernel/fs/superblock.h"
#include "lib/base/format.h"

namespace gyre {
namespace {

constexpr uint64_t kMagic = 0x50495045;  // PIPEFS_MAGIC
constexpr uint32_t kMode = file_mode::kFifo | 0600;

class PipeSuperblock final : public Superblock {
public:
    PipeSuperblock() : Superblock("pipefs", Entries::Cached) {}
    void statistics(FilesystemStatistics& statistics) override { statistics.magic = kMagic; }
    using Superblock::set_root;
};

class PipeInode final : public Inode {
public:
    PipeInode(Superblock& superblock, Ref<Pipe> pipe, const FileStatus& status)
        : Inode(superblock, pipe->number(), kMode, status.uid, status.gid),
          pipe_(std::move(pipe)),
          device_(status.device) {
        add_links(1);
    }
    void status(FileStatus& status) override {
        Inode::status(status);
        status.device = device_;
    }
    // Without waiting for the other side, unlike a FIFO.
    Result<Ref<File>> open(const Path& path, uint32_t flags) override {
        if ((flags & open_flags::kAccessMode) == open_flags::kAccessMode)
            return fail(Error::InvalidArgument);
        return Ref<File>(TRY(make_ref<PipeFile>(path, flags, pipe_, nullptr)));
    }

private:
    const Ref<Pipe> pipe_;
    const uint64_t device_;
};

// Taken with nothing of the file systems' held but what comes before an inode's lock.
constinit Mutex g_lock{LockRank::Inode};
Ref<Mount> g_mount;

Result<Ref<Mount>> hidden_mount() {
    MutexGuard guard(g_lock);
    if (!g_mount) {
        Ref<PipeSuperblock> superblock = TRY(make_ref<PipeSuperblock>());
        Ref<Inode> inode =
            TRY(make_ref<Inode>(*superblock, uint64_t{0}, file_mode::kDirectory | 0555u, 0u, 0u));
        Ref<Dentry> root = TRY(Dentry::create(nullptr, "pipe:", std::move(inode)));
        superblock->set_root(root);
        g_mount = TRY(Mount::create(std::move(superblock), std::move(root), 0, "pipefs"));
    }
    return g_mount;
}

}  // namespace

Result<Path> pipe_place(PipeFile& end) {
    Ref<Mount> mount = TRY(hidden_mount());
    FileStatus status;
    TRY_VOID(end.status(status));
    Ref<Inode> inode = TRY(make_ref<PipeInode>(mount->superblock(), end.pipe_reference(), status));
    char name[32];
    const size_t length = format_to(name, "[{}]", end.pipe().number());
    Ref<Dentry> dentry = TRY(Dentry::create(&mount->root(), {name, length}, std::move(inode)));
    return Path(std::move(mount), std::move(dentry));
}

}  // namespace gyre
