// SPDX-License-Identifier: MIT
//
// mkdir(2), mknod(2), symlink(2), rmdir(2), unlink(2) and their *at forms, umask(2).
#include "call_handlers.h"
#include "kernel/fs/names.h"
#include "kernel/fs/permission.h"
#include "kernel/linux/file_paths.h"

namespace gyre::linux {

namespace {

// The checks before making a name that a program asked for (path_resolution(7); a trailing slash
// asks for a directory).
Status check_new_name(const ParentPlace& place, bool is_directory) {
    if (place.kind != LastKind::Name) return fail(Error::Exists);
    if (place.has_trailing_slash && !is_directory)
        return fail(fetch_entry(*place.parent.dentry, place.name) ? Error::Exists
                                                                  : Error::NotFound);
    return {};
}

NewNode new_node(CallContext& context, uint32_t mode) {
    const Credentials& credentials = context.credentials();
    return {mode & ~context.filesystem().umask(), credentials->filesystem_uid,
            credentials->filesystem_gid};
}

CallResult make_directory(CallContext& context, int dirfd, UserString pathname, uint32_t mode) {
    ParentPlace place;
    TRY_VOID(find_parent(context, dirfd, pathname, place));
    TRY_VOID(check_new_name(place, true));
    const uint32_t kept = mode & (file_mode::kPermissions | file_mode::kSticky);
    const NewNode node = new_node(context, file_mode::kDirectory | kept);
    TRY_VOID(names::make(place.parent, place.name, node, context.credentials()));
    return 0;
}

// Errors: NotPermitted (directories), InvalidArgument.
Status check_type(uint32_t type) {
    switch (type) {
        case 0:
        case file_mode::kRegular:
        case file_mode::kFifo:
        case file_mode::kSocket:
        case file_mode::kCharacter:
        case file_mode::kBlock:
            return {};
        case file_mode::kDirectory:
            return fail(Error::NotPermitted);
        default:
            return fail(Error::InvalidArgument);
    }
}

CallResult make_node(CallContext& context, int dirfd, UserString pathname, uint32_t mode,
                     uint32_t device) {
    uint32_t type = mode & file_mode::kTypeMask;
    TRY_VOID(check_type(type));
    if (type == 0) type = file_mode::kRegular;
    ParentPlace place;
    TRY_VOID(find_parent(context, dirfd, pathname, place));
    TRY_VOID(check_new_name(place, false));
    const Credentials& credentials = context.credentials();
    const bool is_device = type == file_mode::kCharacter || type == file_mode::kBlock;
    if (is_device && !credentials.has(Capability::Mknod)) {
        if (fetch_entry(*place.parent.dentry, place.name)) return fail(Error::Exists);
        TRY_VOID(check_writable(place.parent));
        TRY_VOID(permission::check_create(place.parent.dentry->inode(), credentials));
        return fail(Error::NotPermitted);
    }
    NewNode node = new_node(context, type | (mode & file_mode::kAllBits));
    if (is_device) node.device = device;
    TRY_VOID(names::make(place.parent, place.name, node, credentials));
    return 0;
}

CallResult make_symlink(CallContext& context, UserString target, int dirfd, UserString link_path) {
    PathText text;
    TRY_VOID(read_path(text, target));
    ParentPlace place;
    TRY_VOID(find_parent(context, dirfd, link_path, place));
    TRY_VOID(check_new_name(place, false));
    NewNode node = new_node(context, file_mode::kSymlink | 0777);
    node.mode = file_mode::kSymlink | 0777;
    node.target = text.view();
    TRY_VOID(names::make(place.parent, place.name, node, context.credentials()));
    return 0;
}

CallResult remove_name(CallContext& context, int dirfd, UserString pathname) {
    ParentPlace place;
    TRY_VOID(find_parent(context, dirfd, pathname, place));
    if (place.kind != LastKind::Name) return fail(Error::IsDirectory);
    TRY_VOID(
        names::unlink(place.parent, place.name, place.has_trailing_slash, context.credentials()));
    return 0;
}

CallResult remove_directory(CallContext& context, int dirfd, UserString pathname) {
    ParentPlace place;
    TRY_VOID(find_parent(context, dirfd, pathname, place));
    switch (place.kind) {
        case LastKind::DotDot:
            return fail(Error::NotEmpty);
        case LastKind::Dot:
            return fail(Error::InvalidArgument);
        case LastKind::Root:
            return fail(Error::Busy);
        case LastKind::Name:
            break;
    }
    TRY_VOID(names::remove_directory(place.parent, place.name, context.credentials()));
    return 0;
}

}  // namespace

CallResult sys_mkdir(CallContext& context, UserString pathname, uint32_t mode) {
    return make_directory(context, abi::kAtWorkingDirectory, pathname, mode);
}
CallResult sys_mkdirat(CallContext& context, int dirfd, UserString pathname, uint32_t mode) {
    return make_directory(context, dirfd, pathname, mode);
}

CallResult sys_mknod(CallContext& context, UserString pathname, uint32_t mode, uint32_t device) {
    return make_node(context, abi::kAtWorkingDirectory, pathname, mode, device);
}
CallResult sys_mknodat(CallContext& context, int dirfd, UserString pathname, uint32_t mode,
                       uint32_t device) {
    return make_node(context, dirfd, pathname, mode, device);
}

CallResult sys_symlink(CallContext& context, UserString target, UserString link_path) {
    return make_symlink(context, target, abi::kAtWorkingDirectory, link_path);
}
CallResult sys_symlinkat(CallContext& context, UserString target, int dirfd, UserString link_path) {
    return make_symlink(context, target, dirfd, link_path);
}

CallResult sys_rmdir(CallContext& context, UserString pathname) {
    return remove_directory(context, abi::kAtWorkingDirectory, pathname);
}
CallResult sys_unlink(CallContext& context, UserString pathname) {
    return remove_name(context, abi::kAtWorkingDirectory, pathname);
}
CallResult sys_unlinkat(CallContext& context, int dirfd, UserString pathname, int flags) {
    if (flags & ~abi::kAtRemoveDirectory) return fail(Error::InvalidArgument);
    return flags ? remove_directory(context, dirfd, pathname)
                 : remove_name(context, dirfd, pathname);
}

CallResult sys_umask(CallContext& context, uint32_t mask) {
    return static_cast<long>(context.filesystem().exchange_umask(mask));
}

}  // namespace gyre::linux
