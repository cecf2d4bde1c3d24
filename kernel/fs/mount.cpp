// SPDX-License-Identifier: MIT
//
// Mounts and the table that path lookup reads. All changes are made under the table's spin lock;
// references are dropped after it.
#include "kernel/fs/mount.h"

#include <cstring>
#include <new>
#include <utility>

#include "kernel/fs/dentry.h"

// The retired node is a member of a class that is not of standard layout; clang defines offsetof
// for it all the same.
#pragma clang diagnostic ignored "-Winvalid-offsetof"

namespace gyre {

namespace {
constexpr uint32_t kBuckets = 64;
std::atomic<Mount*> buckets[kBuckets];
std::atomic<uint32_t> next_number{1};
Ref<MountNamespace> initial_namespace;

std::atomic<Mount*>& bucket_of(const Mount* parent, const Dentry* place) {
    const uint64_t key =
        reinterpret_cast<uintptr_t>(parent) / 64 + reinterpret_cast<uintptr_t>(place) / 64;
    return buckets[key % kBuckets];
}
}  // namespace

SpinLock MountTable::lock_{LockRank::MountTable};

Mount* MountTable::find(const Mount* parent, const Dentry* place) {
    Mount* mount = bucket_of(parent, place).load(std::memory_order_acquire);
    while (mount && (mount->parent_.load(std::memory_order_relaxed) != parent ||
                     mount->mount_point_.load(std::memory_order_relaxed) != place))
        mount = mount->next_in_table_.load(std::memory_order_acquire);
    return mount;
}

void MountTable::insert_locked(Mount& mount) {
    std::atomic<Mount*>& bucket = bucket_of(mount.parent(), mount.mount_point());
    mount.next_in_table_.store(bucket.load(std::memory_order_relaxed), std::memory_order_relaxed);
    bucket.store(&mount, std::memory_order_release);
    mount.mount_point()->add_mount(1);
    ++mount.parent()->children_;
}

void MountTable::remove_locked(Mount& mount) {
    std::atomic<Mount*>* link = &bucket_of(mount.parent(), mount.mount_point());
    while (link->load(std::memory_order_relaxed) != &mount)
        link = &link->load(std::memory_order_relaxed)->next_in_table_;
    link->store(mount.next_in_table_.load(std::memory_order_relaxed), std::memory_order_release);
    mount.mount_point()->add_mount(-1);
    --mount.parent()->children_;
}

Result<Ref<Mount>> Mount::create(Ref<Superblock> superblock, Ref<Dentry> root, uint32_t flags,
                                 std::string_view source) {
    auto* mount = new (std::nothrow) Mount;
    if (!mount) return fail(Error::NoMemory);
    mount->superblock_ = std::move(superblock);
    mount->superblock_->add_mount();
    mount->root_ = std::move(root);
    (void)mount->set_flags(flags & mount_flags::kKept);  // nobody writes yet
    mount->number_ = next_number.fetch_add(1, std::memory_order_relaxed);
    // A longer source is only cut in what /proc/mounts shows.
    const size_t length = std::min(source.size(), kMostSourceBytes - 1);
    std::memcpy(mount->source_, source.data(), length);
    return Ref<Mount>::adopt(mount);
}

Status Mount::set_flags(uint32_t flags) {
    if (!(flags & mount_flags::kReadOnly))
        writers_.set_writable();
    else if (!writers_.set_read_only())
        return fail(Error::Busy);
    flags_.store(flags, std::memory_order_relaxed);
    return {};
}

Status Mount::begin_writing() {
    if (!superblock_->writers().enter()) return fail(Error::ReadOnlyFilesystem);
    if (writers_.enter()) return {};
    superblock_->writers().leave();
    return fail(Error::ReadOnlyFilesystem);
}

void Mount::end_writing() {
    writers_.leave();
    superblock_->writers().leave();
}

void Mount::last_reference_gone() {
    root_.reset();
    Superblock* superblock = superblock_.get();
    // Nobody can mount this instance again (each mount(2) of these kinds makes a new one), bind
    // mounts aside: the tree goes with the last mount that shows it.
    if (superblock->drop_mount()) superblock->release_tree();
    superblock_.reset();
    epoch::retire(node_, [](epoch::Node* node) {
        delete reinterpret_cast<Mount*>(reinterpret_cast<std::byte*>(node) -
                                        offsetof(Mount, node_));
    });
}

Result<Ref<MountNamespace>> MountNamespace::create(Ref<Mount> root) {
    auto* mount_namespace = new (std::nothrow) MountNamespace;
    if (!mount_namespace) return fail(Error::NoMemory);
    root->mount_namespace_ = mount_namespace;
    mount_namespace->root_ = root;
    mount_namespace->first_ = root.leak();
    mount_namespace->count_ = 1;
    return Ref<MountNamespace>::adopt(mount_namespace);
}

// Everything comes off; a mount lives on only where somebody still uses it.
MountNamespace::~MountNamespace() {
    while (first_) {
        Ref<Mount> own = Ref<Mount>::adopt(first_);
        Ref<Mount> parent;
        Ref<Dentry> point;
        SpinGuard guard(MountTable::lock_);
        first_ = own->next_in_namespace_;
        own->mount_namespace_ = nullptr;
        if (!own->parent()) continue;
        MountTable::remove_locked(*own);
        parent = Ref<Mount>::adopt(own->parent_.exchange(nullptr, std::memory_order_acq_rel));
        point = Ref<Dentry>::adopt(own->mount_point_.exchange(nullptr, std::memory_order_acq_rel));
    }
}

Status MountNamespace::attach(const Ref<Mount>& mount, const Path& place) {
    SpinGuard guard(MountTable::lock_);
    if (count_ >= kMostMounts) return fail(Error::NoSpace);
    if (place.mount->mount_namespace_ != this) return fail(Error::InvalidArgument);
    if (place.dentry->is_removed()) return fail(Error::NotFound);
    Ref<Mount> parent = place.mount;
    Ref<Dentry> point = place.dentry;
    mount->parent_.store(parent.leak(), std::memory_order_relaxed);
    mount->mount_point_.store(point.leak(), std::memory_order_relaxed);
    mount->mount_namespace_ = this;
    MountTable::insert_locked(*mount);
    Mount** end = &first_;
    while (*end)
        end = &(*end)->next_in_namespace_;
    *end = Ref<Mount>(mount).leak();
    ++count_;
    return {};
}

bool MountNamespace::is_upon_locked(const Mount& mount, const Mount& base) {
    for (const Mount* at = mount.parent(); at; at = at->parent())
        if (at == &base) return true;
    return false;
}

// MNT_DETACH takes what is mounted upon it as well (umount2(2)), the outermost first.
Status MountNamespace::detach_tree(Mount& mount) {
    for (;;) {
        Ref<Mount> outermost;
        {
            SpinGuard guard(MountTable::lock_);
            for (Mount* at = first_; at && !outermost; at = at->next_in_namespace_)
                if (at->children_ == 0 && is_upon_locked(*at, mount)) outermost = Ref<Mount>(*at);
        }
        if (!outermost) return detach(mount, true);
        TRY_VOID(detach(*outermost, true));
    }
}

Status MountNamespace::detach(Mount& mount, bool is_lazy) {
    Ref<Mount> own;
    Ref<Mount> parent;
    Ref<Dentry> point;
    {
        SpinGuard guard(MountTable::lock_);
        if (mount.mount_namespace_ != this || !mount.parent()) return fail(Error::InvalidArgument);
        if (mount.children_ != 0) return fail(Error::Busy);
        // The namespace's reference and the caller's; more means open files or working directories.
        if (!is_lazy && mount.reference_count() > 2) return fail(Error::Busy);
        MountTable::remove_locked(mount);
        parent = Ref<Mount>::adopt(mount.parent_.exchange(nullptr, std::memory_order_acq_rel));
        point = Ref<Dentry>::adopt(mount.mount_point_.exchange(nullptr, std::memory_order_acq_rel));
        Mount** link = &first_;
        while (*link != &mount)
            link = &(*link)->next_in_namespace_;
        *link = mount.next_in_namespace_;
        mount.next_in_namespace_ = nullptr;
        mount.mount_namespace_ = nullptr;
        --count_;
        own = Ref<Mount>::adopt(&mount);
    }
    return {};
}

Status MountNamespace::move(Mount& mount, const Path& place) {
    Ref<Mount> old_parent;
    Ref<Dentry> old_point;
    Ref<Mount> parent = place.mount;
    Ref<Dentry> point = place.dentry;
    SpinGuard guard(MountTable::lock_);
    if (mount.mount_namespace_ != this || !mount.parent()) return fail(Error::InvalidArgument);
    if (place.mount->mount_namespace_ != this) return fail(Error::InvalidArgument);
    for (Mount* at = parent.get(); at; at = at->parent())
        if (at == &mount) return fail(Error::SymlinkLoop);
    MountTable::remove_locked(mount);
    old_parent =
        Ref<Mount>::adopt(mount.parent_.exchange(parent.leak(), std::memory_order_acq_rel));
    old_point =
        Ref<Dentry>::adopt(mount.mount_point_.exchange(point.leak(), std::memory_order_acq_rel));
    MountTable::insert_locked(mount);
    return {};
}

// The order of errors is Linux's (path_pivot_root).
Status MountNamespace::pivot(Mount& old, Mount& fresh, const Path& place) {
    Ref<Mount> fresh_parent;
    Ref<Dentry> fresh_point;
    Ref<Mount> parent = place.mount;
    Ref<Dentry> point = place.dentry;
    const auto is_below = [](Mount* mount, const Mount& top) {
        while (mount && mount != &top) mount = mount->parent();
        return mount != nullptr;
    };
    SpinGuard guard(MountTable::lock_);
    if (old.mount_namespace_ != this || fresh.mount_namespace_ != this || parent->mount_namespace_ != this)
        return fail(Error::InvalidArgument);
    if (point->is_removed()) return fail(Error::NotFound);
    if (&fresh == &old || parent.get() == &old) return fail(Error::Busy);
    if (!old.parent() || !fresh.parent()) return fail(Error::InvalidArgument);
    if (!is_below(parent.get(), fresh) || !is_below(&fresh, old)) return fail(Error::InvalidArgument);
    MountTable::remove_locked(fresh);
    MountTable::remove_locked(old);
    Mount* const top = old.parent_.exchange(parent.leak(), std::memory_order_acq_rel);
    Dentry* const top_point = old.mount_point_.exchange(point.leak(), std::memory_order_acq_rel);
    fresh_parent = Ref<Mount>::adopt(fresh.parent_.exchange(top, std::memory_order_acq_rel));
    fresh_point = Ref<Dentry>::adopt(fresh.mount_point_.exchange(top_point, std::memory_order_acq_rel));
    MountTable::insert_locked(fresh);
    MountTable::insert_locked(old);
    return {};
}

const Ref<MountNamespace>& initial_mount_namespace() {
    return initial_namespace;
}
Path namespace_root() {
    const Ref<Mount> mount(initial_namespace->root());
    return Path(mount, Ref<Dentry>(mount->root()));
}
void set_initial_mount_namespace(Ref<MountNamespace> mount_namespace) {
    initial_namespace = std::move(mount_namespace);
}

}  // namespace gyre
