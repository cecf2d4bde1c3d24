// SPDX-License-Identifier: MIT
//
// The dentry cache's writing side: insert, remove, rename, and listing under the cache's lock.
#include <cstring>
#include <new>
#include <utility>

#include "kernel/fs/dentry_internal.h"
#include "kernel/log/assert.h"
#include "kernel/schedule/thread.h"

namespace gyre {

namespace dentry_cache {
std::atomic<Dentry*> buckets[kBuckets];
std::atomic<uint32_t> sequence{0};
std::atomic<uint64_t> count{0};
}  // namespace dentry_cache

SpinLock DentryCache::lock_{LockRank::DentryTree};

void DentryCache::hash_locked(Dentry& dentry) {
    std::atomic<Dentry*>& bucket = dentry_cache::buckets[dentry.hash_ & dentry_cache::kBucketMask];
    dentry.next_.store(bucket.load(std::memory_order_relaxed), std::memory_order_relaxed);
    bucket.store(&dentry, std::memory_order_release);
}

void DentryCache::unhash_locked(Dentry& dentry) {
    std::atomic<Dentry*>* link = &dentry_cache::buckets[dentry.hash_ & dentry_cache::kBucketMask];
    while (Dentry* at = link->load(std::memory_order_relaxed)) {
        if (at == &dentry) {
            // The dentry's own next stays, so a reader who stands on it finds the way on.
            link->store(dentry.next_.load(std::memory_order_relaxed), std::memory_order_release);
            return;
        }
        link = &at->next_;
    }
    KREQUIRE(false, "a hashed dentry is not in its chain");
}

void DentryCache::attach_locked(Dentry& dentry, Dentry& parent) {
    dentry.cookie_ = parent.next_cookie_++;
    parent.children_.push_back(dentry);
    hash_locked(dentry);
    dentry.is_hashed_ = true;
}

Status DentryCache::insert(Dentry& dentry, bool is_pinned) {
    SpinGuard guard(lock_);
    Dentry& parent = *dentry.parent_.load(std::memory_order_relaxed);
    if (parent.inode().is_dead_directory()) return fail(Error::NotFound);
    if (find(&parent, dentry.name(), dentry.hash_)) return fail(Error::Exists);
    attach_locked(dentry, parent);
    dentry.is_pinned_ = is_pinned;
    if (is_pinned) dentry.add_reference();
    return {};
}

bool DentryCache::remove(Dentry& dentry) {
    bool was_pinned;
    {
        SpinGuard guard(lock_);
        if (!dentry.is_hashed_) return false;
        unhash_locked(dentry);
        Dentry& parent = *dentry.parent_.load(std::memory_order_relaxed);
        parent.children_.erase(parent.children_.iterator_to(dentry));
        dentry.is_hashed_ = false;
        dentry.is_removed_.store(true, std::memory_order_relaxed);
        was_pinned = std::exchange(dentry.is_pinned_, false);
    }
    // The caller has a reference of its own, so this is not the last one (unpinned ones had none
    // from the tree).
    if (was_pinned) (void)dentry.drop_reference();
    return true;
}

// Gives the dentry a name: inline when it fits and nobody can be reading the inline bytes as a
// longer name by mistake; the sequence count makes every reader of the change start again anyway.
const char* DentryCache::set_name_locked(Dentry& dentry, std::string_view name, LongName* long_name,
                                         LongName*& old) {
    char* bytes = dentry.inline_name_;
    size_t capacity = Dentry::kInlineName;
    old = std::exchange(dentry.long_name_, long_name);
    if (long_name) {
        bytes = long_name->bytes;
        capacity = sizeof(long_name->bytes);
    }
    std::memmove(bytes, name.data(), name.size());
    std::memset(bytes + name.size(), 0, std::min<size_t>(capacity - name.size(), 8));
    dentry.length_.store(static_cast<uint32_t>(name.size()), std::memory_order_relaxed);
    dentry.name_.store(bytes, std::memory_order_release);
    return bytes;
}

namespace {

void retire(LongName* name) {
    if (!name) return;
    epoch::retire(name->node, [](epoch::Node* node) { delete reinterpret_cast<LongName*>(node); });
}

class RenameWindow {
public:
    RenameWindow() {
        dentry_cache::sequence.fetch_add(1, std::memory_order_acq_rel);
        std::atomic_thread_fence(std::memory_order_seq_cst);
    }
    ~RenameWindow() { dentry_cache::sequence.fetch_add(1, std::memory_order_release); }
};

}  // namespace

Status DentryCache::rename(Dentry& dentry, Dentry& new_parent, std::string_view new_name,
                           Dentry* victim) {
    LongName* long_name = nullptr;
    if (new_name.size() > Dentry::kInlineName - 1) {
        long_name = new (std::nothrow) LongName;
        if (!long_name) return fail(Error::NoMemory);
    }
    // Kept until the lock is gone: dropping a reference may free, which may sleep.
    Ref<Dentry> old_parent;
    LongName* old_name = nullptr;
    if (victim) remove(*victim);
    {
        SpinGuard guard(lock_);
        RenameWindow window;
        Dentry* from = dentry.parent_.load(std::memory_order_relaxed);
        unhash_locked(dentry);
        from->children_.erase(from->children_.iterator_to(dentry));
        set_name_locked(dentry, new_name, long_name, old_name);
        if (from != &new_parent) {
            new_parent.add_reference();
            dentry.parent_.store(&new_parent, std::memory_order_release);
            old_parent = Ref<Dentry>::adopt(from);
        }
        dentry.hash_ = hash_name(&new_parent, dentry.name());
        attach_locked(dentry, new_parent);
    }
    retire(old_name);
    return {};
}

Status DentryCache::exchange(Dentry& a, Dentry& b) {
    auto* a_long = new (std::nothrow) LongName;
    auto* b_long = new (std::nothrow) LongName;
    if (!a_long || !b_long) {
        delete a_long;
        delete b_long;
        return fail(Error::NoMemory);
    }
    LongName* a_old = nullptr;
    LongName* b_old = nullptr;
    {
        SpinGuard guard(lock_);
        RenameWindow window;
        Dentry* a_parent = a.parent_.load(std::memory_order_relaxed);
        Dentry* b_parent = b.parent_.load(std::memory_order_relaxed);
        unhash_locked(a);
        unhash_locked(b);
        a_parent->children_.erase(a_parent->children_.iterator_to(a));
        b_parent->children_.erase(b_parent->children_.iterator_to(b));
        char a_name[kMostNameBytes];
        const size_t a_length = a.name().size();
        std::memcpy(a_name, a.name().data(), a_length);
        set_name_locked(a, b.name(), a_long, a_old);
        set_name_locked(b, {a_name, a_length}, b_long, b_old);
        // Each takes over the other's reference to its parent.
        a.parent_.store(b_parent, std::memory_order_release);
        b.parent_.store(a_parent, std::memory_order_release);
        a.hash_ = hash_name(b_parent, a.name());
        b.hash_ = hash_name(a_parent, b.name());
        attach_locked(a, *b_parent);
        attach_locked(b, *a_parent);
    }
    retire(a_old);
    retire(b_old);
    return {};
}

bool DentryCache::has_children(const Dentry& directory) {
    SpinGuard guard(lock_);
    return !directory.children_.empty();
}

bool DentryCache::is_same_or_below(const Dentry& dentry, const Dentry& ancestor) {
    SpinGuard guard(lock_);
    for (const Dentry* at = &dentry;; at = at->parent_.load(std::memory_order_relaxed)) {
        if (at == &ancestor) return true;
        if (at->is_root()) return false;
    }
}

void DentryCache::list(const Dentry& directory, uint64_t position, Inode::EmitEntry emit,
                       void* argument) {
    SpinGuard guard(lock_);
    for (const Dentry& child : directory.children_) {
        if (child.cookie_ < position || !child.is_pinned_) continue;
        const DirectoryEntry entry{child.inode().number(), static_cast<int64_t>(child.cookie_ + 1),
                                   static_cast<uint8_t>(child.inode().type() >> 12), child.name()};
        if (!emit(argument, entry)) return;
    }
}

void DentryCache::remove_tree(Dentry& root) {
    for (;;) {
        // Down to some leaf, and take it off; a reference keeps it while that happens.
        Ref<Dentry> leaf;
        {
            SpinGuard guard(lock_);
            Dentry* at = &root;
            while (!at->children_.empty())
                at = &at->children_.front();
            if (at == &root) return;
            leaf = Ref<Dentry>::try_from(at);
        }
        if (leaf)
            remove(*leaf);
        else
            Thread::yield();  // its last reference is just going; that takes it off the list too
    }
}

}  // namespace gyre
