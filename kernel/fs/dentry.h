// SPDX-License-Identifier: MIT
//
// A name in a directory, and the cache of all of them: a hash table by (directory, name) that path
// lookup reads without a lock. Today's file systems keep their whole tree here (a child holds its
// parent, the tree holds each child), so a miss is itself the negative answer and nothing negative
// has to be stored. Readers run under an epoch and check rename_sequence() before they believe what
// they saw; writers hold the cache's spin lock. A dentry stands for one inode all its life; rename
// changes its name and parent.
#pragma once

#include <atomic>
#include <cstdint>
#include <string_view>

#include <boost/intrusive/list.hpp>

#include "kernel/fs/inode.h"
#include "kernel/sync/epoch.h"
#include "kernel/sync/spin_lock.h"
#include "lib/base/ref.h"

namespace gyre {

constexpr size_t kMostNameBytes = 255;  // NAME_MAX

// A name that does not fit into its dentry, retired by epoch because readers may still compare with
// it.
struct LongName {
    epoch::Node node;
    char bytes[kMostNameBytes + 9];
};

class Dentry : public RefCounted {
public:
    static constexpr size_t kInlineName = 32;

    // Not in the cache yet. `name` is at most 255 bytes. Errors: NoMemory.
    static Result<Ref<Dentry>> create(Dentry* parent, std::string_view name, Ref<Inode> inode);
    void last_reference_gone();

    Inode& inode() const { return *inode_; }
    Dentry* parent() const { return parent_.load(std::memory_order_acquire); }  // itself for a root
    bool is_root() const { return parent() == this; }
    // Stable only under the cache's lock or when checked against rename_sequence().
    std::string_view name() const {
        return {name_.load(std::memory_order_acquire), length_.load(std::memory_order_relaxed)};
    }
    bool is_mount_point() const { return mounts_.load(std::memory_order_relaxed) != 0; }
    void add_mount(int32_t difference) {
        mounts_.fetch_add(uint32_t(difference), std::memory_order_relaxed);
    }
    // Removed from its directory, but still open or somebody's working directory.
    bool is_removed() const { return is_removed_.load(std::memory_order_relaxed); }
    // For what never was an entry of its parent (memfd): its path says " (deleted)".
    void mark_removed() { is_removed_.store(true, std::memory_order_relaxed); }

private:
    friend class DentryCache;
    Dentry(Ref<Inode> inode) : inode_(inode.leak()) {}
    ~Dentry() = default;

    std::atomic<Dentry*> next_{nullptr};    // in the hash chain
    std::atomic<Dentry*> parent_{nullptr};  // a reference
    uint32_t hash_ = 0;
    std::atomic<uint32_t> length_{0};
    std::atomic<const char*> name_{nullptr};
    Inode* inode_;  // a reference
    std::atomic<uint32_t> mounts_{0};
    std::atomic<bool> is_removed_{false};
    bool is_hashed_ = false;    // in table and parent's list
    bool is_pinned_ = false;    // the tree holds a reference
    uint64_t cookie_ = 0;       // its offset in the parent's listing
    uint64_t next_cookie_ = 2;  // for its own children; 0 and 1 are . and ..
    LongName* long_name_ = nullptr;
    epoch::Node node_;
    boost::intrusive::list_member_hook<> sibling_hook_;
    using Children = boost::intrusive::list<
        Dentry,
        boost::intrusive::member_hook<Dentry, boost::intrusive::list_member_hook<>,
                                      &Dentry::sibling_hook_>,
        boost::intrusive::constant_time_size<false>>;
    Children children_;
    char inline_name_[kInlineName];
};

uint32_t hash_name(const Dentry* parent, std::string_view name);

class DentryCache {
public:
    // ---- readers: lock-free, under an epoch
    static Dentry* find(const Dentry* parent, std::string_view name) {
        return find(parent, name, hash_name(parent, name));
    }
    static Dentry* find(const Dentry* parent, std::string_view name, uint32_t hash);
    // Even, and the same before and after: no rename happened in between.
    static uint32_t rename_sequence();

    // ---- writers. The directory's entries_lock (or the superblock's topology alone) is held by
    // the caller. Pinned: the tree holds a reference until remove(). Errors: Exists, NotFound (the
    // directory is dead).
    static Status insert(Dentry& dentry, bool is_pinned);
    // Takes it out of the cache; false when it was out already. The caller holds a reference.
    static bool remove(Dentry& dentry);
    // Moves `dentry` to (new_parent, new_name); `victim` (may be null) is removed in the same step.
    static Status rename(Dentry& dentry, Dentry& new_parent, std::string_view new_name,
                         Dentry* victim);
    static Status exchange(Dentry& a, Dentry& b);

    static bool has_children(const Dentry& directory);
    static bool is_same_or_below(const Dentry& dentry, const Dentry& ancestor);
    // Calls emit for the children whose cookie is at least `position`; emit must not sleep.
    static void list(const Dentry& directory, uint64_t position, Inode::EmitEntry emit,
                     void* argument);
    // Takes the tree apart, children first (unmount).
    static void remove_tree(Dentry& root);
    static uint64_t count();
    // Run `body` with names and parents standing still (getcwd, /proc paths).
    template <class Body>
    static decltype(auto) with_stable_names(Body&& body) {
        SpinGuard guard(lock_);
        return body();
    }

private:
    friend class Dentry;
    static void hash_locked(Dentry& dentry);
    static void unhash_locked(Dentry& dentry);
    static void attach_locked(Dentry& dentry, Dentry& parent);
    static const char* set_name_locked(Dentry& dentry, std::string_view name, LongName* long_name,
                                       LongName*& old);
    static SpinLock lock_;
};

}  // namespace gyre
