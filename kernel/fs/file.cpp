// SPDX-License-Identifier: MIT
//
// File: what every open file description has, and the answers of those that cannot do something.
#include "kernel/fs/file.h"

#include <utility>

#include "kernel/fs/dentry.h"
#include "kernel/fs/epoll.h"
#include "kernel/fs/file_locks.h"
#include "kernel/fs/inode.h"
#include "kernel/fs/mount.h"

// The retired node is a member of a class that is not of standard layout; clang defines offsetof
// for it all the same.
#pragma clang diagnostic ignored "-Winvalid-offsetof"

namespace gyre {

File::File(Path path, uint32_t flags, Signals initial)
    : Object(kKind, initial), path_(std::move(path)), flags_(flags) {}

bool File::can_read() const {
    const uint32_t access = status_flags() & (open_flags::kAccessMode | open_flags::kPath);
    return access == open_flags::kReadOnly || access == open_flags::kReadWrite;
}

bool File::can_write() const {
    const uint32_t access = status_flags() & (open_flags::kAccessMode | open_flags::kPath);
    return access == open_flags::kWriteOnly || access == open_flags::kReadWrite;
}

void File::last_reference_gone() {
    if (epoll_items_.load(std::memory_order_acquire)) [[unlikely]]
        epoll::forget_file(*this);
    if (path_.dentry) {
        Inode& inode = path_.dentry->inode();
        if (inode.file_locks().load(std::memory_order_acquire)) [[unlikely]] {
            file_locks::release(inode, LockFamily::Flock, this);
            file_locks::release(inode, LockFamily::OpenFile, this);
        }
    }
    // The object ends now (a pipe's other side must learn it at once); its memory stays until the
    // readers of descriptor tables who may still try to take a reference have gone. They look at
    // the count only, which stays zero.
    epoch::Node* node = &node_;
    this->~File();
    *node = {};
    epoch::retire(*node, [](epoch::Node* gone) {
        ::operator delete(reinterpret_cast<std::byte*>(gone) - offsetof(File, node_));
    });
}

Result<size_t> File::read(IoCursor&, Patience) {
    return fail(Error::InvalidArgument);
}
Result<size_t> File::write(IoCursor&, Patience) {
    return fail(Error::InvalidArgument);
}
Result<size_t> File::read_at(IoCursor&, uint64_t, Patience) {
    return fail(Error::IllegalSeek);
}
Result<size_t> File::write_at(IoCursor&, uint64_t, Patience) {
    return fail(Error::IllegalSeek);
}
Result<uint64_t> File::seek(int64_t, int) {
    return fail(Error::IllegalSeek);
}
Result<long> File::ioctl(linux::CallContext&, uint32_t, uintptr_t) {
    return fail(Error::NotTerminal);
}

Result<long> File::control(linux::CallContext&, uint32_t command, uintptr_t argument) {
    if (!path_.dentry) return fail(Error::InvalidArgument);
    return path_.dentry->inode().control(*this, command, argument);
}

Status File::status(FileStatus& status) {
    if (!path_.dentry) {
        // What has neither a name nor an inode: as Linux's anonymous inodes.
        status.mode = 0600;
        status.link_count = 1;
        status.inode = koid();
        return {};
    }
    path_.dentry->inode().status(status);
    status.mount_id = path_.mount ? path_.mount->number() : 0;
    status.is_mount_root = path_.mount && &path_.mount->root() == path_.dentry.get();
    return {};
}

Status File::truncate(uint64_t) {
    return fail(Error::InvalidArgument);
}
Status File::synchronize(bool) {
    return fail(Error::InvalidArgument);
}
Result<Ref<Vmo>> File::mappable(MapRequest&) {
    return fail(Error::NoDevice);
}
Result<Ref<MappingSource>> File::mapping_source() {
    return Ref<MappingSource>();
}
Status File::read_directory(EmitEntry, void*) {
    return fail(Error::NotDirectory);
}
Status File::flags_changed(uint32_t, uint32_t) {
    return {};
}

void File::descriptor_closed(const FileTable& table) {
    if (!path_.dentry) return;
    Inode& inode = path_.dentry->inode();
    if (inode.file_locks().load(std::memory_order_acquire)) [[unlikely]]
        file_locks::release(inode, LockFamily::Record, &table);
}

size_t File::describe(std::span<char>) const {
    return 0;
}

}  // namespace gyre
