// SPDX-License-Identifier: MIT
//
// Superblock and the registry of file-system kinds.
#include "kernel/fs/superblock.h"

#include "kernel/fs/dentry.h"

namespace gyre {

namespace {
// Device numbers of file systems without a device: major 0, minors counted up (unnamed devices).
std::atomic<uint32_t> next_minor{1};
FilesystemType* types = nullptr;
}  // namespace

Superblock::Superblock(const char* type_name, Entries entries)
    : type_name_(type_name),
      entries_(entries),
      device_(make_device(0, next_minor.fetch_add(1, std::memory_order_relaxed))) {}

Superblock::~Superblock() = default;

size_t Superblock::options(std::span<char>) const {
    return 0;
}

Status Superblock::remount(std::string_view options) {
    if (!options.empty()) return fail(Error::InvalidArgument);
    return {};
}

void Superblock::release_tree() {
    // Inodes keep their superblock and the superblock its root: the circle is opened here.
    if (Ref<Dentry> root = std::move(root_)) DentryCache::remove_tree(*root);
}

void register_filesystem(FilesystemType& type) {
    FilesystemType** end = &types;
    while (*end)
        end = &(*end)->next;
    *end = &type;
}

FilesystemType* find_filesystem(std::string_view name) {
    for (FilesystemType* type = types; type; type = type->next)
        if (name == type->name) return type;
    return nullptr;
}

FilesystemType* first_filesystem() {
    return types;
}

}  // namespace gyre
