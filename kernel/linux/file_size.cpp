// SPDX-License-Identifier: MIT
//
// lseek(2), truncate(2), ftruncate(2), fallocate(2), and the advice and synchronization calls on
// one file.
#include "call_handlers.h"
#include "kernel/fs/file_table.h"
#include "kernel/fs/permission.h"
#include "kernel/linux/file_limits.h"
#include "kernel/linux/file_paths.h"

namespace gyre::linux {

namespace {

// RLIMIT_FSIZE for a new size: growing beyond it fails, whatever part would fit.
Status check_size_limit(const Inode& inode, uint64_t size) {
    if (size <= inode.size()) return {};
    if (TRY(allowed_file_bytes(size - 1, 1)) != 1) return fail(Error::FileTooLarge);
    return {};
}

Status truncate_place(const Path& place, uint64_t size) {
    Inode& inode = place.dentry->inode();
    TRY_VOID(inode.begin_write_access());
    Status done;
    {
        MutexGuard guard(inode.lock());
        done = check_size_limit(inode, size);
        if (done) done = inode.set_size_locked(size);
        if (done) {
            permission::drop_privileges_on_write_locked(inode);
            inode.touch_modified();
        }
    }
    inode.end_write_access();
    return done;
}

constexpr int kKeepSize = 1, kPunchHole = 2, kZeroRange = 16;  // FALLOC_FL_*
constexpr int kKnownModes = 0x7f;

// Zeroing a range is punching it and, as the mode wants pages there, making it present again.
Status allocate(Inode& inode, int mode, uint64_t offset, uint64_t length) {
    MutexGuard guard(inode.lock());
    if (mode & kPunchHole) {
        TRY_VOID(inode.punch_locked(offset, length));
    } else {
        if (!(mode & kKeepSize)) TRY_VOID(check_size_limit(inode, offset + length));
        TRY_VOID(inode.allocate_locked(offset, length, (mode & kKeepSize) != 0));
    }
    inode.touch_modified();
    return {};
}

}  // namespace

CallResult sys_lseek(CallContext& context, int fd, int64_t offset, int whence) {
    const Ref<File> file = TRY(context.files().get(fd));
    constexpr int kLastWhence = 4;
    if (whence < 0 || whence > kLastWhence) return fail(Error::InvalidArgument);
    return static_cast<long>(TRY(file->seek(offset, whence)));
}

CallResult sys_truncate(CallContext& context, UserString pathname, int64_t length) {
    if (length < 0) return fail(Error::InvalidArgument);
    const Path place =
        TRY(find_place(context, abi::kAtWorkingDirectory, pathname, LookupFlag::Follow));
    const Inode& inode = place.dentry->inode();
    if (inode.is_directory()) return fail(Error::IsDirectory);
    if (!inode.is_regular()) return fail(Error::InvalidArgument);
    TRY_VOID(check_writable(place));
    TRY_VOID(permission::check(inode, context.credentials(), permission::kWrite));
    TRY_VOID(truncate_place(place, static_cast<uint64_t>(length)));
    return 0;
}

CallResult sys_ftruncate(CallContext& context, int fd, int64_t length) {
    if (length < 0) return fail(Error::InvalidArgument);
    const Ref<File> file = TRY(context.files().get(fd));
    if (!file->can_write()) return fail(Error::InvalidArgument);
    if (file->path().dentry && file->path().dentry->inode().is_regular())
        TRY_VOID(check_size_limit(file->path().dentry->inode(), static_cast<uint64_t>(length)));
    TRY_VOID(file->truncate(static_cast<uint64_t>(length)));
    return 0;
}

CallResult sys_fallocate(CallContext& context, int fd, int mode, int64_t offset, int64_t length) {
    const Ref<File> file = TRY(context.files().get(fd));
    if (offset < 0 || length <= 0) return fail(Error::InvalidArgument);
    if (mode & ~kKnownModes) return fail(Error::NotSupported);
    if ((mode & kPunchHole) && (mode & kZeroRange)) return fail(Error::NotSupported);
    if ((mode & kPunchHole) && !(mode & kKeepSize)) return fail(Error::NotSupported);
    if (!file->can_write()) return fail(Error::BadDescriptor);
    FileStatus status;
    TRY_VOID(file->status(status));
    if ((status.mode & file_mode::kTypeMask) == file_mode::kFifo) return fail(Error::IllegalSeek);
    if ((status.mode & file_mode::kTypeMask) == file_mode::kDirectory)
        return fail(Error::IsDirectory);
    if (!file->path().dentry || !file->path().dentry->inode().is_regular())
        return fail(Error::NoDevice);
    int64_t end;
    if (__builtin_add_overflow(offset, length, &end)) return fail(Error::FileTooLarge);
    if (mode & ~(kKeepSize | kPunchHole)) return fail(Error::NotSupported);
    TRY_VOID(allocate(file->path().dentry->inode(), mode, static_cast<uint64_t>(offset),
                      static_cast<uint64_t>(length)));
    return 0;
}

CallResult sys_fsync(CallContext& context, int fd) {
    const Ref<File> file = TRY(context.files().get(fd));
    TRY_VOID(file->synchronize(false));
    return 0;
}

CallResult sys_fdatasync(CallContext& context, int fd) {
    const Ref<File> file = TRY(context.files().get(fd));
    TRY_VOID(file->synchronize(true));
    return 0;
}

CallResult sys_sync_file_range(CallContext& context, int fd, int64_t offset, int64_t count,
                               uint32_t flags) {
    const Ref<File> file = TRY(context.files().get(fd));
    int64_t end;
    if ((flags & ~7u) || offset < 0 || count < 0 || __builtin_add_overflow(offset, count, &end))
        return fail(Error::InvalidArgument);
    FileStatus status;
    TRY_VOID(file->status(status));
    switch (status.mode & file_mode::kTypeMask) {
        case file_mode::kRegular:
        case file_mode::kDirectory:
        case file_mode::kBlock:
        case file_mode::kSymlink:
            break;
        default:
            return fail(Error::IllegalSeek);
    }
    return 0;
}

// Everything is in memory already, so advice changes nothing; it is only checked.
CallResult sys_fadvise64(CallContext& context, int fd, int64_t, int64_t length, int advice) {
    constexpr int kLastAdvice = 5;
    const Ref<File> file = TRY(context.files().get(fd));
    FileStatus status;
    TRY_VOID(file->status(status));
    if ((status.mode & file_mode::kTypeMask) == file_mode::kFifo) return fail(Error::IllegalSeek);
    if (length < 0 || advice < 0 || advice > kLastAdvice) return fail(Error::InvalidArgument);
    return 0;
}

CallResult sys_readahead(CallContext& context, int fd, int64_t, size_t count) {
    const Ref<File> file = TRY(context.files().get_for_read(fd));
    FileStatus status;
    TRY_VOID(file->status(status));
    const uint32_t type = status.mode & file_mode::kTypeMask;
    if (type != file_mode::kRegular && type != file_mode::kBlock)
        return fail(Error::InvalidArgument);
    if (count > size_t{INT64_MAX}) return fail(Error::InvalidArgument);
    return 0;
}

}  // namespace gyre::linux
