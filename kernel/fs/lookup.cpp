// SPDX-License-Identifier: MIT
//
// The walk over the components of a path. Symbolic links are in lookup_links.cpp.
#include "kernel/fs/lookup.h"

#include <bit>
#include <cstring>

#include "kernel/fs/dentry_internal.h"
#include "kernel/fs/permission.h"
#include "kernel/schedule/thread.h"

namespace gyre {

namespace {

constexpr uint64_t kOnes = 0x0101'0101'0101'0101;
constexpr uint64_t kHighs = 0x8080'8080'8080'8080;
// A set high bit in every byte that is zero; bytes above the first such one may be wrong, which
// does no harm.
constexpr uint64_t zero_bytes(uint64_t word) {
    return (word - kOnes) & ~word & kHighs;
}
constexpr uint64_t kSlashes = kOnes * '/';

// The length of the component that starts here, and its hash (see hash_name), eight bytes at a
// time.
struct Component {
    size_t length;
    uint32_t hash;
};
Component scan(const Dentry* parent, const char* at) {
    uint64_t hash = dentry_cache::hash_seed(parent);
    for (size_t length = 0;; length += 8) {
        uint64_t word;
        std::memcpy(&word, at + length, 8);
        const uint64_t ends = zero_bytes(word) | zero_bytes(word ^ kSlashes);
        if (ends == 0) {
            hash = dentry_cache::hash_step(hash, word);
            continue;
        }
        const uint32_t bits =
            static_cast<uint32_t>(std::countr_zero(ends)) & ~7u;  // of name bytes in this word
        if (bits != 0) hash = dentry_cache::hash_step(hash, word & ((uint64_t{1} << bits) - 1));
        return {length + bits / 8, dentry_cache::hash_end(hash)};
    }
}

}  // namespace

Status PathText::read(UserString path) {
    Result<size_t> length = user_memory::copy_string_in(inline_, path.address(), kInlineBytes);
    if (!length && length.error() == Error::NameTooLong) {
        // Rare, so it is copied afresh into memory of its own; only that copy is looked at.
        heap_ = new (std::nothrow) char[kMostBytes + 8];
        if (!heap_) return fail(Error::NoMemory);
        text_ = heap_;
        length = user_memory::copy_string_in(heap_, path.address(), kMostBytes);
    }
    length_ = TRY(length);
    return {};
}

Status PathText::set(std::string_view path) {
    if (path.size() >= kMostBytes) return fail(Error::NameTooLong);
    char* to = inline_;
    if (path.size() >= kInlineBytes) {
        heap_ = new (std::nothrow) char[kMostBytes + 8];
        if (!heap_) return fail(Error::NoMemory);
        text_ = to = heap_;
    }
    std::memcpy(to, path.data(), path.size());
    to[path.size()] = 0;
    length_ = path.size();
    return {};
}

Status PathWalker::to_end() {
    return walk(false);
}
Status PathWalker::to_parent() {
    return walk(true);
}

Status PathWalker::walk(bool stops_at_last) {
    if (!is_started_) {
        is_started_ = true;
        sequence_ = DentryCache::rename_sequence();
        if (*rest_ == '/' && !has(flags_, LookupFlag::InRoot)) {
            if (has(flags_, LookupFlag::Beneath)) return fail(Error::CrossDevice);
            mount_ = context_.root.mount.get();
            dentry_ = context_.root.dentry.get();
        } else {
            mount_ = context_.base.mount.get();
            dentry_ = context_.base.dentry.get();
        }
    }
    for (;;) {
        while (*rest_ == '/')
            ++rest_;
        if (*rest_ == 0) {
            if (depth_ == 0) break;
            pop_text();
            continue;
        }
        const Inode& directory = dentry_->inode();
        if (!directory.is_directory()) return fail(Error::NotDirectory);
        TRY_VOID(permission::check_search(directory, context_.credentials));

        const Component component = scan(dentry_, rest_);
        if (component.length > kMostNameBytes) return fail(Error::NameTooLong);
        const std::string_view name{rest_, component.length};
        const char* next = rest_ + component.length;
        const char* const end = next;
        while (*next == '/')
            ++next;
        const bool is_last = *next == 0 && depth_ == 0;
        if (is_last) {
            if (next != end) must_be_directory_ = true;
            last_ = name;
            last_kind_ = name == "."    ? LastKind::Dot
                         : name == ".." ? LastKind::DotDot
                                        : LastKind::Name;
            if (stops_at_last) {
                rest_ = next;
                return {};
            }
        }
        TRY_VOID(step(name, component.hash, next, is_last));
    }
    if ((must_be_directory_ || has(flags_, LookupFlag::MustBeDirectory)) &&
        !dentry_->inode().is_directory())
        return fail(Error::NotDirectory);
    return {};
}

Status PathWalker::step(std::string_view name, uint32_t hash, const char* next, bool is_last) {
    if (name[0] == '.') [[unlikely]] {
        if (name.size() == 1) {
            rest_ = next;
            return {};
        }
        if (name.size() == 2 && name[1] == '.') {
            rest_ = next;
            return go_up();
        }
    }
    Dentry* child = DentryCache::find(dentry_, name, hash);
    if (dentry_->inode().superblock().entries() == Superblock::Entries::Dynamic) [[unlikely]] {
        if (!child || child->inode().is_stale()) child = TRY(fetch(name));
    } else if (!child) {
        return fail(DentryCache::rename_sequence() == sequence_ ? Error::NotFound : Error::Stale);
    }
    Mount* mount = mount_;
    if (child->is_mount_point()) [[unlikely]] {
        cross_mounts(mount, child);
        if (mount != mount_ && has(flags_, LookupFlag::NoCrossMounts))
            return fail(Error::CrossDevice);
    }
    if (child->inode().is_symlink()) [[unlikely]] {
        if (!is_last || must_be_directory_ || has(flags_, LookupFlag::Follow))
            return follow(*child, next);
        if (has(flags_, LookupFlag::MustBeDirectory)) return fail(Error::NotDirectory);
    }
    mount_ = mount;
    dentry_ = child;
    rest_ = next;
    return {};
}

void PathWalker::cross_mounts(Mount*& mount, Dentry*& dentry) const {
    while (dentry->is_mount_point()) {
        Mount* upon = MountTable::find(mount, dentry);
        if (!upon) return;
        mount = upon;
        dentry = &upon->root();
    }
}

Status PathWalker::go_up() {
    for (;;) {
        if (dentry_ == context_.root.dentry.get() && mount_ == context_.root.mount.get()) break;
        if (has(flags_, LookupFlag::Beneath) || has(flags_, LookupFlag::InRoot)) {
            if (dentry_ == context_.base.dentry.get() && mount_ == context_.base.mount.get()) {
                if (has(flags_, LookupFlag::Beneath)) return fail(Error::CrossDevice);
                break;
            }
        }
        if (dentry_ != &mount_->root()) {
            dentry_ = dentry_->parent();
            break;
        }
        Mount* parent = mount_->parent();
        Dentry* point = mount_->mount_point();
        if (!parent || !point) break;  // the root of all, or a mount that was taken off meanwhile
        if (has(flags_, LookupFlag::NoCrossMounts)) return fail(Error::CrossDevice);
        mount_ = parent;
        dentry_ = point;
    }
    cross_mounts(mount_, dentry_);
    return {};
}

Result<Path> PathWalker::take() {
    Ref<Mount> mount = Ref<Mount>::try_from(mount_);
    Ref<Dentry> dentry = Ref<Dentry>::try_from(dentry_);
    if (!mount || !dentry || DentryCache::rename_sequence() != sequence_ || (sequence_ & 1) != 0)
        return fail(Error::Stale);
    return Path(std::move(mount), std::move(dentry));
}

Result<Path> look_up(const LookupContext& context, const PathText& path, LookupFlag flags) {
    if (path.is_empty()) return fail(Error::NotFound);
    // Every restart means that somebody else's rename or removal got through, so this ends.
    for (;;) {
        {
            PathWalker walker(context, path.text(), flags);
            const Status walked = walker.to_end();
            Result<Path> found = walked ? walker.take() : fail(walked.error());
            if (found || found.error() != Error::Stale) return found;
        }
        Thread::preemption_point();
    }
}

}  // namespace gyre
