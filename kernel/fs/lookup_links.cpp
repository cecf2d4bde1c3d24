// SPDX-License-Identifier: MIT
//
// The parts of a path walk that leave the fast lane: symbolic links, and directories whose entries
// are made on demand.
#include <new>
#include <utility>

#include "kernel/fs/dentry.h"
#include "kernel/fs/lookup.h"

namespace gyre {

void PathWalker::release(Text& text) {
    if (text.link) (void)Ref<Inode>::adopt(text.link);
    delete[] text.owned;
}

PathWalker::~PathWalker() {
    Text current{rest_, current_link_, current_owned_};
    if (current_link_ || current_owned_) [[unlikely]]
        release(current);
    while (depth_ > 0)
        release(outer_[--depth_]);
}

void PathWalker::pop_text() {
    Text current{rest_, current_link_, current_owned_};
    release(current);
    const Text& outer = outer_[--depth_];
    rest_ = outer.rest;
    current_link_ = outer.link;
    current_owned_ = outer.owned;
}

// Before sleeping: from plain pointers to references.
Status PathWalker::hold() {
    Ref<Mount> mount = Ref<Mount>::try_from(mount_);
    Ref<Dentry> dentry = Ref<Dentry>::try_from(dentry_);
    if (!mount || !dentry) return fail(Error::Stale);
    held_ = Path(std::move(mount), std::move(dentry));
    return {};
}

Status PathWalker::jump_to_root() {
    if (has(flags_, LookupFlag::Beneath)) return fail(Error::CrossDevice);
    const Path& root = has(flags_, LookupFlag::InRoot) ? context_.base : context_.root;
    if (mount_ != root.mount.get() && has(flags_, LookupFlag::NoCrossMounts))
        return fail(Error::CrossDevice);
    mount_ = root.mount.get();
    dentry_ = root.dentry.get();
    return {};
}

Status PathWalker::follow(Dentry& link, const char* next) {
    if (++links_followed_ > kMostLinks || has(flags_, LookupFlag::NoLinks))
        return fail(Error::SymlinkLoop);
    // The link's text is read across sleeps, so its inode is kept.
    Ref<Inode> inode = Ref<Inode>::try_from(&link.inode());
    if (!inode) return fail(Error::Stale);
    inode->touch_accessed_relatively();

    if (inode->link_kind() == LinkKind::Magic) {
        if (has(flags_, LookupFlag::NoMagicLinks)) return fail(Error::SymlinkLoop);
        if (has(flags_, LookupFlag::Beneath) || has(flags_, LookupFlag::InRoot))
            return fail(Error::CrossDevice);
        held_ = TRY(inode->follow());
        if (mount_ != held_.mount.get() && has(flags_, LookupFlag::NoCrossMounts))
            return fail(Error::CrossDevice);
        mount_ = held_.mount.get();
        dentry_ = held_.dentry.get();
        rest_ = next;
        return {};
    }

    char* owned = nullptr;
    const char* text = inode->text();
    if (inode->link_kind() == LinkKind::Dynamic) {
        TRY_VOID(hold());
        owned = new (std::nothrow) char[PathText::kMostBytes + 8];
        if (!owned) return fail(Error::NoMemory);
        const Result<size_t> length = inode->read_link({owned, PathText::kMostBytes - 1});
        if (!length) {
            delete[] owned;
            return fail(length.error());
        }
        owned[*length] = 0;
        text = owned;
    }
    if (*next != 0) {
        outer_[depth_++] = {next, current_link_, current_owned_};
    } else {
        // Nothing is left of the present text, so the link's takes its place.
        Text ended{rest_, current_link_, current_owned_};
        release(ended);
    }
    current_link_ = inode.leak();
    current_owned_ = owned;
    rest_ = text;
    last_kind_ = LastKind::Root;  // until the text names something
    if (*text == 0) return fail(Error::NotFound);
    if (*text == '/') return jump_to_root();
    return {};
}

Status PathWalker::follow_last(Dentry& link) {
    return follow(link, rest_);
}

Result<Dentry*> PathWalker::fetch(std::string_view name) {
    TRY_VOID(hold());
    fetched_ = TRY(fetch_entry(*held_.dentry, name));
    return fetched_.get();
}

Result<Ref<Dentry>> fetch_entry(Dentry& directory, std::string_view name) {
    if (Dentry* cached = DentryCache::find(&directory, name)) {
        Ref<Dentry> found = Ref<Dentry>::try_from(cached);
        if (found && !found->inode().is_stale()) return found;
    }
    Superblock& superblock = directory.inode().superblock();
    if (superblock.entries() == Superblock::Entries::Cached) return fail(Error::NotFound);

    ReadGuard topology(superblock.topology());
    MutexGuard entries(directory.inode().entries_lock());
    if (Dentry* cached = DentryCache::find(&directory, name)) {
        Ref<Dentry> found = Ref<Dentry>::try_from(cached);
        if (found && !found->inode().is_stale()) return found;
        // What it stood for is gone; a new one may have the same name (a process id used again).
        if (found) DentryCache::remove(*found);
    }
    Ref<Inode> inode = TRY(directory.inode().look_up(name));
    Ref<Dentry> made = TRY(Dentry::create(&directory, name, std::move(inode)));
    const Status inserted = DentryCache::insert(*made, false);
    // A dying one of the same name may still be in the table; ours then lives without being found
    // again.
    if (!inserted && inserted.error() != Error::Exists) return fail(inserted.error());
    return made;
}

Path topmost(const Path& path) {
    Path top = path;
    while (top.dentry->is_mount_point()) {
        Mount* upon = MountTable::find(top.mount.get(), top.dentry.get());
        if (!upon) break;
        Ref<Mount> mount = Ref<Mount>::try_from(upon);
        if (!mount) break;
        Ref<Dentry> root(mount->root());
        top = Path(std::move(mount), std::move(root));
    }
    return top;
}

}  // namespace gyre
