// SPDX-License-Identifier: MIT
//
// From cpio archives to files. A later entry of the same name replaces the earlier one (a directory
// is only changed), so an archive laid behind another one overrides it. Missing folders are made.
// Content is copied once, page by page.
#include <algorithm>
#include <cstring>

#include "kernel/fs/initialize.h"
#include "kernel/fs/lookup.h"
#include "kernel/fs/names.h"
#include "kernel/fs/text.h"
#include "kernel/log/log.h"
#include "kernel/schedule/thread.h"
#include "lib/base/vector.h"
#include "lib/cpio/cpio.h"

namespace gyre::fs {

namespace {

constexpr int64_t kNsPerSecond = 1'000'000'000;

class Unpacker {
public:
    Unpacker(Path root, Credentials& credentials)
        : root_(std::move(root)), credentials_(credentials) {}

    Status add(const cpio::Entry& entry) {
        std::string_view path = entry.name;
        while (path.ends_with('/'))
            path.remove_suffix(1);
        const size_t slash = path.rfind('/');
        const std::string_view name =
            slash == std::string_view::npos ? path : path.substr(slash + 1);
        const std::string_view folder =
            slash == std::string_view::npos ? std::string_view() : path.substr(0, slash);
        if (name.empty() || name == ".") return change(*root_.dentry, entry);
        if (name == ".." || name.size() > kMostNameBytes) return fail(Error::InvalidArgument);
        Ref<Dentry> parent = TRY(parent_of(folder));
        return add_to(*parent, name, entry);
    }

    size_t file_count() const { return file_count_; }

private:
    struct LinkedFile {
        uint32_t major, minor, inode;
        Ref<Dentry> dentry;
    };

    // Entries of one folder mostly follow each other, so the last one is kept.
    Result<Ref<Dentry>> parent_of(std::string_view folder) {
        if (last_parent_ && folder == std::string_view(last_folder_, last_folder_length_) &&
            !last_parent_->is_removed())
            return last_parent_;
        Ref<Dentry> at = root_.dentry;
        std::string_view rest = folder;
        while (!rest.empty()) {
            const std::string_view name = text::take_until(rest, '/');
            if (name.empty() || name == ".") continue;
            if (name == "..") return fail(Error::InvalidArgument);
            Result<Ref<Dentry>> found = fetch_entry(*at, name);
            if (!found && found.error() == Error::NotFound)
                found = names::make_unchecked(*at, name, {file_mode::kDirectory | 0755, 0, 0});
            at = TRY(found);
            if (at->inode().is_symlink()) return through_links(folder);
            if (!at->inode().is_directory()) return fail(Error::NotDirectory);
        }
        remember(folder, at);
        return at;
    }

    void remember(std::string_view folder, const Ref<Dentry>& parent) {
        last_parent_.reset();
        if (folder.size() > sizeof(last_folder_)) return;
        std::memcpy(last_folder_, folder.data(), folder.size());
        last_folder_length_ = folder.size();
        last_parent_ = parent;
    }

    Result<Ref<Dentry>> through_links(std::string_view folder) {
        PathText path;
        TRY_VOID(path.set(folder));
        const LookupContext context{root_, root_, credentials_};
        const Path place =
            TRY(look_up(context, path, LookupFlag::Follow | LookupFlag::MustBeDirectory));
        return place.dentry;
    }

    Status add_to(Dentry& parent, std::string_view name, const cpio::Entry& entry) {
        const uint32_t type = entry.mode & file_mode::kTypeMask;
        if (Result<Ref<Dentry>> present = fetch_entry(parent, name)) {
            if ((*present)->inode().is_directory()) {
                if (type == file_mode::kDirectory) return change(**present, entry);
                if (DentryCache::has_children(**present)) return fail(Error::IsDirectory);
            }
            // The content of hard links comes with the last of their names: an earlier name of the
            // same archive that is listed again keeps its file.
            TRY_VOID(names::remove_unchecked(**present));
        }
        const bool may_be_linked = entry.link_count > 1 && type == file_mode::kRegular;
        if (may_be_linked) {
            if (LinkedFile* first = find_linked(entry)) {
                TRY_VOID(names::add_inode(parent, name, Ref<Inode>(first->dentry->inode())));
                return entry.content.empty() ? Status() : fill(first->dentry->inode(), entry);
            }
        }
        NewNode node{entry.mode & (file_mode::kTypeMask | file_mode::kAllBits), entry.uid,
                     entry.gid, make_device(entry.special_major, entry.special_minor)};
        if (type == file_mode::kSymlink)
            node.target = {reinterpret_cast<const char*>(entry.content.data()),
                           entry.content.size()};
        Ref<Dentry> made = TRY(names::make_unchecked(parent, name, node));
        if (type == file_mode::kRegular) TRY_VOID(fill(made->inode(), entry));
        set_time(made->inode(), entry);
        ++file_count_;
        if (may_be_linked)
            TRY_VOID(linked_.try_push_back(
                LinkedFile{entry.major, entry.minor, entry.inode, std::move(made)}));
        return {};
    }

    LinkedFile* find_linked(const cpio::Entry& entry) {
        for (size_t i = linked_.size(); i-- > 0;) {
            LinkedFile& file = linked_[i];
            if (file.inode == entry.inode && file.major == entry.major && file.minor == entry.minor)
                return &file;
        }
        return nullptr;
    }

    static void set_time(Inode& inode, const cpio::Entry& entry) {
        const int64_t time = entry.modify_seconds * kNsPerSecond;
        inode.set_times(time, time, inode.change_ns());
    }

    static Status change(Dentry& directory, const cpio::Entry& entry) {
        Inode& inode = directory.inode();
        if ((entry.mode & file_mode::kTypeMask) != file_mode::kDirectory)
            return fail(Error::InvalidArgument);
        inode.set_mode(file_mode::kDirectory | (entry.mode & file_mode::kAllBits));
        inode.set_owner(entry.uid, entry.gid);
        set_time(inode, entry);
        return {};
    }

    static Status fill(Inode& inode, const cpio::Entry& entry) {
        MutexGuard guard(inode.lock());
        TRY_VOID(inode.set_size_locked(entry.content.size()));
        if (entry.content.empty()) return {};
        Vmo* vmo = TRY(inode.vmo());
        TRY_VOID(vmo->write(0, entry.content));
        inode.content_written_locked(entry.content.size());
        return {};
    }

    const Path root_;
    Credentials& credentials_;
    Ref<Dentry> last_parent_;
    char last_folder_[256];
    size_t last_folder_length_ = 0;
    Vector<LinkedFile> linked_;
    size_t file_count_ = 0;
};

}  // namespace

Status unpack_initramfs(const Path& directory, std::span<const std::byte> archive) {
    const Ref<Credentials> credentials = TRY(Credentials::create({}, {}));
    Unpacker unpacker(directory, *credentials);
    cpio::Reader reader(archive);
    for (;;) {
        const Result<std::optional<cpio::Entry>> next = reader.next();
        if (!next) {
            log_error("initramfs: damaged at byte {}", reader.offset());
            return fail(next.error());
        }
        if (!*next) break;
        const Status added = unpacker.add(**next);
        if (!added) {
            if (added.error() == Error::NoMemory) return added;
            log_warning("initramfs: {} left out (error {})", (*next)->name,
                        static_cast<int>(added.error()));
        }
        Thread::preemption_point();
    }
    return {};
}

}  // namespace gyre::fs
