// SPDX-License-Identifier: MIT
//
// rename(2) and renameat2(2), with the order of errors that Linux has (fs/namei.c's is documented
// in rename(2) only in part; path_resolution(7) and the twin tests have the rest).
#include "kernel/fs/lookup.h"
#include "kernel/fs/mount.h"
#include "kernel/fs/names.h"
#include "kernel/fs/permission.h"
#include "kernel/fs/superblock.h"

namespace gyre::names {

namespace {

struct Renaming {
    Dentry& from_parent;
    Dentry& to_parent;
    Dentry& source;
    Dentry* target;  // null when the new name is free
    std::string_view new_name;
    uint32_t flags;
    const Credentials& credentials;

    bool is_exchange() const { return (flags & kExchange) != 0; }
    bool changes_parent() const { return &from_parent != &to_parent; }
};

Status check_topology(const Renaming& it) {
    // A directory cannot go below itself ...
    if (it.source.inode().is_directory() && DentryCache::is_same_or_below(it.to_parent, it.source))
        return fail(Error::InvalidArgument);
    // ... nor replace one that it is in.
    if (it.target && it.target->inode().is_directory() &&
        DentryCache::is_same_or_below(it.from_parent, *it.target))
        return fail(it.is_exchange() ? Error::InvalidArgument : Error::NotEmpty);
    return {};
}

Status check_rights(const Renaming& it) {
    const Inode& source = it.source.inode();
    TRY_VOID(permission::check_remove(it.from_parent.inode(), source, source.is_directory(),
                                      it.credentials));
    if (!it.target) {
        TRY_VOID(permission::check_create(it.to_parent.inode(), it.credentials));
    } else {
        const Inode& target = it.target->inode();
        const bool wants_directory =
            it.is_exchange() ? target.is_directory() : source.is_directory();
        TRY_VOID(permission::check_remove(it.to_parent.inode(), target, wants_directory,
                                          it.credentials));
    }
    // A directory that moves gets another .. and must be writable for that.
    if (it.changes_parent()) {
        if (source.is_directory())
            TRY_VOID(permission::check(source, it.credentials, permission::kWrite));
        if (it.is_exchange() && it.target->inode().is_directory())
            TRY_VOID(permission::check(it.target->inode(), it.credentials, permission::kWrite));
    }
    return {};
}

Status exchange(const Renaming& it) {
    TRY_VOID(DentryCache::exchange(it.source, *it.target));
    if (it.changes_parent()) {
        const bool source_is_directory = it.source.inode().is_directory();
        const bool target_is_directory = it.target->inode().is_directory();
        if (source_is_directory && !target_is_directory) {
            it.from_parent.inode().add_links(-1);
            it.to_parent.inode().add_links(1);
        } else if (target_is_directory && !source_is_directory) {
            it.from_parent.inode().add_links(1);
            it.to_parent.inode().add_links(-1);
        }
    }
    it.target->inode().touch_changed();
    return {};
}

Status replace(const Renaming& it) {
    TRY_VOID(DentryCache::rename(it.source, it.to_parent, it.new_name, it.target));
    if (it.target) {
        Inode& gone = it.target->inode();
        if (gone.is_directory()) {
            gone.set_dead_directory();
            gone.add_links(-2);
            it.to_parent.inode().add_links(-1);
        } else {
            gone.add_links(-1);
        }
        gone.touch_changed();
        it.to_parent.inode().add_entries(-1);
    }
    it.from_parent.inode().add_entries(-1);
    it.to_parent.inode().add_entries(1);
    if (it.source.inode().is_directory() && it.changes_parent()) {
        it.from_parent.inode().add_links(-1);
        it.to_parent.inode().add_links(1);
    }
    return {};
}

Status rename_alone(const RenameSide& from, const RenameSide& to, uint32_t flags,
                    const Credentials& credentials) {
    Ref<Dentry> source = TRY(fetch_entry(*from.parent.dentry, from.name));
    Ref<Dentry> target;
    if (Result<Ref<Dentry>> found = fetch_entry(*to.parent.dentry, to.name))
        target = std::move(*found);
    else if (found.error() != Error::NotFound)
        return fail(found.error());

    Renaming it{*from.parent.dentry, *to.parent.dentry, *source, target.get(), to.name, flags,
                credentials};
    if ((flags & kNoReplace) && target) return fail(Error::Exists);
    if (it.is_exchange()) {
        if (!target) return fail(Error::NotFound);
        if (!target->inode().is_directory() && to.has_trailing_slash)
            return fail(Error::NotDirectory);
    }
    if (!source->inode().is_directory() &&
        (from.has_trailing_slash || (!it.is_exchange() && to.has_trailing_slash)))
        return fail(Error::NotDirectory);
    TRY_VOID(check_topology(it));
    if (target && &source->inode() == &target->inode())
        return {};  // two names of one file: nothing happens
    TRY_VOID(check_rights(it));
    if (source->is_mount_point() || (target && target->is_mount_point())) return fail(Error::Busy);
    if (target && !it.is_exchange() && target->inode().is_directory() &&
        DentryCache::has_children(*target))
        return fail(Error::NotEmpty);

    TRY_VOID(it.is_exchange() ? exchange(it) : replace(it));
    it.from_parent.inode().touch_modified();
    if (it.changes_parent()) it.to_parent.inode().touch_modified();
    source->inode().touch_changed();
    return {};
}

}  // namespace

Status rename(const RenameSide& from, const RenameSide& to, uint32_t flags,
              const Credentials& credentials) {
    if (from.parent.mount != to.parent.mount) return fail(Error::CrossDevice);
    if (from.parent.mount->is_read_only()) return fail(Error::ReadOnlyFilesystem);
    Superblock& superblock = from.parent.dentry->inode().superblock();
    if (superblock.entries() == Superblock::Entries::Dynamic) {
        (void)TRY(fetch_entry(*from.parent.dentry, from.name));
        return fail(Error::NotPermitted);
    }
    WriteGuard topology(superblock.topology());
    return rename_alone(from, to, flags, credentials);
}

}  // namespace gyre::names
