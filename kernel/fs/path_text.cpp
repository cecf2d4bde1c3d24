// SPDX-License-Identifier: MIT
//
// From a place back to its path, for getcwd, /proc and /proc/PID/maps.
#include <cstring>

#include "kernel/fs/dentry.h"
#include "kernel/fs/lookup.h"

namespace gyre {

namespace {

// Writes from the end of the buffer towards its start.
class BackwardWriter {
public:
    explicit BackwardWriter(std::span<char> buffer) : buffer_(buffer), at_(buffer.size()) {}
    bool prepend(std::string_view text) {
        if (text.size() > at_) return false;
        at_ -= text.size();
        std::memcpy(buffer_.data() + at_, text.data(), text.size());
        return true;
    }
    std::string_view view() const { return {buffer_.data() + at_, buffer_.size() - at_}; }
    bool is_empty() const { return at_ == buffer_.size(); }

private:
    std::span<char> buffer_;
    size_t at_;
};

}  // namespace

Result<std::string_view> path_text(const Path& place, const Path& root, std::span<char> buffer,
                                   PathStyle style) {
    BackwardWriter writer(buffer);
    if (place.dentry->is_removed()) {
        if (style == PathStyle::GetCwd) return fail(Error::NotFound);
        if (!writer.prepend(" (deleted)")) return fail(Error::NameTooLong);
    }
    bool fits = true;
    bool is_reached = false;
    bool has_name = false;
    // Mounts do not move under their own lock; names not under the cache's. Dentry comes before
    // Mount in rank.
    DentryCache::with_stable_names([&] {
        SpinGuard guard(MountTable::lock());
        const Mount* mount = place.mount.get();
        const Dentry* dentry = place.dentry.get();
        while (fits) {
            if (dentry == root.dentry.get() && mount == root.mount.get()) {
                is_reached = true;
                break;
            }
            if (dentry == &mount->root()) {
                const Dentry* point = mount->mount_point();
                const Mount* parent = mount->parent();
                if (!parent || !point) break;
                dentry = point;
                mount = parent;
                continue;
            }
            if (dentry->is_root()) break;  // never mounted: memfd and the like have only a name
            fits = writer.prepend(dentry->name()) && writer.prepend("/");
            has_name = true;
            dentry = dentry->parent();
        }
    });
    if (!fits) return fail(Error::NameTooLong);
    if (!has_name && !writer.prepend("/")) return fail(Error::NameTooLong);
    if (!is_reached && style == PathStyle::GetCwd && !writer.prepend("(unreachable)"))
        return fail(Error::NameTooLong);
    return writer.view();
}

}  // namespace gyre
