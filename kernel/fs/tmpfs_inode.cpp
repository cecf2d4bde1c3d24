// SPDX-License-Identifier: MIT
//
// tmpfs's inodes. Directories need nothing of their own: their entries are the dentry cache's.
#include <algorithm>
#include <cstring>
#include <new>

#include "kernel/fs/inode_file.h"
#include "kernel/fs/tmpfs.h"
#include "kernel/schedule/thread.h"

namespace gyre {

namespace {

class TmpfsSymlink final : public TmpfsInode {
public:
    static Result<Ref<Inode>> make(TmpfsSuperblock& superblock, const NewNode& node) {
        // The walk reads texts in words of eight bytes, so there are eight after the end.
        auto* text = new (std::nothrow) char[node.target.size() + 8];
        if (!text) return fail(Error::NoMemory);
        std::memcpy(text, node.target.data(), node.target.size());
        std::memset(text + node.target.size(), 0, 8);
        auto* inode = new (std::nothrow) TmpfsSymlink(superblock, node, text);
        if (!inode) {
            delete[] text;
            return fail(Error::NoMemory);
        }
        return Ref<Inode>(Ref<TmpfsSymlink>::adopt(inode));
    }
    // The text is read by lock-free walks, so it goes with the inode's memory and not before.
    ~TmpfsSymlink() override { delete[] text_; }
    const char* text() const override { return text_; }
    uint64_t size() const override { return length_; }

private:
    TmpfsSymlink(TmpfsSuperblock& superblock, const NewNode& node, const char* text)
        : TmpfsInode(superblock, file_mode::kSymlink | 0777, node.uid, node.gid),
          text_(text),
          length_(node.target.size()) {}
    const char* const text_;
    const size_t length_;
};

constexpr uint64_t kDirectoryEntryBytes =
    20;  // what Linux's tmpfs counts per name, visible as a directory's size

Result<Ref<Inode>> make_counted(TmpfsSuperblock& superblock, const NewNode& node) {
    switch (node.mode & file_mode::kTypeMask) {
        case file_mode::kRegular:
            return Ref<Inode>(
                TRY(make_ref<TmpfsRegular>(superblock, node.mode, node.uid, node.gid)));
        case file_mode::kSymlink:
            return TmpfsSymlink::make(superblock, node);
        default:
            break;
    }
    Ref<TmpfsInode> inode = TRY(make_ref<TmpfsInode>(superblock, node.mode, node.uid, node.gid));
    inode->set_device(node.device);
    return Ref<Inode>(std::move(inode));
}

}  // namespace

Result<Ref<Inode>> TmpfsInode::make(TmpfsSuperblock& superblock, const NewNode& node) {
    TRY_VOID(superblock.take_inode());
    Result<Ref<Inode>> made = make_counted(superblock, node);
    if (!made) superblock.return_inode();
    return made;
}

Result<Ref<Inode>> TmpfsInode::make_node(const NewNode& node) {
    return make(tmpfs_, node);
}

void TmpfsInode::status(FileStatus& status) {
    Inode::status(status);
    if (is_directory()) status.size = kDirectoryEntryBytes * (2 + uint64_t{entry_count()});
}

Result<Vmo*> TmpfsRegular::vmo() {
    if (Vmo* made = vmo_if_any()) return made;
    Ref<Vmo> vmo = TRY(Vmo::create(size()));
    Vmo* expected = nullptr;
    if (vmo_.compare_exchange_strong(expected, vmo.get(), std::memory_order_acq_rel))
        return vmo.leak();
    return expected;
}

void TmpfsRegular::account() {
    const Vmo* vmo = vmo_if_any();
    const uint64_t now = vmo ? vmo->resident_pages() : 0;
    const uint64_t before = pages_accounted_.exchange(now, std::memory_order_relaxed);
    if (now != before) tmpfs().account_pages(static_cast<int64_t>(now - before));
}

void TmpfsRegular::evict() {
    if (Vmo* vmo = vmo_.exchange(nullptr, std::memory_order_acq_rel)) (void)Ref<Vmo>::adopt(vmo);
    account();
    TmpfsInode::evict();
}

void TmpfsRegular::status(FileStatus& status) {
    TmpfsInode::status(status);
    account();
    status.blocks = pages_accounted_.load(std::memory_order_relaxed) * (kPageSize / 512);
}

Status TmpfsRegular::set_size_locked(uint64_t size) {
    if (size > kMostFileBytes) return fail(Error::FileTooLarge);
    if (size == this->size()) return {};
    if (Vmo* vmo = vmo_if_any()) {
        if (size < this->size()) size_.store(size, std::memory_order_release);
        TRY_VOID(vmo->set_size(size));
    }
    size_.store(size, std::memory_order_release);
    account();
    return {};
}

// Most writes fit by any count; only near the limit it matters which pages are there already.
uint64_t TmpfsRegular::room_for(uint64_t offset, uint64_t length) {
    const uint64_t first = offset / kPageSize;
    const uint64_t end = page_ceiling(offset + length) / kPageSize;
    if (tmpfs().has_room(end - first)) return length;
    account();
    uint64_t missing = 0;
    Vmo* vmo = vmo_if_any();
    for (uint64_t page = first; page < end; ++page)
        if (!vmo || !is_page_present(*vmo, page)) {
            ++missing;
            if (!tmpfs().has_room(missing)) return page == first ? 0 : page * kPageSize - offset;
        }
    return length;
}

Result<uint64_t> TmpfsRegular::prepare_write_locked(uint64_t offset, uint64_t length) {
    const uint64_t most = room_for(offset, length);
    if (most == 0) return fail(Error::NoSpace);
    return most;
}

void TmpfsRegular::content_written_locked(uint64_t end) {
    if (end > size()) size_.store(end, std::memory_order_release);
    account();
}

Status TmpfsRegular::allocate_locked(uint64_t offset, uint64_t length, bool keeps_size) {
    if (room_for(offset, length) < length) return fail(Error::NoSpace);
    Vmo* vmo = TRY(this->vmo());
    const uint64_t end = offset + length;
    const uint64_t old_end = vmo->size();
    // Pages beyond the end cannot be kept: the size is what the Vmo is cut to. So with keeps_size
    // only what is inside is made present, and the reservation beyond the end is left out.
    if (end > old_end && !keeps_size) TRY_VOID(vmo->set_size(end));
    for (uint64_t at = page_floor(offset); at < end && at < vmo->size(); at += kPageSize) {
        const Result<Page*> page = vmo->get_page(at / kPageSize, ForWrite::Yes);
        if (!page) {
            (void)vmo->set_size(old_end);
            account();
            return fail(page.error() == Error::NoMemory ? Error::NoSpace : page.error());
        }
        Vmo::release_page(*page);
        Thread::preemption_point();
    }
    if (!keeps_size && end > size()) size_.store(end, std::memory_order_release);
    account();
    return {};
}

Status TmpfsRegular::punch_locked(uint64_t offset, uint64_t length) {
    Vmo* vmo = vmo_if_any();
    if (!vmo || offset >= size()) return {};
    const uint64_t end = std::min(offset + length, size());
    const uint64_t first_whole = page_ceiling(offset);
    const uint64_t last_whole = end == size() ? page_ceiling(end) : page_floor(end);
    if (first_whole >= last_whole) return vmo->zero_range(offset, end - offset);
    if (offset < first_whole) TRY_VOID(vmo->zero_range(offset, first_whole - offset));
    if (last_whole < end) TRY_VOID(vmo->zero_range(last_whole, end - last_whole));
    vmo->decommit(first_whole, last_whole - first_whole);
    account();
    return {};
}

}  // namespace gyre
