// SPDX-License-Identifier: MIT
//
// The life of a dentry, and the reading side of its cache. Changes are in dentry_changes.cpp.
#include "kernel/fs/dentry.h"

#include <cstring>
#include <new>

#include "kernel/fs/dentry_internal.h"

// The retired node is a member of a class that is not of standard layout; clang defines offsetof for it all the same.
#pragma clang diagnostic ignored "-Winvalid-offsetof"

namespace gyre {

Dentry* dentry_buckets_at(uint32_t hash) {
    return dentry_cache::buckets[hash & dentry_cache::kBucketMask].load(std::memory_order_acquire);
}

// Words of eight bytes are mixed in one multiplication each. The walk of a path (lookup.cpp) does the same on the fly
// and must come to the same number.
uint32_t hash_name(const Dentry* parent, std::string_view name) {
    uint64_t hash = dentry_cache::hash_seed(parent);
    const char* at = name.data();
    size_t left = name.size();
    for (; left >= 8; at += 8, left -= 8) {
        uint64_t word;
        std::memcpy(&word, at, 8);
        hash = dentry_cache::hash_step(hash, word);
    }
    if (left) {
        uint64_t word = 0;
        for (size_t i = 0; i < left; ++i) word |= uint64_t{static_cast<unsigned char>(at[i])} << (8 * i);
        hash = dentry_cache::hash_step(hash, word);
    }
    return dentry_cache::hash_end(hash);
}

Dentry* DentryCache::find(const Dentry* parent, std::string_view name, uint32_t hash) {
    for (Dentry* dentry = dentry_buckets_at(hash); dentry; dentry = dentry->next_.load(std::memory_order_acquire)) {
        if (dentry->hash_ != hash || dentry->parent_.load(std::memory_order_relaxed) != parent) continue;
        if (dentry->length_.load(std::memory_order_relaxed) != name.size()) continue;
        // Both sides are compared in words: the cache's names are padded with zeros, and the tail of the asked one is
        // cut off by a shift.
        const char* mine = dentry->name_.load(std::memory_order_acquire);
        const char* theirs = name.data();
        size_t left = name.size();
        bool is_same = true;
        for (; left >= 8 && is_same; mine += 8, theirs += 8, left -= 8) {
            uint64_t a, b;
            std::memcpy(&a, mine, 8);
            std::memcpy(&b, theirs, 8);
            is_same = a == b;
        }
        for (; left && is_same; ++mine, ++theirs, --left) is_same = *mine == *theirs;
        if (is_same) return dentry;
    }
    return nullptr;
}

uint32_t DentryCache::rename_sequence() { return dentry_cache::sequence.load(std::memory_order_acquire); }
uint64_t DentryCache::count() { return dentry_cache::count.load(std::memory_order_relaxed); }

Result<Ref<Dentry>> Dentry::create(Dentry* parent, std::string_view name, Ref<Inode> inode) {
    if (name.size() > kMostNameBytes) return fail(Error::NameTooLong);
    LongName* long_name = nullptr;
    if (name.size() > kInlineName - 1) {
        long_name = new (std::nothrow) LongName;
        if (!long_name) return fail(Error::NoMemory);
    }
    auto* dentry = new (std::nothrow) Dentry(std::move(inode));
    if (!dentry) {
        delete long_name;
        return fail(Error::NoMemory);
    }
    char* bytes = dentry->inline_name_;
    size_t capacity = kInlineName;
    if (long_name) {
        dentry->long_name_ = long_name;
        bytes = long_name->bytes;
        capacity = sizeof(long_name->bytes);
    }
    std::memcpy(bytes, name.data(), name.size());
    std::memset(bytes + name.size(), 0, std::min<size_t>(capacity - name.size(), 8));
    dentry->name_.store(bytes, std::memory_order_relaxed);
    dentry->length_.store(static_cast<uint32_t>(name.size()), std::memory_order_relaxed);
    Dentry* up = parent ? parent : dentry;
    if (parent) parent->add_reference();
    dentry->parent_.store(up, std::memory_order_relaxed);
    dentry->hash_ = hash_name(up, dentry->name());
    dentry_cache::count.fetch_add(1, std::memory_order_relaxed);
    return Ref<Dentry>::adopt(dentry);
}

// A loop instead of a recursion: the last reference to a deep leaf may take its whole line of ancestors along.
void Dentry::last_reference_gone() {
    Dentry* dentry = this;
    for (;;) {
        if (dentry->is_hashed_) DentryCache::remove(*dentry);
        Dentry* parent = dentry->parent_.load(std::memory_order_relaxed);
        if (parent == dentry) parent = nullptr;
        Ref<Inode> inode = Ref<Inode>::adopt(dentry->inode_);
        dentry_cache::count.fetch_sub(1, std::memory_order_relaxed);
        epoch::retire(dentry->node_, [](epoch::Node* node) {
            auto* gone = reinterpret_cast<Dentry*>(reinterpret_cast<std::byte*>(node) - offsetof(Dentry, node_));
            delete gone->long_name_;
            delete gone;
        });
        inode.reset();
        if (!parent || !parent->drop_reference()) return;
        dentry = parent;
    }
}

}  // namespace gyre
