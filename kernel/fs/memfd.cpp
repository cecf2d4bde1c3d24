// SPDX-License-Identifier: MIT
//
// See memfd.h. The files live in a tmpfs that is mounted nowhere.
#include "kernel/fs/memfd.h"

#include <cstring>

#include "kernel/fs/dentry.h"
#include "kernel/fs/inode_file.h"
#include "kernel/fs/mount.h"
#include "kernel/fs/tmpfs.h"

namespace gyre::memfd {
namespace {

constexpr uint32_t kAddSeals = 1033, kGetSeals = 1034;  // F_ADD_SEALS, F_GET_SEALS

class MemfdInode final : public TmpfsRegular {
public:
    MemfdInode(TmpfsSuperblock& superblock, uint32_t mode, uint32_t uid, uint32_t gid,
               uint32_t seals)
        : TmpfsRegular(superblock, mode, uid, gid), seals_(seals) {}

    Status set_size_locked(uint64_t size) override {
        if ((size < this->size() && has(kSealShrink)) || (size > this->size() && has(kSealGrow)))
            return fail(Error::NotPermitted);
        return TmpfsRegular::set_size_locked(size);
    }
    Result<uint64_t> prepare_write_locked(uint64_t offset, uint64_t length) override {
        if (has(kSealWrite | kSealFutureWrite) || (has(kSealGrow) && offset + length > size()))
            return fail(Error::NotPermitted);
        return TmpfsRegular::prepare_write_locked(offset, length);
    }
    Status allocate_locked(uint64_t offset, uint64_t length, bool keeps_size) override {
        if (has(kSealGrow) && offset + length > size()) return fail(Error::NotPermitted);
        return TmpfsRegular::allocate_locked(offset, length, keeps_size);
    }
    Status punch_locked(uint64_t offset, uint64_t length) override {
        if (has(kSealWrite | kSealFutureWrite)) return fail(Error::NotPermitted);
        return TmpfsRegular::punch_locked(offset, length);
    }
    Status prepare_mapping(bool is_shared, bool writes, Protection& most) override {
        MutexGuard guard(lock());
        if (!is_shared || !has(kSealWrite | kSealFutureWrite)) return {};
        if (writes) return fail(Error::NotPermitted);
        most = Protection(uint8_t(most) & ~uint8_t(Protection::Write));
        return {};
    }
    Result<long> control(File& file, uint32_t command, uintptr_t argument) override {
        switch (command) {
            case kAddSeals:
                TRY_VOID(add_seals(file, argument));
                return 0;
            case kGetSeals:
                return static_cast<long>(seals_.load(std::memory_order_acquire));
            default:
                return fail(Error::InvalidArgument);
        }
    }

private:
    bool has(uint32_t any_of) const {
        return (seals_.load(std::memory_order_acquire) & any_of) != 0;
    }

    Status add_seals(File& file, uint64_t wanted) {
        if (!file.can_write()) return fail(Error::NotPermitted);
        if (wanted & ~uint64_t{kAllSeals}) return fail(Error::InvalidArgument);
        MutexGuard guard(lock());
        if (has(kSealSeal)) return fail(Error::NotPermitted);
        if ((wanted & kSealWrite) && !has(kSealWrite))
            if (Vmo* vmo = vmo_if_any(); vmo && vmo->has_shared_writable_mapping())
                return fail(Error::Busy);
        seals_.fetch_or(static_cast<uint32_t>(wanted), std::memory_order_acq_rel);
        return {};
    }

    std::atomic<uint32_t> seals_;  // grows only, under lock()
};

// Taken with nothing else held, once in the life of the machine with something to do.
constinit Mutex g_place_lock{LockRank::ProcessTree};
Ref<Mount> g_mount;

Result<Ref<Mount>> hidden_mount() {
    MutexGuard guard(g_place_lock);
    if (!g_mount) {
        Ref<TmpfsSuperblock> superblock = TRY(TmpfsSuperblock::create("tmpfs", {}));
        Ref<Dentry> root = superblock->root();
        g_mount = TRY(Mount::create(std::move(superblock), std::move(root), 0, "tmpfs"));
    }
    return g_mount;
}

}  // namespace

Result<Ref<File>> create(std::string_view name, uint32_t initial_seals, uint32_t uid,
                         uint32_t gid) {
    constexpr std::string_view kPrefix = "memfd:";
    char full_name[kPrefix.size() + kMostNameBytes];
    std::memcpy(full_name, kPrefix.data(), kPrefix.size());
    std::memcpy(full_name + kPrefix.size(), name.data(), name.size());

    Ref<Mount> mount = TRY(hidden_mount());
    auto& superblock = static_cast<TmpfsSuperblock&>(mount->superblock());
    TRY_VOID(superblock.take_inode());
    Result<Ref<MemfdInode>> inode =
        make_ref<MemfdInode>(superblock, file_mode::kRegular | 0777u, uid, gid, initial_seals);
    if (!inode) {
        superblock.return_inode();
        return fail(inode.error());
    }
    Ref<Dentry> dentry = TRY(Dentry::create(
        &mount->root(), {full_name, kPrefix.size() + name.size()}, Ref<Inode>(std::move(*inode))));
    dentry->mark_removed();
    return Ref<File>(TRY(
        make_ref<InodeFile>(Path(std::move(mount), std::move(dentry)), open_flags::kReadWrite)));
}

}  // namespace gyre::memfd
