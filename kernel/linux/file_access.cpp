// SPDX-License-Identifier: MIT
//
// access(2), faccessat(2), faccessat2(2): may the real user do this?
#include "call_handlers.h"
#include "kernel/fs/permission.h"
#include "kernel/linux/file_paths.h"

namespace gyre::linux {

namespace {

constexpr uint32_t kNoSetuidFixup = 1u << 2;  // SECBIT_NO_SETUID_FIXUP

// The credentials with the real identities in place of the effective ones. Mostly they are the
// same.
Result<Ref<Credentials>> real_credentials(CallContext& context) {
    const Credentials& now = context.credentials();
    CredentialValues values = now.values();
    values.filesystem_uid = values.uid;
    values.filesystem_gid = values.gid;
    if (!(values.securebits & kNoSetuidFixup))
        values.effective = values.uid == 0 ? values.permitted : 0;
    const CredentialValues& old = now.values();
    if (old.filesystem_uid == values.filesystem_uid &&
        old.filesystem_gid == values.filesystem_gid && old.effective == values.effective)
        return Ref<Credentials>();
    return Credentials::create(values, now.groups());
}

Status check_place(const Path& place, const Credentials& credentials, uint32_t want) {
    const Inode& inode = place.dentry->inode();
    if ((want & permission::kExecute) && inode.is_regular() &&
        (place.mount->flags() & mount_flags::kNoExecute))
        return fail(Error::AccessDenied);
    TRY_VOID(permission::check(inode, credentials, want));
    const bool is_special = !inode.is_regular() && !inode.is_directory() && !inode.is_symlink();
    if ((want & permission::kWrite) && !is_special) return check_writable(place);
    return {};
}

CallResult access_at(CallContext& context, int dirfd, UserString pathname, int mode, int flags) {
    if (mode & ~7) return fail(Error::InvalidArgument);
    if (flags & ~(abi::kAtEffectiveAccess | abi::kAtSymlinkNoFollow | abi::kAtEmptyPath))
        return fail(Error::InvalidArgument);
    Ref<Credentials> real;
    if (!(flags & abi::kAtEffectiveAccess)) real = TRY(real_credentials(context));
    const Credentials& credentials = real ? *real : context.credentials();

    PathText text;
    if (!(flags & abi::kAtEmptyPath) || !pathname.is_null()) TRY_VOID(text.read(pathname));
    Path place;
    if (text.is_empty()) {
        if (!(flags & abi::kAtEmptyPath)) return fail(Error::NotFound);
        place =
            TRY(find_place_or_descriptor(context, dirfd, UserString(), LookupFlag::None, flags));
    } else {
        const LookupContext view = TRY(lookup_context(context, dirfd, text));
        const LookupContext as_real{view.root, view.base, credentials};
        place = TRY(look_up(as_real, text, follow_unless((flags & abi::kAtSymlinkNoFollow) != 0)));
    }
    if (mode == 0) return 0;
    TRY_VOID(check_place(place, credentials, static_cast<uint32_t>(mode)));
    return 0;
}

}  // namespace

CallResult sys_access(CallContext& context, UserString pathname, int mode) {
    return access_at(context, abi::kAtWorkingDirectory, pathname, mode, 0);
}

CallResult sys_faccessat(CallContext& context, int dirfd, UserString pathname, int mode) {
    return access_at(context, dirfd, pathname, mode, 0);
}

CallResult sys_faccessat2(CallContext& context, int dirfd, UserString pathname, int mode,
                          int flags) {
    return access_at(context, dirfd, pathname, mode, flags);
}

}  // namespace gyre::linux
