// SPDX-License-Identifier: MIT
//
// devtmpfs. Drivers' nodes come by the visitor of the device registry.
#include "kernel/fs/devtmpfs.h"

#include "kernel/driver/character_device.h"
#include "kernel/fs/lookup.h"
#include "kernel/fs/names.h"
#include "kernel/fs/tmpfs.h"

namespace gyre::devtmpfs {

namespace {

Ref<Superblock> g_instance;

Result<Ref<Superblock>> mount_again(std::string_view, std::string_view) {
    return g_instance;
}

constinit FilesystemType g_type{"devtmpfs", false, &mount_again};

Status make(std::string_view name, const NewNode& node) {
    TRY_VOID(names::make_unchecked(*g_instance->root(), name, node));
    return {};
}

Status visit(std::string_view name, uint64_t device, uint32_t mode, uint32_t gid) {
    return make_node(name, device, mode, gid);
}

struct Link {
    const char* name;
    const char* target;
};
constexpr Link kLinks[] = {
    {"fd", "/proc/self/fd"},       {"stdin", "/proc/self/fd/0"}, {"stdout", "/proc/self/fd/1"},
    {"stderr", "/proc/self/fd/2"}, {"core", "/proc/kcore"},
};

}  // namespace

Status initialize() {
    TmpfsOptions options;
    options.mode = 0755;
    Ref<TmpfsSuperblock> superblock = TRY(TmpfsSuperblock::create("devtmpfs", options));
    // The instance stays when nothing shows it: a mount that is not there keeps its tree from being
    // thrown away.
    superblock->add_mount();
    g_instance = std::move(superblock);
    for (const Link& link : kLinks)
        TRY_VOID(make_link(link.name, link.target));
    TRY_VOID(make_directory("pts", 0755));
    TRY_VOID(make_directory("shm", 01777));
    register_filesystem(g_type);
    return driver::set_node_visitor(&visit);
}

const Ref<Superblock>& instance() {
    return g_instance;
}

Status make_node(std::string_view name, uint64_t device, uint32_t mode, uint32_t gid) {
    const NewNode node{file_mode::kCharacter | mode, 0, gid, device};
    const size_t slash = name.find('/');
    if (slash == std::string_view::npos) return make(name, node);
    const std::string_view folder = name.substr(0, slash);
    const Status made = make_directory(folder, 0755);
    if (!made && made.error() != Error::Exists) return made;
    Ref<Dentry> parent = TRY(fetch_entry(*g_instance->root(), folder));
    TRY_VOID(names::make_unchecked(*parent, name.substr(slash + 1), node));
    return {};
}

Status make_link(std::string_view name, std::string_view target) {
    return make(name, {file_mode::kSymlink | 0777, 0, 0, 0, target});
}

Status make_directory(std::string_view name, uint32_t mode) {
    return make(name, {file_mode::kDirectory | mode, 0, 0});
}

Status remove_node(std::string_view name) {
    Dentry& root = *g_instance->root();
    Ref<Dentry> entry = TRY(fetch_entry(root, name));
    ReadGuard topology(g_instance->topology());
    MutexGuard entries(root.inode().entries_lock());
    return names::remove_unchecked(*entry);
}

}  // namespace gyre::devtmpfs
