// SPDX-License-Identifier: MIT
//
// dup(2), dup2(2), dup3(2), fcntl(2), ioctl(2). Record locks are in file_locking.cpp.
#include "call_handlers.h"
#include "kernel/fs/dentry.h"
#include "kernel/fs/file_table.h"
#include "kernel/fs/inode.h"
#include "kernel/fs/permission.h"
#include "kernel/linux/errno.h"
#include "kernel/linux/file_locking.h"
#include "kernel/linux/file_owner.h"

namespace gyre::linux {

namespace {

using namespace open_flags;

// F_*
enum Command : int {
    kDuplicate = 0,
    kGetDescriptorFlags = 1,
    kSetDescriptorFlags = 2,
    kGetStatusFlags = 3,
    kSetStatusFlags = 4,
    kGetLock = 5,
    kSetLock = 6,
    kSetLockWait = 7,
    kGetOpenFileLock = 36,
    kSetOpenFileLock = 37,
    kSetOpenFileLockWait = 38,
    kSetLease = 1024,
    kGetLease = 1025,
    kDuplicateQuery = 1027,
    kDuplicateCloseOnExec = 1030,
};

// What F_SETFL may change; the rest of its argument is ignored.
constexpr uint32_t kSettable = kAppend | kNonBlock | kDirect | kNoAccessTime;

CallResult set_status_flags(CallContext& context, File& file, uint32_t wanted) {
    const uint32_t old = file.status_flags();
    const uint32_t fresh = (old & ~kSettable) | (wanted & kSettable);
    // Signal-driven input and output does not exist.
    if (wanted & kAsync) return fail(Error::InvalidArgument);
    if ((fresh & ~old & kNoAccessTime) && file.path().dentry &&
        !permission::is_owner_or_capable(file.path().dentry->inode(), context.credentials()))
        return fail(Error::NotPermitted);
    TRY_VOID(file.flags_changed(old, fresh));
    file.set_status_flags(fresh);
    return 0;
}

// Nobody is told here when another opens the file, so no lease is given: the refusals are those of a Linux file system
// without leases, in its order (F_SETLEASE of fcntl(2)).
CallResult set_lease(CallContext& context, const File& file, uint64_t type) {
    constexpr uint64_t kNoLease = 2;                        // F_UNLCK
    if (type == kNoLease) return fail(Error::WouldBlock);   // there is none to give up
    const Inode* inode = file.path().dentry ? &file.path().dentry->inode() : nullptr;
    if (inode && inode->uid() != context.credentials()->filesystem_uid && !context.credentials().has(Capability::Lease))
        return fail(Error::AccessDenied);
    return fail(Error::InvalidArgument);
}

CallResult duplicate(CallContext& context, Ref<File> file, uint64_t minimum, bool close_on_exec) {
    const uint64_t limit = context.limit(kLimitFiles);
    if (minimum >= limit || minimum > INT32_MAX) return fail(Error::InvalidArgument);
    return TRY(
        context.files().install(std::move(file), close_on_exec, limit, static_cast<int>(minimum)));
}

CallResult duplicate_to(CallContext& context, int old_fd, int new_fd, bool close_on_exec) {
    FileTable& files = context.files();
    if (static_cast<uint64_t>(static_cast<uint32_t>(new_fd)) >= context.limit(kLimitFiles))
        return fail(Error::BadDescriptor);
    Ref<File> file = TRY(files.get_any(old_fd));
    TRY_VOID(files.install_at(new_fd, std::move(file), close_on_exec, context.limit(kLimitFiles)));
    return new_fd;
}

Status set_close_on_exec(CallContext& context, int fd, bool value) {
    return context.files().slots().set_bits(static_cast<uint32_t>(fd),
                                            value ? FileTable::kCloseOnExec : 0);
}

Status set_non_blocking(CallContext& context, File& file, bool value) {
    const uint32_t old = file.status_flags();
    const uint32_t wanted = (old & kSettable & ~kNonBlock) | (value ? kNonBlock : 0);
    TRY_VOID(set_status_flags(context, file, wanted));
    return {};
}

}  // namespace

CallResult sys_dup(CallContext& context, int fd) {
    Ref<File> file = TRY(context.files().get_any(fd));
    return TRY(context.files().install(std::move(file), false, context.limit(kLimitFiles)));
}

CallResult sys_dup2(CallContext& context, int old_fd, int new_fd) {
    if (old_fd == new_fd) {
        TRY(context.files().get_any(old_fd));
        return new_fd;
    }
    return duplicate_to(context, old_fd, new_fd, false);
}

CallResult sys_dup3(CallContext& context, int old_fd, int new_fd, int flags) {
    if (static_cast<uint32_t>(flags) & ~kCloseOnExec) return fail(Error::InvalidArgument);
    if (old_fd == new_fd) return fail(Error::InvalidArgument);
    return duplicate_to(context, old_fd, new_fd, flags != 0);
}

CallResult sys_fcntl(CallContext& context, int fd, int command, uint64_t argument) {
    Ref<File> file = TRY(context.files().get_any(fd));
    switch (command) {
        case kDuplicate:
            return duplicate(context, std::move(file), argument, false);
        case kDuplicateCloseOnExec:
            return duplicate(context, std::move(file), argument, true);
        case kGetDescriptorFlags:
            return static_cast<long>(
                TRY(context.files().slots().get_entry(static_cast<uint32_t>(fd))).bits);
        case kSetDescriptorFlags:
            TRY_VOID(set_close_on_exec(context, fd, (argument & 1) != 0));
            return 0;
        case kGetStatusFlags:
            return static_cast<long>(file->status_flags());
        case kDuplicateQuery:
            return TRY(context.files().get_any(static_cast<int>(argument))) == file ? 1 : 0;
        default:
            break;
    }
    if (file->status_flags() & kPath) return fail(Error::BadDescriptor);
    switch (command) {
        case kSetStatusFlags:
            return set_status_flags(context, *file, static_cast<uint32_t>(argument));
        case kGetLock:
            return get_record_lock(context, *file, LockFamily::Record, argument);
        case kSetLock:
            return set_record_lock(context, *file, LockFamily::Record, argument, false);
        case kSetLockWait:
            return set_record_lock(context, *file, LockFamily::Record, argument, true);
        case kGetOpenFileLock:
            return get_record_lock(context, *file, LockFamily::OpenFile, argument);
        case kSetOpenFileLock:
            return set_record_lock(context, *file, LockFamily::OpenFile, argument, false);
        case kSetOpenFileLockWait:
            return set_record_lock(context, *file, LockFamily::OpenFile, argument, true);
        case kSetLease:
            return set_lease(context, *file, argument);
        case kGetLease:
            return 2;  // F_UNLCK: nobody holds one
        case kSetOwner:
            return set_owner(*file, static_cast<int>(argument));
        case kGetOwner:
            return get_owner(*file);
        case kSetOwnerSignal:
            return set_owner_signal(*file, argument);
        case kGetOwnerSignal:
            return file->signal_owner().signal;
        case kSetOwnerExtended:
            return set_owner_extended(*file, argument);
        case kGetOwnerExtended:
            return get_owner_extended(*file, argument);
        default:
            return file->control(context, static_cast<uint32_t>(command), argument);
    }
}

CallResult sys_ioctl(CallContext& context, int fd, uint32_t command, uint64_t argument) {
    constexpr uint32_t kSetNonBlocking = 0x5421, kSetCloseOnExec = 0x5451,
                       kClearCloseOnExec = 0x5450, kSetAsync = 0x5452, kBytesToRead = 0x541b;
    const Ref<File> file = TRY(context.files().get(fd));
    switch (command) {
        case kSetCloseOnExec:
            TRY_VOID(set_close_on_exec(context, fd, true));
            return 0;
        case kClearCloseOnExec:
            TRY_VOID(set_close_on_exec(context, fd, false));
            return 0;
        case kSetNonBlocking: {
            const int32_t value = TRY(UserIn<int32_t>(argument).read());
            TRY_VOID(set_non_blocking(context, *file, value != 0));
            return 0;
        }
        case kSetAsync:
            if (TRY(UserIn<int32_t>(argument).read()) != 0) return fail(Error::NotTerminal);
            return 0;
        case kBytesToRead:
            if (file->path().dentry && file->path().dentry->inode().is_regular()) {
                const uint64_t position = TRY(file->seek(0, 1));
                const auto left =
                    static_cast<int64_t>(file->path().dentry->inode().size() - position);
                TRY_VOID(UserOut<int32_t>(argument).write(static_cast<int32_t>(left)));
                return 0;
            }
            break;
        default:
            break;
    }
    const Result<long> done = file->ioctl(context, command, argument);
    if (!done) return fail(restartable(done.error()));
    return *done;
}

}  // namespace gyre::linux
