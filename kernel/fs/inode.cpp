// SPDX-License-Identifier: MIT
//
// Inode: attributes, and the defaults for kinds that cannot do an operation.
#include "kernel/fs/inode.h"

#include <algorithm>
#include <cstring>

#include "kernel/arch/contract.h"
#include "kernel/fs/directory_file.h"
#include "kernel/fs/file_locks.h"
#include "kernel/fs/inode_file.h"
#include "kernel/fs/special_files.h"
#include "kernel/fs/superblock.h"

// The retired node is a member of a class that is not of standard layout; clang defines offsetof
// for it all the same.
#pragma clang diagnostic ignored "-Winvalid-offsetof"

namespace gyre {

Inode::Inode(Superblock& superblock, uint64_t number, uint32_t mode, uint32_t uid, uint32_t gid)
    : superblock_(superblock),
      number_(number),
      mode_(mode),
      uid_(uid),
      gid_(gid),
      birth_ns_(wall_clock_ns()) {
    set_times(birth_ns_, birth_ns_, birth_ns_);
    // Inodes live as long as anything of their file system may look at them, so they keep it.
    superblock_.add_reference();
}

Inode::~Inode() {
    free_file_locks(file_locks_.load(std::memory_order_relaxed));
}

void Inode::add_links(int32_t difference) {
    const uint32_t before = link_count_.fetch_add(uint32_t(difference), std::memory_order_relaxed);
    if (before + uint32_t(difference) == 0) set_orphan(true);
    else if (before == 0) set_orphan(false);
}

void Inode::set_orphan(bool value) {
    if (is_orphan_.exchange(value, std::memory_order_acq_rel) != value) superblock_.count_orphan(value ? 1 : -1);
}

void Inode::last_reference_gone() {
    evict();
    set_orphan(false);
    Ref<Superblock> superblock = Ref<Superblock>::adopt(&superblock_);
    epoch::retire(node_, [](epoch::Node* node) {
        delete reinterpret_cast<Inode*>(reinterpret_cast<std::byte*>(node) -
                                        offsetof(Inode, node_));
    });
}

void Inode::set_owner(uint32_t uid, uint32_t gid) {
    uid_.store(uid, std::memory_order_relaxed);
    gid_.store(gid, std::memory_order_relaxed);
}

void Inode::set_times(int64_t access_ns, int64_t modify_ns, int64_t change_ns) {
    access_ns_.store(access_ns, std::memory_order_relaxed);
    modify_ns_.store(modify_ns, std::memory_order_relaxed);
    change_ns_.store(change_ns, std::memory_order_relaxed);
}

void Inode::touch_modified() {
    const int64_t now = wall_clock_ns();
    modify_ns_.store(now, std::memory_order_relaxed);
    change_ns_.store(now, std::memory_order_relaxed);
}

void Inode::touch_accessed_relatively() {
    constexpr int64_t kDayNs = int64_t{24} * 3600 * 1'000'000'000;
    const int64_t seen = access_ns();
    const int64_t now = wall_clock_ns();
    if (seen <= modify_ns() || seen <= change_ns() || now - seen >= kDayNs)
        access_ns_.store(now, std::memory_order_relaxed);
}

void Inode::status(FileStatus& status) {
    status.device = superblock_.device();
    status.inode = number_;
    status.mode = mode();
    status.link_count = link_count();
    status.uid = uid();
    status.gid = gid();
    status.special_device = device_;
    status.size = size();
    status.access_ns = access_ns();
    status.modify_ns = modify_ns();
    status.change_ns = change_ns();
    status.birth_ns = birth_ns_;
}

Result<Ref<Inode>> Inode::look_up(std::string_view) {
    return fail(Error::NotFound);
}
Status Inode::emit_dynamic_entries(uint64_t, EmitEntry, void*) {
    return {};
}
Result<Ref<Inode>> Inode::make_node(const NewNode&) {
    return fail(Error::NotPermitted);
}

Result<size_t> Inode::read_link(std::span<char> buffer) {
    const size_t length = std::min(std::strlen(text()), buffer.size());
    std::memcpy(buffer.data(), text(), length);
    return length;
}

Result<Path> Inode::follow() {
    return fail(Error::SymlinkLoop);
}

Result<Ref<File>> Inode::open(const Path& path, uint32_t flags) {
    switch (type()) {
        case file_mode::kCharacter:
        case file_mode::kBlock:
            return open_device(path, flags);
        case file_mode::kFifo:
            return open_fifo(path, flags);
        case file_mode::kSocket:
            return fail(Error::NoSuchAddress);
        case file_mode::kDirectory:
            return Ref<File>(TRY(make_ref<DirectoryFile>(path, flags)));
        default:
            break;
    }
    Ref<InodeFile> file = TRY(make_ref<InodeFile>(path, flags));
    if ((flags & open_flags::kAccessMode) != open_flags::kReadOnly) TRY_VOID(file->begin_writing());
    return Ref<File>(std::move(file));
}

Status Inode::set_size_locked(uint64_t) {
    return fail(Error::InvalidArgument);
}
Result<uint64_t> Inode::prepare_write_locked(uint64_t, uint64_t) {
    return fail(Error::InvalidArgument);
}
Status Inode::prepare_mapping(bool, bool, Protection&) {
    return {};
}
void Inode::content_written_locked(uint64_t) {}
Status Inode::allocate_locked(uint64_t, uint64_t, bool) {
    return fail(Error::NotSupported);
}
Status Inode::punch_locked(uint64_t, uint64_t) {
    return fail(Error::NotSupported);
}

Result<long> Inode::control(File&, uint32_t, uintptr_t) {
    return fail(Error::InvalidArgument);
}

Status Inode::begin_write_access() {
    int32_t seen = writers_.load(std::memory_order_relaxed);
    do {
        if (seen < 0) return fail(Error::TextBusy);
    } while (!writers_.compare_exchange_weak(seen, seen + 1, std::memory_order_acq_rel));
    return {};
}
void Inode::end_write_access() {
    writers_.fetch_sub(1, std::memory_order_acq_rel);
}

Status Inode::begin_execution() {
    int32_t seen = writers_.load(std::memory_order_relaxed);
    do {
        if (seen > 0) return fail(Error::TextBusy);
    } while (!writers_.compare_exchange_weak(seen, seen - 1, std::memory_order_acq_rel));
    return {};
}
void Inode::end_execution() {
    writers_.fetch_add(1, std::memory_order_acq_rel);
}

}  // namespace gyre
