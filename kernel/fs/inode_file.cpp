// SPDX-License-Identifier: MIT
//
// Open regular files. The content's own reading and writing is in content.cpp.
#include "kernel/fs/inode_file.h"

#include <algorithm>
#include <utility>

#include "kernel/fs/dentry.h"
#include "kernel/fs/lookup.h"
#include "kernel/fs/mount.h"
#include "kernel/fs/permission.h"
#include "kernel/fs/superblock.h"
#include "kernel/linux/task.h"

namespace gyre {

InodeFile::~InodeFile() {
    if (is_executing_) inode().end_execution();
    if (!is_writing_) return;
    if (path().mount) path().mount->end_writing();
    inode().end_write_access();
}

Inode& InodeFile::inode() const {
    return path().dentry->inode();
}

Status InodeFile::begin_execution() {
    TRY_VOID(inode().begin_execution());
    is_executing_ = true;
    return {};
}

Status InodeFile::begin_writing() {
    TRY_VOID(inode().begin_write_access());
    if (path().mount) {
        if (const Status begun = path().mount->begin_writing(); !begun) {
            inode().end_write_access();
            return begun;
        }
    }
    is_writing_ = true;
    return {};
}

void InodeFile::accessed() {
    if (status_flags() & open_flags::kNoAccessTime) return;
    const Path& place = path();
    if (place.mount &&
        ((place.mount->flags() & mount_flags::kNoAccessTime) || place.mount->is_read_only()))
        return;
    inode().touch_accessed_relatively();
}

Result<size_t> InodeFile::read(IoCursor& to, Patience patience) {
    MutexGuard guard(position_lock_);
    const uint64_t position = position_.load(std::memory_order_relaxed);
    const size_t count = TRY(read_at(to, position, patience));
    position_.store(position + count, std::memory_order_relaxed);
    return count;
}

Result<size_t> InodeFile::read_at(IoCursor& to, uint64_t offset, Patience) {
    const size_t count = TRY(read_content(inode(), to, offset));
    accessed();
    return count;
}

Result<size_t> InodeFile::write(IoCursor& from, Patience) {
    MutexGuard guard(position_lock_);
    uint64_t position = position_.load(std::memory_order_relaxed);
    const size_t count =
        TRY(write_content(inode(), from, position, (status_flags() & open_flags::kAppend) != 0));
    position_.store(position + count, std::memory_order_relaxed);
    return count;
}

// Linux appends even here when the file is opened for appending (pwrite(2), BUGS).
Result<size_t> InodeFile::write_at(IoCursor& from, uint64_t offset, Patience) {
    return write_content(inode(), from, offset, (status_flags() & open_flags::kAppend) != 0);
}

namespace {

constexpr uint64_t kPagesAtOnce = 1024;  // looked at before others may run

// SEEK_DATA and SEEK_HOLE: pages that are absent are holes, and so is what follows the end.
Result<uint64_t> find_data_or_hole(Inode& inode, uint64_t from, bool wants_data) {
    const uint64_t size = inode.size();
    if (from >= size) return fail(Error::NoSuchAddress);
    Vmo* vmo = inode.vmo_if_any();
    const uint64_t first = from / kPageSize;
    const uint64_t end = page_ceiling(size) / kPageSize;
    // A hole may have any width, so it is crossed in one step; data is no longer than the memory.
    uint64_t found = wants_data ? (vmo ? vmo->next_page(first, end) : end) : first;
    while (!wants_data && found < end && vmo && is_page_present(*vmo, found)) {
        ++found;
        if (found % kPagesAtOnce == 0) Thread::preemption_point();
    }
    if (found < end) return std::max(from, found * kPageSize);
    if (wants_data) return fail(Error::NoSuchAddress);
    return size;
}

}  // namespace

Result<uint64_t> InodeFile::seek(int64_t offset, int whence) {
    enum { kSet, kCurrent, kEnd, kData, kHole };
    MutexGuard guard(position_lock_);
    int64_t base = 0;
    switch (whence) {
        case kSet:
            break;
        case kCurrent:
            base = static_cast<int64_t>(position_.load(std::memory_order_relaxed));
            break;
        case kEnd:
            base = static_cast<int64_t>(inode().size());
            break;
        case kData:
        case kHole: {
            if (offset < 0) return fail(Error::NoSuchAddress);
            const uint64_t at =
                TRY(find_data_or_hole(inode(), static_cast<uint64_t>(offset), whence == kData));
            position_.store(at, std::memory_order_relaxed);
            return at;
        }
        default:
            return fail(Error::InvalidArgument);
    }
    int64_t to;
    // A sum that does not fit is negative to Linux, and so not a valid position.
    if (__builtin_add_overflow(base, offset, &to) || to < 0) return fail(Error::InvalidArgument);
    position_.store(static_cast<uint64_t>(to), std::memory_order_relaxed);
    return static_cast<uint64_t>(to);
}

Status InodeFile::truncate(uint64_t size) {
    Inode& file = inode();
    MutexGuard guard(file.lock());
    TRY_VOID(file.set_size_locked(size));
    permission::drop_privileges_on_write_locked(file);
    file.touch_modified();
    return {};
}

// Memory is all there is behind these files, so everything written is as durable as it will be.
Status InodeFile::synchronize(bool) {
    return {};
}

Result<Ref<Vmo>> InodeFile::mappable(MapRequest& request) {
    if (!can_read()) return fail(Error::AccessDenied);
    if (request.is_shared && !can_write()) {
        if (allows(request.protection, Protection::Write)) return fail(Error::AccessDenied);
        request.most = Protection(uint8_t(request.most) & ~uint8_t(Protection::Write));
    }
    if (path().mount && (path().mount->flags() & mount_flags::kNoExecute)) {
        if (allows(request.protection, Protection::Execute)) return fail(Error::NotPermitted);
        request.most = Protection(uint8_t(request.most) & ~uint8_t(Protection::Execute));
    }
    Vmo* vmo = inode().vmo_if_any();
    if (!vmo) {
        // Made under the lock, because it is made as large as the file is at this moment.
        MutexGuard guard(inode().lock());
        vmo = TRY(inode().vmo());
    }
    if (!vmo) return fail(Error::NoDevice);
    TRY_VOID(inode().prepare_mapping(request.is_shared,
                                     allows(request.protection, Protection::Write), request.most));
    accessed();
    return Ref<Vmo>(vmo);
}

namespace {

// Holds the description, as a mapping does on Linux: flock and text-busy last until the last
// mapping is gone.
class FileMappingSource final : public MappingSource {
public:
    explicit FileMappingSource(Ref<File> file) : file_(std::move(file)) {}
    Description describe() const override {
        const Inode& inode = file_->path().dentry->inode();
        return {inode.superblock().device(), inode.number(), nullptr};
    }
    size_t path(std::span<char> buffer) const override {
        const Path root = namespace_root();
        const Result<std::string_view> text =
            path_text(file_->path(), root, buffer, PathStyle::Plain);
        if (!text) return 0;
        std::memmove(buffer.data(), text->data(), text->size());
        return text->size();
    }

private:
    Ref<File> file_;
};

}  // namespace

Result<Ref<MappingSource>> InodeFile::mapping_source() {
    return Ref<MappingSource>(TRY(make_ref<FileMappingSource>(Ref<File>(this))));
}

}  // namespace gyre
