// SPDX-License-Identifier: MIT
//
// devpts; see devpts.h. Leaves out instances of their own (newinstance is accepted as it is on Linux where every mount is
// one, but all mounts here show the same slaves).
#include "kernel/tty/devpts.h"

#include <string_view>

#include "kernel/fs/inode.h"
#include "kernel/fs/lookup.h"
#include "kernel/fs/names.h"
#include "kernel/fs/superblock.h"
#include "kernel/fs/text.h"
#include "kernel/log/log.h"
#include "kernel/tty/pseudo_terminal.h"
#include "lib/base/format.h"

namespace gyre::tty {

namespace {
constexpr uint64_t kMagic = 0x1cd1;  // DEVPTS_SUPER_MAGIC
constexpr uint32_t kDefaultMode = 0600, kTtyGroup = 5;
constexpr uint64_t kPtmxDevice = make_device(5, 2);

class DevptsInode final : public Inode {
public:
    DevptsInode(Superblock& superblock, uint32_t mode, uint32_t uid, uint32_t gid)
        : Inode(superblock, superblock.next_inode_number(), mode, uid, gid) {}
};

class DevptsSuperblock final : public Superblock {
public:
    DevptsSuperblock() : Superblock("devpts", Entries::Cached) {}

    Status fill() {
        Ref<Inode> root = TRY(make_ref<DevptsInode>(*this, file_mode::kDirectory | 0755, 0u, 0u));
        root->add_links(2);
        set_root(TRY(Dentry::create(nullptr, "/", std::move(root))));
        return add("ptmx", file_mode::kCharacter | 0666, 0, 0, kPtmxDevice);
    }
    Status add(std::string_view name, uint32_t mode, uint32_t uid, uint32_t gid, uint64_t device) {
        Ref<Inode> inode = TRY(make_ref<DevptsInode>(*this, mode, uid, gid));
        inode->set_device(device);
        TRY_VOID(names::add_inode(*root(), name, std::move(inode)));
        return {};
    }
    Status add_slave(uint32_t number, std::string_view name, uint32_t uid) {
        return add(name, file_mode::kCharacter | mode_.load(std::memory_order_relaxed), uid,
                   gid_.load(std::memory_order_relaxed), make_device(PseudoTerminal::kSlaveMajor, number));
    }
    void statistics(FilesystemStatistics& statistics) override {
        statistics.magic = kMagic;
        statistics.identifier = device();
    }
    size_t options(std::span<char> buffer) const override {
        return format_to(buffer, ",gid={}", gid_.load(std::memory_order_relaxed));
    }
    // Of the slaves made from now on.
    Status remount(std::string_view options) override {
        while (!options.empty()) {
            std::string_view value = text::take_until(options, ',');
            const std::string_view name = text::take_until(value, '=');
            if (name == "mode")
                mode_.store(uint32_t(TRY(text::parse_octal(value))) & 0777, std::memory_order_relaxed);
            else if (name == "gid")
                gid_.store(uint32_t(TRY(text::parse_number(value))), std::memory_order_relaxed);
            else if (!name.empty() && name != "uid" && name != "ptmxmode" && name != "newinstance" && name != "max")
                return fail(Error::InvalidArgument);
        }
        return {};
    }

private:
    std::atomic<uint32_t> mode_{kDefaultMode}, gid_{kTtyGroup};
};

Ref<DevptsSuperblock> g_instance;

Result<Ref<Superblock>> mount_again(std::string_view, std::string_view options) {
    TRY_VOID(g_instance->remount(options));
    return Ref<Superblock>(g_instance);
}

constinit FilesystemType g_type{"devpts", false, &mount_again};

std::string_view name_of(uint32_t number, std::span<char> buffer) { return {buffer.data(), format_to(buffer, "{}", number)}; }
}  // namespace

Status start_devpts() {
    Ref<DevptsSuperblock> superblock = TRY(make_ref<DevptsSuperblock>());
    TRY_VOID(superblock->fill());
    superblock->add_mount();  // the tree stays when nothing shows it
    g_instance = std::move(superblock);
    register_filesystem(g_type);
    return {};
}

Status add_devpts_node(uint32_t number, uint32_t uid) {
    char buffer[16];
    return g_instance->add_slave(number, name_of(number, buffer), uid);
}

void remove_devpts_node(uint32_t number) {
    char buffer[16];
    auto entry = fetch_entry(*g_instance->root(), name_of(number, buffer));
    if (!entry) return;
    ReadGuard topology(g_instance->topology());
    MutexGuard entries(g_instance->root()->inode().entries_lock());
    if (const Status removed = names::remove_unchecked(**entry); !removed)
        log_warning("devpts: node {} stays (error {})", number, uint32_t(removed.error()));
}

}  // namespace gyre::tty
