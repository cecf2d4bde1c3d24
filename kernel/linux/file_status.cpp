// SPDX-License-Identifier: MIT
//
// stat(2), statx(2) and their relatives.
#include "call_handlers.h"
#include "kernel/fs/inode.h"
#include "kernel/linux/file_paths.h"

namespace gyre::linux {

namespace {

constexpr int64_t kNsPerSecond = 1'000'000'000;

// Times before 1970 round down, so that the nanoseconds are never negative.
constexpr abi::Timespec to_timespec(int64_t ns) {
    int64_t seconds = ns / kNsPerSecond;
    int64_t rest = ns % kNsPerSecond;
    if (rest < 0) [[unlikely]] {
        rest += kNsPerSecond;
        --seconds;
    }
    return {seconds, rest};
}

CallResult write_status(const FileStatus& status, UserOut<abi::Stat> to) {
    const abi::Stat stat{
        .device = status.device,
        .inode = status.inode,
        .links = status.link_count,
        .mode = status.mode,
        .uid = status.uid,
        .gid = status.gid,
        .padding = 0,
        .special_device = status.special_device,
        .size = static_cast<int64_t>(status.size),
        .block_size = status.block_size,
        .blocks = static_cast<int64_t>(status.blocks),
        .access_time = to_timespec(status.access_ns),
        .modification_time = to_timespec(status.modify_ns),
        .change_time = to_timespec(status.change_ns),
        .reserved = {},
    };
    TRY_VOID(to.write(stat));
    return 0;
}

Status status_of_place(const Path& place, FileStatus& status) {
    place.dentry->inode().status(status);
    status.mount_id = place.mount ? place.mount->number() : 0;
    status.is_mount_root = place.mount && &place.mount->root() == place.dentry.get();
    return {};
}

// By path, or by descriptor alone when the path is empty and that is allowed.
Status status_at(CallContext& context, int dirfd, UserString pathname, int flags,
                 FileStatus& status) {
    PathText text;
    if (!(flags & abi::kAtEmptyPath) || !pathname.is_null()) TRY_VOID(text.read(pathname));
    if (text.is_empty()) {
        if (!(flags & abi::kAtEmptyPath)) return fail(Error::NotFound);
        if (dirfd == abi::kAtWorkingDirectory)
            return status_of_place(context.filesystem().working_directory(), status);
        const Ref<File> file = TRY(context.files().get_any(dirfd));
        return file->status(status);
    }
    const LookupContext view = TRY(lookup_context(context, dirfd, text));
    const Path place =
        TRY(look_up(view, text, follow_unless((flags & abi::kAtSymlinkNoFollow) != 0)));
    return status_of_place(place, status);
}

CallResult stat_at(CallContext& context, int dirfd, UserString pathname, int flags,
                   UserOut<abi::Stat> to) {
    FileStatus status;
    TRY_VOID(status_at(context, dirfd, pathname, flags, status));
    return write_status(status, to);
}

abi::StatxTime to_statx_time(int64_t ns) {
    const abi::Timespec time = to_timespec(ns);
    return {time.seconds, static_cast<uint32_t>(time.nanoseconds), 0};
}

}  // namespace

CallResult sys_stat(CallContext& context, UserString pathname, UserOut<abi::Stat> status) {
    return stat_at(context, abi::kAtWorkingDirectory, pathname, 0, status);
}

CallResult sys_lstat(CallContext& context, UserString pathname, UserOut<abi::Stat> status) {
    return stat_at(context, abi::kAtWorkingDirectory, pathname, abi::kAtSymlinkNoFollow, status);
}

CallResult sys_fstat(CallContext& context, int fd, UserOut<abi::Stat> status) {
    const Ref<File> file = TRY(context.files().get_any(fd));
    FileStatus facts;
    TRY_VOID(file->status(facts));
    return write_status(facts, status);
}

CallResult sys_newfstatat(CallContext& context, int dirfd, UserString pathname,
                          UserOut<abi::Stat> status, int flags) {
    if (flags & ~(abi::kAtSymlinkNoFollow | abi::kAtNoAutomount | abi::kAtEmptyPath))
        return fail(Error::InvalidArgument);
    return stat_at(context, dirfd, pathname, flags, status);
}

CallResult sys_statx(CallContext& context, int dirfd, UserString pathname, int flags, uint32_t mask,
                     UserOut<abi::Statx> to) {
    constexpr uint32_t kReserved = 0x8000'0000;
    constexpr uint32_t kBasic = 0x7ff, kBirthTime = 0x800, kMountId = 0x1000,
                       kUniqueMountId = 0x4000;
    // No number is given twice here; where Linux begins, none can be taken for one of the old kind.
    constexpr uint64_t kFirstUniqueMountId = uint64_t{1} << 31;
    constexpr uint64_t kAttributeMountRoot = 0x2000;
    constexpr int kSyncFlags = abi::kAtStatxForceSync | abi::kAtStatxDontSync;
    if (mask & kReserved) return fail(Error::InvalidArgument);
    if (flags & ~(abi::kAtSymlinkNoFollow | abi::kAtNoAutomount | abi::kAtEmptyPath | kSyncFlags))
        return fail(Error::InvalidArgument);
    if ((flags & kSyncFlags) == kSyncFlags) return fail(Error::InvalidArgument);
    FileStatus status;
    TRY_VOID(status_at(context, dirfd, pathname, flags, status));
    const abi::Statx statx{
        .mask = kBasic | kBirthTime | (mask & kUniqueMountId ? kUniqueMountId : kMountId),
        .block_size = status.block_size,
        .attributes = status.is_mount_root ? kAttributeMountRoot : 0,
        .links = status.link_count,
        .uid = status.uid,
        .gid = status.gid,
        .mode = static_cast<uint16_t>(status.mode),
        .padding = 0,
        .inode = status.inode,
        .size = status.size,
        .blocks = status.blocks,
        .attributes_mask = kAttributeMountRoot,
        .access_time = to_statx_time(status.access_ns),
        .birth_time = to_statx_time(status.birth_ns),
        .change_time = to_statx_time(status.change_ns),
        .modification_time = to_statx_time(status.modify_ns),
        .special_major = device_major(status.special_device),
        .special_minor = device_minor(status.special_device),
        .device_major = device_major(status.device),
        .device_minor = device_minor(status.device),
        .mount_id = mask & kUniqueMountId ? kFirstUniqueMountId + status.mount_id : status.mount_id,
        .direct_memory_alignment = 0,
        .direct_offset_alignment = 0,
        .spare = {},
    };
    TRY_VOID(to.write(statx));
    return 0;
}

}  // namespace gyre::linux
