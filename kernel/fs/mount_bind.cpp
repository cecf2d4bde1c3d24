// SPDX-License-Identifier: MIT
//
// Bind mounts: a tree shown at a second place, alone or with all that is mounted below it.
#include <utility>

#include "kernel/fs/dentry.h"
#include "kernel/fs/mount.h"
#include "lib/base/vector.h"

namespace gyre {

namespace {

struct Pair {
    Ref<Mount> original, copy;
};

Result<Ref<Mount>> copy_of(Mount& mount, const Ref<Dentry>& root) {
    return Mount::create(Ref<Superblock>(mount.superblock()), root, mount.flags(), mount.source());
}

// The mounts of now, in the order of mounting: so a parent comes before what is upon it.
Result<Vector<Ref<Mount>>> all_mounts(MountNamespace& mounts) {
    Vector<Ref<Mount>> list;
    for (;;) {
        size_t count = 0;
        mounts.for_each([&](Mount&) { ++count; });
        TRY_VOID(list.try_reserve(count));
        bool fits = true;
        // No allocation under the table's spin lock; when mounts were added meanwhile, again.
        mounts.for_each([&](Mount& mount) {
            fits = fits && list.size() < count;
            if (fits) (void)list.try_push_back(Ref<Mount>(mount));
        });
        if (fits) return list;
        list.clear();
    }
}

const Pair* find(const Vector<Pair>& pairs, const Mount* original) {
    for (const Pair& pair : pairs)
        if (pair.original == original) return &pair;
    return nullptr;
}

}  // namespace

Status MountNamespace::bind(const Path& source, const Path& target, bool is_recursive) {
    // Listed first: what the bind itself adds below the source is not copied once more.
    Vector<Ref<Mount>> mounts;
    if (is_recursive) mounts = TRY(all_mounts(*this));
    Vector<Pair> pairs;
    Ref<Mount> top = TRY(copy_of(*source.mount, source.dentry));
    TRY_VOID(attach(top, target));
    TRY_VOID(pairs.try_push_back(Pair{source.mount, std::move(top)}));
    for (const Ref<Mount>& mount : mounts) {
        const Pair* parent = find(pairs, mount->parent());
        const Ref<Dentry> point = Ref<Dentry>::try_from(mount->mount_point());
        if (!parent || !point) continue;
        if (parent == &pairs[0] && !DentryCache::is_same_or_below(*point, *source.dentry)) continue;
        Ref<Mount> copy = TRY(copy_of(*mount, Ref<Dentry>(mount->root())));
        TRY_VOID(attach(copy, Path(parent->copy, point)));
        TRY_VOID(pairs.try_push_back(Pair{mount, std::move(copy)}));
    }
    return {};
}

}  // namespace gyre
