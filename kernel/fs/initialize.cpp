// SPDX-License-Identifier: MIT
//
// Bring-up of the file systems.
#include "kernel/fs/initialize.h"

#include <algorithm>

#include "boot/boot_info.h"
#include "kernel/driver/character_device.h"
#include "kernel/fs/devtmpfs.h"
#include "kernel/fs/mount.h"
#include "kernel/fs/names.h"
#include "kernel/fs/procfs/procfs.h"
#include "kernel/fs/tmpfs.h"
#include "kernel/log/log.h"
#include "kernel/log/panic.h"
#include "kernel/memory/memory.h"
#include "kernel/memory/page.h"

namespace gyre::fs {

namespace {

// ramfs is tmpfs without limits, and takes every option (Linux ignores those it does not know).
Result<Ref<Superblock>> make_ramfs(std::string_view, std::string_view) {
    TmpfsOptions options;
    options.mode = 0755;
    return Ref<Superblock>(TRY(TmpfsSuperblock::create("ramfs", options)));
}
constinit FilesystemType g_ramfs_type{"ramfs", false, &make_ramfs};

// What files may take of the memory, so that a full disk is ENOSPC and not the end of the program that filled it. More than the
// half that Linux gives a tmpfs: the root holds what was brought along.
uint64_t most_root_pages() {
    constexpr uint64_t kKernelNeeds = (uint64_t{6} << 20) / kPageSize;
    const uint64_t total = page_allocator::statistics().total_pages;
    return total - std::max(total / 8, std::min(total / 2, kKernelNeeds));
}

Status make_root() {
    TmpfsOptions options;
    options.mode = 0755;
    options.page_limit = most_root_pages();
    options.inode_limit = page_allocator::statistics().total_pages;   // of some hundred bytes each
    Ref<TmpfsSuperblock> superblock = TRY(TmpfsSuperblock::create("rootfs", options));
    const Ref<Dentry> root = superblock->root();
    // What the built-in initramfs of Linux holds: enough to give init a console.
    Ref<Dentry> dev =
        TRY(names::make_unchecked(*root, "dev", {file_mode::kDirectory | 0755, 0, 0}));
    TRY_VOID(names::make_unchecked(*dev, "console",
                                   {file_mode::kCharacter | 0600, 0, 0, make_device(5, 1)}));
    TRY_VOID(names::make_unchecked(*root, "root", {file_mode::kDirectory | 0700, 0, 0}));
    Ref<Mount> mount = TRY(Mount::create(std::move(superblock), root, 0, "rootfs"));
    set_initial_mount_namespace(TRY(MountNamespace::create(std::move(mount))));
    return {};
}

Status make_file_systems() {
    register_filesystem(tmpfs_type);
    register_filesystem(g_ramfs_type);
    procfs::initialize();
    TRY_VOID(make_root());
    TRY_VOID(devtmpfs::initialize());
    return driver::register_memory_devices();
}

}  // namespace

Path root() {
    return namespace_root();
}

void initialize(const BootInfo& boot_info) {
    if (const Status made = make_file_systems(); !made) panic("no root file system");
    const PhysicalRange& initramfs = boot_info.initramfs;
    if (initramfs.length == 0) {
        log_warning("fs: no initramfs");
        return;
    }
    const Status unpacked = unpack_initramfs(root(), {initramfs.start.direct(), initramfs.length});
    if (!unpacked)
        log_error("fs: the initramfs is not complete (error {})",
                  static_cast<int>(unpacked.error()));
    memory::reclaim_boot_range(initramfs.start, initramfs.length);
}

}  // namespace gyre::fs
