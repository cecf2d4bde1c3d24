// SPDX-License-Identifier: MIT
//
// The registry of character devices. Devices are never unregistered, so opening walks the list
// without a lock.
#include "kernel/driver/character_device.h"

#include <cstring>
#include <new>

#include "kernel/fs/dentry.h"
#include "kernel/fs/inode.h"
#include "kernel/fs/special_files.h"
#include "kernel/sync/mutex.h"

namespace gyre::driver {

namespace {

constexpr size_t kMostNodeName = 63;

struct Registration {
    uint32_t major, first_minor, count;
    OpenDevice open;
    void* argument;
    uint32_t mode, gid;
    char name[kMostNodeName + 1];
    bool has_node;
    Registration* next;

    bool holds(uint32_t wanted_major, uint32_t minor) const {
        return major == wanted_major && minor >= first_minor && minor - first_minor < count;
    }
};

// Changes hold the lock; it comes before those of the file system that the visitor takes.
constinit Mutex g_lock{LockRank::Exec};
constinit std::atomic<Registration*> g_first{nullptr};
constinit NodeVisitor g_visitor = nullptr;

Status add(const Registration& wanted) {
    MutexGuard guard(g_lock);
    for (Registration* at = g_first.load(std::memory_order_relaxed); at; at = at->next)
        if (at->major == wanted.major && at->first_minor < wanted.first_minor + wanted.count &&
            wanted.first_minor < at->first_minor + at->count &&
            (at->open != wanted.open ||
             at->argument != wanted.argument))  // else: another name of the same device
            return fail(Error::Exists);
    auto* made = new (std::nothrow) Registration(wanted);
    if (!made) return fail(Error::NoMemory);
    made->next = g_first.load(std::memory_order_relaxed);
    g_first.store(made, std::memory_order_release);
    if (made->has_node && g_visitor)
        return g_visitor(made->name, make_device(made->major, made->first_minor), made->mode,
                         made->gid);
    return {};
}

}  // namespace

Status register_character_device(uint32_t major, uint32_t minor, std::string_view name,
                                 uint32_t mode, OpenDevice open, void* argument, uint32_t gid) {
    if (name.size() > kMostNodeName) return fail(Error::NameTooLong);
    Registration wanted{major, minor, 1, open, argument, mode, gid, {}, true, nullptr};
    std::memcpy(wanted.name, name.data(), name.size());
    return add(wanted);
}

Status register_character_range(uint32_t major, uint32_t first_minor, uint32_t count,
                                OpenDevice open, void* argument) {
    return add({major, first_minor, count, open, argument, 0, 0, {}, false, nullptr});
}

Result<Ref<File>> open_character_device(const Path& path, uint32_t flags, uint64_t device) {
    const uint32_t major = device_major(device);
    const uint32_t minor = device_minor(device);
    for (const Registration* at = g_first.load(std::memory_order_acquire); at; at = at->next)
        if (at->holds(major, minor)) return at->open(path, flags, device, at->argument);
    return fail(Error::NoSuchAddress);
}

Status set_node_visitor(NodeVisitor visitor) {
    MutexGuard guard(g_lock);
    g_visitor = visitor;
    for (const Registration* at = g_first.load(std::memory_order_relaxed); at; at = at->next)
        if (at->has_node)
            TRY_VOID(visitor(at->name, make_device(at->major, at->first_minor), at->mode, at->gid));
    return {};
}

void for_each_character_major(void (*body)(uint32_t major, std::string_view name, void* argument),
                              void* argument) {
    // Majors are few, and each is said once: the least that is above the one before.
    for (int64_t last = -1;;) {
        const Registration* next = nullptr;
        for (const Registration* at = g_first.load(std::memory_order_acquire); at; at = at->next)
            if (int64_t{at->major} > last && at->has_node && (!next || at->major <= next->major))
                next = at;
        if (!next) return;
        body(next->major, next->name, argument);
        last = next->major;
    }
}

}  // namespace gyre::driver

namespace gyre {

// There are no block devices: their nodes can be made, but not opened.
Result<Ref<File>> open_device(const Path& path, uint32_t flags) {
    const Inode& inode = path.dentry->inode();
    if (inode.type() != file_mode::kCharacter) return fail(Error::NoSuchAddress);
    return driver::open_character_device(path, flags, inode.device());
}

}  // namespace gyre
