// SPDX-License-Identifier: MIT
//
// chmod(2), chown(2) and their relatives.
#include "call_handlers.h"
#include "kernel/fs/permission.h"
#include "kernel/linux/file_paths.h"

namespace gyre::linux {

namespace {

constexpr uint32_t kKeep = UINT32_MAX;  // -1 as an owner or group

// Kernel-made trees (/proc) have the attributes that the kernel gives them.
Status check_changeable(const Path& place) {
    TRY_VOID(check_writable(place));
    if (place.dentry->inode().superblock().entries() == Superblock::Entries::Dynamic)
        return fail(Error::NotPermitted);
    return {};
}

bool is_in_group(const Credentials& credentials, uint32_t gid) {
    return credentials->filesystem_gid == gid || credentials.is_in_group(gid);
}

Status change_mode(const Path& place, uint32_t mode, const Credentials& credentials) {
    TRY_VOID(check_changeable(place));
    Inode& inode = place.dentry->inode();
    if (inode.is_symlink()) return fail(Error::NotSupported);
    MutexGuard guard(inode.lock());
    if (!permission::is_owner_or_capable(inode, credentials)) return fail(Error::NotPermitted);
    mode &= file_mode::kAllBits;
    if (!is_in_group(credentials, inode.gid()) && !credentials.has(Capability::Fsetid))
        mode &= ~file_mode::kSetGroup;
    inode.set_mode(inode.type() | mode);
    inode.touch_changed();
    return {};
}

Status change_owner(const Path& place, uint32_t owner, uint32_t group,
                    const Credentials& credentials) {
    TRY_VOID(check_changeable(place));
    Inode& inode = place.dentry->inode();
    MutexGuard guard(inode.lock());
    const bool is_capable = credentials.has(Capability::Chown);
    const bool is_owner = inode.uid() == credentials->filesystem_uid;
    if (owner != kKeep && !is_capable && !(is_owner && owner == inode.uid()))
        return fail(Error::NotPermitted);
    if (group != kKeep && !is_capable &&
        !(is_owner && (group == inode.gid() || is_in_group(credentials, group))))
        return fail(Error::NotPermitted);
    // A program that ran with its owner's rights must not do so for the next one; even root's chown
    // clears the bits.
    if (!inode.is_directory()) permission::drop_privileges_locked(inode);
    inode.set_owner(owner == kKeep ? inode.uid() : owner, group == kKeep ? inode.gid() : group);
    inode.touch_changed();
    return {};
}

CallResult chmod_at(CallContext& context, int dirfd, UserString pathname, uint32_t mode,
                    int flags) {
    const LookupFlag follow = follow_unless((flags & abi::kAtSymlinkNoFollow) != 0);
    const Path place = TRY(find_place_or_descriptor(context, dirfd, pathname, follow, flags));
    TRY_VOID(change_mode(place, mode, context.credentials()));
    return 0;
}

CallResult chown_at(CallContext& context, int dirfd, UserString pathname, uint32_t owner,
                    uint32_t group, int flags) {
    if (flags & ~(abi::kAtSymlinkNoFollow | abi::kAtEmptyPath)) return fail(Error::InvalidArgument);
    const LookupFlag follow = follow_unless((flags & abi::kAtSymlinkNoFollow) != 0);
    const Path place = TRY(find_place_or_descriptor(context, dirfd, pathname, follow, flags));
    TRY_VOID(change_owner(place, owner, group, context.credentials()));
    return 0;
}

// The place behind a descriptor; pipes and the like have attributes that nobody can change. Errors:
// BadDescriptor.
Result<Path> place_of(CallContext& context, int fd) {
    const Ref<File> file = TRY(context.files().get(fd));
    if (file->path().is_empty()) return fail(Error::NotSupported);
    return file->path();
}

}  // namespace

CallResult sys_chmod(CallContext& context, UserString pathname, uint32_t mode) {
    return chmod_at(context, abi::kAtWorkingDirectory, pathname, mode, 0);
}
CallResult sys_fchmod(CallContext& context, int fd, uint32_t mode) {
    const Path place = TRY(place_of(context, fd));
    TRY_VOID(change_mode(place, mode, context.credentials()));
    return 0;
}
CallResult sys_fchmodat(CallContext& context, int dirfd, UserString pathname, uint32_t mode) {
    return chmod_at(context, dirfd, pathname, mode, 0);
}
CallResult sys_fchmodat2(CallContext& context, int dirfd, UserString pathname, uint32_t mode,
                         int flags) {
    if (flags & ~(abi::kAtSymlinkNoFollow | abi::kAtEmptyPath)) return fail(Error::InvalidArgument);
    return chmod_at(context, dirfd, pathname, mode, flags);
}

CallResult sys_chown(CallContext& context, UserString pathname, uint32_t owner, uint32_t group) {
    return chown_at(context, abi::kAtWorkingDirectory, pathname, owner, group, 0);
}
CallResult sys_lchown(CallContext& context, UserString pathname, uint32_t owner, uint32_t group) {
    return chown_at(context, abi::kAtWorkingDirectory, pathname, owner, group,
                    abi::kAtSymlinkNoFollow);
}
CallResult sys_fchown(CallContext& context, int fd, uint32_t owner, uint32_t group) {
    const Path place = TRY(place_of(context, fd));
    TRY_VOID(change_owner(place, owner, group, context.credentials()));
    return 0;
}
CallResult sys_fchownat(CallContext& context, int dirfd, UserString pathname, uint32_t owner,
                        uint32_t group, int flags) {
    return chown_at(context, dirfd, pathname, owner, group, flags);
}

}  // namespace gyre::linux
