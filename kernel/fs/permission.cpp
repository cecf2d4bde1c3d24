// SPDX-License-Identifier: MIT
//
// The checks of permission.h.
#include "kernel/fs/permission.h"

#include "kernel/fs/extended_attributes.h"
#include "kernel/linux/task.h"

namespace gyre::permission {

Status check(const Inode& inode, const Credentials& credentials, uint32_t want) {
    uint32_t mode = inode.mode();
    if (inode.uid() == credentials->filesystem_uid)
        mode >>= 6;
    else if (inode.gid() == credentials->filesystem_gid || credentials.is_in_group(inode.gid()))
        mode >>= 3;
    if ((want & ~mode & 7) == 0) return {};

    if (inode.is_directory()) {
        if (!(want & kWrite) && credentials.has(Capability::DacReadSearch)) return {};
        if (credentials.has(Capability::DacOverride)) return {};
        return fail(Error::AccessDenied);
    }
    if (want == kRead && credentials.has(Capability::DacReadSearch)) return {};
    // Nobody executes a file that has no execute bit at all.
    if ((!(want & kExecute) || (inode.mode() & 0111) != 0) &&
        credentials.has(Capability::DacOverride))
        return {};
    return fail(Error::AccessDenied);
}

bool is_owner_or_capable(const Inode& inode, const Credentials& credentials) {
    return inode.uid() == credentials->filesystem_uid || credentials.has(Capability::Fowner);
}

Status check_create(const Inode& directory, const Credentials& credentials) {
    if (directory.is_dead_directory()) return fail(Error::NotFound);
    return check(directory, credentials, kWrite | kExecute);
}

Status check_remove(const Inode& directory, const Inode& victim, bool wants_directory,
                    const Credentials& credentials) {
    TRY_VOID(check(directory, credentials, kWrite | kExecute));
    if ((directory.mode() & file_mode::kSticky) && victim.uid() != credentials->filesystem_uid &&
        directory.uid() != credentials->filesystem_uid && !credentials.has(Capability::Fowner))
        return fail(Error::NotPermitted);
    if (wants_directory && !victim.is_directory()) return fail(Error::NotDirectory);
    if (!wants_directory && victim.is_directory()) return fail(Error::IsDirectory);
    if (directory.is_dead_directory()) return fail(Error::NotFound);
    return {};
}

namespace {

void drop_mode_bits_locked(Inode& inode) {
    uint32_t mode = inode.mode() & ~file_mode::kSetUser;
    // Set-group-ID without group execute once meant mandatory locking and is left alone.
    if ((mode & 0010) != 0) mode &= ~file_mode::kSetGroup;
    inode.set_mode(mode);
}

void drop_capabilities_locked(Inode& inode) {
    if (AttributeList* attributes = inode.attributes(); attributes && !attributes->is_empty())
        (void)attributes->remove("security.capability");
}

}  // namespace

void drop_privileges_locked(Inode& inode) {
    drop_mode_bits_locked(inode);
    drop_capabilities_locked(inode);
}

void drop_privileges_on_write_locked(Inode& inode) {
    drop_capabilities_locked(inode);
    if (!(inode.mode() & (file_mode::kSetUser | file_mode::kSetGroup))) [[likely]]
        return;
    Thread& thread = Thread::current();
    if (thread.owner() && linux::Task::of(thread).credentials().has(Capability::Fsetid)) return;
    drop_mode_bits_locked(inode);
}

}  // namespace gyre::permission
