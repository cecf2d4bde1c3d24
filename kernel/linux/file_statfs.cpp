// SPDX-License-Identifier: MIT
//
// statfs(2), fstatfs(2), sync(2), syncfs(2).
#include "call_handlers.h"
#include "kernel/linux/file_paths.h"

namespace gyre::linux {

namespace {

// ST_*: bits 0..3 are MS_RDONLY, NOSUID, NODEV, NOEXEC; the rest has numbers of its own.
int64_t statfs_flags(const Mount& mount) {
    constexpr int64_t kValid = 0x20, kNoAccessTime = 0x400, kNoDirectoryAccessTime = 0x800,
                      kRelativeAccessTime = 0x1000;
    int64_t flags = kValid | (mount.flags() & 15u);
    if (mount.is_read_only()) flags |= mount_flags::kReadOnly;
    if (mount.flags() & mount_flags::kNoAccessTime)
        flags |= kNoAccessTime;
    else if (!(mount.flags() & mount_flags::kStrictAccessTime))
        flags |= kRelativeAccessTime;
    if (mount.flags() & mount_flags::kNoDirectoryAccessTime) flags |= kNoDirectoryAccessTime;
    return flags;
}

CallResult write_statfs(const FilesystemStatistics& facts, int64_t flags, UserOut<abi::Statfs> to) {
    const abi::Statfs statfs{
        .type = static_cast<int64_t>(facts.magic),
        .block_size = static_cast<int64_t>(facts.block_size),
        .blocks = facts.blocks,
        .blocks_free = facts.blocks_free,
        .blocks_available = facts.blocks_available,
        .files = facts.files,
        .files_free = facts.files_free,
        .id = {static_cast<int32_t>(facts.identifier),
               static_cast<int32_t>(facts.identifier >> 32)},
        .name_length = static_cast<int64_t>(facts.name_length),
        .fragment_size = static_cast<int64_t>(facts.block_size),
        .flags = flags,
        .spare = {},
    };
    TRY_VOID(to.write(statfs));
    return 0;
}

CallResult statfs_place(const Path& place, UserOut<abi::Statfs> to) {
    FilesystemStatistics facts;
    place.dentry->inode().superblock().statistics(facts);
    return write_statfs(facts, place.mount ? statfs_flags(*place.mount) : 0, to);
}

}  // namespace

CallResult sys_statfs(CallContext& context, UserString pathname, UserOut<abi::Statfs> buffer) {
    const Path place =
        TRY(find_place(context, abi::kAtWorkingDirectory, pathname, LookupFlag::Follow));
    return statfs_place(place, buffer);
}

CallResult sys_fstatfs(CallContext& context, int fd, UserOut<abi::Statfs> buffer) {
    const Ref<File> file = TRY(context.files().get_any(fd));
    if (!file->path().is_empty()) return statfs_place(file->path(), buffer);
    // Pipes and the like: only their magic numbers tell them apart.
    constexpr uint64_t kPipeMagic = 0x5049'5045, kAnonymousMagic = 0x0904'1934;
    FileStatus status;
    TRY_VOID(file->status(status));
    FilesystemStatistics facts;
    facts.magic =
        (status.mode & file_mode::kTypeMask) == file_mode::kFifo ? kPipeMagic : kAnonymousMagic;
    return write_statfs(facts, 0, buffer);
}

// All file systems are in memory: what is written is where it stays.
CallResult sys_sync(CallContext&) {
    return 0;
}

CallResult sys_syncfs(CallContext& context, int fd) {
    TRY_VOID(context.files().get(fd));
    return 0;
}

}  // namespace gyre::linux
