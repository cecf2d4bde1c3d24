// SPDX-License-Identifier: MIT
//
// The life of a dentry, and the reading side of its cache. Changes are in dentry_changes.cpp.
#include "kernel/fs/dentry.h"

#include <cstring>
#include <new>

#include "kernel/fs/dentry_internal.h"

// The retired node is a member of a class that is not of standard layout; clang defines offsetof
// for it all the same.
#pragma clang diagnostic ignored "-Winvalid-offsetof"

namespace gyre {

namespace {

template <class Word>
uint64_t load(const char* at) {
    Word word;
    std::memcpy(&word, at, sizeof(word));
    return word;
}

// Up to seven bytes as a number, from two loads that overlap; reads nothing beyond them.
uint64_t load_short(const char* at, size_t length) {
    if (length >= 4)
        return load<uint32_t>(at) | load<uint32_t>(at + length - 4) << (8 * (length - 4));
    if (length >= 2)
        return load<uint16_t>(at) | load<uint16_t>(at + length - 2) << (8 * (length - 2));
    return length ? load<uint8_t>(at) : 0;
}

bool is_same_text(const char* a, const char* b, size_t length) {
    if (length < 8) return load_short(a, length) == load_short(b, length);
    size_t at = 0;
    for (; at + 8 < length; at += 8)
        if (load<uint64_t>(a + at) != load<uint64_t>(b + at)) return false;
    return load<uint64_t>(a + length - 8) == load<uint64_t>(b + length - 8);
}

}  // namespace

Dentry* dentry_buckets_at(uint32_t hash) {
    return dentry_cache::buckets[hash & dentry_cache::kBucketMask].load(std::memory_order_acquire);
}

// Words of eight bytes are mixed in one multiplication each. The walk of a path (lookup.cpp) does
// the same on the fly and must come to the same number.
uint32_t hash_name(const Dentry* parent, std::string_view name) {
    uint64_t hash = dentry_cache::hash_seed(parent);
    const char* at = name.data();
    size_t left = name.size();
    for (; left >= 8; at += 8, left -= 8)
        hash = dentry_cache::hash_step(hash, load<uint64_t>(at));
    if (left) hash = dentry_cache::hash_step(hash, load_short(at, left));
    return dentry_cache::hash_end(hash);
}

Dentry* DentryCache::find(const Dentry* parent, std::string_view name, uint32_t hash) {
    for (Dentry* dentry = dentry_buckets_at(hash); dentry;
         dentry = dentry->next_.load(std::memory_order_acquire)) {
        if (dentry->hash_ != hash || dentry->parent_.load(std::memory_order_relaxed) != parent)
            continue;
        if (dentry->length_.load(std::memory_order_relaxed) != name.size()) continue;
        if (is_same_text(dentry->name_.load(std::memory_order_acquire), name.data(), name.size()))
            return dentry;
    }
    return nullptr;
}

uint32_t DentryCache::rename_sequence() {
    return dentry_cache::sequence.load(std::memory_order_acquire);
}
uint64_t DentryCache::count() {
    return dentry_cache::count.load(std::memory_order_relaxed);
}

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

// A loop instead of a recursion: the last reference to a deep leaf may take its whole line of
// ancestors along.
void Dentry::last_reference_gone() {
    Dentry* dentry = this;
    for (;;) {
        if (dentry->is_hashed_) DentryCache::remove(*dentry);
        Dentry* parent = dentry->parent_.load(std::memory_order_relaxed);
        if (parent == dentry) parent = nullptr;
        Ref<Inode> inode = Ref<Inode>::adopt(dentry->inode_);
        dentry_cache::count.fetch_sub(1, std::memory_order_relaxed);
        epoch::retire(dentry->node_, [](epoch::Node* node) {
            auto* gone = reinterpret_cast<Dentry*>(reinterpret_cast<std::byte*>(node) -
                                                   offsetof(Dentry, node_));
            delete gone->long_name_;
            delete gone;
        });
        inode.reset();
        if (!parent || !parent->drop_reference()) return;
        dentry = parent;
    }
}

}  // namespace gyre
