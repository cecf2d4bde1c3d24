// SPDX-License-Identifier: MIT
//
// From (directory descriptor, path) to places.
#include "kernel/linux/file_paths.h"

#include <utility>

namespace gyre::linux {

Result<LookupContext> lookup_context(CallContext& context, int dirfd, const PathText& path, LookupFlag flags) {
    FilesystemContext& places = context.filesystem();
    const Credentials& credentials = context.credentials();
    if (path.is_absolute() && !has(flags, LookupFlag::InRoot))
        return LookupContext{places.root(), Path(), credentials};
    if (dirfd == abi::kAtWorkingDirectory)
        return LookupContext{places.root(), places.working_directory(), credentials};
    const Ref<File> directory = TRY(context.files().get_any(dirfd));
    if (!directory->path().dentry || !directory->path().dentry->inode().is_directory())
        return fail(Error::NotDirectory);
    return LookupContext{places.root(), directory->path(), credentials};
}

Status read_path(PathText& text, UserString path) {
    TRY_VOID(text.read(path));
    if (text.is_empty()) return fail(Error::NotFound);
    return {};
}

Result<Path> find_place(CallContext& context, int dirfd, UserString path, LookupFlag flags) {
    PathText text;
    TRY_VOID(read_path(text, path));
    const LookupContext view = TRY(lookup_context(context, dirfd, text));
    return look_up(view, text, flags);
}

Result<Path> find_place_or_descriptor(CallContext& context, int dirfd, UserString path,
                                      LookupFlag flags, int at_flags) {
    PathText text;
    // A null path means an empty one since Linux 6.11.
    if (!(at_flags & abi::kAtEmptyPath) || !path.is_null()) TRY_VOID(text.read(path));
    if (text.is_empty()) {
        if (!(at_flags & abi::kAtEmptyPath)) return fail(Error::NotFound);
        if (dirfd == abi::kAtWorkingDirectory) return context.filesystem().working_directory();
        const Ref<File> file = TRY(context.files().get_any(dirfd));
        if (file->path().is_empty()) return fail(Error::NotFound);
        return file->path();
    }
    const LookupContext view = TRY(lookup_context(context, dirfd, text));
    return look_up(view, text, flags);
}

Status find_parent(CallContext& context, int dirfd, UserString path, ParentPlace& place) {
    TRY_VOID(read_path(place.text, path));
    const LookupContext view = TRY(lookup_context(context, dirfd, place.text));
    for (;;) {
        {
            PathWalker walker(view, place.text.text(), LookupFlag::None);
            const Status walked = walker.to_parent();
            Result<Path> parent = walked ? walker.take() : fail(walked.error());
            if (parent) {
                place.parent = std::move(*parent);
                place.name = walker.last();
                place.kind = walker.last_kind();
                place.has_trailing_slash = walker.has_trailing_slash();
                if (place.kind == LastKind::Name && place.name.size() > kMostNameBytes)
                    return fail(Error::NameTooLong);
                return {};
            }
            if (parent.error() != Error::Stale) return fail(parent.error());
        }
        Thread::preemption_point();
    }
}

Status check_writable(const Path& place) {
    if (place.mount && place.mount->is_read_only()) return fail(Error::ReadOnlyFilesystem);
    return {};
}

}  // namespace gyre::linux
