// SPDX-License-Identifier: MIT
//
// Making, linking and removing names. Renaming is in rename.cpp.
#include "kernel/fs/names.h"

#include <utility>

#include "kernel/fs/lookup.h"
#include "kernel/fs/mount.h"
#include "kernel/fs/permission.h"
#include "kernel/fs/superblock.h"

namespace gyre::names {

namespace {

// A new file in a set-group-ID directory belongs to the directory's group, and a new directory
// hands that on (inode(7)).
void inherit_group(const Inode& directory, NewNode& node, const Credentials& credentials) {
    if (!(directory.mode() & file_mode::kSetGroup)) return;
    node.gid = directory.gid();
    const uint32_t type = node.mode & file_mode::kTypeMask;
    if (type == file_mode::kDirectory)
        node.mode |= file_mode::kSetGroup;
    else if ((node.mode & (file_mode::kSetGroup | 0010)) == (file_mode::kSetGroup | 0010) &&
             !credentials.is_in_group(node.gid) && node.gid != credentials->filesystem_gid &&
             !credentials.has(Capability::Fsetid))
        node.mode &= ~file_mode::kSetGroup;
}

Status insert_new(Dentry& parent, Dentry& dentry) {
    Inode& inode = dentry.inode();
    inode.add_links(inode.is_directory() ? 2 : 1);
    const Status inserted = DentryCache::insert(dentry, true);
    if (!inserted) {
        inode.add_links(inode.is_directory() ? -2 : -1);
        return inserted;
    }
    if (inode.is_directory()) parent.inode().add_links(1);
    parent.inode().add_entries(1);
    parent.inode().touch_modified();
    return {};
}

bool can_mount_be_written(const Path& place) {
    return !place.mount->is_read_only();
}

}  // namespace

Result<Ref<Dentry>> make(const Path& parent, std::string_view name, NewNode node,
                         const Credentials& credentials) {
    Inode& directory = parent.dentry->inode();
    if (name.size() > kMostNameBytes) return fail(Error::NameTooLong);
    const Result<Ref<Dentry>> present = fetch_entry(*parent.dentry, name);
    if (present) return fail(Error::Exists);
    if (present.error() != Error::NotFound) return fail(present.error());
    if (directory.superblock().entries() == Superblock::Entries::Dynamic)
        return fail(Error::NotFound);
    if (!can_mount_be_written(parent)) return fail(Error::ReadOnlyFilesystem);
    TRY_VOID(permission::check_create(directory, credentials));
    inherit_group(directory, node, credentials);
    return make_unchecked(*parent.dentry, name, node);
}

Result<Ref<Dentry>> make_unchecked(Dentry& parent, std::string_view name, const NewNode& node) {
    Ref<Inode> inode = TRY(parent.inode().make_node(node));
    return add_inode(parent, name, std::move(inode));
}

Result<Ref<Dentry>> add_inode(Dentry& parent, std::string_view name, Ref<Inode> inode) {
    Ref<Dentry> dentry = TRY(Dentry::create(&parent, name, std::move(inode)));
    ReadGuard topology(parent.inode().superblock().topology());
    MutexGuard entries(parent.inode().entries_lock());
    TRY_VOID(insert_new(parent, *dentry));
    return dentry;
}

Result<Ref<Dentry>> make_unnamed(const Path& directory, NewNode node,
                                 const Credentials& credentials) {
    Inode& inode = directory.dentry->inode();
    if (!can_mount_be_written(directory)) return fail(Error::ReadOnlyFilesystem);
    TRY_VOID(permission::check(inode, credentials, permission::kWrite | permission::kExecute));
    inherit_group(inode, node, credentials);
    Ref<Inode> made = TRY(inode.make_node(node));
    char name[24] = "#";
    size_t length = 1;
    char digits[20];
    size_t count = 0;
    for (uint64_t value = made->number(); value || count == 0; value /= 10)
        digits[count++] = char('0' + value % 10);
    while (count)
        name[length++] = digits[--count];
    return Dentry::create(directory.dentry.get(), {name, length}, std::move(made));
}

Status link(const Path& existing, const Path& parent, std::string_view name,
            const Credentials& credentials) {
    Inode& inode = existing.dentry->inode();
    if (fetch_entry(*parent.dentry, name)) return fail(Error::Exists);
    if (existing.mount != parent.mount) return fail(Error::CrossDevice);
    if (!can_mount_be_written(parent)) return fail(Error::ReadOnlyFilesystem);
    TRY_VOID(permission::check_create(parent.dentry->inode(), credentials));
    if (inode.is_directory()) return fail(Error::NotPermitted);
    if (inode.superblock().entries() == Superblock::Entries::Dynamic)
        return fail(Error::NotPermitted);
    if (inode.link_count() >= UINT32_MAX / 2) return fail(Error::TooManyLinks);
    Ref<Dentry> dentry = TRY(Dentry::create(parent.dentry.get(), name, Ref<Inode>(inode)));
    ReadGuard topology(inode.superblock().topology());
    MutexGuard entries(parent.dentry->inode().entries_lock());
    MutexGuard attributes(inode.lock());
    // A file whose last name went away does not come back, except one that never had a name
    // (O_TMPFILE).
    if (inode.link_count() == 0 && !inode.may_be_named()) return fail(Error::NotFound);
    TRY_VOID(insert_new(*parent.dentry, *dentry));
    inode.set_may_be_named(false);
    inode.touch_changed();
    return {};
}

Status remove_unchecked(Dentry& entry) {
    Ref<Dentry> parent(entry.parent());
    Inode& inode = entry.inode();
    if (!DentryCache::remove(entry)) return fail(Error::NotFound);
    if (inode.is_directory()) {
        inode.set_dead_directory();
        inode.add_links(-2);
        parent->inode().add_links(-1);
    } else {
        inode.add_links(-1);
    }
    parent->inode().add_entries(-1);
    parent->inode().touch_modified();
    inode.touch_changed();
    return {};
}

Status unlink(const Path& parent, std::string_view name, bool has_trailing_slash,
              const Credentials& credentials) {
    if (!can_mount_be_written(parent)) return fail(Error::ReadOnlyFilesystem);
    Inode& directory = parent.dentry->inode();
    Ref<Dentry> entry = TRY(fetch_entry(*parent.dentry, name));
    if (has_trailing_slash)
        return fail(entry->inode().is_directory() ? Error::IsDirectory : Error::NotDirectory);
    TRY_VOID(permission::check_remove(directory, entry->inode(), false, credentials));
    if (directory.superblock().entries() == Superblock::Entries::Dynamic)
        return fail(Error::NotPermitted);
    if (entry->is_mount_point()) return fail(Error::Busy);
    ReadGuard topology(directory.superblock().topology());
    MutexGuard entries(directory.entries_lock());
    if (entry->parent() != parent.dentry.get()) return fail(Error::NotFound);
    return remove_unchecked(*entry);
}

Status remove_directory(const Path& parent, std::string_view name, const Credentials& credentials) {
    if (!can_mount_be_written(parent)) return fail(Error::ReadOnlyFilesystem);
    Inode& directory = parent.dentry->inode();
    Ref<Dentry> entry = TRY(fetch_entry(*parent.dentry, name));
    TRY_VOID(permission::check_remove(directory, entry->inode(), true, credentials));
    if (directory.superblock().entries() == Superblock::Entries::Dynamic)
        return fail(Error::NotPermitted);
    if (entry->is_mount_point()) return fail(Error::Busy);
    // Alone in the file system, so nobody fills the directory between the look and the removal.
    WriteGuard topology(directory.superblock().topology());
    if (entry->parent() != parent.dentry.get()) return fail(Error::NotFound);
    if (DentryCache::has_children(*entry)) return fail(Error::NotEmpty);
    return remove_unchecked(*entry);
}

}  // namespace gyre::names
