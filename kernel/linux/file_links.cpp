// SPDX-License-Identifier: MIT
//
// link(2), rename(2), renameat2(2), readlink(2).
#include <algorithm>
#include <cstring>

#include "call_handlers.h"
#include "kernel/fs/names.h"
#include "kernel/linux/file_paths.h"

namespace gyre::linux {

namespace {

CallResult link_at(CallContext& context, int old_dirfd, UserString old_path, int new_dirfd,
                   UserString new_path, int flags) {
    if (flags & ~(abi::kAtSymlinkFollow | abi::kAtEmptyPath)) return fail(Error::InvalidArgument);
    const LookupFlag follow = follow_unless((flags & abi::kAtSymlinkFollow) == 0);
    // Giving a name to a descriptor could give away what its path never showed (open(2),
    // O_TMPFILE).
    if ((flags & abi::kAtEmptyPath) && !context.credentials().has(Capability::DacReadSearch))
        flags &= ~abi::kAtEmptyPath;
    const Path existing =
        TRY(find_place_or_descriptor(context, old_dirfd, old_path, follow, flags));
    ParentPlace to;
    TRY_VOID(find_parent(context, new_dirfd, new_path, to));
    if (to.kind != LastKind::Name) return fail(Error::Exists);
    if (to.has_trailing_slash)
        return fail(fetch_entry(*to.parent.dentry, to.name) ? Error::Exists : Error::NotFound);
    TRY_VOID(names::link(existing, to.parent, to.name, context.credentials()));
    return 0;
}

CallResult rename_at(CallContext& context, int old_dirfd, UserString old_path, int new_dirfd,
                     UserString new_path, uint32_t flags) {
    if (flags & ~uint32_t{names::kNoReplace | names::kExchange})
        return fail(Error::InvalidArgument);
    if ((flags & names::kNoReplace) && (flags & names::kExchange))
        return fail(Error::InvalidArgument);
    ParentPlace from, to;
    TRY_VOID(find_parent(context, old_dirfd, old_path, from));
    TRY_VOID(find_parent(context, new_dirfd, new_path, to));
    if (from.parent.mount != to.parent.mount) return fail(Error::CrossDevice);
    if (from.kind != LastKind::Name) return fail(Error::Busy);
    if (to.kind != LastKind::Name)
        return fail(flags & names::kNoReplace ? Error::Exists : Error::Busy);
    TRY_VOID(names::rename({from.parent, from.name, from.has_trailing_slash},
                           {to.parent, to.name, to.has_trailing_slash}, flags,
                           context.credentials()));
    return 0;
}

CallResult read_dynamic_link(Inode& inode, UserOut<std::byte> buffer, size_t size) {
    constexpr size_t kMostBytes = 4096;
    auto* text = new (std::nothrow) char[kMostBytes];
    if (!text) return fail(Error::NoMemory);
    const Result<size_t> length = inode.read_link({text, std::min(size, kMostBytes)});
    const Status written =
        length ? buffer.write_all(std::as_bytes(std::span(text, *length))) : fail(length.error());
    delete[] text;
    if (!written) return fail(written.error());
    return static_cast<long>(*length);
}

CallResult read_link_at(CallContext& context, int dirfd, UserString pathname,
                        UserOut<std::byte> buffer, int size) {
    if (size <= 0) return fail(Error::InvalidArgument);
    PathText text;
    TRY_VOID(text.read(pathname));
    Path place;
    if (text.is_empty()) {
        // An O_PATH descriptor of the link itself.
        if (dirfd == abi::kAtWorkingDirectory) return fail(Error::NotFound);
        place = TRY(context.files().get_any(dirfd))->path();
        if (place.is_empty() || !place.dentry->inode().is_symlink()) return fail(Error::NotFound);
    } else {
        const LookupContext view = TRY(lookup_context(context, dirfd, text));
        place = TRY(look_up(view, text, LookupFlag::None));
    }
    Inode& inode = place.dentry->inode();
    if (!inode.is_symlink()) return fail(Error::InvalidArgument);
    inode.touch_accessed_relatively();
    if (inode.link_kind() != LinkKind::Text)
        return read_dynamic_link(inode, buffer, static_cast<size_t>(size));
    const std::string_view target = inode.text();
    const size_t length = std::min(target.size(), static_cast<size_t>(size));
    TRY_VOID(buffer.write_all(std::as_bytes(std::span(target.data(), length))));
    return static_cast<long>(length);
}

}  // namespace

CallResult sys_link(CallContext& context, UserString old_path, UserString new_path) {
    return link_at(context, abi::kAtWorkingDirectory, old_path, abi::kAtWorkingDirectory, new_path,
                   0);
}
CallResult sys_linkat(CallContext& context, int old_dirfd, UserString old_path, int new_dirfd,
                      UserString new_path, int flags) {
    return link_at(context, old_dirfd, old_path, new_dirfd, new_path, flags);
}

CallResult sys_rename(CallContext& context, UserString old_path, UserString new_path) {
    return rename_at(context, abi::kAtWorkingDirectory, old_path, abi::kAtWorkingDirectory,
                     new_path, 0);
}
CallResult sys_renameat(CallContext& context, int old_dirfd, UserString old_path, int new_dirfd,
                        UserString new_path) {
    return rename_at(context, old_dirfd, old_path, new_dirfd, new_path, 0);
}
CallResult sys_renameat2(CallContext& context, int old_dirfd, UserString old_path, int new_dirfd,
                         UserString new_path, uint32_t flags) {
    return rename_at(context, old_dirfd, old_path, new_dirfd, new_path, flags);
}

CallResult sys_readlink(CallContext& context, UserString pathname, UserOut<std::byte> buffer,
                        int size) {
    return read_link_at(context, abi::kAtWorkingDirectory, pathname, buffer, size);
}
CallResult sys_readlinkat(CallContext& context, int dirfd, UserString pathname,
                          UserOut<std::byte> buffer, int size) {
    return read_link_at(context, dirfd, pathname, buffer, size);
}

}  // namespace gyre::linux
