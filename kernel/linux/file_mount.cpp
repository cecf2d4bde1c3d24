// SPDX-License-Identifier: MIT
//
// mount(2), umount2(2). There is one namespace, so of the propagation types only "private" means
// anything; shared and slave mounts are refused. pivot_root(2): a rootfs itself cannot be
// pivoted, as on Linux (MS_MOVE and chroot are what initramfs use).
#include <new>
#include <utility>

#include "call_handlers.h"
#include "kernel/fs/mount.h"
#include "kernel/linux/file_paths.h"

namespace gyre::linux {

namespace {

// MS_* that are operations or hints.
constexpr uint64_t kRemount = 32, kBind = 4096, kMove = 8192, kRecursive = 16384, kSilent = 32768,
                   kPrivate = 1 << 18, kOtherPropagation = (1 << 17) | (1 << 19) | (1 << 20),
                   kSynchronous = 16, kDirectorySync = 128, kMagic = 0xc0ed'0000,
                   kMagicMask = 0xffff'0000, kLazyTime = 1 << 25, kVersion = 1 << 23,
                   kMandatoryLocks = 64, kNoSymlinkFollow = 256;
constexpr uint64_t kKnown = mount_flags::kKept | kRemount | kBind | kMove | kRecursive | kSilent |
                            kPrivate | kOtherPropagation | kSynchronous | kDirectorySync |
                            kLazyTime | kVersion | kMandatoryLocks;

constexpr size_t kMostOptionBytes = 4096;

// The bytes up to a zero; a page of them at most, and fewer when memory ends before (as Linux
// copies mount options).
class MountText {
public:
    ~MountText() { delete[] bytes_; }
    Status read(uintptr_t from) {
        if (from == 0) return {};
        bytes_ = new (std::nothrow) char[kMostOptionBytes];
        if (!bytes_) return fail(Error::NoMemory);
        const Result<size_t> length = user_memory::copy_string_in(bytes_, from, kMostOptionBytes);
        if (!length)
            return fail(length.error() == Error::NameTooLong ? Error::InvalidArgument
                                                             : length.error());
        length_ = *length;
        return {};
    }
    std::string_view view() const { return {bytes_, length_}; }
    bool is_given() const { return bytes_ != nullptr; }

private:
    char* bytes_ = nullptr;
    size_t length_ = 0;
};

bool is_mount_root(const Path& place) {
    return &place.mount->root() == place.dentry.get();
}

Status remount(const Path& target, uint64_t flags, std::string_view options) {
    if (!is_mount_root(target)) return fail(Error::InvalidArgument);
    if (!(flags & kBind)) {
        WriterCount& writers = target.mount->superblock().writers();
        const bool was_read_only = writers.is_read_only(), will_be = (flags & mount_flags::kReadOnly) != 0;
        if (will_be && !writers.set_read_only()) return fail(Error::Busy);
        if (will_be && !was_read_only && target.mount->superblock().has_orphans()) {
            writers.set_writable();
            return fail(Error::Busy);
        }
        const Status changed = target.mount->superblock().remount(options);
        if (changed ? !will_be : !was_read_only) writers.set_writable();
        TRY_VOID(Status(changed));
    }
    return target.mount->set_flags(static_cast<uint32_t>(flags) & mount_flags::kKept);
}

// Where a bind or a move comes from. Errors: InvalidArgument without a name, and as path_resolution(7).
Result<Path> find_source(CallContext& context, const MountText& source) {
    if (source.view().empty()) return fail(Error::InvalidArgument);
    PathText text;
    TRY_VOID(text.set(source.view()));
    const LookupContext view = TRY(lookup_context(context, abi::kAtWorkingDirectory, text));
    return look_up(view, text, LookupFlag::Follow);
}

Status bind(CallContext& context, const MountText& source, const Path& target, bool is_recursive) {
    const Path place = TRY(find_source(context, source));
    if (place.dentry->inode().is_directory() != target.dentry->inode().is_directory())
        return fail(Error::NotDirectory);
    return initial_mount_namespace()->bind(place, target, is_recursive);
}

Status move(CallContext& context, const MountText& source, const Path& target) {
    const Path place = TRY(find_source(context, source));
    if (!is_mount_root(place)) return fail(Error::InvalidArgument);
    if (place.dentry->inode().is_directory() != target.dentry->inode().is_directory())
        return fail(Error::InvalidArgument);
    return initial_mount_namespace()->move(*place.mount, target);
}

// The instance counts as mounted until the mount itself counts: one that comes to nothing lets its tree go.
class HeldInstance {
public:
    explicit HeldInstance(Ref<Superblock> superblock) : superblock_(std::move(superblock)) { superblock_->add_mount(); }
    ~HeldInstance() {
        if (superblock_->drop_mount()) superblock_->release_tree();
    }
    HeldInstance(const HeldInstance&) = delete;
    HeldInstance& operator=(const HeldInstance&) = delete;

private:
    Ref<Superblock> superblock_;
};

Status mount_new(const MountText& source, const Path& target, const MountText& type, uint64_t flags,
                 std::string_view options) {
    if (!type.is_given()) return fail(Error::InvalidArgument);
    FilesystemType* kind = find_filesystem(type.view());
    if (!kind) return fail(Error::NoDevice);
    if (!target.dentry->inode().is_directory()) return fail(Error::NotDirectory);
    Ref<Superblock> superblock = TRY(kind->make(source.view(), options));
    const HeldInstance held(superblock);
    // A tree that every mount of its kind shows (devtmpfs) may be there already.
    if (is_mount_root(target) && target.mount->superblock().root() == superblock->root())
        return fail(Error::Busy);
    const Ref<Dentry> root = superblock->root();
    Ref<Mount> mount =
        TRY(Mount::create(std::move(superblock), root, static_cast<uint32_t>(flags),
                          source.is_given() ? source.view() : std::string_view("none")));
    return initial_mount_namespace()->attach(mount, target);
}

}  // namespace

CallResult sys_mount(CallContext& context, UserString source, UserString target, UserString type,
                     uint64_t flags, UserIn<std::byte> data) {
    if ((flags & kMagicMask) == kMagic) flags &= ~kMagicMask;  // what the oldest programs put there
    // All strings are copied before anybody looks for the place (mount(2), EFAULT).
    MountText type_name, source_name, options;
    TRY_VOID(type_name.read(type.address()));
    TRY_VOID(source_name.read(source.address()));
    const bool takes_options =
        !(flags & (kBind | kMove | kPrivate | kOtherPropagation)) || (flags & kRemount);
    if (takes_options) TRY_VOID(options.read(data.address()));
    const Path place =
        TRY(find_place(context, abi::kAtWorkingDirectory, target, LookupFlag::Follow));
    if (!context.credentials().has(Capability::SysAdmin)) return fail(Error::NotPermitted);
    if (flags & (~kKnown | kNoSymlinkFollow)) return fail(Error::InvalidArgument);
    if (flags & kRemount) {
        TRY_VOID(remount(place, flags, options.view()));
    } else if (flags & kBind) {
        TRY_VOID(bind(context, source_name, place, (flags & kRecursive) != 0));
    } else if (flags & (kPrivate | kOtherPropagation)) {
        if (flags & ~(kPrivate | kRecursive | kSilent)) return fail(Error::InvalidArgument);
        if (!is_mount_root(place)) return fail(Error::InvalidArgument);
    } else if (flags & kMove) {
        TRY_VOID(move(context, source_name, place));
    } else {
        TRY_VOID(mount_new(source_name, place, type_name, flags, options.view()));
    }
    return 0;
}

CallResult sys_umount2(CallContext& context, UserString target, int flags) {
    constexpr int kForce = 1, kDetach = 2, kNoFollow = 8;
    if (flags & ~(kForce | kDetach | kNoFollow)) {
        return fail(Error::InvalidArgument);
    }
    Path place = TRY(find_place(context, abi::kAtWorkingDirectory, target,
                                follow_unless((flags & kNoFollow) != 0)));
    if (!context.credentials().has(Capability::SysAdmin)) return fail(Error::NotPermitted);
    if (!is_mount_root(place)) return fail(Error::InvalidArgument);
    place.dentry.reset();
    if (flags & kDetach)
        TRY_VOID(initial_mount_namespace()->detach_tree(*place.mount));
    else
        TRY_VOID(initial_mount_namespace()->detach(*place.mount, false));
    return 0;
}

CallResult sys_pivot_root(CallContext& context, UserString new_root, UserString put_old) {
    if (!context.credentials().has(Capability::SysAdmin)) return fail(Error::NotPermitted);
    constexpr LookupFlag kFolder = LookupFlag::Follow | LookupFlag::MustBeDirectory;
    const Path fresh = TRY(find_place(context, abi::kAtWorkingDirectory, new_root, kFolder));
    const Path place = TRY(find_place(context, abi::kAtWorkingDirectory, put_old, kFolder));
    const Path old = context.filesystem().root();
    // Being the same mount is told before not being the root of one.
    if (fresh.mount.get() != old.mount.get() && place.mount.get() != old.mount.get() &&
        (!is_mount_root(old) || !is_mount_root(fresh)))
        return fail(Error::InvalidArgument);
    TRY_VOID(initial_mount_namespace()->pivot(*old.mount, *fresh.mount, place));
    // Whoever stood at the old root stands at the new one (pivot_root(2)).
    const PidNamespace& pids = context.process.pid_namespace();
    for (Ref<Process> process = pids.next_process(1); process; process = pids.next_process(process->pid() + 1))
        for (Ref<Task> task = process->next_task(1); task; task = process->next_task(task->tid() + 1))
            if (const Ref<FilesystemContext> places = task->filesystem_reference()) places->replace(old, fresh);
    return 0;
}

}  // namespace gyre::linux
