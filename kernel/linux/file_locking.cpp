// SPDX-License-Identifier: MIT
//
// flock(2) and the record locks of fcntl(2).
#include "kernel/linux/file_locking.h"

#include "call_handlers.h"
#include "kernel/fs/dentry.h"
#include "kernel/fs/file_table.h"
#include "kernel/linux/errno.h"

namespace gyre::linux {

namespace {

enum LockNumber : int16_t { kRead = 0, kWrite = 1, kUnlock = 2 };  // F_RDLCK, F_WRLCK, F_UNLCK

Result<LockType> type_of(int16_t number) {
    switch (number) {
        case kRead:
            return LockType::Read;
        case kWrite:
            return LockType::Write;
        case kUnlock:
            return LockType::Unlock;
        default:
            return fail(Error::InvalidArgument);
    }
}

// The bytes that l_whence, l_start and l_len name. A negative length counts back from the start.
Status set_range(FileLockRequest& request, File& file, const abi::Flock& lock) {
    int64_t base = 0;
    if (lock.whence == 1)
        base = static_cast<int64_t>(TRY(file.seek(0, 1)));
    else if (lock.whence == 2)
        base = static_cast<int64_t>(file.path().dentry->inode().size());
    else if (lock.whence != 0)
        return fail(Error::InvalidArgument);
    int64_t start;
    if (__builtin_add_overflow(base, lock.start, &start)) return fail(Error::Overflow);
    if (start < 0) return fail(Error::InvalidArgument);
    if (lock.length == 0) {
        request.start = static_cast<uint64_t>(start);
        request.end = INT64_MAX;
        return {};
    }
    if (lock.length > 0) {
        int64_t end;
        if (__builtin_add_overflow(start, lock.length - 1, &end)) return fail(Error::Overflow);
        request.start = static_cast<uint64_t>(start);
        request.end = static_cast<uint64_t>(end);
        return {};
    }
    if (lock.length < -start) return fail(Error::InvalidArgument);
    request.start = static_cast<uint64_t>(start + lock.length);
    request.end = static_cast<uint64_t>(start - 1);
    return {};
}

Result<FileLockRequest> request_of(CallContext& context, File& file, LockFamily family,
                                   const abi::Flock& lock) {
    // Only files with an inode of their own hold locks (pipes and the like do not).
    if (!file.path().dentry) return fail(Error::InvalidArgument);
    const bool is_record = family == LockFamily::Record;
    // An open-file-description lock has no process; the field must say so.
    if (!is_record && lock.pid != 0) return fail(Error::InvalidArgument);
    FileLockRequest request{family, TRY(type_of(lock.type)),
                            is_record ? static_cast<const void*>(&context.files()) : &file,
                            is_record ? context.process.pid() : -1};
    TRY_VOID(set_range(request, file, lock));
    return request;
}

}  // namespace

CallResult get_record_lock(CallContext& context, File& file, LockFamily family,
                           uintptr_t argument) {
    abi::Flock lock = TRY(UserIn<abi::Flock>(argument).read());
    if (lock.type != kRead && lock.type != kWrite) return fail(Error::InvalidArgument);
    const FileLockRequest request = TRY(request_of(context, file, family, lock));
    const auto conflict = file_locks::test(file.path().dentry->inode(), request);
    if (!conflict) {
        lock.type = kUnlock;
    } else {
        lock.type = conflict->type == LockType::Read ? kRead : kWrite;
        lock.whence = 0;
        lock.start = static_cast<int64_t>(conflict->start);
        lock.length = conflict->end >= INT64_MAX
                          ? 0
                          : static_cast<int64_t>(conflict->end - conflict->start + 1);
        lock.pid = conflict->pid;
    }
    TRY_VOID(UserOut<abi::Flock>(argument).write(lock));
    return 0;
}

CallResult set_record_lock(CallContext& context, File& file, LockFamily family, uintptr_t argument,
                           bool waits) {
    const abi::Flock lock = TRY(UserIn<abi::Flock>(argument).read());
    const FileLockRequest request = TRY(request_of(context, file, family, lock));
    if (request.type == LockType::Read && !file.can_read()) return fail(Error::BadDescriptor);
    if (request.type == LockType::Write && !file.can_write()) return fail(Error::BadDescriptor);
    const Status locked = file_locks::set(file.path().dentry->inode(), request,
                                          waits ? Patience::forever() : Patience::none());
    if (!locked) return fail(restartable(locked.error()));
    return 0;
}

CallResult sys_flock(CallContext& context, int fd, int operation) {
    constexpr int kShared = 1, kExclusive = 2, kNonBlocking = 4, kRelease = 8;
    LockType type;
    switch (operation & ~kNonBlocking) {
        case kShared:
            type = LockType::Read;
            break;
        case kExclusive:
            type = LockType::Write;
            break;
        case kRelease:
            type = LockType::Unlock;
            break;
        default:
            return fail(Error::InvalidArgument);
    }
    const Ref<File> file = TRY(context.files().get(fd));
    if (type != LockType::Unlock && !file->can_read() && !file->can_write())
        return fail(Error::BadDescriptor);
    if (!file->path().dentry) return fail(Error::InvalidArgument);
    const FileLockRequest request{LockFamily::Flock, type, file.get(), context.process.pid()};
    const Patience patience = operation & kNonBlocking ? Patience::none() : Patience::forever();
    const Status locked = file_locks::set(file->path().dentry->inode(), request, patience);
    if (!locked) return fail(restartable(locked.error()));
    return 0;
}

}  // namespace gyre::linux
