// SPDX-License-Identifier: MIT
//
// open(2), in the order of Linux's checks.
#include "kernel/fs/open.h"

#include <utility>

#include "kernel/fs/inode_file.h"
#include "kernel/fs/mount.h"
#include "kernel/fs/names.h"
#include "kernel/fs/path_file.h"
#include "kernel/fs/permission.h"
#include "kernel/fs/superblock.h"
#include "kernel/schedule/thread.h"

namespace gyre {

namespace {

using namespace open_flags;

// What a description remembers of the flags it was opened with.
constexpr uint32_t kTransient = kCreate | kExclusive | kTruncate | kCloseOnExec;

uint32_t wanted_rights(uint32_t flags) {
    switch (flags & kAccessMode) {
        case kReadOnly:
            return flags & kTruncate ? permission::kRead | permission::kWrite : permission::kRead;
        case kWriteOnly:
            return permission::kWrite;
        default:
            return permission::kRead | permission::kWrite;
    }
}

bool writes(uint32_t flags) {
    return (flags & kAccessMode) != kReadOnly || (flags & kTruncate) != 0;
}

Status check_open(const Path& place, uint32_t flags, const Credentials& credentials) {
    const Inode& inode = place.dentry->inode();
    switch (inode.type()) {
        case file_mode::kSymlink:
            return fail(Error::SymlinkLoop);
        case file_mode::kDirectory:
            if (writes(flags)) return fail(Error::IsDirectory);
            break;
        case file_mode::kCharacter:
        case file_mode::kBlock:
            if (place.mount->flags() & mount_flags::kNoDevices) return fail(Error::AccessDenied);
            break;
        case file_mode::kRegular:
            if (writes(flags) && place.mount->is_read_only())
                return fail(Error::ReadOnlyFilesystem);
            break;
        default:
            break;
    }
    TRY_VOID(permission::check(inode, credentials, wanted_rights(flags)));
    if ((flags & kNoAccessTime) && !permission::is_owner_or_capable(inode, credentials))
        return fail(Error::NotPermitted);
    return {};
}

Status truncate_opened(Inode& inode) {
    TRY_VOID(inode.begin_write_access());
    Status done;
    {
        MutexGuard guard(inode.lock());
        done = inode.set_size_locked(0);
        if (done) {
            permission::drop_privileges_on_write_locked(inode);
            inode.touch_modified();
        }
    }
    inode.end_write_access();
    return done;
}

// Finds or makes the last component. The walk stops before it, because what is there decides how it
// goes on.
Result<Ref<File>> open_or_create_once(const LookupContext& context, const PathText& path,
                                      const OpenRequest& request) {
    PathWalker walker(context, path.text(), request.resolve);
    TRY_VOID(walker.to_parent());
    for (;;) {
        if (walker.last_kind() != LastKind::Name) return fail(Error::IsDirectory);
        const Path parent = TRY(walker.take());
        if (walker.has_trailing_slash()) return fail(Error::IsDirectory);
        if (!parent.dentry->inode().is_directory()) return fail(Error::NotDirectory);
        Result<Ref<Dentry>> found = fetch_entry(*parent.dentry, walker.last());
        if (!found) {
            if (found.error() != Error::NotFound) return fail(found.error());
            const NewNode node{file_mode::kRegular | (request.mode & file_mode::kAllBits),
                               context.credentials->filesystem_uid,
                               context.credentials->filesystem_gid};
            Result<Ref<Dentry>> made =
                names::make(parent, walker.last(), node, context.credentials);
            if (made)
                return open_place(Path(parent.mount, std::move(*made)), request,
                                  context.credentials, true);
            // Somebody else made it first: then it is opened, unless it must be ours.
            if (made.error() == Error::Exists)
                return fail(request.flags & kExclusive ? Error::Exists : Error::Stale);
            return fail(made.error());
        }
        Ref<Dentry> entry = std::move(*found);
        if (request.flags & kExclusive) return fail(Error::Exists);
        if (entry->inode().is_symlink()) {
            if (request.flags & kNoFollow) return fail(Error::SymlinkLoop);
            if (entry->inode().link_kind() == LinkKind::Magic) {
                const Path place = TRY(entry->inode().follow());
                if (place.dentry->inode().is_directory()) return fail(Error::IsDirectory);
                return open_place(place, request, context.credentials, false);
            }
            TRY_VOID(walker.follow_last(*entry));
            TRY_VOID(walker.to_parent());
            continue;
        }
        const Path place = topmost(Path(parent.mount, std::move(entry)));
        if (place.dentry->inode().is_directory()) return fail(Error::IsDirectory);
        return open_place(place, request, context.credentials, false);
    }
}

Result<Ref<File>> open_or_create(const LookupContext& context, const PathText& path,
                                 const OpenRequest& request) {
    if (path.is_empty()) return fail(Error::NotFound);
    for (;;) {
        Result<Ref<File>> file = open_or_create_once(context, path, request);
        if (file || file.error() != Error::Stale) return file;
        Thread::preemption_point();
    }
}

}  // namespace

Result<Ref<File>> open_path(const LookupContext& context, const PathText& path,
                            const OpenRequest& request) {
    const uint32_t flags = request.flags;
    LookupFlag lookup = request.resolve;
    if (!(flags & kNoFollow)) lookup = lookup | LookupFlag::Follow;
    if (flags & kPath) {
        if (flags & kDirectory) lookup = lookup | LookupFlag::MustBeDirectory;
        Path place = TRY(look_up(context, path, lookup));
        Ref<PathFile> file =
            TRY(make_ref<PathFile>(std::move(place), flags & (kPath | kDirectory | kNoFollow)));
        return Ref<File>(std::move(file));
    }
    if ((flags & kTmpFile) == kTmpFile) {
        const Path place = TRY(look_up(context, path, lookup | LookupFlag::MustBeDirectory));
        const NewNode node{file_mode::kRegular | (request.mode & file_mode::kAllBits),
                           context.credentials->filesystem_uid,
                           context.credentials->filesystem_gid};
        Result<Ref<Dentry>> made = names::make_unnamed(place, node, context.credentials);
        if (!made)
            return fail(made.error() == Error::NotPermitted ? Error::NotSupported : made.error());
        (*made)->inode().set_may_be_named(!(flags & kExclusive));
        (*made)->inode().set_orphan(true);
        return open_place(Path(place.mount, std::move(*made)), request, context.credentials, true);
    }
    if (flags & kCreate) return open_or_create(context, path, request);
    if (flags & kDirectory) lookup = lookup | LookupFlag::MustBeDirectory;
    const Path place = TRY(look_up(context, path, lookup));
    return open_place(place, request, context.credentials, false);
}

Result<Ref<File>> open_place(const Path& place, const OpenRequest& request,
                             const Credentials& credentials, bool is_created) {
    Inode& inode = place.dentry->inode();
    if (!is_created) TRY_VOID(check_open(place, request.flags, credentials));
    const uint32_t kept = (request.flags & ~kTransient) | kLargeFile;
    Ref<File> file = TRY(inode.open(place, kept));
    // Of interest to a terminal being opened only.
    if (kept & kNoControllingTty) file->set_status_flags(file->status_flags() & ~kNoControllingTty);
    if ((request.flags & kTruncate) && inode.is_regular() && !is_created)
        TRY_VOID(truncate_opened(inode));
    return file;
}

Result<Ref<File>> open_for_execution(const Path& place, const Credentials& credentials) {
    Inode& inode = place.dentry->inode();
    if (inode.is_symlink()) return fail(Error::SymlinkLoop);
    if (!inode.is_regular() || (place.mount->flags() & mount_flags::kNoExecute))
        return fail(Error::AccessDenied);
    TRY_VOID(permission::check(inode, credentials, permission::kExecute));
    Ref<InodeFile> file = TRY(make_ref<InodeFile>(place, kReadOnly | kLargeFile));
    TRY_VOID(file->begin_execution());
    return Ref<File>(std::move(file));
}

Result<Ref<File>> open_for_execution(const LookupContext& context, const PathText& path,
                                     LookupFlag flags) {
    return open_for_execution(TRY(look_up(context, path, flags)), context.credentials);
}

}  // namespace gyre
